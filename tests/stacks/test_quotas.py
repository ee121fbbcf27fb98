"""The stack Quotas, as it is and with everything watched; when its alarms go off is in test_quota_scenarios.py."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from syrupy.extensions.json import JSONSnapshotExtension

from tests.cdk import only, readable, resources, shown
from tests.metric_names import (
    IN_ALARMS,
    missing_metrics,
    unknown_metrics,
    uses_in_alarms,
    uses_in_dashboard,
)
from tests.stacks.iam_statements import WITH_STATEMENTS, WITHOUT_STATEMENTS, alarm_topic, every_statement
from tests.stacks.quotas_app import ACCOUNT, ORDERS, REGION, WATCHED, synthesize

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

    from constructs_lib.assembly import Assembly
    from constructs_lib.testing import PolicySimulator
    from tests.cdk import JsonObject

ALARM, COMPOSITE = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"


@pytest.fixture(scope="module")
def assemblies() -> dict[str, tuple[Assembly, list[str]]]:
    return {"default": synthesize({}), "watched": synthesize(WATCHED)}


@pytest.fixture(scope="module", params=["default", "watched"])
def template(request: pytest.FixtureRequest, assemblies: dict[str, tuple[Assembly, list[str]]]) -> JsonObject:
    return template_in(assemblies[request.param][0])


@pytest.fixture(scope="module")
def watched(assemblies: dict[str, tuple[Assembly, list[str]]]) -> JsonObject:
    return template_in(assemblies["watched"][0])


def template_in(assembly: Assembly) -> JsonObject:
    (stack,) = (stack for stack in assembly.stacks if stack.id == "Quotas")
    return dict(stack.template)


def body(template: JsonObject) -> JsonObject:
    found: JsonObject = json.loads(shown(only(template, "AWS::CloudWatch::Dashboard")["DashboardBody"]))
    return found


def test_should_be_what_was_last_reviewed(watched: JsonObject, snapshot: SnapshotAssertion) -> None:
    """After a change on purpose: `make snapshots`, and read the difference."""
    assert snapshot.use_extension(JSONSnapshotExtension) == readable(watched)


def test_should_leave_cdk_nag_no_finding(assemblies: dict[str, tuple[Assembly, list[str]]]) -> None:
    assert [findings for _, findings in assemblies.values()] == [[], []]


def test_should_have_each_statement_in_the_table(template: JsonObject) -> None:
    assert sorted(statement for statement, _ in every_statement(template)) == sorted(alarm_topic())


def test_should_know_where_policies_can_be(template: JsonObject) -> None:
    types = {resource["Type"] for resource in template["Resources"].values()}
    assert types <= WITH_STATEMENTS | WITHOUT_STATEMENTS | {COMPOSITE, "AWS::CloudWatch::Dashboard"}


def test_should_have_outputs_with_stable_names(template: JsonObject) -> None:
    assert set(template["Outputs"]) == {"DashboardUrl", "AlarmTopicArn"}
    (dashboard,) = resources(template, "AWS::CloudWatch::Dashboard")
    assert shown(template["Outputs"]["DashboardUrl"]["Value"]) == (
        "https://${AWS::Region}.console.aws.amazon.com/cloudwatch/home?region=${AWS::Region}#dashboards/dashboard/"
        f"${{{dashboard}}}"
    )


def test_should_name_metrics_that_there_are_and_no_others(watched: JsonObject) -> None:
    in_alarms, on_dashboard = set(uses_in_alarms(watched)), set(uses_in_dashboard(body(watched)))
    assert unknown_metrics(in_alarms | on_dashboard) == set()
    assert missing_metrics(in_alarms, IN_ALARMS) == set()
    assert missing_metrics(on_dashboard) == set()


def test_should_notice_a_misspelt_metric(watched: JsonObject) -> None:
    spelt = json.loads(json.dumps(watched).replace("ThrottledEvents", "ThrottledEvent"))
    assert unknown_metrics(uses_in_alarms(spelt))
    assert missing_metrics(uses_in_alarms(spelt), IN_ALARMS)
    assert unknown_metrics(uses_in_dashboard(body(spelt)))


def test_should_show_each_quota_that_has_alarms_and_the_reverse(watched: JsonObject) -> None:
    """What an alarm watches is drawn, and what is drawn of a quota, but for its bucket, has an alarm."""
    in_alarms, on_dashboard = set(uses_in_alarms(watched)), set(uses_in_dashboard(body(watched)))
    assert in_alarms <= on_dashboard
    quotas = {
        use
        for use in on_dashboard - in_alarms
        if not use.name.startswith("Execution") and use.name != "ProvisionedBucketSize" and "*" not in str(use)
    }
    # Lambda's concurrency has no metric of its limit, so nothing to compare it with.
    assert {use.name for use in quotas} == {"ConcurrentExecutions"}


def test_should_take_any_percentage_and_any_title() -> None:
    """The titles are names of the stack's own parts, too."""
    titles = ("Alarms", "AlarmTopic", "Dashboard", "DashboardUrl", "AlarmTopicArn")
    assembly, _ = synthesize(
        {
            "quota_warning_percent": 50,
            "quota_critical_percent": "75",
            "watched_workflows": dict.fromkeys(titles, ORDERS),
        }
    )
    found = resources(template_in(assembly), ALARM)
    assert {alarm["Threshold"] for alarm in found.values()} == {1, 50, 75}
    assert {f"Alarms{title}ThrottledWarning" for title in titles} <= {logical_id[:-8] for logical_id in found}


def test_should_watch_what_it_is_told_to(watched: JsonObject) -> None:
    names = {re.sub(r"^Alarms|Throttled\w+$", "", name) for name in resources(watched, ALARM) if "Throttled" in name}
    assert {"Orders", "Parcels", "Lambdaanalyze", "Lambdareduce", "Bedrockamazonnovalitev10", "S3SlowDown"} <= names
    assert [each["Endpoint"] for each in resources(watched, "AWS::SNS::Subscription").values()] == [
        "oncall@example.com"
    ]


def test_should_let_cloudwatch_and_eventbridge_notify_and_nobody_else(
    assemblies: dict[str, tuple[Assembly, list[str]]], policy_simulator: PolicySimulator
) -> None:
    assembly, _ = assemblies["default"]
    simulation = policy_simulator.simulate(assembly, region=REGION)
    topic, key = "Quotas.AlarmTopic", "Quotas.AlarmTopicKey"
    for service, resource in (("cloudwatch", "alarm:Quotas-AlarmsDelayed"), ("events", "rule/any")):
        for account in (ACCOUNT, "222222222222"):
            source = {"aws:SourceAccount": account, "aws:SourceArn": f"arn:aws:{service}:{REGION}:{account}:{resource}"}
            may = bool(simulation.allows(f"{service}.amazonaws.com", "sns:Publish", topic, context=source))
            assert may == (account == ACCOUNT)
    mine = {"aws:SourceAccount": ACCOUNT}
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert simulation.allows("cloudwatch.amazonaws.com", action, key, context=mine)
        assert not simulation.allows(
            "cloudwatch.amazonaws.com", action, key, context={"aws:SourceAccount": "222222222222"}
        )
    stranger = "arn:aws:iam::222222222222:role/admin"
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    assert not simulation.allows(stranger, "sns:Publish", topic, identity_policies={"admin": everything})
    assert not simulation.allows(stranger, "kms:Decrypt", key, identity_policies={"admin": everything})
