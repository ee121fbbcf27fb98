"""A metric as an alarm asks for it, and as a scenario writes it: `AWS/Lambda Errors Sum {FunctionName=orders}`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY = re.compile(r"(?:(?P<account>\d{12})\s+)?(?P<head>[^{}\s][^{}]*?)\s*(?:\{(?P<dimensions>.*)\})?")
_DIMENSION = re.compile(r"\s*([^\s=,{}\"][^=,{}\"]*?)\s*=\s*(?:\"([^\"]*)\"|([^,\"]*?))\s*(?:,|$)")
_WRITTEN = "[<account>] <namespace> <metric> <statistic> [{<dimension>=<value>, …}]"


@dataclass(frozen=True, order=True)
class Metric:
    """One statistic of a metric.

    `head` is namespace, name and statistic, a space between them; `account` is None where it is the alarm's own.
    """

    head: str
    dimensions: tuple[tuple[str, str], ...] = ()
    account: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a metric as `str` writes it, the dimensions in any order; raises `ValueError` of one line."""
        match = _KEY.fullmatch(text.strip())
        if match is None or match["head"].count(" ") < 2:
            raise ValueError(f"{text!r} isn't a metric; allowed: {_WRITTEN}")
        found: dict[str, str] = {}
        given, at = match["dimensions"] or "", 0
        while at < len(given):
            dimension = _DIMENSION.match(given, at)
            if dimension is None or dimension[1] in found:
                raise ValueError(f"{text!r} has dimensions that can't be read; allowed: {_WRITTEN}")
            found[dimension[1]] = dimension[3] if dimension[2] is None else dimension[2]
            at = dimension.end()
        return cls(" ".join(match["head"].split()), tuple(sorted(found.items())), match["account"])

    def __str__(self) -> str:
        shown = ", ".join(
            f'{name}="{value}"' if re.search(r"[,\"{}]|^\s|\s$|^$", value) else f"{name}={value}"
            for name, value in self.dimensions
        )
        return " ".join(filter(None, [self.account, self.head, f"{{{shown}}}" if shown else ""]))

    @property
    def statistic(self) -> str:
        """Such as `Sum` or `p99`."""
        return self.head.rpartition(" ")[2]


def names_of(metric: Metric, account: str) -> tuple[Metric, ...]:
    """Return what an alarm of the account may call its metric, the exact first: with the account, and without."""
    exact = Metric(metric.head, metric.dimensions, metric.account or account)
    return (exact, metric) if metric.account is None else (exact,)


AGGREGATES: dict[str, Callable[[list[float]], float]] = {
    "Average": lambda points: sum(points) / len(points),
    "Maximum": max,
    "Minimum": min,
    "SampleCount": sum,
    "Sum": sum,
}
"""What a period of several minutes has, by the minutes' points; for an average, all of as many samples (assumed)."""
