"""One widget as the page shows it: what kind of drawing, its data for the script, and its text as HTML.

What can't be drawn is said in `refused`, in sentences; where that is the whole widget its kind is `refused`.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from constructs_lib.forecast._widgets import markdown
from constructs_lib.forecast._widgets.labels import short
from constructs_lib.forecast._widgets.lines import lines_of
from constructs_lib.forecast._widgets.properties import Properties, brief, is_number, shown
from constructs_lib.forecast._widgets.rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from constructs_lib.forecast._widgets.alarms import Alarms
    from constructs_lib.forecast._widgets.body import Widget
    from constructs_lib.forecast._widgets.reported import Reported
    from constructs_lib.forecast._widgets.rows import Line
    from constructs_lib.testing.metric_functions import Point
    from constructs_lib.testing.readings import Readings

PALETTE = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
)  # fmt: skip
"""The colours of lines that ask for none, in CloudWatch's order (as its console draws them)."""

_SUMMARIES: dict[str, Callable[[list[float]], float]] = {
    "MIN": min,
    "MAX": max,
    "SUM": sum,
    "AVG": lambda points: sum(points) / len(points),
}
_SUMMARY_NAMES = {"MIN": "Min", "MAX": "Max", "SUM": "Sum", "AVG": "Avg"}
_MOST_CELLS = 20_000
_STATES = ("ALARM", "INSUFFICIENT_DATA", "OK")
_NO_DATA = '<p class="empty">No data available</p>'


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A widget, ready for the page."""

    kind: str
    title: str
    html: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    refused: tuple[str, ...] = ()


def view(widget: Widget, reported: Reported, alarms: Alarms, readings: Readings) -> View:
    """Return what the page shows in the widget's place."""
    refused: list[str] = []
    properties = Properties(widget.properties, refused)
    if widget.moved:
        properties.refuse("its place", "another widget's; it stands below that")
    match widget.type:
        case "text":
            drawn = _text(properties)
        case "alarm":
            drawn = _alarms(properties, alarms)
        case "metric":
            drawn = _metric(properties, reported, readings)
        case _:
            kind = brief(widget.type)
            title = properties.text("title") or f"{kind[:1].upper()}{kind[1:]} widget"
            return View(kind="refused", title=title, refused=(f"a widget of the type {kind} isn't drawn here",))
    if drawn.kind != "refused":
        properties.refuse_rest()
    return View(kind=drawn.kind, title=drawn.title, html=drawn.html, data=drawn.data, refused=tuple(refused))


def _text(properties: Properties) -> View:
    background = properties.choice("background", ("solid", "transparent"))
    text = markdown.render(properties.text("markdown"), properties.refused)
    return View(kind="text", title="", html=f'<div class="markdown {background}">{text}</div>')


def _alarms(properties: Properties, alarms: Alarms) -> View:
    title = properties.text("title", "Alarms")
    sort = properties.choice("sortBy", ("default", "stateUpdatedTimestamp", "timestamp"))
    wanted = properties.items("states")
    states = [each for each in _STATES if each in wanted]
    for each in wanted:
        if each not in _STATES:
            properties.refuse("states", f"{shown(each)}; allowed: {', '.join(_STATES)}")
    tiles, told = [], []
    for place, reference in enumerate(properties.items("alarms")):
        if not isinstance(reference, str):
            properties.refuse(f"alarms[{place}]", f"{shown(reference)}; allowed: an ARN")
            continue
        alarm = alarms.told(reference)
        if alarm.states is None:
            properties.refuse(alarm.path, alarm.about)
        told.append({"name": alarm.name, "states": None if alarm.states is None else _runs(alarm.states)})
        tiles.append(
            f'<li class="tile" title="{html.escape(alarm.path)}&#10;{html.escape(alarm.about)}">'
            f'<b>{_breakable(alarm.name)}</b><span class="state"></span></li>'
        )
    inner = f'<ul class="tiles">{"".join(tiles)}</ul><p class="empty" hidden></p>'
    return View(kind="alarms", title=title, html=inner, data={"alarms": told, "sort": sort, "only": states})


