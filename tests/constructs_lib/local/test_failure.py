"""Why an execution failed, followed to where it began."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from constructs_lib.local import failure
from constructs_lib.local.timeline import Event, Timeline
from tests.constructs_lib.local.histories import START, Written

REQUEST = "10877eb4-322b-44fc-957d-27cba7624502"
CAUSE = json.dumps(
    {
        "errorMessage": "no luck",
        "errorType": "Busy",
        "requestId": REQUEST,
        "stackTrace": ["  File x, line 5\n    raise\n"],
    }
)


class Cloud:
    """What an emulator would answer: histories by execution, and one function's log."""

    def __init__(self, **histories: list[Event]) -> None:
        self.histories = histories
        self.exceptions = self
        self.failed: list[dict[str, Any]] = []

    ResourceNotFoundException = KeyError

    def client(self, service: str, arn: str) -> Any:
        return self

    def get_execution_history(self, *, executionArn: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        if executionArn not in self.histories:
            raise ClientError({"Error": {"Code": "ExecutionDoesNotExist"}}, "GetExecutionHistory")
        return {"events": self.histories[executionArn][::-1]}

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        if FunctionName == "absent":
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetFunctionConfiguration")
        return {"FunctionName": FunctionName, "LoggingConfig": {"LogGroup": "/own/group"}}

    def filter_log_events(self, **request: Any) -> dict[str, Any]:
        assert request["logGroupName"] == "/own/group"
        lines = [
            "START RequestId: earlier Version: 1",
            "earlier",
            f"START RequestId: {REQUEST} Version: 1",
            *(f"line {n}" for n in range(20)),
            f"END RequestId: {REQUEST}",
            "START RequestId: later Version: 1",
        ]
        if "filterPattern" in request:
            lines = [line for line in lines if request["filterPattern"].strip('"') in line]
        else:
            assert request["logStreamNames"] == ["stream"]
        return {"events": [{"message": line, "timestamp": 0, "logStreamName": "stream"} for line in lines]}

    def get_paginator(self, name: str) -> Any:
        assert name == "list_executions"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        assert request == {"mapRunArn": "map-run", "statusFilter": "FAILED"}
        return [{"executions": self.failed}]

    def find(self, arn: str) -> list[str]:
        found = failure.find(self.client, arn, Timeline(self.histories[arn]))
        return [] if found is None else list(found.lines())


def failing(function: str = "work", cause: str = CAUSE) -> list[Event]:
    history = Written()
    failed = history.try_in_vain(history.enter("Task", "Work", 0), "Busy", cause, function)
    return history.end("Failed", failed, error="Busy", cause=cause)


def test_the_state_the_error_the_cause_and_the_log() -> None:
    assert Cloud(main=failing()).find("main") == [
        "state  Work (Task, lambda:invoke)",
        "error  Busy",
        "cause  Busy: no luck",
        "         File x, line 5",
        "           raise",
        "log    the last lines of /own/group",
        *(f"       | line {n}" for n in range(10, 20)),
    ]


def test_a_function_that_is_not_there_has_no_log() -> None:
    lines = Cloud(main=failing("absent", "no such function")).find("main")
    assert lines == ["state  Work (Task, lambda:invoke)", "error  Busy", "cause  no such function"]


def test_the_attempt_that_failed_last() -> None:
    history = Written()
    failed = history.try_in_vain(history.enter("Task", "Work", 0), "Busy")
    failed = history.try_in_vain(failed, "Busy", function="absent")
    assert Cloud(main=history.end("Failed", failed)).find("main")[0] == "state  Work (Task, lambda:invoke), attempt 2"


def test_the_execution_that_a_task_waited_for() -> None:
    history = Written()
    scheduled = history.event(
        "TaskScheduled", history.enter("Task", "Nest", 0), resourceType="states", resource="startExecution.sync:2"
    )
    submitted = history.event("TaskSubmitted", scheduled, output=json.dumps({"ExecutionArn": "child"}))
    failed = history.fail(submitted, "States.TaskFailed", json.dumps({"ExecutionArn": "child"}))
    lines = Cloud(main=history.end("Failed", failed), child=failing()).find("main")
    assert lines[:4] == [
        "state  Nest (Task, states:startExecution.sync:2)",
        "error  States.TaskFailed",
        "inside the execution child",
        "  state  Work (Task, lambda:invoke)",
    ]
    assert "         | line 19" in lines


def test_the_failure_that_was_caught_before_a_fail_state() -> None:
    history = Written()
    caught = history.exit("Task", "Work", history.try_in_vain(history.enter("Task", "Work", 0), "Busy", CAUSE))
    given_up = history.enter("Fail", "Give up", history.pass_through("Clean up", caught))
    lines = Cloud(main=history.end("Failed", given_up, error="No", cause="enough")).find("main")
    assert lines[:6] == [
        "state  Give up (Fail)",
        "error  No",
        "cause  enough",
        "before it, this was caught",
        "  state  Work (Task, lambda:invoke)",
        "  error  Busy",
    ]
    assert lines[-1] == "         | line 19"


def test_a_long_line_of_a_log_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("constructs_lib.local.handler_logs.invocation_lines", lambda *_, **__: ["x" * 10_000])
    assert Cloud(main=failing()).find("main")[-1] == f"       | {'x' * 500} … (9,500 more characters)"


def test_the_child_execution_that_failed_first() -> None:
    history = Written()
    entered = history.event("MapStateStarted", history.enter("Map", "Many", 0), length=3)
    run = history.event("MapRunStarted", entered, mapRunArn="map-run")
    failed = history.event("MapRunFailed", run, error="States.ExceedToleratedFailureThreshold", cause="too many")
    events = history.end("Failed", history.event("MapStateFailed", failed))
    cloud = Cloud(main=events, early=failing())
    assert cloud.find("main") == [
        "state  Many (Map)",
        "error  States.ExceedToleratedFailureThreshold",
        "cause  too many",
    ]
    cloud.failed = [
        {"executionArn": name, "stopDate": START + timedelta(seconds=n)} for n, name in [(2, "late"), (1, "early")]
    ]
    lines = cloud.find("main")
    assert lines[2:4] == [
        "inside the first of 2 failed child executions, early",
        "  state  Work (Task, lambda:invoke)",
    ]
    del cloud.histories["early"]
    assert cloud.find("main")[:2] == lines[:2]


def test_the_item_that_failed_its_map() -> None:
    history = Written()
    started = history.event("MapStateStarted", history.enter("Map", "Each", 0), length=2)
    item = history.event("MapIterationStarted", started, name="Each", index=1)
    failed = history.try_in_vain(history.enter("Task", "Work", item), "Busy", CAUSE)
    history.event("MapIterationFailed", failed, name="Each", index=1)
    lines = Cloud(main=history.end("Failed", history.event("MapStateFailed", failed))).find("main")
    assert lines[0] == "state  Work [1] (Task, lambda:invoke)"


def test_an_execution_that_was_stopped_has_no_failed_state() -> None:
    history = Written()
    history.enter("Wait", "Slow", 0)
    assert Cloud(main=history.end("Aborted", 0)).find("main") == []


@pytest.mark.parametrize(
    ("cause", "lines"),
    [
        ("as it is", ["as it is"]),
        ('{"errorMessage": "only a message"}', ["only a message"]),
        ('{"a": [1]}', ["{", '  "a": [', "    1", "  ]", "}"]),
        ("5", ["5"]),
        ("x" * 2500, ["x" * 2000 + " … (500 more characters)"]),
    ],
)
def test_a_cause_as_lines(cause: str, lines: list[str]) -> None:
    assert failure.pretty_cause(cause) == lines
