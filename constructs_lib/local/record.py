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
from constructs_lib.local.folders import is_session_folder, remove_folder
from constructs_lib.local.leftovers import end_leftovers
from constructs_lib.local.session import end_process_group

if TYPE_CHECKING:
    from collections.abc import Iterator

UP = "python -m constructs_lib.local up --app cdk.out"
DOWN = "python -m constructs_lib.local down"
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
        raise UsageError(f"A local cloud {where}. Fix: stop it first with `{DOWN}`.")
    try:
        left = _read(path)
        if left is not None:
            _clear_away(left)
            os.ftruncate(descriptor, 0)
        yield Claim(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def running_session() -> Session:
    """Return the session that `up` left running; raises `UsageError` when there is none, or it was killed."""
    is_dead = _is_free()
    session = _read(state_file())
    if session is None:
        raise UsageError(f"No local cloud is running. Fix: {UP}")
    if is_dead:
        raise UsageError(f"The embedded AWS ended (process {session.pid}). Fix: {DOWN}, then {UP}")
    return session


def stop_session() -> Session:
    """End the running session's processes, remove its folder and its record, and return what it was."""
    session = running_session()
    try:
        end_process_group(session.pid, _is_free)
    finally:
        is_own = not _has_foreign_folder(session)
        if is_own:
            remove_folder(Path(session.folder))
        # Removed under its lock: a new `up` may hold it by now, and then it is the new one's.
        with contextlib.suppress(FileNotFoundError):
            descriptor = _lock(state_file(), fcntl.LOCK_EX)
            if descriptor is not None:
                state_file().unlink()
                os.close(descriptor)
    if not is_own:
        raise _foreign_folder(session)
    return session


def clear_dead_session() -> Session | None:
    """End and remove what a session left whose server was killed, and return what it was; None: there is none.

    Raises `LocalCloudError`, after all else is done, for a folder that isn't the session's own: that one stays.
    """
    path = state_file()
    with _one_line(path):
        try:
            descriptor = _lock(path, fcntl.LOCK_EX)
        except FileNotFoundError:
            return None
    if descriptor is None:  # it lives
        return None
    try:
        session = _read(path)
        if session is None:
            return None
        is_own = _clear_away(session)
        path.unlink()
    finally:
        os.close(descriptor)
    if not is_own:
        raise _foreign_folder(session)
    return session


def _clear_away(dead: Session) -> bool:
    """End and remove what a killed session left; return False when its folder isn't its own, and nothing was done."""
    if _has_foreign_folder(dead):
        return False
    end_leftovers(dead.pid, Path(dead.folder))
    remove_folder(Path(dead.folder))
    return True


def _has_foreign_folder(session: Session) -> bool:
    folder = Path(session.folder)
    return folder.exists() and not is_session_folder(folder, session.pid)


def _foreign_folder(session: Session) -> LocalCloudError:
    return LocalCloudError(
        f"The folder {session.folder!r} stays: it isn't the local cloud's that was process {session.pid}, although "
        "the record said so. Fix: look at it, and remove it yourself if nobody needs it."
    )


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
