"""What the properties of an `AWS::CloudWatch::Alarm` say, checked: which metrics, over what time, against what.

Whatever CloudWatch has and this evaluation hasn't is refused by name.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from constructs_lib.testing.alarm_states import MissingData
from constructs_lib.testing.alarms import COMPARISONS
from constructs_lib.testing.metric_functions import Kind, MetricMathError
from constructs_lib.testing.metric_math import Expression, referred
from constructs_lib.testing.metrics import AGGREGATES, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from constructs_lib.testing.readings import Readings

_OF_ONE_METRIC = "value"  # its id, where an alarm isn't on metric math


class RefusedError(ValueError):
    """Why an alarm can't be evaluated: what it has, and what is allowed."""


def metric_alarm_fields(properties: Mapping[str, Any], account: str, readings: Readings) -> dict[str, Any]:
    """Return the fields of a `MetricAlarm`, without those of every alarm; raises `RefusedError`."""
    comparison = _one_of(properties, "ComparisonOperator", COMPARISONS)
    periods = _whole(properties, "EvaluationPeriods", 1, 10_080)
    if str(properties.get("EvaluateLowSampleCountPercentile", "evaluate")) != "evaluate":
        raise RefusedError(
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
            raise RefusedError(
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
            raise RefusedError(f"Metrics has two of the Id {name!r}; allowed: one")
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
        raise RefusedError(
            f"Metrics returns {len(watched)} of its members; allowed: one with ReturnData, as an alarm takes one"
        )
    if len(periods) > 1:
        shown = " and ".join(f"{60 * period}" for period in sorted(periods))
        raise RefusedError(f"Metrics has periods of {shown} seconds; allowed: the same for all")
    expressions = _expressions(texts, metrics, readings)
    if watched[0] in expressions and expressions[watched[0]].kind is not Kind.SERIES:
        kind = expressions[watched[0]].kind.value
        raise RefusedError(f"the expression {texts[watched[0]]!r} yields {kind}; allowed: {Kind.SERIES.value}")
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
        raise RefusedError(f"the expression {texts[name]!r} can't be evaluated: {error}") from None
    except CycleError as error:
        raise RefusedError(
            f"the expressions {', '.join(error.args[1][1:])} use each other; allowed: no circle"
        ) from None
    return parsed


def _metric(given: Mapping[str, Any], statistic: Any, account: str | None) -> Metric:
    for name, value in (("Namespace", given.get("Namespace")), ("MetricName", given.get("MetricName"))):
        if not value:
            raise RefusedError(f"it has no {name}; allowed: a metric, or Metrics")
    if not statistic:
        raise RefusedError("it has no statistic; allowed: Statistic or ExtendedStatistic")
    dimensions = tuple(sorted((str(d["Name"]), str(d["Value"])) for d in given.get("Dimensions") or ()))
    head = f"{given['Namespace']} {given['MetricName']} {statistic}"
    return Metric(" ".join(head.split()), dimensions, account)


def _period(given: Mapping[str, Any]) -> int:
    """The period in minutes."""
    seconds = _whole(given, "Period", 1, 604_800)
    if seconds % 60:
        raise RefusedError(f"Period is {seconds}; allowed: 60 or a multiple of it: a scenario has a point a minute")
    return seconds // 60


def _number(properties: Mapping[str, Any], name: str) -> float:
    try:
        return float(properties[name])
    except (KeyError, TypeError, ValueError):
        raise RefusedError(f"{name} is {properties.get(name)!r}; allowed: a number") from None


def _whole(properties: Mapping[str, Any], name: str, low: int, high: int) -> int:
    number = _number(properties, name)
    if not (low <= number <= high and number == int(number)):
        raise RefusedError(f"{name} is {properties[name]!r}; allowed: a whole number from {low:,} to {high:,}")
    return int(number)


def _one_of(properties: Mapping[str, Any], name: str, allowed: Iterable[str]) -> str:
    given = str(properties.get(name))
    if given not in allowed:
        raise RefusedError(f"{name} is {given!r}; allowed: {', '.join(allowed)}")
    return given
