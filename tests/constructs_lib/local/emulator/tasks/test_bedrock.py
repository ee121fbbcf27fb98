"""Bedrock: canned replies in each integration, errors by name, permissions."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.constructs_lib.local.emulator.conftest import ACCOUNT, BEDROCK_REPLIES, Cloud

pytestmark = pytest.mark.local

CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
NOVA = "amazon.nova-lite-v1:0"
ASK_CLAUDE = {
    "ModelId": CLAUDE,
    "ContentType": "application/json",
    "Body": {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 50,
        "system": "You judge reviews.",
        "messages": [{"role": "user", "content": "{% $states.input.review %}"}],
    },
}


@pytest.fixture
def replies(cloud: Cloud) -> Iterator[Callable[..., None]]:
    file = cloud.folder / BEDROCK_REPLIES

    def write(*entries: dict[str, Any]) -> None:
        file.write_text(json.dumps({"replies": list(entries)}))

    yield write
    file.write_text('{"replies": []}')


def task(resource: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Ask": {"Type": "Task", "Resource": resource, "Arguments": arguments, "End": True, **more}}


def test_should_answer_invoke_model_with_the_reply_that_fits(cloud: Cloud, replies: Callable[..., None]) -> None:
    replies(
        {"model": "anthropic.*", "prompt": "judge reviews.*great", "reply": {"verdict": "real"}},
        {"reply": {"verdict": "unsure"}},
    )

    ended = cloud.run(task("arn:aws:states:::bedrock:invokeModel", ASK_CLAUDE), {"review": "a great kettle"})

    assert ended.status == "SUCCEEDED"
    assert ended.output["ContentType"] == "application/json"
    assert ended.output["Body"]["content"] == [{"type": "text", "text": '{"verdict": "real"}'}]
    scheduled = next(event for event in ended.events if event["type"] == "TaskScheduled")["taskScheduledEventDetails"]
    assert (scheduled["resourceType"], scheduled["resource"]) == ("bedrock", "invokeModel")


def test_should_run_it_in_jsonpath(cloud: Cloud, replies: Callable[..., None]) -> None:
    replies({"prompt": "kettle", "reply": "a kettle"})
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::bedrock:invokeModel",
        "Parameters": {"ModelId": "amazon.titan-text-express-v1", "Body": {"inputText.$": "$.review"}},
        "ResultSelector": {"said.$": "$.Body.results[0].outputText"},
        "End": True,
    }

    ended = cloud.run({"Ask": state}, {"review": "this kettle"}, QueryLanguage="JSONPath")

    assert ended.output == {"said": "a kettle"}, ended.cause


def test_should_answer_the_sdk_integrations(cloud: Cloud, replies: Callable[..., None]) -> None:
    replies({"model": "amazon.nova*", "prompt": "hello", "reply": "nova says hello"})
    converse = {"ModelId": NOVA, "Messages": [{"Role": "user", "Content": [{"Text": "hello"}]}]}
    invoke = {"ModelId": NOVA, "Body": {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}}

    conversed = cloud.run(task("arn:aws:states:::aws-sdk:bedrockruntime:converse", converse))
    invoked = cloud.run(task("arn:aws:states:::aws-sdk:bedrockruntime:invokeModel", invoke))

    assert conversed.output, (conversed.cause, invoked.cause)
    assert conversed.output["Output"]["Message"]["Content"] == [{"Text": "nova says hello"}]
    assert invoked.output["Body"]["output"]["message"]["content"] == [{"text": "nova says hello"}]


def test_should_say_that_it_is_made_up_where_no_reply_fits(cloud: Cloud) -> None:
    answer = cloud.client("bedrock-runtime").converse(
        modelId=NOVA, messages=[{"role": "user", "content": [{"text": "hello"}]}]
    )

    assert answer["output"]["message"]["content"][0]["text"].startswith("This answer is made up: ")


def test_should_fail_by_name_and_be_retried(cloud: Cloud, replies: Callable[..., None]) -> None:
    replies({"error": "ThrottlingException", "message": "Too many requests.", "times": 2}, {"reply": "at last"})
    retry = {"ErrorEquals": ["Bedrock.ThrottlingException"], "IntervalSeconds": 1, "BackoffRate": 1}

    ended = cloud.run(
        task("arn:aws:states:::bedrock:invokeModel", ASK_CLAUDE, Retry=[retry]), {"review": "a great kettle"}
    )

    assert ended.status == "SUCCEEDED"
    failed = [event["taskFailedEventDetails"] for event in ended.events if event["type"] == "TaskFailed"]
    assert [details["error"] for details in failed] == ["Bedrock.ThrottlingException"] * 2
    assert failed[0]["cause"].startswith("Too many requests. (Service: Bedrock, Status Code: 429, Request ID: ")


def test_should_ask_the_roles_policies_for_the_model(cloud: Cloud) -> None:
    other = f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}"
    role = cloud.role("states", {"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": other})

    denied = cloud.run(task("arn:aws:states:::bedrock:invokeModel", ASK_CLAUDE), {"review": ""}, role=role)

    assert (denied.status, denied.error) == ("FAILED", "Bedrock.AccessDeniedException")
    assert "bedrock:InvokeModel" in denied.cause


@pytest.mark.parametrize(
    ("model", "resource"),
    [
        (NOVA, f"arn:aws:bedrock:us-east-1::foundation-model/{NOVA}"),
        (f"eu.{NOVA}", f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/eu.{NOVA}"),
    ],
)
def test_should_ask_for_the_same_permission_when_the_model_converses(cloud: Cloud, model: str, resource: str) -> None:
    converse = {"ModelId": model, "Messages": [{"Role": "user", "Content": [{"Text": "hello"}]}]}
    machine = task("arn:aws:states:::aws-sdk:bedrockruntime:converse", converse)
    role, other_role = (
        cloud.role("states", {"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": arn})
        for arn in (resource, resource.replace("nova", "titan"))
    )

    assert cloud.run(machine, role=role).status == "SUCCEEDED"
    denied = cloud.run(machine, role=other_role)
    assert denied.error == "BedrockRuntime.AccessDeniedException"
    assert "not authorized to perform: bedrock:InvokeModel " in denied.cause


def test_should_say_what_is_wrong_with_a_file_that_was_spoilt(cloud: Cloud) -> None:
    (cloud.folder / BEDROCK_REPLIES).write_text("{")
    try:
        with pytest.raises(ClientError) as raised:
            cloud.client("bedrock-runtime").invoke_model(modelId=CLAUDE, body=b'{"prompt": "hello"}')
    finally:
        (cloud.folder / BEDROCK_REPLIES).write_text('{"replies": []}')

    assert raised.value.response["Error"]["Code"] == "ValidationException"
    assert "aren't JSON" in raised.value.response["Error"]["Message"]
