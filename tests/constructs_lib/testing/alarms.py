"""Alarms as templates have them, and assemblies of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from constructs_lib.testing import AlarmSimulation
from tests.constructs_lib.local.conftest import write_assembly

if TYPE_CHECKING:
    from pathlib import Path

ERRORS = "Shop Errors Sum"


def alarm(*remove: str, **properties: Any) -> dict[str, Any]:
    """An alarm on `ERRORS` being 1 or more in a minute, with other properties and without some."""
    given = {
        "Namespace": "Shop",
        "MetricName": "Errors",
        "Statistic": "Sum",
        "Period": 60,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "EvaluationPeriods": 1,
        "TreatMissingData": "notBreaching",
    } | properties
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {name: value for name, value in given.items() if name not in remove},
    }


def query(name: str, metric: str = "Errors", **more: Any) -> dict[str, Any]:
    """A member of `Metrics` that isn't watched itself."""
    stat = {"Metric": {"Namespace": "Shop", "MetricName": metric}, "Period": 60, "Stat": "Sum"}
    return {"Id": name, "ReturnData": False, "MetricStat": stat, **more}


def math_alarm(expression: str, *queries: dict[str, Any], **properties: Any) -> dict[str, Any]:
    """An alarm on an expression."""
    metrics = [{"Id": "result", "Expression": expression}, *queries]
    return alarm("Namespace", "MetricName", "Statistic", "Period", Metrics=metrics, **properties)


def composite(rule: Any, **properties: Any) -> dict[str, Any]:
    """A composite alarm."""
    return {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmRule": rule, **properties}}


def write(folder: Path, environment: str = "unknown-account/unknown-region", **resources: Any) -> Path:
    """Write an assembly of one stack, `Shop`, with these resources."""
    return write_assembly(folder / "cdk.out", {"Shop": (environment, {"Resources": resources})})


def simulate(folder: Path, **resources: Any) -> AlarmSimulation:
    """The simulation of an assembly of one stack with these resources."""
    return AlarmSimulation.read(write(folder, **resources))
