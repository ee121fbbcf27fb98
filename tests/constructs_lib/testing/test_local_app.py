"""What needs no cloud: which tasks a definition has, which of them can fail on purpose, and what a history tells."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from constructs_lib.local import UsageError
from constructs_lib.testing import CompletedExecution, LocalApp
from constructs_lib.testing.faults import task_states

if TYPE_CHECKING:
    from constructs_lib.testing.local_app import Deployment

ACTIVITY = "arn:aws:states:us-east-1:111111111111:activity:hands"
FUNCTION = "arn:aws:lambda:us-east-1:111111111111:function:f"


def task(resource: str) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, "End": True}


def machine(**states: Any) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


DEFINITION = machine(
    First=task(FUNCTION),
    Side={
        "Type": "Parallel",
        "Branches": [machine(Left=task("arn:aws:states:::sns:publish")), machine(P={"Type": "Pass"})],
    },
    Each={"Type": "Map", "ItemProcessor": machine(Inner={"Type": "Map", "Iterator": machine(Deep=task(ACTIVITY))})},
)


class OneMachine:
    """A deployment of one machine."""

    def __init__(self) -> None:
        self.machines = {"arn:aws:states:us-east-1:111111111111:stateMachine:m": {"m"}}

    def tasks(self, _: str) -> dict[str, str]:
        return task_states(DEFINITION)

    cloud = SimpleNamespace(endpoint=None)

    def find(self, name: str) -> tuple[None, str] | None:
        return (None, "files") if name == "Files" else None

    def names(self) -> list[str]:
        return ["Files"]


def test_should_find_tasks_wherever_they_are_nested() -> None:
    assert task_states(DEFINITION) == {
        "First": FUNCTION,
        "Left": "arn:aws:states:::sns:publish",
        "Deep": ACTIVITY,
    }


def test_should_leave_an_activity_to_its_worker() -> None:
    app = LocalApp(cast("Deployment", OneMachine()), "test/")
    with pytest.raises(UsageError, match=r"The task 'Deep' waits for an activity's worker\. Fix: let the worker Send"):
        app.fail_task("Deep", error="My.Error")
    with pytest.raises(UsageError, match=r"^m has no Task state 'Pass'\. Allowed: 'First', 'Left', 'Deep'\.$"):
        app.fail_task("Pass", error="My.Error", state_machine="m")


@pytest.mark.parametrize(
    ("operation", "bucket", "options", "message"),
    [
        ("Get", "Files", {}, r"operation 'Get' can't be made to fail\. Allowed: GetObject, HeadObject, PutObject, "),
        ("GetObject", "File", {}, r"No stack has 'File'\. Allowed: Files\."),
        ("GetObject", "Files", {"error": "Slow"}, r"error 'Slow' can't be made to fail\. Allowed: SlowDown, "),
        (
            "GetObject",
            "Files",
            {"key": ""},
            r"key of GetObject is empty\. Allowed: a key, with \* for any characters\.",
        ),
        ("GetObject", "Files", {"times": 0}, r"times is 0\. Allowed: 1 or more, or None for every request\."),
        ("GetObject", "Files", {"times": True}, r"times is True\. Allowed: 1 or more"),
    ],
)
def test_should_refuse_what_s3_does_not_do(operation: str, bucket: str, options: dict[str, Any], message: str) -> None:
    app = LocalApp(cast("Deployment", OneMachine()), "test/")
    with pytest.raises(UsageError, match=message):
        app.fail_s3(operation, bucket, **options)


class History:
    """A client that has one history, in two pages."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self._events = events

    def get_paginator(self, _: str) -> History:
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"events": self._events[:3]}, {"events": self._events[3:]}]


def event(number: int, previous: int, kind: str, name: str | None = None) -> dict[str, Any]:
    entered = {} if name is None else {"stateEnteredEventDetails": {"name": name}}
    return {"id": number, "previousEventId": previous, "type": kind, **entered}


def test_should_count_attempts_by_state_though_branches_are_interleaved() -> None:
    history = History(
        event(1, 0, "ExecutionStarted"),
        event(2, 0, "ParallelStateEntered", "Both"),
        event(3, 2, "TaskStateEntered", "A"),
        event(4, 2, "TaskStateEntered", "B"),
        event(5, 4, "LambdaFunctionScheduled"),
        event(6, 3, "TaskScheduled"),
        event(7, 6, "TaskStarted"),
        event(8, 5, "LambdaFunctionStarted"),
        event(9, 7, "TaskFailed"),
        event(10, 9, "TaskScheduled"),
    )
    execution = CompletedExecution("arn", "FAILED", error="E", _client=history)
    assert execution.states == ("Both", "A", "B")
    assert [execution.attempts(state) for state in ("A", "B", "Both", "C")] == [2, 1, 0, 0]
    assert repr(execution) == (
        "CompletedExecution(execution_arn='arn', status='FAILED', output=None, error='E', cause=None)"
    )
