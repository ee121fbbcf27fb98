"""Every keyword of every public construct changes the template: none is accepted and then ignored."""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

import constructs_lib
from constructs_lib import (
    AccessDeniedAlarm,
    AlarmTopic,
    CallbackRole,
    ChildFailure,
    ChildWorkflow,
    ExecutionAlarms,
    GsodSource,
    ItemFormat,
    LoadDriver,
    LoadProfile,
    MetricSource,
    MonitoringAccountSink,
    NestedExpressWorkflow,
    NestedWorkflow,
    NestedWorkflowWithCallback,
    ObjectSource,
    OpenMapRunLoad,
    QuotaAlarms,
    QuotaDashboard,
    ReportedWork,
    ReportHeartbeat,
    RetryPolicy,
    RetryRule,
    ReviewClassifier,
    ReviewIntake,
    S3DistributedMap,
    SourceAccountLink,
    StateItems,
    StateTransitionLoad,
    TargetRole,
    WatchedWorkflow,
    WindSpeedWorkflow,
    WorkflowIdentity,
    WorkflowRole,
)
from constructs_lib.quotas.catalogue import MAP_RUNS, OPEN_EXECUTIONS, STATE_TRANSITIONS
from tests.cdk import make_app, template_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Parts:
    """A stack with one of each thing that a construct can be given."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "bucket")
        self.other_bucket = s3.Bucket.from_bucket_name(stack, "OtherBucket", "other-bucket")
        self.function = self._function("Function")
        self.other_function = self._function("OtherFunction")
        self.machine = self._machine("Machine")
        self.other_machine = self._machine("OtherMachine")
        self.topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:us-east-1:111111111111:topic")
        self.other_topic = sns.Topic.from_topic_arn(stack, "OtherTopic", "arn:aws:sns:us-east-1:111111111111:other")

    def watched(self, name: str = "Machine", *, map_labels: Sequence[str] = ()) -> WatchedWorkflow:
        return WatchedWorkflow(name=name, state_machine=self.machine, map_labels=map_labels)

    def transitions(self, transitions: int) -> StateTransitionLoad:
        return StateTransitionLoad(self.stack, f"Transitions{transitions}", transitions=transitions)

    def _function(self, name: str) -> lambda_.IFunction:
        arn = f"arn:aws:lambda:us-east-1:111111111111:function:{name}"
        return lambda_.Function.from_function_arn(self.stack, name, arn)

    def _machine(self, name: str) -> sfn.IStateMachine:
        arn = f"arn:aws:states:us-east-1:111111111111:stateMachine:{name}"
        return sfn.StateMachine.from_state_machine_arn(self.stack, name, arn)


PARENT, OTHER_PARENT = (
    WorkflowIdentity(account="111111111111", state_machine_name=name) for name in ("parent", "other-parent")
)
CHILD = ChildWorkflow.in_account(account="222222222222", state_machine_name="child")
EXPRESS_CHILD = ChildWorkflow.in_account(
    account="222222222222", state_machine_name="child", child_type=sfn.StateMachineType.EXPRESS
)
OTHER_RETRIES = RetryPolicy((RetryRule(errors=("Other",), max_attempts=1),))
SINK = "arn:aws:oam:us-east-1:999999999999:sink/1234abcd-12ab-34cd-56ef-1234567890ab"
PROFILE = LoadProfile.evenly(starts=10, seconds=10)
KEY = "arn:aws:kms:us-east-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab"

# The keywords that must be given, and for each keyword a value that isn't its default.
REQUIRED: dict[type, dict[str, Callable[[Parts], Any]]] = {
    S3DistributedMap: {
        "source": lambda parts: ObjectSource.from_listing(parts.bucket),
        "processor": lambda parts: parts.function,
        "results_bucket": lambda parts: parts.bucket,
    },
    WindSpeedWorkflow: {"source": lambda parts: GsodSource.noaa()},
    AlarmTopic: {},
    ExecutionAlarms: {"state_machine": lambda parts: parts.machine, "topic": lambda parts: parts.topic},
    AccessDeniedAlarm: {"topic": lambda parts: parts.topic},
    WorkflowRole: {"identity": lambda parts: PARENT},
    TargetRole: {"child": lambda parts: parts.machine, "callers": lambda parts: [PARENT]},
    CallbackRole: {"parent": lambda parts: parts.machine, "callers": lambda parts: [PARENT]},
    NestedWorkflow: {"child": lambda parts: CHILD},
    NestedWorkflowWithCallback: {"child": lambda parts: CHILD, "heartbeat": lambda parts: Duration.minutes(5)},
    NestedExpressWorkflow: {"child": lambda parts: EXPRESS_CHILD},
    ChildFailure: {},
    ReportHeartbeat: {"parent": lambda parts: PARENT},
    ReportedWork: {"parent": lambda parts: PARENT, "work": lambda parts: sfn.Pass.jsonata(parts.stack, "Work")},
    ReviewClassifier: {},
    ReviewIntake: {"child": lambda parts: CHILD, "identity": lambda parts: PARENT},
    # Few quotas: it is the keywords that are to be seen.
    QuotaAlarms: {"topic": lambda parts: parts.topic, "quotas": lambda parts: [OPEN_EXECUTIONS]},
    QuotaDashboard: {},
    MonitoringAccountSink: {"source_accounts": lambda parts: ["222222222222"]},
    SourceAccountLink: {"sink_arn": lambda parts: SINK},
    StateTransitionLoad: {"transitions": lambda parts: 100},
    OpenMapRunLoad: {"hold": lambda parts: Duration.minutes(1)},
    LoadDriver: {"target": lambda parts: parts.transitions(100), "profile": lambda parts: PROFILE},
}
OTHERS: dict[type, dict[str, Callable[[Parts], Any]]] = {
    S3DistributedMap: {
        "source": lambda parts: ObjectSource.from_csv(parts.bucket, key="index.csv"),
        "processor": lambda parts: parts.other_function,
        "results_bucket": lambda parts: parts.other_bucket,
        "results_prefix": lambda parts: "elsewhere",
        "max_items_per_batch": lambda parts: 10,
        "max_input_bytes_per_batch": lambda parts: 1000,
        "batch_input": lambda parts: {"unit": "mph"},
        "max_concurrency": lambda parts: 10,
        "tolerated_failure_percentage": lambda parts: 10,
        "tolerated_failure_count": lambda parts: 10,
        "child_type": lambda parts: sfn.StateMachineType.STANDARD,
        "label": lambda parts: "Other",
        "item_selector": lambda parts: {"other": "{% $states.context.Map.Item.Value %}"},
        "retry_policy": lambda parts: RetryPolicy((RetryRule(errors=("Other",), max_attempts=1),)),
        "reducer": lambda parts: parts.other_function,
    },
    WindSpeedWorkflow: {
        "source": lambda parts: GsodSource.bucket(parts.bucket),
        "unit": lambda parts: "mph",
        "years": lambda parts: [2024],
        "batch_size": lambda parts: 10,
        "max_concurrency": lambda parts: 10,
        "tolerated_failure_percentage": lambda parts: 10,
        "processor": lambda parts: sfn.Pass.jsonata(parts.stack, "Other"),
        "results_retention": lambda parts: Duration.days(10),
        "removal_policy": lambda parts: RemovalPolicy.DESTROY,
        "log_retention": lambda parts: logs.RetentionDays.ONE_DAY,
        "include_execution_data": lambda parts: True,
    },
    AlarmTopic: {"email": lambda parts: "other@example.com"},
    ExecutionAlarms: {"state_machine": lambda parts: parts.other_machine, "topic": lambda parts: parts.other_topic},
    AccessDeniedAlarm: {
        "topic": lambda parts: parts.other_topic,
        "runbook": lambda parts: "https://wiki.example.com/denied",
    },
    WorkflowRole: {"identity": lambda parts: OTHER_PARENT},
    TargetRole: {
        "child": lambda parts: parts.other_machine,
        "callers": lambda parts: [OTHER_PARENT],
        "role_name": lambda parts: "other",
        "integration_pattern": lambda parts: sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
        "organization_id": lambda parts: "o-a1b2c3d4e5",
        "child_key": lambda parts: kms.Key.from_key_arn(parts.stack, "Key", KEY),
    },
    CallbackRole: {
        "parent": lambda parts: parts.other_machine,
        "callers": lambda parts: [OTHER_PARENT],
        "role_name": lambda parts: "other",
        "token_resource": lambda parts: "*",
        "organization_id": lambda parts: "o-a1b2c3d4e5",
    },
    NestedWorkflow: {
        "child": lambda parts: ChildWorkflow.in_this_account(parts.machine),
        "input": lambda parts: {"other": 1},
        "timeout": lambda parts: Duration.minutes(10),
        "retry_policy": lambda parts: OTHER_RETRIES,
        "outputs": lambda parts: {"other": 1},
        "assign": lambda parts: {"other": 1},
    },
    NestedWorkflowWithCallback: {
        "child": lambda parts: ChildWorkflow.in_this_account(parts.machine),
        "heartbeat": lambda parts: Duration.minutes(10),
        "input": lambda parts: {"other": 1},
        "timeout": lambda parts: Duration.minutes(10),
        "retry_policy": lambda parts: OTHER_RETRIES,
        "outputs": lambda parts: {"other": 1},
        "assign": lambda parts: {"other": 1},
    },
    NestedExpressWorkflow: {
        "child": lambda parts: ChildWorkflow.in_account(
            account="333333333333", state_machine_name="child", child_type=sfn.StateMachineType.EXPRESS
        ),
        "input": lambda parts: {"other": 1},
        "timeout": lambda parts: Duration.minutes(1),
        "retry_policy": lambda parts: OTHER_RETRIES,
        "on_failure": lambda parts: sfn.Pass.jsonata(parts.stack, "Other"),
    },
    ChildFailure: {},
    ReportHeartbeat: {"parent": lambda parts: OTHER_PARENT, "callback_role_name": lambda parts: "other"},
    ReportedWork: {
        "parent": lambda parts: OTHER_PARENT,
        "work": lambda parts: sfn.Pass.jsonata(parts.stack, "Other"),
        "callback_role_name": lambda parts: "other",
    },
    ReviewClassifier: {
        "state_machine_name": lambda parts: "other",
        "model_id": lambda parts: "eu.amazon.nova-lite-v1:0",
        "topic": lambda parts: parts.topic,
        "retry_policy": lambda parts: OTHER_RETRIES,
        "timeout": lambda parts: Duration.minutes(5),
        "removal_policy": lambda parts: RemovalPolicy.DESTROY,
        "log_retention": lambda parts: logs.RetentionDays.ONE_DAY,
        "include_execution_data": lambda parts: True,
    },
    ReviewIntake: {
        "child": lambda parts: ChildWorkflow.in_this_account(parts.machine),
        "identity": lambda parts: OTHER_PARENT,
        "fake": lambda parts: sfn.Pass.jsonata(parts.stack, "Other"),
        "real": lambda parts: sfn.Pass.jsonata(parts.stack, "Other"),
        "unsure": lambda parts: sfn.Pass.jsonata(parts.stack, "Other"),
        "timeout": lambda parts: Duration.minutes(5),
        "log_retention": lambda parts: logs.RetentionDays.ONE_DAY,
        "include_execution_data": lambda parts: True,
    },
    QuotaAlarms: {
        "topic": lambda parts: parts.other_topic,
        "quotas": lambda parts: [MAP_RUNS],
        "workflows": lambda parts: [parts.watched()],
        "runbook": lambda parts: "https://wiki.example.com/quotas",
    },
    QuotaDashboard: {
        "alarms": lambda parts: QuotaAlarms(parts.stack, "Alarms", topic=parts.topic, quotas=[MAP_RUNS]),
        "quotas": lambda parts: [MAP_RUNS],
        "workflows": lambda parts: [parts.watched()],
        "sources": lambda parts: [MetricSource(label="Other", account="222222222222")],
        "dashboard_name": lambda parts: "other",
    },
    MonitoringAccountSink: {
        "source_accounts": lambda parts: ["333333333333"],
        "organization_id": lambda parts: "o-a1b2c3d4e5",
    },
    SourceAccountLink: {
        "sink_arn": lambda parts: SINK.replace("1234abcd", "abcd1234"),
        "namespaces": lambda parts: ["AWS/States"],
    },
    StateTransitionLoad: {"transitions": lambda parts: 101},
    OpenMapRunLoad: {"hold": lambda parts: Duration.minutes(2)},
    LoadDriver: {
        "target": lambda parts: parts.transitions(101),
        "profile": lambda parts: LoadProfile.evenly(starts=11, seconds=10),
        "max_dollars": lambda parts: 5,
        "ends_at": lambda parts: datetime.now(tz=UTC) + timedelta(days=1),
    },
}

# What a keyword needs beside it, and what may not be given there.
BESIDE: dict[tuple[type, str], str] = {(S3DistributedMap, "batch_input"): "max_items_per_batch"}
IN_ITS_PLACE: dict[tuple[type, str], str] = {(MonitoringAccountSink, "organization_id"): "source_accounts"}


def without_stack_name(stack: Stack) -> str:
    """The template as text, alike for stacks that differ in their names only."""
    return re.sub(r"/aws/vendedlogs/states/\w+", "<log group>", str(template_of(stack)))


def keywords(construct: type) -> set[str]:
    parameters = inspect.signature(construct.__init__).parameters.values()  # type: ignore[misc]
    return {parameter.name for parameter in parameters if parameter.kind is inspect.Parameter.KEYWORD_ONLY}


@pytest.fixture(scope="module")
def templates() -> Mapping[tuple[type, str | None], str]:
    """The template of each construct with one other keyword, and with none; all of them stacks of one app."""
    app = make_app()
    stacks = {}
    for construct, required in REQUIRED.items():
        for keyword in (None, *OTHERS[construct]):
            stack = Stack(app, f"{construct.__name__}-{keyword or 'none'}".replace("_", "-"))
            parts = Parts(stack)
            given = dict(required)
            if keyword is not None:
                given[keyword] = OTHERS[construct][keyword]
                if (construct, keyword) in BESIDE:
                    given[BESIDE[construct, keyword]] = OTHERS[construct][BESIDE[construct, keyword]]
                given.pop(IN_ITS_PLACE.get((construct, keyword), ""), None)
            made = construct(stack, "Construct", **{name: value(parts) for name, value in given.items()})
            if isinstance(made, sfn.StateMachineFragment | sfn.State):
                sfn.StateMachine(
                    stack,
                    "StateMachine",
                    # What a state that assumes a role of another account needs.
                    state_machine_name="named",
                    role=iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111111111111:role/named"),
                    definition_body=sfn.DefinitionBody.from_chainable(made),
                    query_language=sfn.QueryLanguage.JSONATA,
                )
            stacks[construct, keyword] = stack
    return {key: without_stack_name(stack) for key, stack in stacks.items()}


def test_should_know_every_public_construct() -> None:
    public = [getattr(constructs_lib, name) for name in constructs_lib.__all__]
    constructs = {item for item in public if isinstance(item, type) and issubclass(item, Construct)}
    assert constructs == set(OTHERS) == set(REQUIRED)


@pytest.mark.parametrize("construct", OTHERS, ids=lambda construct: construct.__name__)
def test_should_know_every_keyword(construct: type) -> None:
    assert set(OTHERS[construct]) == keywords(construct)


@pytest.mark.parametrize(
    ("construct", "keyword"),
    [(construct, keyword) for construct in OTHERS for keyword in OTHERS[construct]],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_should_change_the_template_by_each_keyword(
    templates: Mapping[tuple[type, str | None], str], construct: type, keyword: str
) -> None:
    assert templates[construct, keyword] != templates[construct, BESIDE.get((construct, keyword))]


def test_should_have_the_same_template_for_the_same_keywords() -> None:
    """Else the test above couldn't fail."""
    app = make_app()
    stacks = [Stack(app, name) for name in ("One", "Two")]
    for stack in stacks:
        WindSpeedWorkflow(stack, "Construct", source=GsodSource.noaa())
    one, two = map(without_stack_name, stacks)
    assert one == two


