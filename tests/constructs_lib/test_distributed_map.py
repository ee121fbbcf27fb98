from __future__ import annotations

import json
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Duration, Environment, Stack, Token
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

from constructs_lib import (
    ItemFormat,
    KeyExpression,
    ObjectSource,
    RetryPolicy,
    RetryRule,
    S3DistributedMap,
    StateItems,
)
from constructs_lib.distributed_map import RETRIES_OUTLAST_CHILD
from tests.cdk import definition_of, make_app, only, shown, statements_of, states_in, template_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Job:
    """A stack with what a map needs; `run` makes the map, and a state machine of it."""

    def __init__(self, env: Environment | None = None, *, app: App | None = None) -> None:
        self.stack = Stack(app or make_app(), "Jobs", env=env)
        self.objects = s3.Bucket(self.stack, "Objects")
        self.results = s3.Bucket(self.stack, "Results")
        self.process = self.function("Process")

    def function(self, name: str, **kwargs: Any) -> lambda_.Function:
        return lambda_.Function(
            self.stack,
            name,
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline("def handler(event, context): return event"),
            **kwargs,
        )

    def map(self, *, construct_id: str = "Scan images", **kwargs: Any) -> S3DistributedMap:
        defaults: dict[str, Any] = {
            "source": ObjectSource.from_listing(self.objects),
            "processor": self.process,
            "results_bucket": self.results,
        }
        return S3DistributedMap(self.stack, construct_id, **(defaults | kwargs))

    def machine(self, definition: sfn.IChainable) -> sfn.StateMachine:
        return sfn.StateMachine(
            self.stack,
            "Machine",
            definition_body=sfn.DefinitionBody.from_chainable(definition),
            query_language=sfn.QueryLanguage.JSONATA,
        )

    def template(self, **kwargs: Any) -> dict[str, Any]:
        self.machine(self.map(**kwargs))
        return template_of(self.stack)


def logical_id(template: Mapping[str, Any], prefix: str) -> str:
    """The one logical id that is `prefix` with CDK's hash."""
    (found,) = (name for name in template["Resources"] if name.startswith(prefix) and len(name) == len(prefix) + 8)
    return str(found)


def test_should_be_a_map_state_with_only_what_was_asked_for() -> None:
    template = Job().template()
    definition = definition_of(template)
    results, process = logical_id(template, "Results"), logical_id(template, "Process")
    retry = definition["States"]["Scan images"]["ItemProcessor"]["States"]["Scan images: process"].pop("Retry")
    assert [rule["MaxAttempts"] for rule in retry] == [10, 6, 5, 1]
    assert {rule["JitterStrategy"] for rule in retry} == {"FULL"}
    assert {rule["MaxDelaySeconds"] for rule in retry} == {20}
    assert definition == {
        "QueryLanguage": "JSONata",
        "StartAt": "Scan images",
        "States": {
            "Scan images": {
                "Type": "Map",
                "Label": "ScanImages",
                "End": True,
                "ItemReader": {
                    "Resource": "arn:${AWS::Partition}:states:::s3:listObjectsV2",
                    "Arguments": {"Bucket": f"${{{logical_id(template, 'Objects')}}}"},
                },
                "ItemSelector": {"key": "{% $states.context.Map.Item.Value.Key %}"},
                "MaxConcurrency": 200,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
                    "StartAt": "Scan images: process",
                    "States": {
                        "Scan images: process": {
                            "Type": "Task",
                            "QueryLanguage": "JSONata",
                            "Resource": "arn:${AWS::Partition}:states:::lambda:invoke",
                            "Arguments": {"FunctionName": f"${{{process}.Arn}}", "Payload": "{% $states.input %}"},
                            "Output": "{% $states.result.Payload %}",
                            "End": True,
                        }
                    },
                },
                "ResultWriter": {
                    "Resource": "arn:${AWS::Partition}:states:::s3:putObject",
                    "Arguments": {"Bucket": f"${{{results}}}", "Prefix": "ScanImages"},
                    "WriterConfig": {"OutputType": "JSONL", "Transformation": "COMPACT"},
                },
            }
        },
    }


