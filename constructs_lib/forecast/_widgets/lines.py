"""The lines of a widget: its rows evaluated over the series, with the metric math that alarms are evaluated with.

Also evaluated, which alarms don't take: SEARCH, and SORT around a whole expression.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from constructs_lib.forecast._widgets.labels import distinct, fill
from constructs_lib.forecast._widgets.properties import brief
from constructs_lib.forecast._widgets.reported import Asked, RefusedError, Reported
from constructs_lib.forecast._widgets.rows import Line, Row
from constructs_lib.forecast._widgets.search import SEARCH, find
from constructs_lib.forecast._widgets.summaries import SUMMARIES
from constructs_lib.testing.metric_functions import NOT_HERE, Kind, MetricMathError, Range, Series
from constructs_lib.testing.metric_math import Expression, referred

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs_lib.forecast._widgets.properties import Properties
    from constructs_lib.testing.readings import Readings

_SORT = re.compile(
    r"\s*SORT\s*\((?P<what>.*),\s*(?P<by>AVG|MAX|MIN|SUM)\s*,\s*(?P<order>ASC|DESC)\s*(?:,\s*(?P<most>\d{1,6})\s*)?\)\s*",
    re.DOTALL,
)
_MOST_LINES = 500  # that a widget draws, says CloudWatch
_MOST_DEPENDENT = 50


def lines_of(widget: Properties, rows: Sequence[Row], reported: Reported, readings: Readings) -> list[Line]:
    """Return what the visible rows become; those that can't be evaluated are named in the widget's `refused`."""
    lines: list[Line] = []
    evaluation = _Evaluation(rows, reported, readings)
    visible = [row for row in rows if row.visible]
    plain = [row for row in visible if row.asked is not None]
    names = dict(zip((row.id for row in plain), distinct([row.asked for row in plain if row.asked]), strict=True))
    for row in visible:
        what = names[row.id] if row.asked is not None else brief(row.expression or "")
        try:
            lines += evaluation.lines(row, names.get(row.id, ""))
        except (MetricMathError, RefusedError) as error:
            widget.refuse(what, str(error))
    if len(lines) > _MOST_LINES:
        widget.refuse(f"{len(lines):,} lines", f"allowed: {_MOST_LINES}, the first are drawn")
    return lines[:_MOST_LINES]


class _Evaluation:
    """One widget's rows; each expression is evaluated after those that it uses."""

    def __init__(self, rows: Sequence[Row], reported: Reported, readings: Readings) -> None:
        self._rows = {row.id: row for row in rows}
        self._reported, self._readings = reported, readings
        self._values: dict[str, tuple[Kind, Any, int, list[Asked]]] = {}
        self._open: set[str] = set()

    def lines(self, row: Row, name: str) -> list[Line]:
        if row.asked is not None:
            points = self._reported.points(row.asked)
            label = self._label(row.label or name, name, points, row.asked)
            return [Line(label=label, color=row.color, points=points, period=row.asked.period, right=row.right)]
        kind, value, period, found = self._value(row)
        if kind is Kind.SCALAR:
            raise RefusedError("it yields a number; allowed: a time series, such as TIME_SERIES makes of a number")
        if kind is Kind.SERIES:
            name = row.expression or ""
            label = self._label(row.label or name, row.id if row.label else name, value, None)
            return [Line(label=label, color=row.color, points=value, period=period, right=row.right)]
        own = distinct(found, searched=True) if found else [str(number + 1) for number in range(len(value))]
        lines = []
        for place, points in enumerate(value):
            asked = found[place] if found else None
            text = own[place]
            if row.label:
                text = self._label(row.label, own[place], points, asked)
                text = text if "${" in row.label else f"{text} {own[place]}"
            color = row.color if len(value) == 1 else None
            lines.append(Line(label=text, color=color, points=points, period=period, right=row.right))
        return lines

    def _label(self, label: str, default: str, points: Series, asked: Asked | None) -> str:
        return fill(label, default=default, points=points, asked=asked, account=self._reported.account)

    def _value(self, row: Row) -> tuple[Kind, Any, int, list[Asked]]:
        """An expression's kind, its value, its period in minutes, and of an array that a search made the metrics."""
        if row.id not in self._values:
            if row.id in self._open:
                raise RefusedError(f"the expression {row.id} depends on itself; allowed: one that doesn't")
            if len(self._open) >= _MOST_DEPENDENT:
                raise RefusedError(f"more than {_MOST_DEPENDENT} expressions depend on each other in a row")
            self._open.add(row.id)
            try:
                self._values[row.id] = self._unread_value(row)
            finally:
                self._open.remove(row.id)
        return self._values[row.id]

    def _unread_value(self, row: Row) -> tuple[Kind, Any, int, list[Asked]]:
        text = row.expression or ""
        sort = _SORT.fullmatch(text)
        text = sort["what"] if sort else text
        searches: dict[str, list[Asked]] = {}

        def keep(call: re.Match[str]) -> str:
            name = f"SEARCH{len(searches)}"
            searches[name] = find(call, self._reported, period=row.period, region=row.region)
            return name

        text = SEARCH.sub(keep, text)
        _refuse_functions(text)
        metrics = [other for other in self._rows.values() if other.asked is not None]
        uses = referred(text)
        used = [self._rows[each] for each in sorted(uses) if each in self._rows and each != row.id]
        if row.id in uses:
            raise RefusedError(f"the expression {row.id} depends on itself; allowed: one that doesn't")
        inner = {other.id: self._value(other) for other in used if other.expression is not None}
        everything = re.search(r"\bMETRICS\s*\(", text) is not None
        wanted = [other for other in metrics if everything or other in used]
        asked = [other.asked for other in wanted if other.asked is not None]
        period = _common_period(
            [*(each.period for each in asked), *(each[2] for each in inner.values())]
            + [each.period for found in searches.values() for each in found],
            row.period,
        )
        kinds = {name: each[0] for name, each in inner.items()} | dict.fromkeys(searches, Kind.ARRAY)
        expression = Expression.parse(
            text, metrics=[other.id for other in metrics], expressions=kinds, readings=self._readings
        )
        length = -(-self._reported.minutes // period)
        values: dict[str, Any] = {name: each[1] for name, each in inner.items()}
        values |= {name: [self._reported.points(each) for each in found] for name, found in searches.items()}
        values |= {other.id: self._reported.points(other.asked) for other in wanted if other.asked is not None}
        value = _evaluated(expression, Range(values, length, 60 * period))
        found = next(iter(searches.values())) if len(searches) == 1 else []
        for each in inner.values():
            found = found or each[3]
        if expression.kind is not Kind.ARRAY or len(found) != len(value):
            found = []
        if sort is not None:
            if expression.kind is not Kind.ARRAY:
                raise RefusedError(f"SORT is given {expression.kind.value}; allowed: {Kind.ARRAY.value}")
            value, found = _sorted(value, found, sort)
        return expression.kind, value, period, found


def _evaluated(expression: Expression, over: Range) -> Any:
    try:
        value = expression.evaluate(over)
    except IndexError:  # FIRST or LAST of no series
        value = []
    if expression.kind is Kind.SERIES and len(value) < over.length:  # of a search that found nothing
        return [None] * over.length
    return value


def _refuse_functions(text: str) -> None:
    """Name a function that can't be evaluated; what `metric_math` says of it is said of alarms."""
    called = re.findall(r"\b([A-Z_0-9]+)\s*\(", re.sub(r"\"[^\"]*\"|'[^']*'", "", text))
    for name in called:
        if name == "SORT":
            raise RefusedError("SORT is inside of an expression; allowed: around all of it, with AVG, MAX, MIN or SUM")
        if name == "SEARCH":
            raise RefusedError("SEARCH can't be read; allowed: SEARCH('{namespace,dimension} MetricName=\"…\"', 'Sum')")
        if name in NOT_HERE:
            raise RefusedError(f"the function {name} can't be evaluated here")


def _common_period(periods: list[int], default: int) -> int:
    if len(set(periods)) > 1:
        texts = ", ".join(f"{60 * period:,}" for period in sorted(set(periods)))
        raise RefusedError(f"it has periods of {texts} seconds; allowed: metrics of one period")
    return periods[0] if periods else default


def _sorted(value: list[Series], found: list[Asked], sort: re.Match[str]) -> tuple[Any, Any]:
    """The series in order; one without a point is last."""

    def key(place: int) -> tuple[bool, float]:
        real = [point for point in value[place] if point is not None]
        amount = SUMMARIES[sort["by"]](real) if real else 0.0
        return not real, -amount if sort["order"] == "DESC" else amount

    order = sorted(range(len(value)), key=key)[: int(sort["most"]) if sort["most"] else None]
    return [value[place] for place in order], [found[place] for place in order] if found else []
