"""The alarms of synthesized templates, read from a cloud assembly by `constructs_lib.assembly`.

An alarm that can't be evaluated is among them as an `UnreadableAlarm` that says why: it doesn't stand in the way of the
others, and nobody can take it for one that works. The properties are those of
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html and
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-compositealarm.html.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from constructs_lib.assembly import UnresolvableError
from constructs_lib.testing.alarm_properties import RefusedError, metric_alarm_fields
from constructs_lib.testing.alarm_states import AlarmState
from constructs_lib.testing.alarms import CompositeAlarm, MetricAlarm, UnreadableAlarm
from constructs_lib.testing.composite_rules import CompositeRule, CompositeRuleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from constructs_lib.assembly import Assembly, Stack
    from constructs_lib.testing.alarms import Alarm
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
        """Return the properties, resolved; raises `RefusedError`."""
        try:
            properties: dict[str, Any] = self.resolve(self.stack.resources()[self.logical_id].get("Properties", {}))
        except UnresolvableError as error:
            raise RefusedError(str(error)) from None
        return properties

    def name(self) -> str:
        """Return the name, a made-up one where only a deployment knows it."""
        given = self.stack.resources()[self.logical_id].get("Properties", {}).get("AlarmName")
        with suppress(UnresolvableError):
            if given is not None:
                return str(self.resolve(given))
        return str(self.resolve({"Ref": self.logical_id}))

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
                return MetricAlarm(**common, **metric_alarm_fields(properties, resource.account, self.readings))
            rule = _rule(properties)
            children = {name: self.child(name, resource, above) for name in rule.names}
            return CompositeAlarm(**common, rule=rule, children=children)
        except RefusedError as refused:
            return UnreadableAlarm(**common, why=str(refused))
        except (AttributeError, KeyError, TypeError):  # a list where a mapping belongs, a query without its parts
            why = f"its properties can't be read; allowed: those of {resource.type}"
            return UnreadableAlarm(**common, why=why)

    def child(self, name: str, resource: _Resource, above: tuple[_Resource, ...]) -> Alarm:
        found = self.references.get((resource.account, resource.region, name), [])
        if len(found) != 1:
            many = "several have" if found else "no template has in its account and Region"
            raise RefusedError(
                f"AlarmRule asks for the alarm {name!r}, which {many}; allowed: one of the templates' alarms"
            )
        if found[0] in (*above, resource):
            raise RefusedError("AlarmRule depends on the alarm itself; allowed: alarms that don't")
        child = self.alarm(found[0], (*above, resource))
        if isinstance(child, UnreadableAlarm):
            raise RefusedError(f"AlarmRule asks for {child.path}, which {child.condition}")
        return child


def _actions(properties: Mapping[str, Any]) -> dict[AlarmState, tuple[str, ...]]:
    if str(properties.get("ActionsEnabled", True)).lower() == "false":
        return {}
    return {state: tuple(map(str, properties.get(name) or ())) for state, name in _ACTIONS.items()}


def _refuse_unknown(properties: Mapping[str, Any], evaluated: set[str]) -> None:
    unknown = sorted(set(properties) - evaluated)
    if unknown:
        raise RefusedError(f"it has {', '.join(unknown)}; allowed: {', '.join(sorted(evaluated))}")


def _rule(properties: Mapping[str, Any]) -> CompositeRule:
    try:
        return CompositeRule.parse(str(properties.get("AlarmRule", "")))
    except CompositeRuleError as error:
        raise RefusedError(f"AlarmRule can't be read: {error}") from None
