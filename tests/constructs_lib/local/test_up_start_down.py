"""The command line from `up` to `down`, on a machine that is set up for a real account behind a proxy."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
import pytest

from constructs_lib.local import Endpoint
from tests.constructs_lib.local.conftest import hostile_environment, write_cli

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.local


class Up(NamedTuple):
    """What `up` left running: its record, what it printed, and the environment that it gave the CDK CLI."""

    record: dict[str, Any]
    printed: str
    cli_environment: dict[str, str]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "constructs_lib.local", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, assembly: Path, cdk_cli: Path) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("up")
    state, seen = folder / "state", folder / "cli-environment.json"
    cli = write_cli(
        folder,
        f"""
        import json
        open({str(seen)!r}, "w").write(json.dumps(dict(os.environ)))
        os.execv({str(cdk_cli)!r}, [{str(cdk_cli)!r}, *sys.argv[1:]])
        """,
    )
    with hostile_environment(folder) as proxy, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("XDG_STATE_HOME", str(state))
        started = run("up", "--app", str(assembly), "--cdk", str(cli))
        assert started.returncode == 0, started.stderr
        record = json.loads(state.joinpath("step-functions-at-scale", "local-cloud.json").read_text())
        yield Up(record, started.stdout, json.loads(seen.read_text()))
        stopped = run("down")
        assert stopped.returncode == 0, stopped.stderr
        assert not Path(record["folder"]).exists()
        assert not list(state.rglob("*.json"))
        assert proxy.requests == []


def test_runs_a_state_machine_and_never_leaves_loopback(up: Up, tmp_path: Path) -> None:
    assert up.record["url"] in up.printed
    assert "NumbersArn = arn:aws:states:us-east-1:111111111111:stateMachine:Numbers" in up.printed
    assert "python -m constructs_lib.local down" in up.printed

    done = run("start", "Numbers", "--input", '{"numbers": 12}', "--name", "twelve")
    assert json.loads(done.stdout) == [[2, 4, 6, 8, 10], [12, 14, 16, 18, 20], [22, 24]]
    assert done.returncode == 0
    assert re.search(r"Each batch +succeeded after .* \(12 objects in 3 batches\)\n", done.stderr)
    assert done.stderr.endswith(":twelve\n")

    again = run("start", "Numbers", "--input", '{"numbers": 13}', "--name", "twelve")
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr == (
        "error: The state machine has an execution 'twelve' already. Allowed: a name that it hasn't had for 90 days. "
        "Fix: give another --name, or none to have one made up.\n"
    )

    input_file = tmp_path / "input.json"
    input_file.write_text('{"fail": true}')
    failed = run("start", "sulky", "--input", f"@{input_file}")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert re.search(r" s  Fail +failed after .*: NotToday\n", failed.stderr)
    told = (
        "error: The execution ended FAILED: NotToday\nstate  Fail (Fail)\nerror  NotToday\ncause  The input says so.\n"
    )
    assert told + "arn:aws:states:" in failed.stderr

    assert run("start", "absent").returncode == 2
    second = run("up", "--app", str(tmp_path / "absent"))
    assert (second.returncode, second.stderr.count("\n")) == (2, 1)

    server = psutil.Process(up.record["pid"])
    processes = [server, *server.children(recursive=True)]
    assert len(processes) > 1  # a Lambda worker
    for process in processes:
        assert_knows_nothing_of_the_caller(process.environ())
        for connection in process.net_connections("inet"):
            ends = [connection.laddr, *([connection.raddr] if connection.raddr else [])]
            assert all(ipaddress.ip_address(end.ip).is_loopback for end in ends), connection
    assert_knows_nothing_of_the_caller(up.cli_environment)
    assert up.cli_environment["AWS_ENDPOINT_URL"] == up.record["url"]
    assert up.cli_environment["HOME"] == up.record["folder"]


def assert_knows_nothing_of_the_caller(environment: dict[str, str]) -> None:
    planted = {k: v for k, v in os.environ.items() if k.startswith(("AWS_", "CDK_")) or "proxy" in k.lower()}
    assert planted
    assert not set(planted.items()) & set(environment.items())
    assert {k: v for k, v in environment.items() if "proxy" in k.lower()} in (
        {"NO_PROXY": "127.0.0.1,localhost"},
        {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"},
    )


def test_a_second_up_is_refused_while_one_runs(up: Up, assembly: Path, cdk_cli: Path) -> None:
    second = run("up", "--app", str(assembly), "--cdk", str(cdk_cli))
    assert second.returncode == 2
    assert second.stderr == (
        f"error: A local cloud is running at {up.record['url']} (process {up.record['pid']}). "
        "Fix: stop it first with `python -m constructs_lib.local down`.\n"
    )
    assert psutil.pid_exists(up.record["pid"])


def test_another_endpoint_is_used_only_when_given(up: Up, bare_assembly: Path, cdk_cli: Path) -> None:
    """The running cloud stands in for somebody else's emulator."""
    where = ("--endpoint", up.record["url"], "--certificate", up.record["certificate"])
    deployed = run("up", "--app", str(bare_assembly), "--cdk", str(cdk_cli), *where)
    assert deployed.returncode == 0, deployed.stderr
    assert "Topic = arn:aws:sns:us-east-1:111111111111:bare" in deployed.stdout
    [name] = [arn.rpartition(":")[2] for arn in up.record["stacks"][0]["state_machines"].values()]
    done = run("start", name, "--input", '{"numbers": 1}', *where)
    assert (done.returncode, json.loads(done.stdout)) == (0, [[2]])


