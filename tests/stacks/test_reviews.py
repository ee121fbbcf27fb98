"""The review workflow's stacks, with one source account and with two."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cdk_nag import AwsSolutionsChecks
from jsonata import Jsonata
from syrupy.extensions.json import JSONSnapshotExtension

import app
from constructs_lib.assembly import Assembly
from tests.cdk import expressions_in, make_app, readable, resources, shown
from tests.node import validate
from tests.stacks.iam_statements import WITH_STATEMENTS, WITHOUT_STATEMENTS, every_statement
from tests.stacks.review_statements import SOURCE, SOURCE_ACCOUNT, TARGET, TARGET_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syrupy.assertion import SnapshotAssertion

    from constructs_lib.assembly import Stack

OTHER_ACCOUNT = "333333333333"
ONE_SOURCE: dict[str, object] = {"accounts": {"source": SOURCE_ACCOUNT, "target": TARGET_ACCOUNT}}
STACKS = {"ReviewsTarget": TARGET, f"ReviewsSource-{SOURCE_ACCOUNT}": SOURCE}


def synthesize(context: Mapping[str, object]) -> tuple[dict[str, Stack], list[str]]:
    """The review workflow's stacks by id, and what cdk-nag finds in the app."""
    root = make_app(context)
    app.build(root)
    findings = [violation.rule_name for violation in AwsSolutionsChecks(root).validate_scope(root).violations]
    stacks = Assembly.read(root.synth().directory).stacks
    return {stack.id: stack for stack in stacks if stack.id.startswith("Reviews")}, findings


@pytest.fixture(scope="module")
def synthesized() -> tuple[dict[str, Stack], list[str]]:
    return synthesize(ONE_SOURCE)


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest, synthesized: tuple[dict[str, Stack], list[str]]) -> Stack:
    return synthesized[0][request.param]


def test_should_be_made_when_accounts_are_given(synthesized: tuple[dict[str, Stack], list[str]]) -> None:
    stacks, _ = synthesized
    assert {name: stack.account for name, stack in stacks.items()} == {
        "ReviewsTarget": TARGET_ACCOUNT,
        f"ReviewsSource-{SOURCE_ACCOUNT}": SOURCE_ACCOUNT,
    }
    assert synthesize({})[0] == {}


def test_should_be_what_was_last_reviewed(stack: Stack, snapshot: SnapshotAssertion) -> None:
    """After a change on purpose: `make snapshots`, and read the difference."""
    assert snapshot.use_extension(JSONSnapshotExtension) == readable(dict(stack.template))


def test_should_leave_cdk_nag_no_finding(
    synthesized: tuple[dict[str, Stack], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert synthesized[1] == []
    # The ids of the findings hold the Region.
    monkeypatch.setenv("CDK_DEFAULT_REGION", "eu-west-1")
    profile = {"review_model_id": "eu.amazon.nova-lite-v1:0", "organization_id": "o-a1b2c3d4e5"}
    assert synthesize({**ONE_SOURCE, **profile})[1] == []


def test_should_have_each_statement_in_the_table(stack: Stack) -> None:
    found = [statement for statement, _ in every_statement(stack.template)]
    assert sorted(found) == sorted(STACKS[stack.id])


def test_should_know_where_policies_can_be(stack: Stack) -> None:
    types = {resource["Type"] for resource in stack.resources().values()}
    assert types <= WITH_STATEMENTS | WITHOUT_STATEMENTS | {"AWS::DynamoDB::Table", "AWS::Events::Rule"}


def test_should_refer_to_no_other_stack(stack: Stack) -> None:
    assert "Fn::ImportValue" not in json.dumps(stack.template)
    assert not any("Export" in output for output in stack.template["Outputs"].values())


def test_should_have_outputs_with_stable_names(synthesized: tuple[dict[str, Stack], list[str]]) -> None:
    outputs = {name: set(stack.template["Outputs"]) for name, stack in synthesized[0].items()}
    assert outputs == {
        "ReviewsTarget": {"StateMachineArn", "TargetRoleArn", "FakeReviewsTableName", "AlarmTopicArn"},
        f"ReviewsSource-{SOURCE_ACCOUNT}": {"StateMachineArn", "ConsoleUrl", "AlarmTopicArn"},
    }


def test_should_have_valid_definitions(synthesized: tuple[dict[str, Stack], list[str]]) -> None:
    machines = [machine for stack in synthesized[0].values() for machine in stack.state_machines()]
    assert {machine.name for machine in machines} == {"review-classifier", "review-intake"}
    for machine in machines:
        for expression in expressions_in(machine.definition):
            Jsonata(expression)
    assert validate([machine.definition for machine in machines]) == ["", ""]


def test_should_trust_each_source_account_and_say_so(capfd: pytest.CaptureFixture[str]) -> None:
    accounts = {"source": [SOURCE_ACCOUNT, OTHER_ACCOUNT], "target": TARGET_ACCOUNT}
    root = make_app({"accounts": accounts, "organization_id": "o-a1b2c3d4e5"})
    assert app.main(root) == 0
    told = capfd.readouterr().err
    assert told.count("\n") == 2
    assembly = Assembly.read(root.synth().directory)
    (target,) = (stack for stack in assembly.stacks if stack.id == "ReviewsTarget")
    (trust,) = (
        role["AssumeRolePolicyDocument"]["Statement"]
        for role in resources(dict(target.template), "AWS::IAM::Role").values()
        if "target" in str(role.get("RoleName"))
    )
    assert [shown(statement["Principal"]) for statement in trust] == [
        {"AWS": f"arn:${{AWS::Partition}}:iam::{account}:root"} for account in (SOURCE_ACCOUNT, OTHER_ACCOUNT)
    ]
    for account in (SOURCE_ACCOUNT, OTHER_ACCOUNT):
        assert (
            f"ReviewsTarget: The role review-intake-<Region> of the account {account}, for its state machine "
            f"review-intake only (sts:ExternalId arn:aws:states:<Region>:{account}:stateMachine:review-intake) and as "
            "a member of the organization o-a1b2c3d4e5, may assume review-classifier-target-<Region> to start "
            "review-classifier, and look at its executions and stop them.\n"
        ) in told


def test_should_hear_of_denied_callers(synthesized: tuple[dict[str, Stack], list[str]]) -> None:
    target: dict[str, Any] = dict(synthesized[0]["ReviewsTarget"].template)
    (rule,) = resources(target, "AWS::Events::Rule").values()
    (topic,) = resources(target, "AWS::SNS::Topic")
    assert rule["Targets"][0]["Arn"] == {"Ref": topic}
    alarms = resources(target, "AWS::CloudWatch::Alarm").values()
    assert all(alarm["AlarmActions"] == [{"Ref": topic}] for alarm in alarms)
    assert sorted(alarm["MetricName"] for alarm in alarms) == [
        "ExecutionsAborted",
        "ExecutionsFailed",
        "ExecutionsTimedOut",
        "MatchedEvents",
    ]
