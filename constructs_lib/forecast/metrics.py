"""What an account's metrics would show of a run, a point a minute, named as alarm scenarios name them.

What happens by the second (`AccountUse`) comes from a forecast's run or from a load test (`simulate_load`), the limits
from AWS's documentation, or lower ones. Nothing else happens in the account. Errors are `ValueError`s of one line.

AWS doesn't document how often it counts a state that waits; here it is once, in the minute in which it begins to wait.
Nor whether a metric has a point while nothing happens; here it is 0. A backlog has one only while there is one:
https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from constructs_lib.forecast.job import Child
from constructs_lib.quotas.catalogue import (
    API_CALLS,
    MAP_RUNS,
    OPEN_EXECUTIONS,
    PERIOD_SECONDS,
    S3_SLOW_DOWN,
    STATE_TRANSITIONS,
    DocumentedLimit,
    Quota,
    lambda_concurrency,
    workflow_metric,
)
from constructs_lib.testing.metrics import Metric

if TYPE_CHECKING:
    from collections.abc import Iterable

    from constructs_lib.forecast.result import Run
    from constructs_lib.quotas.catalogue import Metric as CatalogueMetric

MetricSeries = Mapping[str, Sequence[float | None]]
"""Points a minute by metric, None where there is none: what `AlarmSimulation.run` takes."""

START_EXECUTION = next(quota for quota in API_CALLS if quota.key == "StartExecution")
QUIET_MINUTES = 5
"""Minutes before a run, in which only the limits have points that aren't 0."""

_AFTERWARDS_MINUTES = 25
# What "may read 0" is taken for: https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
_LEAST_OPEN_EXECUTIONS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLimits:
    """The limits of one account and Region; those of AWS's documentation by `documented_in`."""

    state_transitions: DocumentedLimit
    start_execution: DocumentedLimit
    map_runs: float
    open_executions: float

    def __post_init__(self) -> None:
        for name in ("state_transitions", "start_execution"):
            limit: DocumentedLimit = getattr(self, name)
            if limit.bucket_size is None or not (0 < limit.limit < math.inf and 1 <= limit.bucket_size < math.inf):
                raise ValueError(
                    f"AccountLimits: {name} is {limit!r}; allowed: a refill over 0 and a bucket_size of 1 or more. "
                    "Use such as DocumentedLimit(limit=800, bucket_size=800)."
                )
        for name in ("map_runs", "open_executions"):
            if not 1 <= getattr(self, name) < math.inf:
                raise ValueError(
                    f"AccountLimits: {name} is {getattr(self, name)!r}; allowed: 1 or more. "
                    "Leave it as documented_in has it."
                )

    @classmethod
    def documented_in(cls, region: str) -> Self:
        """Return what AWS documents for an account that nobody has changed; new ones get less."""
        return cls(
            state_transitions=_documented(STATE_TRANSITIONS, region),
            start_execution=_documented(START_EXECUTION, region),
            map_runs=_documented(MAP_RUNS, region).limit,
            open_executions=_documented(OPEN_EXECUTIONS, region).limit,
        )


def _documented(quota: Quota, region: str) -> DocumentedLimit:
    found = quota.documented_in(region)
    assert found is not None  # noqa: S101 - those four are documented everywhere
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowUse:
    """What one workflow of the account does, second by second; `states_throttled` are those that begin to wait."""

    executions_started: Sequence[float] = ()
    states_throttled: Sequence[float] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUse:
    """What happens in an account, second by second from a run's start; a second that isn't given has nothing.

    Counts of events, but `map_runs`, `map_runs_waiting`, `open_executions` and `lambda_concurrency`, which are levels:
    the largest of the second. `states_throttled` are those that begin to wait. `lambda_concurrency` None: no function
    runs, and Lambda reports nothing; so `slow_downs`, where no handler counts S3's answers.
    """

    transitions: Sequence[float] = ()
    states_throttled: Sequence[float] = ()
    starts: Sequence[float] = ()
    starts_throttled: Sequence[float] = ()
    map_runs: Sequence[float] = ()
    map_runs_waiting: Sequence[float] = ()
    open_executions: Sequence[float] = ()
    lambda_concurrency: Sequence[float] | None = None
    slow_downs: Sequence[float] | None = None
    always: Mapping[str, float] = field(default_factory=dict)
    """What other workflows of the account make all the time, in addition: by the names above."""
    workflows: Mapping[str, WorkflowUse] = field(default_factory=dict)
    """Whose it is, where that is known, by state machine; a Distributed Map's children have `<machine>/<label>`."""

    @property
    def seconds(self) -> int:
        """How long it lasts."""
        events = (self.transitions, self.states_throttled, self.starts, self.starts_throttled, self.slow_downs or ())
        levels = (self.map_runs, self.map_runs_waiting, self.open_executions, self.lambda_concurrency or ())
        return max(map(len, (*events, *levels)))


