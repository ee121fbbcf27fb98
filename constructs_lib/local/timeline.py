"""What an execution's states did, read off its history: pure, event by event, so that a growing history is read once.

Events are those of GetExecutionHistory as boto3 returns them: `id`, `previousEventId`, `timestamp` (a datetime), `type`
and one `…EventDetails`. Which state an event belongs to is told by its `previousEventId`, as the iterations of a Map
and the branches of a Parallel are written in one another's midst.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

Event = dict[str, Any]
Status = Literal["RUNNING", "SUCCEEDED", "CAUGHT", "FAILED", "ABORTED"]

# A failed attempt of a state: what it does next is for its Retry and Catch to say.
_FAILURE = re.compile(r"(Task|LambdaFunction|Activity|Evaluation|MapRun)\w*(Failed|TimedOut)")
_START = re.compile(r"(Task|LambdaFunction|Activity)Scheduled")
_ENTERED_AT = re.compile(r"entered at the event id #(\d+)")
_REQUEST_ID = re.compile(r"RequestId: ([0-9a-f-]{36})")


@dataclass(frozen=True)
class Failure:
    """A failed attempt: its error and cause where the history tells them, and when it began and failed."""

    error: str | None
    cause: str | None
    began: datetime
    failed: datetime

    @property
    def request_id(self) -> str | None:
        """The Lambda invocation that failed, None when the cause doesn't name one."""
        told = parsed(self.cause)
        if isinstance(told, dict) and isinstance(told.get("requestId"), str) and told["requestId"]:
            return str(told["requestId"])
        found = _REQUEST_ID.search(self.cause or "")
        return None if found is None else found[1]


@dataclass(eq=False)
class StateRun:
    """One time that a state was entered.

    `status` is RUNNING until it ends: SUCCEEDED, CAUGHT (it failed and a Catch took over), FAILED or ABORTED (another
    branch failed, or the execution was stopped). `parent` is the Map or Parallel that it is in, `iteration` the index
    of the Map's item. `items` and `items_done` count an inline Map's. `superseded`: its Map or Parallel was retried.
    `caught` is the failure that a Catch took last, among the states that led here. `redriven` is when a redrive last
    went on with it: of its failures only those since then are kept.
    """

    name: str
    type: str
    entered: datetime
    input: str | None = None
    parent: StateRun | None = None
    iteration: int | None = None
    status: Status = "RUNNING"
    ended: datetime | None = None
    output: str | None = None
    resource: str | None = None
    function: str | None = None
    failures: list[Failure] = field(default_factory=list)
    retries: int = 0
    executions: list[str] = field(default_factory=list)
    map_runs: list[str] = field(default_factory=list)
    items: int | None = None
    items_done: int = 0
    items_failed: int = 0
    superseded: bool = False
    failed_by: StateRun | None = None
    redriven: datetime | None = None
    caught: StateRun | None = field(default=None, repr=False)
    children: list[StateRun] = field(default_factory=list, repr=False)
    _began: datetime | None = None
    _failing: bool = False

    @property
    def seconds(self) -> float | None:
        """How long it took, since it was redriven if it was; None while it runs."""
        return None if self.ended is None else (self.ended - (self.redriven or self.entered)).total_seconds()

    @property
    def is_failing(self) -> bool:
        """Whether its last attempt failed and no other has begun."""
        return len(self.failures) > self.retries

    @property
    def label(self) -> str:
        """Its name, with the indexes of the Map items that it is in: `Fetch [3]`."""
        indexes, run = "", self
        while True:
            if run.iteration is not None:
                indexes = f"[{run.iteration}]{indexes}"
            if run.parent is None:
                return f"{self.name} {indexes}".rstrip()
            run = run.parent

    def begin_attempt(self, at: datetime) -> None:
        """Note that an attempt begins: a retry when one failed before."""
        self._began = at
        self.retries = len(self.failures)
        self._failing = False

    def fail_attempt(self, error: str | None, cause: str | None, at: datetime) -> None:
        """Note that an attempt failed."""
        self.retries = len(self.failures)
        self.failures.append(Failure(error, cause, self._began or self.entered, at))

    def go_on(self, at: datetime) -> None:
        """Note that a redrive goes on with it."""
        self.status, self.ended, self.redriven, self._began = "RUNNING", None, at, at
        self.failures, self.retries, self.failed_by, self._failing = [], 0, None, False
        self.items_done -= self.items_failed
        self.items_failed = 0

    def descendants(self) -> Iterator[StateRun]:
        """Every run inside it."""
        for child in self.children:
            yield child
            yield from child.descendants()

    def end(self, status: Status, at: datetime) -> bool:
        """End it and abort what still runs inside; False when it has ended already."""
        if self.status != "RUNNING":
            return False
        self.status, self.ended = status, at
        if status != "SUCCEEDED":
            for run in self.descendants():
                run.end("ABORTED", at)
        return True


