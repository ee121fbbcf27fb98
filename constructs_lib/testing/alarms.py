"""What an alarm is, once it is read: on a metric or metric math, or on the states of other alarms."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from constructs_lib.testing.alarm_states import AlarmState, MissingData
from constructs_lib.testing.names import goes_by, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from constructs_lib.assembly import Stack
    from constructs_lib.testing.composite_rules import CompositeRule
    from constructs_lib.testing.metric_math import Expression
    from constructs_lib.testing.metrics import Metric

COMPARISONS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": (">=", operator.ge),
    "GreaterThanThreshold": (">", operator.gt),
    "LessThanOrEqualToThreshold": ("<=", operator.le),
    "LessThanThreshold": ("<", operator.lt),
}
"""The operators with a static threshold."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Alarm:
    """An alarm of a template. `actions` are those to take on the change to a state: none while they are disabled."""

    stack: Stack
    logical_id: str
    name: str
    arn: str
    account: str
    region: str
    actions: Mapping[AlarmState, tuple[str, ...]]

    @cached_property
    def path(self) -> str:
        """The construct's path, or `<stack>.<logical id>` where the template has none."""
        return path_of(self.stack, self.logical_id)

    @property
    def condition(self) -> str:
        """When it is in alarm, in words."""
        raise NotImplementedError

    def goes_by(self, name: str) -> bool:
        """Whether `name` is its path or the end of it, its logical id, its name or its ARN."""
        return name in {self.name, self.arn} or goes_by(name, self.stack, self.logical_id)


@dataclass(frozen=True, kw_only=True, eq=False)
class MetricAlarm(Alarm):
    """An alarm on one metric or on metric math.

    `metrics` and `expressions` go by id, expressions after those that they use; `watched` is the id of what is held
    against the threshold.
    """

    metrics: Mapping[str, Metric]
    expressions: Mapping[str, Expression]
    watched: str
    comparison: str
    threshold: float
    period_minutes: int
    evaluation_periods: int
    datapoints_to_alarm: int
    missing_data: MissingData

    def breaches(self, value: float) -> bool:
        """Whether the value is on the wrong side of the threshold."""
        return COMPARISONS[self.comparison][1](value, self.threshold)

    @property
    def watched_text(self) -> str:
        """The metric, or the expression with no other expression in it named."""
        found = self.expressions.get(self.watched)
        return str(self.metrics[self.watched]) if found is None else found.text

    @property
    def threshold_text(self) -> str:
        """The comparison, such as `>= 80`."""
        return f"{COMPARISONS[self.comparison][0]} {self.threshold:g}"

    @property
    def condition(self) -> str:
        """When it is in alarm, in words."""
        m, n, minutes = self.datapoints_to_alarm, self.evaluation_periods, self.period_minutes
        unit = "minute" if minutes == 1 else f"period of {minutes} minutes"
        units = "minutes" if minutes == 1 else f"periods of {minutes} minutes"
        span = f"in a {unit}" if n == 1 else f"in {m} of {n} {units}"
        missing = {
            MissingData.MISSING: "missing points don't count",
            MissingData.IGNORE: "missing points keep the state",
            MissingData.BREACHING: "missing points breach",
            MissingData.NOT_BREACHING: "missing points don't breach",
        }[self.missing_data]
        return f"{self.watched_text} {self.threshold_text} {span}; {missing}"


@dataclass(frozen=True, kw_only=True, eq=False)
class CompositeAlarm(Alarm):
    """An alarm on the states of other alarms; `children` are those, by the names that its rule has for them."""

    rule: CompositeRule
    children: Mapping[str, Alarm]

    @property
    def condition(self) -> str:
        """The rule, each alarm by its path."""
        text = self.rule.text
        for name in sorted(self.children, key=len, reverse=True):
            text = text.replace(name, self.children[name].path)
        return text


@dataclass(frozen=True, kw_only=True, eq=False)
class UnreadableAlarm(Alarm):
    """An alarm that can't be evaluated, and `why`: what it has and what is allowed."""

    why: str

    @property
    def condition(self) -> str:
        """Why there is none."""
        return f"can't be evaluated: {self.why}"
