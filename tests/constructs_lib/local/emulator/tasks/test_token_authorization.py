"""Who may answer a task token: whoever may on the state machine whose task waits, or waited."""

import json
from typing import Any

import pytest

from tests.constructs_lib.local.emulator.conftest import Cloud

pytestmark = pytest.mark.local

TOKEN_FROM_INPUT = """
import boto3

def handler(event, context):
    boto3.client("stepfunctions").send_task_success(taskToken=event["token"], output='"answered"')
"""


def machine_that_waits(cloud: Cloud, queue: str) -> str:
    wait = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {"QueueUrl": queue, "MessageBody": {"token": "{% $states.context.Task.Token %}"}},
        "TimeoutSeconds": 20,
        "End": True,
    }
    return cloud.machine({"Wait": wait})


def answer(cloud: Cloud, token: str, resource: str) -> dict[str, Any]:
    """Answer by a function that is allowed to on `resource`; the function's error, or nothing."""
    statement = {"Effect": "Allow", "Action": "states:SendTask*", "Resource": resource}
    function = cloud.function(TOKEN_FROM_INPUT, Role=cloud.role("lambda", statement))
    invoked = cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"token": token}))
    return json.loads(invoked["Payload"].read()) or {}


def test_should_compare_with_the_machine_of_the_token(cloud: Cloud) -> None:
    sqs = cloud.client("sqs")
    queue = sqs.create_queue(QueueName=cloud.name("queue"))["QueueUrl"]
    machine, other = machine_that_waits(cloud, queue), machine_that_waits(cloud, queue)
    execution = cloud.start(machine)
    message = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"][0]
    token = json.loads(message["Body"])["token"]
    denied = answer(cloud, token, other)
    assert denied["errorType"] == "ClientError"
    assert "AccessDeniedException" in denied["errorMessage"]
    assert answer(cloud, token, machine) == {}
    ended = cloud.wait(execution)
    assert (ended.status, ended.output) == ("SUCCEEDED", "answered")
    late = answer(cloud, token, machine)
    assert "SendTaskSuccess" in late["errorMessage"]
    assert "AccessDenied" not in late["errorMessage"]
