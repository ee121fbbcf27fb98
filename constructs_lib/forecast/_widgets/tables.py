"""A metric widget's table: a row a metric, or turned, a column; summaries, and its points."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from constructs_lib.forecast._widgets.graphs import read_axis
from constructs_lib.forecast._widgets.labels import short
from constructs_lib.forecast._widgets.properties import shown
from constructs_lib.forecast._widgets.summaries import SUMMARIES
from constructs_lib.forecast._widgets.view import NO_DATA, View

if TYPE_CHECKING:
    from constructs_lib.forecast._widgets.properties import Properties
    from constructs_lib.forecast._widgets.rows import Line

_MOST_CELLS = 20_000


def table(properties: Properties, title: str, lines: list[Line], *, minutes: int) -> View:
    """Return the table of lines over so many minutes."""
    axis = properties.inside("yAxis")
    read_axis(axis.inside("left"))
    axis.refuse_rest()
    options = properties.inside("table")
    by_metric = options.choice("layout", ("horizontal", "vertical")) == "horizontal"
    points_too = options.flag("showTimeSeriesData", default=True)
    options.flag("stickySummary")  # it always is
    given = options.items("summaryColumns") if options.has("summaryColumns") else list(SUMMARIES)
    options.refuse_rest()
    summaries = [each for each in given if isinstance(each, str) and each in SUMMARIES]
    for each in given:
        if each not in summaries:
            properties.refuse("table.summaryColumns", f"{shown(each)}; allowed: {', '.join(SUMMARIES)}")
    full = properties.flag("singleValueFullPrecision")
    if not lines:
        return View(kind="table", title=title, html=NO_DATA)
    times = [minute for minute in range(minutes) if any(minute % line.period == 0 for line in lines)]
    if points_too and len(times) * len(lines) > _MOST_CELLS:
        properties.refuse("the table's data points", f"{len(times) * len(lines):,} of them; allowed: {_MOST_CELLS:,}")
        points_too = False
    write = _full if full else short
    head = ["Label", *(each.capitalize() for each in summaries)]
    head += [f"{minute // 60:02}:{minute % 60:02}" for minute in times] if points_too else []
    columns: list[list[str]] = []
    for line in lines:
        real = [point for point in line.points if point is not None]
        cells = [line.label, *(write(SUMMARIES[each](real)) if real else "--" for each in summaries)]
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


def _full(value: float | None) -> str:
    if value is None:
        return "--"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4f}".rstrip("0")
