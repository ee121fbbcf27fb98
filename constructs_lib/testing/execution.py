"""Executions as a test sees them: one that runs, to wait for, and one that is over, with what it went through."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from constructs_lib.local.execution import ExecutionResult

DEFAULT_TIMEOUT = 60.0  # seconds
_SHORTEST_POLL, _LONGEST_POLL = 0.02, 0.25  # seconds


@dataclass(frozen=True)
class CompletedExecution(ExecutionResult):
    """An execution that is over: `execution_arn`, `status`, `output`, `error`, `cause`, and its history.

    ::

        execution = local_app.run("Numbers", {"n": 3})
        assert execution.succeeded
        assert execution.output == {"doubled": 6}
        assert execution.states == ("Validate", "Double")

    The history is read when it is first asked for, and is empty for an Express workflow, as on AWS.
    """

    _client: Any = field(default=None, repr=False, compare=False)
    _has_history: bool = field(default=True, repr=False, compare=False)

    @cached_property
    def events(self) -> tuple[dict[str, Any], ...]:
        """The history, as GetExecutionHistory gives it: `type`, `id`, `previousEventId`, `timestamp`, details."""
        return _events(self._client, self.execution_arn) if self._has_history else ()

    @property
    def states(self) -> tuple[str, ...]:
        """The names of the states in the order in which they were entered, each as often as it was.

        Those of an inline Map's iterations and of a Parallel's branches are among them, those of a Distributed Map's
        child executions aren't: see `children`.
        """
        return _states(self.events)

    def attempts(self, state: str) -> int:
        """Return how many times the Task state called what it calls, retries and all iterations of a Map included.

        It is 0 for a state that wasn't entered.
        """
        by_id = {event["id"]: event for event in self.events}
        return sum(
            event["type"] in _SCHEDULED and _entered(by_id[event["previousEventId"]], by_id) == state
            for event in self.events
        )

    @cached_property
    def children(self) -> tuple[CompletedExecution, ...]:
        """The child executions of its Distributed Maps, in the order in which they were started."""
        found = []
        for page in self._client.get_paginator("list_map_runs").paginate(executionArn=self.execution_arn):
            for run in page["mapRuns"]:
                arn = run["mapRunArn"]
                for children in self._client.get_paginator("list_executions").paginate(mapRunArn=arn):
                    found += children["executions"]
        found.sort(key=lambda child: child["startDate"])
        described = (self._client.describe_execution(executionArn=child["executionArn"]) for child in found)
        return tuple(completed(self._client, child) for child in described)


_SCHEDULED = {"TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled"}


def _entered(event: dict[str, Any], by_id: dict[int, dict[str, Any]] | None = None) -> str:
    """Return the name of the state that an event belongs to: its own, or that of the event that it goes back to."""
    while by_id is not None and "stateEnteredEventDetails" not in event:
        event = by_id[event["previousEventId"]]
    return str(event["stateEnteredEventDetails"]["name"])


def _events(client: Any, arn: str) -> tuple[dict[str, Any], ...]:
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
    return tuple(event for page in pages for event in page["events"])


def _states(events: tuple[dict[str, Any], ...]) -> tuple[str, ...]:
    return tuple(_entered(event) for event in events if "stateEnteredEventDetails" in event)


def completed(client: Any, described: dict[str, Any], *, has_history: bool = True) -> CompletedExecution:
    """Return what DescribeExecution or StartSyncExecution says of an execution that is over."""
    output = described.get("output")
    return CompletedExecution(
        execution_arn=described["executionArn"],
        status=described["status"],
        output=None if output is None else json.loads(output),
        error=described.get("error"),
        cause=described.get("cause"),
        _client=client,
        _has_history=has_history,
    )


@dataclass(frozen=True)
class RunningExecution:
    """An execution that was started: `execution_arn`, and ways to wait for it and to stop it."""

    execution_arn: str
    _client: Any = field(repr=False)

    @property
    def status(self) -> str:
        """What it is now: RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""
        return str(self._client.describe_execution(executionArn=self.execution_arn)["status"])

    @property
    def states(self) -> tuple[str, ...]:
        """The names of the states that were entered so far; see `CompletedExecution.states`."""
        return _states(_events(self._client, self.execution_arn))

    def wait(self, timeout: float = DEFAULT_TIMEOUT) -> CompletedExecution:
        """Wait until it is over, and return how it ended, failed or not.

        Raises `TimeoutError`, with the state that it is in, when it still runs after `timeout` seconds; it goes on.
        """
        deadline, pause = time.monotonic() + timeout, _SHORTEST_POLL
        while (described := self._client.describe_execution(executionArn=self.execution_arn))["status"] == "RUNNING":
            if time.monotonic() > deadline:
                last = ", ".join(map(repr, self.states[-1:])) or "none"
                raise TimeoutError(
                    f"{self.execution_arn} still runs after {timeout:g} s; the state entered last: {last}. "
                    "Fix: give a longer timeout, or see what that state waits for."
                )
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_POLL)
        return completed(self._client, described)

    def stop(self, error: str = "Stopped", cause: str = "The test stopped it.") -> CompletedExecution:
        """Stop it, as StopExecution does, and return how it ended: its status is ABORTED unless it was over before."""
        self._client.stop_execution(executionArn=self.execution_arn, error=error, cause=cause)
        return self.wait()
