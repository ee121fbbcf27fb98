"""What IAM compares a statement's resource with, and which service a role trusts."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.constructs_lib.local.emulator.conftest import ACCOUNT, Cloud

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def ended(cloud: Cloud) -> dict[str, str]:
    """The ARNs of an execution with a Map Run, by the name of the parameter."""
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "Echo",
        "States": {"Echo": {"Type": "Pass", "End": True}},
    }
    each = {"Type": "Map", "Label": "Each", "Items": [1, 2], "ItemProcessor": processor, "End": True}
    execution = cloud.run({"Each": each})
    assert execution.status == "SUCCEEDED"
    machine = cloud.client("stepfunctions").describe_execution(executionArn=execution.arn)["stateMachineArn"]
    return {
        "MapRunArn": cloud.map_run(execution.arn)["mapRunArn"],
        "ExecutionArn": execution.arn,
        "StateMachineArn": machine,
        "ResourceArn": machine,
    }


@pytest.mark.parametrize(
    ("action", "parameter"),
    [
        ("DescribeMapRun", "MapRunArn"),
        ("ListExecutions", "MapRunArn"),
        ("ListExecutions", "StateMachineArn"),
        ("ListMapRuns", "ExecutionArn"),
        ("DescribeExecution", "ExecutionArn"),
        ("GetExecutionHistory", "ExecutionArn"),
        ("StopExecution", "ExecutionArn"),
        ("DescribeStateMachine", "StateMachineArn"),
        ("ListTagsForResource", "ResourceArn"),
    ],
)
def test_should_ask_for_a_step_functions_call_on_what_it_names(
    cloud: Cloud, ended: dict[str, str], action: str, parameter: str
) -> None:
    call = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::aws-sdk:sfn:{action[0].lower()}{action[1:]}",
        "Arguments": {parameter: ended[parameter]},
        "End": True,
    }

    def grant(resource: str) -> dict[str, Any]:
        return {"Effect": "Allow", "Action": f"states:{action}", "Resource": resource}

    allowed = cloud.run({"Call": call}, role=cloud.role("states", grant(ended[parameter])))
    denied = cloud.run({"Call": call}, role=cloud.role("states", grant(f"{ended[parameter]}-other")))

    # Stopping one that has ended is refused as well, but not by IAM.
    assert "not authorized" not in allowed.cause
    assert f"not authorized to perform: states:{action} " in denied.cause


ECHO = {"Echo": {"Type": "Pass", "End": True}}
HANDLER = "def handler(event, context): return event"
REFUSED = {
    "lambda": "The role defined for the function cannot be assumed by Lambda.",
    "states": "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume "
    "the provided role.",
}


def trusting(cloud: Cloud, *statements: dict[str, Any]) -> str:
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", **statement} for statement in statements],
    }
    role = cloud.client("iam").create_role(RoleName=cloud.name("role"), AssumeRolePolicyDocument=json.dumps(document))
    arn: str = role["Role"]["Arn"]
    return arn


def source(**condition: str) -> dict[str, Any]:
    return {"Principal": {"Service": "states.amazonaws.com"}, "Condition": {"StringEquals": condition}}


@pytest.mark.parametrize(
    "statements",
    [
        [{"Principal": {"Service": ["events.amazonaws.com", "states.amazonaws.com"]}}],
        [{"Principal": {"Service": "states.us-east-1.amazonaws.com"}}],
        [source(**{"aws:SourceAccount": ACCOUNT})],
    ],
    ids=str,
)
def test_should_make_a_machine_with_a_role_that_trusts_step_functions(
    cloud: Cloud, statements: list[dict[str, Any]]
) -> None:
    assert cloud.run(ECHO, {"a": 1}, role=trusting(cloud, *statements)).output == {"a": 1}


@pytest.mark.parametrize(
    "statements",
    [
        [{"Principal": {"Service": "lambda.amazonaws.com"}}],
        [{"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}],
        [{"Principal": {"Service": "states.eu-west-1.amazonaws.com"}}],
        [source(**{"aws:SourceAccount": "999999999999"})],
        [{"Principal": {"Service": "states.amazonaws.com"}}, {"Effect": "Deny", "Principal": "*"}],
    ],
    ids=str,
)
def test_should_refuse_a_machine_whose_role_does_not_trust_step_functions(
    cloud: Cloud, statements: list[dict[str, Any]]
) -> None:
    wrong = trusting(cloud, *statements)
    machine = cloud.machine(ECHO)

    with pytest.raises(ClientError, match="AccessDenied") as created:
        cloud.machine(ECHO, role=wrong)
    with pytest.raises(ClientError, match="AccessDenied") as updated:
        cloud.client("stepfunctions").update_state_machine(stateMachineArn=machine, roleArn=wrong)

    assert REFUSED["states"] in str(created.value)
    assert REFUSED["states"] in str(updated.value)


def test_should_refuse_a_function_whose_role_does_not_trust_lambda(cloud: Cloud) -> None:
    wrong = trusting(cloud, {"Principal": {"Service": "states.amazonaws.com"}})
    function = cloud.function(HANDLER)

    with pytest.raises(ClientError, match=REFUSED["lambda"]):
        cloud.function(HANDLER, Role=wrong)
    with pytest.raises(ClientError, match=REFUSED["lambda"]):
        cloud.client("lambda").update_function_configuration(FunctionName=function, Role=wrong)


@pytest.mark.parametrize("service", ["lambda", "states"])
def test_should_fail_the_stack_of_a_role_that_does_not_trust_the_service(cloud: Cloud, service: str) -> None:
    wrong = trusting(cloud, {"Principal": {"Service": "events.amazonaws.com"}})
    resources: dict[str, Any] = {
        "lambda": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Code": {"ZipFile": HANDLER}, "Handler": "index.handler", "Role": wrong, "Runtime": "python3.14",
            },
        },
        "states": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"DefinitionString": json.dumps({"StartAt": "Echo", "States": ECHO}), "RoleArn": wrong},
        },
    }  # fmt: skip
    cloudformation, name = cloud.client("cloudformation"), cloud.name("stack")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"It": resources[service]}}))

    with pytest.raises(WaiterError):
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
        )

    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    assert REFUSED[service] in " ".join(event.get("ResourceStatusReason", "") for event in events)
