"""The alarms as they are synthesized; when they go off is in tests/stacks/test_quota_scenarios.py."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import Aws, Environment, NestedStack, Stack
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib.quotas.alarms import QuotaAlarms
from constructs_lib.quotas.catalogue import (
    MAP_RUNS,
    OPEN_EXECUTIONS,
    QUOTAS,
    S3_SLOW_DOWN,
    bedrock_throttles,
    lambda_concurrency,
)
from constructs_lib.quotas.watched import WatchedWorkflow
from tests.cdk import JsonObject, make_app, resources, shown, template_of

ALARM, COMPOSITE = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"
OWN = "arn:aws:states:us-east-1:111111111111:stateMachine:orders"
OTHERS = "arn:aws:states:us-east-1:222222222222:stateMachine:parcels"
EVERY_QUOTA = (*QUOTAS, S3_SLOW_DOWN, lambda_concurrency("orders"), bedrock_throttles("amazon.nova-lite-v1:0"))


def make_stack(region: str | None = "us-east-1") -> Stack:
    env = None if region is None else Environment(account="111111111111", region=region)
    return Stack(make_app(), "Stack", env=env)


def topic_of(stack: Stack) -> sns.ITopic:
    return sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:us-east-1:111111111111:topic")


def watched(stack: Stack, name: str, arn: str) -> WatchedWorkflow:
    return WatchedWorkflow(name=name, state_machine=sfn.StateMachine.from_state_machine_arn(stack, name, arn))


@pytest.fixture(scope="module")
def template() -> JsonObject:
    stack = make_stack()
    workflows = [watched(stack, "Orders", OWN), watched(stack, "Other parcels", OTHERS)]
    alarms = QuotaAlarms(stack, "Alarms", topic=topic_of(stack), quotas=EVERY_QUOTA, workflows=workflows)
    assert len(alarms.alarms) == sum(len(quota.alarms) for quota in EVERY_QUOTA) + 4
    assert alarms.quotas == EVERY_QUOTA
    assert [workflow.name for workflow in alarms.workflows] == ["Orders", "Other parcels"]
    return template_of(stack)


def alarm(template: JsonObject, name: str) -> JsonObject:
    return made(template, ALARM, name)


def composite(template: JsonObject, name: str) -> JsonObject:
    return made(template, COMPOSITE, name)


def made(template: JsonObject, resource_type: str, name: str) -> JsonObject:
    (found,) = (
        properties
        for logical_id, properties in resources(template, resource_type).items()
        if re.fullmatch(rf"Alarms{name}[0-9A-F]{{8}}", logical_id)
    )
    return found


def children(properties: JsonObject) -> set[str]:
    """The alarms of a composite alarm, without CDK's hash."""
    rule = shown(properties["AlarmRule"])
    names = re.findall(r'ALARM\("\$\{Alarms(\w+?)[0-9A-F]{8}\.Arn\}"\)', rule)
    assert re.sub(r'ALARM\("[^"]+"\)', "x", rule) == f"({' OR '.join('x' * len(names))})"
    return set(names)


def test_should_alarm_on_a_single_throttled_minute(template: JsonObject) -> None:
    found = dict(alarm(template, "StateTransitionsThrottledWarning"))
    description = found.pop("AlarmDescription")
    assert found == {
        "Namespace": "AWS/States",
        "MetricName": "ThrottledEvents",
        "Dimensions": [{"Name": "ServiceMetric", "Value": "StateTransition"}],
        "Statistic": "Sum",
        "Period": 60,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "EvaluationPeriods": 15,
        "DatapointsToAlarm": 1,
        "TreatMissingData": "notBreaching",
    }
    assert description == (
        "State transitions: throttled in 1 minute of the last 15. Every Standard execution of the account shares these "
        "transitions: over the limit, states wait, and nothing fails. Find in the dashboard's row “Who” the workflow "
        "that started most executions; then pace it, make its children Express, or ask for more."
    )


