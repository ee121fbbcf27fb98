"""One demo run: each review through the parent and its child, then what became of it and what was recorded."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from demo.console import step
from demo.reviews.app import TARGET_ACCOUNT, ReviewsApp, deployed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from constructs_lib.local import ExecutionResult
    from demo.reviews.review import Review

_SYNC_POLL_SECONDS = 0.1
_COLOURS = {"fake": "red", "real": "green", "unsure": "yellow"}
_MOST_CHARACTERS = 200
_WIDEST = 110


@dataclass(frozen=True)
class Judged:
    """A review, how its execution ended, and how long it took."""

    review: Review
    result: ExecutionResult
    seconds: float


def run_demo(reviews: Sequence[Review], *, replies: Path, cdk: Path | None) -> int:
    """Have each review judged and print what became of it; returns 0, or 1 when an execution failed."""
    console = Console(highlight=False)
    with deployed(console, replies=replies, cdk=cdk, sync_poll_seconds=_SYNC_POLL_SECONDS) as app:
        count = f"{len(reviews):,} review{'' if len(reviews) == 1 else 's'}"
        with step(console, f"Run {count} through parent and child") as progress:
            bar = progress.add_task("  reviews", total=len(reviews))
            judged = []
            for review in reviews:
                judged.append(judge(app, review))
                progress.advance(bar)
        console.print(_results(judged, min(console.width, _WIDEST)))
        _print_recorded(console, app)
    failed = [one for one in judged if not one.result.succeeded]
    for one in failed:
        cause = in_one_line(one.result.cause or "no cause given")
        print(f"error: {name_of(one.review)}: {one.result.error or one.result.status}: {cause}", file=sys.stderr)
    return 1 if failed else 0


def judge(app: ReviewsApp, review: Review) -> Judged:
    """Run the parent over a review, to its end."""
    begun = time.monotonic()
    result = app.cloud.run(app.parent, review)
    return Judged(review, result, time.monotonic() - begun)


def name_of(review: Review) -> str:
    """What to call a review by: its id, where it has one."""
    return in_one_line(review.get("ReviewId", "a review without a ReviewId"))


def in_one_line(value: object) -> str:
    """Any value as text that does nothing to a terminal: one line, no control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(str(value).split()))


def _results(judged: Sequence[Judged], width: int) -> RenderableType:
    """Two lines a review: what became of it, and why."""
    lines: list[RenderableType] = [
        "",
        _line("review", "verdict", "confidence", "action", "seconds", style="bold"),
        Text("─" * width, style="dim"),
    ]
    for one in judged:
        text = f"“{_cut(one.review['ReviewText'])}”" if "ReviewText" in one.review else "(no ReviewText)"
        review = Text(text, no_wrap=True, overflow="ellipsis")
        if one.result.succeeded:
            output = one.result.output
            verdict = in_one_line(output.get("Verdict"))
            what = [Text(verdict, _COLOURS.get(verdict, "")), Text(in_one_line(output.get("Confidence")))]
            what.append(Text(in_one_line(output.get("Action"))))
            reason = output.get("Reason")
        else:
            what = [Text("-"), Text("-"), Text(one.result.status, "red")]
            reason = f"{one.result.error}: {one.result.cause}"
        lines.append(_line(review, *what, f"{one.seconds:.1f}"))
        lines.append(Padding(Text(_cut(reason), "dim"), (0, 0, 0, 2), expand=False))
    return Constrain(Group(*lines, ""), width)


def _line(*cells: RenderableType, style: str = "") -> Table:
    """A line of the results: the columns after the first have widths of their own, so that the lines are a table."""
    line = Table.grid(padding=(0, 2), expand=True)
    line.add_column(ratio=1)
    line.add_column(width=7)
    line.add_column(width=10, justify="right")
    line.add_column(width=9)
    line.add_column(width=7, justify="right")
    line.add_row(*cells, style=style)
    return line


def _cut(value: object) -> str:
    text = in_one_line(value)
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"


def _print_recorded(console: Console, app: ReviewsApp) -> None:
    """Print the rows of the table of fake reviews, as they are in the target account."""
    pages = app.client_in_target("dynamodb").get_paginator("scan").paginate(TableName=app.table_name)
    rows = [
        {name: next(iter(value.values())) for name, value in row.items()} for page in pages for row in page["Items"]
    ]
    where = f"account {TARGET_ACCOUNT}, table {app.table_name}"
    if not rows:
        console.print(f"Nothing recorded as fake in {where}", soft_wrap=True)
        return
    console.print(f"Recorded as fake in {where}:", soft_wrap=True)
    columns = ("ProductId", "ReviewId", "ModelId", "RecordedAt")
    table = Table(*columns, box=box.SIMPLE_HEAD)
    for row in sorted(rows, key=lambda row: (row["ProductId"], row["ReviewId"])):
        row["RecordedAt"] = row["RecordedAt"][:19]  # to the second
        table.add_row(*(Text(in_one_line(row[name])) for name in columns))
    console.print(table)
