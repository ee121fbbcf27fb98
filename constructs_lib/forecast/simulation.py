"""A job's run against the account's limits: what it takes, costs, and waits for.

The parent's phases come one after the other: start, index, map, result writing, reduce, end; index and reduce where the
job has them. Within the map children meet limits: see `children`. What is assumed beyond the constants:
docs/forecast.md. Times are seconds.
"""

from __future__ import annotations

from dataclasses import fields
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from constructs_lib.forecast import work
from constructs_lib.forecast.children import Children, run_children
from constructs_lib.forecast.constants import CONSTANTS
from constructs_lib.forecast.cost import cost_of
from constructs_lib.forecast.critical_path import bindings, walk_back
from constructs_lib.forecast.job import Bucket, Child, Reducer, Source
from constructs_lib.forecast.result import (
    MAX_SERIES_SECONDS,
    SERIES,
    Case,
    Forecast,
    Limit,
    NoSeries,
    Outcome,
    Phase,
    Run,
    Usage,
)
from constructs_lib.forecast.series import Series

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_lib.forecast.constants import Constants
    from constructs_lib.forecast.job import Job

_DAY = 24 * 60 * 60
DRAWS = 40
"""A forecast's range is made of so many. Others, or more, move its ends by some 3 %."""

FEWEST_DRAWS = 6
"""Of a run of many children. They move its ends by up to a tenth."""

_CHILDREN_DRAWN = 3_600_000


