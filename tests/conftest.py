"""What several test modules share: the CDK CLI and one embedded AWS a session; and a collection that doesn't dawdle."""

from __future__ import annotations

import gc
import os
import re
import shutil
import signal
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from constructs_lib.local import LocalCloud

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from syrupy.assertion import SnapshotAssertion

ROOT = Path(__file__).resolve().parents[1]

# No app of this process has CDK's template validation, which takes a second; one test of the whole app has it. Set
# before jsii's Node starts. (The keyword of App's that does it is younger than the lowest aws-cdk-lib promised.)
os.environ["CDK_VALIDATION"] = "false"


def pytest_configure() -> None:
    """Forget what the caller's terminal is like: its width, and that Ctrl-C does nothing.

    GNU readline tells the width to the processes of pytest-xdist. A shell starts what runs in its background deaf to
    Ctrl-C, which every process of a test would inherit.
    """
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without looking for garbage: what is imported stays, and a quarter of the time went into that."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Syrupy's, at the locked aws-cdk-lib: another version's templates differ in what CDK adds by itself."""
    locked = re.findall(r'name = "aws-cdk-lib"\nversion = "(.*)"', (ROOT / "uv.lock").read_text())
    if [version("aws-cdk-lib")] != locked:
        pytest.skip(f"snapshots are of aws-cdk-lib {', '.join(locked)}; this is {version('aws-cdk-lib')}")
    return snapshot


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
