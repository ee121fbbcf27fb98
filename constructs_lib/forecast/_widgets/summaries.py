"""What CloudWatch makes one number of a line's points by: in labels, in SORT and in tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SUMMARIES: Mapping[str, Callable[[list[float]], float]] = {
    "MIN": min,
    "MAX": max,
    "SUM": sum,
    "AVG": lambda points: sum(points) / len(points),
}