SOURCES: dict[str, dict[str, Callable[[Parts], Any]]] = {
    "from_listing": {
        "bucket": lambda parts: parts.other_bucket,
        "prefix": lambda parts: "2024/",
        "max_items": lambda parts: 5,
    },
    "from_csv": {
        "bucket": lambda parts: parts.other_bucket,
        "key": lambda parts: "other.csv",
        "column": lambda parts: "other",
        "headers": lambda parts: ["key", "other"],
        "delimiter": lambda parts: "TAB",
        "max_items": lambda parts: "$limit",
    },
    "from_file": {
        "bucket": lambda parts: parts.other_bucket,
        "key": lambda parts: "other.jsonl",
        "item_format": lambda parts: ItemFormat.parquet(),
        "max_items": lambda parts: 5,
    },
    "from_contents": {
        "bucket": lambda parts: parts.other_bucket,
        "prefix": lambda parts: "other/",
        "item_format": lambda parts: ItemFormat.csv(),
        "max_items": lambda parts: 5,
    },
    "from_inventory": {
        "bucket": lambda parts: parts.other_bucket,
        "manifest_key": lambda parts: "images/daily/other/manifest.json",
        "max_items": lambda parts: 5,
    },
    "from_athena": {
        "bucket": lambda parts: parts.other_bucket,
        "manifest_key": lambda parts: "other-manifest.csv",
        "data_prefix": lambda parts: "other/",
        "item_format": lambda parts: ItemFormat.csv(headers=["a"]),
        "data_bucket": lambda parts: parts.other_bucket,
        "max_items": lambda parts: 5,
    },
}
NEEDED: dict[str, Callable[[Parts], Any]] = {
    "bucket": lambda parts: parts.bucket,
    "key": lambda parts: "index",
    "manifest_key": lambda parts: "images/daily/2024-01-01T01-00Z/manifest.json",
    "data_prefix": lambda parts: "unloaded/",
    "item_format": lambda parts: ItemFormat.json_lines(),
}


