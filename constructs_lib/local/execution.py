"""Starts or redrives an execution and follows it to its end, with the progress of its map runs."""

from __future__ import annotations

import contextlib
import json
import re
import time
import uuid
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from constructs_lib.local.errors import UsageError
from constructs_lib.local.history import History

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from constructs_lib.local.endpoint import Endpoint
    from constructs_lib.local.timeline import Event

_SHORTEST_POLL, _LONGEST_POLL = 0.05, 0.5  # seconds


@dataclass(frozen=True)
class Counts:
    """How far the items, or the child executions, of map runs are, by DescribeMapRun's own names."""

    total: int = 0
    pending: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    timed_out: int = 0
    aborted: int = 0
    results_written: int = 0

    @property
    def done(self) -> int:
        """Those that ended, in whatever way."""
        return self.succeeded + self.lost

    @property
    def lost(self) -> int:
        """Those that ended without success."""
        return self.failed + self.timed_out + self.aborted


@dataclass(frozen=True)
class Progress:
    """The items (objects) and child executions (batches) of an execution's map runs, added up.

    `by_run` has those of each map run by its ARN: its items, its children.
    """

    map_runs: int = 0
    items: Counts = Counts()
    children: Counts = Counts()
    by_run: Mapping[str, tuple[Counts, Counts]] = field(default_factory=dict)


