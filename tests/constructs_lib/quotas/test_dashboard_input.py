from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import Environment, Stack
from aws_cdk import aws_sns as sns

from constructs_lib.quotas.alarms import QuotaAlarms
from constructs_lib.quotas.catalogue import STATE_TRANSITIONS
from constructs_lib.quotas.dashboard import QuotaDashboard
from constructs_lib.quotas.metric_source import MetricSource
from constructs_lib.quotas.watched import WatchedWorkflow
from tests.cdk import make_app
from tests.constructs_lib.quotas.dashboards import ACCOUNT, REGION, SOURCES, imported


@pytest.fixture(scope="module")
def bad_stack() -> Stack:
    return Stack(make_app(), "Stack", env=Environment(account=ACCOUNT, region=REGION))


@pytest.fixture(scope="module")
def bad_alarms(bad_stack: Stack) -> QuotaAlarms:
    return QuotaAlarms(bad_stack, "Alarms", topic=sns.Topic(bad_stack, "Topic"))


def refusal(stack: Stack, **arguments: Any) -> str:
    construct_id = f"Bad{len(stack.node.children)}"
    with pytest.raises(ValueError, match=r"; allowed: ") as caught:
        QuotaDashboard(stack, construct_id, **arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert "Token[" not in message
    assert message.startswith(f"Stack/{construct_id}: ")
    return message.partition(": ")[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"quotas": []}, "quotas is []; allowed: one Quota or more"),
        ({"quotas": [STATE_TRANSITIONS, STATE_TRANSITIONS]}, "quotas is ['StateTransitions']; allowed: each key once"),
        ({"quotas": ["StateTransitions"]}, "quotas is ['StateTransitions']; allowed: a list of Quota"),
        ({"workflows": ["child"]}, "workflows is ['child']; allowed: a list of WatchedWorkflow"),
        ({"alarms": "alarms"}, "alarms is 'alarms'; allowed: QuotaAlarms"),
        ({"sources": ["eu-west-1"]}, "sources is ['eu-west-1']; allowed: a list of MetricSource"),
        (
            {"sources": [MetricSource(label="A"), MetricSource(label="A", region="us-east-1")]},
            "sources is ['A']; allowed: each label once",
        ),
        (
            {"sources": [MetricSource(label="A"), MetricSource(label="B", account=ACCOUNT, region=REGION)]},
            "sources is ['A', 'B']; allowed: each account and Region once",
        ),
        (
            {"sources": [MetricSource(label=str(number), account=f"{number:012}") for number in range(10)]},
            "sources is '530 widgets'; allowed: at most 500",
        ),
        ({"dashboard_name": "my quotas"}, "dashboard_name is 'my quotas'; allowed: up to 255 letters, digits, - and _"),
        ({"dashboard_name": "q" * 256}, f"dashboard_name is '{'q' * 256}'; allowed: up to 255 letters"),
        ({"dashboard_name": ""}, "dashboard_name is ''; allowed: up to 255 letters"),
        ({"dashboard_name": 7}, "dashboard_name is 7; allowed: up to 255 letters"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_should_refuse_what_makes_no_dashboard(bad_stack: Stack, arguments: dict[str, Any], said: str) -> None:
    assert refusal(bad_stack, **arguments).startswith(said)


def test_should_refuse_no_quota_though_there_is_a_workflow(bad_stack: Stack) -> None:
    workflows = [WatchedWorkflow(name="Child", state_machine=imported(bad_stack, account="333333333333"))]
    assert refusal(bad_stack, quotas=(), workflows=workflows).startswith("quotas is (); allowed: one Quota or more")


@pytest.mark.parametrize("argument", ["quotas", "workflows", "sources"])
def test_should_refuse_what_the_alarms_have_already(bad_stack: Stack, bad_alarms: QuotaAlarms, argument: str) -> None:
    given = {"quotas": [], "workflows": [], "sources": SOURCES}[argument]
    message = refusal(bad_stack, alarms=bad_alarms, **{argument: given})
    assert message.startswith(f"{argument} is ")
    assert "allowed: nothing beside `alarms`" in message


@pytest.mark.parametrize(
    ("account", "region", "theirs"),
    [(ACCOUNT, "us-east-1", "alarms of eu-central-1"), ("222222222222", REGION, f"alarms of {ACCOUNT}")],
    ids=["Region", "account"],
)
def test_should_refuse_alarms_of_elsewhere(bad_alarms: QuotaAlarms, account: str, region: str, theirs: str) -> None:
    elsewhere = Stack(make_app(), "Stack", env=Environment(account=account, region=region))
    message = refusal(elsewhere, alarms=bad_alarms)
    assert message.startswith(f"alarms is '{theirs}'; allowed: those of a stack of the same account and Region. ")


def test_should_refuse_alarms_whose_place_is_not_known(bad_stack: Stack) -> None:
    elsewhere = Stack(bad_stack.node.root, "Anywhere")  # type: ignore[arg-type]
    alarms = QuotaAlarms(elsewhere, "Alarms", topic=sns.Topic(elsewhere, "Topic"), quotas=[STATE_TRANSITIONS])
    assert refusal(bad_stack, alarms=alarms).startswith("alarms is 'alarms of a stack without an env'; allowed: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"label": ""}, "label is ''; allowed: one line of 1 to 40 characters"),
        ({"label": "a\nb"}, r"label is 'a\nb'; allowed: one line"),
        ({"label": "a" * 41}, f"label is '{'a' * 41}'; allowed: one line"),
        ({"label": None}, "label is None; allowed: one line"),
        ({"label": "A", "account": "1234"}, "account is '1234'; allowed: 12 digits"),
        ({"label": "A", "account": 111111111111}, None),
        ({"label": "A", "region": "mars-1"}, "region is 'mars-1'; allowed: a Region of AWS, such as us-east-1"),
        ({"label": "A", "region": ""}, "region is ''; allowed: a Region of AWS"),
    ],
    ids=repr,
)
def test_should_refuse_a_source_that_is_none(arguments: dict[str, Any], said: str | None) -> None:
    with pytest.raises(ValueError, match="; allowed: ") as caught:
        MetricSource(**arguments)
    assert "\n" not in str(caught.value)
    assert said is None or str(caught.value).startswith(f"MetricSource: {said}")
