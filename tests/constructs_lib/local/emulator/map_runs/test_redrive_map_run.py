"""Redrives of Map Runs on the running emulator: which children run again, from where, and how they are counted.

What is expected is AWS's: https://github.com/radkawar/stackd/blob/9dc356f/testdata/aws/stepfunctions/redrive_map.json.
"""

import json
import time
from typing import Any

import pytest

from tests.constructs_lib.local.emulator.conftest import SOURCE_ACCOUNT, Cloud, Execution
from tests.constructs_lib.local.emulator.redriving import Breakable, chain, since_redrive
from tests.constructs_lib.local.emulator.services.test_api import refusal
from tests.constructs_lib.local.emulator.waiting import allow, machine_in, put_policy, status, until

pytestmark = pytest.mark.local

kinds = pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
ITEMS = list(range(12))


@pytest.fixture
def broken(cloud: Cloud) -> Breakable:
    return Breakable(cloud)


def mapped(broken: Breakable, kind: str, **more: Any) -> dict[str, Any]:
    """A map over six batches of two items, one after the other: each marks itself, then reads what its items name."""
    children = {
        "Mark": broken.mark("$string($states.input.Items[0])", Next="Work"),
        "Work": broken.task(
            "{% $string($states.input.Items[0]) %}",
            Output="{% {'items': $states.input.Items, 'redrives': $states.context.Execution.RedriveCount} %}",
        ),
    }
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
        "StartAt": "Mark",
        "States": children,
    }
    return {
        "Type": "Map",
        "Label": "Each",
        "Items": ITEMS,
        "MaxConcurrency": 1,
        "ItemBatcher": {"MaxItemsPerBatch": 2},
        "ItemProcessor": processor,
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Arguments": {"Bucket": broken.bucket, "Prefix": "results"},
            "WriterConfig": {"OutputType": "JSON", "Transformation": "COMPACT"},
        },
        **({} if "Next" in more else {"End": True}),
        **more,
    }


def output(first: int, redrives: int = 0) -> dict[str, Any]:
    """A batch's."""
    return {"items": [first, first + 1], "redrives": redrives}


def counts(cloud: Cloud, execution: Execution, which: str = "executionCounts") -> dict[str, int]:
    """Those that aren't 0."""
    return {name: number for name, number in cloud.map_run(execution.arn)[which].items() if number}


def results(broken: Breakable, execution: Execution) -> dict[str, list[Any]]:
    """The rows of the result files."""
    details = execution.output["ResultWriterDetails"]
    manifest = json.loads(broken.cloud.read(details["Bucket"], details["Key"]))
    return {
        name: [row for file in files for row in json.loads(broken.cloud.read(details["Bucket"], file["Key"]))]
        for name, files in manifest["ResultFiles"].items()
    }


def children(cloud: Cloud, execution: Execution, **filters: str) -> list[dict[str, Any]]:
    run = cloud.map_run(execution.arn)["mapRunArn"]
    found: list[dict[str, Any]] = cloud.client("stepfunctions").list_executions(mapRunArn=run, **filters)["executions"]
    return found


def mend(broken: Breakable, *but: int) -> None:
    """Let all batches succeed, apart from those of these first items."""
    for first in ITEMS[::2]:
        if first not in but:
            broken.mend(str(first))


