"""The functions and operators of metric math, and what they do where a point is missing.

As https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html has them; where that is silent,
`Readings` says what is assumed. A value that isn't a number, such as that of a division by zero, is no point.
"""

from __future__ import annotations

import itertools
import math
import operator
import statistics
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from constructs_lib.testing.readings import Readings

Point = float | None
Series = list[Point]


class MetricMathError(ValueError):
    """An expression can't be evaluated; one line: what, and what is allowed."""


class Kind(Enum):
    """What an expression yields."""

    SCALAR = "a number"
    SERIES = "a time series"
    ARRAY = "several time series"


@dataclass(frozen=True, slots=True)
class Range:
    """What an expression is evaluated over: series and arrays by id, of `length` points, `period` seconds apart."""

    values: Mapping[str, Any]
    length: int
    period: int


class Node(NamedTuple):
    """A part of an expression: what kind of value it has, and the function that computes it."""

    kind: Kind
    value: Callable[[Range], Any]
    metric: str | None = None  # the id, where it is a metric and nothing more


def and_(left: float, right: float) -> float:
    """Return 1 where neither is 0."""
    return float(left != 0 and right != 0)


def or_(left: float, right: float) -> float:
    """Return 1 where one isn't 0."""
    return float(left != 0 or right != 0)


def power(base: float, exponent: float) -> float:
    """Return the power; raises `ValueError` where it is no real number."""
    value: float | complex = base**exponent
    if isinstance(value, complex):
        raise ValueError("no real number")
    return value


def _compare(compare: Callable[[Any, Any], Any]) -> Callable[[float, float], float]:
    return lambda left, right: float(compare(left, right))


COMPARISONS = {
    "==": _compare(operator.eq),
    "!=": _compare(operator.ne),
    "<=": _compare(operator.le),
    ">=": _compare(operator.ge),
    "<": _compare(operator.lt),
    ">": _compare(operator.gt),
}


def _number(function: Callable[..., float], *arguments: Any) -> Point:
    """The function's value, None where it has none."""
    try:
        value = function(*arguments)
    except (ArithmeticError, ValueError):
        return None
    return value if math.isfinite(value) else None


def each_point(function: Callable[[float], float], node: Node) -> Node:
    """Apply a function to each point."""

    def series(points: Series) -> Series:
        return [None if point is None else _number(function, point) for point in points]

    match node.kind:
        case Kind.SCALAR:
            return Node(Kind.SCALAR, lambda over: series([node.value(over)])[0])
        case Kind.SERIES:
            return Node(Kind.SERIES, lambda over: series(node.value(over)))
    return Node(Kind.ARRAY, lambda over: [series(points) for points in node.value(over)])


def binary(function: Callable[[float, float], float], left: Node, right: Node, *, missing_is_zero: bool) -> Node:
    """Apply a function to two numbers, or point by point."""

    def numbers(one: Point, other: Point) -> Point:
        return None if one is None or other is None else _number(function, one, other)

    def pair(one: Point, other: Point) -> Point:
        if one is None and other is None:
            return None
        if missing_is_zero:
            return _number(function, one or 0.0, other or 0.0)
        return numbers(one, other)

    def points(one: Any, other: Any) -> Any:
        if isinstance(one, list):
            if isinstance(other, list):
                return [pair(a, b) for a, b in zip(one, other, strict=True)]
            return [numbers(a, other) for a in one]
        return [numbers(one, b) for b in other] if isinstance(other, list) else numbers(one, other)

    match left.kind, right.kind:
        case Kind.ARRAY, Kind.ARRAY:
            raise MetricMathError(
                "an operator stands between two arrays; allowed: an array and a time series or number"
            )
        case Kind.ARRAY, _:
            return Node(Kind.ARRAY, lambda over: [points(each, right.value(over)) for each in left.value(over)])
        case _, Kind.ARRAY:
            return Node(Kind.ARRAY, lambda over: [points(left.value(over), each) for each in right.value(over)])
    kind = Kind.SCALAR if left.kind is right.kind is Kind.SCALAR else Kind.SERIES
    return Node(kind, lambda over: points(left.value(over), right.value(over)))


def _require(name: str, node: Node, *kinds: Kind) -> None:
    if node.kind not in kinds:
        wanted = " or ".join(kind.value for kind in kinds)
        raise MetricMathError(f"{name} is given {node.kind.value}; allowed: {wanted}")


