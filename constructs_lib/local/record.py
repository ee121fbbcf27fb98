"""The session that `up` left running: a file by which `start` and `down` find it, one a user.

The server holds a lock on the file as long as it lives (it inherits the open descriptor). So whether a session is
running is asked of the lock, never of a process id that may have been reused, and of two `up`s only one wins. The file
is `$XDG_STATE_HOME/step-functions-at-scale/local-cloud.json` (`~/.local/state/…` without the variable).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_lib.local.deploy import DeployedStack
from constructs_lib.local.endpoint import Endpoint
from constructs_lib.local.errors import LocalCloudError, UsageError
from constructs_lib.local.folders import remove_folder
from constructs_lib.local.session import end_process_group

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE = 1.0  # seconds: another command may be looking at the lock, or a server ending, just now


@dataclass(frozen=True)
class Session:
    """What `up` started. `pid` leads the server's process group; `stacks` is empty until they are deployed."""

    url: str
    certificate: str
    folder: str
    pid: int
    stacks: tuple[DeployedStack, ...] = ()

    @property
    def endpoint(self) -> Endpoint:
        """Where the session answers."""
        return Endpoint(self.url, Path(self.certificate))


@dataclass(frozen=True)
class Claim:
    """The locked file of a session that is being started; `descriptor` is for the server to inherit."""

    descriptor: int

    def write(self, session: Session) -> None:
        """Write the session down."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, json.dumps(asdict(session), indent=2).encode(), 0)


def state_file() -> Path:
    """Return where the session is written down."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "step-functions-at-scale" / "local-cloud.json"


@contextlib.contextmanager
def claim() -> Iterator[Claim]:
    """Lock the file for a new session, after clearing away what a dead one left; remove it when the block fails.

    Raises `UsageError` when a session is running.
    """
    path = state_file()
    with _one_line(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + _PATIENCE
        while (descriptor := _lock(path, fcntl.LOCK_EX, os.O_CREAT)) is None and time.monotonic() < deadline:
            time.sleep(0.02)
    if descriptor is None:
        session = _read(path)
        where = "is starting" if session is None else f"is running at {session.url} (process {session.pid})"
        raise UsageError(f"A local cloud {where}. Fix: stop it first with `python -m constructs_lib.local down`.")
    try:
        left = _read(path)
        if left is not None:
            remove_folder(Path(left.folder))
        yield Claim(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def running_session() -> Session:
    """Return the session that `up` left running; raises `UsageError` when there is none."""
    session = None if _is_free() else _read(state_file())
    if session is None:
        raise UsageError("No local cloud is running. Fix: python -m constructs_lib.local up --app cdk.out")
    return session


def stop_session() -> Session:
    """End the running session's processes, remove its folder and its record, and return what it was."""
    session = running_session()
    try:
        end_process_group(session.pid, _is_free)
    finally:
        remove_folder(Path(session.folder))
        # Removed under its lock: a new `up` may hold it by now, and then it is the new one's.
        with contextlib.suppress(FileNotFoundError):
            descriptor = _lock(state_file(), fcntl.LOCK_EX)
            if descriptor is not None:
                state_file().unlink()
                os.close(descriptor)
    return session


def _is_free() -> bool:
    """Return whether no live process holds the file."""
    path = state_file()
    with _one_line(path):
        try:
            descriptor = _lock(path, fcntl.LOCK_SH)
        except FileNotFoundError:
            return True
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def _lock(path: Path, mode: int, flags: int = 0) -> int | None:
    """Open and lock the file; None when another holds it, or removed it while it was being locked."""
    descriptor = os.open(path, os.O_RDWR | flags, 0o600)
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _read(path: Path) -> Session | None:
    """Return the session written down; None when nothing is, or when its writer was killed half-way."""
    try:
        written = json.loads(path.read_text("utf-8"))
        return Session(**written | {"stacks": tuple(DeployedStack(**stack) for stack in written["stacks"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


@contextlib.contextmanager
def _one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        fix = "Fix: set XDG_STATE_HOME to a folder of yours."
        raise LocalCloudError(f"The state file {str(path)!r} can't be used ({error.strerror}). {fix}") from None
