"""Runs somebody else's program to its end, such as the CDK CLI."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


def run_tool(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    on_line: Callable[[str], None],
    *,
    pid_file: Path | None = None,
) -> int:
    """Run a program in `folder` and return its exit code; `on_line` is called with each line that it prints.

    It has a process group of its own, so that Ctrl-C, and whatever else `on_line` raises, leaves nothing of it behind.
    As long as it runs, `pid_file` has its process id, by which `end_tool` ends it when this process was killed.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        if pid_file is not None:
            pid_file.write_text(str(process.pid))
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        with process.stdout:
            for line in process.stdout:
                on_line(line.rstrip())
        return process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        if pid_file is not None:
            pid_file.unlink(missing_ok=True)


def end_tool(pid_file: Path) -> None:
    """End the program whose process id is in `pid_file`, with all that it started; without that file, do nothing."""
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError, PermissionError):
        os.killpg(int(pid_file.read_text()), signal.SIGKILL)
