"""State machines that a template doesn't name have the names that CloudFormation gives them, and keep them."""

import json
import re
from typing import Any

import pytest

from tests.constructs_lib.local.emulator.conftest import Cloud

pytestmark = pytest.mark.local

LONG = "DefaultCustApprovalMachinedev"


def template(role: str, comment: str, **named: str) -> str:
    definition = {"Comment": comment, "StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}
    resources = {
        logical_id: {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"RoleArn": role, "DefinitionString": json.dumps(definition)}
            | ({"StateMachineName": named[logical_id]} if logical_id in named else {}),
        }
        for logical_id in ("Import", LONG, "Named")
    }
    return json.dumps({"Resources": resources})


def names(cloud: Cloud, stack: str) -> dict[str, str]:
    listed = cloud.client("cloudformation").list_stack_resources(StackName=stack)["StackResourceSummaries"]
    return {item["LogicalResourceId"]: item["PhysicalResourceId"].rpartition(":")[2] for item in listed}


def test_should_name_machines_without_their_stack_and_for_good(cloud: Cloud) -> None:
    cloudformation: Any = cloud.client("cloudformation")
    stack, role, given = cloud.name("stack"), cloud.role("states"), cloud.name("given")
    cloudformation.create_stack(StackName=stack, TemplateBody=template(role, "first", Named=given))
    wait = {"Delay": 1, "MaxAttempts": 20}
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig=wait)
    first = names(cloud, stack)
    assert re.fullmatch(r"Import-\w{12}", first["Import"])
    assert re.fullmatch(r"DefaultCustApprovalMachined-\w{12}", first[LONG])
    assert first["Named"] == given

    cloudformation.update_stack(StackName=stack, TemplateBody=template(role, "second", Named=given))
    cloudformation.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig=wait)
    assert names(cloud, stack) == first
    arn = f"arn:aws:states:us-east-1:111111111111:stateMachine:{first['Import']}"
    described = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    assert json.loads(described["definition"])["Comment"] == "second"

    cloudformation.update_stack(StackName=stack, TemplateBody=template(role, "third"))
    cloudformation.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig=wait)
    renamed = names(cloud, stack)
    assert renamed["Import"] == first["Import"]
    assert re.fullmatch(r"Named-\w{12}", renamed["Named"])
