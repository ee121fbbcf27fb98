"""A series as text, a point a minute, in promtool's notation: `0x5 12 _ _ 3+2x4`.

`12` is a point, `_` a missing one; `0x5` is a 0 and five more, `3+2x4` is 3 and four more, each 2 greater than the one
before it; `_x5` is five missing points. So it is in
https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series.
"""

from __future__ import annotations

import math
import re
import reprlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from constructs_lib.testing.metric_functions import Point, Series
    from constructs_lib.testing.metrics import Metric

MOST_MINUTES = 20_160
"""Two weeks: no alarm looks at more than one."""
ALLOWED = "points with a space between them: 12, _ (missing), 0x5 (six times 0), 3+2x4 (3 5 7 9 11), _x5 (five missing)"

_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_ITEM = re.compile(
    rf"(?P<start>{_NUMBER})(?:(?P<step>[+-]{_NUMBER[2:]})?x(?P<more>\d+))?|_(?:x(?P<missing>\d+))?", re.ASCII
)


def expand(text: str) -> Series:
    """Return the points; raises `ValueError` of one line."""
    found: Series = []
    for item in text.split():
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{item!r} isn't a part of a series; allowed: {ALLOWED}")
        times = int(match["missing"] or 1) if match["start"] is None else int(match["more"] or 0) + 1
        if len(found) + times > MOST_MINUTES:
            raise ValueError(f"{item!r} makes the series longer than two weeks; allowed: {MOST_MINUTES:,} points")
        if match["start"] is None:
            found += [None] * times
            continue
        points = [_point(float(match["start"]), float(match["step"] or 0), i) for i in range(times)]
        if not all(map(math.isfinite, points)):
            raise ValueError(f"{item!r} has a point that is too large; allowed: up to 1e308")
        found += points
    return found


def by_metric(series: Mapping[str, str | Sequence[Point]], metric_of: Callable[[str], Metric]) -> dict[Metric, Series]:
    """Return the points of each metric, of series given as text or as points; raises `ValueError` of one line."""
    found: dict[Metric, Series] = {}
    for key, points in series.items():
        metric = metric_of(key)
        if metric in found:
            raise ValueError(f"the metric {metric} has two series; allowed: one")
        found[metric] = expand(points) if isinstance(points, str) else _checked(key, points)
    return found


def _checked(key: str, points: Sequence[Point]) -> Series:
    for point in points:
        number = isinstance(point, int | float) and not isinstance(point, bool)
        if point is not None and not (number and abs(point) <= sys.float_info.max):
            shown = " ".join(reprlib.repr(point).split())
            raise ValueError(f"the series of {key} has {shown}; allowed: a finite number, or None")
    return [None if point is None else float(point) for point in points]


def compact(points: Sequence[Point]) -> str:
    """Return the shortest text that `expand` makes these points of."""
    items, at = [], 0
    while at < len(points):
        item, length = _longest(points, at)
        items.append(item)
        at += length
    return " ".join(items)


def _longest(points: Sequence[Point], at: int) -> tuple[str, int]:
    """The item that covers most points from `at` on, and how many."""
    first = points[at]
    same = next((i for i in range(at, len(points)) if points[i] != first), len(points)) - at
    if first is None:
        return ("_" if same == 1 else f"_x{same}"), same
    if same > 1:
        return f"{_shown(first)}x{same - 1}", same
    second = points[at + 1] if at + 1 < len(points) else None
    if second is not None and (step := _step(first, second)) is not None:
        end = at + 2
        while end < len(points) and points[end] == _point(first, step, end - at):
            end += 1
        if end - at > 2:
            sign = "" if step < 0 else "+"
            return f"{_shown(first)}{sign}{_shown(step)}x{end - at - 1}", end - at
    return _shown(first), 1


def _step(first: float, second: float) -> float | None:
    step = second - first
    return step if math.isfinite(step) and _point(first, step, 1) == second else None


def _point(start: float, step: float, i: int) -> float:
    return start + step * i


def _shown(number: float) -> str:
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(float(number))
