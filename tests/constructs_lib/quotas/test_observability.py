"""The sink's policy is judged by the IAM simulator; what CloudWatch makes of sink and link, only AWS can show."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Aws, Environment, Fn, Stack
from cdk_nag import AwsSolutionsChecks

from constructs_lib.quotas.catalogue import QUOTAS, S3_SLOW_DOWN, Metric, bedrock_throttles, lambda_concurrency
from constructs_lib.quotas.observability import DEFAULT_NAMESPACES, MonitoringAccountSink, SourceAccountLink
from constructs_lib.testing import PolicySimulation, PolicySimulator
from tests.cdk import JsonObject, make_app, only, resources, shown, template_of
from tests.mutants import mutants_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MONITORING, SOURCE, OTHER_SOURCE, STRANGER = "111111111111", "222222222222", "333333333333", "444444444444"
ORGANIZATION = "o-a1b2c3d4e5"
SINK = f"arn:aws:oam:us-east-1:{MONITORING}:sink/a1b2c3d4-5678-90ab-cdef-example12345"
METRICS, LOGS = "AWS::CloudWatch::Metric", "AWS::Logs::LogGroup"


def make_stack(account: str | None, region: str | None = "us-east-1") -> Stack:
    return Stack(make_app(), "Stack", env=Environment(account=account, region=region))


@pytest.fixture(scope="module")
def accounts_sink() -> JsonObject:
    stack = make_stack(MONITORING)
    sink = MonitoringAccountSink(stack, "Sink", source_accounts=[SOURCE, OTHER_SOURCE])
    stack.export_value(sink.sink_arn, name="SinkArn")
    template = template_of(stack)
    assert AwsSolutionsChecks().validate_scope(stack.node.root).violations == []
    return template


@pytest.fixture(scope="module")
def organization_sink() -> JsonObject:
    stack = make_stack(MONITORING)
    MonitoringAccountSink(stack, "Sink", organization_id=ORGANIZATION)
    return template_of(stack)


@pytest.fixture(scope="module")
def link() -> JsonObject:
    stack = make_stack(SOURCE)
    SourceAccountLink(stack, "Link", sink_arn=SINK)
    SourceAccountLink(stack, "Narrow", sink_arn=SINK, namespaces=["AWS/States"])
    template = template_of(stack)
    assert AwsSolutionsChecks().validate_scope(stack.node.root).violations == []
    return template


def policy_of(template: JsonObject) -> JsonObject:
    policy: JsonObject = shown(only(template, "AWS::Oam::Sink")["Policy"])
    return policy


def test_should_let_the_named_accounts_share_metrics(accounts_sink: JsonObject) -> None:
    (sink_id,) = resources(accounts_sink, "AWS::Oam::Sink")

    assert accounts_sink["Outputs"]["ExportSinkArn"]["Value"] == {"Fn::GetAtt": [sink_id, "Arn"]}
    assert only(accounts_sink, "AWS::Oam::Sink")["Name"] == "step-functions-at-scale"
    assert policy_of(accounts_sink) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "SourceAccountsLink",
                "Effect": "Allow",
                "Principal": {
                    "AWS": [
                        f"arn:${{AWS::Partition}}:iam::{SOURCE}:root",
                        f"arn:${{AWS::Partition}}:iam::{OTHER_SOURCE}:root",
                    ]
                },
                "Action": ["oam:CreateLink", "oam:UpdateLink"],
                "Resource": "*",
                "Condition": {"ForAllValues:StringEquals": {"oam:ResourceTypes": [METRICS]}},
            }
        ],
    }


def test_should_let_an_organizations_accounts_share_metrics(organization_sink: JsonObject) -> None:
    (statement,) = policy_of(organization_sink)["Statement"]

    assert statement["Principal"] == {"AWS": "*"}
    assert statement["Condition"] == {
        "ForAllValues:StringEquals": {"oam:ResourceTypes": [METRICS]},
        "StringEquals": {"aws:PrincipalOrgID": ORGANIZATION},
    }


def test_should_share_only_metrics_of_the_namespaces(link: JsonObject) -> None:
    whole, narrow = resources(link, "AWS::Oam::Link").values()

    assert whole == {
        "SinkIdentifier": SINK,
        "ResourceTypes": [METRICS],
        "LabelTemplate": "$AccountName",
        "LinkConfiguration": {
            "MetricConfiguration": {
                "Filter": "Namespace IN ('AWS/States', 'AWS/Lambda', 'AWS/Bedrock', 'StepFunctionsAtScale')"
            }
        },
    }
    assert narrow["LinkConfiguration"] == {"MetricConfiguration": {"Filter": "Namespace IN ('AWS/States')"}}


def test_should_share_the_metrics_of_every_quota() -> None:
    quotas = (*QUOTAS, S3_SLOW_DOWN, lambda_concurrency("orders"), bedrock_throttles("amazon.nova-lite-v1:0"))
    values = [getattr(quota, field.name) for quota in quotas for field in fields(quota)]

    assert {value.namespace for value in values if isinstance(value, Metric)} == set(DEFAULT_NAMESPACES)


@pytest.fixture(scope="module")
def simulation(accounts_sink: JsonObject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolicySimulation]:
    """Of no template: a sink's ARN isn't known before it is made, so the tests bring policy and ARN together."""
    with PolicySimulator.start() as simulator:
        yield simulator.simulate(make_app().synth().directory)


def links(
    simulation: PolicySimulation,
    policy: JsonObject,
    *,
    account: str = SOURCE,
    action: str = "oam:CreateLink",
    types: tuple[str, ...] | None = (METRICS,),
    organization: str | None = None,
) -> bool:
    """Whether an administrator of the account may."""
    decision = simulation.with_resource_policy(SINK, policy).allows(
        f"arn:aws:iam::{account}:role/deployer",
        action,
        SINK,
        organization_id=organization,
        identity_policies=PolicySimulation.ADMINISTRATOR,
        context=None if types is None else {"oam:ResourceTypes": list(types)},
    )
    return bool(decision)


BY_ACCOUNT: dict[str, tuple[bool, dict[str, Any]]] = {
    "a source account": (True, {}),
    "the other source account": (True, {"account": OTHER_SOURCE}),
    "a stranger": (False, {"account": STRANGER}),
    "logs": (False, {"types": (LOGS,)}),
    "logs beside the metrics": (False, {"types": (METRICS, LOGS)}),
    "the sink itself": (False, {"action": "oam:DeleteSink", "types": None}),
}
BY_ORGANIZATION: dict[str, tuple[bool, dict[str, Any]]] = {
    "an account of the organization": (True, {"organization": ORGANIZATION}),
    "an account of another organization": (False, {"organization": "o-z9y8x7w6v5"}),
    "an account of one with a longer id": (False, {"organization": f"{ORGANIZATION}6"}),
    "an account of one in capitals": (False, {"organization": ORGANIZATION.upper()}),
    "an account of none": (False, {}),
    "logs": (False, {"organization": ORGANIZATION, "types": (METRICS, LOGS)}),
    "the sink itself": (False, {"organization": ORGANIZATION, "action": "oam:DeleteSink", "types": None}),
}
# UpdateLink is done on a link, which has no policy: the whole statement is compared instead. Both calls need a type. An
# organization's sink trusts everybody whom its conditions let pass.
EQUIVALENT = {
    "1: drop an action oam:UpdateLink",
    "1: match what is missing oam:ResourceTypes by ForAllValues:StringEqualsIfExists",
    "1: trust everybody",
}


def resolved(template: JsonObject) -> JsonObject:
    policy: JsonObject = policy_of(template)
    for statement in policy["Statement"]:
        principals = statement["Principal"]["AWS"]
        statement["Principal"]["AWS"] = [
            principal.replace("${AWS::Partition}", "aws")
            for principal in ([principals] if isinstance(principals, str) else principals)
        ]
    return policy


def wrong(
    simulation: PolicySimulation, policy: JsonObject, requests: dict[str, tuple[bool, dict[str, Any]]]
) -> list[str]:
    return [
        name for name, (expected, request) in requests.items() if links(simulation, policy, **request) is not expected
    ]


def test_should_keep_all_other_accounts_and_data_out(
    simulation: PolicySimulation, accounts_sink: JsonObject, organization_sink: JsonObject
) -> None:
    assert wrong(simulation, resolved(accounts_sink), BY_ACCOUNT) == []
    assert wrong(simulation, resolved(organization_sink), BY_ORGANIZATION) == []


def test_should_notice_each_change_of_the_policy(
    simulation: PolicySimulation, accounts_sink: JsonObject, organization_sink: JsonObject
) -> None:
    survivors = {
        mutant.name
        for template, requests in ((accounts_sink, BY_ACCOUNT), (organization_sink, BY_ORGANIZATION))
        for mutant in mutants_of(resolved(template))
        if not wrong(simulation, mutant.document, requests)
    }

    assert survivors == EQUIVALENT


@pytest.fixture(scope="module")
def stack() -> Stack:
    return make_stack(MONITORING)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, r"source_accounts is \[\]; allowed: accounts, or none where organization_id is given"),
        ({"source_accounts": [SOURCE], "organization_id": ORGANIZATION}, "Give one of the two"),
        ({"source_accounts": SOURCE}, f"source_accounts is '{SOURCE}'; allowed: accounts of 12 digits, each once"),
        ({"source_accounts": ["2222"]}, r"source_accounts is \['2222'\]; allowed: accounts of 12 digits"),
        ({"source_accounts": [222222222222]}, r"source_accounts is \[222222222222\]; allowed: accounts of 12 digits"),
        ({"source_accounts": ["*"]}, r"source_accounts is \['\*'\]; allowed: accounts of 12 digits"),
        ({"source_accounts": [SOURCE, SOURCE]}, "allowed: accounts of 12 digits, each once"),
        ({"source_accounts": [SOURCE, MONITORING]}, f"allowed: other accounts than the sink's, {MONITORING}"),
        ({"organization_id": "o-*"}, r"organization_id is 'o-\*'; allowed: an organization's id, o-a1b2c3d4e5"),
    ],
    ids=str,
)
def test_should_refuse_a_sink_for_whom_it_cannot_be(stack: Stack, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^Stack/Sink: [^\n]*{message}[^\n]*$"):
        MonitoringAccountSink(stack, "Sink", **given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sink_arn": "sink"}, "sink_arn is 'sink'; allowed: a sink's ARN"),
        ({"sink_arn": SINK.replace("sink/", "link/")}, "allowed: a sink's ARN"),
        ({"sink_arn": f"{SINK}\n"}, "allowed: a sink's ARN"),
        ({"sink_arn": None}, "sink_arn is None; allowed: a sink's ARN"),
        ({"sink_arn": SINK.replace("us-east-1", "eu-west-1")}, "allowed: a sink of the stack's Region, us-east-1"),
        ({"sink_arn": SINK}, f"allowed: a sink of another account than the stack's, {MONITORING}"),
        ({"namespaces": []}, r"namespaces is \[\]; allowed: .*at least one"),
        ({"namespaces": "AWS/States"}, "namespaces is 'AWS/States'; allowed: CloudWatch namespaces"),
        ({"namespaces": ["AWS/States", "AWS/States"]}, "allowed: CloudWatch namespaces, such as AWS/States, each once"),
        ({"namespaces": ["x') OR Namespace LIKE '%"]}, "allowed: CloudWatch namespaces"),
        ({"namespaces": [*(f"{number:0200}" for number in range(9)), "x" * 148]}, "at most 2,000 characters"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_should_refuse_a_link_that_cannot_be(stack: Stack, given: dict[str, Any], message: str) -> None:
    arguments = {"sink_arn": SINK.replace(MONITORING, SOURCE)} | given
    with pytest.raises(ValueError, match=rf"^Stack/Link: [^\n]*{message}[^\n]*$"):
        SourceAccountLink(stack, "Link", **arguments)


def test_should_leave_to_the_deployment_what_only_it_knows() -> None:
    anywhere = make_stack(None, None)
    MonitoringAccountSink(anywhere, "Sink", source_accounts=[MONITORING, Aws.ACCOUNT_ID])
    SourceAccountLink(anywhere, "Link", sink_arn=SINK)
    SourceAccountLink(anywhere, "Other", sink_arn=Fn.import_value("SinkArn"))

    _, other = resources(template_of(anywhere), "AWS::Oam::Link").values()
    assert other["SinkIdentifier"] == {"Fn::ImportValue": "SinkArn"}
