"""What the API refuses because of what was asked for, in a line of ours: what was given, what is allowed, the fix."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def told(**messages: str) -> Iterator[None]:
    """Raise `UsageError` with the message of an error's name when the API answers with it, as in `InvalidArn="…"`."""
    from botocore.exceptions import ClientError

    from constructs_lib.local.errors import UsageError

    try:
        yield
    except ClientError as error:
        message = messages.get(error.response["Error"]["Code"])
        if message is None:
            raise
        raise UsageError(message) from None
