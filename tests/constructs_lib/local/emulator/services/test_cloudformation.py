"""What the emulator's CloudFormation was given: alarms of alarms and of expressions, and a look at definitions."""

import json
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.constructs_lib.local.emulator.conftest import Cloud

pytestmark = pytest.mark.local


def deploy(cloud: Cloud, resources: dict[str, Any]) -> str:
    cloudformation = cloud.client("cloudformation")
    name = cloud.name("stack")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    return name


def machine(role: str, definition: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": role,
            "DefinitionString": json.dumps(definition),
            "LoggingConfiguration": {"Level": "ALL", "IncludeExecutionData": False},
            "TracingConfiguration": {"Enabled": True},
        },
    }


def test_should_make_metric_math_and_composite_alarms(cloud: Cloud) -> None:
    metric = {
        "MetricStat": {
            "Metric": {"Namespace": "AWS/States", "MetricName": "ThrottledEvents"},
            "Period": 60,
            "Stat": "Sum",
        }
    }
    name = deploy(
        cloud,
        {
            "Percent": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {
                    "AlarmName": "percent",
                    "ComparisonOperator": "GreaterThanThreshold",
                    "EvaluationPeriods": 1,
                    "Threshold": 80,
                    "Metrics": [
                        {"Id": "m", "ReturnData": False, **metric},
                        {"Id": "e", "Expression": "100 * m", "ReturnData": True},
                    ],
                },
            },
            "Any": {
                "Type": "AWS::CloudWatch::CompositeAlarm",
                "Properties": {"AlarmName": "any", "AlarmRule": 'ALARM("percent")'},
                "DependsOn": "Percent",
            },
        },
    )

    cloudwatch = cloud.client("cloudwatch")
    (percent,) = cloudwatch.describe_alarms(AlarmNames=["percent"])["MetricAlarms"]
    assert (percent["Threshold"], percent["StateValue"]) == (80.0, "INSUFFICIENT_DATA")
    kinds = ["CompositeAlarm"]
    (composite,) = cloudwatch.describe_alarms(AlarmNames=["any"], AlarmTypes=kinds)["CompositeAlarms"]
    assert composite["AlarmRule"] == 'ALARM("percent")'
    cloud.client("cloudformation").delete_stack(StackName=name)
    cloud.client("cloudformation").get_waiter("stack_delete_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    assert not cloudwatch.describe_alarms(AlarmNames=["any"], AlarmTypes=kinds)["CompositeAlarms"]


def test_should_describe_a_templates_machine_as_the_api_does(cloud: Cloud) -> None:
    name = deploy(
        cloud,
        {"Machine": machine(cloud.role("states"), {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})},
    )

    (resource,) = cloud.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
    arn = resource["PhysicalResourceId"]
    described = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    assert described["loggingConfiguration"] == {"level": "ALL", "includeExecutionData": False}
    assert cloud.wait(cloud.start(arn, {"a": 1})).output == {"a": 1}


def test_should_fail_the_stack_of_a_machine_that_cannot_run(cloud: Cloud) -> None:
    wrong = {"StartAt": "A", "States": {"A": {"Type": "Map", "Sorted": True, "End": True}}}
    with pytest.raises(WaiterError):
        deploy(cloud, {"Machine": machine(cloud.role("states"), wrong)})

    stacks = cloud.client("cloudformation").describe_stacks()["Stacks"]
    failed = [stack["StackName"] for stack in stacks if stack["StackStatus"] == "ROLLBACK_COMPLETE"]
    events = cloud.client("cloudformation").describe_stack_events(StackName=failed[-1])["StackEvents"]
    reasons = " ".join(event.get("ResourceStatusReason", "") for event in events)
    assert "Field 'Sorted' is not supported at /States/A" in reasons