def test_should_alarm_on_three_minutes_over_a_percentage_of_the_limit(template: JsonObject) -> None:
    for name, percent in (("Warning", 80), ("Critical", 90)):
        found = alarm(template, f"MapRunsUtilisation{name}")
        assert (found["Threshold"], found["DatapointsToAlarm"], found["EvaluationPeriods"]) == (percent, 3, 15)
        by_id = {query["Id"]: query for query in found["Metrics"]}
        (expression,) = (query for query in by_id.values() if query["ReturnData"])
        assert expression["Expression"] == "100*FILL(used,0)/FILL(limit,REPEAT)"
        assert {name: query["MetricStat"] for name, query in by_id.items() if "MetricStat" in query} == {
            name: {
                "Metric": {"Namespace": "AWS/States", "MetricName": metric},
                "Period": 60,
                "Stat": "Maximum",
            }
            for name, metric in (("used", "ApproximateOpenMapRunCount"), ("limit", "OpenMapRunLimit"))
        }


def test_should_ask_the_account_that_a_state_machine_is_in(template: JsonObject) -> None:
    own, others = (alarm(template, f"{name}ThrottledWarning") for name in ("Orders", "Otherparcels"))
    assert own["MetricName"] == "ExecutionThrottled"
    assert own["Dimensions"] == [{"Name": "StateMachineArn", "Value": OWN}]
    (query,) = others["Metrics"]
    assert query["AccountId"] == "222222222222"
    assert query["MetricStat"]["Metric"] == {
        "Namespace": "AWS/States",
        "MetricName": "ExecutionThrottled",
        "Dimensions": [{"Name": "StateMachineArn", "Value": OTHERS}],
    }


def test_should_name_no_limit_of_its_own(template: JsonObject) -> None:
    """A number of AWS's documentation isn't this account's: the limit is always a metric."""
    assert {found["Threshold"] for found in resources(template, ALARM).values()} == {1, 80, 90}


def test_should_hold_neither_search_nor_another_region(template: JsonObject) -> None:
    text = json.dumps(list(resources(template, ALARM).values()))
    assert "SEARCH" not in text
    assert '"Region"' not in text


def test_should_stay_within_what_cloudwatch_takes(template: JsonObject) -> None:
    for found in resources(template, ALARM).values():
        assert len(found["AlarmDescription"]) <= 1024
        assert len(found.get("Metrics", [])) <= 10


@pytest.mark.parametrize(
    ("runbook", "of_an_alarm"),
    [
        ("https://wiki.example.com/quotas", "https://wiki.example.com/quotas#map-runs"),
        ("https://wiki.example.com/limits#aws", "https://wiki.example.com/limits#aws"),
        ("Ask the platform team.", "Ask the platform team."),
        (Aws.STACK_NAME, "${AWS::StackName}"),
    ],
    ids=["address", "anchor", "words", "token"],
)
def test_should_name_the_runbook_that_it_is_given(runbook: str, of_an_alarm: str) -> None:
    stack = make_stack()
    QuotaAlarms(stack, "Alarms", topic=topic_of(stack), quotas=[MAP_RUNS], runbook=runbook)
    template = template_of(stack)
    for found in resources(template, ALARM).values():
        assert shown(found["AlarmDescription"]).endswith(f"{MAP_RUNS.action} Runbook: {of_an_alarm}")
    for found in resources(template, COMPOSITE).values():
        assert shown(found["AlarmDescription"]).endswith(f"what to do: {shown(stack.resolve(runbook))}")


def test_should_gather_the_alarms_by_severity_and_by_what_delays(template: JsonObject) -> None:
    names = {re.sub(r"^Alarms|[0-9A-F]{8}$", "", logical_id) for logical_id in resources(template, ALARM)}
    for severity in ("Warning", "Critical"):
        assert children(composite(template, severity)) == {name for name in names if name.endswith(severity)}
    assert children(composite(template, "Delayed")) == {
        "StateTransitionsThrottledWarning",
        "MapRunsBacklogWarning",
        "OrdersThrottledWarning",
        "OtherparcelsThrottledWarning",
    }


