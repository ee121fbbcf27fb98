"""The rows of a widget's `metrics`: metrics in AWS's short notation, and expressions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from constructs_lib.forecast._widgets.properties import Properties, shown
from constructs_lib.forecast._widgets.reported import Asked

if TYPE_CHECKING:
    from constructs_lib.testing.metric_functions import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: a metric or an expression, and how it is drawn; `period` is in minutes."""

    id: str
    asked: Asked | None
    expression: str | None
    label: str | None
    color: str | None
    visible: bool
    right: bool
    period: int
    region: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a row becomes on the page: points, one each `period` minutes."""

    label: str
    color: str | None
    points: list[Point]
    period: int
    right: bool = False


def read_rows(widget: Properties) -> list[Row]:
    """Return the rows of a widget that can be read; the others are named in its `refused`."""
    region = widget.text("region") or None
    account = widget.text("accountId") or None
    statistic = widget.text("stat", "Average")
    period = _minutes(widget, 5)
    rows: list[Row] = []
    before: list[str] = []
    ids: set[str] = set()
    for number, given in enumerate(widget.items("metrics")):
        where = f"metrics[{number}]"
        if not isinstance(given, list) or not given:
            widget.refuse(where, f"{shown(given)}; allowed: a list with a metric or an expression")
            continue
        *parts, last = given
        fields = Properties(last if isinstance(last, dict) else {}, widget.refused, where)
        parts = parts if isinstance(last, dict) else given
        expression = fields.text("expression") or None
        row_period, row_region = _minutes(fields, period), fields.text("region") or region
        row_account, row_statistic = fields.text("accountId") or account, fields.text("stat", statistic)
        asked = None
        if expression is None:
            names = _written_out(parts, before)
            if names is None:
                widget.refuse(where, f"{shown(given)}; allowed: namespace, metric, then pairs of dimension and value")
                continue
            before = names
            namespace, name, *dimensions = names
            asked = Asked(
                namespace=namespace,
                name=name,
                dimensions=tuple(zip(dimensions[::2], dimensions[1::2], strict=True)),
                statistic=row_statistic,
                period=row_period,
                account=row_account,
                region=row_region,
            )
        row_id = fields.text("id") or f"#{number}"  # which no expression can name
        if row_id in ids:
            widget.refuse(where, f"the id {shown(row_id)} is another's, too; allowed: each once")
            continue
        ids.add(row_id)
        rows.append(
            Row(
                id=row_id,
                asked=asked,
                expression=expression,
                label=fields.text("label") if fields.has("label") else None,
                color=fields.color(),
                visible=fields.flag("visible", default=True),
                right=fields.choice("yAxis", ("left", "right")) == "right",
                period=row_period,
                region=row_region,
            )
        )
        fields.refuse_rest()
    return rows


def _minutes(fields: Properties, default: int) -> int:
    seconds = fields.number("period")
    if seconds is None:
        return default
    if seconds < 60 or seconds % 60 or seconds > 86_400 * 7:
        fields.refuse("period", f"{shown(seconds)}; allowed: whole minutes, in seconds")
        return default
    return int(seconds) // 60


def _written_out(parts: list[object], before: list[str]) -> list[str] | None:
    """The names of a row, `.` and `...` replaced by what the row before has there; None where they can't be read."""
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) < len(parts) or not texts:
        return None
    if texts[0] == "...":
        texts = before[: max(len(before) - len(texts) + 1, 0)] + texts[1:]
    names = []
    for place, text in enumerate(texts):
        if text == "." and place >= len(before):
            return None
        names.append(before[place] if text == "." else text)
    return names if len(names) >= 2 and len(names) % 2 == 0 and "..." not in names else None
