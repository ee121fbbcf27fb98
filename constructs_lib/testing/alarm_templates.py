"""The alarms of synthesized templates, read from a cloud assembly by `constructs_lib.assembly`.

An alarm that can't be evaluated is among them as an `UnreadableAlarm` that says why: it doesn't stand in the way of the
others, and nobody can take it for one that works. The properties are those of
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html and
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-compositealarm.html.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from constructs_lib.assembly import UnresolvableError
from constructs_lib.testing.alarm_states import AlarmState, MissingData
from constructs_lib.testing.composite_rules import CompositeRule, CompositeRuleError
from constructs_lib.testing.metric_functions import Kind, MetricMathError
from constructs_lib.testing.metric_math import Expression, referred
from constructs_lib.testing.metrics import AGGREGATES, Metric
from constructs_lib.testing.names import goes_by, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from constructs_lib.assembly import Assembly, Stack
    from constructs_lib.testing.readings import Readings

_METRIC_ALARM, _COMPOSITE_ALARM = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"
_ACTIONS = {
    AlarmState.ALARM: "AlarmActions",
    AlarmState.INSUFFICIENT_DATA: "InsufficientDataActions",
    AlarmState.OK: "OKActions",
}
_COMMON = {"ActionsEnabled", "AlarmDescription", "AlarmName", "Tags", *_ACTIONS.values()}
_EVALUATED = {
    _METRIC_ALARM: _COMMON
    | {"ComparisonOperator", "DatapointsToAlarm", "Dimensions", "EvaluateLowSampleCountPercentile", "EvaluationPeriods"}
    | {"ExtendedStatistic", "MetricName", "Metrics", "Namespace", "Period", "Statistic", "Threshold"}
    | {"TreatMissingData", "Unit"},
    _COMPOSITE_ALARM: _COMMON | {"AlarmRule"},
}
_COMPARISONS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": (">=", operator.ge),
    "GreaterThanThreshold": (">", operator.gt),
    "LessThanOrEqualToThreshold": ("<=", operator.le),
    "LessThanThreshold": ("<", operator.lt),
}
_OF_ONE_METRIC = "value"  # its id, where an alarm isn't on metric math


class _RefusedError(ValueError):
    """Why an alarm can't be evaluated."""


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
        return _COMPARISONS[self.comparison][1](value, self.threshold)

    @property
    def watched_text(self) -> str:
        """The metric, or the expression with no other expression in it named."""
        found = self.expressions.get(self.watched)
        return str(self.metrics[self.watched]) if found is None else found.text

    @property
    def threshold_text(self) -> str:
        """The comparison, such as `>= 80`."""
        return f"{_COMPARISONS[self.comparison][0]} {self.threshold:g}"

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


def read_alarms(assembly: Assembly, *, account: str, region: str, readings: Readings) -> tuple[Alarm, ...]:
    """Return the alarms of all stacks, nested ones too, in the templates' order.

    `account` and `region` are those of environment-agnostic stacks.
    """
    return _Reader([r for stack in assembly.stacks for r in _resources(stack, account, region)], readings).alarms()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Resource:
    """An alarm as a template has it."""

    stack: Stack
    logical_id: str
    account: str
    region: str

    @property
    def type(self) -> str:
        return str(self.stack.resources()[self.logical_id]["Type"])

    def resolve(self, value: Any) -> Any:
        return self.stack.resolve(value, account=self.account, region=self.region)

    def properties(self) -> dict[str, Any]:
        """Return the properties, resolved; raises `_RefusedError`."""
        try:
            properties: dict[str, Any] = self.resolve(self.stack.resources()[self.logical_id].get("Properties", {}))
        except UnresolvableError as error:
            raise _RefusedError(str(error)) from None
        return properties

    def name(self) -> str:
        """Return the name, a made-up one where only a deployment knows it."""
        given = self.stack.resources()[self.logical_id].get("Properties", {}).get("AlarmName")
        return str(self.resolve({"Ref": self.logical_id} if given is None else given))

    def arn(self) -> str:
        partition = self.resolve({"Ref": "AWS::Partition"})
        return f"arn:{partition}:cloudwatch:{self.region}:{self.account}:alarm:{self.name()}"

    def references(self) -> set[str]:
        """Return what the rule of a composite alarm may call it: name, ARN, and what these are in a template."""
        tokens = ({"Ref": self.logical_id}, {"Fn::GetAtt": [self.logical_id, "Arn"]})
        return {self.name(), self.arn(), *(str(self.resolve(token)) for token in tokens)}


def _resources(stack: Stack, account: str, region: str) -> Iterator[_Resource]:
    account, region = stack.account or account, stack.region or region
    for logical_id, resource in stack.resources().items():
        condition = resource.get("Condition")
        if resource.get("Type") not in _EVALUATED or (
            condition is not None
            and not stack.resolve({"Fn::If": [condition, True, False]}, account=account, region=region)
        ):
            continue
        yield _Resource(stack=stack, logical_id=logical_id, account=account, region=region)
    for nested in stack.nested.values():
        yield from _resources(nested, account, region)


