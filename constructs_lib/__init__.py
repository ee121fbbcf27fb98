"""CDK constructs for AWS Step Functions at scale; the embedded AWS to try them on is `constructs_lib.local`.

The names load when they are first used: importing `constructs_lib.local` starts no jsii, which would take half a second
and a Node process.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from constructs_lib.alerts import AlarmTopic, ExecutionAlarms
    from constructs_lib.distributed_map import S3DistributedMap
    from constructs_lib.object_source import KeyExpression, ObjectSource
    from constructs_lib.retries import LAMBDA_RETRIES, RetryPolicy, RetryRule
    from constructs_lib.wind_speed import GsodSource, Unit, WindSpeedWorkflow

__all__ = [
    "LAMBDA_RETRIES",
    "AlarmTopic",
    "ExecutionAlarms",
    "GsodSource",
    "KeyExpression",
    "ObjectSource",
    "RetryPolicy",
    "RetryRule",
    "S3DistributedMap",
    "Unit",
    "WindSpeedWorkflow",
]

_MODULES = {
    "LAMBDA_RETRIES": "retries",
    "AlarmTopic": "alerts",
    "ExecutionAlarms": "alerts",
    "GsodSource": "wind_speed",
    "KeyExpression": "object_source",
    "ObjectSource": "object_source",
    "RetryPolicy": "retries",
    "RetryRule": "retries",
    "S3DistributedMap": "distributed_map",
    "Unit": "wind_speed",
    "WindSpeedWorkflow": "wind_speed",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