def _pointwise(function: Callable[[float], float]) -> Callable[[str, list[Node]], Node]:
    def build(name: str, nodes: list[Node]) -> Node:
        _require(name, nodes[0], Kind.SERIES, Kind.ARRAY)
        return each_point(function, nodes[0])

    return build


def _along(function: Callable[[Series, int], Series]) -> Callable[[str, list[Node]], Node]:
    """Of a function from a series, and the seconds between its points, to a series."""

    def build(name: str, nodes: list[Node]) -> Node:
        [node] = nodes
        _require(name, node, Kind.SERIES, Kind.ARRAY)
        if node.kind is Kind.SERIES:
            return Node(Kind.SERIES, lambda over: function(node.value(over), over.period))
        return Node(Kind.ARRAY, lambda over: [function(each, over.period) for each in node.value(over)])

    return build


def _aggregate(
    function: Callable[[list[float]], float], *, missing_is_zero: bool = False
) -> Callable[[str, list[Node]], Node]:
    """Of a series it is a number; of an array it is a series, with a point where one of them has one."""

    def number(points: Sequence[Point], *, zero: bool) -> Point:
        real = [0.0 if point is None else point for point in points if zero or point is not None]
        empty = not real or (zero and all(point is None for point in points))
        return None if empty else _number(function, real)

    def build(name: str, nodes: list[Node]) -> Node:
        [node] = nodes
        _require(name, node, Kind.SERIES, Kind.ARRAY)
        if node.kind is Kind.SERIES:
            return Node(Kind.SCALAR, lambda over: number(node.value(over), zero=False))
        return Node(
            Kind.SERIES,
            lambda over: [number(points, zero=missing_is_zero) for points in zip(*node.value(over), strict=True)],
        )

    return build


def _changes(function: Callable[[float, int], float]) -> Callable[[Series, int], Series]:
    """A function of the difference between a point and the one before it, and of the seconds between them."""

    def along(points: Series, period: int) -> Series:
        found: Series = []
        before: tuple[int, float] | None = None
        for i, point in enumerate(points):
            found.append(
                None
                if point is None or before is None
                else _number(function, point - before[1], (i - before[0]) * period)
            )
            before = before if point is None else (i, point)
        return found

    return along


def _running_sum(points: Series, _: int) -> Series:
    total, found = 0.0, list[Point]()
    for point in points:
        total += point or 0.0
        found.append(None if point is None else total)
    return found


def _period(name: str, nodes: list[Node]) -> Node:
    if nodes[0].metric is None:
        raise MetricMathError(f"{name} is given an expression; allowed: the id of a metric")
    return Node(Kind.SCALAR, lambda over: float(over.period))


def _time_series(name: str, nodes: list[Node]) -> Node:
    [node] = nodes
    _require(name, node, Kind.SCALAR)
    return Node(Kind.SERIES, lambda over: [node.value(over)] * over.length)


def _end_of_array(index: int) -> Callable[[str, list[Node]], Node]:
    def build(name: str, nodes: list[Node]) -> Node:
        _require(name, nodes[0], Kind.ARRAY)
        return Node(Kind.SERIES, lambda over: nodes[0].value(over)[index])

    return build


def _metric_count(name: str, nodes: list[Node]) -> Node:
    _require(name, nodes[0], Kind.ARRAY)
    return Node(Kind.SCALAR, lambda over: float(len(nodes[0].value(over))))


def _if(name: str, nodes: list[Node]) -> Node:
    condition, then, *more = nodes
    for node in nodes:
        _require(name, node, Kind.SCALAR, Kind.SERIES)
    otherwise = more[0] if more else Node(Kind.SCALAR, lambda _: None)

    def at(value: Any, i: int) -> Point:
        point: Point = value[i] if isinstance(value, list) else value
        return point

    def series(over: Range) -> Series:
        true, false = then.value(over), otherwise.value(over)
        # A missing point where the condition is true counts as 0, one where it is false is dropped: documented.
        instead = 0.0 if isinstance(true, list) else None
        return [
            None if test is None else at(false, i) if test == 0 else instead if at(true, i) is None else at(true, i)
            for i, test in enumerate(condition.value(over))
        ]

    def choice(over: Range) -> Any:
        test = condition.value(over)
        chosen = None if test is None else (otherwise if test == 0 else then).value(over)
        return chosen if isinstance(chosen, list) or kind is Kind.SCALAR else [chosen] * over.length

    kind = Kind.SCALAR if all(node.kind is Kind.SCALAR for node in nodes) else Kind.SERIES
    return Node(kind, series if condition.kind is Kind.SERIES else choice)


