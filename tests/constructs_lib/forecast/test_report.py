"""How a report writes durations, money and ranges, and what it makes of forecasts that may fail."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from constructs_lib.forecast import report
from constructs_lib.forecast.answer import Answer
from constructs_lib.forecast.constants import CONSTANTS
from constructs_lib.forecast.job import Handler, Reducer, Source
from constructs_lib.forecast.result import Cost
from constructs_lib.forecast.settings import job_of
from constructs_lib.forecast.simulation import forecast


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.04, "0.0 s"), (4.16, "4.2 s"), (9.96, "10 s"), (599.4, "599 s"), (599.6, "10 min"), (750, "12 min 30 s"),
     (7_200, "2 h"), (11_100, "3 h 5 min")],
)  # fmt: skip
def test_should_write_durations(value: float, text: str) -> None:
    assert report.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "$0.00"),
        (0.00005, "$0.000050"),
        (0.0312, "$0.031"),
        (0.0949, "$0.095"),
        (0.31, "$0.31"),
        (1234.5, "$1,234.50"),
    ],
)
def test_should_write_dollars(value: float, text: str) -> None:
    assert report.dollars(value) == text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([13.2, 17.1, 24.4], "17 s (13 to 24 s)"),
        ([4.2, 12, 700], "12 s (4.2 s to 11 min 40 s)"),
        ([17, 17.2, 17.4], "17 s"),
        ([720, 780, 840], "13 min (12 to 14 min)"),
        ([750, 780, 810], "13 min (12 min 30 s to 13 min 30 s)"),
        ([18, 17, 24], "17 s (17 to 24 s)"),
    ],
)
def test_should_write_ranges(values: list[float], text: str) -> None:
    assert report.spread(values, report.seconds) == text


def test_should_write_a_range_of_dollars() -> None:
    assert report.spread([0.28, 0.31, 0.36], report.dollars) == "$0.31 ($0.28 to $0.36)"


def shown(what: object) -> str:
    file = io.StringIO()
    Console(file=file, width=200).print(what)
    return file.getvalue()


def answer(**compared: int) -> Answer:
    given = {"objects": 40_000, "function_memory_mb": 128, "mean_bytes": 1_000_000}
    job, settings = job_of({name: value for name, value in given.items() if name not in compared}, compared, None)
    return Answer(forecast(job), settings)


def test_should_mark_what_may_fail_and_choose_among_the_others() -> None:
    answers = [answer(batch_size=size) for size in (100, 1_000)]
    assert [one.may_fail for one in answers] == [False, True]
    text = shown(report.comparison(answers, None, Console(file=io.StringIO(), width=200)))
    (safe,) = (line for line in text.splitlines() if line.strip().startswith("100 "))
    (failing,) = (line for line in text.splitlines() if line.strip().startswith("1,000 "))
    assert "may fail" not in safe
    assert failing.rstrip().endswith("; may fail")
    assert "Fastest and cheapest: batch-size 100: " in text


def test_should_say_which_items_fit_in_a_batch_that_is_larger_than_ours() -> None:
    given = {"objects": 10_000, "handler": Handler.OTHER, "batch_seconds": 1, "source": Source.LIST}
    for batch_size, said in ((1_000, False), (2_000, True)):
        job, settings = job_of(given | {"reducer": Reducer.NONE, "batch_size": batch_size}, {}, None)
        notes = Answer(forecast(job), settings).notes
        assert bool(notes) is said
    assert notes[0].startswith("A batch's input has room for 256 KiB: of items over 131 bytes Step Functions makes bat")


def test_should_say_that_its_ranges_are_of_few_draws() -> None:
    job, settings = job_of({"objects": 1_000}, {}, None)
    found = forecast(job)
    text = shown(report.one(Answer(replace(found, draws=found.draws[:6]), settings), None))
    assert "The ranges are of 6 draws, not of 40: 2 children take long to simulate." in text
    assert "draws, not" not in shown(report.one(Answer(found, settings), None))


@pytest.mark.parametrize(("region", "notes"), [("us-east-1", 0), ("eu-central-1", 1)])
def test_should_say_whose_prices_they_are(region: str, notes: int) -> None:
    job, settings = job_of({"objects": 1_000, "region": region}, {}, None)
    text = shown(report.one(Answer(forecast(job), settings), None))
    assert text.count("Prices are those of us-east-1; in eu-central-1 they may be others.") == notes


@pytest.mark.parametrize(
    ("given", "note"),
    [
        ({}, None),
        ({"handler": Handler.OTHER, "batch_seconds": 2, "source": Source.FILE, "reducer": Reducer.NONE}, None),
        (
            {"handler": Handler.OTHER, "source": Source.LIST, "reducer": Reducer.NONE},
            "do: the one for a batch GETs its objects with 64 threads (measure yours, and give --batch-seconds).",
        ),
        (
            {"handler": Handler.OTHER, "batch_seconds": 2},
            "do: the one before the map lists the bucket, the one after it adds up the results.",
        ),
    ],
)
def test_should_say_what_is_taken_to_work_as_ours(given: dict[str, Any], note: str | None) -> None:
    job, settings = job_of({"objects": 1_000} | given, {}, None)
    made = Answer(forecast(job), settings)
    shown_once = [shown(report.one(made, None)), shown(report.comparison([made, made], None, Console(width=200)))]
    if note is None:
        assert made.notes == ()
        assert not any("taken to work" in text for text in shown_once)
    else:
        (said,) = made.notes
        assert said.endswith(f" as the wind-speed workflow's {note}")
        assert [text.count(said) for text in shown_once] == [1, 1]


def test_should_choose_among_all_when_all_may_fail() -> None:
    answers = [answer(batch_size=size) for size in (500, 1_000)]
    text = shown(report.comparison(answers, None, Console(file=io.StringIO(), width=200)))
    assert text.count("may fail") == 2
    assert "At worst " in text


def test_should_name_what_happens_in_draws_only() -> None:
    calm = answer(function_memory_mb=1_769)
    found, settings = calm.forecast, calm.settings
    assert "throttled" not in shown(report.one(calm, None))
    assert "Tasks tried again" not in shown(report.one(calm, None))
    unlucky = replace(found.draws[0], throttled_gets=7, retries=3)
    text = shown(report.one(Answer(replace(found, draws=(unlucky, *found.draws[1:])), settings), None))
    assert "throttled" in text
    assert "Tasks tried again" in text


def test_should_give_the_extremes_whichever_run_they_are_in() -> None:
    """What is fastest isn't always the cheapest."""
    found = answer(batch_size=1_000)
    dear = replace(found.forecast.optimistic, cost=Cost(step_functions=1, lambda_=20, s3=300))
    text = shown(report.one(Answer(replace(found.forecast, optimistic=dear), found.settings), None))
    assert re.search(r"at once: .* s to .* s, \$0\.\d+ to \$321\.00\.", text)


def test_should_list_each_constant_once() -> None:
    text = shown(report.constants(CONSTANTS))
    for _, constant in CONSTANTS:
        assert text.count(f"{constant.name}: ") == 1
