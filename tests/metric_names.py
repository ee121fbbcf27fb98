"""The names of the metrics that the quotas' dashboard and alarms may have, and what a template has of them.

CloudWatch takes a misspelt name for a metric without data, and nothing else notices: so this is a copy of its own, from
https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html and the neighbours' pages. It shares
nothing with the catalogue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.cdk import resources, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.cdk import JsonObject

ANY = "*"
"""The value of a dimension in a search: each that there is."""


class MetricUse(NamedTuple):
    """A metric as a template names it."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str


class Known(NamedTuple):
    """A metric that there is: of its dimensions, the values that they may have, as a regular expression."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    in_alarms: bool

    def allows(self, use: MetricUse) -> bool:
        return (self.namespace, self.name, self.statistic) == (use.namespace, use.name, use.statistic) and (
            len(self.dimensions) == len(use.dimensions)
            and all(
                key == used_key and re.fullmatch(values, value)
                for (key, values), (used_key, value) in zip(self.dimensions, use.dimensions, strict=True)
            )
        )


_API_NAMES = (
    "StartExecution",
    "StartExpressExecution",
    "DescribeExecution",
    "StopExecution",
    "RedriveExecution",
    "SendTaskSuccess",
    "SendTaskFailure",
    "SendTaskHeartbeat",
)
_MACHINE = ("StateMachineArn", r"\*|.+:stateMachine:.+|\$\{.+\}(/.+)?")

KNOWN: tuple[Known, ...] = (
    # Map runs and open executions: levels, without a dimension.
    Known("AWS/States", "ApproximateOpenMapRunCount", (), "Maximum", in_alarms=True),
    Known("AWS/States", "OpenMapRunLimit", (), "Maximum", in_alarms=True),
    Known("AWS/States", "ApproximateMapRunBacklogSize", (), "Maximum", in_alarms=True),
    Known("AWS/States", "OpenExecutionCount", (), "Maximum", in_alarms=True),
    Known("AWS/States", "OpenExecutionLimit", (), "Maximum", in_alarms=True),
    # Token buckets.
    *(
        Known("AWS/States", name, (dimension,), statistic, in_alarms=in_alarms)
        for dimension in (("ServiceMetric", "StateTransition"), *(("APIName", name) for name in _API_NAMES))
        for name, statistic, in_alarms in (
            ("ConsumedCapacity", "Sum", True),
            ("ProvisionedBucketSize", "Maximum", False),
            ("ProvisionedRefillRate", "Maximum", True),
            ("ThrottledEvents", "Sum", True),
        )
    ),
    # Executions: ExecutionsStarted has two samples an execution, so its SampleCount would be wrong.
    *(
        Known("AWS/States", name, (_MACHINE,), "Sum", in_alarms=False)
        for name in (
            "ExecutionsStarted",
            "ExecutionsSucceeded",
            "ExecutionsFailed",
            "ExecutionsAborted",
            "ExecutionsTimedOut",
        )
    ),
    Known("AWS/States", "ExecutionThrottled", (_MACHINE,), "Sum", in_alarms=True),
    Known("AWS/States", "ExecutionTime", (_MACHINE,), "p50", in_alarms=False),
    Known("AWS/States", "ExecutionTime", (_MACHINE,), "p99", in_alarms=False),
    # Neighbours.
    Known("AWS/Lambda", "ConcurrentExecutions", (), "Maximum", in_alarms=False),
    Known("AWS/Lambda", "Throttles", (("FunctionName", r"\*|[\w-]+"),), "Sum", in_alarms=True),
    Known("AWS/Bedrock", "InvocationThrottles", (("ModelId", r".+"),), "Sum", in_alarms=True),
    Known("StepFunctionsAtScale", "SlowDown", (), "Sum", in_alarms=True),
)
IN_ALARMS = tuple(known for known in KNOWN if known.in_alarms)


def unknown_metrics(found: Iterable[MetricUse], known: tuple[Known, ...] = KNOWN) -> set[MetricUse]:
    """What was found and isn't there: misspelt, of another dimension, or of a statistic that means nothing."""
    return {use for use in found if not any(each.allows(use) for each in known)}


def missing_metrics(found: Iterable[MetricUse], known: tuple[Known, ...] = KNOWN) -> set[Known]:
    """What is there and wasn't found."""
    uses = set(found)
    return {each for each in known if not any(each.allows(use) for use in uses)}


@dataclass(frozen=True)
class Line:
    """An entry of a widget's metrics: a metric or an expression, with what the entry says besides."""

    metric: MetricUse | None
    expression: str | None
    options: JsonObject

    @property
    def visible(self) -> bool:
        return bool(self.options.get("visible", True))


def lines_of(widget: JsonObject) -> list[Line]:
    """The entries of a widget of a dashboard; `.` and `...`, which stand for what is above, replaced by it."""
    properties = widget["properties"]
    lines: list[Line] = []
    above: list[str] = []
    for entry in properties.get("metrics", ()):
        *parts, last = entry
        options = last if isinstance(last, dict) else {}
        if not isinstance(last, dict):
            parts.append(last)
        if not parts:
            lines.append(Line(None, options["expression"], options))
            continue
        above = list(_written_out(parts, above))
        namespace, name, *dimensions = above
        pairs = tuple(zip(dimensions[::2], dimensions[1::2], strict=True))
        statistic = options.get("stat", properties.get("stat", "Average"))
        lines.append(Line(MetricUse(namespace, name, pairs, statistic), None, options))
    return lines


def _written_out(parts: list[str], above: list[str]) -> Iterator[str]:
    for place, part in enumerate(parts):
        if part == "...":
            yield from above[place : len(above) - (len(parts) - place - 1)]
        else:
            yield above[place] if part == "." else part


def searched(expression: str) -> list[MetricUse]:
    """What an expression searches for."""
    uses = []
    for schema, term, statistic in re.findall(r"SEARCH\('\{(.*?)\}(.*?)','(\w+)',60\)", expression):
        namespace, *keys = (part.strip() for part in schema.split(","))
        (name,) = re.findall(r'MetricName="(\w+)"', term)
        uses.append(MetricUse(namespace, name, tuple((key, ANY) for key in keys), statistic))
    assert len(uses) == expression.count("SEARCH"), expression
    return uses


def uses_in_dashboard(body: JsonObject) -> set[MetricUse]:
    """Each metric of a dashboard's body, those that a search finds too."""
    uses: set[MetricUse] = set()
    for widget in body["widgets"]:
        for line in lines_of(widget):
            uses.update([line.metric] if line.metric is not None else searched(line.expression or ""))
    return uses


def uses_in_alarms(template: JsonObject) -> set[MetricUse]:
    """Each metric of a template's alarms."""
    return {use for alarm in resources(template, "AWS::CloudWatch::Alarm").values() for use in uses_in_alarm(alarm)}


def uses_in_alarm(alarm: JsonObject) -> set[MetricUse]:
    """Each metric of an alarm's properties."""
    if "Metrics" not in alarm:
        return {_use(alarm, alarm.get("Statistic", alarm.get("ExtendedStatistic")))}
    uses: set[MetricUse] = set()
    for query in alarm["Metrics"]:
        if "MetricStat" in query:
            uses.add(_use(query["MetricStat"]["Metric"], query["MetricStat"]["Stat"]))
        else:
            uses.update(searched(query["Expression"]))
    return uses


def _use(metric: JsonObject, statistic: Any) -> MetricUse:
    pairs = tuple((pair["Name"], str(shown(pair["Value"]))) for pair in metric.get("Dimensions", ()))
    return MetricUse(metric["Namespace"], metric["MetricName"], pairs, str(statistic))
