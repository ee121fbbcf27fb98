"""Histories written by hand, as GetExecutionHistory gives them: an event a line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from constructs_lib.local.timeline import Event

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DETAILS = {
    "ExecutionStarted": "executionStartedEventDetails",
    "ExecutionFailed": "executionFailedEventDetails",
    "ExecutionRedriven": "executionRedrivenEventDetails",
    "TaskScheduled": "taskScheduledEventDetails",
    "TaskFailed": "taskFailedEventDetails",
    "TaskTimedOut": "taskTimedOutEventDetails",
    "TaskSubmitted": "taskSubmittedEventDetails",
    "LambdaFunctionScheduled": "lambdaFunctionScheduledEventDetails",
    "LambdaFunctionFailed": "lambdaFunctionFailedEventDetails",
    "EvaluationFailed": "evaluationFailedEventDetails",
    "MapStateStarted": "mapStateStartedEventDetails",
    "MapIterationStarted": "mapIterationStartedEventDetails",
    "MapIterationSucceeded": "mapIterationSucceededEventDetails",
    "MapIterationFailed": "mapIterationFailedEventDetails",
    "MapRunStarted": "mapRunStartedEventDetails",
    "MapRunFailed": "mapRunFailedEventDetails",
}


class Written:
    """A history being written; `event` adds one, a tenth of a second after the one before, and returns its id."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.event("ExecutionStarted", 0, input="{}")

    def event(self, kind: str, previous: int, **told: Any) -> int:
        number = len(self.events) + 1
        event: Event = {
            "id": number,
            "previousEventId": previous,
            "timestamp": START + timedelta(seconds=(number - 1) / 10),
            "type": kind,
        }
        key = DETAILS.get(kind)
        if kind.endswith("StateEntered"):
            key = "stateEnteredEventDetails"
        elif kind.endswith("StateExited"):
            key = "stateExitedEventDetails"
        if told:
            assert key is not None, kind
            event[key] = told
        self.events.append(event)
        return number

    def enter(self, kind: str, name: str, previous: int, **told: Any) -> int:
        return self.event(f"{kind}StateEntered", previous, name=name, **({"input": "{}"} | told))

    def exit(self, kind: str, name: str, previous: int, **told: Any) -> int:
        return self.event(f"{kind}StateExited", previous, name=name, **({"output": "{}"} | told))

    def pass_through(self, name: str, previous: int) -> int:
        return self.exit("Pass", name, self.enter("Pass", name, previous))

    def invoke(self, previous: int, function: str = "work") -> int:
        parameters = json.dumps({"FunctionName": function})
        scheduled = self.event(
            "TaskScheduled", previous, resourceType="lambda", resource="invoke", parameters=parameters
        )
        return self.event("TaskStarted", scheduled)

    def fail(self, previous: int, error: str, cause: str = "") -> int:
        return self.event("TaskFailed", previous, resourceType="lambda", resource="invoke", error=error, cause=cause)

    def try_in_vain(self, previous: int, error: str, cause: str = "", function: str = "work") -> int:
        return self.fail(self.invoke(previous, function), error, cause)

    def end(self, kind: str, previous: int, **told: Any) -> list[Event]:
        self.event(f"Execution{kind}", previous, **told)
        return self.events