def test_should_know_every_source() -> None:
    assert {name for name in vars(ObjectSource) if name.startswith("from_")} == set(SOURCES)


@pytest.mark.parametrize("factory", SOURCES)
def test_should_change_the_map_by_each_argument_of_a_source(factory: str) -> None:
    parts = Parts(Stack(make_app(), "Stack"))
    make = getattr(ObjectSource, factory)
    assert set(SOURCES[factory]) == set(inspect.signature(make).parameters)

    def rendered(**others: Any) -> object:
        needed = {name: value(parts) for name, value in NEEDED.items() if name in SOURCES[factory]} | others
        source = make(needed.pop("bucket"), **needed)
        statements = [statement.to_json() for statement in source.provide_policy_statements()]
        return source.render(), statements, source.item_key

    seen = [rendered(), *(rendered(**{name: other(parts)}) for name, other in SOURCES[factory].items())]
    assert all(seen.count(one) == 1 for one in seen)


def test_should_change_the_map_by_each_argument_of_a_format_and_of_state_items() -> None:
    configs = [
        ItemFormat.csv().reader_config,
        ItemFormat.csv(headers=["a"]).reader_config,
        ItemFormat.csv(delimiter="PIPE").reader_config,
        ItemFormat.json().reader_config,
        ItemFormat.json(items_pointer="/a").reader_config,
        ItemFormat.json_lines().reader_config,
        ItemFormat.parquet().reader_config,
    ]
    assert all(configs.count(one) == 1 for one in configs)
    items = [StateItems("$a"), StateItems("$b"), StateItems("$a", max_items=5)]
    assert len({one.provide().items for one in items}) == 3


