"""A metric widget's newest values as large numbers, or on gauges."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from constructs_lib.forecast._widgets.graphs import read_axis, read_marks
from constructs_lib.forecast._widgets.view import NO_DATA, View, drawn, swatch

if TYPE_CHECKING:
    from constructs_lib.forecast._widgets.properties import Properties
    from constructs_lib.forecast._widgets.rows import Line


def number(properties: Properties, title: str, lines: list[Line]) -> View:
    """Return a number a line, with its course below if the widget asks for it."""
    sparkline = properties.flag("sparkline")
    full = properties.flag("singleValueFullPrecision")
    series = drawn(lines)
    items = "".join(
        '<li class="figure"><div class="plot"></div><b class="value">--</b>'
        f'<span class="name">{swatch(line["color"])}<span>{html.escape(line["label"])}</span></span></li>'
        for line in series
    )
    inner = f'<ul class="numbers{" sparkline" if sparkline else ""}">{items}</ul>' if series else NO_DATA
    return View(kind="number", title=title, html=inner, data={"lines": series, "sparkline": sparkline, "full": full})


def gauge(properties: Properties, title: str, lines: list[Line]) -> View:
    """Return a gauge a line."""
    axis = properties.inside("yAxis")
    left = read_axis(axis.inside("left"))
    axis.refuse_rest()
    low, high = left["min"], left["max"]
    if low is None or high is None or not low < high:
        properties.refuse("a gauge", "its yAxis.left needs min and max, the one below the other")
        return View(kind="refused", title=title)
    marks = read_marks(properties, sides=False)
    series = drawn(lines)
    items = "".join(
        f'<li class="dial"><svg viewBox="0 0 200 118" role="img"></svg>'
        f'<span class="name">{swatch(line["color"])}<span>{html.escape(line["label"])}</span></span></li>'
        for line in series
    )
    inner = f'<ul class="gauges">{items}</ul>' if series else NO_DATA
    return View(kind="gauge", title=title, html=inner, data={"lines": series, "min": low, "max": high, "marks": marks})
