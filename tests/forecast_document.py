"""Writes the tables of docs/forecast.md: `python -m tests.forecast_document`.

Each stands between two comments that name it; a test compares them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from constructs_lib.forecast.constants import CONSTANTS
from constructs_lib.forecast.job import Child, Job, Source
from constructs_lib.forecast.result import Case
from constructs_lib.forecast.simulation import forecast, simulate
from constructs_lib.forecast.verdict import verdict

DOCUMENT = Path(__file__).parents[1] / "docs/forecast.md"

FULL = Job(objects=600_000)
TALK = replace(FULL, max_concurrency=1_000, source=Source.LIST)
LARGE, SMALL = "us-east-1", "eu-central-1"


def constants() -> str:
    """Every constant of AWS's set, in the order of a run."""
    rows = [
        f"| {constant.name} | {_range([constant.at(case) for case in Case])} | {constant.unit} | {constant.basis} "
        f"| {constant.source} | {constant.date} |"
        for _, constant in CONSTANTS
    ]
    return "\n".join(["| what | value | unit | basis | source | date |", "|---|---|---|---|---|---|", *rows])


def settings() -> str:
    """The full run at the settings that people choose among."""
    rows = []
    for batch_size in (50, 100, 500, 1_000):
        for child in Child:
            for region in (LARGE, SMALL):
                job = replace(FULL, batch_size=batch_size, child=child, region=region)
                best, likely, worst = (simulate(job, case=case) for case in Case)
                rows.append(
                    f"| {batch_size:,} | {child} | {region} | **{likely.duration_seconds:.0f}** "
                    f"| {best.duration_seconds:.0f} to {worst.duration_seconds:.0f} | {likely.transitions:,} "
                    f"| ${likely.cost.total:.2f} | {likely.bindings[0].limit} |"
                )
    head = "| batch | children | Region | seconds | extremes | transitions | cost | binds longest |"
    rows.insert(0, "|---|---|---|---|---|---|---|---|")
    return "\n".join([head, *rows])


def talk() -> str:
    """The talk's settings beside ours, and beside what would make ours faster."""
    few_partitions = replace(
        CONSTANTS, s3_partitioned=replace(CONSTANTS.s3_partitioned, optimistic=0, likely=0, pessimistic=0)
    )
    jobs = (
        ("the talk's: key order, list reader, concurrency 1,000", TALK, CONSTANTS),
        ("ours: index spread over the years, concurrency 200", FULL, CONSTANTS),
        ("ours, concurrency 1,000", replace(FULL, max_concurrency=1_000), CONSTANTS),
        ("ours, Standard children", replace(FULL, child=Child.STANDARD), CONSTANTS),
        ("ours, in a bucket that S3 has never partitioned", FULL, few_partitions),
    )
    rows = []
    for title, job, used in jobs:
        found = forecast(job, used)
        likely = found.likely.duration_seconds
        shortest, longest = found.range(lambda outcome: outcome.duration_seconds)
        best, _, worst = (run.duration_seconds for run in found.runs)
        rows.append(
            f"| {title} | **{likely:.0f}** ({shortest:.0f} to {longest:.0f}) | {best:.0f} to {worst:.0f} "
            f"| {135 / likely:.1f} ({135 / longest:.1f}) | {verdict(found, used)} |"
        )
    head = "| settings | seconds | extremes | times as fast as 135 s (slow end) | verdict |"
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def sensitivity() -> str:
    """How much each constant that has a range moves our run, alone."""
    likely = simulate(FULL).duration_seconds
    moved = []
    for name, constant in CONSTANTS:
        seconds = []
        for value in (constant.optimistic, constant.pessimistic):
            one = replace(constant, optimistic=value, likely=value, pessimistic=value)
            seconds.append(simulate(FULL, replace(CONSTANTS, **{name: one})).duration_seconds - likely)
        if max(map(abs, seconds)) >= 0.5:
            moved.append((seconds[0] - seconds[1], f"| {constant.name} | {seconds[0]:+.1f} | {seconds[1]:+.1f} |"))
    rows = [row for _, row in sorted(moved)]
    return "\n".join(["| alone at its | best | worst |", "|---|---|---|", *rows])


TABLES = {"constants": constants, "settings": settings, "talk": talk, "sensitivity": sensitivity}


def with_tables(text: str) -> str:
    """Return the document with its tables as they are now."""
    for name, table in TABLES.items():
        shown = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end of {name} -->)", re.DOTALL)
        places = list(shown.finditer(text))
        if len(places) != 1:
            raise ValueError(f"{DOCUMENT.name} has no place for the table {name!r}, or several.")
        text = f"{text[: places[0].start()]}{table()}\n{text[places[0].end() :]}"
    return text


def _range(values: list[float]) -> str:
    numbers = [f"{value:,.10f}".rstrip("0").rstrip(".") for value in values]
    return numbers[0] if len(set(numbers)) == 1 else " · ".join(numbers)


if __name__ == "__main__":
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text()))
