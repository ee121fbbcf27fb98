"""What a line is called: the label that a widget gives, its dynamic parts filled in, or what tells the metric apart.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html
Which parts of a metric CloudWatch takes for a label isn't documented: here, those that differ among the lines.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from constructs_lib.forecast._widgets.reported import RefusedError
from constructs_lib.forecast._widgets.summaries import SUMMARIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from constructs_lib.forecast._widgets.reported import Asked
    from constructs_lib.testing.metric_functions import Point

_DYNAMIC = re.compile(r"\$\{([^}]*)\}")
_PROPERTY = re.compile(r"PROP\('([^']*)'\)")
_VALUES: dict[str, Callable[[list[float]], float]] = {
    **SUMMARIES,
    "DATAPOINT_COUNT": len,
    "FIRST": lambda points: points[0],
    "FIRST_LAST_RANGE": lambda points: abs(points[-1] - points[0]),
    "LAST": lambda points: points[-1],
    "MIN_MAX_RANGE": lambda points: max(points) - min(points),
}
_SUFFIXES = ("", "k", "M", "G", "T")


def short(value: float | None) -> str:
    """Return a number as CloudWatch writes it on an axis, in three digits: 8.00k."""
    if value is None:
        return "--"
    size = 0
    while abs(value) >= 999.5 and size < len(_SUFFIXES) - 1:
        value, size = value / 1000, size + 1
    whole = size == 0 and float(value).is_integer()
    digits = 0 if whole or abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    return f"{value:,.{digits}f}{_SUFFIXES[size]}"


def distinct(metrics: Sequence[Asked], *, searched: bool = False) -> list[str]:
    """Return a label for each metric, of the parts in which it differs from the others.

    One alone goes by its name, or, where a search has found it, by its dimensions' values.
    """
    if len(metrics) == 1 and (not searched or not metrics[0].dimensions):
        return [metrics[0].name]
    parts = [_parts(metric) for metric in metrics]
    keys = list(dict.fromkeys(key for each in parts for key in each))
    telling = [key for key in keys if len({each.get(key) for each in parts}) > 1]
    if searched:
        telling = telling or [key for key in keys if key.startswith("Dim.")]
    return [
        " ".join(each[key] for key in telling if key in each) or metric.name
        for each, metric in zip(parts, metrics, strict=True)
    ]


def fill(label: str, *, default: str, points: Sequence[Point], asked: Asked | None, account: str) -> str:
    """Return a label with each `${…}` replaced; raises `RefusedError` for one that can't be known here."""
    real = [point for point in points if point is not None]

    def replace(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name == "LABEL":
            return default
        if name in _VALUES:
            return short(_VALUES[name](real)) if real else "--"
        wanted = _PROPERTY.fullmatch(name)
        if wanted is not None and asked is not None:
            known = _parts(asked) | {
                "AccountId": asked.account or account,
                "Period": str(60 * asked.period),
                **({} if asked.region is None else {"Region": asked.region}),
            }
            if wanted[1] in known:
                return known[wanted[1]]
        raise RefusedError(f"its label has {match[0]}; allowed: LABEL, PROP('…') of a metric, {', '.join(_VALUES)}")

    return _DYNAMIC.sub(replace, label)


def _parts(asked: Asked) -> dict[str, str]:
    return {
        "Namespace": asked.namespace,
        "MetricName": asked.name,
        **{f"Dim.{name}": value for name, value in asked.dimensions},
        "Stat": asked.statistic,
        **({} if asked.account is None else {"AccountId": asked.account}),
    }
