"""What is left of somebody else's program when whoever ran it is gone."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from constructs_lib.local.tools import end_tool, run_tool

if TYPE_CHECKING:
    from pathlib import Path


def test_writes_the_process_id_while_the_program_runs_and_removes_it(tmp_path: Path) -> None:
    pid_file = tmp_path / "tool.pid"
    seen = []
    program = "import os; print(os.getpid())"

    code = run_tool(
        [sys.executable, "-c", program],
        tmp_path,
        os.environ,
        lambda line: seen.append((line, pid_file.read_text())),
        pid_file=pid_file,
    )

    assert code == 0
    (line, written), *others = seen
    assert (line, others) == (written, [])
    assert not pid_file.exists()


def test_leaves_no_file_and_no_process_when_the_caller_gives_up(tmp_path: Path) -> None:
    pid_file = tmp_path / "tool.pid"
    pids = []

    def give_up(line: str) -> None:
        pids.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tool(["sh", "-c", "echo $$; sleep 600"], tmp_path, os.environ, give_up, pid_file=pid_file)

    assert not pid_file.exists()
    assert not psutil.pid_exists(pids[0])


def test_ends_the_program_and_what_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "tool.pid"
    started: list[psutil.Process] = []

    def end(line: str) -> None:
        started.append(psutil.Process(int(line)))
        end_tool(pid_file)

    code = run_tool(["sh", "-c", "sleep 600 & echo $!; wait"], tmp_path, os.environ, end, pid_file=pid_file)

    assert code < 0
    deadline = time.monotonic() + 10
    while started[0].is_running() and started[0].status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("content", [None, "", "not a number"])
def test_ends_nothing_without_a_process_id(tmp_path: Path, content: str | None) -> None:
    pid_file = tmp_path / "tool.pid"
    if content is not None:
        pid_file.write_text(content)

    end_tool(pid_file)
