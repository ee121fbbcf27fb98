"""A metric widget's graph: lines over time, its axes, and the marks on them, which a gauge has, too."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from constructs_lib.forecast._widgets.properties import Properties, is_number, shown
from constructs_lib.forecast._widgets.view import NO_DATA, View, drawn, rounded, swatch

if TYPE_CHECKING:
    from constructs_lib.forecast._widgets.rows import Line


def graph(properties: Properties, title: str, lines: list[Line]) -> View:
    """Return the graph of lines over time."""
    legend = properties.inside("legend")
    position = legend.choice("position", ("bottom", "right", "hidden"))
    legend.refuse_rest()
    axes = properties.inside("yAxis")
    left, right = read_axis(axes.inside("left")), read_axis(axes.inside("right"))
    axes.refuse_rest()
    stacked = properties.flag("stacked")
    marks = read_marks(properties, sides=True)
    series = drawn(lines)
    units = f"<span>{html.escape(left['label'])}</span><span>{html.escape(right['label'])}</span>"
    names = html.escape(", ".join(line.label for line in lines))
    plot = f'<div class="plot" role="img" aria-label="{names}"></div>' + (
        "" if any(_has_points(line) for line in lines) else NO_DATA
    )
    inner = (
        f'<p class="units">{units}</p><div class="drawing legend-{position}">{plot}{_legend(series, position)}</div>'
    )
    data = {"lines": series, "left": left, "right": right, "stacked": stacked, "marks": marks}
    return View(kind="graph", title=title, html=inner, data=data)


def read_axis(axis: Properties) -> dict[str, Any]:
    """Return an axis as the script takes it."""
    found = {"label": axis.text("label"), "min": axis.number("min"), "max": axis.number("max")}
    axis.flag("showUnits", default=True)  # a series here has no unit
    axis.refuse_rest()
    return found


def _legend(lines: list[dict[str, Any]], position: str) -> str:
    if position == "hidden":
        return ""
    items = "".join(f"<li>{swatch(line['color'])}<span>{html.escape(line['label'])}</span></li>" for line in lines)
    return f'<ul class="legend">{items}</ul>'


def read_marks(properties: Properties, *, sides: bool) -> list[dict[str, Any]]:
    """Return the horizontal annotations, lines and the bands between two; with `sides`, each on its axis."""
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
        "value": rounded(value),
        "label": given.text("label"),
        "color": given.color(),
        "visible": given.flag("visible", default=True),
        "fill": given.choice("fill", ("none", "above", "below")) if sides else "none",
        "right": given.choice("yAxis", ("left", "right")) == "right" if sides else False,
    }
    given.refuse_rest()
    return found


def _has_points(line: Line) -> bool:
    return any(point is not None for point in line.points)
