"""Tasks fail on purpose as if their service had said so: the same events, Retry and Catch see them, no call is made."""

from collections.abc import Iterator
from typing import Any

import pytest

from constructs_lib.local.control import call
from constructs_lib.local.endpoint import Endpoint
from constructs_lib.local.errors import LocalCloudError
from tests.constructs_lib.local.emulator.conftest import Cloud, Execution

pytestmark = pytest.mark.local

THROTTLED = "Lambda.TooManyRequestsException"
RETRY = [{"ErrorEquals": [THROTTLED], "IntervalSeconds": 1, "MaxDelaySeconds": 1, "MaxAttempts": 3, "BackoffRate": 1}]
CATCH = [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput.Error %}", "Next": "Caught"}]
CAUGHT = {"Type": "Pass", "End": True}
SQS, CHILD = ("sqs", "sendMessage.waitForTaskToken"), ("states", "startExecution.sync:2")
ECHO = "def handler(event, context):\n    return event\n"


@pytest.fixture(autouse=True)
def _no_faults_left(cloud: Cloud) -> Iterator[None]:
    yield
    control(cloud, "DELETE")


@pytest.fixture(scope="module")
def function(cloud: Cloud) -> str:
    return cloud.function(ECHO)


def control(cloud: Cloud, method: str, body: Any = None, path: str = "/_local/faults") -> Any:
    certificate = cloud.folder / "tmp" / "ministack-tls" / "server.crt"
    return call(Endpoint(f"https://127.0.0.1:{cloud.port}", certificate), method, path, body)


def fail(cloud: Cloud, machine: str, state: str, error: str = THROTTLED, times: int | None = 1) -> dict[str, Any]:
    body = {"stateMachineArn": machine, "state": state, "error": error, "cause": "On purpose", "times": times}
    fault: dict[str, Any] = control(cloud, "POST", body)
    return fault


def run(cloud: Cloud, machine: str, input_value: Any = None) -> Execution:
    return cloud.wait(cloud.start(machine, input_value))


def thrown(cloud: Cloud) -> list[int]:
    return [fault["thrown"] for fault in control(cloud, "GET")["faults"]]


def details(execution: Execution, kind: str) -> list[dict[str, Any]]:
    key = f"{kind[0].lower()}{kind[1:]}EventDetails"
    return [event[key] for event in execution.events if event["type"] == kind]


def failing_in_turn(execution: Execution) -> list[str]:
    """The events but those of states and the execution."""
    return [kind for kind in execution.types() if not kind.startswith("Execution") and "State" not in kind]


def test_a_retried_task_succeeds_once_the_fault_is_used_up(cloud: Cloud, function: str) -> None:
    invoke = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": {"real": True}},
        "Output": "{% $states.result.Payload %}",
        "Retry": RETRY,
        "End": True,
    }
    machine = cloud.machine({"Work": invoke})
    fail(cloud, machine, "Work", times=2)
    execution = run(cloud, machine)
    assert (execution.status, execution.output) == ("SUCCEEDED", {"real": True})
    attempt = ["TaskScheduled", "TaskStarted"]
    assert failing_in_turn(execution) == [*attempt, "TaskFailed", *attempt, "TaskFailed", *attempt, "TaskSucceeded"]
    assert details(execution, "TaskFailed") == 2 * [
        {"resourceType": "lambda", "resource": "invoke", "error": THROTTLED, "cause": "On purpose"}
    ]
    assert thrown(cloud) == [2]
    assert run(cloud, machine).types().count("TaskFailed") == 0


def test_a_function_by_its_bare_arn_fails_with_the_event_of_its_own(cloud: Cloud, function: str) -> None:
    machine = cloud.machine({"Work": {"Type": "Task", "Resource": function, "End": True}})
    fail(cloud, machine, "Work")
    execution = run(cloud, machine)
    assert (execution.status, execution.error, execution.cause) == ("FAILED", THROTTLED, "On purpose")
    started = ["LambdaFunctionScheduled", "LambdaFunctionStarted"]
    assert failing_in_turn(execution) == [*started, "LambdaFunctionFailed"]
    assert details(execution, "LambdaFunctionFailed") == [{"error": THROTTLED, "cause": "On purpose"}]


@pytest.mark.parametrize(
    ("resource", "arguments", "expected"),
    [
        ("dynamodb:getItem", {"TableName": "none", "Key": {"id": {"S": "1"}}}, ("dynamodb", "getItem")),
        ("aws-sdk:s3:listBuckets", {}, ("aws-sdk:s3", "listBuckets")),
        ("sns:publish", {"TopicArn": "arn:aws:sns:us-east-1:111111111111:none", "Message": "m"}, ("sns", "publish")),
        ("sqs:sendMessage.waitForTaskToken", {"QueueUrl": "https://none", "MessageBody": "m"}, SQS),
        ("states:startExecution.sync:2", {"StateMachineArn": "{% $states.input.child %}"}, CHILD),
    ],
)
def test_catch_sees_the_fault_of_any_service(
    cloud: Cloud, resource: str, arguments: dict[str, Any], expected: tuple[str, str]
) -> None:
    child = cloud.machine({"Nothing": {"Type": "Succeed"}})
    task = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Arguments": arguments, "End": True}
    machine = cloud.machine({"Work": {**task, "Catch": CATCH}, "Caught": CAUGHT})
    fail(cloud, machine, "Work", "My.Own")
    execution = run(cloud, machine, {"child": child})
    assert (execution.status, execution.output) == ("SUCCEEDED", "My.Own")
    (failed,) = details(execution, "TaskFailed")
    assert (failed["resourceType"], failed["resource"]) == expected
    assert cloud.client("stepfunctions").list_executions(stateMachineArn=child)["executions"] == []


