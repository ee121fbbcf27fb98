from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import Stack, Token
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import AlarmTopic, ExecutionAlarms
from tests.cdk import JsonObject, make_app, only, resources, shown, template_of


@pytest.fixture(scope="module")
def template() -> JsonObject:
    stack = Stack(make_app(), "Stack")
    topic = AlarmTopic(stack, "Topic", email="oncall@example.com")
    machine = sfn.StateMachine(
        stack, "Machine", definition_body=sfn.DefinitionBody.from_chainable(sfn.Pass(stack, "Nothing"))
    )
    alarms = ExecutionAlarms(stack, "Alarms", state_machine=machine, topic=topic.topic)
    assert len(alarms.alarms) == 3
    return template_of(stack)


def test_should_let_cloudwatch_and_eventbridge_publish_over_tls(template: JsonObject) -> None:
    statements = only(template, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    by_sid = {statement["Sid"]: shown(statement) for statement in statements}
    (topic,) = resources(template, "AWS::SNS::Topic")
    place = "${AWS::Region}:${AWS::AccountId}"
    assert set(by_sid) == {"AllowPublishThroughSSLOnly", "CloudwatchPublishes", "EventsPublishes"}
    assert by_sid["AllowPublishThroughSSLOnly"]["Effect"] == "Deny"
    assert by_sid["AllowPublishThroughSSLOnly"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert by_sid["CloudwatchPublishes"] == {
        "Sid": "CloudwatchPublishes",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": f"${{{topic}}}",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"},
            "ArnLike": {"aws:SourceArn": "arn:${AWS::Partition}:cloudwatch:" + place + ":alarm:*"},
        },
    }
    assert by_sid["EventsPublishes"]["Principal"] == {"Service": "events.amazonaws.com"}
    assert by_sid["EventsPublishes"]["Condition"] == {
        "ArnLike": {"aws:SourceArn": "arn:${AWS::Partition}:events:" + place + ":rule/*"}
    }


def test_should_let_both_services_use_the_key(template: JsonObject) -> None:
    (topic,) = resources(template, "AWS::SNS::Topic").values()
    ((key_id, key),) = resources(template, "AWS::KMS::Key").items()
    assert topic["KmsMasterKeyId"] == {"Fn::GetAtt": [key_id, "Arn"]}
    assert key["EnableKeyRotation"] is True
    assert template["Resources"][key_id]["DeletionPolicy"] == "Delete"
    by_service = {
        statement["Principal"]["Service"]: statement
        for statement in key["KeyPolicy"]["Statement"]
        if "Service" in statement["Principal"]
    }
    for statement in by_service.values():
        assert statement["Effect"] == "Allow"
        assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert shown(by_service["cloudwatch.amazonaws.com"]["Condition"]) == {
        "StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"}
    }
    assert "Condition" not in by_service["events.amazonaws.com"]  # EventBridge's deliveries would be refused


def test_should_mail_the_alarms(template: JsonObject) -> None:
    subscription = only(template, "AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "oncall@example.com")


@pytest.mark.parametrize("email", ["", "nope", "a@b", "two@example.com, more@example.com", 7], ids=repr)
def test_should_refuse_what_is_no_address(email: Any) -> None:
    with pytest.raises(ValueError, match=r"^Stack/Topic: email is .*; allowed: an e-mail address\. "):
        AlarmTopic(Stack(make_app(), "Stack"), "Topic", email=email)


def test_should_take_an_address_that_is_known_at_deployment() -> None:
    stack = Stack(make_app(), "Stack")
    AlarmTopic(stack, "Topic", email=Token.as_string({"Ref": "Email"}))
    assert only(template_of(stack), "AWS::SNS::Subscription")["Endpoint"] == {"Ref": "Email"}


def test_should_alarm_on_each_execution_that_did_not_succeed(template: JsonObject) -> None:
    (topic,) = resources(template, "AWS::SNS::Topic")
    (machine,) = resources(template, "AWS::StepFunctions::StateMachine")
    alarms = {alarm["MetricName"]: alarm for alarm in resources(template, "AWS::CloudWatch::Alarm").values()}
    # Names as https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html has them: CloudWatch takes
    # a misspelt one for a metric that never has data.
    assert set(alarms) == {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"}
    for alarm in alarms.values():
        assert alarm["Namespace"] == "AWS/States"
        assert alarm["Dimensions"] == [{"Name": "StateMachineArn", "Value": {"Ref": machine}}]
        assert (alarm["Statistic"], alarm["Period"], alarm["Threshold"]) == ("Sum", 60, 1)
        assert alarm["EvaluationPeriods"] == 1
        assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["AlarmActions"] == [{"Ref": topic}]
        assert alarm["OKActions"] == [{"Ref": topic}]
        assert "Look first" in alarm["AlarmDescription"]
