"""An embedded AWS starts, says why when it can't, and leaves nothing behind."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from typing import TYPE_CHECKING

import psutil
import pytest

from constructs_lib.local import LocalCloud, LocalCloudError
from tests.conftest import ROOT
from tests.constructs_lib.local.conftest import write_cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def group_members(group: int) -> list[int]:
    """The processes of a group, those that ended but weren't waited for left out."""
    members = []
    for process in psutil.process_iter(["pid", "status"]):
        try:
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                members.append(process.pid)
        except ProcessLookupError:
            continue
    return members


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_says_the_servers_own_error_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = write_cli(tmp_path, "print('noise'); print('error: ministack is 9.9', file=sys.stderr); sys.exit(3)")
    monkeypatch.setattr(sys, "executable", str(server))
    with pytest.raises(LocalCloudError, match=r"^The embedded AWS didn't start: ministack is 9.9$"):
        LocalCloud.start(folder=tmp_path / "session")
    assert not tmp_path.joinpath("session").exists()


def test_says_the_last_line_of_a_server_that_crashed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(write_cli(tmp_path, "raise ValueError('boom')")))
    with pytest.raises(LocalCloudError, match=r"didn't start: ValueError: boom$"):
        LocalCloud.start(folder=tmp_path / "session")


def test_a_server_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("constructs_lib.local.session._STOP_SECONDS", 0.2)
    monkeypatch.setattr("constructs_lib.local.session._START_SECONDS", 0.5)
    deaf = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(60)"
    )
    monkeypatch.setattr(sys, "executable", str(write_cli(tmp_path, deaf)))
    with pytest.raises(LocalCloudError, match=r"doesn't answer .* after its start: \d+$") as raised:
        LocalCloud.start(folder=tmp_path / "session")
    assert group_members(int(str(raised.value).split()[-1])) == []
    assert not tmp_path.joinpath("session").exists()


@pytest.mark.local
def test_leaves_neither_process_nor_folder_nor_port(assembly: Path, cdk_cli: Path, tmp_path: Path) -> None:
    folder = tmp_path / "session"
    with LocalCloud.start(folder=folder) as cloud:
        outputs = cloud.deploy(assembly, cdk=cdk_cli)
        result = cloud.run(outputs["First"]["NumbersArn"], {"numbers": 12})
        assert result.output == [[2, 4, 6, 8, 10], [12, 14, 16, 18, 20], [22, 24]]
        assert len(group_members(cloud.pid)) > 1  # the Lambda worker is waiting for more
        assert listens(cloud.port)
    assert group_members(cloud.pid) == []
    assert not folder.exists()
    assert not listens(cloud.port)
    cloud.stop()  # a second time