def in_inline_map(states: dict[str, Any]) -> dict[str, Any]:
    processor = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Work", "States": states}
    return {"Type": "Map", "Items": [1, 2, 3, 4, 5, 6], "ItemProcessor": processor, "End": True}


def in_distributed_map(states: dict[str, Any]) -> dict[str, Any]:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    processor = {"ProcessorConfig": config, "StartAt": "Work", "States": states}
    return {"Type": "Map", "Items": [1, 2, 3, 4, 5, 6], "ItemProcessor": processor, "End": True}


def in_parallel(states: dict[str, Any]) -> dict[str, Any]:
    idle = [{"StartAt": f"Pass {n}", "States": {f"Pass {n}": {"Type": "Pass", "End": True}}} for n in range(5)]
    return {"Type": "Parallel", "Branches": [{"StartAt": "Work", "States": states}, *idle], "End": True}


@pytest.mark.parametrize(
    ("around", "times", "expected"),
    [(in_inline_map, 4, 4), (in_distributed_map, 4, 4), (in_inline_map, None, 6), (in_parallel, 1, 1)],
)
def test_counts_attempts_of_all_threads_together(cloud: Cloud, around: Any, times: int | None, expected: int) -> None:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets",
        "Arguments": {},
        "Output": "fine",
        "Catch": CATCH,
        "End": True,
    }
    machine = cloud.machine({"Around": around({"Work": task, "Caught": CAUGHT})})
    fail(cloud, machine, "Work", "My.Own", times)
    execution = run(cloud, machine)
    assert execution.status == "SUCCEEDED", execution.cause
    assert execution.output.count("My.Own") == expected
    assert thrown(cloud) == [expected]


def test_a_timeout_is_a_timeout_in_the_history(cloud: Cloud) -> None:
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets", "Arguments": {}, "End": True}
    caught = [{"ErrorEquals": ["States.Timeout"], "Next": "Caught"}]
    machine = cloud.machine({"Work": {**task, "Catch": caught}, "Caught": CAUGHT})
    fail(cloud, machine, "Work", "States.Timeout")
    execution = run(cloud, machine)
    assert execution.status == "SUCCEEDED"
    assert failing_in_turn(execution) == ["TaskScheduled", "TaskStarted", "TaskTimedOut"]
    assert details(execution, "TaskTimedOut")[0]["error"] == "States.Timeout"


def test_faults_come_one_after_the_other_and_only_where_they_were_asked_for(cloud: Cloud) -> None:
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets", "Arguments": {}, "End": True}
    states = {"Work": {**task, "Catch": CATCH}, "Caught": CAUGHT}
    machine, other = cloud.machine(states), cloud.machine(states)
    first, second = fail(cloud, machine, "Work", "First"), fail(cloud, machine, "Work", "Second")
    assert first["id"] != second["id"]
    fail(cloud, machine, "Another", "Never")
    assert "Buckets" in run(cloud, other).output
    assert [run(cloud, machine).output for _ in range(2)] == ["First", "Second"]
    assert "Buckets" in run(cloud, machine).output
    fail(cloud, machine, "Work", "Cleared")
    control(cloud, "DELETE")
    assert "Buckets" in run(cloud, machine).output
    assert thrown(cloud) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, r"A fault is stateMachineArn, state, error, cause and times; given: None\."),
        ({"state": ""}, r"A fault's stateMachineArn, state, error, cause are texts; given: "),
        ({"times": 0}, r"A fault's times is a whole number, 1 or more, or null for every attempt, not 0\."),
        ({"times": True}, "not True"),
        ({"error": "States.ALL"}, "States.ALL stands for every error in a Retry or a Catch, and is none"),
    ],
)
def test_refuses_what_is_no_fault(cloud: Cloud, body: Any, message: str) -> None:
    good = {"stateMachineArn": "arn", "state": "Work", "error": "My.Own", "cause": "", "times": 1}
    with pytest.raises(LocalCloudError, match=message):
        control(cloud, "POST", body and good | body)
    assert thrown(cloud) == []


def test_says_which_paths_there_are(cloud: Cloud) -> None:
    with pytest.raises(
        LocalCloudError,
        match=r"doesn't know GET /_local/nothing\. Allowed: DELETE /_local/faults, DELETE /_local/s3-faults, GET",
    ):
        control(cloud, "GET", path="/_local/nothing")
    with pytest.raises(LocalCloudError, match="doesn't know PUT /_local/faults"):
        control(cloud, "PUT", {})
