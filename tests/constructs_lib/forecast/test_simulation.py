"""The simulation: small runs computed by hand, what holds of every run, and the verdicts on the full one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib.forecast.constants import CONSTANTS, LOCAL_CLOUD, LOCAL_CONCURRENCY, Constants
from constructs_lib.forecast.job import Bucket, Child, Handler, Job, Reducer, Source
from constructs_lib.forecast.result import SERIES, Case, Limit, Run
from constructs_lib.forecast.simulation import DRAWS, FEWEST_DRAWS, draws_of, forecast, simulate
from constructs_lib.forecast.work import batch_seconds, index_seconds
from tests.forecast_document import FULL, TALK

if TYPE_CHECKING:
    from collections.abc import Mapping


def having(values: Mapping[str, float], constants: Constants = CONSTANTS) -> Constants:
    """Constants with other values, the same in each case."""
    changed = {
        name: replace(getattr(constants, name), optimistic=value, likely=value, pessimistic=value)
        for name, value in values.items()
    }
    return replace(constants, **changed)


# Nothing but a batch's own work takes time: 0.01 s of waiting a GET, and ten threads.
IDEAL = having(
    {
        **dict.fromkeys(
            (
                "start_seconds",
                "state_seconds",
                "map_start_seconds",
                "express_child_seconds",
                "standard_child_seconds",
                "list_page_seconds",
                "index_page_cpu_seconds",
                "index_key_cpu_seconds",
                "cold_start_seconds",
                "get_cpu_seconds",
                "byte_cpu_seconds",
                "writer_seconds",
                "result_bytes",
                "reduce_cpu_seconds",
                "reduce_wait_seconds",
                "list_page_bytes",
            ),
            0,
        ),
        "item_rows": 1e12,
        "lambda_bytes": 1e12,
        "express_dispatch": 1e9,
        "standard_dispatch": 1e9,
        "s3_get_seconds": 0.01,
        "handler_threads": 10,
        "s3_gets": 1e9,
        "s3_partitioned": 1,
    }
)
SMALL = Job(objects=1_000, batch_size=100, max_concurrency=1_000, prefixes=10)
"""Ten batches of 0.1 s each."""


def ideal(job: Job = SMALL, *, retries: bool = False, **values: float) -> Run:
    return simulate(job, having(values, IDEAL), Case.LIKELY, throttling_retries=retries)


def seconds(run: Run) -> dict[Limit, Any]:
    return {
        binding.limit: pytest.approx(binding.seconds, abs=1e-5) for binding in run.bindings if binding.seconds > 1e-5
    }


@pytest.mark.parametrize(
    ("job", "values", "expected"),
    [
        ({}, {}, {Limit.WORK: 0.1}),
        ({"max_concurrency": 4}, {}, {Limit.MAX_CONCURRENCY: 0.2, Limit.WORK: 0.1}),
        ({"lambda_concurrency": 3}, {}, {Limit.LAMBDA_CONCURRENCY: 0.3, Limit.WORK: 0.1}),
        # The last of ten is dispatched after nine intervals.
        ({}, {"express_dispatch": 10}, {Limit.CHILD_DISPATCH: 0.9, Limit.WORK: 0.1}),
        ({"child": Child.STANDARD}, {"standard_dispatch": 2}, {Limit.CHILD_DISPATCH: 4.5, Limit.WORK: 0.1}),
        # One environment at once, a second at 0.2 s, a third at 0.4 s: they have done seven batches at 0.5 s.
        ({}, {"lambda_burst": 1, "lambda_ramp_up": 5}, {Limit.LAMBDA_RAMP_UP: 0.5, Limit.WORK: 0.1}),
        ({}, {"item_rows": 500}, {Limit.ITEM_READING: 2, Limit.WORK: 0.1}),
        ({"source": Source.FILE}, {"item_rows": 500}, {Limit.ITEM_READING: 2, Limit.WORK: 0.1}),
        ({"source": Source.LIST}, {"list_page_seconds": 3}, {Limit.LISTING: 3, Limit.WORK: 0.1}),
        # 1,000 GETs of ten prefixes alike, at 100 a second each; then in their order, each prefix being a batch.
        ({}, {"s3_gets": 100}, {Limit.S3_GETS: 1}),
        ({"source": Source.FILE}, {"s3_gets": 100}, {Limit.S3_GETS: 1}),
        ({"source": Source.LIST}, {"s3_gets": 100}, {Limit.S3_GETS: 1}),
        ({"source": Source.LIST, "prefixes": 1}, {"s3_gets": 100}, {Limit.S3_GETS: 10}),
        # Of a bucket of five, two are taken a second by others: five at once, five more in 5/3 s.
        (
            {"child": Child.STANDARD, "state_transition_limit": 5, "other_transitions_per_second": 2},
            {},
            {Limit.STATE_TRANSITIONS: 5 / 3, Limit.WORK: 0.1},
        ),
        ({}, {"cold_start_seconds": 7, "s3_get_seconds": 0}, {Limit.INDEX: 7, Limit.WORK: 7, Limit.REDUCE: 7}),
        (
            {"source": Source.FILE, "reducer": Reducer.NONE},
            {"cold_start_seconds": 7, "s3_get_seconds": 0},
            {Limit.WORK: 7},
        ),
        ({}, {"writer_seconds": 2}, {Limit.WORK: 0.1, Limit.RESULT_WRITING: 2}),
        ({"parent_states": 6}, {"state_seconds": 1, "start_seconds": 2}, {Limit.WORK: 0.1, Limit.START: 8}),
    ],
)
def test_should_wait_for_each_limit_as_long_as_computed_by_hand(
    job: dict[str, Any], values: dict[str, float], expected: dict[Limit, float]
) -> None:
    run = simulate(replace(SMALL, **job), having(values, IDEAL), throttling_retries=False)
    assert seconds(run) == expected
    assert run.duration_seconds == pytest.approx(sum(expected.values()), abs=1e-5)


@pytest.mark.parametrize(
    ("source", "reducer", "phases"),
    [
        (Source.INDEX, Reducer.FUNCTION, ["start", "index", "map", "result writing", "reduce", "end"]),
        (Source.FILE, Reducer.FUNCTION, ["start", "map", "result writing", "reduce", "end"]),
        (Source.LIST, Reducer.NONE, ["start", "map", "result writing", "end"]),
    ],
)
def test_should_have_the_phases_that_the_job_has(source: Source, reducer: Reducer, phases: list[str]) -> None:
    run = simulate(replace(SMALL, source=source, reducer=reducer))
    assert [phase.name for phase in run.phases] == phases
    assert run.usage.lambda_requests == 10 + len({"index", "reduce"} & set(phases))


def test_should_follow_the_critical_path_through_a_slot_to_the_limit_behind_it() -> None:
    # S3 grants 50 batches a second to whoever has a slot: more slots would change nothing, and aren't named.
    run = ideal(replace(SMALL, objects=100_000, max_concurrency=50), s3_gets=500)
    assert run.bindings[0].limit is Limit.S3_GETS
    assert run.duration_seconds == pytest.approx(100_000 / (500 * 10), rel=0.01)


def test_should_give_a_batch_the_longer_of_cpu_and_waiting_and_a_part_of_the_shorter() -> None:
    constants = having({"get_cpu_seconds": 0.002, "overlap": 0.75, "lambda_slowness": 1}, IDEAL)
    assert batch_seconds(SMALL, 100, constants, Case.LIKELY) == pytest.approx(0.2 + 0.25 * 0.1)
    half_a_cpu = replace(SMALL, function_memory_mb=1_769 // 2 + 1)
    assert batch_seconds(half_a_cpu, 100, constants, Case.LIKELY) == pytest.approx(0.4 + 0.25 * 0.1, rel=0.01)
    more_than_one = replace(SMALL, function_memory_mb=10_240)
    assert batch_seconds(more_than_one, 100, constants, Case.LIKELY) == batch_seconds(
        SMALL, 100, constants, Case.LIKELY
    )


def test_should_give_a_batch_the_time_that_was_measured_of_one() -> None:
    job = replace(SMALL, objects=250, batch_seconds=3, function_memory_mb=128)
    assert [batch_seconds(job, objects, CONSTANTS, case) for objects, case in zip((100, 50, 1), Case, strict=True)] == [
        3,
        1.5,
        0.03,
    ]
    run = ideal(replace(SMALL, batch_seconds=3, max_concurrency=5))
    assert seconds(run) == {Limit.MAX_CONCURRENCY: 3, Limit.WORK: 3}


def test_should_keep_to_s3s_limits_when_a_batchs_time_was_measured() -> None:
    run = ideal(replace(SMALL, batch_seconds=0.001), s3_gets=100)
    assert seconds(run) == {Limit.S3_GETS: 1}


def test_should_list_prefixes_side_by_side_and_the_pages_of_one_in_turn() -> None:
    constants = having({"list_page_seconds": 1}, IDEAL)
    # First the years are asked for; then ten threads have twenty prefixes of three pages each.
    job = Job(objects=50_000, prefixes=20)
    assert index_seconds(job, constants, Case.LIKELY) == 1 + 2 * 3


def test_should_ask_throttled_gets_again_and_count_them() -> None:
    calm = ideal(retries=True)
    assert (calm.gets, calm.throttled_gets, calm.retries) == (1_000, 0, 0)
    # S3 takes 1 s for what would take 0.1 s: the last batch waits 0.9 s, of its GETs nine tenths, once each.
    run = ideal(retries=True, s3_gets=100)
    assert run.duration_seconds == pytest.approx(1)
    assert run.throttled_gets > 0
    assert run.gets == 1_000 + run.throttled_gets
    assert run.retries == 0
    waiting = [max(0, 0.1 * batch - 0.1) / (0.1 * batch) for batch in range(1, 11)]
    assert run.throttled_gets == sum(-int(-round(share * 100, 6) // 1) for share in waiting)


@pytest.mark.parametrize(("child", "transitions"), [(Child.EXPRESS, 0), (Child.STANDARD, 1)])
def test_should_retry_a_batch_that_outlasts_the_sdks_patience(child: Child, transitions: int) -> None:
    job = replace(SMALL, child=child)
    queued = ideal(job, s3_gets=2)
    run = ideal(job, retries=True, s3_gets=2)
    assert queued.retries == 0
    assert queued.duration_seconds == pytest.approx(50)
    assert run.retries > 10
    assert run.duration_seconds > queued.duration_seconds
    assert run.gets > 1_000 + run.throttled_gets  # a retry reads again what was read
    assert run.objects_read == 1_000
    assert run.transitions == 8 + transitions * (10 + run.retries)


def test_should_count_the_retries_of_throttled_invocations() -> None:
    run = ideal(replace(SMALL, child=Child.STANDARD, lambda_concurrency=3), retries=True)
    # Three run at once, seven wait for less than half a second: once each.
    assert run.retries == 7
    assert run.transitions == 8 + 10 + 7


@pytest.mark.parametrize(
    ("job", "waits_for"),
    [
        (
            Job(objects=600_000, child=Child.STANDARD, region="eu-central-1", other_transitions_per_second=799.999999),
            Limit.STATE_TRANSITIONS,
        ),
        (Job(objects=100_000, max_concurrency=1, batch_size=1, batch_seconds=900), Limit.MAX_CONCURRENCY),
    ],
)
def test_should_refuse_a_run_that_lasts_longer_than_an_execution_may(job: Job, waits_for: Limit) -> None:
    with pytest.raises(ValueError, match=rf"^The likely run lasts [\d,]+ days, most of it for {waits_for}; allo") as no:
        simulate(job)
    assert "allowed: 365 days" in str(no.value)


def test_should_have_no_series_of_a_run_of_more_than_two_days_and_all_else() -> None:
    job = Job(objects=200, batch_size=1, max_concurrency=1, batch_seconds=900)
    run = simulate(job)
    assert run.duration_seconds > 200 * 900
    assert sum(binding.seconds for binding in run.bindings) == pytest.approx(run.duration_seconds)
    assert run.objects_read == 200
    for read in (len, list, lambda series: series["gets"]):
        with pytest.raises(
            ValueError, match=r"^The run lasts 180,\d+ s, too long for series; allowed: up to 172,800 s\."
        ):
            read(run.series)
    assert len(simulate(replace(job, objects=190)).series) == len(SERIES)


# What holds of every run

JOBS = st.builds(
    Job,
    objects=st.integers(1, 30_000),
    batch_size=st.integers(20, 1_000),
    max_concurrency=st.integers(1, 300),
    child=st.sampled_from(Child),
    source=st.sampled_from(Source),
    reducer=st.sampled_from(Reducer),
    bucket=st.sampled_from(Bucket),
    handler=st.sampled_from(Handler),
    batch_seconds=st.none() | st.floats(0.001, 60),
    region=st.sampled_from(["us-east-1", "eu-central-1"]),
    prefixes=st.integers(1, 120),
    states_per_child=st.integers(1, 4),
    mean_bytes=st.integers(1, 200_000),
    function_memory_mb=st.integers(128, 3_000),
    lambda_concurrency=st.integers(1, 300),
    other_transitions_per_second=st.floats(0, 799),
)
CASES = st.sampled_from(Case)
# S3 as it is, and so slow that it binds in small runs, too.
SETS = st.sampled_from([CONSTANTS, having({"s3_gets": 300})])
FEW = settings(max_examples=60, deadline=None)


def without_retries(job: Job, constants: Constants, case: Case) -> float:
    return simulate(job, constants, case, throttling_retries=False).duration_seconds


def more(constants: Constants, name: str, *, factor: float = 1, summand: float = 0) -> Constants:
    one = getattr(constants, name)
    values = {case.value: one.at(case) * factor + summand for case in Case}
    return replace(constants, **{name: replace(one, **values)})


def at_least(slower: float, faster: float) -> bool:
    return slower >= faster * (1 - 1e-9)


@FEW
@given(JOBS, SETS, CASES, st.booleans())
def test_should_lose_nothing(job: Job, constants: Constants, case: Case, retries: bool) -> None:
    run = simulate(job, constants, case, throttling_retries=retries)
    assert run.objects_read == job.objects
    assert set(run.series) == set(SERIES)
    assert {len(values) for values in run.series.values()} == {max(1, -int(-run.duration_seconds // 1))}
    assert all(value >= 0 for values in run.series.values() for value in values)
    total = {name: sum(values) for name, values in run.series.items()}
    assert total["objects_read"] == pytest.approx(job.objects)
    assert total["gets"] == pytest.approx(run.gets)
    assert total["throttled_gets"] == pytest.approx(run.throttled_gets, abs=1e-6)
    assert total["transitions"] == pytest.approx(run.transitions)
    assert run.gets >= job.objects + run.throttled_gets
    assert max(run.series["children_running"]) <= job.max_concurrency + 1e-6
    assert max(run.series["lambda_concurrency"]) <= job.lambda_concurrency + 1 + 1e-6  # index or reducer
    assert sum(binding.seconds for binding in run.bindings) == pytest.approx(run.duration_seconds)
    assert list(run.bindings) == sorted(run.bindings, key=lambda binding: -binding.seconds)
    ends = [phase.end for phase in run.phases]
    assert [phase.start for phase in run.phases] == [0, *ends[:-1]]
    assert ends[-1] == run.duration_seconds


def test_should_count_the_gets_of_the_largest_batch() -> None:
    job = Job(objects=100_000_000, handler=Handler.OTHER, batch_size=100_000_000, batch_seconds=900)
    run = simulate(replace(job, prefixes=1, mean_bytes=1_000_000))
    assert (run.children, run.objects_read) == (1, 100_000_000)
    assert run.throttled_gets > 100_000_000
    assert sum(run.series["gets"]) == pytest.approx(run.gets)


@FEW
@given(JOBS, st.integers(0, 20_000), CASES, st.booleans())
def test_should_take_longer_for_more_objects(job: Job, summand: int, case: Case, retries: bool) -> None:
    larger = replace(job, objects=job.objects + summand)
    fewer, greater = (simulate(it, case=case, throttling_retries=retries).duration_seconds for it in (job, larger))
    if job.source is Source.LIST:
        # Where a prefix ends moves with their number: at worst a batch has another prefix.
        greater += job.batch_size / CONSTANTS.s3_gets.at(case)
    assert at_least(greater, fewer)


@FEW
@given(JOBS, st.floats(0, 1), SETS, CASES)
def test_should_take_longer_with_a_higher_latency(job: Job, summand: float, constants: Constants, case: Case) -> None:
    slower = more(constants, "s3_get_seconds", summand=summand)
    assert at_least(without_retries(job, slower, case), without_retries(job, constants, case))


@FEW
@given(
    JOBS,
    st.integers(0, 300),
    SETS,
    CASES,
    st.sampled_from(["max_concurrency", "lambda_concurrency"]),
)
def test_should_take_longer_with_a_lower_concurrency(
    job: Job, summand: int, constants: Constants, case: Case, name: str
) -> None:
    higher = replace(job, **{name: getattr(job, name) + summand})
    assert at_least(without_retries(job, constants, case), without_retries(higher, constants, case))


@FEW
@given(
    JOBS,
    st.floats(1, 10),
    SETS,
    CASES,
    st.sampled_from(
        ["s3_gets", "lambda_burst", "lambda_ramp_up", "express_dispatch", "standard_dispatch", "item_rows"]
    ),
)
def test_should_take_longer_with_a_lower_rate(
    job: Job, factor: float, constants: Constants, case: Case, name: str
) -> None:
    higher = more(constants, name, factor=factor)
    assert at_least(without_retries(job, constants, case), without_retries(job, higher, case))


@FEW
@given(JOBS, st.floats(0.01, 5_000), CASES)
def test_should_take_longer_with_fewer_state_transitions(job: Job, summand: float, case: Case) -> None:
    higher = replace(job, state_transition_limit=job.transitions_per_second + summand)
    assert at_least(without_retries(job, CONSTANTS, case), without_retries(higher, CONSTANTS, case))
    busier = replace(job, other_transitions_per_second=(job.other_transitions_per_second + 799.5) / 2)
    assert at_least(without_retries(busier, CONSTANTS, case), without_retries(job, CONSTANTS, case))


@FEW
@given(JOBS)
def test_should_be_slower_and_dearer_in_a_worse_case(job: Job) -> None:
    """Which case throttles more is another question: retries are left out."""
    best, likely, worst = (simulate(job, case=case, throttling_retries=False) for case in Case)
    assert best.duration_seconds <= likely.duration_seconds <= worst.duration_seconds
    # Batches that start more slowly wait less for S3, in functions that are paid for; and they may share environments.
    alone = having({"s3_gets": 1e9})
    best, likely, worst = (simulate(job, alone, case, throttling_retries=False) for case in Case)
    for better, worse in ((best, likely), (likely, worst)):
        assert better.cost.total <= worse.cost.total + cold_starts_dollars(better)


def cold_starts_dollars(run: Run) -> float:
    """What the most environments that there can be take to start."""
    environments = min(run.children, run.job.max_concurrency, run.job.lambda_concurrency)
    gb_seconds = environments * CONSTANTS.cold_start_seconds.at(run.case) * run.job.function_memory_mb / 1_024
    return gb_seconds * CONSTANTS.lambda_gb_second_dollars.at(run.case)


# The full run


def test_should_name_the_item_listing_at_the_talks_settings() -> None:
    found = forecast(TALK)
    assert {run.bindings[0].limit for run in found.runs} == {Limit.LISTING}
    # The talk's run took 135 s; no constant comes from it.
    shortest, longest = found.range(lambda outcome: outcome.duration_seconds)
    assert found.optimistic.duration_seconds < shortest < 135 < longest < found.pessimistic.duration_seconds


def test_should_spread_the_gets_where_the_talks_settings_have_a_hot_prefix() -> None:
    job = replace(TALK, prefixes=10)
    assert simulate(job, case=Case.OPTIMISTIC).throttled_gets > 0
    assert simulate(replace(FULL, prefixes=97), case=Case.LIKELY).throttled_gets == 0


def test_should_be_five_times_as_fast_as_the_talk_at_the_slow_end_of_our_defaults_range() -> None:
    found, talk = forecast(FULL), forecast(TALK)
    assert found.range(lambda outcome: outcome.duration_seconds)[1] <= 135 / 5
    assert found.pessimistic.duration_seconds < 135 / 2
    for ours, theirs in zip(found.runs, talk.runs, strict=True):
        assert ours.duration_seconds < theirs.duration_seconds
        assert ours.transitions == 8


@FEW
@given(JOBS)
def test_should_have_nine_of_ten_draws_in_its_range_and_all_within_the_extremes(job: Job) -> None:
    """What throttling adds isn't monotone: without it nothing is better than all at their best."""
    found = forecast(replace(job, max_concurrency=1, other_transitions_per_second=0))
    seconds = [outcome.duration_seconds for outcome in found.draws]
    assert found.optimistic.duration_seconds <= min(seconds) + 1e-6
    assert max(seconds) <= found.pessimistic.duration_seconds + 1e-6
    low, high = found.range(lambda outcome: outcome.duration_seconds)
    assert low <= found.likely.duration_seconds <= high
    assert sum(low <= value <= high for value in seconds) >= 0.9 * len(seconds)


