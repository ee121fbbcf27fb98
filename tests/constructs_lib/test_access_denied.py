"""The pattern and the message are tried on the local cloud's EventBridge, with events as CloudTrail writes them.

https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cloud-trail.html has events of Step Functions; what is
added of a denied call is as https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
describes errorCode, errorMessage and readOnly. That AWS's own events look like these, only AWS can confirm.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Stack
from cdk_nag import AwsSolutionsChecks

from constructs_lib import AlarmTopic
from constructs_lib.access_denied import AccessDeniedAlarm
from tests.cdk import JsonObject, make_app, only, resources, template_of
from tests.constructs_lib.local.emulator import conftest as emulator
from tests.constructs_lib.local.emulator.conftest import ACCOUNT, Cloud

if TYPE_CHECKING:
    from collections.abc import Mapping

cloud = emulator.cloud
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/review-classifier-target-us-east-1/a1b2c3"
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:review-classifier"
EXECUTION = f"arn:aws:states:us-east-1:{ACCOUNT}:execution:review-classifier:one"
REQUESTS = {
    "StartExecution": {"stateMachineArn": MACHINE, "name": "one", "input": "HIDDEN_DUE_TO_SECURITY_REASONS"},
    "DescribeExecution": {"executionArn": EXECUTION},
    "StopExecution": {"executionArn": EXECUTION},
}


def sentence(call: str) -> str:
    resource = MACHINE if call == "StartExecution" else EXECUTION
    return (
        f"User: {ROLE} is not authorized to perform: states:{call} on resource: {resource} because no identity-based "
        f"policy allows the states:{call} action"
    )


def event(call: str = "DescribeExecution", **detail: Any) -> JsonObject:
    """A denied call as EventBridge has it from CloudTrail; a field of `detail` that is None isn't there."""
    full = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAIDPPEZS35WEXAMPLE:a1b2c3",
            "arn": ROLE,
            "accountId": ACCOUNT,
            "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAIDPPEZS35WEXAMPLE",
                    "arn": f"arn:aws:iam::{ACCOUNT}:role/review-classifier-target-us-east-1",
                    "accountId": ACCOUNT,
                    "userName": "review-classifier-target-us-east-1",
                },
                "attributes": {"creationDate": "2026-11-21T03:01:00Z", "mfaAuthenticated": "false"},
            },
            "invokedBy": "states.amazonaws.com",
        },
        "eventTime": "2026-11-21T03:02:01Z",
        "eventSource": "states.amazonaws.com",
        "eventName": call,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "states.amazonaws.com",
        "userAgent": "states.amazonaws.com",
        "errorCode": "AccessDenied",
        "errorMessage": sentence(call),
        "requestParameters": REQUESTS.get(call),
        "responseElements": None,
        "requestID": "a1b2c3d4-5678-90ab-cdef-EXAMPLEaaaaa",
        "eventID": "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111",
        "readOnly": call.startswith("Describe"),
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    }
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.states",
        "account": ACCOUNT,
        "time": "2026-11-21T03:02:01Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {name: value for name, value in (full | detail).items() if value is not None or name not in detail},
    }


@pytest.fixture(scope="module")
def template() -> JsonObject:
    stack = Stack(make_app(), "Stack")
    made = AccessDeniedAlarm(stack, "Denied", topic=AlarmTopic(stack, "Topic").topic)
    assert (made.rule.node.id, made.alarm.node.id) == ("Rule", "Alarm")
    return template_of(stack)