def use_of(run: Run) -> AccountUse:
    """Return what a forecast's run does in the account, the other workflows that its job has included.

    An Express child is no open execution. A map run's children aren't started by calls of StartExecution (inferred:
    they have a rate of their own).
    """
    job, series = run.job, run.series
    seconds = len(series["transitions"])
    children = series["children_running"] if job.child is Child.STANDARD else [0.0] * seconds
    return AccountUse(
        transitions=series["transitions"],
        states_throttled=series["throttled_transitions"],
        starts=[1],
        map_runs=[1] * seconds,
        open_executions=[1 + running for running in children],
        lambda_concurrency=series["lambda_concurrency"],
        slow_downs=series["throttled_gets"],
        always={"transitions": job.other_transitions_per_second, "map_runs": job.other_map_runs},
    )


def limits_of(run: Run) -> AccountLimits:
    """Return the limits that a forecast's run had: its Region's, and its job's own state transitions."""
    limits = AccountLimits.documented_in(run.job.region)
    refill = run.job.transitions_per_second
    if refill == limits.state_transitions.limit:
        return limits
    return AccountLimits(
        state_transitions=DocumentedLimit(limit=refill, bucket_size=refill),
        start_execution=limits.start_execution,
        map_runs=limits.map_runs,
        open_executions=limits.open_executions,
    )


def metrics_of(
    use: AccountUse, limits: AccountLimits, *, start_second: int = QUIET_MINUTES * 60, minutes: int | None = None
) -> dict[str, list[float | None]]:
    """Return the account's metrics by the minute, keyed as scenarios have them.

    `start_second` is when, after the series' begin, the run starts: by default with minute 5. `minutes` is how long the
    series are; omitted, until 25 minutes after the run's end, when every alarm has ended.

    Raises:
        ValueError: for a start that isn't a whole second, and for fewer minutes than the run takes.

    """
    if not isinstance(start_second, int) or isinstance(start_second, bool) or start_second < 0:
        raise ValueError(f"start_second is {start_second!r}; allowed: a whole number, 0 or more. Use 300 for minute 5.")
    least = -(-(start_second + use.seconds) // PERIOD_SECONDS)
    minutes = least + _AFTERWARDS_MINUTES if minutes is None else minutes
    if minutes < least:
        raise ValueError(f"minutes is {minutes!r}; allowed: {least} or more, to the run's end. Leave it out.")
    return dict(_Minutes(use, start_second, minutes).series(limits))


@dataclass(frozen=True, slots=True)
class _Minutes:
    use: AccountUse
    start_second: int
    minutes: int

    def series(self, limits: AccountLimits) -> Iterable[tuple[str, list[float | None]]]:
        use = self.use
        for quota, limit, used, throttled in (
            (STATE_TRANSITIONS, limits.state_transitions, self.sums("transitions"), self.sums("states_throttled")),
            (START_EXECUTION, limits.start_execution, self.sums("starts"), self.sums("starts_throttled")),
        ):
            yield key_of(quota.used), used
            yield key_of(quota.throttled), throttled
            yield key_of(quota.limit), self.flat(limit.limit)
            yield key_of(quota.bucket_size), self.flat(limit.bucket_size)
        yield key_of(MAP_RUNS.used), self.levels("map_runs")
        yield key_of(MAP_RUNS.limit), self.flat(limits.map_runs)
        waiting = self.levels("map_runs_waiting")
        if any(waiting):
            yield key_of(MAP_RUNS.backlog), [level or None for level in waiting]
        open_executions = self.levels("open_executions")
        yield (
            key_of(OPEN_EXECUTIONS.used),
            [level if level is not None and level >= _LEAST_OPEN_EXECUTIONS else 0.0 for level in open_executions],
        )
        yield key_of(OPEN_EXECUTIONS.limit), self.flat(limits.open_executions)
        if use.lambda_concurrency is not None:
            yield key_of(lambda_concurrency("any").used), self.levels("lambda_concurrency")
        if use.slow_downs is not None:
            yield key_of(S3_SLOW_DOWN.throttled), self.sums("slow_downs")
        for machine, its in use.workflows.items():
            for name, seconds in (
                ("ExecutionsStarted", its.executions_started),
                ("ExecutionThrottled", its.states_throttled),
            ):
                yield key_of(workflow_metric(name, "Sum", machine)), list(map(math.fsum, self.by_minute(seconds)))

    def sums(self, name: str) -> list[float | None]:
        always = self.use.always.get(name, 0) * PERIOD_SECONDS
        return [math.fsum(each) + always for each in self.by_minute(getattr(self.use, name))]

    def levels(self, name: str) -> list[float | None]:
        always = self.use.always.get(name, 0)
        return [float(max(each, default=0) + always) for each in self.by_minute(getattr(self.use, name))]

    def flat(self, value: float | None) -> list[float | None]:
        return [value] * self.minutes

    def by_minute(self, seconds: Sequence[float]) -> Iterable[Sequence[float]]:
        for minute in range(self.minutes):
            first = minute * PERIOD_SECONDS - self.start_second
            yield seconds[max(first, 0) : max(first + PERIOD_SECONDS, 0)]


def key_of(metric: CatalogueMetric | None) -> str:
    """Return a metric of the catalogue as scenarios name it."""
    assert metric is not None  # noqa: S101 - whoever asks for it knows that the quota has it
    return str(Metric(f"{metric.namespace} {metric.name} {metric.statistic}", tuple(sorted(metric.dimensions))))
