"""The processes that a session leaves when its server is killed: Lambda workers in its group, and a CDK CLI.

They are found by their process groups, and ended only if one of the group was started with its home or its temporary
folder in the session's: a process id alone may be another program's by now.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_lib.local.folders import DEPLOY_PID_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator


def end_leftovers(server: int, folder: Path) -> None:
    """End what is left of the session in `folder`, whose server, now dead, had the process id `server`."""
    groups = {server}
    with contextlib.suppress(OSError, ValueError):
        groups.add(int(folder.joinpath(DEPLOY_PID_FILE).read_text()))
    ours = re.compile(rf"(^|[\0 ])(HOME|TMPDIR)={re.escape(str(folder))}(/|[\0 ]|$)")
    for group in {group for group, environment in _processes(groups) if ours.search(environment)}:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def _processes(groups: set[int]) -> Iterator[tuple[int, str]]:
    """The process group, one of these, and the environment of each process of this user."""
    if sys.platform != "linux":
        yield from _listed_processes(groups)
        return
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile, or somebody else's
            group = os.getpgid(int(process.name))
            if group in groups:
                yield group, process.joinpath("environ").read_text("utf-8", "surrogateescape")


def _listed_processes(groups: set[int]) -> Iterator[tuple[int, str]]:
    """The same from `ps` with the options of macOS, whose manual page they are from."""
    listed = subprocess.run(
        ["/bin/ps", "-A", "-E", "-ww", "-o", "pgid=", "-o", "command="], capture_output=True, text=True, check=False
    ).stdout
    for line in listed.splitlines():
        group, _, environment = line.strip().partition(" ")
        if int(group) in groups:
            yield int(group), environment
