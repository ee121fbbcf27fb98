"""An alarm's course in text, 100 columns wide: what its metrics were, what it saw, which state it was in."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from constructs_lib.testing.alarm_states import AlarmState
from constructs_lib.testing.alarms import CompositeAlarm, MetricAlarm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from constructs_lib.testing.alarm_history import AlarmHistory
    from constructs_lib.testing.alarms import Alarm
    from constructs_lib.testing.metric_functions import Point

_WIDTH = 100
_LABEL = 22
_MINUTES = 48  # of the chart: the rest of its line says how high it goes
_BEFORE = 24
_ROWS = 3  # of the table, before the first difference and after it
_COLUMNS = 4  # of metrics in the table
_MOST_CHILDREN = 12
_BARS = "▁▂▃▄▅▆▇█"
_LETTERS = {AlarmState.OK: ".", AlarmState.ALARM: "A", AlarmState.INSUFFICIENT_DATA: "?"}
_LEGEND = ". OK   A ALARM   ? INSUFFICIENT_DATA   _ missing"


def picture(
    history: AlarmHistory, alarm: Alarm, expected: Sequence[str | None] | None = None, mark: int | None = None
) -> str:
    """Return the picture of an alarm; of a long course the minutes around `mark`, the first that isn't as expected."""
    states = history.states(alarm)
    about = mark if mark is not None else next((i for i, s in enumerate(states) if s is not states[0]), 0)
    first = max(0, min(about - _BEFORE, history.minutes - _MINUTES))
    shown = range(first, min(first + _MINUTES, history.minutes))
    words = [f"in alarm when {alarm.condition}", *definitions(alarm)]
    lines = [line for each in words for line in _wrapped(each)] + [""]
    lines += [_row("minute", _ruler(shown)), *_metric_rows(history, alarm, shown), *_child_rows(history, alarm, shown)]
    lines.append(_row("state", "".join(_LETTERS[states[i]] for i in shown)))
    if expected is not None and any(expected):
        lines.append(_row("expected", "".join(_letter(expected[i]) for i in shown)))
    if mark is not None:
        lines.append(_row("", " " * (mark - first) + "^", f"minute {mark}"))
    lines.append(_row("", _LEGEND))
    return "\n".join(f"  {line}".rstrip() for line in [*lines, *_table(history, alarm, expected, about)])


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH - 2, subsequent_indent="    ", max_lines=3, placeholder=" …", break_on_hyphens=False
    )


def _letter(state: str | None) -> str:
    return " " if state is None else _LETTERS[AlarmState(state)]


def _row(label: str, chart: str, note: str = "") -> str:
    label = label if len(label) <= _LABEL else f"…{label[1 - _LABEL :]}"
    return f"{label.ljust(_LABEL)}  {chart}  {note}".rstrip()


def _ruler(shown: range) -> str:
    """The minutes, each tenth with its number."""
    line = ""
    for minute in shown:
        at = minute - shown.start
        if len(line) <= at:
            line += str(minute) if minute % 10 == 0 else " "
    return line


def definitions(alarm: Alarm) -> Iterator[str]:
    """What the names in an alarm's expression stand for, a line each."""
    if isinstance(alarm, MetricAlarm) and alarm.expressions:
        yield from (f"{name} = {metric}" for name, metric in alarm.metrics.items())
        yield from (f"{name} = {e.text}" for name, e in alarm.expressions.items() if name != alarm.watched)


def _metric_rows(history: AlarmHistory, alarm: Alarm, shown: range) -> Iterator[str]:
    if not isinstance(alarm, MetricAlarm):
        return
    if alarm.expressions:
        for name, points in history.series(alarm).items():
            yield _row(name, *_spark([points[i] for i in shown]))
    values = history.values(alarm)
    chart, note = _spark([values[i] for i in shown])
    yield _row("value", chart, note)
    breaches = ["x" if (v := values[i]) is not None and alarm.breaches(v) else " " for i in shown]
    yield _row(alarm.threshold_text, "".join(breaches))


def _spark(points: Sequence[Point]) -> tuple[str, str]:
    """A bar a point, and from where to where they go."""
    real = [point for point in points if point is not None]
    if not real:
        return "_" * len(points), "no point"
    low, high = min(*real, 0.0), max(*real, 0.0)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0
    bars = ["_" if point is None else _BARS[round((point - low) * scale)] for point in points]
    return "".join(bars), f"{min(real):.4g} to {max(real):.4g}" if min(real) < max(real) else f"{real[0]:.4g}"


def _child_rows(history: AlarmHistory, alarm: Alarm, shown: range) -> Iterator[str]:
    if not isinstance(alarm, CompositeAlarm):
        return
    rows = {child: "".join(_LETTERS[history.states(child)[i]] for i in shown) for child in alarm.children.values()}
    busy = [child for child, row in rows.items() if set(row) != {"."}][:_MOST_CHILDREN]
    for child in busy:
        yield _row(child.path, rows[child])
    left = len(rows) - len(busy)
    if left:
        quiet = all(set(row) == {"."} for child, row in rows.items() if child not in busy)
        yield f"and {left} other alarm{'s' if left > 1 else ''}{', OK all the time' if quiet else ''}"


def _table(history: AlarmHistory, alarm: Alarm, expected: Sequence[str | None] | None, about: int) -> Iterator[str]:
    """The numbers around a minute."""
    if not isinstance(alarm, MetricAlarm):
        return
    columns = dict(list(history.series(alarm).items())[:_COLUMNS]) if alarm.expressions else {}
    columns["value"] = history.values(alarm)
    states = history.states(alarm)
    yield ""
    heads = "".join(f"{name[:11]:>12}" for name in columns)
    yield f"  minute{heads}  {'state':<18}{'expected' if expected is not None else ''}"
    for minute in range(max(0, about - _ROWS), min(history.minutes, about + _ROWS + 1)):
        numbers = "".join(f"{'_' if p[minute] is None else format(p[minute], '.6g'):>12}" for p in columns.values())
        wanted = (expected[minute] or "") if expected is not None else ""
        yield f"{'>' if minute == about else ' '} {minute:>6}{numbers}  {states[minute]:<18}{wanted}"