@pytest.mark.local
def test_a_worker_that_outlives_a_killed_server_is_ended(tmp_path: Path) -> None:
    cloud = LocalCloud.start(folder=tmp_path / "session")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "import time\ndef handler(event, context):\n    time.sleep(60)")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = cloud.client("iam").create_role(
        RoleName="sleeper", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    functions = cloud.client("lambda")
    functions.create_function(
        FunctionName="sleeper",
        Runtime="python3.13",
        Handler="index.handler",
        Role=role["Role"]["Arn"],
        Timeout=120,
        Code={"ZipFile": code.getvalue()},
    )
    functions.invoke(FunctionName="sleeper", InvocationType="Event")
    _until(lambda: len(group_members(cloud.pid)) > 1)
    os.kill(cloud.pid, signal.SIGKILL)
    _until(lambda: cloud.pid not in group_members(cloud.pid))
    cloud.stop()
    assert group_members(cloud.pid) == []
    assert not cloud.folder.exists()


@pytest.mark.local
def test_takes_another_port_when_its_own_is_taken(cloud: LocalCloud, tmp_path: Path) -> None:
    with LocalCloud.start(folder=tmp_path / "session") as second:
        assert second.port != cloud.port
        assert second.client("sts", account="222222222222").get_caller_identity()["Account"] == "222222222222"


@pytest.mark.local
@pytest.mark.parametrize("moment", ["the server's process exists", "Bootstrapping environment", "First: deploying"])
def test_ctrl_c_leaves_nothing(tmp_path: Path, assembly: Path, cdk_cli: Path, moment: str) -> None:
    folder = tmp_path / "session"
    record = tmp_path / "state" / "step-functions-at-scale" / "local-cloud.json"
    arguments = ["--app", str(assembly), "--cdk", str(cdk_cli), "--folder", str(folder)]
    up = subprocess.Popen(
        [sys.executable, "-m", "constructs_lib.local", "up", *arguments],
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    _until(lambda: bool(_pid(record)))
    server = _pid(record)
    assert up.stderr is not None
    if moment != "the server's process exists":
        next(line for line in up.stderr if moment in line)
    up.send_signal(signal.SIGINT)
    _, errors = up.communicate(timeout=30)
    assert (up.returncode, errors.splitlines()[-1]) == (130, "error: Interrupted; no process and no folder is left.")
    assert group_members(server) == []
    assert not folder.exists()
    assert not record.exists()
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(p.info["cmdline"] or [])]


OWNER = """
import sys, time
from pathlib import Path
from constructs_lib.local import LocalCloud
cloud = LocalCloud.start(folder=Path(sys.argv[1]))
print(cloud.pid, flush=True)
if len(sys.argv) > 2:
    cloud.deploy(Path(sys.argv[2]), cdk=sys.argv[3], on_line=lambda line: print(line, flush=True))
time.sleep(60)
"""


@pytest.mark.local
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("moment", ["idle", "First: deploying"])
def test_ends_with_the_process_that_started_it(
    assembly: Path, cdk_cli: Path, tmp_path: Path, number: signal.Signals, moment: str
) -> None:
    folder = tmp_path / "session"
    arguments = [] if moment == "idle" else [str(assembly), str(cdk_cli)]
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    server = int(owner.stdout.readline())
    if moment != "idle":
        next(line for line in owner.stdout if moment in line)
    owner.send_signal(number)
    owner.communicate()
    _until(lambda: group_members(server) == [])
    _until(lambda: not folder.exists())
    _until(lambda: not _processes_in(folder))


STUBBORN_CLI = """#!/bin/sh
[ "$1" = bootstrap ] && exit 0
echo "First: deploying"
sleep 600
"""


@pytest.mark.local
def test_ends_a_cdk_cli_that_goes_on_without_its_owner_and_server(assembly: Path, tmp_path: Path) -> None:
    folder, cli = tmp_path / "session", tmp_path / "cdk"
    cli.write_text(STUBBORN_CLI)
    cli.chmod(0o755)
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), str(assembly), str(cli)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    next(line for line in owner.stdout if "First: deploying" in line)
    _until(lambda: any(process.name() == "sleep" for process in _processes_in(folder)))
    started = _processes_in(folder)

    owner.kill()
    owner.communicate()

    _until(lambda: not folder.exists())
    _until(lambda: not any(_working_folder(process) for process in started))


def _processes_in(folder: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if str(folder) in _working_folder(process)]


def _working_folder(process: psutil.Process) -> str:
    try:
        return process.cwd()
    except (psutil.Error, FileNotFoundError):  # it has ended, or is another user's
        return ""


def _pid(record: Path) -> int:
    try:
        return int(json.loads(record.read_text())["pid"])
    except (OSError, ValueError, KeyError):
        return 0


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.local
def test_is_started_with_what_bedrock_answers(tmp_path: Path) -> None:
    file = tmp_path / "replies.json"
    file.write_text('{"replies": [{"model": "amazon.nova*", "reply": "canned"}]}')

    with LocalCloud.start(bedrock_replies=file, sync_poll_seconds=0.5) as cloud:
        answer = cloud.client("bedrock-runtime").converse(
            modelId="amazon.nova-lite-v1:0", messages=[{"role": "user", "content": [{"text": "hello"}]}]
        )
        environment = psutil.Process(cloud.pid).environ()

    assert answer["output"]["message"]["content"] == [{"text": "canned"}]
    assert environment["LOCAL_AWS_SYNC_POLL_MILLISECONDS"] == "500"
