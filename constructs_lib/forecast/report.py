"""A forecast as a person reads it: tables on a terminal, plain text elsewhere."""

from __future__ import annotations

import math
import re
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

from rich import box
from rich.console import Group
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from constructs_lib.forecast.constants import Basis
from constructs_lib.forecast.settings import Origin
from constructs_lib.forecast.workflow import option_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console, JustifyMethod, RenderableType

    from constructs_lib.forecast.answer import Answer
    from constructs_lib.forecast.constants import Constants
    from constructs_lib.forecast.job import Job
    from constructs_lib.forecast.result import Forecast, Outcome, Run
    from constructs_lib.forecast.settings import Settings
    from constructs_lib.forecast.workflow import MapSettings

_BINDINGS = 3
_NARROW = 12


class _Layout(NamedTuple):
    """What a comparison has room for.

    Without `ranges_beside` a range stands under its likely value; `may_fold` breaks values in two, as a last resort.
    """

    ranges_beside: bool
    counts: tuple[str, ...]
    may_fold: bool = False


_LAYOUTS = (
    _Layout(ranges_beside=True, counts=("children", "transitions")),
    _Layout(ranges_beside=True, counts=("transitions",)),
    _Layout(ranges_beside=False, counts=("transitions",)),
    _Layout(ranges_beside=False, counts=()),
    _Layout(ranges_beside=False, counts=(), may_fold=True),
)

_ORIGINS = {
    Origin.OPTION: "given",
    Origin.COMPARISON: "compared",
    Origin.ASSEMBLY: "read",
    Origin.DEFAULT: "default",
}


def one(answer: Answer, read: MapSettings | None) -> RenderableType:
    """Show a forecast: where its settings come from, what it takes and costs, what binds, and the verdict."""
    return Group(
        *_heading(answer.forecast.job, read),
        _origins(answer.settings),
        *_notes([answer]),
        "",
        _results(answer.forecast),
        "",
        _bindings(answer.forecast.likely),
        "",
        Text(answer.verdict, style="bold"),
    )


def comparison(answers: Sequence[Answer], read: MapSettings | None, console: Console) -> RenderableType:
    """Show a row a forecast, those settings that differ first, and what the fastest and the cheapest are."""
    settings = answers[0].settings
    keys = [name for name, setting in settings.items() if setting.origin is Origin.COMPARISON]
    rest = {name: setting for name, setting in settings.items() if name not in keys}
    tables = [_rows(answers, keys, layout) for layout in _LAYOUTS]
    free = console.options.update(width=10_000)
    fitting = (table for table in tables if Measurement.get(console, free, table).maximum <= console.width)
    return Group(
        *_heading(None, read),
        _origins(rest),
        *_notes(answers),
        "",
        next(fitting, tables[-1]),
        "",
        *_best(answers, keys),
    )


def constants(chosen: Constants) -> RenderableType:
    """Show each constant with its range, basis, source and date, the least certain first."""
    shown: list[RenderableType] = []
    for basis in (Basis.ASSUMED, Basis.MEASURED, Basis.DOCUMENTED):
        for _, record in chosen:
            if record.basis is not basis:
                continue
            value = spread([record.optimistic, record.likely, record.pessimistic], number)
            shown += [
                Text.assemble((record.name, "bold"), f": {value} {record.unit}", (f"  {basis}, {record.date}", "dim")),
                Padding(Text(record.source, style="dim", overflow="fold"), (0, 0, 0, 2)),
            ]
    return Group(*shown)


def seconds(value: float) -> str:
    """Return a duration: `4.2 s`, `135 s`, `12 min 15 s`, `3 h 5 min`."""
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 600:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 120:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(value / 60), 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def dollars(value: float) -> str:
    """Return an amount of US dollars in cents, a small one with two figures that count."""
    if value == 0 or value >= 0.095:
        return f"${value:,.2f}"
    return f"${value:.{1 - math.floor(math.log10(value))}f}"


