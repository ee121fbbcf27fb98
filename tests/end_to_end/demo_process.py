"""A demo as a newcomer runs it, in a process of its own: what it prints, and what it leaves behind (nothing)."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil

from demo.synthesis import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 240


def start(tmp: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a demo with a temporary folder that only it uses."""
    (tmp / "tmp").mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "demo", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def assert_nothing_left(tmp: Path) -> None:
    """Neither a file in the temporary folder, nor a process that knows of it."""
    assert list((tmp / "tmp").iterdir()) == []
    left = []
    for process in psutil.process_iter():
        try:
            if str(tmp) in " ".join(process.environ().values()) and process.pid != os.getpid():
                left.append(process.cmdline())
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
    assert left == []