def test_should_tell_the_topic_of_the_composite_alarms_only(template: JsonObject) -> None:
    topic = ["arn:aws:sns:us-east-1:111111111111:topic"]
    assert len(resources(template, COMPOSITE)) == 3
    for found in resources(template, COMPOSITE).values():
        assert found["AlarmActions"] == found["OKActions"] == topic
        assert found["AlarmDescription"].endswith("The message names the alarms; their descriptions say what to do.")
    for found in resources(template, ALARM).values():
        assert not {"AlarmActions", "OKActions", "InsufficientDataActions"} & set(found)


def test_should_watch_one_workflow_alone() -> None:
    stack = make_stack(region=None)
    machine = sfn.StateMachine(
        stack, "Machine", definition_body=sfn.DefinitionBody.from_chainable(sfn.Pass.jsonata(stack, "Nothing"))
    )
    workflow = WatchedWorkflow(name="Mine", state_machine=machine)
    alarms = QuotaAlarms(stack, "Alarms", topic=topic_of(stack), quotas=[], workflows=[workflow])
    assert alarms.delayed is not None
    found = resources(template_of(stack), ALARM)
    assert {tuple(properties["Dimensions"][0]["Value"]) for properties in found.values()} == {("Ref",)}
    assert all("Metrics" not in properties for properties in found.values())


def test_should_have_no_delayed_alarm_where_nothing_can_wait() -> None:
    stack = make_stack()
    assert QuotaAlarms(stack, "Alarms", topic=topic_of(stack), quotas=[OPEN_EXECUTIONS]).delayed is None
    assert {re.sub(r"^Alarms|[0-9A-F]{8}$", "", name) for name in resources(template_of(stack), COMPOSITE)} == {
        "Warning",
        "Critical",
    }


BAD: list[tuple[dict[str, Any], str]] = [
    ({"topic": "arn"}, "topic is 'arn'; allowed: a topic. "),
    ({"quotas": []}, "quotas is []; allowed: one Quota or more. "),
    ({"quotas": MAP_RUNS}, "quotas is of type Quota; allowed: a list of Quota. "),
    ({"quotas": ["MapRuns"]}, "quotas is ['MapRuns']; allowed: a list of Quota. "),
    ({"quotas": [MAP_RUNS, MAP_RUNS]}, "quotas is ['MapRuns']; allowed: each key once. "),
    ({"workflows": ["Orders"]}, "workflows is ['Orders']; allowed: a list of WatchedWorkflow. "),
    ({"runbook": ""}, "runbook is ''; allowed: one line of 1 to 256 characters, without < and >. "),
    ({"runbook": "two\nlines"}, "runbook is 'two\\nlines'; allowed: one line "),
    ({"runbook": "x" * 257}, f"runbook is '{'x' * 257}'; allowed: one line "),
    ({"runbook": 7}, "runbook is 7; allowed: one line "),
    (
        {"quotas": [lambda_concurrency(f"f{i}", key=f"F{i}") for i in range(90)]},
        "quotas is '90 alarms in the composite alarm Warning, a rule of 11,240 characters'; allowed: up to 10,240, ",
    ),
]


@pytest.mark.parametrize(("changed", "message"), BAD, ids=[message[:30] for _, message in BAD])
def test_should_refuse_in_one_line(changed: dict[str, Any], message: str) -> None:
    stack = make_stack()
    with pytest.raises(ValueError, match=re.escape(f"Stack/Alarms: {message}")) as raised:
        QuotaAlarms(stack, "Alarms", **{"topic": topic_of(stack), **changed})
    assert "\n" not in str(raised.value)