def test_should_match_read_only_calls_too(template: JsonObject) -> None:
    # In any other state a denied DescribeExecution, the one that the parent never mentions, would be left out.
    assert only(template, "AWS::Events::Rule")["State"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"


def test_should_alarm_on_the_first_denied_call(template: JsonObject) -> None:
    (rule,) = resources(template, "AWS::Events::Rule")
    (topic,) = resources(template, "AWS::SNS::Topic")
    alarm = only(template, "AWS::CloudWatch::Alarm")
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Events", "MatchedEvents")
    assert alarm["Dimensions"] == [{"Name": "RuleName", "Value": {"Ref": rule}}]
    assert (alarm["Statistic"], alarm["Period"], alarm["Threshold"]) == ("Sum", 60, 1)
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (1, 15)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == [{"Ref": topic}]
    assert "OKActions" not in alarm
    assert "Look first" in alarm["AlarmDescription"]
    assert alarm["AlarmDescription"].endswith(
        " Give the permission back, then look which parents still wait, and which children nobody waits for."
    )


def test_should_name_a_runbook() -> None:
    stack = Stack(make_app(), "Stack")
    runbook = "https://wiki.example.com/denied"
    AccessDeniedAlarm(stack, "Denied", topic=AlarmTopic(stack, "Topic").topic, runbook=runbook)
    template = template_of(stack)
    assert only(template, "AWS::CloudWatch::Alarm")["AlarmDescription"].endswith(f" Then follow {runbook}.")
    (target,) = only(template, "AWS::Events::Rule")["Targets"]
    assert target["InputTransformer"]["InputTemplate"].splitlines()[-1] == f'"What to do: {runbook}"'


@pytest.mark.parametrize("runbook", ["", "two\nlines", "<name>", 5], ids=repr)
def test_should_refuse_what_is_no_runbook(runbook: Any) -> None:
    stack = Stack(make_app(), "Stack")
    with pytest.raises(
        ValueError, match=r"^Stack/Denied: runbook is .*; allowed: one line of 1 to 256 characters, with"
    ):
        AccessDeniedAlarm(stack, "Denied", topic=AlarmTopic(stack, "Topic").topic, runbook=runbook)


def test_should_tell_each_call_to_the_topic(template: JsonObject) -> None:
    (topic,) = resources(template, "AWS::SNS::Topic")
    (target,) = only(template, "AWS::Events::Rule")["Targets"]
    assert target["Arn"] == {"Ref": topic}
    # CloudFormation takes letters and digits only.
    assert all(name.isalnum() for name in target["InputTransformer"]["InputPathsMap"])


@pytest.mark.parametrize("topic", [None, "arn:aws:sns:us-east-1:111111111111:topic"], ids=repr)
def test_should_refuse_what_is_no_topic(topic: Any) -> None:
    with pytest.raises(ValueError, match=r"^Stack/Denied: topic is .*; allowed: a topic\. "):
        AccessDeniedAlarm(Stack(make_app(), "Stack"), "Denied", topic=topic)


def test_should_leave_nothing_for_cdk_nag() -> None:
    app = make_app()
    stack = Stack(app, "Stack")
    AccessDeniedAlarm(stack, "Denied", topic=AlarmTopic(stack, "Topic").topic)
    assert AwsSolutionsChecks(app).validate_scope(app).violations == []


DENIED = {
    "start": event("StartExecution"),
    "describe": event("DescribeExecution"),
    "stop": event("StopExecution"),
    "by the SDK's name": event(errorCode="AccessDeniedException"),
    "by the child's key": event(errorCode="KmsAccessDeniedException"),
    "without parameters": event() | {"detail": event()["detail"] | {"requestParameters": None}},
    "without a message": event(errorMessage=None),
}
NOT_DENIED = {
    "success": event("StartExecution", errorCode=None, errorMessage=None),
    "throttled": event(errorCode="ThrottlingException"),
    "no such execution": event(errorCode="ExecutionDoesNotExist"),
    "another call": event("ListExecutions"),
    "another service": event("StartExecution", eventSource="ssm.amazonaws.com") | {"source": "aws.ssm"},
    "another service by CloudTrail's name": event("StartExecution", eventSource="ssm.amazonaws.com"),
    "another kind of event": event() | {"detail-type": "AWS Service Event via CloudTrail"},
    "somebody else's event": event() | {"source": "custom.states"},
    "an error code that only holds the words": event(errorCode="NotAccessDenied"),
}


@pytest.mark.local
@pytest.mark.parametrize(
    ("given", "matches"),
    [(given, True) for given in DENIED.values()] + [(given, False) for given in NOT_DENIED.values()],
    ids=[*DENIED, *NOT_DENIED],
)
def test_should_match_denied_calls_and_no_others(
    cloud: Cloud, template: JsonObject, given: JsonObject, *, matches: bool
) -> None:
    pattern = only(template, "AWS::Events::Rule")["EventPattern"]
    answer = cloud.client("events").test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(given))
    assert answer["Result"] is matches


@pytest.fixture(scope="module")
def inbox(cloud: Cloud, template: JsonObject) -> str:
    """A queue that hears the deployed topic.

    Two things of the rule are changed for the local cloud: its state, which MiniStack takes for disabled, and the
    source it waits for, because no one but AWS may put events of `aws.states`.
    """
    changed: JsonObject = json.loads(json.dumps(template))
    rule = only(changed, "AWS::Events::Rule")
    rule["State"] = "ENABLED"
    rule["EventPattern"]["source"] = ["test.states"]
    # The bootstrap version, which nothing here has.
    changed = {"Resources": changed["Resources"]}
    stack = cloud.name("stack")
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(changed))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    listed = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    (topic,) = [each["PhysicalResourceId"] for each in listed if each["ResourceType"] == "AWS::SNS::Topic"]
    sqs = cloud.client("sqs")
    queue = cloud.name("queue")
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}"
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    statement = {**allow, "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    url: str = sqs.create_queue(QueueName=queue, Attributes={"Policy": policy})["QueueUrl"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


def message(cloud: Cloud, inbox: str, given: Mapping[str, Any]) -> list[str]:
    """The lines that the queue gets for an event."""
    entry = {
        "Source": "test.states",
        "DetailType": given["detail-type"],
        "Detail": json.dumps(given["detail"]),
    }
    put = cloud.client("events").put_events(Entries=[entry])
    assert put["FailedEntryCount"] == 0
    sqs = cloud.client("sqs")
    (received,) = sqs.receive_message(QueueUrl=inbox, WaitTimeSeconds=10)["Messages"]
    sqs.delete_message(QueueUrl=inbox, ReceiptHandle=received["ReceiptHandle"])
    text: str = json.loads(received["Body"])["Message"]
    return [json.loads(line) for line in text.split("\n")]


@pytest.mark.local
@pytest.mark.parametrize(("call", "what"), [("StartExecution", MACHINE), ("DescribeExecution", EXECUTION)])
def test_should_say_who_was_denied_what(cloud: Cloud, inbox: str, call: str, what: str) -> None:
    first, who, on_what, why, *_, then = message(cloud, inbox, event(call))
    assert first == f"{call} was denied in the account {ACCOUNT}, us-east-1, at 2026-11-21T03:02:01Z."
    assert who == f"Who: {ROLE}"
    assert on_what == f"On what: {what}"
    assert why == f"Why: AccessDenied {sentence(call)}"
    assert then.startswith("What to do: Give the permission back")


@pytest.mark.local
@pytest.mark.parametrize("missing", ["parameters", "message"])
def test_should_say_the_rest_when_something_is_missing(cloud: Cloud, inbox: str, missing: str) -> None:
    _, who, on_what, why, *_ = message(cloud, inbox, DENIED[f"without {'a ' * (missing == 'message')}{missing}"])
    assert who == f"Who: {ROLE}"
    if missing == "parameters":
        assert on_what == "On what: "
        assert EXECUTION in why
    else:
        assert on_what == f"On what: {EXECUTION}"
        assert why == "Why: AccessDenied "