@pytest.mark.parametrize(("likely", "low", "high"), [(20, 2, 38), (1, 1, 38), (40.5, 2, 40.5)])
def test_should_range_over_nine_of_ten_draws_and_the_likely_run(likely: float, low: float, high: float) -> None:
    found = forecast(Job(objects=100))
    draws = tuple(replace(found.draws[0], duration_seconds=number) for number in range(41))
    made_up = replace(found, draws=draws, likely=replace(found.likely, duration_seconds=likely))
    assert made_up.range(lambda outcome: outcome.duration_seconds) == (low, high)


def test_should_draw_the_same_each_time_and_mind_each_constant() -> None:
    job = Job(objects=5_000)
    found = forecast(job)
    assert [run.case for run in found.runs] == list(Case)
    again = found.draws
    assert forecast(job).draws == again
    assert len({outcome.duration_seconds for outcome in again}) == DRAWS
    sure = replace(CONSTANTS, **{name: constant.drawn(0.5) for name, constant in CONSTANTS})
    assert len({outcome.duration_seconds for outcome in forecast(job, sure).draws}) == 1


def test_should_draw_less_often_of_many_children() -> None:
    draws = [draws_of(Job(objects=children, batch_size=1)) for children in (1, 90_000, 180_000, 600_000, 2_000_000)]
    assert draws == [DRAWS, DRAWS, DRAWS // 2, FEWEST_DRAWS, FEWEST_DRAWS]


def test_should_range_over_few_draws_much_as_over_many(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [Job(objects=2_000, batch_size=1), Job(objects=20_000, source=Source.LIST, bucket=Bucket.OWN), FULL]
    numbers = (lambda outcome: outcome.duration_seconds, lambda outcome: outcome.cost.total)
    many = [forecast(job).range(number) for job in jobs for number in numbers]
    monkeypatch.setattr("constructs_lib.forecast.simulation.draws_of", lambda _: FEWEST_DRAWS)
    few = [forecast(job).range(number) for job in jobs for number in numbers]
    for found, expected in zip(few, many, strict=True):
        assert found == pytest.approx(expected, rel=0.1)


def test_should_report_its_progress_up_to_the_end() -> None:
    seen: list[tuple[int, int]] = []
    forecast(Job(objects=10_000, batch_size=10), progress=lambda done, of: seen.append((done, of)))
    assert seen == sorted(seen)
    runs = len(Case) + DRAWS
    assert {of for _, of in seen} == {1_000 * runs}
    assert seen[-1] == (1_000 * runs, 1_000 * runs)
    assert len(seen) <= 101 * runs


def test_should_forecast_the_local_cloud_within_the_range_that_was_measured_there() -> None:
    job = Job(objects=20_000, max_concurrency=LOCAL_CONCURRENCY, prefixes=2)
    run = simulate(job, LOCAL_CLOUD, throttling_retries=False)
    assert 23 / 2 <= run.duration_seconds <= 23 * 2
    assert run.throttled_gets == 0
