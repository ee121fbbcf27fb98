"""What is left of a killed session is ended, and nothing else is."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from constructs_lib.local.leftovers import end_leftovers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# A leader that starts a worker in its group and ends, as a killed server does.
LEADER = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; print('at work', flush=True); time.sleep(60)"])
"""


class Group:
    """A process group whose leader is dead."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.leader = subprocess.Popen(
            [sys.executable, "-c", LEADER], env=environment, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self.leader.stdout is not None
        self._output = self.leader.stdout
        assert self._output.readline() == b"at work\n"
        self.leader.wait()

    def is_at_work(self, seconds: float) -> bool:
        """Whether a process of it still lives after so many seconds: it holds the output open."""
        return not select.select([self._output], [], [], seconds)[0]

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.leader.pid, signal.SIGKILL)
        self._output.close()


@pytest.fixture
def group() -> Iterator[Callable[..., Group]]:
    groups: list[Group] = []

    def start(**environment: object) -> Group:
        groups.append(Group({name: str(value) for name, value in environment.items()}))
        return groups[-1]

    yield start
    for started in groups:
        started.end()


@pytest.mark.parametrize("variable", ["HOME", "TMPDIR"])
@pytest.mark.parametrize("below", ["", "tmp/lambda-1"])
def test_ends_what_the_server_started(group: Callable[..., Group], tmp_path: Path, variable: str, below: str) -> None:
    left = group(PATH=os.defpath, **{variable: tmp_path / below})
    end_leftovers(left.leader.pid, tmp_path)
    assert not left.is_at_work(10)


def test_ends_the_cdk_cli_that_was_running(group: Callable[..., Group], tmp_path: Path) -> None:
    cli = group(HOME=tmp_path)
    tmp_path.joinpath("deploy.pid").write_text(str(cli.leader.pid))
    end_leftovers(os.getpid(), tmp_path)
    assert not cli.is_at_work(10)


def test_ends_no_program_that_has_a_process_id_of_the_session_by_now(
    group: Callable[..., Group], tmp_path: Path
) -> None:
    server = group(HOME=f"{tmp_path}-2", AWS_CA_BUNDLE=tmp_path / "tmp" / "server.crt")
    cli = group(HOME="/")
    tmp_path.joinpath("deploy.pid").write_text(str(cli.leader.pid))
    end_leftovers(server.leader.pid, tmp_path)
    assert server.is_at_work(0.2)
    assert cli.is_at_work(0)


def test_ends_nothing_that_works_in_the_folder_but_is_not_in_the_session(
    group: Callable[..., Group], tmp_path: Path
) -> None:
    other = group(HOME=tmp_path)
    tmp_path.joinpath("deploy.pid").write_text("not a number")
    end_leftovers(os.getpid(), tmp_path)
    assert other.is_at_work(0.2)