@kinds
def test_should_run_only_the_unsuccessful_children(cloud: Cloud, broken: Breakable, kind: str) -> None:
    mend(broken, 6, 10)
    failed = cloud.run({"Each": mapped(broken, kind, ToleratedFailureCount=3)})
    assert (failed.status, failed.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    first = cloud.map_run(failed.arn)
    assert counts(cloud, failed) == {"succeeded": 4, "failed": 2, "total": 6, "resultsWritten": 4}
    before = {child["executionArn"]: child for child in children(cloud, failed)}
    mend(broken)

    mended = broken.redrive(failed.arn)

    assert mended.status == "SUCCEEDED", mended.cause
    assert chain(mended) == [
        ("ExecutionRedriven", "ExecutionFailed"),
        ("MapRunRedriven", "MapStateStarted"),
        ("MapRunSucceeded", "MapRunRedriven"),
        ("MapStateSucceeded", "MapRunSucceeded"),
        ("MapStateExited Each", "MapRunSucceeded"),
        ("ExecutionSucceeded", "MapStateExited Each"),
    ]
    second = cloud.map_run(failed.arn)
    assert since_redrive(mended)[1]["mapRunRedrivenEventDetails"] == {
        "mapRunArn": first["mapRunArn"], "redriveCount": 1,
    }  # fmt: skip
    assert (second["mapRunArn"], second["startDate"]) == (first["mapRunArn"], first["startDate"])
    assert (first["redriveCount"], second["redriveCount"]) == (0, 1)
    assert second["redriveDate"] >= first["stopDate"]
    assert counts(cloud, mended) == {"succeeded": 6, "total": 6, "resultsWritten": 6}
    assert counts(cloud, mended, "itemCounts") == {"succeeded": 12, "total": 12, "resultsWritten": 12}
    # A Standard child goes on with its second state, an Express one begins anew.
    again = {"6", "10"} if kind == "EXPRESS" else set()
    assert broken.marks() == {str(item): 2 if str(item) in again else 1 for item in ITEMS[::2]}
    assert results(broken, mended) == {
        "FAILED": [],
        "PENDING": [],
        "SUCCEEDED": [output(item, redrives=int(item in (6, 10))) for item in ITEMS[::2]],
    }
    after = {child["executionArn"]: child for child in children(cloud, mended)}
    assert after.keys() == before.keys()
    for arn, child in after.items():
        was_successful = before[arn]["status"] == "SUCCEEDED"
        assert child["redriveCount"] == (0 if was_successful else 1)
        assert (child["startDate"] == before[arn]["startDate"]) == (was_successful or kind == "STANDARD")
        assert ("redriveDate" in child) == (not was_successful and kind == "STANDARD")
    for number, redriven in ((2, "REDRIVEN"), (4, "NOT_REDRIVEN")):
        assert len(children(cloud, mended, redriveFilter=redriven)) == number


@kinds
def test_should_start_the_children_that_were_pending(cloud: Cloud, broken: Breakable, kind: str) -> None:
    mend(broken, 2)
    failed = cloud.run({"Each": mapped(broken, kind)})
    assert counts(cloud, failed) == {"succeeded": 1, "failed": 1, "pending": 4, "total": 6, "resultsWritten": 1}
    # It fails once more, and has the whole tolerance for that.
    again = broken.redrive(failed.arn)
    assert (again.status, again.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert [event["type"] for event in since_redrive(again)] == [
        "ExecutionRedriven", "MapRunRedriven", "MapRunFailed", "MapStateFailed", "ExecutionFailed",
    ]  # fmt: skip
    assert counts(cloud, failed) == {"succeeded": 1, "failed": 1, "pending": 4, "total": 6, "resultsWritten": 1}

    mend(broken)
    mended = broken.redrive(failed.arn)

    assert results(broken, mended)["SUCCEEDED"] == [output(item, redrives=2 * (item == 2)) for item in ITEMS[::2]]
    assert cloud.map_run(mended.arn)["redriveCount"] == 2


def test_should_count_what_waits_to_be_redriven(cloud: Cloud, broken: Breakable) -> None:
    states = cloud.client("stepfunctions")
    state = mapped(broken, "STANDARD", ToleratedFailureCount=3)
    failing = state["ItemProcessor"]["States"]
    failing["Mark"]["Next"] = "First"
    failing["First"] = broken.task("first", Output="{% $states.input %}", Next="Long")
    failing["Long"] = {"Type": "Wait", "Seconds": 30, "Next": "Work"}
    failed = cloud.run({"Each": state})
    assert counts(cloud, failed) == {"failed": 2, "pending": 4, "total": 6}
    broken.mend("first")

    states.redrive_execution(executionArn=failed.arn)

    until(lambda: counts(cloud, failed).get("running"))
    assert counts(cloud, failed) == {"running": 1, "pendingRedrive": 1, "pending": 4, "total": 6}
    (waiting,) = children(cloud, failed, statusFilter="PENDING_REDRIVE")
    states.stop_execution(executionArn=failed.arn)
    assert counts(cloud, failed) == {"aborted": 1, "failed": 1, "pending": 4, "total": 6}
    described = states.describe_execution(executionArn=waiting["executionArn"])
    assert (described["status"], described["redriveCount"]) == ("FAILED", 0)


def test_should_go_on_in_children_that_were_stopped(cloud: Cloud, broken: Breakable) -> None:
    states = cloud.client("stepfunctions")
    state = mapped(broken, "STANDARD", Items=[0, 1])
    state["ItemProcessor"]["States"]["Mark"]["Next"] = "Long"
    state["ItemProcessor"]["States"]["Long"] = {"Type": "Wait", "Seconds": 2, "Next": "Work"}
    arn = cloud.start(cloud.machine({"Each": state}))
    until(broken.marks)
    until(lambda: "WaitStateEntered" in _types(cloud, arn))
    states.stop_execution(executionArn=arn)
    stopped = cloud.wait(arn)
    assert counts(cloud, stopped) == {"aborted": 1, "total": 1}
    assert _types(cloud, arn)[-2:] == ["WaitStateEntered", "ExecutionAborted"]
    broken.mend("0")

    mended = broken.redrive(arn)

    assert (mended.status, broken.marks()) == ("SUCCEEDED", {"0": 1})
    told = _types(cloud, arn)
    assert told[told.index("ExecutionAborted") :][:3] == ["ExecutionAborted", "ExecutionRedriven", "WaitStateExited"]
    assert counts(cloud, mended) == {"succeeded": 1, "total": 1, "resultsWritten": 1}


def _types(cloud: Cloud, arn: str) -> list[str]:
    """The events of the only child of an execution."""
    run = cloud.map_run(arn)["mapRunArn"]
    states = cloud.client("stepfunctions")
    (child,) = states.list_executions(mapRunArn=run)["executions"]
    return [event["type"] for event in states.get_execution_history(executionArn=child["executionArn"])["events"]]


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS", "INLINE"])
def test_should_go_on_whenever_it_was_stopped(cloud: Cloud, broken: Breakable, kind: str) -> None:
    states = cloud.client("stepfunctions")
    mode = {"Mode": "INLINE"} if kind == "INLINE" else {"Mode": "DISTRIBUTED", "ExecutionType": kind}
    children = {
        "First": broken.mark("'first'", Next="Wait"),
        "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Last"},
        "Last": broken.mark("'last'", End=True),
    }
    processor = {"ProcessorConfig": mode, "StartAt": "First", "States": children}
    machine = cloud.machine({"Each": {"Type": "Map", "Items": ITEMS[:4], "ItemProcessor": processor, "End": True}})
    arn = cloud.start(machine)
    for seconds in (0, 0, 0.02, 0.05, 0.1, 0.2):
        time.sleep(seconds)
        states.stop_execution(executionArn=arn)
        states.redrive_execution(executionArn=arn)

    ended = cloud.wait(arn)

    assert (ended.status, ended.output) == ("SUCCEEDED", ITEMS[:4]), ended.cause
    assert [event["id"] for event in ended.events] == list(range(1, len(ended.events) + 1))
    if kind != "INLINE":
        for run in states.list_map_runs(executionArn=arn)["mapRuns"][-1:]:
            described = states.describe_map_run(mapRunArn=run["mapRunArn"])
            assert described["status"] == "SUCCEEDED"
            assert {name: n for name, n in described["itemCounts"].items() if n} == {"succeeded": 4, "total": 4}


def test_should_not_run_a_map_again_that_is_done(cloud: Cloud, broken: Breakable) -> None:
    mend(broken)
    failed = cloud.run(
        {
            "Each": mapped(broken, "EXPRESS", Next="Reduce"),
            "Reduce": broken.task("reduced", Output="{% $states.input %}"),
        }
    )
    assert failed.error == "S3.NoSuchKeyException"
    broken.mend("reduced")

    mended = broken.redrive(failed.arn)

    assert len(results(broken, mended)["SUCCEEDED"]) == 6
    assert set(broken.marks().values()) == {1}
    assert chain(mended)[1] == ("TaskScheduled", "TaskStateEntered Reduce")
    assert cloud.map_run(mended.arn)["redriveCount"] == 0


def test_should_start_another_map_run_where_the_first_had_succeeded(cloud: Cloud, broken: Breakable) -> None:
    mend(broken)
    output = "{% $states.context.Execution.RedriveCount = 0 ? $error('not yet') : $states.result %}"
    failed = cloud.run({"Each": mapped(broken, "EXPRESS", Output=output)})
    assert failed.error == "States.QueryEvaluationError"

    mended = broken.redrive(failed.arn)

    assert [event["type"] for event in since_redrive(mended)][1:3] == ["MapStateStarted", "MapRunStarted"]
    runs = cloud.client("stepfunctions").list_map_runs(executionArn=failed.arn)["mapRuns"]
    assert len(runs) == 2
    assert set(broken.marks().values()) == {2}


def test_should_read_the_items_again_where_none_were_read(cloud: Cloud, broken: Breakable) -> None:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "Arguments": {"Bucket": broken.bucket, "Key": "items.json"},
    }
    state = {name: value for name, value in mapped(broken, "STANDARD", ItemReader=reader).items() if name != "Items"}
    mend(broken)
    failed = cloud.run({"Each": state})
    assert failed.error == "States.ItemReaderFailed"
    first = cloud.map_run(failed.arn)
    cloud.client("s3").put_object(Bucket=broken.bucket, Key="items.json", Body=b"[0, 1, 2, 3]")

    mended = broken.redrive(failed.arn)

    assert cloud.map_run(mended.arn)["mapRunArn"] == first["mapRunArn"]
    assert results(broken, mended)["SUCCEEDED"] == [output(0), output(2)]