def number(value: float) -> str:
    """Return a number as it is, with commas."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.6g}"


def _heading(job: Job | None, read: MapSettings | None) -> list[RenderableType]:
    lines: list[RenderableType] = []
    if read is not None:
        lines.append(Text.assemble("The map ", (read.map_name, "bold"), f" of {read.machine}"))
    if job is not None:
        children = "child" if job.children == 1 else "children"
        lines.append(
            Text(
                f"{job.objects:,} {'object' if job.objects == 1 else 'objects'}, {job.batch_size:,} a batch: "
                f"{job.children:,} {job.child.value.capitalize()} {children}, in {job.region}",
                style="bold" if read is None else "",
            )
        )
    return [*lines, ""] if lines else []


def _origins(settings: Settings) -> RenderableType:
    """Which value came from where; those of an assembly each with its field."""
    table = Table.grid(padding=(0, 2))
    for origin, title in _ORIGINS.items():
        found = {name: setting for name, setting in settings.items() if setting.origin is origin}
        if origin is Origin.ASSEMBLY:
            values: Table | Text = (rows := Table.grid(padding=(0, 2)))
            for name, setting in found.items():
                rows.add_row(_words(name), _shown(setting.value), Text(setting.place, style="dim"))
        else:
            shown = [f"{_words(name)} {_shown(one.value)}" for name, one in found.items() if one.value is not None]
            values = Text(", ".join(shown))
        if found:
            table.add_row(Text(title, style="dim"), values)
    return table


def _notes(answers: Sequence[Answer]) -> list[RenderableType]:
    notes = dict.fromkeys(note for answer in answers for note in answer.notes)
    return ["", *(Text(note, style="yellow") for note in notes)] if notes else []


def _rows(answers: Sequence[Answer], keys: Sequence[str], layout: _Layout) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    no_wrap = not layout.may_fold
    for key in keys:
        is_text = isinstance(getattr(answers[0].forecast.job, key), str)
        side: JustifyMethod = "left" if is_text else "right"
        table.add_column(_words(key).replace("-", "\n"), justify=side, no_wrap=no_wrap, overflow="fold")
    table.add_column("Duration", justify="right", no_wrap=no_wrap, overflow="fold")
    for name in layout.counts:
        table.add_column(name.capitalize(), justify="right", no_wrap=no_wrap)
    table.add_column("Cost", justify="right", no_wrap=no_wrap, overflow="fold")
    table.add_column("What binds", no_wrap=no_wrap)
    for answer in answers:
        forecast = answer.forecast
        ranges = (
            _ranged(forecast, _duration, seconds),
            _ranged(forecast, _dollars, dollars),
        )
        binds = forecast.likely.bindings[0].limit.value + ("; may fail" if answer.may_fail else "")
        duration, cost = ranges if layout.ranges_beside else (text.replace(" (", "\n(") for text in ranges)
        table.add_row(
            *(_shown(getattr(forecast.job, key)) for key in keys),
            duration,
            *(f"{getattr(forecast.likely, name):,}" for name in layout.counts),
            cost,
            binds if layout.ranges_beside else textwrap.fill(binds, _NARROW),
        )
    return table


def _results(forecast: Forecast) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(style="bold")

    def row(title: str, of: Callable[[Outcome], float], form: Callable[[float], str], style: str = "") -> None:
        table.add_row(title, Text(_ranged(forecast, of, form), style=style))

    outcomes = (forecast.likely, *forecast.draws)
    row("Duration", _duration, seconds, "cyan")
    table.add_row("Children", f"{forecast.likely.children:,}")
    row("State transitions", lambda outcome: outcome.transitions, _count)
    row("GETs", lambda outcome: outcome.gets, _count)
    if any(outcome.throttled_gets for outcome in outcomes):
        row("  throttled", lambda outcome: outcome.throttled_gets, _count)
    if any(outcome.retries for outcome in outcomes):
        row("Tasks tried again", lambda outcome: outcome.retries, _count)
    row("Cost", _dollars, dollars, "cyan")
    row("  Step Functions", lambda outcome: outcome.cost.step_functions, dollars)
    row("  Lambda", lambda outcome: outcome.cost.lambda_, dollars)
    row("  S3", lambda outcome: outcome.cost.s3, dollars)
    return Group(table, "", Text(_extremes(forecast), style="dim"))


def _extremes(forecast: Forecast) -> str:
    def both(of: Callable[[Outcome], float], form: Callable[[float], str]) -> str:
        values = [of(run) for run in forecast.runs]
        return f"{form(min(values))} to {form(max(values))}"

    return (
        f"In brackets: nine of ten draws. With every assumption at its best or its worst at once: "
        f"{both(_duration, seconds)}, {both(_dollars, dollars)}."
    )


def _duration(outcome: Outcome) -> float:
    return outcome.duration_seconds


def _dollars(outcome: Outcome) -> float:
    return outcome.cost.total


def _ranged(forecast: Forecast, of: Callable[[Outcome], float], form: Callable[[float], str]) -> str:
    low, high = forecast.range(of)
    return spread([low, of(forecast.likely), high], form)


def _bindings(run: Run) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("What binds")
    table.add_column("For", justify="right")
    table.add_column("From", justify="right")
    table.add_column("To", justify="right")
    for binding in run.bindings[:_BINDINGS]:
        table.add_row(
            binding.limit.value, seconds(binding.seconds), seconds(binding.first_second), seconds(binding.last_second)
        )
    rest = sum(binding.seconds for binding in run.bindings[_BINDINGS:])
    if rest:
        table.add_row("all else", seconds(rest), "", "")
    return table


def _best(answers: Sequence[Answer], keys: Sequence[str]) -> list[RenderableType]:
    """Of those that can't fail, where there are any."""
    safe = [answer for answer in answers if not answer.may_fail] or answers
    fastest = min(safe, key=lambda answer: answer.forecast.likely.duration_seconds)
    cheapest = min(safe, key=lambda answer: answer.forecast.likely.cost.total)

    def told(title: str, answer: Answer) -> Text:
        job, likely = answer.forecast.job, answer.forecast.likely
        chosen = ", ".join(f"{_words(key)} {_shown(getattr(job, key))}" for key in keys)
        took = f"{seconds(likely.duration_seconds)}, {dollars(likely.cost.total)}"
        return Text.assemble((f"{title}: ", "bold"), f"{chosen}: {took}. {answer.verdict}")

    if fastest is cheapest:
        return [told("Fastest and cheapest", fastest)]
    return [told("Fastest", fastest), told("Cheapest", cheapest)]


def spread(values: Sequence[float], form: Callable[[float], str]) -> str:
    """Return the likely value, which is the second of three, with its range; without, where they look the same."""
    texts = [form(value) for value in values]
    if len(set(texts)) == 1:
        return str(texts[0])
    low, high = form(min(values)), form(max(values))
    unit = re.fullmatch(r"\S+( \D+)", high)
    if unit is not None and re.fullmatch(r"\S+", low.removesuffix(unit[1])):
        low = low.removesuffix(unit[1])
    return f"{texts[1]} ({low} to {high})"


def _count(value: float) -> str:
    return f"{round(value):,}"


def _shown(value: Any) -> str:
    return number(value) if isinstance(value, int | float) else str(value)


def _words(name: str) -> str:
    return option_of(name).removeprefix("--")
