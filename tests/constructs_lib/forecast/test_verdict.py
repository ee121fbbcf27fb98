from __future__ import annotations

from dataclasses import replace

import pytest

from constructs_lib.forecast.constants import CONSTANTS, Constants
from constructs_lib.forecast.job import Child, Handler, Job, Reducer, Source
from constructs_lib.forecast.result import Case
from constructs_lib.forecast.simulation import forecast, simulate
from constructs_lib.forecast.verdict import batches_granted, binding, failure, verdict

FULL = Job(objects=600_000)


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        (FULL, "Index of the objects binds from second 0, for 6 of 20 s: list in several functions at once"),
        (
            replace(FULL, max_concurrency=1_000, source=Source.LIST),
            "Item listing binds from second 2, for 60 of 69 s: use an index, whose function lists the prefixes side by",
        ),
        (
            replace(FULL, batch_size=50, child=Child.STANDARD),
            "for 120 of 134 s: use Express children, or larger batches.",
        ),
        (Job(objects=60_000, batch_size=5, max_concurrency=1_000), "Dispatch of children binds from second"),
        (
            replace(FULL, batch_size=50, child=Child.STANDARD, region="eu-central-1", other_transitions_per_second=750),
            "State transitions bind from second",
        ),
        (
            replace(FULL, prefixes=1, source=Source.LIST),
            "spread the objects over the prefixes by an index, or lower max_c",
        ),
        (Job(objects=20_000, max_concurrency=3), "max_concurrency binds from second 3, for 13 of 20 s: raise max_con"),
        (replace(FULL, lambda_concurrency=20), "Lambda concurrency binds from second"),
        (Job(objects=1), "Start and end of the execution bind from second 0, for 2 of 6 s"),
        (
            Job(objects=1, reducer=Reducer.NONE, source=Source.LIST),
            "it is Step Functions' own time, which no setting changes.",
        ),
    ],
)
def test_should_name_what_binds_from_when_and_what_to_change(job: Job, sentence: str) -> None:
    said = binding(simulate(job))
    assert sentence in said
    assert said.endswith(".")
    assert "\n" not in said


def allowing(**seconds: float) -> Constants:
    changed = {
        name: replace(getattr(CONSTANTS, name), optimistic=value, likely=value, pessimistic=value)
        for name, value in seconds.items()
    }
    return replace(CONSTANTS, **changed)


@pytest.mark.parametrize(
    ("allowed", "sentence"),
    [
        ({"handler_seconds": 1.6}, "At worst a batch's own work takes 2 s and has 2: lower batch_size from 500."),
        (
            {"express_seconds": 3},
            "At worst an Express child takes 3 s and has 3: lower max_concurrency or batch_size, or",
        ),
        ({"index_seconds": 10}, "At worst the index of the objects takes 11 s and has 10: give an execution fewer ob"),
        ({"reduce_seconds": 6}, "At worst the reducer takes 7 s and has 6: give an execution fewer objects"),
    ],
)
def test_should_say_first_what_would_fail(allowed: dict[str, float], sentence: str) -> None:
    said = failure(simulate(FULL, case=Case.PESSIMISTIC), allowing(**allowed))
    assert said is not None
    assert said.startswith(sentence)


def test_should_give_functions_that_are_not_ours_lambdas_own_time() -> None:
    ours = Job(objects=2_000, batch_seconds=50, child=Child.STANDARD)
    theirs = replace(ours, handler=Handler.OTHER)
    said = [failure(simulate(job, case=Case.PESSIMISTIC)) for job in (ours, theirs)]
    assert said == ["At worst a batch's own work takes 50 s and has 40: lower batch_size from 500.", None]
    short = allowing(index_seconds=1, reduce_seconds=1)
    assert failure(simulate(theirs, case=Case.PESSIMISTIC), short) is None
    assert failure(simulate(ours, case=Case.PESSIMISTIC), short) is not None


def test_should_advise_an_index_where_one_prefix_grants_no_higher_concurrency() -> None:
    job = Job(objects=600_000, handler=Handler.OTHER, batch_size=100, batch_seconds=3, source=Source.LIST)
    before = simulate(job)
    assert binding(before).endswith(": spread the objects over the prefixes by an index, and raise max_concurrency.")
    after = simulate(replace(job, source=Source.INDEX, max_concurrency=1_000))
    assert after.duration_seconds < before.duration_seconds / 2


def test_should_advise_no_memory_for_a_time_that_was_measured() -> None:
    job = Job(objects=1_000, function_memory_mb=128, batch_seconds=30, reducer=Reducer.NONE, source=Source.LIST)
    assert binding(simulate(job)).endswith(": use smaller batches.")
    assert ": give the function 1,769 MB, or" in binding(simulate(replace(job, batch_seconds=None, mean_bytes=900_000)))


def test_should_advise_batches_that_are_larger_than_ours() -> None:
    job = replace(FULL, batch_size=1_000, child=Child.STANDARD, source=Source.FILE, max_concurrency=1_000)
    theirs = replace(job, handler=Handler.OTHER, batch_size=1_000)
    said = [binding(simulate(one)) for one in (job, theirs)]
    assert [": use Express children." in said[0], ": use Express children, or larger batches." in said[1]] == [True] * 2


def test_should_know_that_standard_children_may_take_a_year() -> None:
    standard = simulate(replace(FULL, child=Child.STANDARD), case=Case.PESSIMISTIC)
    assert failure(standard, allowing(express_seconds=3)) is None


def test_should_say_what_binds_where_nothing_fails() -> None:
    job = Job(objects=2_000)
    assert verdict(forecast(job)) == binding(simulate(job))


def test_should_see_a_batch_of_large_objects_fail() -> None:
    said = verdict(forecast(Job(objects=1_000, batch_size=1_000, mean_bytes=8_000_000)))
    fails, _, binds = said.partition(". ")
    assert fails.startswith("At worst a batch's own work takes ")
    assert fails.endswith(" s and has 40: lower batch_size from 1,000")
    assert binds.startswith("The batches' own work binds from ")


@pytest.mark.parametrize(("lambda_concurrency", "objects"), [(1, 600_000), (2, 1_200_000)])
def test_should_advise_a_concurrency_at_which_no_child_waits_for_lambda(lambda_concurrency: int, objects: int) -> None:
    job = Job(objects=objects, batch_size=1_000, lambda_concurrency=lambda_concurrency)
    said = verdict(forecast(job))
    assert said.startswith("At worst an Express child takes ")
    assert f" and has 300: lower max_concurrency to {lambda_concurrency}, as many as Lambda runs at a time. " in said
    assert "Lambda concurrency binds from second " in said
    assert failure(simulate(replace(job, max_concurrency=lambda_concurrency), case=Case.PESSIMISTIC)) is None


def test_should_advise_a_concurrency_that_s3_grants() -> None:
    job = replace(FULL, prefixes=3)
    before = simulate(job)
    advised = batches_granted(before)
    assert f"lower max_concurrency to {advised:,}, which S3 grants" in binding(before)
    after = simulate(replace(job, max_concurrency=advised))
    assert after.throttled_gets < before.throttled_gets / 100
    assert after.duration_seconds <= before.duration_seconds * 1.05


def test_should_advise_a_concurrency_that_is_faster() -> None:
    job = Job(objects=20_000, max_concurrency=3)
    advised = min(batches_granted(simulate(job)), job.lambda_concurrency, job.children)
    assert f"raise max_concurrency to {advised:,}." in binding(simulate(job))
    for case in Case:
        assert (
            simulate(replace(job, max_concurrency=advised), case=case).duration_seconds
            < simulate(job, case=case).duration_seconds
        )