@pytest.mark.parametrize(
    ("kind", "needed", "resource"),
    [
        ("STANDARD", "states:RedriveExecution", "execution:{machine}/Each:*"),
        ("EXPRESS", "states:StartExecution", "stateMachine:{machine}"),
    ],
)
def test_should_need_the_permission_of_the_machines_role(
    cloud: Cloud, broken: Breakable, kind: str, needed: str, resource: str
) -> None:
    role = cloud.role("states", allow("*"))
    mend(broken, 10)
    machine = cloud.machine({"Each": mapped(broken, kind)}, role=role)
    failed = cloud.wait(cloud.start(machine))
    before = cloud.map_run(failed.arn)
    put_policy(cloud, role, allow("*"), {"Effect": "Deny", "Action": needed, "Resource": "*"})
    mend(broken)

    denied = broken.redrive(failed.arn)

    assert (denied.status, denied.error) == ("FAILED", "States.Runtime")
    prefix = machine.rpartition(":stateMachine:")[0]
    exact = f"{prefix}:{resource.format(machine=machine.rpartition(':')[2])}"
    assert f"is not authorized to perform: {needed} on resource: {exact.removesuffix('*')}" in denied.cause
    assert [event["type"] for event in since_redrive(denied)] == [
        "ExecutionRedriven", "MapRunRedriven", "MapRunFailed", "MapStateFailed", "ExecutionFailed",
    ]  # fmt: skip
    after = cloud.map_run(failed.arn)
    assert (after["executionCounts"], after["redriveCount"]) == (before["executionCounts"], 1)

    put_policy(cloud, role, allow("s3:*"), allow(needed, exact))
    assert broken.redrive(failed.arn).status == "SUCCEEDED"
    assert counts(cloud, failed) == {"succeeded": 6, "total": 6, "resultsWritten": 6}