def test_looks_at_the_app_that_up_deployed(up: Up, tmp_path: Path) -> None:
    assert run("start", "Numbers", "--input", '{"numbers": 2}', "--name", "two").returncode == 0
    table = run("history", "two").stdout
    assert table.startswith("arn:aws:states:us-east-1:111111111111:execution:Numbers")
    assert "MapRunStarted" in table
    logged = run("logs", "Double")
    assert "START RequestId: " in logged.stdout, logged.stderr
    assert run("logs", "First.Double").stdout == logged.stdout
    page = tmp_path / "page.html"
    assert run("graph", "two", "--output", str(page)).stdout == f"{page}\n"
    assert page.stat().st_size > 1_000_000


def test_following_the_logs_ends_with_ctrl_c(up: Up) -> None:
    command = [sys.executable, "-m", "constructs_lib.local", "logs", "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
        assert run("start", "Numbers", "--input", '{"numbers": 1}').returncode == 0
        assert follower.stdout is not None
        assert "RequestId" in follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        _, errors = follower.communicate(timeout=20)
    assert (follower.returncode, errors) == (0, "")


def test_ctrl_c_stops_the_execution(up: Up) -> None:
    command = [sys.executable, "-m", "constructs_lib.local", "start", "sulky", "--input", '{"fail": false}']
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    [arn] = up.record["stacks"][1]["state_machines"].values()
    client = Endpoint(up.record["url"], Path(up.record["certificate"])).client(
        "stepfunctions", account="222222222222", region="eu-west-1"
    )
    while not (executions := client.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]):
        assert started.poll() is None
        time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate(timeout=20)
    assert started.returncode == 130
    assert errors.endswith("error: Interrupted; the execution was stopped.\n")
    assert "Traceback" not in errors
    described = client.describe_execution(executionArn=executions[0]["executionArn"])
    assert (described["status"], described["error"]) == ("ABORTED", "Interrupted")


def test_a_killed_server_is_no_session_and_is_cleared_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bare_assembly: Path, cdk_cli: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder, app = tmp_path / "session", ("--app", str(bare_assembly), "--cdk", str(cdk_cli))
    assert run("up", *app, "--folder", str(folder)).returncode == 0
    [file] = (tmp_path / "state").rglob("*.json")
    os.kill(json.loads(file.read_text())["pid"], signal.SIGKILL)
    time.sleep(0.2)
    assert run("start").returncode == 2
    assert folder.exists()
    assert run("up", *app).returncode == 0
    assert not folder.exists()
    assert run("down").returncode == 0
