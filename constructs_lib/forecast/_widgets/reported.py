"""The series that were simulated, a point a minute: what a widget's metrics and searches find."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from constructs_lib.forecast._widgets.properties import shown
from constructs_lib.testing.metrics import AGGREGATES, Metric, names_of
from constructs_lib.testing.series_notation import MOST_MINUTES, by_metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from constructs_lib.testing.metric_functions import Point, Series


class RefusedError(ValueError):
    """What a widget asks for can't be drawn; one line that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A metric as a widget asks for it; `account` is None where it is the dashboard's own, `period` is in minutes."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    period: int
    account: str | None = None
    region: str | None = None

    @property
    def metric(self) -> Metric:
        """The metric as a series is named."""
        head = " ".join(f"{self.namespace} {self.name} {self.statistic}".split())
        return Metric(head, tuple(sorted(self.dimensions)), self.account)


class Reported:
    """Series by metric, each as long as the simulation; `account` and `region` are those that they are of."""

    def __init__(
        self,
        series: Mapping[str, str | Sequence[Point]],
        minutes: int | None,
        *,
        account: str,
        region: str | None,
    ) -> None:
        given = by_metric(series, Metric.parse)
        longest = max(map(len, given.values()), default=0)
        self.minutes = max(longest, 1) if minutes is None else minutes
        if not max(longest, 1) <= self.minutes <= MOST_MINUTES:
            allowed = f"{max(longest, 1)} (the longest series) to {MOST_MINUTES:,}"
            raise ValueError(f"minutes is {self.minutes}; allowed: {allowed}")
        self._account, self._region = account, region
        self._series = {metric: points + [None] * (self.minutes - len(points)) for metric, points in given.items()}

    def points(self, asked: Asked) -> Series:
        """Return a metric's points, one a period; none where no series is given; raises `RefusedError`."""
        self._check_region(asked.region)
        found = next((self._series[m] for m in names_of(asked.metric, self._account) if m in self._series), None)
        if found is None:
            return [None] * -(-self.minutes // asked.period)
        if asked.period == 1:
            return found
        if asked.statistic not in AGGREGATES:
            raise RefusedError(f"{asked.statistic} over {asked.period} minutes can't be made from points a minute")
        aggregate = AGGREGATES[asked.statistic]
        periods = [found[begin : begin + asked.period] for begin in range(0, self.minutes, asked.period)]
        real = [[point for point in points if point is not None] for points in periods]
        return [aggregate(points) if points else None for points in real]

    def search(
        self,
        *,
        namespace: str,
        dimensions: frozenset[str],
        terms: Mapping[str, str],
        statistic: str,
        period: int,
        account: str | None,
        region: str | None,
    ) -> list[Asked]:
        """Return the metrics of a namespace that have exactly these dimensions, and the names and values in `terms`."""
        self._check_region(region)
        found = []
        wanted = {name: value for name, value in terms.items() if name != "MetricName"}
        for metric in sorted(self._series, key=str):
            pattern = rf"{re.escape(namespace)} (?P<name>.+) {re.escape(statistic)}"
            match = re.fullmatch(pattern, metric.head)
            values = dict(metric.dimensions)
            if (
                match is not None
                and terms.get("MetricName", match["name"]) == match["name"]
                and values.keys() == dimensions
                and all(values.get(name) == value for name, value in wanted.items())
                and account in {None, metric.account or self._account}
            ):
                found.append(
                    Asked(
                        namespace=namespace,
                        name=match["name"],
                        dimensions=metric.dimensions,
                        statistic=statistic,
                        period=period,
                        account=metric.account,
                        region=region,
                    )
                )
        return found

    def _check_region(self, region: str | None) -> None:
        if None not in {region, self._region} and region != self._region:
            raise RefusedError(f"the series are of {self._region}, this is of {shown(region)}")

    @property
    def account(self) -> str:
        """The account that series without one are of."""
        return self._account
