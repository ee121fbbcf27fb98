"""Why an execution failed: the state, its error and cause, and what its Lambda function last wrote.

A failure is followed to where it began: into the child execution of a Map Run that failed first, into the execution
that a task started and waited for, and from a Fail state to the failure that a Catch took before it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from constructs_lib.local import handler_logs
from constructs_lib.local.history import History
from constructs_lib.local.timeline import Timeline, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from constructs_lib.local.timeline import Failure, StateRun

    Clients = Callable[[str, str], Any]

_LOG_LINES = 10
_DEEPEST = 8
_WIDEST, _WIDEST_LOG_LINE = 2_000, 500


@dataclass(frozen=True)
class FailedState:
    """A state that failed, and in which execution. `log` is the end of what its function wrote, in `log_group`.

    `inner` is the failure behind this one; `where` says where that is.
    """

    execution_arn: str
    run: StateRun
    log: tuple[str, ...] = ()
    log_group: str | None = None
    where: str | None = None
    inner: FailedState | None = None

    @property
    def failure(self) -> Failure | None:
        """The last attempt's failure."""
        return self.run.failures[-1] if self.run.failures else None

    def lines(self) -> Iterator[str]:
        """It all as text, the outer failure first."""
        run, failure = self.run, self.failure
        tried = f", attempt {len(run.failures)}" if run.retries else ""
        yield f"state  {run.label} ({describe(run)}){tried}"
        if failure is not None and failure.error is not None:
            yield f"error  {failure.error}"
        # The cause of a failure with one in another execution behind it only repeats that one's.
        is_outer = self.inner is not None and self.inner.execution_arn != self.execution_arn
        if failure is not None and failure.cause and not is_outer:
            yield from _indented("cause  ", pretty_cause(failure.cause))
        if self.log:
            yield from _indented(
                "log    ",
                [f"the last lines of {self.log_group}", *(f"| {_cut(line, _WIDEST_LOG_LINE)}" for line in self.log)],
            )
        if self.where is not None:
            yield self.where
        if self.inner is not None:
            for line in self.inner.lines():
                yield f"  {line}"


def describe(run: StateRun) -> str:
    """A state's type and what it calls: `Task, lambda:invoke`."""
    return run.type if run.resource is None else f"{run.type}, {run.resource}"


def pretty_cause(cause: str) -> list[str]:
    """A cause as lines: a Lambda function's error as its message and stack, other JSON indented, else as it is."""
    told = parsed(cause)
    if isinstance(told, dict) and "errorMessage" in told:
        kind, message = told.get("errorType"), str(told["errorMessage"])
        stack = told.get("stackTrace") or told.get("trace") or []
        text = "\n".join([f"{kind}: {message}" if kind else message, *(str(line).rstrip("\n") for line in stack)])
    elif isinstance(told, dict | list):
        text = json.dumps(told, indent=2, ensure_ascii=False)
    else:
        text = cause
    return _cut(text, _WIDEST).split("\n")


def find(clients: Clients, execution_arn: str, timeline: Timeline, depth: int = _DEEPEST) -> FailedState | None:
    """Why an execution failed; None when no state did (it was stopped, or timed out as a whole).

    `clients` makes a boto3 client for a service where an ARN is. What the service doesn't tell (a history that is gone,
    a function without a log) is left out.
    """
    return None if timeline.failed_run is None else _why(clients, execution_arn, timeline.failed_run, depth)


def _why(clients: Clients, execution_arn: str, run: StateRun, depth: int) -> FailedState:
    """Why a state failed."""
    while run.failed_by is not None:
        run = run.failed_by
    if run.type == "Fail" and run.caught is not None:
        caught = _why(clients, execution_arn, run.caught, depth)
        return FailedState(execution_arn, run, where="before it, this was caught", inner=caught)
    if depth > 0 and (inner := _behind(clients, run)) is not None:
        which, arn = inner
        try:
            behind = Timeline(History(clients("stepfunctions", arn), arn).new())
        except ClientError:
            return FailedState(execution_arn, run)
        return FailedState(
            execution_arn, run, where=f"inside {which} {arn}", inner=find(clients, arn, behind, depth - 1)
        )
    if run.function is None or not run.failures:
        return FailedState(execution_arn, run)
    where = run.function if run.function.startswith("arn:") else execution_arn
    last = run.failures[-1]
    try:
        group = handler_logs.log_group(clients("lambda", where), run.function)
        log = handler_logs.invocation_lines(
            clients("logs", where),
            group,
            request_id=last.request_id,
            began=last.began,
            failed=last.failed,
            most=_LOG_LINES,
        )
    except ClientError:  # no such function, say, which the error has told already
        return FailedState(execution_arn, run)
    return FailedState(execution_arn, run, tuple(log), group)


def _behind(clients: Clients, run: StateRun) -> tuple[str, str] | None:
    """The execution whose failure is behind that of `run`: what it is, and its ARN."""
    if run.map_runs:
        client = clients("stepfunctions", run.map_runs[-1])
        failed = [
            child
            for page in client.get_paginator("list_executions").paginate(
                mapRunArn=run.map_runs[-1], statusFilter="FAILED"
            )
            for child in page["executions"]
        ]
        if failed:
            first = min(failed, key=lambda child: child["stopDate"])
            which = (
                "the failed child execution"
                if len(failed) == 1
                else f"the first of {len(failed):,} failed child executions,"
            )
            return which, first["executionArn"]
    if run.executions and run.failures and run.executions[-1] in (run.failures[-1].cause or ""):
        return "the execution", run.executions[-1]
    return None


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} … ({len(text) - most:,} more characters)"


def _indented(title: str, lines: list[str]) -> Iterator[str]:
    yield title + lines[0]
    for line in lines[1:]:
        yield " " * len(title) + line
