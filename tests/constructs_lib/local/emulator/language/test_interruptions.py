"""What ends before its time: at once, and without a trace of what still goes on in it."""

import datetime as dt
import threading
import time
from typing import Any

import pytest
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext

from constructs_lib.local.emulator.language import interruptions
from tests.constructs_lib.local.emulator.conftest import Cloud
from tests.constructs_lib.local.emulator.waiting import types, until

pytestmark = pytest.mark.local

FAIL = {"Type": "Fail", "Error": "Broken", "Cause": "for good"}
PASS = {"Type": "Pass", "End": True}
NAP = "import time\ndef handler(event, context):\n    time.sleep(0.5)\n    return event"


def invoke(function: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function},
        "End": True,
    }


def test_should_write_nothing_more_of_the_branches_that_a_failed_one_ends(cloud: Cloud) -> None:
    slow = {"StartAt": "Slow", "States": {"Slow": {**invoke(cloud.function(NAP)), "End": True}}}
    waiting = {"StartAt": "Long", "States": {"Long": {"Type": "Wait", "Seconds": 600, "End": True}}}
    failing = {"StartAt": "First", "States": {"First": {"Type": "Wait", "Seconds": 1, "Next": "Fail"}, "Fail": FAIL}}
    # What runs for half a second is under way when the other fails.
    late = {"StartAt": "Before", "States": {"Before": {"Type": "Wait", "Seconds": 1, "Next": "Slow"}, **slow["States"]}}  # type: ignore[dict-item]
    catch = [{"ErrorEquals": ["Broken"], "Next": "After"}]
    states = {
        "Both": {"Type": "Parallel", "Branches": [failing, late, waiting], "Catch": catch, "Next": "After"},
        "After": {"Type": "Wait", "Seconds": 1, "End": True},
    }
    started = time.monotonic()
    ended = cloud.run(states)

    assert time.monotonic() - started < 4
    assert (ended.status, ended.output) == ("SUCCEEDED", {"Error": "Broken", "Cause": "for good"})
    assert ended.types()[ended.types().index("ParallelStateFailed") :] == [
        "ParallelStateFailed", "ParallelStateExited", "WaitStateEntered", "WaitStateExited", "ExecutionSucceeded",
    ]  # fmt: skip


def test_should_write_nothing_more_of_the_iterations_that_a_failed_one_ends(cloud: Cloud) -> None:
    choice = {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input = 0 %}", "Next": "Slow"}],
        "Default": "Soon",
    }
    soon = {"Type": "Wait", "Seconds": 1, "Next": "Fail"}
    slow = {"Type": "Wait", "Seconds": 2, "Next": "Never"}
    inner = {"Which": choice, "Slow": slow, "Never": PASS, "Soon": soon, "Fail": FAIL}
    each = {
        "Type": "Map",
        "Items": [0, 1],
        "ItemProcessor": {"StartAt": "Which", "States": inner},
        "Catch": [{"ErrorEquals": ["Broken"], "Next": "After"}],
        "Next": "After",
    }
    ended = cloud.run({"Each": each, "After": {"Type": "Wait", "Seconds": 2, "End": True}})

    assert ended.status == "SUCCEEDED"
    after = ended.types()[ended.types().index("MapStateFailed") :]
    assert after == ["MapStateFailed", "MapStateExited", "WaitStateEntered", "WaitStateExited", "ExecutionSucceeded"]


def test_should_start_no_iteration_in_a_branch_that_a_failed_one_ends(cloud: Cloud) -> None:
    def each(items: int, **more: Any) -> dict[str, Any]:
        processor = {"StartAt": "Item", "States": {"Item": PASS}}
        return {"Type": "Map", "Items": list(range(items)), "ItemProcessor": processor, **more}

    inner = {"StartAt": "Many", "States": {"Many": each(400, End=True)}}
    soon = {"StartAt": "Few", "States": {"Few": each(20, MaxConcurrency=1, Next="Fail"), "Fail": FAIL}}
    # State names are unique in a machine.
    soon["States"]["Few"]["ItemProcessor"] = {"StartAt": "One", "States": {"One": PASS}}  # type: ignore[index]
    both = {"Type": "Parallel", "Branches": [soon, inner], "Catch": [{"ErrorEquals": ["Broken"], "Next": "After"}]}
    states = {"Both": {**both, "Next": "After"}, "After": {"Type": "Wait", "Seconds": 1, "End": True}}
    machine = cloud.machine(states)
    for execution in [cloud.start(machine) for _ in range(3)]:
        told = cloud.wait(execution).types()

        assert told[told.index("ParallelStateFailed") :] == [
            "ParallelStateFailed", "ParallelStateExited", "WaitStateEntered", "WaitStateExited", "ExecutionSucceeded",
        ]  # fmt: skip


def an_environment() -> Any:
    return Environment(
        aws_execution_details=None,
        execution_type=None,
        context={"Execution": {"Input": {}}, "StateMachine": {}},
        event_history_context=EventHistoryContext.of_program_start(),
        cloud_watch_logging_session=None,
        activity_store={},
    )


