"""What several test modules share: the CDK CLI and one embedded AWS a session."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from constructs_lib.local import LocalCloud

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def cdk_cli() -> Path:
    """The pinned CDK CLI of the checkout, or the one on PATH."""
    found = shutil.which("cdk", path=os.pathsep.join([str(ROOT / "node_modules" / ".bin"), os.environ["PATH"]]))
    assert found is not None, "the CDK CLI is missing: run the tests by `make test`"
    return Path(found)


@pytest.fixture(scope="session")
def cloud() -> Iterator[LocalCloud]:
    """An embedded AWS of the session's: keep to a stack, a bucket or a prefix of your own in it."""
    with LocalCloud.start() as cloud:
        yield cloud
