"""What an alarm or its target goes by, and how an unknown name is refused: with those that look like it."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from constructs_lib.assembly import Stack

_MOST = 3


def unknown(what: str, given: str, allowed: Iterable[str]) -> ValueError:
    """Return the error to raise; `what` is such as `the alarm`."""
    names = sorted(set(allowed))
    close = difflib.get_close_matches(given, names, n=_MOST, cutoff=0.5) or names[:_MOST]
    more = len(names) - len(close)
    shown = ", ".join(close) + (f" or {more} more" if more else "") if names else "there is none"
    return ValueError(f"{what} {given!r} is unknown; allowed: {shown}")


def path_of(stack: Stack, logical_id: str) -> str:
    """Return the path of the construct behind a resource, or `<stack>.<logical id>` where the template has none."""
    path = stack.resources()[logical_id].get("Metadata", {}).get("aws:cdk:path")
    return f"{stack.id}.{logical_id}" if path is None else str(path).removesuffix("/Resource")


def goes_by(name: str, stack: Stack, logical_id: str) -> bool:
    """Whether a resource goes by `name`: its path, the end of it, or its logical id, with CDK's hash or without it."""
    path = path_of(stack, logical_id)
    ids = {logical_id, re.sub("[0-9A-F]{8}$", "", logical_id)}
    with_stack = {f"{each}.{one}" for each in (stack.id, stack.name) for one in ids}
    return name in ids | with_stack | {path} or path.endswith(f"/{name}")
