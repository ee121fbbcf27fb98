"""What IAM compares a statement's resource with."""

from typing import Any

import pytest

from .conftest import Cloud

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