def draws_of(job: Job) -> int:
    """Return how many draws a forecast's range is made of: fewer for many children, which would take minutes."""
    return min(DRAWS, max(FEWEST_DRAWS, _CHILDREN_DRAWN // job.children))


def forecast(
    job: Job, constants: Constants = CONSTANTS, *, progress: Callable[[int, int], None] | None = None
) -> Forecast:
    """Return the job's likely run, its range and its extremes.

    `progress` is called with how many children are done, of how many, those of all simulated runs together.
    """
    drawn = draws_of(job)
    simulated = len(Case) + drawn

    def progress_of(number: int) -> Callable[[int, int], None] | None:
        return None if progress is None else lambda done, of: progress(number * of + done, simulated * of)

    optimistic, likely, pessimistic = (
        simulate(job, constants, case, progress=progress_of(number)) for number, case in enumerate(Case)
    )
    draws = tuple(
        _simulated(job, chosen, Case.LIKELY, progress=progress_of(number)).outcome
        for number, chosen in enumerate(constants.drawn(drawn), len(Case))
    )
    return Forecast(job=job, optimistic=optimistic, likely=likely, pessimistic=pessimistic, draws=draws)


def simulate(
    job: Job,
    constants: Constants = CONSTANTS,
    case: Case = Case.LIKELY,
    *,
    throttling_retries: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Return one run.

    Without `throttling_retries` what meets a limit waits in a queue and is never asked again: the run's lower bound.

    Raises:
        ValueError: for a run that lasts longer than an execution may.

    """
    before, children, after, outcome = _simulated(
        job, constants, case, throttling_retries=throttling_retries, progress=progress
    )
    waits = bindings(
        [
            (Limit.START, 0, before.started),
            (Limit.INDEX, before.started, before.indexed),
            (Limit.START, before.indexed, before.items_from),
            *walk_back(job, children, before.items_from),
            (Limit.RESULT_WRITING, after.mapped, after.written),
            (Limit.REDUCE, after.written, after.reduced),
            (Limit.START, after.reduced, after.end),
        ]
    )
    most = constants.execution_seconds.at(case)
    if after.end > most:
        raise ValueError(
            f"The {case} run lasts {after.end / _DAY:,.0f} days, most of it for {waits[0].limit}; allowed: "
            f"{most / _DAY:,.0f} days, Step Functions' limit. Fix: raise what it waits for, or lower --objects."
        )
    return Run(
        **{field.name: getattr(outcome, field.name) for field in fields(outcome)},
        job=job,
        case=case,
        phases=_phases(job, before, after),
        children=job.children,
        objects_read=sum(children.objects(child) for child in range(children.count)),
        batch_seconds=work.batch_seconds(job, min(job.batch_size, job.objects), constants, case),
        longest_child_seconds=max(end - start for start, end in zip(children.dispatched, children.ended, strict=True)),
        bindings=waits,
        series=_series(job, before, after, children) if after.end <= MAX_SERIES_SECONDS else NoSeries(after.end),
    )


class _Before(NamedTuple):
    states: int
    started: float
    indexed: float
    items_from: float


class _After(NamedTuple):
    states: int
    mapped: float
    written: float
    reduced: float
    end: float


class _Simulated(NamedTuple):
    before: _Before
    children: Children
    after: _After
    outcome: Outcome


def _simulated(
    job: Job,
    constants: Constants,
    case: Case,
    *,
    throttling_retries: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> _Simulated:
    before = _before_map(job, constants, case)
    children = run_children(
        job,
        constants,
        case,
        from_second=before.items_from,
        throttling_retries=throttling_retries,
        progress=progress,
    )
    after = _after_map(job, constants, case, max(children.ended))
    standard = job.child is Child.STANDARD
    retries = sum(children.retries) + sum(children.lambda_retries)
    transitions = job.parent_states + (job.children * job.states_per_child + retries if standard else 0)
    throttled = sum(children.throttled_gets)
    gets = job.objects + throttled + sum(children.wasted_gets)
    usage = _usage(job, constants, case, children, transitions, gets)
    outcome = Outcome(
        duration_seconds=after.end,
        transitions=transitions,
        gets=gets,
        throttled_gets=throttled,
        retries=retries,
        usage=usage,
        cost=cost_of(job, usage, constants, case),
    )
    return _Simulated(before, children, after, outcome)


def _before_map(job: Job, constants: Constants, case: Case) -> _Before:
    states = job.parent_states // 2
    started = constants.start_seconds.at(case) + states * constants.state_seconds.at(case)
    indexed = started + (work.index_seconds(job, constants, case) if job.source is Source.INDEX else 0)
    return _Before(states, started, indexed, indexed + constants.map_start_seconds.at(case))


def _after_map(job: Job, constants: Constants, case: Case, mapped: float) -> _After:
    states = job.parent_states - job.parent_states // 2
    written = mapped + work.writing_seconds(job, constants, case)
    reduced = written + (work.reduce_seconds(job, constants, case) if job.reducer is Reducer.FUNCTION else 0)
    return _After(states, mapped, written, reduced, reduced + states * constants.state_seconds.at(case))


def _phases(job: Job, before: _Before, after: _After) -> tuple[Phase, ...]:
    index = [Phase(name="index", start=before.started, end=before.indexed)] if job.source is Source.INDEX else []
    reduce = [Phase(name="reduce", start=after.written, end=after.reduced)] if job.reducer is Reducer.FUNCTION else []
    return (
        Phase(name="start", start=0, end=before.started),
        *index,
        Phase(name="map", start=before.indexed, end=after.mapped),
        Phase(name="result writing", start=after.mapped, end=after.written),
        *reduce,
        Phase(name="end", start=after.reduced, end=after.end),
    )


def _usage(job: Job, constants: Constants, case: Case, children: Children, transitions: int, gets: int) -> Usage:
    cold_start = constants.cold_start_seconds.at(case)
    express = sum(
        # Rounding up must not bill a tenth more for the last digit of a sum.
        ceil(round((end - start) * 10, 6)) / 10
        for start, end in zip(children.dispatched, children.ended, strict=True)
    )
    analyze = sum(
        ceil(round((end - start + made * cold_start) * 1_000, 4)) / 1_000
        for start, end, made in zip(children.started, children.left, children.made, strict=True)
    )
    others, requests = 0.0, job.children + sum(children.retries)
    lists = 0
    if job.reducer is Reducer.FUNCTION:
        others += work.reduce_seconds(job, constants, case)
        requests += 1
    if job.source is Source.INDEX:
        others += work.index_seconds(job, constants, case)
        requests += 1
        lists = work.index_pages(job, constants, case)
    elif job.source is Source.LIST:
        lists = ceil(job.objects / constants.list_page_keys.at(case))
    if job.bucket is Bucket.PUBLIC:
        gets = lists = 0
    gb_seconds = analyze * job.function_memory_mb + others * constants.vcpu_memory_mb.at(case)
    return Usage(
        transitions=transitions,
        children=job.children,
        express_gb_seconds=express * constants.express_memory_gb.at(case) if job.child is Child.EXPRESS else 0,
        lambda_gb_seconds=gb_seconds / 1_024,
        lambda_requests=requests,
        gets=gets,
        puts_and_lists=int(constants.other_puts.at(case)) + lists,
    )


def _series(job: Job, before: _Before, after: _After, children: Children) -> dict[str, list[float]]:
    series = {name: Series(after.end) for name in SERIES}
    again = Series(after.end)
    transitions, running = series["transitions"], series["lambda_concurrency"]
    transitions.add_amount(0, before.started, before.states)
    transitions.add_amount(after.mapped, after.end, after.states)
    running.add_level(before.started, before.indexed)
    running.add_level(after.written, after.reduced)
    standard = job.child is Child.STANDARD
    for child in range(children.count):
        started, left = children.started[child], children.left[child]
        available, dispatched = children.available[child], children.dispatched[child]
        throttled, wasted = children.throttled_gets[child], children.wasted_gets[child]
        series["objects_read"].add_amount(started, left, children.objects(child))
        if throttled or wasted:
            series["throttled_gets"].add_amount(started, left, throttled)
            again.add_amount(started, left, throttled + wasted)
        if dispatched > available:
            series["children_waiting"].add_level(available, dispatched)
        series["children_running"].add_level(dispatched, children.ended[child])
        running.add_level(children.invoked[child], left)
        if standard:
            entered = children.entered[child]
            transitions.add_moment(entered, job.states_per_child)
            transitions.add_moment(left, children.retries[child] + children.lambda_retries[child])
            if children.throttled[child]:
                series["throttled_transitions"].add_moment(entered, job.states_per_child)
    made = {name: values.values() for name, values in series.items()}
    made["gets"] = list(map(sum, zip(made["objects_read"], again.values(), strict=True)))
    return made