def test_should_take_all_that_a_job_can_ask_for() -> None:
    job = Job()
    source = ObjectSource.from_csv(
        job.objects,
        key=KeyExpression(jsonata="$states.input.index", pattern="indexes/*.csv"),
        column="object key",
        max_items="$states.input.limit",
    )
    template = job.template(
        source=source,
        results_prefix="scans/results",
        max_items_per_batch=100,
        max_input_bytes_per_batch=65_536,
        batch_input={"unit": "{% $states.input.unit %}", "fixed": [1]},
        max_concurrency=10_000,
        tolerated_failure_percentage=2.5,
        tolerated_failure_count=7,
        child_type=sfn.StateMachineType.STANDARD,
        label="Scan",
        item_selector={"path": "{% $states.context.Map.Item.Value.path %}", "fixed": 1},
        retry_policy=RetryPolicy((RetryRule(errors=("Busy",), max_attempts=2),)),
        reducer=job.function("Reduce"),
    )
    states = definition_of(template)["States"]
    scan = states["Scan images"]
    assert scan["ItemReader"] == {
        "Resource": "arn:${AWS::Partition}:states:::s3:getObject",
        "ReaderConfig": {
            "InputType": "CSV",
            "CSVHeaderLocation": "FIRST_ROW",
            "MaxItems": "{% $states.input.limit %}",
        },
        "Arguments": {
            "Bucket": f"${{{logical_id(template, 'Objects')}}}",
            "Key": "{% $states.input.index %}",
        },
    }
    assert scan["ItemSelector"] == {"path": "{% $states.context.Map.Item.Value.path %}", "fixed": 1}
    assert scan["ItemBatcher"] == {
        "MaxItemsPerBatch": 100,
        "MaxInputBytesPerBatch": 65_536,
        "BatchInput": {"unit": "{% $states.input.unit %}", "fixed": [1]},
    }
    assert scan["MaxConcurrency"] == 10_000
    assert scan["ToleratedFailurePercentage"] == 2.5
    assert scan["ToleratedFailureCount"] == 7
    assert scan["Label"] == "Scan"
    assert scan["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert scan["ResultWriter"]["Arguments"]["Prefix"] == "scans/results"
    assert scan["Next"] == "Scan images: reduce"
    reduce = states["Scan images: reduce"]
    assert reduce["Arguments"]["Payload"] == "{% $states.input %}"
    busy = {
        "ErrorEquals": ["Busy"],
        "MaxAttempts": 2,
        "IntervalSeconds": 1,
        "BackoffRate": 2,
        "MaxDelaySeconds": 20,
        "JitterStrategy": "FULL",
    }
    assert reduce["Retry"] == [busy]
    assert scan["ItemProcessor"]["States"]["Scan images: process"]["Retry"] == [busy]
    assert "Retry" not in scan  # it would begin a new map run over everything
    assert "Catch" not in scan  # redrive would skip the map run


def test_should_run_a_chain_of_states_on_each_batch() -> None:
    job = Job()
    chain = sfn.Pass.jsonata(job.stack, "First").next(sfn.Pass.jsonata(job.stack, "Second"))
    after = sfn.Pass.jsonata(job.stack, "Third").next(sfn.Pass.jsonata(job.stack, "Fourth"))
    scan = job.map(processor=chain, reducer=after)
    job.machine(scan.next(sfn.Succeed.jsonata(job.stack, "Done")))
    definition = definition_of(template_of(job.stack))
    assert definition["States"]["Scan images"]["ItemProcessor"]["StartAt"] == "First"
    assert set(states_in(definition)) == {"Scan images", "First", "Second", "Third", "Fourth", "Done"}
    assert definition["States"]["Fourth"]["Next"] == "Done"


def test_should_stand_anywhere_in_a_definition_and_twice() -> None:
    job = Job()
    first = job.map()
    second = S3DistributedMap(
        job.stack,
        "Scan others",
        source=ObjectSource.from_listing(job.objects),
        processor=job.process,
        results_bucket=job.results,
    )
    choice = sfn.Choice.jsonata(job.stack, "Which").when(sfn.Condition.jsonata("{% $states.input.all %}"), first)
    job.machine(choice.otherwise(second))
    definition = definition_of(template_of(job.stack))
    assert definition["States"]["Which"]["Default"] == "Scan others"
    labels = [state["Label"] for state in states_in(definition).values() if state["Type"] == "Map"]
    assert sorted(labels) == ["ScanImages", "ScanOthers"]


def test_should_write_results_whatever_the_apps_feature_flags() -> None:
    flag = "@aws-cdk/aws-stepfunctions:useDistributedMapResultWriterV2"
    for context in ({}, {flag: False}):
        template = Job(app=make_app(context)).template()
        assert definition_of(template)["States"]["Scan images"]["ResultWriter"]["WriterConfig"]


def granted(template: Mapping[str, Any]) -> list[tuple[tuple[str, ...], tuple[str, ...], Any]]:
    """Actions, resources and condition of each statement of the state machine's role."""
    return [
        (tuple(statement["Action"]), tuple(statement["Resource"]), statement.get("Condition"))
        for role, statement in statements_of(dict(template))
        if role.startswith("MachineRole")
    ]


WRITER_ACTIONS = ("s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload")


def test_should_grant_a_listing_of_the_prefix_and_nothing_more() -> None:
    job = Job()
    template = job.template(source=ObjectSource.from_listing(job.objects, prefix="2024/"), results_prefix="scans")
    objects, results = logical_id(template, "Objects"), logical_id(template, "Results")
    process, machine = logical_id(template, "Process"), logical_id(template, "Machine")
    execution = (
        "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${6 of ${" + machine + "} by :}"
    )
    expected = [
        (WRITER_ACTIONS, (f"${{{results}.Arn}}/scans/*",), None),
        (("s3:ListBucket",), (f"${{{objects}.Arn}}",), {"StringEquals": {"s3:prefix": "2024/"}}),
        (("lambda:InvokeFunction",), (f"${{{process}.Arn}}",), None),
        (("states:StartExecution",), (f"${{{machine}}}",), None),
        (("states:DescribeExecution", "states:StopExecution"), (f"{execution}:*",), None),
        (("states:RedriveExecution",), (f"{execution}/ScanImages:*",), None),
    ]
    assert granted(template) == expected


def test_should_grant_the_index_alone() -> None:
    job = Job()
    key = KeyExpression(jsonata="$states.input.index", pattern="indexes/*.csv")
    template = job.template(source=ObjectSource.from_csv(job.objects, key=key))
    objects = logical_id(template, "Objects")
    reads = [entry for entry in granted(template) if f"${{{objects}.Arn}}" in entry[1][0]]
    assert reads == [(("s3:GetObject",), (f"${{{objects}.Arn}}/indexes/*.csv",), None)]


def test_should_grant_the_buckets_keys() -> None:
    job = Job()
    own, other = kms.Key(job.stack, "OwnKey"), kms.Key(job.stack, "OtherKey")
    index = s3.Bucket(job.stack, "Index", encryption_key=own)
    results = s3.Bucket(job.stack, "Kept", encryption_key=other)
    template = job.template(source=ObjectSource.from_csv(index, key="index.csv"), results_bucket=results)
    keys = [entry for entry in granted(template) if any(action.startswith("kms:") for action in entry[0])]
    assert sorted(keys) == [
        (("kms:Decrypt",), (f"${{{logical_id(template, 'OwnKey')}.Arn}}",), None),
        (("kms:GenerateDataKey", "kms:Decrypt"), (f"${{{logical_id(template, 'OtherKey')}.Arn}}",), None),
    ]


def test_should_count_the_childrens_failures_under_the_maps_label() -> None:
    job = Job()
    scan = job.map()
    machine = job.machine(scan)
    metric = scan.metric_children("ExecutionsFailed", state_machine=machine)
    assert metric.namespace == "AWS/States"
    assert metric.metric_name == "ExecutionsFailed"
    assert metric.dimensions == {"StateMachineArn": f"{machine.state_machine_arn}/ScanImages"}
    assert metric.statistic == "Sum"
    assert metric.period.to_seconds() == 60


SLOW = RetryPolicy((RetryRule(errors=("Busy",), max_attempts=9),))


@pytest.mark.parametrize(
    ("timeout", "child_type", "warns"),
    [
        (60, sfn.StateMachineType.EXPRESS, True),
        (60, sfn.StateMachineType.STANDARD, False),
        (1, sfn.StateMachineType.EXPRESS, False),
    ],
)
def test_should_warn_of_retries_that_an_express_child_has_no_time_for(
    timeout: int, child_type: sfn.StateMachineType, warns: bool
) -> None:
    job = Job()
    function = job.function("Slow", timeout=Duration.seconds(timeout))
    job.machine(job.map(processor=function, retry_policy=SLOW, child_type=child_type))
    # Not by aws_cdk.assertions: aws-cdk-lib and aws-cdk.cloud-assembly-schema both install
    # aws_cdk/cloud_assembly_schema, and where the second comes last, jsii can't make the assertions' answers.
    found = [
        str(entry.data)
        for construct in job.stack.node.find_all()
        for entry in construct.node.metadata
        if entry.type == "aws:cdk:warning"
    ]
    assert [RETRIES_OUTLAST_CHILD in warning for warning in found] == ([True] if warns else [])


def chain_with_retries(job: Job) -> dict[str, Any]:
    return {"processor": sfn.Pass.jsonata(job.stack, "First"), "retry_policy": SLOW}


def file_of(**kwargs: Any) -> Callable[[Job], dict[str, Any]]:
    def arguments(job: Job) -> dict[str, Any]:
        bucket = s3.Bucket.from_bucket_attributes(job.stack, "Other", bucket_name="other", **kwargs)
        return {"source": ObjectSource.from_file(bucket, key="k", item_format=ItemFormat.json())}

    return arguments


def bucket_of(**kwargs: Any) -> Callable[[Job], dict[str, Any]]:
    def arguments(job: Job) -> dict[str, Any]:
        bucket = s3.Bucket.from_bucket_attributes(job.stack, "Other", bucket_name="other", **kwargs)
        return {"source": ObjectSource.from_listing(bucket)}

    return arguments


def batch_input(value: Any) -> dict[str, Any]:
    return {"batch_input": value, "max_items_per_batch": 5}


BAD_ARGUMENTS: list[tuple[dict[str, Any] | Callable[[Job], dict[str, Any]], str]] = [
    ({"max_items_per_batch": 0}, r"max_items_per_batch is 0; allowed: a whole number from 1 to 100,000,000\. "),
    ({"max_items_per_batch": 1.5}, r"max_items_per_batch is 1\.5; allowed: "),
    ({"max_items_per_batch": True}, r"max_items_per_batch is True; allowed: "),
    ({"max_input_bytes_per_batch": 262_145}, r"max_input_bytes_per_batch is 262145; allowed: .* 262,144\. "),
    ({"max_concurrency": 10_001}, r"max_concurrency is 10001; allowed: a whole number from 1 to 10,000\. "),
    ({"max_concurrency": 0}, r"max_concurrency is 0; allowed: "),
    ({"tolerated_failure_percentage": 100.5}, r"tolerated_failure_percentage is 100\.5; allowed: .* 0 to 100\. "),
    ({"tolerated_failure_percentage": -1}, r"tolerated_failure_percentage is -1; allowed: "),
    ({"tolerated_failure_percentage": float("nan")}, r"tolerated_failure_percentage is nan; allowed: "),
    ({"tolerated_failure_count": -1}, r"tolerated_failure_count is -1; allowed: "),
    ({"label": "x" * 41}, r"label is 'x{41}'; allowed: 1 to 40 English letters.*This has 41 characters"),
    ({"label": ""}, r"label is ''; allowed: "),
    ({"label": "no spaces"}, r"label is 'no spaces'; allowed: "),
    ({"label": Token.as_string({"Ref": "AWS::StackName"})}, "label is a value known at deployment only; allowed: "),
    ({"results_prefix": "a/"}, r"results_prefix is 'a/'; allowed: a prefix without a slash"),
    ({"results_prefix": ""}, r"results_prefix is ''; allowed: 1 to 1,024 bytes of text\. Leave it out for the label\."),
    ({"results_prefix": 5}, "results_prefix is 5; allowed: 1 to 1,024 bytes"),
    ({"results_prefix": "a*"}, r"results_prefix is 'a\*'; allowed: a text without \* and \?"),
    ({"label": 5}, "label is 5; allowed: plain text"),
    ({"child_type": "EXPRESS"}, r"child_type is 'EXPRESS'; allowed: StateMachineType\. "),
    ({"retry_policy": 5}, r"retry_policy is 5; allowed: RetryPolicy\. "),
    ({"max_items_per_batch": {5}}, "max_items_per_batch is of type set; allowed: a whole number"),
    ({"item_selector": "{% $a %}"}, r"item_selector is '\{% \$a %\}'; allowed: a mapping of names to JSON values\. "),
    (batch_input([1]), r"batch_input is \[1\]; allowed: a mapping of names to JSON values\. "),
    (batch_input({"a": {"b": [0, float("nan")]}}), r"batch_input\['a'\]\['b'\]\[1\] is nan; allowed: .*finite numbers"),
    (batch_input({"a": float("inf")}), r"batch_input\['a'\] is inf; allowed: "),
    (batch_input({"a": {1}}), r"batch_input\['a'\] is of type set; allowed: "),
    (batch_input({"a": None}), r"batch_input\['a'\] is None; allowed: .*Leave it out, or use '\{% null %\}'"),
    (batch_input({"a": [None]}), r"batch_input\['a'\]\[0\] is None; allowed: .*Leave it out, or use '\{% null %\}'"),
    (batch_input({"a": 2**53}), r"batch_input\['a'\] is 9007199254740992; allowed: "),
    (batch_input({"a": {1: 2}}), r"a name in batch_input\['a'\] is 1; allowed: text\. Use '1'"),
    (batch_input({"a": [{"b.$": "$.b"}]}), r"batch_input is 'b\.\$'; allowed: names without the \.\$ of JSONPath"),
    ({"source": "images"}, r"source is 'images'; allowed: ObjectSource, StateItems\. Use ObjectSource\.from_listing"),
    (lambda job: {"source": job.objects}, r"source is of type Bucket; allowed: ObjectSource, StateItems\. "),
    ({"source": StateItems(" ")}, r"source is ' '; allowed: StateItems of a JSONata expression without"),
    ({"source": StateItems("{% $a %}")}, r"source is '\{% \$a %\}'; allowed: StateItems of a JSONata expression"),
    ({"source": StateItems("$a", max_items=0)}, r"max_items is 0; allowed: a whole number from 1 to 100,000,000\. "),
    (
        {"batch_input": {"a": 1}},
        r"batch_input is 'given'; allowed: with max_items_per_batch, max_input_bytes_per_batch",
    ),
    (
        {"batch_input": {"a.$": "$.a"}, "max_items_per_batch": 5},
        r"batch_input is 'a\.\$'; allowed: names without the \.\$ of JSONPath\. Use .*% \$states\.input %",
    ),
    ({"results_bucket": None}, r"results_bucket is None; allowed: a bucket\. "),
    ({"processor": None}, r"processor is None; allowed: a Lambda function, or JSONata states\. "),
    ({"reducer": "sum up"}, r"reducer is 'sum up'; allowed: a Lambda function, or JSONata states\. "),
    (
        {"item_selector": {"path.$": "$.Key"}},
        r"item_selector is 'path\.\$'; allowed: names without the \.\$ of JSONPath",
    ),
    (
        {"tolerated_failure_percentage": Token.as_number({"Ref": "Share"})},
        "tolerated_failure_percentage is a value known at deployment only; allowed: a number from 0 to 100",
    ),
    (chain_with_retries, r"retry_policy is 'given'; allowed: with a Lambda function"),
    (bucket_of(region="eu-west-1"), r"source is 'a bucket of Region eu-west-1'; allowed: .*us-east-1"),
    (file_of(region="eu-west-1"), r"source is 'a bucket of Region eu-west-1'; allowed: .*reads no other.*Deploy"),
    (bucket_of(account="222222222222"), r"source is 'a bucket of account 222222222222'; allowed: .*111111111111"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS, ids=[message[:40] for _, message in BAD_ARGUMENTS])
def test_should_refuse_what_aws_would_refuse_or_misread(
    arguments: dict[str, Any] | Callable[[Job], dict[str, Any]], message: str
) -> None:
    job = Job(Environment(account="111111111111", region="us-east-1"))
    with pytest.raises(ValueError, match=f"^Jobs/Scan images: {message}") as caught:
        job.map(**(arguments(job) if callable(arguments) else arguments))
    assert "\n" not in str(caught.value)


def test_should_pass_json_on_as_it_is() -> None:
    known = {"a": (1, [True, -0.5, 2**53 - 1]), "b": {"c": {}, "d": "{% null %}"}}
    text, number, group = Token.as_any({"Ref": "T"}), Token.as_number({"Ref": "N"}), Token.as_any({"of": [1]})
    value = known | {"text": text, "number": number, "in": [{"group": group}]}
    template = Job().template(batch_input=MappingProxyType(value), item_selector=value, max_items_per_batch=5)
    definition = shown(only(template, "AWS::StepFunctions::StateMachine")["DefinitionString"])
    scan = json.loads(definition.replace(":${N}", ":5"))["States"]["Scan images"]
    expected = json.loads(json.dumps(known)) | {"text": "${T}", "number": 5, "in": [{"group": {"of": [1]}}]}
    assert scan["ItemBatcher"]["BatchInput"] == expected
    assert scan["ItemSelector"] == expected


def test_should_count_the_children_of_a_state_machine_only() -> None:
    with pytest.raises(ValueError, match=r"^Jobs/Scan images: state_machine is 'scan'; allowed: "):
        Job().map().metric_children("ExecutionsFailed", state_machine="scan")  # type: ignore[arg-type]


JSONPATH: dict[str, tuple[Callable[[Job], sfn.IChainable], str]] = {
    "field": (
        lambda job: sfn.Pass.jsonata(job.stack, "First").next(sfn.Pass(job.stack, "Scale", input_path="$.Items")),
        "'Scale' with the JSONPath field InputPath",
    ),
    "by name": (lambda job: sfn.Pass.json_path(job.stack, "Scale", result_path="$.x"), "'Scale' "),
    "result": (
        lambda job: sfn.Pass(job.stack, "Scale", result=sfn.Result.from_object({"a": 1})),
        "'Scale' with the JSONPath field Result",
    ),
    "choice": (
        lambda job: (
            sfn.Choice.jsonata(job.stack, "Any")
            .when(sfn.Condition.is_present("$.Items"), sfn.Succeed.jsonata(job.stack, "Some"))
            .otherwise(sfn.Succeed.jsonata(job.stack, "None"))
        ),
        "'Any' with the JSONPath field Variable",
    ),
    "after a catch": (
        lambda job: tasks.LambdaInvoke.jsonata(job.stack, "Scale", lambda_function=job.process).add_catch(
            sfn.Fail(job.stack, "Broken", cause_path="$.Cause")
        ),
        "'Broken' with the JSONPath field CausePath",
    ),
    "in a map": (
        lambda job: sfn.Map.jsonata(job.stack, "Each").item_processor(
            tasks.LambdaInvoke(job.stack, "Scale", lambda_function=job.process)
        ),
        "'Scale' with the JSONPath field Parameters",
    ),
    "variable": (
        lambda job: sfn.CustomState(job.stack, "Own", state_json={"Type": "Pass", "Assign": {"a.$": "$.a"}}),
        "'Own' with the JSONPath field a.$",
    ),
}


@pytest.mark.parametrize("argument", ["processor", "reducer"])
@pytest.mark.parametrize(("states", "found"), JSONPATH.values(), ids=JSONPATH)
def test_should_refuse_jsonpath_in_a_chain(states: Callable[[Job], sfn.IChainable], found: str, argument: str) -> None:
    job = Job()
    arguments: dict[str, Any] = {argument: states(job)}
    with pytest.raises(ValueError, match=f"^Jobs/Scan images: {argument} has the state {re.escape(found)}") as caught:
        job.map(**arguments)
    assert ".jsonata(…)" in str(caught.value)


def test_should_refuse_a_task_that_cdk_leaves_in_jsonpath() -> None:
    """Nested states: in the processor, and in a Parallel state of it. The machine's own states get its language."""
    job = Job()
    task = tasks.LambdaInvoke(job.stack, "Scale", lambda_function=job.process)
    with pytest.raises(ValueError, match="processor has the state 'Scale' with the JSONPath field Parameters"):
        job.map(processor=task)
    job = Job()
    task = tasks.LambdaInvoke(job.stack, "Scale", lambda_function=job.process)
    with pytest.raises(ValueError, match="processor has the state 'Scale' with the JSONPath field Parameters"):
        job.map(processor=sfn.Parallel.jsonata(job.stack, "Both").branch(task))
    job = Job()
    job.machine(job.map(reducer=tasks.LambdaInvoke(job.stack, "Add up", lambda_function=job.process)))
    assert "Arguments" in definition_of(template_of(job.stack))["States"]["Add up"]


def test_should_take_jsonata_whose_data_look_like_jsonpath() -> None:
    job = Job()
    store = tasks.CallAwsService.jsonata(
        job.stack,
        "Store",
        service="ecs",
        action="runTask",
        parameters={"Parameters": {"ResultPath": "x"}},
        iam_resources=["*"],
        assign={"inputPath": "{% $states.input.path %}"},
    )
    plain = sfn.Pass(job.stack, "Plain")
    job.machine(job.map(processor=store.next(plain), item_selector={"Variable": 1, "keyPath": 2}))
    assert set(states_in(definition_of(template_of(job.stack)))) == {"Scan images", "Store", "Plain"}


@pytest.mark.parametrize(
    ("construct_id", "label"),
    [("ScanA", "ScanA"), ("scan images", "ScanImages"), ("scan-NOAA_objects (2nd)", "ScanNOAAObjects2nd")],
)
def test_should_be_labelled_by_its_words(construct_id: str, label: str) -> None:
    assert Job().map(construct_id=construct_id).label == label


@pytest.mark.parametrize("construct_id", ["Größe messen", "画像", "x" * 41])
def test_should_want_a_label_where_the_id_makes_none(construct_id: str) -> None:
    with pytest.raises(ValueError, match=r"label is .*; allowed: 1 to 40 English letters, .*Choose another"):
        Job().map(construct_id=construct_id)
    assert Job().map(construct_id=construct_id, label="Scan").label == "Scan"


def test_should_refuse_an_id_that_makes_a_state_name_too_long() -> None:
    fits = "x" * (80 - len(": process"))
    job = Job()
    assert job.map(construct_id=fits, label="Scan").map_state.state_id == fits
    with pytest.raises(ValueError, match=r"allowed: state names of at most 80 .* '.*: process' would have 81\."):
        job.map(construct_id=fits + "x", label="Scan")
    job.map(construct_id="y" * 80, label="Scan", processor=sfn.Pass.jsonata(job.stack, "First"))
    with pytest.raises(ValueError, match=r"'z+' would have 81\."):
        job.map(construct_id="z" * 81, label="Scan", processor=sfn.Pass.jsonata(job.stack, "Second"))


def test_should_accept_what_is_known_at_deployment_only() -> None:
    job = Job()
    job.machine(job.map(max_concurrency=Token.as_number({"Ref": "Concurrency"}), results_prefix=job.stack.stack_name))
    template_of(job.stack)


def test_should_tolerate_nothing_by_default_and_with_zero() -> None:
    for arguments in ({}, {"tolerated_failure_percentage": 0}, {"tolerated_failure_count": 0}):
        state = definition_of(Job().template(**arguments))["States"]["Scan images"]
        # Without the fields Step Functions tolerates none: https://states-language.net/#tolerated-failure
        assert not {"ToleratedFailurePercentage", "ToleratedFailureCount"} & set(state)