@dataclass(frozen=True)
class ExecutionResult:
    """How an execution ended.

    `status` is SUCCEEDED, FAILED, TIMED_OUT or ABORTED; `output` the parsed output of a success; `error` and `cause`
    what a failure reported, None where it reported nothing.
    """

    execution_arn: str
    status: str
    output: Any = None
    error: str | None = None
    cause: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the status is SUCCEEDED."""
        return self.status == "SUCCEEDED"


def run(
    endpoint: Endpoint,
    state_machine_arn: str,
    execution_input: Mapping[str, Any] | str,
    *,
    name: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_events: Callable[[Sequence[Event]], None] | None = None,
) -> ExecutionResult:
    """Start an execution, wait for its end and return how it ended.

    `execution_input` is a mapping, or any JSON as text. Omitting `name` makes one up. `on_progress` is called whenever
    the counts of a map run change, `on_events` with the events that the history has gained, all of them by the end. On
    Ctrl-C the execution is stopped first, unless it is an Express one. Raises `UsageError` for an ARN that isn't a
    state machine's; errors of the API are botocore's `ClientError`, with AWS's own error names.
    """
    parsed = _STATE_MACHINE_ARN.fullmatch(state_machine_arn)
    if parsed is None:
        raise UsageError(f"{state_machine_arn!r} isn't a state machine's ARN. Allowed: {_ARN_EXAMPLE} and its like.")
    client = endpoint.client("stepfunctions", account=parsed["account"], region=parsed["region"])
    text = execution_input if isinstance(execution_input, str) else json.dumps(execution_input)
    # Named here, so that Ctrl-C can stop it even before the service has answered.
    name = str(uuid.uuid4()) if name is None else name
    arn = f"{parsed['prefix']}:execution:{parsed['name']}:{name}"
    try:
        arn = client.start_execution(stateMachineArn=state_machine_arn, input=text, name=name)["executionArn"]
        return _follow(client, arn, on_progress, on_events, History(client, arn))
    except KeyboardInterrupt:
        # InvalidArn: an Express execution's, which can't be stopped.
        with contextlib.suppress(client.exceptions.ExecutionDoesNotExist, client.exceptions.InvalidArn):
            client.stop_execution(executionArn=arn, error="Interrupted", cause="Ctrl-C where it was started")
        raise


def redrive(
    endpoint: Endpoint,
    execution_arn: str,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    on_earlier: Callable[[Sequence[Event]], None] | None = None,
    on_events: Callable[[Sequence[Event]], None] | None = None,
) -> ExecutionResult:
    """Redrive an execution that failed, was stopped or timed out; wait for its end and return how it ended.

    `on_earlier` is called once with the events that there were before; the rest is as with `run`. Raises `UsageError`
    for an ARN that isn't a Standard execution's; errors of the API are botocore's `ClientError`: ExecutionNotRedrivable
    with AWS's reason.
    """
    check_redrivable(execution_arn)
    _, _, _, region, account, *_ = execution_arn.split(":")
    client = endpoint.client("stepfunctions", account=account, region=region)
    history = History(client, execution_arn)
    earlier = history.new()
    if on_earlier is not None:
        on_earlier(earlier)
    try:
        client.redrive_execution(executionArn=execution_arn)
        return _follow(client, execution_arn, on_progress, on_events, history)
    except KeyboardInterrupt:
        with contextlib.suppress(client.exceptions.ValidationException):  # it wasn't redriven yet
            client.stop_execution(executionArn=execution_arn, error="Interrupted", cause="Ctrl-C where it was redriven")
        raise


def check_redrivable(execution_arn: str) -> None:
    """Raise `UsageError` for an ARN that no redrive takes: it isn't a Standard execution's, or a Map Run's child's."""
    if _EXECUTION_ARN.fullmatch(execution_arn) is None:
        raise UsageError(
            f"{execution_arn!r} isn't a Standard execution's ARN. Allowed: {_EXECUTION_EXAMPLE} and its like; a child "
            "of a Map Run is redriven with the execution that the map is in."
        )


_STATE_MACHINE_ARN = re.compile(
    r"(?P<prefix>arn:[^:]+:states:(?P<region>[^:]+):(?P<account>\d{12})):stateMachine:(?P<name>[^:]+)(:.+)?"
)
_ARN_EXAMPLE = "arn:aws:states:us-east-1:111111111111:stateMachine:name"
_EXECUTION_ARN = re.compile(r"arn:[^:]+:states:[^:]+:\d{12}:execution:[^:/]+:[^:]+")
_EXECUTION_EXAMPLE = "arn:aws:states:us-east-1:111111111111:execution:machine:name"


def _follow(
    client: Any,
    arn: str,
    on_progress: Callable[[Progress], None] | None,
    on_events: Callable[[Sequence[Event]], None] | None,
    history: History,
) -> ExecutionResult:
    reported, wait = Progress(), _SHORTEST_POLL
    while True:
        described = client.describe_execution(executionArn=arn)
        events = [] if on_events is None else history.new()
        if on_progress is not None:
            progress = _progress(client, arn)
            if progress != reported:
                on_progress(progress)
                reported = progress
        if on_events is not None and events:
            on_events(events)  # after the counts: when a map's end is told, they are its last
            wait = _SHORTEST_POLL
        if described["status"] != "RUNNING":
            output = described.get("output")
            return ExecutionResult(
                execution_arn=arn,
                status=described["status"],
                output=None if output is None else json.loads(output),
                error=described.get("error"),
                cause=described.get("cause"),
            )
        time.sleep(wait)
        wait = min(wait * 1.5, _LONGEST_POLL)


def _progress(client: Any, arn: str) -> Progress:
    pages = client.get_paginator("list_map_runs").paginate(executionArn=arn)
    runs = [client.describe_map_run(mapRunArn=r["mapRunArn"]) for page in pages for r in page["mapRuns"]]
    return Progress(
        map_runs=len(runs),
        items=_sum(r["itemCounts"] for r in runs),
        children=_sum(r["executionCounts"] for r in runs),
        by_run={r["mapRunArn"]: (_sum([r["itemCounts"]]), _sum([r["executionCounts"]])) for r in runs},
    )


def _sum(counts: Iterable[Mapping[str, int]]) -> Counts:
    every = list(counts)
    return Counts(**{f.name: sum(c.get(_camel(f.name), 0) for c in every) for f in fields(Counts)})


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
