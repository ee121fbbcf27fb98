"""SIGKILL at any moment: it is said, the next `up` works, and `down` leaves no process, file or port behind."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.constructs_lib.local.conftest import write_cli

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.local

PROGRAM = [sys.executable, "-m", "constructs_lib.local"]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the session's record; temporary folders are made in one of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    return tmp_path / "state"


@pytest.fixture
def slow_cdk(tmp_path: Path, cdk_cli: Path) -> Path:
    """The CDK CLI, which says that it was started and takes a second longer."""
    return write_cli(
        tmp_path,
        f"""
        open({str(tmp_path / "deploying")!r}, "w").close()
        time.sleep(1)
        os.execv({str(cdk_cli)!r}, [{str(cdk_cli)!r}, *sys.argv[1:]])
        """,
    )


def record(state: Path) -> dict[str, object] | None:
    try:
        found: dict[str, object] = json.loads(next(state.rglob("*.json")).read_text())
    except (StopIteration, ValueError):
        return None
    return found


def processes_below(folder: Path) -> list[psutil.Process]:
    """Every process that works for a cloud whose folder is in `folder`: servers, Lambda workers, CDK CLIs."""
    found = []
    for process in psutil.process_iter():
        try:
            named = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        is_ours = process.pid in {os.getpid(), os.getppid()}
        if not is_ours and any(str(folder / "tmp" / "local-aws-") in text for text in named):
            found.append(process)
    return found


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def assert_up_and_down_work(state: Path, tmp_path: Path, *app: str) -> None:
    again = subprocess.run([*PROGRAM, "up", *app], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    running = record(state)
    assert running is not None
    stopped = subprocess.run([*PROGRAM, "down"], capture_output=True, text=True, check=False)
    assert stopped.returncode == 0, stopped.stderr

    wait_for(lambda: not processes_below(tmp_path))
    assert record(state) is None
    assert not list((tmp_path / "tmp").iterdir())
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", int(str(running["url"]).rpartition(":")[2])))


@pytest.mark.parametrize("moment", ["server started", "deploying", "any"])
def test_up_works_after_an_up_that_was_killed(
    moment: str, state: Path, tmp_path: Path, bare_assembly: Path, cdk_cli: Path, slow_cdk: Path
) -> None:
    started = subprocess.Popen(
        [*PROGRAM, "up", "--app", str(bare_assembly), "--cdk", str(slow_cdk)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    match moment:
        case "server started":
            wait_for(lambda: record(state))
        case "deploying":
            wait_for((tmp_path / "deploying").exists)
        case "any":
            time.sleep(random.uniform(0, 3))
    started.kill()
    started.wait()

    assert_up_and_down_work(state, tmp_path, "--app", str(bare_assembly), "--cdk", str(cdk_cli))


def test_down_takes_away_a_cloud_that_was_killed_in_the_middle_of_an_execution(
    state: Path, tmp_path: Path, assembly: Path, cdk_cli: Path
) -> None:
    up = [*PROGRAM, "up", "--app", str(assembly), "--cdk", str(cdk_cli)]
    subprocess.run(up, capture_output=True, check=True)
    running = record(state)
    assert running is not None
    folder, server = Path(str(running["folder"])), int(str(running["pid"]))
    start = [*PROGRAM, "start", "Numbers", "--input", '{"numbers": 100}']
    started = subprocess.Popen(start, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: any((folder / "tmp").rglob("at-work")))

    os.kill(server, signal.SIGKILL)

    _, told = started.communicate(timeout=60)
    ended = f"error: The embedded AWS ended (process {server}). Fix: python -m constructs_lib.local down, then "
    assert started.returncode == 1
    assert told.splitlines()[-1].startswith(ended)
    assert "Traceback" not in told
    for command in ("start", "redrive", "history", "graph", "logs"):
        later = subprocess.run([*PROGRAM, command], capture_output=True, text=True, check=False)
        assert (later.returncode, later.stdout, later.stderr.count("\n")) == (2, "", 1)
        assert later.stderr.startswith(ended)
    assert folder.exists()
    assert processes_below(tmp_path)  # a worker goes on with its sixty seconds

    down = subprocess.run([*PROGRAM, "down"], capture_output=True, text=True, check=False)

    gone = f"The local cloud at {running['url']} was already dead (process {server}); its folder is gone.\n"
    assert (down.returncode, down.stdout, down.stderr) == (0, gone, "")
    assert record(state) is None
    assert not list((tmp_path / "tmp").iterdir())
    wait_for(lambda: not processes_below(tmp_path))


def test_up_works_after_its_server_was_killed(state: Path, tmp_path: Path, bare_assembly: Path, cdk_cli: Path) -> None:
    app = ("--app", str(bare_assembly), "--cdk", str(cdk_cli))
    subprocess.run([*PROGRAM, "up", *app], capture_output=True, check=True)
    running = record(state)
    assert running is not None

    os.kill(int(str(running["pid"])), signal.SIGKILL)

    assert_up_and_down_work(state, tmp_path, *app)


def test_down_takes_away_what_is_left_of_an_up_that_was_killed_with_its_server(
    state: Path, tmp_path: Path, bare_assembly: Path
) -> None:
    cli = write_cli(tmp_path, f"open({str(tmp_path / 'deploying')!r}, 'w').close()\ntime.sleep(60)")
    up = [*PROGRAM, "up", "--app", str(bare_assembly), "--cdk", str(cli)]
    started = subprocess.Popen(up, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for((tmp_path / "deploying").exists)
    running = record(state)
    assert running is not None

    os.kill(int(str(running["pid"])), signal.SIGKILL)
    started.kill()
    started.wait()

    assert processes_below(tmp_path)
    down = subprocess.run([*PROGRAM, "down"], capture_output=True, text=True, check=False)
    assert (down.returncode, down.stderr) == (0, "")
    assert "was already dead" in down.stdout
    assert record(state) is None
    assert not list((tmp_path / "tmp").iterdir())
    wait_for(lambda: not processes_below(tmp_path))
