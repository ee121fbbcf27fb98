"""CDK constructs for AWS Step Functions at scale; the embedded AWS to try them on is `constructs_lib.local`.

The names load when they are first used: importing `constructs_lib.local` starts no jsii, which would take half a second
and a Node process.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from constructs_lib.access_denied import AccessDeniedAlarm
    from constructs_lib.alerts import AlarmTopic, ExecutionAlarms
    from constructs_lib.cross_account import (
        NESTED_WORKFLOW_RETRIES,
        CallbackRole,
        ChildFailure,
        ChildWorkflow,
        NestedExpressWorkflow,
        NestedWorkflow,
        NestedWorkflowWithCallback,
        ReportedWork,
        ReportHeartbeat,
        TargetRole,
        WorkflowIdentity,
        WorkflowRole,
    )
    from constructs_lib.distributed_map import S3DistributedMap
    from constructs_lib.item_format import ItemFormat
    from constructs_lib.load_test import LoadDriver, LoadProfile, OpenMapRunLoad, StateTransitionLoad
    from constructs_lib.object_source import KeyExpression, ObjectSource
    from constructs_lib.quotas.alarms import QuotaAlarms
    from constructs_lib.quotas.dashboard import QuotaDashboard
    from constructs_lib.quotas.metric_source import MetricSource
    from constructs_lib.quotas.observability import MonitoringAccountSink, SourceAccountLink
    from constructs_lib.quotas.watched import WatchedWorkflow
    from constructs_lib.retries import LAMBDA_RETRIES, RetryPolicy, RetryRule
    from constructs_lib.reviews import BEDROCK_RETRIES, ReviewClassifier, ReviewIntake
    from constructs_lib.state_items import StateItems
    from constructs_lib.wind_speed import GsodSource, Unit, WindSpeedWorkflow

__all__ = [
    "BEDROCK_RETRIES",
    "LAMBDA_RETRIES",
    "NESTED_WORKFLOW_RETRIES",
    "AccessDeniedAlarm",
    "AlarmTopic",
    "CallbackRole",
    "ChildFailure",
    "ChildWorkflow",
    "ExecutionAlarms",
    "GsodSource",
    "ItemFormat",
    "KeyExpression",
    "LoadDriver",
    "LoadProfile",
    "MetricSource",
    "MonitoringAccountSink",
    "NestedExpressWorkflow",
    "NestedWorkflow",
    "NestedWorkflowWithCallback",
    "ObjectSource",
    "OpenMapRunLoad",
    "QuotaAlarms",
    "QuotaDashboard",
    "ReportHeartbeat",
    "ReportedWork",
    "RetryPolicy",
    "RetryRule",
    "ReviewClassifier",
    "ReviewIntake",
    "S3DistributedMap",
    "SourceAccountLink",
    "StateItems",
    "StateTransitionLoad",
    "TargetRole",
    "Unit",
    "WatchedWorkflow",
    "WindSpeedWorkflow",
    "WorkflowIdentity",
    "WorkflowRole",
]

_MODULES = {
    "BEDROCK_RETRIES": "reviews",
    "LAMBDA_RETRIES": "retries",
    "NESTED_WORKFLOW_RETRIES": "cross_account",
    "AccessDeniedAlarm": "access_denied",
    "AlarmTopic": "alerts",
    "CallbackRole": "cross_account",
    "ChildFailure": "cross_account",
    "ChildWorkflow": "cross_account",
    "ExecutionAlarms": "alerts",
    "GsodSource": "wind_speed",
    "ItemFormat": "item_format",
    "KeyExpression": "object_source",
    "LoadDriver": "load_test",
    "LoadProfile": "load_test",
    "MetricSource": "quotas.metric_source",
    "MonitoringAccountSink": "quotas.observability",
    "NestedExpressWorkflow": "cross_account",
    "NestedWorkflow": "cross_account",
    "NestedWorkflowWithCallback": "cross_account",
    "ObjectSource": "object_source",
    "OpenMapRunLoad": "load_test",
    "QuotaAlarms": "quotas.alarms",
    "QuotaDashboard": "quotas.dashboard",
    "ReportHeartbeat": "cross_account",
    "ReportedWork": "cross_account",
    "RetryPolicy": "retries",
    "RetryRule": "retries",
    "ReviewClassifier": "reviews",
    "ReviewIntake": "reviews",
    "S3DistributedMap": "distributed_map",
    "SourceAccountLink": "quotas.observability",
    "StateItems": "state_items",
    "StateTransitionLoad": "load_test",
    "TargetRole": "cross_account",
    "Unit": "wind_speed",
    "WatchedWorkflow": "quotas.watched",
    "WindSpeedWorkflow": "wind_speed",
    "WorkflowIdentity": "cross_account",
    "WorkflowRole": "cross_account",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
