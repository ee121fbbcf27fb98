from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jsonata import Jsonata
from syrupy.extensions.json import JSONSnapshotExtension

from tests.cdk import expressions_in, only, readable, resources, shown
from tests.node import validate
from tests.stacks.conftest import synthesize

if TYPE_CHECKING:
    import pytest
    from syrupy.assertion import SnapshotAssertion

    from tests.stacks.conftest import Synthesized


def test_should_be_what_was_last_reviewed(synthesized: Synthesized, snapshot: SnapshotAssertion) -> None:
    """One snapshot a shape of the stack; after a change on purpose: `make snapshots`, and read the difference."""
    assert snapshot.use_extension(JSONSnapshotExtension) == readable(synthesized.template)


def test_should_have_outputs_with_stable_names(synthesized: Synthesized) -> None:
    outputs = {name: shown(output["Value"]) for name, output in synthesized.template["Outputs"].items()}
    machine = next(iter(resources(synthesized.template, "AWS::StepFunctions::StateMachine")))
    bucket = next(iter(resources(synthesized.template, "AWS::S3::Bucket")))
    topic = next(iter(resources(synthesized.template, "AWS::SNS::Topic")))
    console = "https://${AWS::Region}.console.aws.amazon.com"
    assert outputs == {
        "StateMachineArn": f"${{{machine}}}",
        "ResultsBucketName": f"${{{bucket}}}",
        "AlarmTopicArn": f"${{{topic}}}",
        "ConsoleUrl": f"{console}/states/home?region=${{AWS::Region}}#/statemachines/view/${{{machine}}}",
        "ResultsConsoleUrl": f"{console}/s3/buckets/${{{bucket}}}?region=${{AWS::Region}}&prefix=runs/",
    }


def test_should_alarm_the_topic(default: Synthesized) -> None:
    alarms = resources(default.template, "AWS::CloudWatch::Alarm").values()
    (topic,) = resources(default.template, "AWS::SNS::Topic")
    assert sorted(alarm["MetricName"] for alarm in alarms) == [
        "ExecutionsAborted",
        "ExecutionsFailed",
        "ExecutionsTimedOut",
    ]
    assert all(alarm["AlarmActions"] == [{"Ref": topic}] for alarm in alarms)
    assert not resources(default.template, "AWS::SNS::Subscription")


def test_should_start_by_itself_only_when_told_to(default: Synthesized, full: Synthesized) -> None:
    assert not resources(default.template, "AWS::Scheduler::Schedule")
    schedule = only(full.template, "AWS::Scheduler::Schedule")
    (machine,) = resources(full.template, "AWS::StepFunctions::StateMachine")
    assert schedule["ScheduleExpression"] == "rate(7 days)"
    assert schedule["Target"]["Arn"] == {"Ref": machine}
    assert json.loads(schedule["Target"]["Input"]) == {}


def test_should_give_physical_names_to_nothing_but_the_vended_log(synthesized: Synthesized) -> None:
    # An inline policy's name is its role's own; a metric's and a custom resource's bucket are what they refer to.
    others = {"AWS::IAM::Policy", "AWS::CloudWatch::Alarm", "Custom::S3AutoDeleteObjects"}
    named = {
        key
        for resource in synthesized.template["Resources"].values()
        if resource["Type"] not in others
        for key in resource.get("Properties", {})
        if key.endswith("Name")
    }
    assert named == {"LogGroupName"}


class TestRules:
    """cdk-nag's AwsSolutions."""

    def test_should_leave_no_finding(self, synthesized: Synthesized) -> None:
        assert synthesized.findings == []

    def test_should_leave_none_in_a_known_account_and_region(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # The ids of the findings hold both.
        monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "111111111111")
        monkeypatch.setenv("CDK_DEFAULT_REGION", "eu-west-1")
        assert synthesize({"source": "s3://own-bucket/"}).findings == []


class TestDefinition:
    """The state machine's definition, as Step Functions gets it."""

    def test_should_have_jsonata_that_parses(self, synthesized: Synthesized) -> None:
        expressions = list(expressions_in(synthesized.state_machine.definition))
        assert len(expressions) > 30
        for expression in expressions:
            Jsonata(expression)

    def test_should_have_no_half_expression(self, synthesized: Synthesized) -> None:
        """A string with `{%` in it that isn't one expression from end to end would be taken as it stands."""
        text = json.dumps(synthesized.state_machine.definition)
        assert text.count("{%") == text.count("%}") == len(list(expressions_in(synthesized.state_machine.definition)))

    def test_should_satisfy_the_validator(self, shapes: dict[str, Synthesized]) -> None:
        definitions = [shape.state_machine.definition for shape in shapes.values()]
        jsonpath_inside = json.loads(json.dumps(definitions[0]))
        jsonpath_inside["States"]["Prepare"]["Parameters"] = {"a.$": "$.a"}
        *errors, of_jsonpath_inside = validate([*definitions, jsonpath_inside])
        assert errors == ["", ""]
        assert of_jsonpath_inside != ""
