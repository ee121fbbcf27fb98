"""`redrive` on a running cloud, and what the other commands show of an execution that was redriven."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from constructs_lib.local import Endpoint, UsageError
from constructs_lib.local.commands.redrive import refusal
from constructs_lib.local.execution import redrive
from tests.constructs_lib.local.emulator.redriving import Breakable
from tests.constructs_lib.local.test_looking_at_runs import Looking

if TYPE_CHECKING:
    from pathlib import Path

    from constructs_lib.local import LocalCloud
    from constructs_lib.local.timeline import Event


@pytest.fixture
def looking(cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> Looking:
    return Looking(cloud, capsys)


PREFIX = "arn:aws:states:us-east-1:111111111111"


def mapped(broken: Breakable) -> dict[str, object]:
    children = {"Read": broken.task("{% $string($states.input) %}")}
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "Read", "States": children,
    }  # fmt: skip
    return {
        "Type": "Map", "Label": "Each", "Items": [1, 2, 3], "MaxConcurrency": 1, "ItemProcessor": processor,
        "Next": "Work",
    }  # fmt: skip


@pytest.mark.local
def test_goes_on_with_an_execution_and_shows_it(looking: Looking, tmp_path: Path) -> None:
    broken = Breakable(looking.aws)
    for key in ("1", "3"):
        broken.mend(key)
    failed = looking.aws.run({"First": {"Type": "Pass", "Next": "Each"}, "Each": mapped(broken), "Work": broken.task()})
    assert failed.error == "States.ExceedToleratedFailureThreshold"

    broken.mend("2")
    code, out, err = looking.run("redrive", failed.arn)
    assert (code, out) == (1, "")
    assert "First" not in err  # what succeeded isn't told again
    lines = [re.sub(r"^ *([\d.]+) s +", "", line) for line in err.splitlines()]
    run = looking.aws.map_run(failed.arn)["mapRunArn"]
    assert any(re.fullmatch(rf"Each +redriven {re.escape(run)}", line) for line in lines)
    assert any(re.match(r"Each +succeeded after .* \(3 objects in 3 batches\)", line) for line in lines)
    assert any(re.match(r"Work +failed after .*: S3.NoSuchKeyException", line) for line in lines)
    assert "error: The execution ended FAILED: S3.NoSuchKeyException\nstate  Work (Task, aws-sdk:s3:getObject)\n" in err

    broken.mend()
    code, out, err = looking.run("redrive", failed.arn)
    assert (code, json.loads(out)) == (0, "mended")
    assert "Each" not in err
    assert err.endswith(f"SUCCEEDED  {failed.arn}\n")

    table = looking.run("history", failed.arn)[1]
    assert [re.split(r"  +", line.strip())[2:] for line in table.splitlines() if "Redriven" in line] == [
        ["ExecutionRedriven", "redrive 1"], ["MapRunRedriven", "Each", run], ["ExecutionRedriven", "redrive 2"],
    ]  # fmt: skip
    page = tmp_path / "page.html"
    assert looking.run("graph", failed.arn, "--output", str(page))[0] == 0
    assert not re.search(r'class="state (task|map|pass) (failed|aborted)"', page.read_text())

    code, out, err = looking.run("redrive", failed.arn)
    name = failed.arn.rpartition(":")[2]
    assert (code, out) == (2, "")
    assert err == (
        f"error: The execution {name!r} can't be redriven: it is SUCCEEDED. Allowed: FAILED, TIMED_OUT, ABORTED. Fix, "
        "where it lost objects and its workflow has retry_of: python -m constructs_lib.local start --input "
        f"""'{{"retry_of": "{name}"}}'\n"""
    )


@pytest.mark.local
def test_tells_the_events_before_and_those_that_it_adds(cloud: LocalCloud, looking: Looking) -> None:
    broken = Breakable(looking.aws)
    failed = looking.aws.run({"Work": broken.task()})
    broken.mend()
    earlier: list[Event] = []
    added: list[Event] = []

    result = redrive(cloud.endpoint, failed.arn, on_earlier=earlier.extend, on_events=added.extend)

    assert (result.status, result.output) == ("SUCCEEDED", "mended")
    assert [event["id"] for event in earlier] == [event["id"] for event in failed.events]
    assert [event["type"] for event in added] == [
        "ExecutionRedriven", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded",
    ]  # fmt: skip


@pytest.mark.local
def test_ctrl_c_stops_the_execution(cloud: LocalCloud, looking: Looking) -> None:
    seconds = "{% $states.context.Execution.RedriveCount = 0 ? 0 : 60 %}"
    failed = looking.aws.run(
        {"Wait": {"Type": "Wait", "Seconds": seconds, "Output": "{% $error('no') %}", "End": True}}
    )
    where = ("--endpoint", cloud.endpoint.url, "--certificate", str(cloud.endpoint.certificate))
    command = [sys.executable, "-m", "constructs_lib.local", "redrive", failed.arn, *where]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as following:
        assert following.stderr is not None
        assert "Wait  redriven (Wait)" in following.stderr.readline()
        following.send_signal(signal.SIGINT)
        _, errors = following.communicate(timeout=20)
    assert (following.returncode, errors) == (130, "error: Interrupted; the execution was stopped.\n")
    assert looking.aws.wait(failed.arn, 5).status == "ABORTED"


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        ({"status": "RUNNING"}, "it is RUNNING. Allowed: FAILED, TIMED_OUT, ABORTED."),
        (
            {"status": "FAILED", "redriveStatusReason": "Execution redrivable period exceeded"},
            "Execution redrivable period exceeded. Fix: python -m constructs_lib.local start",
        ),
    ],
)
def test_says_why_an_execution_cannot_be_redriven(described: dict[str, str], reason: str) -> None:
    arn = f"{PREFIX}:execution:machine:one"
    assert refusal({"executionArn": arn} | described) == f"The execution 'one' can't be redriven: {reason}"


@pytest.mark.parametrize(
    "arn",
    [f"{PREFIX}:execution:machine/Each:child", f"{PREFIX}:express:machine:name:id", f"{PREFIX}:stateMachine:machine"],
)
def test_refuses_what_no_redrive_takes(arn: str) -> None:
    with pytest.raises(UsageError, match=r"isn't a Standard execution's ARN\. Allowed: arn:aws:states:.* of a Map Run"):
        redrive(Endpoint("http://127.0.0.1:1"), arn)
