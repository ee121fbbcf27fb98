"""Costs, against the computations by hand that docs/forecast.md shows."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from constructs_lib.forecast.constants import CONSTANTS
from constructs_lib.forecast.cost import cost_of
from constructs_lib.forecast.job import Bucket, Child, Job, Source
from constructs_lib.forecast.result import Case, Usage
from constructs_lib.forecast.simulation import simulate

DOCUMENT = Path(__file__).parents[3] / "docs/forecast.md"

EXPRESS = Usage(
    transitions=8,
    children=1_200,
    express_gb_seconds=1_200 * 1.1 * 0.0625,
    lambda_gb_seconds=1_200 * 0.9 * 1.769,
    lambda_requests=1_202,
    gets=0,
    puts_and_lists=20,
)
STANDARD = Usage(
    transitions=8 + 12_000,
    children=12_000,
    express_gb_seconds=0,
    lambda_gb_seconds=12_000 * 0.1 * 2,
    lambda_requests=12_002,
    gets=0,
    puts_and_lists=20,
)
OWN_BUCKET = Usage(
    transitions=8,
    children=1_200,
    express_gb_seconds=1_200 * 1.1 * 0.0625,
    lambda_gb_seconds=1_200 * 0.9 * 1.769,
    lambda_requests=1_201,
    gets=600_000,
    puts_and_lists=620,
)


@pytest.mark.parametrize(
    ("job", "usage", "step_functions", "lambda_", "s3"),
    [
        (Job(objects=600_000), EXPRESS, 0.0002 + 0.0012 + 0.001375, 0.0254737 + 0.0002404, 0.0001),
        (Job(objects=600_000, batch_size=50, child=Child.STANDARD), STANDARD, 0.3002, 0.0320002 + 0.0024004, 0.0001),
        (
            Job(objects=600_000, source=Source.LIST, bucket=Bucket.OWN),
            OWN_BUCKET,
            0.0002 + 0.0012 + 0.001375,
            0.0254737 + 0.0002402,
            0.24 + 0.0031,
        ),
    ],
    ids=["Express", "Standard", "own bucket"],
)
def test_should_cost_what_is_computed_by_hand(
    job: Job, usage: Usage, step_functions: float, lambda_: float, s3: float
) -> None:
    cost = cost_of(job, usage, CONSTANTS)
    assert cost.step_functions == pytest.approx(step_functions, abs=5e-8)
    assert cost.lambda_ == pytest.approx(lambda_, abs=5e-8)
    assert cost.s3 == pytest.approx(s3, abs=5e-8)
    assert cost.total == cost.step_functions + cost.lambda_ + cost.s3
    # The document ends each of them with its sum.
    assert f"**${cost.total:.4f}**" in DOCUMENT.read_text()


def test_should_show_prices_that_are_the_constants() -> None:
    text = DOCUMENT.read_text()
    shown = re.search(r"Prices of us-east-1: (.*?)\.\n", text, re.DOTALL)
    assert shown is not None
    for constant in (CONSTANTS.transition_dollars, CONSTANTS.lambda_gb_second_dollars, CONSTANTS.get_dollars):
        assert f"${constant.likely:.10f}".rstrip("0") in shown.group(1)


def test_should_bill_what_the_run_used() -> None:
    job = Job(objects=1_000, batch_size=500, function_memory_mb=1_024)
    run = simulate(job)
    used = run.usage
    assert (used.transitions, used.children, used.lambda_requests, used.gets) == (8, 2, 4, 0)
    assert run.cost == cost_of(job, used, CONSTANTS)
    # 64 MB, and each of two children at least as long as its batch, in steps of 100 ms.
    express_seconds = used.express_gb_seconds / 0.0625
    assert express_seconds >= 2 * run.batch_seconds
    assert express_seconds * 10 == pytest.approx(round(express_seconds * 10))


def test_should_bill_the_gets_of_a_bucket_of_ones_own_only() -> None:
    for source, lists in ((Source.INDEX, 100), (Source.FILE, 0), (Source.LIST, 5)):
        job = Job(objects=5_000, prefixes=100, source=source)
        public, own = simulate(job), simulate(replace(job, bucket=Bucket.OWN))
        assert public.usage.gets == 0
        assert own.usage.gets == own.gets
        # A page a prefix in the index; the map's own reader fills its pages.
        assert own.usage.puts_and_lists == public.usage.puts_and_lists + lists
        assert replace(own.usage, gets=0, puts_and_lists=0) == replace(public.usage, gets=0, puts_and_lists=0)


def test_should_bill_every_transition_retried() -> None:
    job = Job(objects=5_000, batch_size=100, child=Child.STANDARD, lambda_concurrency=3)
    run = simulate(job)
    assert run.retries > 0
    assert run.usage.transitions == run.transitions == 8 + 50 + run.retries


def test_should_cost_more_with_starts_billed() -> None:
    usage = replace(EXPRESS, express_gb_seconds=0)
    likely, worst = (cost_of(Job(objects=600_000), usage, CONSTANTS, case) for case in (Case.LIKELY, Case.PESSIMISTIC))
    assert worst.step_functions - likely.step_functions == pytest.approx(1_200 * 0.000025)
