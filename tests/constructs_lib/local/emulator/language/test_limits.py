"""The service's limits: payloads, variables, events, time."""

import json
import time
from dataclasses import dataclass
from typing import Any

import pytest

from tests.constructs_lib.local.emulator.conftest import Cloud
from tests.constructs_lib.local.emulator.services.test_api import express_machine

pytestmark = pytest.mark.local

LIMIT = 262_144
EXCEEDED = "States.DataLimitExceeded"
PASS = {"Type": "Pass", "End": True}


def text(size: int) -> str:
    """A JSONata expression: a text that takes `size` bytes as JSON."""
    return f"{{% $pad('', {size - 2}, 'x') %}}"


def cause_of(task: str) -> str:
    return f"The state/task '{task}' returned a result with a size exceeding the maximum number of bytes service limit."


@pytest.mark.parametrize(("size", "error"), [(LIMIT, None), (LIMIT + 1, EXCEEDED)])
def test_should_hold_a_states_output_to_the_limit(cloud: Cloud, size: int, error: str | None) -> None:
    ended = cloud.run({"Make": {**PASS, "Output": text(size)}})

    assert (ended.error, ended.cause) == (error, cause_of("Make") if error else "")
    if error:
        # Recorded on AWS: no event of the state's.
        assert ended.types() == ["ExecutionStarted", "PassStateEntered", "ExecutionFailed"]


def test_should_measure_an_output_in_bytes(cloud: Cloud) -> None:
    half = LIMIT // 2

    assert cloud.run({"Make": {**PASS, "Output": f"{{% $pad('', {half - 1}, 'é') %}}"}}).status == "SUCCEEDED"
    assert cloud.run({"Make": {**PASS, "Output": f"{{% $pad('', {half}, 'é') %}}"}}).error == EXCEEDED


def nested(kind: str, size: int) -> dict[str, Any]:
    """A Map or Parallel whose four results have `size` bytes each."""
    branch: dict[str, Any] = {"StartAt": "Make", "States": {"Make": {**PASS, "Output": text(size)}}}
    if kind == "Parallel":
        names = [f"Make {number}" for number in range(4)]
        branches = [{"StartAt": name, "States": {name: branch["States"]["Make"]}} for name in names]
        return {"Type": "Parallel", "Branches": branches, "End": True}
    config = {"Mode": "INLINE"} if kind == "Map" else {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
    return {"Type": "Map", "Items": [1, 2, 3, 4], "ItemProcessor": {**branch, "ProcessorConfig": config}, "End": True}


@pytest.mark.parametrize("kind", ["Map", "Parallel", "Distributed"])
@pytest.mark.parametrize("trimmed", [False, True])
def test_should_hold_the_result_of_many_to_the_limit_whatever_becomes_of_it(
    cloud: Cloud, kind: str, trimmed: bool
) -> None:
    caught = {"ErrorEquals": ["States.ALL"], "Next": "Caught"}
    # Four results, three commas, two brackets.
    fits, exceeds = nested(kind, (LIMIT - 5) // 4), nested(kind, LIMIT // 4)
    output = {"Output": "small"} if trimmed else {}

    ended = cloud.run({"All": {**fits, **output}})
    assert ended.status == "SUCCEEDED", ended.cause
    ended = cloud.run({"All": {**exceeds, **output, "Catch": [caught]}, "Caught": PASS})
    assert (ended.status, ended.error, ended.cause) == ("FAILED", EXCEEDED, cause_of("All"))


@pytest.mark.parametrize("resource", ["arn:aws:states:::lambda:invoke", "function"])
def test_should_hold_a_functions_response_to_the_limit(cloud: Cloud, resource: str) -> None:
    function = cloud.function("def handler(event, context):\n    return 'x' * event['size']")
    is_plain = resource == "function"
    # With its quotes one byte too many.
    given = {"size": LIMIT - 1}
    work = {
        "Type": "Task",
        "Resource": function if is_plain else resource,
        "Arguments": given if is_plain else {"FunctionName": function, "Payload": given},
        "Catch": [{"ErrorEquals": [EXCEEDED], "Output": "{% $states.errorOutput %}", "Next": "Caught"}],
        "End": True,
    }
    ended = cloud.run({"Work": work, "Caught": PASS})

    # Recorded on AWS: the task fails, and a Catch by the error's name sees it.
    assert ended.output == {"Error": EXCEEDED, "Cause": cause_of(function if is_plain else "lambda")}
    assert ("LambdaFunctionFailed" if is_plain else "TaskFailed") in ended.types()


def test_should_hold_what_a_task_is_given_to_the_limit(cloud: Cloud) -> None:
    function = cloud.function("def handler(event, context):\n    return len(event)")
    work = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": text(LIMIT)},
        "End": True,
    }
    ended = cloud.run({"Work": work})

    assert (ended.status, ended.error) == ("FAILED", EXCEEDED)
    assert "TaskScheduled" not in ended.types()


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({"a": LIMIT}, None),
        ({"a": LIMIT + 1}, EXCEEDED),
        ({"a": LIMIT // 2, "b": LIMIT // 2}, None),
        ({"a": LIMIT // 2, "b": LIMIT // 2 + 1}, EXCEEDED),
    ],
)
def test_should_hold_the_variables_of_one_assignment_to_the_limit(
    cloud: Cloud, variables: dict[str, int], error: str | None
) -> None:
    assign = {name: text(size) for name, size in variables.items()}

    assert cloud.run({"Set": {**PASS, "Assign": assign, "Output": "done"}}).error == error


def test_should_hold_an_executions_variables_to_the_limit(cloud: Cloud) -> None:
    def states(number: int) -> dict[str, Any]:
        each = {
            f"Set {index}": {
                "Type": "Pass",
                "Assign": {f"v{index}": text(LIMIT)},
                "Output": "set",
                "Next": f"Set {index + 1}",
            }
            for index in range(number)
        }
        return {**each, f"Set {number}": PASS}

    # 10 MiB are forty of them.
    assert cloud.run(states(40)).status == "SUCCEEDED"
    ended = cloud.run(states(41))
    assert (ended.status, ended.error) == ("FAILED", EXCEEDED)


def loop(limit: int) -> dict[str, Any]:
    """Four events a turn, and two of the last state's."""
    return {
        "Count": {
            "Type": "Pass",
            "Parameters": {"n.$": "States.MathAdd($.n, 1)"},
            "Next": "Enough",
        },
        "Enough": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericLessThan": limit, "Next": "Count"}],
            "Default": "Done",
        },
        "Done": {"Type": "Succeed"},
    }


FULL = "The execution reached the maximum number of history events (25000)."


def test_should_end_a_standard_execution_whose_history_is_full(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    # ExecutionStarted, 6,249 turns, the last state and ExecutionSucceeded: 25,000 - 1 events; a turn more is too many.
    fits = cloud.start(cloud.machine(loop(6249), QueryLanguage="JSONPath"), {"n": 0})
    full = cloud.start(cloud.machine(loop(6250), QueryLanguage="JSONPath"), {"n": 0})

    described = [cloud_end(cloud, arn) for arn in (fits, full)]
    assert described[0]["status"] == "SUCCEEDED"
    assert (described[1]["status"], described[1]["error"], described[1]["cause"]) == ("FAILED", "States.Runtime", FULL)
    (last,) = states.get_execution_history(executionArn=full, reverseOrder=True, maxResults=1)["events"]
    assert (last["id"], last["type"]) == (25_000, "ExecutionFailed")
    assert last["executionFailedEventDetails"] == {"error": "States.Runtime", "cause": FULL}


def test_should_end_a_map_in_a_full_history_and_let_an_express_execution_go_on(cloud: Cloud) -> None:
    # Eight events an iteration.
    states = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "C"}, "C": PASS}
    mapped = {
        "Type": "Map",
        "Items": "{% [1..3200] %}",
        "ItemProcessor": {"StartAt": "A", "States": states},
        "Output": "done",
        "End": True,
    }
    ended = cloud_end(cloud, cloud.start(cloud.machine({"Each": mapped})))
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "States.Runtime", FULL)

    express = cloud.client("stepfunctions").start_sync_execution(
        stateMachineArn=express_machine(cloud, {"Each": mapped})
    )
    assert express["status"] == "SUCCEEDED", express