@kinds
def test_should_be_redriven_in_another_account(cloud: Cloud, kind: str) -> None:
    states = cloud.client("stepfunctions", SOURCE_ACCOUNT)
    tell = "{% $states.context.Execution.RedriveCount = 0 ? $error('not yet') : $states.input %}"
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
        "StartAt": "Tell",
        "States": {"Tell": {"Type": "Pass", "Output": tell, "End": True}},
    }
    state = {"Type": "Map", "Items": [1], "ItemProcessor": processor, "End": True}
    machine = machine_in(cloud, SOURCE_ACCOUNT, {"Each": state})
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    until(lambda: status(cloud, arn) == "FAILED")

    states.redrive_execution(executionArn=arn)

    until(lambda: status(cloud, arn) == "SUCCEEDED")
    assert states.describe_execution(executionArn=arn)["output"] == "[1]"


@kinds
def test_should_leave_children_to_their_map_run(cloud: Cloud, broken: Breakable, kind: str) -> None:
    states = cloud.client("stepfunctions")
    mend(broken, 0)
    failed = cloud.run({"Each": mapped(broken, kind)})
    (child,) = children(cloud, failed)

    described = states.describe_execution(executionArn=child["executionArn"])
    assert (described["redriveStatus"], described["redriveCount"]) == ("REDRIVABLE_BY_MAP_RUN", 0)
    assert refusal(states.redrive_execution, executionArn=child["executionArn"]) == (
        ("ValidationException", "Labeled Execution ARNs are not supported for this API")
        if kind == "STANDARD"
        else ("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
    )