class _Reader:
    """Reads alarms, each once, those that a composite one depends on first."""

    def __init__(self, resources: list[_Resource], readings: Readings) -> None:
        self.resources, self.readings = resources, readings
        self.read: dict[_Resource, Alarm] = {}
        # The same names may stand in every account and Region; a composite alarm sees those of its own.
        self.references: dict[tuple[str, str, str], list[_Resource]] = {}
        for resource in resources:
            for reference in resource.references():
                self.references.setdefault((resource.account, resource.region, reference), []).append(resource)

    def alarms(self) -> tuple[Alarm, ...]:
        return tuple(self.alarm(resource, ()) for resource in self.resources)

    def alarm(self, resource: _Resource, above: tuple[_Resource, ...]) -> Alarm:
        if resource not in self.read:
            self.read[resource] = self.unread_alarm(resource, above)
        return self.read[resource]

    def unread_alarm(self, resource: _Resource, above: tuple[_Resource, ...]) -> Alarm:
        common: dict[str, Any] = {
            "stack": resource.stack,
            "logical_id": resource.logical_id,
            "name": resource.name(),
            "arn": resource.arn(),
            "account": resource.account,
            "region": resource.region,
            "actions": {},
        }
        try:
            properties = resource.properties()
            common["actions"] = _actions(properties)
            _refuse_unknown(properties, _EVALUATED[resource.type])
            if resource.type == _METRIC_ALARM:
                return MetricAlarm(**common, **_metric_alarm(properties, resource.account, self.readings))
            rule = _rule(properties)
            children = {name: self.child(name, resource, above) for name in rule.names}
            return CompositeAlarm(**common, rule=rule, children=children)
        except _RefusedError as refused:
            return UnreadableAlarm(**common, why=str(refused))

    def child(self, name: str, resource: _Resource, above: tuple[_Resource, ...]) -> Alarm:
        found = self.references.get((resource.account, resource.region, name), [])
        if len(found) != 1:
            many = "several have" if found else "no template has in its account and Region"
            raise _RefusedError(
                f"AlarmRule asks for the alarm {name!r}, which {many}; allowed: one of the templates' alarms"
            )
        if found[0] in (*above, resource):
            raise _RefusedError("AlarmRule depends on the alarm itself; allowed: alarms that don't")
        child = self.alarm(found[0], (*above, resource))
        if isinstance(child, UnreadableAlarm):
            raise _RefusedError(f"AlarmRule asks for {child.path}, which {child.condition}")
        return child


def _actions(properties: Mapping[str, Any]) -> dict[AlarmState, tuple[str, ...]]:
    if str(properties.get("ActionsEnabled", True)).lower() == "false":
        return {}
    return {state: tuple(map(str, properties.get(name) or ())) for state, name in _ACTIONS.items()}


def _refuse_unknown(properties: Mapping[str, Any], evaluated: set[str]) -> None:
    unknown = sorted(set(properties) - evaluated)
    if unknown:
        raise _RefusedError(f"it has {', '.join(unknown)}; allowed: {', '.join(sorted(evaluated))}")


def _rule(properties: Mapping[str, Any]) -> CompositeRule:
    try:
        return CompositeRule.parse(str(properties.get("AlarmRule", "")))
    except CompositeRuleError as error:
        raise _RefusedError(f"AlarmRule can't be read: {error}") from None


def _metric_alarm(properties: Mapping[str, Any], account: str, readings: Readings) -> dict[str, Any]:
    """The fields of a `MetricAlarm`."""
    comparison = _one_of(properties, "ComparisonOperator", _COMPARISONS)
    periods = _whole(properties, "EvaluationPeriods", 1, 10_080)
    if str(properties.get("EvaluateLowSampleCountPercentile", "evaluate")) != "evaluate":
        raise _RefusedError(
            "EvaluateLowSampleCountPercentile is 'ignore', and a series doesn't tell samples; allowed: evaluate"
        )
    if "Metrics" in properties:
        metrics, expressions, watched, period = _metric_math(properties["Metrics"], account, readings)
    else:
        statistic = properties.get("Statistic", properties.get("ExtendedStatistic"))
        metrics = {_OF_ONE_METRIC: _metric(properties, statistic, None)}
        expressions, watched, period = {}, _OF_ONE_METRIC, _period(properties)
    for metric in metrics.values():
        if period > 1 and metric.statistic not in AGGREGATES:
            raise _RefusedError(
                f"the {metric.statistic} of {period} minutes can't be told from those of the minutes; "
                f"allowed: a Period of 60, or {', '.join(AGGREGATES)}"
            )
    dynamo = any(metric.head.startswith("AWS/DynamoDB ") for metric in metrics.values())
    by_default = MissingData.IGNORE if dynamo else MissingData.MISSING  # documented with `TreatMissingData`
    missing = _one_of({"TreatMissingData": by_default, **properties}, "TreatMissingData", list(MissingData))
    return {
        "metrics": metrics,
        "expressions": expressions,
        "watched": watched,
        "comparison": comparison,
        "threshold": _number(properties, "Threshold"),
        "period_minutes": period,
        "evaluation_periods": periods,
        "datapoints_to_alarm": _whole({"DatapointsToAlarm": periods, **properties}, "DatapointsToAlarm", 1, periods),
        "missing_data": MissingData(missing),
    }