def cloud_end(cloud: Cloud, arn: str, seconds: float = 60) -> dict[str, Any]:
    """Like `wait`, without the history."""
    states = cloud.client("stepfunctions")
    deadline = time.monotonic() + seconds
    while (described := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    found: dict[str, Any] = described
    return found


def test_should_run_forty_iterations_at_a_time_and_any_number_one_after_the_other(cloud: Cloud) -> None:
    waits = {"Wait": {"Type": "Wait", "Seconds": 1, "End": True}}

    def mapped(states: dict[str, Any], number: int, **more: Any) -> dict[str, Any]:
        processor = {"StartAt": next(iter(states)), "States": states}
        return {"Type": "Map", "Items": f"{{% [1..{number}] %}}", "ItemProcessor": processor, "End": True, **more}

    started = time.monotonic()
    assert cloud.run({"Each": mapped(waits, 41)}).output == list(range(1, 42))
    assert time.monotonic() - started > 2
    # moto's worker calls itself for each.
    assert cloud.run({"Each": mapped({"Echo": PASS}, 1500, MaxConcurrency=1)}).output == list(range(1, 1501))


def test_should_time_an_express_execution_out(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    waits = {"Wait": {"Type": "Wait", "Seconds": 30, "End": True}}
    machine = express_machine(cloud, waits, TimeoutSeconds=1)

    answer = states.start_sync_execution(stateMachineArn=machine)
    assert (answer["status"], answer["error"]) == ("TIMED_OUT", "States.Timeout")
    assert 1000 < answer["billingDetails"]["billedDurationInMilliseconds"] < 3000
    assert cloud.wait(cloud.start(machine)).status == "TIMED_OUT"


@dataclass
class Seconds:
    timeout_seconds: int


@dataclass
class Program:
    timeout_seconds: Seconds | None


@pytest.mark.parametrize(
    ("own", "is_express", "expected"),
    [(None, False, None), (3600, False, 3600), (None, True, 300), (3600, True, 300), (60, True, 60)],
)
def test_should_give_an_express_execution_five_minutes(own: int | None, is_express: bool, expected: int | None) -> None:
    from constructs_lib.local.emulator.language.limits import timeout_seconds

    assert timeout_seconds(Program(None if own is None else Seconds(own)), is_express) == expected


def test_should_run_express_children_under_arns_of_their_own(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    ended = cloud.run({"Each": {**nested("Distributed", 10), "Label": "Each"}})
    map_run = cloud.map_run(ended.arn)["mapRunArn"]

    children = states.list_executions(mapRunArn=map_run)["executions"]
    machine = states.describe_execution(executionArn=ended.arn)["stateMachineArn"].rpartition(":")[2]
    assert {child["executionArn"].split(":", 5)[5].partition("/")[0] for child in children} == {f"express:{machine}"}
    described = states.describe_execution(executionArn=children[0]["executionArn"])
    assert (described["status"], json.loads(described["output"])) == ("SUCCEEDED", "x" * 8)