def is_silent(env: Any) -> bool:
    return getattr(env.event_history_context, "is_silent", False)


def test_should_silence_an_attempt_before_it_wakes_who_waits_in_it() -> None:
    program = an_environment()
    attempt = interruptions._open_frame(program)
    iteration = interruptions._open_inner_frame(attempt)

    interruptions._set_ended(attempt)

    assert is_silent(attempt)
    assert is_silent(iteration)
    assert is_silent(interruptions._open_frame(iteration))
    # A branch that ends by itself has events to write.
    branch = interruptions._open_inner_frame(program)
    interruptions._set_ended(branch)
    assert not is_silent(branch)
    assert not is_silent(program)


def test_should_write_nothing_of_who_waited_for_its_turn_until_it_was_over() -> None:
    class Manager:
        turn = threading.RLock()

    written: list[str] = []
    add_event = interruptions._heeding(lambda _self, _context, kind: written.append(kind))
    context = EventHistoryContext.of_program_start()
    waiting = threading.Thread(target=add_event, args=(Manager(), context, "PassStateEntered"))
    with Manager.turn:
        waiting.start()
        time.sleep(0.05)
        context.is_silent = True
    waiting.join()

    assert written == []


def in_seconds(seconds: float, zone: dt.timezone = dt.UTC) -> str:
    return (dt.datetime.now(zone) + dt.timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("language", "fields"),
    [
        ("JSONata", {"Seconds": 600}),
        ("JSONata", {"Seconds": "{% 600 %}"}),
        ("JSONata", {"Timestamp": "{% $states.input.at %}"}),
        ("JSONPath", {"SecondsPath": "$.seconds"}),
        ("JSONPath", {"TimestampPath": "$.at"}),
        pytest.param("JSONPath", {"Timestamp": in_seconds(600)}, id="JSONPath-Timestamp"),
    ],
    ids=str,
)
def test_should_end_a_wait_at_once_when_stopped(cloud: Cloud, language: str, fields: dict[str, Any]) -> None:
    machine = cloud.machine({"Long": {"Type": "Wait", **fields, "End": True}}, QueryLanguage=language)
    execution = cloud.start(machine, {"seconds": 600, "at": in_seconds(600)})
    until(lambda: "WaitStateEntered" in types(cloud, execution))
    cloud.client("stepfunctions").stop_execution(executionArn=execution, error="Enough", cause="said so")

    ended = cloud.wait(execution, 1)
    assert (ended.status, ended.types()[-2:]) == ("ABORTED", ["WaitStateEntered", "ExecutionAborted"])
    time.sleep(0.2)
    assert types(cloud, execution)[-1] == "ExecutionAborted"


@pytest.mark.parametrize("zone", [dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=30))], ids=str)
def test_should_wait_until_a_moment_whatever_its_zone(cloud: Cloud, zone: dt.timezone) -> None:
    machine = cloud.machine({"Until": {"Type": "Wait", "Timestamp": "{% $states.input %}", "End": True}})
    started = time.monotonic()
    ended = cloud.wait(cloud.start(machine, in_seconds(1.2, zone)), 5)

    assert ended.status == "SUCCEEDED"
    assert 1 < time.monotonic() - started < 2.5


def test_should_not_wait_for_a_moment_that_has_passed(cloud: Cloud) -> None:
    wait = {"Type": "Wait", "TimestampPath": "$", "End": True}
    machine = cloud.machine({"Until": wait}, QueryLanguage="JSONPath")

    assert cloud.wait(cloud.start(machine, in_seconds(-600)), 2).status == "SUCCEEDED"
    ended = cloud.wait(cloud.start(machine, in_seconds(600).rstrip("Z")), 2)
    assert (ended.status, ended.error) == ("FAILED", "States.Runtime")
    assert "does not reference a valid ISO-8601 extended offset date-time format string" in ended.cause


@pytest.mark.parametrize(
    ("listed", "error", "caught"),
    [
        (["States.ALL"], "Broken", True),
        (["States.TaskFailed"], "Broken", True),
        (["States.ALL"], "States.Runtime", False),
        (["States.ALL"], "States.DataLimitExceeded", False),
        (["States.DataLimitExceeded"], "States.DataLimitExceeded", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.Timeout"], "States.Timeout", True),
        (["States.HeartbeatTimeout"], "States.Timeout", False),
    ],
    ids=str,
)
def test_should_catch_what_awss_wildcards_cover(cloud: Cloud, listed: list[str], error: str, *, caught: bool) -> None:
    branch = {"StartAt": "Fail", "States": {"Fail": {"Type": "Fail", "Error": error, "Cause": "so"}}}
    catch = [{"ErrorEquals": listed, "Next": "Caught"}]
    states = {"One": {"Type": "Parallel", "Branches": [branch], "Catch": catch, "End": True}, "Caught": PASS}
    ended = cloud.run(states)

    assert (ended.status, ended.error) == (("SUCCEEDED", None) if caught else ("FAILED", error))