def _metric_math(
    queries: Any, account: str, readings: Readings
) -> tuple[dict[str, Metric], dict[str, Expression], str, int]:
    """The metrics and expressions by id, which of them is watched, and the period of all in minutes."""
    metrics: dict[str, Metric] = {}
    texts: dict[str, str] = {}
    watched, periods = [], set()
    for query in queries:
        name = str(query.get("Id"))
        if name in metrics or name in texts:
            raise _RefusedError(f"Metrics has two of the Id {name!r}; allowed: one")
        if "MetricStat" in query:
            stat = query["MetricStat"]
            other = str(query.get("AccountId", account))
            metrics[name] = _metric(stat.get("Metric", {}), stat.get("Stat"), None if other == account else other)
            periods.add(_period(stat))
        else:
            texts[name] = str(query.get("Expression", ""))
            if "Period" in query:
                periods.add(_period(query))
        if str(query.get("ReturnData", True)).lower() == "true":
            watched.append(name)
    if len(watched) != 1:
        raise _RefusedError(
            f"Metrics returns {len(watched)} of its members; allowed: one with ReturnData, as an alarm takes one"
        )
    if len(periods) > 1:
        shown = " and ".join(f"{60 * period}" for period in sorted(periods))
        raise _RefusedError(f"Metrics has periods of {shown} seconds; allowed: the same for all")
    expressions = _expressions(texts, metrics, readings)
    if watched[0] in expressions and expressions[watched[0]].kind is not Kind.SERIES:
        kind = expressions[watched[0]].kind.value
        raise _RefusedError(f"the expression {texts[watched[0]]!r} yields {kind}; allowed: {Kind.SERIES.value}")
    return metrics, expressions, watched[0], min(periods, default=1)


def _expressions(texts: Mapping[str, str], metrics: Mapping[str, Metric], readings: Readings) -> dict[str, Expression]:
    """Parse expressions, each after those that it uses."""
    parsed: dict[str, Expression] = {}
    name = ""
    try:
        uses: dict[str, frozenset[str]] = {}
        for name, text in texts.items():
            uses[name] = referred(text) & texts.keys()
        for name in TopologicalSorter(uses).static_order():
            kinds = {known: expression.kind for known, expression in parsed.items()}
            parsed[name] = Expression.parse(texts[name], metrics=list(metrics), expressions=kinds, readings=readings)
    except MetricMathError as error:
        raise _RefusedError(f"the expression {texts[name]!r} can't be evaluated: {error}") from None
    except CycleError as error:
        raise _RefusedError(
            f"the expressions {', '.join(error.args[1][1:])} use each other; allowed: no circle"
        ) from None
    return parsed


def _metric(given: Mapping[str, Any], statistic: Any, account: str | None) -> Metric:
    for name, value in (("Namespace", given.get("Namespace")), ("MetricName", given.get("MetricName"))):
        if not value:
            raise _RefusedError(f"it has no {name}; allowed: a metric, or Metrics")
    if not statistic:
        raise _RefusedError("it has no statistic; allowed: Statistic or ExtendedStatistic")
    dimensions = tuple(sorted((str(d["Name"]), str(d["Value"])) for d in given.get("Dimensions") or ()))
    head = f"{given['Namespace']} {given['MetricName']} {statistic}"
    return Metric(" ".join(head.split()), dimensions, account)


def _period(given: Mapping[str, Any]) -> int:
    """The period in minutes."""
    seconds = _whole(given, "Period", 1, 604_800)
    if seconds % 60:
        raise _RefusedError(f"Period is {seconds}; allowed: 60 or a multiple of it: a scenario has a point a minute")
    return seconds // 60


def _number(properties: Mapping[str, Any], name: str) -> float:
    try:
        return float(properties[name])
    except (KeyError, TypeError, ValueError):
        raise _RefusedError(f"{name} is {properties.get(name)!r}; allowed: a number") from None


def _whole(properties: Mapping[str, Any], name: str, low: int, high: int) -> int:
    number = _number(properties, name)
    if not (low <= number <= high and number == int(number)):
        raise _RefusedError(f"{name} is {properties[name]!r}; allowed: a whole number from {low:,} to {high:,}")
    return int(number)


def _one_of(properties: Mapping[str, Any], name: str, allowed: Iterable[str]) -> str:
    given = str(properties.get(name))
    if given not in allowed:
        raise _RefusedError(f"{name} is {given!r}; allowed: {', '.join(allowed)}")
    return given
