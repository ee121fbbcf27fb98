"""A widget ready for the page, and what the drawings have in common: colours, and points as the script takes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs_lib.forecast._widgets.rows import Line
    from constructs_lib.testing.metric_functions import Point

PALETTE = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
)  # fmt: skip
"""The colours of lines that ask for none, in CloudWatch's order (as its console draws them)."""

NO_DATA = '<p class="empty">No data available</p>'


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A widget, ready for the page."""

    kind: str
    title: str
    html: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    refused: tuple[str, ...] = ()


def drawn(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Return the lines as the script takes them: a colour each."""
    return [
        {
            "label": line.label,
            "color": line.color or PALETTE[place % len(PALETTE)],
            "period": line.period,
            "right": line.right,
            "points": [rounded(point) for point in line.points],
        }
        for place, line in enumerate(lines)
    ]


def rounded(point: Point) -> Point:
    """Return a point in nine digits: more of them than a screen has, and a page half the size."""
    if point is None:
        return None
    return int(point) if float(point).is_integer() and abs(point) < 1e15 else float(f"{point:.9g}")


def swatch(color: str) -> str:
    """Return the square of a line's colour that stands before its name."""
    square = f'<rect width="10" height="10" rx="2" fill="{color}"/>'
    return f'<svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">{square}</svg>'