Kind = Literal["entered", "redriven", "failed", "retried", "map run", "map run redriven", "execution", "ended"]


@dataclass(frozen=True)
class Notice:
    """Something worth telling about a state.

    It was entered, a redrive goes on with it, an attempt failed or was retried, it started or redrove a Map Run or
    started an execution (the last of `run.map_runs` or `run.executions`), or it ended (`run.status`). `failures` is how
    many attempts had failed by then.
    """

    kind: Kind
    run: StateRun
    at: datetime
    failures: int = 0


class Timeline:
    """An execution's states, in the order in which they were entered, as far as its history has been added.

    `status` is the execution's: RUNNING, SUCCEEDED, FAILED, ABORTED or TIMED_OUT. `transitions` are the pairs of states
    of which one followed the other, and whether a Catch led there; None stands for the beginning. `redriven` is when
    the execution was redriven last; None: it wasn't.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.runs: list[StateRun] = []
        self.status = "RUNNING"
        self.started: datetime | None = None
        self.stopped: datetime | None = None
        self.redriven: datetime | None = None
        self.transitions: set[tuple[str | None, str, bool]] = set()
        self.failed_run: StateRun | None = None
        # The state that each event belongs to, and the index of the Map item that it starts.
        self._owners: dict[int, tuple[StateRun | None, int | None]] = {}
        self._notices: list[Notice] = []
        self.add(events)

    def add(self, events: Iterable[Event]) -> list[Notice]:
        """Add the events that follow those added before, and return what they tell, in their order."""
        self._notices = []
        for event in events:
            self._add(event)
        return self._notices

    def state_of(self, event: Event) -> StateRun | None:
        """The state that an added event belongs to; None for the execution's own events."""
        return self._owners.get(event["id"], (None, None))[0]

    def last_running(self) -> list[StateRun]:
        """The states that ran when the execution was stopped or timed out, without those that they are in."""
        ended = [run for run in self.runs if run.status == "ABORTED" and run.ended == self.stopped]
        return [run for run in ended if not any(inner in ended for inner in run.children)]

    def _add(self, event: Event) -> None:
        kind, at, told = event["type"], event["timestamp"], details(event)
        before, iteration = self._owners.get(event["previousEventId"], (None, None))
        run: StateRun | None
        index = None
        if self.started is None:
            self.started = at
        if kind.startswith("Execution"):
            run = None
            self._execution(kind, before, told, at)
        elif kind.endswith("StateEntered"):
            run = self._enter(kind.removesuffix("StateEntered"), before, iteration, told, at)
        elif kind.endswith("StateExited"):
            run = self._named(before, told["name"])
            if run is not None:
                run.output = told.get("output")
                self._end(run, "CAUGHT" if run.is_failing else "SUCCEEDED", at)
        elif kind.startswith("MapIteration"):
            run, index = self._named(before, told["name"]), told["index"]
            self._iteration(kind, run, before, at)
        elif kind.startswith(("MapState", "ParallelState")):
            run = _enclosing(before, kind.partition("State")[0])
            self._container(kind, run, before, told, at)
        else:
            run = self._evaluating(before, told) if kind == "EvaluationFailed" else before
            if run is not None:
                self._attempt(kind, run, told, at)
        self._owners[event["id"]] = (run, index)

    def _enter(
        self, kind: str, before: StateRun | None, iteration: int | None, told: Mapping[str, Any], at: datetime
    ) -> StateRun:
        opens = before is not None and before.status == "RUNNING" and before.type in {"Map", "Parallel"}
        if before is None or opens:
            parent = before
            self.transitions.add((None, told["name"], False))
        else:
            parent, iteration = before.parent, before.iteration
            self.transitions.add((before.name, told["name"], before.status == "CAUGHT"))
        run = StateRun(told["name"], kind, at, told.get("input"), parent, iteration)
        if before is not None and before is not parent:
            run.caught = before if before.status == "CAUGHT" else before.caught
        if parent is not None:
            parent.children.append(run)
        self.runs.append(run)
        self._notice("entered", run, at)
        return run

    def _iteration(self, kind: str, run: StateRun | None, before: StateRun | None, at: datetime) -> None:
        if run is None or kind == "MapIterationStarted":
            return
        run.items_done += 1
        if kind == "MapIterationFailed":
            run.items_failed += 1
            run.failed_by = self._fail_up_to(run, before, at)

    def _container(
        self, kind: str, run: StateRun | None, before: StateRun | None, told: Mapping[str, Any], at: datetime
    ) -> None:
        if run is None:
            return
        if kind.endswith("Started"):
            if run.children or run.failures:
                self._retry_container(run, before, at)
            run.begin_attempt(at)
            run.items, run.items_done, run.items_failed = told.get("length"), 0, 0
        elif kind.endswith("Failed"):
            self._fail_container(run, before, at)
        elif kind.endswith("Aborted"):
            self._end(run, "ABORTED", at)

    def _retry_container(self, run: StateRun, before: StateRun | None, at: datetime) -> None:
        if not run.is_failing:  # the history may go from what failed inside straight to the next attempt
            self._fail_container(run, before, at)
        for inner in run.descendants():
            inner.end("ABORTED", at)
            inner.superseded = True
        run.failed_by = None
        self._notice("retried", run, at)

    def _fail_container(self, run: StateRun, before: StateRun | None, at: datetime) -> None:
        run._failing = True
        inner = self._fail_up_to(run, before, at) or run.failed_by
        run.failed_by = inner
        if not run.is_failing:  # MapRunFailed has told already
            last = inner.failures[-1] if inner is not None and inner.failures else None
            run.fail_attempt(None if last is None else last.error, None if last is None else last.cause, at)
        for other in run.descendants():
            other.end("ABORTED", at)

    def _fail_up_to(self, end: StateRun | None, run: StateRun | None, at: datetime) -> StateRun | None:
        """Fail `run` and all that it is in, up to `end`; return the outermost of these."""
        last = None
        while run is not None and run is not end:
            if run.status in {"RUNNING", "FAILED"}:
                # The history may tell only now that an attempt that failed before was the last.
                if run.end("FAILED", run.failures[-1].failed if run.is_failing else at):
                    self._notice("ended", run, at)
                last = run
            run = run.parent
        return last

    def _attempt(self, kind: str, run: StateRun, told: Mapping[str, Any], at: datetime) -> None:
        if _START.fullmatch(kind):
            if run.failures:
                self._notice("retried", run, at)
            run.begin_attempt(at)
            run.resource, run.function = _resource(kind, told)
        elif _FAILURE.fullmatch(kind):
            error = told.get("error") or ("States.Timeout" if kind.endswith("TimedOut") else None)
            run.fail_attempt(error, told.get("cause"), at)
            self._notice("failed", run, at)
        elif kind == "MapRunStarted":
            run.map_runs.append(told["mapRunArn"])
            self._notice("map run", run, at)
        elif kind == "MapRunRedriven":
            self._notice("map run redriven", run, at)
        elif kind in {"TaskSubmitted", "TaskSucceeded"} and run.resource is not None:
            output = parsed(told.get("output"))
            arn = output.get("ExecutionArn") if isinstance(output, dict) else None
            if run.resource.startswith("states:startExecution") and arn is not None and arn not in run.executions:
                run.executions.append(arn)
                self._notice("execution", run, at)

    def _execution(self, kind: str, before: StateRun | None, told: Mapping[str, Any], at: datetime) -> None:
        if kind == "ExecutionStarted":
            self.started = at
            return
        if kind == "ExecutionRedriven":
            self._redrive(at)
            return
        if before is None:  # a Fail state isn't entered again by a redrive
            before = next((run for run in self.runs if run.parent is None and run.status == "RUNNING"), None)
        self.stopped = at
        self.status = {"ExecutionTimedOut": "TIMED_OUT"}.get(kind, kind.removeprefix("Execution").upper())
        if kind == "ExecutionFailed":
            run = before
            # What a Fail state says stands here only, and why a Map or Parallel failed before anything in it ran.
            while run is not None and (not run.failures or run.failures[-1].error is None):
                if run.is_failing:
                    run.failures.pop()
                run.fail_attempt(told.get("error"), told.get("cause"), at)
                run = run.parent
            self.failed_run = self._fail_up_to(None, before, at)
        for run in self.runs:
            self._end(run, "ABORTED", at)

    def _redrive(self, at: datetime) -> None:
        """Go on with the states that didn't succeed, those inside them that didn't too."""
        self.status, self.stopped, self.failed_run, self.redriven = "RUNNING", None, None, at
        for run in self.runs:  # the outer before the inner
            goes_on = run.parent is None or run.parent.redriven == at
            if goes_on and run.status in {"FAILED", "ABORTED"} and not run.superseded:
                run.go_on(at)
                self._notice("redriven", run, at)

    def _notice(self, kind: Kind, run: StateRun, at: datetime) -> None:
        self._notices.append(Notice(kind, run, at, len(run.failures)))

    def _end(self, run: StateRun, status: Status, at: datetime) -> None:
        if run.end(status, at):
            self._notice("ended", run, at)

    def _evaluating(self, before: StateRun | None, told: Mapping[str, Any]) -> StateRun | None:
        """The state of an EvaluationFailed: AWS lets that follow what came before the state was entered."""
        entered = _ENTERED_AT.search(told.get("cause", ""))
        if entered is not None and int(entered[1]) in self._owners:
            return self._owners[int(entered[1])][0]
        return self._named(before, told.get("state", ""))

    def _named(self, run: StateRun | None, name: str) -> StateRun | None:
        """The state called `name` that still runs: `run`, one that it is in, or else the one entered last."""
        while run is not None:
            if run.name == name and run.status == "RUNNING":
                return run
            run = run.parent
        return next((other for other in reversed(self.runs) if other.name == name and other.status == "RUNNING"), None)


def _enclosing(run: StateRun | None, kind: str) -> StateRun | None:
    """The innermost Map or Parallel around `run`, itself included, that still runs and hasn't said that it fails."""
    while run is not None and not (run.type == kind and run.status == "RUNNING" and not run._failing):
        run = run.parent
    return run


def _resource(kind: str, told: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """What a task calls (`lambda:invoke`, or an ARN), and the Lambda function that it invokes."""
    if kind == "LambdaFunctionScheduled":
        return told.get("resource"), told.get("resource")
    if kind == "ActivityScheduled":
        return told.get("resource"), None
    service = told.get("resourceType")
    parameters = parsed(told.get("parameters"))
    function = parameters.get("FunctionName") if service == "lambda" and isinstance(parameters, dict) else None
    return f"{service}:{told.get('resource')}", function


def details(event: Event) -> dict[str, Any]:
    """The event's details, whatever they are called; empty when it has none."""
    return next((value for key, value in event.items() if key.endswith("EventDetails")), {})


def parsed(text: str | None) -> Any:
    """The value of a JSON text; None when it isn't JSON (AWS cuts long ones)."""
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return None