def fill(node: Node | str, filler: Node | str, readings: Readings) -> Node:
    """Build FILL: the filler is a number, a time series, or one of the words REPEAT and LINEAR."""
    if isinstance(node, str):
        raise MetricMathError(f"FILL is given {node} as what to fill; allowed: a time series, then {node}")
    _require("FILL", node, Kind.SERIES, Kind.ARRAY)
    if isinstance(filler, Node):
        _require("FILL", filler, Kind.SCALAR, Kind.SERIES)

    def fill(points: Series, over: Range) -> Series:
        if None not in points:
            return points
        if not readings.fill_empty and all(point is None for point in points):
            return points
        if filler == "REPEAT":
            return _repeated(points)
        if filler == "LINEAR":
            return _interpolated(points)
        assert isinstance(filler, Node)  # noqa: S101 - the two words are done
        instead = filler.value(over)
        others = instead if isinstance(instead, list) else [instead] * over.length
        return [other if point is None else point for point, other in zip(points, others, strict=True)]

    if node.kind is Kind.SERIES:
        return Node(Kind.SERIES, lambda over: fill(node.value(over), over))
    return Node(Kind.ARRAY, lambda over: [fill(each, over) for each in node.value(over)])


def _repeated(points: Series) -> Series:
    last: Point = None
    found: Series = []
    for point in points:
        last = last if point is None else point
        found.append(last)
    return found


def _interpolated(points: Series) -> Series:
    """Fill each gap between two points with the line between them; before the first and after the last is no gap."""
    found = list(points)
    known = [(i, point) for i, point in enumerate(points) if point is not None]
    for (start, low), (end, high) in itertools.pairwise(known):
        for i in range(start + 1, end):
            found[i] = low + (high - low) * (i - start) / (end - start)
    return found


FUNCTIONS: dict[str, tuple[int, int, Callable[[str, list[Node]], Node]]] = {
    "ABS": (1, 1, _pointwise(abs)),
    "AVG": (1, 1, _aggregate(statistics.fmean, missing_is_zero=True)),
    "CEIL": (1, 1, _pointwise(math.ceil)),
    "DATAPOINT_COUNT": (1, 1, _aggregate(len)),
    "DIFF": (1, 1, _along(_changes(lambda change, _: change))),
    "DIFF_TIME": (1, 1, _along(_changes(lambda _, seconds: seconds))),
    "FIRST": (1, 1, _end_of_array(0)),
    "FLOOR": (1, 1, _pointwise(math.floor)),
    "IF": (2, 3, _if),
    "LAST": (1, 1, _end_of_array(-1)),
    "LOG": (1, 1, _pointwise(math.log)),
    "LOG10": (1, 1, _pointwise(math.log10)),
    "MAX": (1, 1, _aggregate(max)),
    "METRIC_COUNT": (1, 1, _metric_count),
    "MIN": (1, 1, _aggregate(min)),
    "PERIOD": (1, 1, _period),
    "RATE": (1, 1, _along(_changes(lambda change, seconds: change / seconds))),
    "RUNNING_SUM": (1, 1, _along(_running_sum)),
    "STDDEV": (1, 1, _aggregate(statistics.pstdev)),
    "SUM": (1, 1, _aggregate(sum)),
    "TIME_SERIES": (1, 1, _time_series),
}
NOT_HERE = {
    "ANOMALY_DETECTION_BAND": "the model behind it is CloudWatch's; allowed: a static threshold",
    "INSIGHT_RULE_METRIC": "Contributor Insights isn't part of a template; allowed: metrics",
    "SEARCH": "an alarm takes no SEARCH; allowed: metrics by name",
    "SERVICE_QUOTA": "the quota is the account's; allowed: a metric that reports the limit, or a number",
    **dict.fromkeys(
        ("MINUTE", "HOUR", "DAY", "DATE", "MONTH", "YEAR", "EPOCH"),
        "a scenario has minutes, and no time of day; allowed: functions of the points",
    ),
    **dict.fromkeys(
        ("REMOVE_EMPTY", "SLICE", "SORT"),
        "AWS advises against it in an alarm; allowed: SUM, MAX, MIN or AVG of the array",
    ),
}