def test_should_refuse_a_state_machine_of_another_region() -> None:
    stack = make_stack(region="eu-west-1")
    topic = sns.Topic(stack, "Topic")
    with pytest.raises(ValueError, match=r"workflows is 'Orders of Region us-east-1'; allowed: .* Region, eu-west-1"):
        QuotaAlarms(stack, "Alarms", topic=topic, workflows=[watched(stack, "Orders", OWN)])


def test_should_refuse_a_topic_of_another_region() -> None:
    stack = make_stack(region="eu-west-1")
    with pytest.raises(ValueError, match=r"topic is 'a topic of Region us-east-1'; allowed: .* Region, eu-west-1"):
        QuotaAlarms(stack, "Alarms", topic=topic_of(stack), quotas=[MAP_RUNS])


def test_should_have_no_longer_rule_than_cloudwatch_takes() -> None:
    """With the alarms' real names, which have the stack's in them and are made up by CloudFormation."""
    stack = Stack(make_app(), "S" * 128, env=Environment(account="111111111111", region="us-gov-west-1"))
    fitting = [lambda_concurrency("f", key=f"F{number}") for number in range(41)]
    QuotaAlarms(stack, "Alarms", topic=sns.Topic(stack, "Topic"), quotas=fitting)
    rule = shown(composite(template_of(stack), "Warning")["AlarmRule"])
    arn = f"arn:aws-us-gov:cloudwatch:us-gov-west-1:111111111111:alarm:{stack.stack_name}-"
    assert 10_000 < len(re.sub(r"\$\{(\w+)\.Arn\}", lambda match: f"{arn}{match[1]}-{'X' * 13}", rule)) <= 10_240


def test_should_take_the_longest_name_for_one_that_is_not_known() -> None:
    parent = make_stack()
    nested = NestedStack(parent, "Nested")
    quotas = [lambda_concurrency("f", key=f"F{number}") for number in range(42)]
    with pytest.raises(ValueError, match=r"42 alarms in the composite alarm Warning, a rule of 10,\d+ characters"):
        QuotaAlarms(nested, "Alarms", topic=topic_of(parent), quotas=quotas)


def test_should_refuse_two_workflows_whose_alarms_would_have_one_name() -> None:
    stack = make_stack()
    workflows = [watched(stack, "Other parcels", OWN), watched(stack, "Otherparcels", OTHERS)]
    with pytest.raises(ValueError, match=r"\['Otherparcels'\]; allowed: each key once"):
        QuotaAlarms(stack, "Alarms", topic=topic_of(stack), workflows=workflows)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "a/b"}, "WatchedWorkflow: name is 'a/b'; allowed: 1 to 40 letters"),
        ({"name": ""}, "WatchedWorkflow: name is ''; allowed: "),
        ({"name": "n" * 41}, f"WatchedWorkflow: name is '{'n' * 41}'; allowed: "),
        ({"state_machine": OWN}, f"WatchedWorkflow: state_machine is '{OWN}'; allowed: a state machine. "),
        ({"map_labels": "Each"}, "WatchedWorkflow: map_labels is 'Each'; allowed: "),
        ({"map_labels": ["a b"]}, "WatchedWorkflow: map_labels is ['a b']; allowed: labels of up to 40 characters"),
        ({"map_labels": ["l" * 41]}, f"WatchedWorkflow: map_labels is ['{'l' * 41}']; allowed: "),
    ],
    ids=["slash", "empty", "long", "machine", "text", "label", "long label"],
)
def test_should_refuse_a_workflow_in_one_line(changed: dict[str, Any], message: str) -> None:
    stack = make_stack()
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(watched(stack, "Orders", OWN), **changed)


@pytest.mark.parametrize(
    "arn", [f"{OWN}:PROD", f"{OWN}:3", f"{OWN}/EachOrder", OWN.replace("stateMachine", "activity")]
)
def test_should_refuse_what_no_metric_of_a_state_machine_is_under(arn: str) -> None:
    with pytest.raises(
        ValueError, match=re.escape(f"state_machine is '{arn}'; allowed: a state machine whose ARN ends")
    ):
        watched(make_stack(), "Orders", arn)
