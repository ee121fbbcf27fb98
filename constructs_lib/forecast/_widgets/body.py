"""A dashboard's widgets and their places on its grid of 24 columns.

CloudWatch refuses a body whose grid is wrong, and so do we, by a `ValueError` of one line; what is wrong inside of a
widget is told in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from constructs_lib.forecast._widgets.properties import shown

COLUMNS = 24
MOST_WIDGETS = 500
MOST_ROWS = 10_000
_HIGHEST = 1_000
_WIDTH = _HEIGHT = 6  # where a widget doesn't say


@dataclass(frozen=True, slots=True, kw_only=True)
class Widget:
    """A widget as the body has it, and where it stands; `number` is its place in the body, from 0."""

    number: int
    type: str
    properties: object
    x: int
    y: int
    width: int
    height: int
    moved: bool = False

    def overlaps(self, x: int, y: int, width: int, height: int) -> bool:
        """Whether a rectangle of the grid shares a place with it."""
        return x < self.x + self.width and self.x < x + width and y < self.y + self.height and self.y < y + height


def read_widgets(body: object) -> tuple[Widget, ...]:
    """Return the widgets from top to bottom; raises `ValueError` of one line."""
    if not isinstance(body, dict):
        raise ValueError(f"the dashboard's body is {shown(body)}; allowed: an object with the key widgets")
    given = body.get("widgets")
    if not isinstance(given, list):
        raise ValueError(f"the dashboard's widgets are {shown(given)}; allowed: a list")
    if len(given) > MOST_WIDGETS:
        raise ValueError(f"the dashboard has {len(given):,} widgets; allowed: at most {MOST_WIDGETS}")
    read = [_widget(number, each) for number, each in enumerate(given)]
    placed: list[Widget] = []
    for fields in sorted(read, key=lambda fields: (fields["y"] is None, fields["y"] or 0, fields["x"] or 0)):
        placed.append(_placed(fields, placed))
    return tuple(sorted(placed, key=lambda widget: (widget.y, widget.x)))


def _widget(number: int, given: object) -> dict[str, Any]:
    where = f"the dashboard's widgets[{number}]"
    if not isinstance(given, dict):
        raise ValueError(f"{where} is {shown(given)}; allowed: an object")
    kind = given.get("type")
    if not isinstance(kind, str):
        raise ValueError(f"{where} has the type {shown(kind)}; allowed: text, such as metric")
    width = _whole(where, given, "width", 1, COLUMNS)
    height = _whole(where, given, "height", 1, _HIGHEST)
    x = _whole(where, given, "x", 0, COLUMNS - 1)
    y = _whole(where, given, "y", 0, MOST_ROWS)
    if (x is None) is not (y is None):
        raise ValueError(f"{where} has one of x and y; allowed: both, or none")
    width = _WIDTH if width is None else width
    if x is not None and x + width > COLUMNS:
        raise ValueError(f"{where} has x {x} and width {width}; allowed: at most {COLUMNS} together")
    return {
        "number": number,
        "type": kind,
        "properties": given.get("properties", {}),
        "x": x,
        "y": y,
        "width": width,
        "height": _HEIGHT if height is None else height,
    }


def _whole(where: str, given: dict[str, Any], name: str, low: int, high: int) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{where} has {name} {shown(value)}; allowed: whole numbers from {low} to {high:,}")
    return value


def _placed(fields: dict[str, Any], others: list[Widget]) -> Widget:
    """The widget where it asks to be; where that is taken, or it doesn't ask, at the first place below that is free."""
    width, height = fields["width"], fields["height"]
    asked = fields["y"] is not None
    rows = sorted({fields["y"] or 0, *(other.y + other.height for other in others)})
    columns = (
        [fields["x"]]
        if asked
        else sorted({0, *(other.x + other.width for other in others if other.x + other.width + width <= COLUMNS)})
    )
    x, y = next(
        (x, y)
        for y in rows
        if y >= (fields["y"] or 0)
        for x in columns
        if not any(other.overlaps(x, y, width, height) for other in others)
    )
    return Widget(**{**fields, "x": x, "y": y, "moved": asked and y != fields["y"]})