def test_should_change_the_workflow_by_each_argument_of_a_source() -> None:
    app = make_app()
    sources: list[Callable[[s3.IBucket], GsodSource]] = [
        lambda bucket: GsodSource.noaa(),
        lambda bucket: GsodSource.noaa(sample=True),
        GsodSource.bucket,
        lambda bucket: GsodSource.bucket(bucket, "gsod/"),
        lambda bucket: GsodSource.bucket(bucket, sample=True),
    ]
    stacks = [Stack(app, f"Stack{number}") for number in range(len(sources))]
    for stack, source in zip(stacks, sources, strict=True):
        WindSpeedWorkflow(stack, "Construct", source=source(s3.Bucket.from_bucket_name(stack, "Bucket", "bucket")))
    assert len({without_stack_name(stack) for stack in stacks}) == len(stacks) == 5


def test_should_change_the_dashboard_by_each_field_of_what_it_shows() -> None:
    app = make_app()
    shown: list[Callable[[Parts], Mapping[str, Any]]] = [
        lambda parts: {"sources": [MetricSource(label="One")]},
        lambda parts: {"sources": [MetricSource(label="Other")]},
        lambda parts: {"sources": [MetricSource(label="One", account="222222222222")]},
        lambda parts: {"sources": [MetricSource(label="One", region="eu-west-1")]},
        lambda parts: {"workflows": [parts.watched()]},
        lambda parts: {"workflows": [parts.watched("Other")]},
        lambda parts: {"workflows": [parts.watched(map_labels=["Each"])]},
        lambda parts: {"workflows": [WatchedWorkflow(name="Machine", state_machine=parts.other_machine)]},
    ]
    stacks = [Stack(app, f"Stack{number}") for number in range(len(shown))]
    for stack, arguments in zip(stacks, shown, strict=True):
        QuotaDashboard(stack, "Construct", quotas=[STATE_TRANSITIONS], **arguments(Parts(stack)))
    templates = {re.sub(r"Stack\d", "Stack", without_stack_name(stack)) for stack in stacks}
    assert len(templates) == len(stacks)