def _breakable(name: str) -> str:
    """A name of many words in one, which a line may break between them."""
    return "<wbr>".join(html.escape(word) for word in re.split(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[-_.:/])", name))


def _runs(states: Sequence[str]) -> list[list[Any]]:
    """The minutes in which a state begins, and the state."""
    return [[minute, state] for minute, state in enumerate(states) if minute == 0 or states[minute - 1] != state]


def _metric(properties: Properties, reported: Reported, readings: Readings) -> View:
    title = properties.text("title")
    kind = properties.take("view")
    views = {None: _graph, "timeSeries": _graph, "singleValue": _number, "gauge": _gauge, "table": _table}
    if not isinstance(kind, str | None) or kind not in views:
        properties.refuse(f"the view {shown(kind)}", "isn't drawn here; drawn: timeSeries, singleValue, gauge, table")
        return View(kind="refused", title=title)
    if properties.flag("liveData"):
        properties.refuse("liveData", "every minute is complete here")
    rows = read_rows(properties)
    lines = lines_of(properties, rows, reported, readings)
    return views[kind](properties, title, lines, reported.minutes)


def _graph(properties: Properties, title: str, lines: list[Line], _: int) -> View:
    legend = properties.inside("legend")
    position = legend.choice("position", ("bottom", "right", "hidden"))
    legend.refuse_rest()
    axes = properties.inside("yAxis")
    left, right = _axis(axes.inside("left")), _axis(axes.inside("right"))
    axes.refuse_rest()
    stacked = properties.flag("stacked")
    marks = _marks(properties, sides=True)
    drawn = _drawn(lines)
    units = f"<span>{html.escape(left['label'])}</span><span>{html.escape(right['label'])}</span>"
    names = html.escape(", ".join(line.label for line in lines))
    plot = f'<div class="plot" role="img" aria-label="{names}"></div>' + (
        "" if any(_has_points(line) for line in lines) else _NO_DATA
    )
    inner = f'<p class="units">{units}</p><div class="drawing legend-{position}">{plot}{_legend(drawn, position)}</div>'
    data = {"lines": drawn, "left": left, "right": right, "stacked": stacked, "marks": marks}
    return View(kind="graph", title=title, html=inner, data=data)


def _axis(axis: Properties) -> dict[str, Any]:
    found = {"label": axis.text("label"), "min": axis.number("min"), "max": axis.number("max")}
    axis.flag("showUnits", default=True)  # a series here has no unit
    axis.refuse_rest()
    return found


def _legend(lines: list[dict[str, Any]], position: str) -> str:
    if position == "hidden":
        return ""
    items = "".join(f"<li>{_swatch(line['color'])}<span>{html.escape(line['label'])}</span></li>" for line in lines)
    return f'<ul class="legend">{items}</ul>'


def _swatch(color: str) -> str:
    square = f'<rect width="10" height="10" rx="2" fill="{color}"/>'
    return f'<svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">{square}</svg>'


def _marks(properties: Properties, *, sides: bool) -> list[dict[str, Any]]:
    """The horizontal annotations: lines, and the bands between two."""
    annotations = properties.inside("annotations")
    marks = []
    for place, given in enumerate(annotations.items("horizontal")):
        where = f"annotations.horizontal[{place}]"
        ends = given if isinstance(given, list) else [given]
        if not 1 <= len(ends) <= 2:
            properties.refuse(where, f"{len(ends)} lines; allowed: one, or two with a band between them")
            continue
        read = [_mark(Properties(end, properties.refused, where), sides=sides) for end in ends]
        found = [mark for mark in read if mark is not None]
        if len(found) < len(ends):
            continue
        for mark in found:
            mark["color"] = mark["color"] or found[0]["color"] or "#d62728"
        if len(found) == 2:
            found[0] |= {"fill": "to", "to": found[1]["value"]}
        marks += [mark for mark in found if mark.pop("visible")]
    annotations.refuse_rest()
    return marks


def _mark(given: Properties, *, sides: bool) -> dict[str, Any] | None:
    value = given.take("value")
    if not is_number(value):
        given.refuse("the value of an annotation", f"{shown(value)}; allowed: a number")
        return None
    found = {
        "value": _rounded(value),
        "label": given.text("label"),
        "color": given.color(),
        "visible": given.flag("visible", default=True),
        "fill": given.choice("fill", ("none", "above", "below")) if sides else "none",
        "right": given.choice("yAxis", ("left", "right")) == "right" if sides else False,
    }
    given.refuse_rest()
    return found


def _number(properties: Properties, title: str, lines: list[Line], _: int) -> View:
    sparkline = properties.flag("sparkline")
    full = properties.flag("singleValueFullPrecision")
    drawn = _drawn(lines)
    items = "".join(
        '<li class="figure"><div class="plot"></div><b class="value">--</b>'
        f'<span class="name">{_swatch(line["color"])}<span>{html.escape(line["label"])}</span></span></li>'
        for line in drawn
    )
    inner = f'<ul class="numbers{" sparkline" if sparkline else ""}">{items}</ul>' if drawn else _NO_DATA
    return View(kind="number", title=title, html=inner, data={"lines": drawn, "sparkline": sparkline, "full": full})


def _gauge(properties: Properties, title: str, lines: list[Line], _: int) -> View:
    axis = properties.inside("yAxis")
    left = _axis(axis.inside("left"))
    axis.refuse_rest()
    low, high = left["min"], left["max"]
    if low is None or high is None or not low < high:
        properties.refuse("a gauge", "its yAxis.left needs min and max, the one below the other")
        return View(kind="refused", title=title)
    marks = _marks(properties, sides=False)
    drawn = _drawn(lines)
    items = "".join(
        f'<li class="dial"><svg viewBox="0 0 200 118" role="img"></svg>'
        f'<span class="name">{_swatch(line["color"])}<span>{html.escape(line["label"])}</span></span></li>'
        for line in drawn
    )
    inner = f'<ul class="gauges">{items}</ul>' if drawn else _NO_DATA
    return View(kind="gauge", title=title, html=inner, data={"lines": drawn, "min": low, "max": high, "marks": marks})


def _table(properties: Properties, title: str, lines: list[Line], minutes: int) -> View:
    axis = properties.inside("yAxis")
    _axis(axis.inside("left"))
    axis.refuse_rest()
    table = properties.inside("table")
    by_metric = table.choice("layout", ("horizontal", "vertical")) == "horizontal"
    points_too = table.flag("showTimeSeriesData", default=True)
    table.flag("stickySummary")  # it always is
    given = table.items("summaryColumns") if table.has("summaryColumns") else list(_SUMMARIES)
    table.refuse_rest()
    summaries = [each for each in given if isinstance(each, str) and each in _SUMMARIES]
    for each in given:
        if each not in summaries:
            properties.refuse("table.summaryColumns", f"{shown(each)}; allowed: {', '.join(_SUMMARIES)}")
    full = properties.flag("singleValueFullPrecision")
    if not lines:
        return View(kind="table", title=title, html=_NO_DATA)
    times = [minute for minute in range(minutes) if any(minute % line.period == 0 for line in lines)]
    if points_too and len(times) * len(lines) > _MOST_CELLS:
        properties.refuse("the table's data points", f"{len(times) * len(lines):,} of them; allowed: {_MOST_CELLS:,}")
        points_too = False
    write = _full if full else short
    head = ["Label", *(_SUMMARY_NAMES[each] for each in summaries)]
    head += [f"{minute // 60:02}:{minute % 60:02}" for minute in times] if points_too else []
    columns: list[list[str]] = []
    for line in lines:
        real = [point for point in line.points if point is not None]
        cells = [line.label, *(write(_SUMMARIES[each](real)) if real else "--" for each in summaries)]
        if points_too:
            cells += [write(line.points[m // line.period]) if m % line.period == 0 else "" for m in times]
        columns.append(cells)
    # Vertical turns the table: data points move from columns to rows, and metrics from rows to columns, says
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_remove_table_dashboard.html
    grid = [head, *columns] if by_metric else [list(cells) for cells in zip(head, *columns, strict=True)]
    first, *rest = grid
    top = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in first)
    body = "".join(f"<tr>{_cells(cells)}</tr>" for cells in rest)
    inner = f'<div class="scroll" tabindex="0"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    return View(kind="table", title=title, html=inner)


def _cells(cells: list[str]) -> str:
    first, *rest = cells
    return f'<th scope="row">{html.escape(first)}</th>' + "".join(f"<td>{html.escape(cell)}</td>" for cell in rest)


def _has_points(line: Line) -> bool:
    return any(point is not None for point in line.points)


def _full(value: float | None) -> str:
    if value is None:
        return "--"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4f}".rstrip("0")


def _drawn(lines: list[Line]) -> list[dict[str, Any]]:
    """The lines as the script takes them: a colour each."""
    return [
        {
            "label": line.label,
            "color": line.color or PALETTE[place % len(PALETTE)],
            "period": line.period,
            "right": line.right,
            "points": [_rounded(point) for point in line.points],
        }
        for place, line in enumerate(lines)
    ]


def _rounded(point: Point) -> Point:
    """A point in nine digits: more of them than a screen has, and a page half the size."""
    if point is None:
        return None
    return int(point) if float(point).is_integer() and abs(point) < 1e15 else float(f"{point:.9g}")
