from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_cdk import Duration, Environment, RemovalPolicy, Stack, Token
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import GsodSource, WindSpeedWorkflow
from constructs_lib.wind_speed import RESULT_FILES
from tests.cdk import (
    JsonObject,
    definition_of,
    make_app,
    only,
    resources,
    shown,
    statements_of,
    states_in,
    template_of,
)

ENV = Environment(account="111111111111", region="us-east-1")


@pytest.fixture(scope="module")
def template() -> JsonObject:
    stack = Stack(make_app(), "Stack")
    WindSpeedWorkflow(stack, "WindSpeed", source=GsodSource.noaa())
    return template_of(stack)


@pytest.fixture(scope="module")
def own_bucket_template() -> JsonObject:
    stack = Stack(make_app(), "Stack")
    own = s3.Bucket(stack, "Own", encryption_key=kms.Key(stack, "Key"))
    WindSpeedWorkflow(
        stack,
        "WindSpeed",
        source=GsodSource.bucket(own, "gsod/", sample=True),
        removal_policy=RemovalPolicy.DESTROY,
        processor=sfn.Pass.jsonata(stack, "Notify"),
    )
    return template_of(stack)


def test_should_go_through_the_states_in_order(template: JsonObject) -> None:
    states = definition_of(template)["States"]
    order, name = [], definition_of(template)["StartAt"]
    while name is not None:
        order.append(name)
        name = states[name].get("Default", states[name].get("Next"))
    assert order == [
        "Check input",
        "Prepare",
        "Index objects",
        "Check objects",
        "Analyze objects",
        "Reduce results",
        "Check rejected",
        "Succeed",
    ]
    fails = {name: state["Error"] for name, state in states.items() if state["Type"] == "Fail"}
    assert fails == {
        name: name for name in ("UnknownUnit", "InvalidInput", "NoObjects", "NothingToRetry", "TooManyRejectedObjects")
    }
    assert list(states_in(states["Analyze objects"]["ItemProcessor"])) == ["Analyze batch"]


def test_should_run_as_a_standard_machine_in_jsonata_for_an_hour(template: JsonObject) -> None:
    definition = definition_of(template)
    assert definition["QueryLanguage"] == "JSONata"
    assert definition["TimeoutSeconds"] == 3600
    machine = only(template, "AWS::StepFunctions::StateMachine")
    assert machine.get("StateMachineType", "STANDARD") == "STANDARD"
    assert machine["TracingConfiguration"] == {"Enabled": True}
    logging = machine["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", False)


def test_should_log_under_vendedlogs_with_the_stack_ids_last_segment(template: JsonObject) -> None:
    groups = resources(template, "AWS::Logs::LogGroup")
    (named,) = [group for group in groups.values() if "LogGroupName" in group]
    beginning, ending = named["LogGroupName"]["Fn::Join"][1]
    assert beginning.startswith("/aws/vendedlogs/states/StackWindSpeed")
    assert ending == {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
    assert {group["RetentionInDays"] for group in groups.values()} == {30}
    policies = {
        (r["DeletionPolicy"], r["UpdateReplacePolicy"])
        for r in template["Resources"].values()
        if r["Type"] == "AWS::Logs::LogGroup"
    }
    assert policies == {("Delete", "Delete")}
    assert len(groups) == 4


def test_should_analyze_in_batches_with_what_the_talk_left_out(template: JsonObject) -> None:
    analyze = definition_of(template)["States"]["Analyze objects"]
    assert analyze["Label"] == "AnalyzeObjects"
    assert analyze["ItemBatcher"] == {"MaxItemsPerBatch": 500, "MaxInputBytesPerBatch": 102_400}
    assert analyze["MaxConcurrency"] == 200
    assert analyze["ToleratedFailurePercentage"] == 5
    assert analyze["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] == "EXPRESS"
    assert analyze["ItemReader"]["Arguments"]["Key"] == "{% $prefix & 'objects.csv' %}"
    assert analyze["ResultWriter"]["Arguments"]["Prefix"] == "{% $prefix & 'map' %}"
    assert analyze["ItemSelector"] == {"key": "{% $states.context.Map.Item.Value.`key` %}"}


def test_should_give_the_reducer_all_that_it_needs(template: JsonObject, own_bucket_template: JsonObject) -> None:
    payload = definition_of(template)["States"]["Reduce results"]["Arguments"]["Payload"]
    assert payload == {
        "manifest": {
            "bucket": "{% $states.input.ResultWriterDetails.Bucket %}",
            "key": "{% $states.input.ResultWriterDetails.Key %}",
        },
        "manifests": "{% $manifests %}",
        "retry_of": "{% $retry_of %}",
        "objects_listed": "{% $objects_listed %}",
        "unit": "{% $unit %}",
        "factor": "{% $factor %}",
        "years": "{% $years %}",
        "prefix": "{% $prefix %}",
        "execution_arn": "{% $states.context.Execution.Id %}",
        "started_at": "{% $states.context.Execution.StartTime %}",
        "sample": False,
        "tolerated_failure_percentage": 5,
    }
    own = definition_of(own_bucket_template)["States"]["Reduce results"]["Arguments"]["Payload"]
    assert own == payload | {"sample": True}


def test_should_make_functions_of_the_newest_runtime(template: JsonObject) -> None:
    functions = resources(template, "AWS::Lambda::Function")
    assert {function["Handler"]: function["Timeout"] for function in functions.values()} == {
        "wind_speed.index.handler": 600,
        "wind_speed.analyze.handler": 60,
        "wind_speed.reduce.handler": 300,
    }
    for function in functions.values():
        assert function["Runtime"] == "python3.14"
        assert function["Architectures"] == ["arm64"]
        assert function["MemorySize"] == 1769
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert function["LoggingConfig"]["LogFormat"] == "JSON"
        assert "Ref" in function["LoggingConfig"]["LogGroup"]
    environments = {f["Handler"].split(".")[1]: set(f["Environment"]["Variables"]) for f in functions.values()}
    assert environments == {
        "index": {"SOURCE_BUCKET", "SOURCE_PREFIX", "RESULTS_BUCKET"},
        "analyze": {"SOURCE_BUCKET"},
        "reduce": {"RESULTS_BUCKET"},
    }
    # The state machine names each by its ARN: no permission for other callers, no managed policy.
    assert not resources(template, "AWS::Lambda::Permission")
    roles = resources(template, "AWS::IAM::Role")
    assert not any("ManagedPolicyArns" in role for role in roles.values())


def test_should_keep_the_results_private_and_for_good(template: JsonObject) -> None:
    (bucket,) = [r for r in template["Resources"].values() if r["Type"] == "AWS::S3::Bucket"]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")
    properties = bucket["Properties"]
    encryption = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = properties["LifecycleConfiguration"]["Rules"]
    assert "ExpirationInDays" not in rule
    assert "Tags" not in properties  # CDK's mark for a bucket that is emptied on destroy
    (deny,) = only(template, "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    assert deny["Effect"] == "Deny"
    assert deny["Principal"] == {"AWS": "*"}
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_should_empty_and_delete_the_results_only_when_asked_to(own_bucket_template: JsonObject) -> None:
    buckets = {
        name: resource
        for name, resource in own_bucket_template["Resources"].items()
        if resource["Type"] == "AWS::S3::Bucket"
    }
    policies = {name[:9]: bucket["DeletionPolicy"] for name, bucket in buckets.items()}
    assert policies == {"WindSpeed": "Delete", "Own304258": "Retain"}
    (emptied,) = resources(own_bucket_template, "Custom::S3AutoDeleteObjects").values()
    assert emptied["BucketName"]["Ref"].startswith("WindSpeedResults")


def test_should_list_a_bucket_of_ones_own_without_an_index(own_bucket_template: JsonObject) -> None:
    states = definition_of(own_bucket_template)["States"]
    assert states["Prepare"]["Next"] == "Analyze objects"
    reader = states["Analyze objects"]["ItemReader"]
    assert reader["Resource"].endswith(":s3:listObjectsV2")
    assert reader["Arguments"]["Prefix"] == "gsod/"
    assert reader["ReaderConfig"] == {"MaxItems": "{% $max_objects %}"}
    assert states["Analyze objects"]["ItemSelector"] == {"key": "{% $states.context.Map.Item.Value.Key %}"}
    assert states["Analyze objects"]["Next"] == "Count objects"
    count = states["Count objects"]
    assert count["Resource"].endswith(":states:::aws-sdk:sfn:describeMapRun")
    assert count["Arguments"] == {"MapRunArn": "{% $states.input.MapRunArn %}"}
    assert count["Assign"] == {"objects_listed": "{% $states.result.ItemCounts.Total %}"}
    assert count["Output"] == "{% $states.input %}"
    assert count["Next"] == "Check objects"
    assert states["Check objects"]["Choices"][0]["Next"] == "NoObjects"
    assert states["Check objects"]["Default"] == "Reduce results"
    functions = resources(own_bucket_template, "AWS::Lambda::Function")
    assert not any(function["Handler"] == "wind_speed.index.handler" for function in functions.values())


def test_should_pass_each_batch_on_to_the_users_states(own_bucket_template: JsonObject) -> None:
    processor = definition_of(own_bucket_template)["States"]["Analyze objects"]["ItemProcessor"]
    assert processor["StartAt"] == "Analyze batch"
    assert processor["States"]["Analyze batch"]["Next"] == "Notify"
    assert processor["States"]["Notify"]["End"] is True


def granted(template: JsonObject, role: str) -> set[tuple[str, str]]:
    """Each action with each resource that the role has, X-Ray and logs apart; the hashes of logical ids left out."""
    return {
        (action, re.sub(r"(\w+?)[0-9A-F]{8}(?=[.}])", r"\1", resource))
        for name, statement in statements_of(template)
        if name.startswith(role)
        for action in statement["Action"]
        for resource in statement["Resource"]
        if not action.startswith(("xray:", "logs:"))
    }


NOAA = "arn:${AWS::Partition}:s3:::noaa-gsod-pds"


def test_should_grant_each_function_its_part_only(template: JsonObject) -> None:
    assert granted(template, "WindSpeedIndexRole") == {
        ("s3:ListBucket", NOAA),
        ("s3:PutObject", "${WindSpeedResults.Arn}/runs/*/objects.csv"),
        ("s3:GetObject", "${WindSpeedResults.Arn}/runs/*/rejected.csv"),
        ("s3:GetObject", "${WindSpeedResults.Arn}/runs/*/summary.json"),
    }
    assert granted(template, "WindSpeedAnalyzeRole") == {("s3:GetObject", f"{NOAA}/*"), ("s3:ListBucket", NOAA)}
    assert granted(template, "WindSpeedReduceRole") == {
        ("s3:GetObject", "${WindSpeedResults.Arn}/runs/*/map/*"),
        *(("s3:PutObject", f"${{WindSpeedResults.Arn}}/runs/*/{name}") for name in RESULT_FILES),
    }
    assert {"stations.csv", "map.html"} <= set(RESULT_FILES)


def test_should_trust_step_functions_for_machines_of_the_account_only(template: JsonObject) -> None:
    """Whatever CDK's version does by itself."""
    (role,) = (name for name in resources(template, "AWS::IAM::Role") if name.startswith("WindSpeedStateMachineRole"))
    assert only(template, "AWS::StepFunctions::StateMachine")["RoleArn"] == {"Fn::GetAtt": [role, "Arn"]}
    (trust,) = resources(template, "AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]
    assert shown(trust) == {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "states.amazonaws.com"},
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"},
            "ArnLike": {
                "aws:SourceArn": "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:*"
            },
        },
    }


def test_should_grant_the_state_machine_its_part_only(template: JsonObject) -> None:
    execution = (
        "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${6 of ${WindSpeedStateMachine} by :}"
    )
    written = "${WindSpeedResults.Arn}/runs/*/map/*"
    assert granted(template, "WindSpeedStateMachineRole") == {
        ("lambda:InvokeFunction", "${WindSpeedIndex.Arn}"),
        ("lambda:InvokeFunction", "${WindSpeedAnalyze.Arn}"),
        ("lambda:InvokeFunction", "${WindSpeedReduce.Arn}"),
        ("s3:GetObject", "${WindSpeedResults.Arn}/runs/*/objects.csv"),
        ("s3:PutObject", written),
        ("s3:GetObject", written),
        ("s3:ListMultipartUploadParts", written),
        ("s3:AbortMultipartUpload", written),
        ("states:StartExecution", "${WindSpeedStateMachine}"),
        ("states:DescribeExecution", f"{execution}:*"),
        ("states:StopExecution", f"{execution}:*"),
        ("states:RedriveExecution", f"{execution}/AnalyzeObjects:*"),
    }


def test_should_grant_what_a_bucket_of_ones_own_needs(own_bucket_template: JsonObject) -> None:
    assert granted(own_bucket_template, "WindSpeedAnalyzeRole") == {
        ("s3:GetObject", "${Own.Arn}/gsod/*"),
        ("s3:ListBucket", "${Own.Arn}"),
        ("kms:Decrypt", "${Key.Arn}"),
    }
    machine = granted(own_bucket_template, "WindSpeedStateMachineRole")
    assert ("s3:ListBucket", "${Own.Arn}") in machine
    map_runs = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:mapRun:"
    assert ("states:DescribeMapRun", map_runs + "${WindSpeedStateMachine.Name}/AnalyzeObjects:*") in machine
    listing = [
        s for _, s in statements_of(own_bucket_template) if s.get("Condition") and "s3:ListBucket" in s["Action"]
    ]
    assert [statement["Condition"] for statement in listing] == [{"StringEquals": {"s3:prefix": "gsod/"}}]


def test_should_let_no_role_do_what_it_is_not_here_for(template: JsonObject, own_bucket_template: JsonObject) -> None:
    for statements in (statements_of(template), statements_of(own_bucket_template)):
        for role, statement in statements:
            if role.startswith("Custom"):
                continue  # CDK's own, for the bucket that is emptied
            for action in statement["Action"]:
                assert "*" not in action
                assert not action.startswith(("iam:", "sts:", "s3:Delete"))
            if "*" in statement["Resource"]:
                assert all(action.startswith(("xray:", "logs:")) for action in statement["Action"])


def test_should_expose_what_it_made() -> None:
    stack = Stack(make_app(), "Stack")
    noaa = WindSpeedWorkflow(stack, "Noaa", source=GsodSource.noaa())
    own = WindSpeedWorkflow(stack, "Own", source=GsodSource.bucket(s3.Bucket.from_bucket_name(stack, "Bucket", "own")))
    assert noaa.index_function is not None
    assert own.index_function is None
    for workflow in (noaa, own):
        assert workflow.map.label == "AnalyzeObjects"
        assert workflow.results_bucket.bucket_name
        assert workflow.analyze_function.function_arn
        assert workflow.reduce_function.function_arn
        assert workflow.log_group.log_group_name
        assert workflow.state_machine.state_machine_arn
    assert len(resources(template_of(stack), "AWS::StepFunctions::StateMachine")) == 2


THIS_YEAR = datetime.now(tz=UTC).year


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"unit": "beaufort"}, r"unit is 'beaufort'; allowed: knots, mph, kmh, mps\. "),
        ({"source": None}, r"source is None; allowed: GsodSource\. Use GsodSource\.noaa\(\)"),
        ({"years": [1928]}, rf"years is 1928; allowed: a whole number from 1929 to {THIS_YEAR}\. "),
        ({"years": [THIS_YEAR + 1]}, rf"years is {THIS_YEAR + 1}; allowed: "),
        ({"years": [2024.5]}, r"years is 2024\.5; allowed: "),
        ({"years": [Token.as_number({"Ref": "Year"})]}, "years is a value known at deployment only; allowed: "),
        ({"years": []}, r"years is \[\]; allowed: a list of one year or more\. "),
        ({"years": 2024}, "years is 2024; allowed: a list of one year or more"),
        ({"years": "2024"}, "years is '2024'; allowed: a list of one year or more"),
        ({"batch_size": 0}, r"batch_size is 0; allowed: a whole number from 1 to 1,000\. "),
        ({"batch_size": 1001}, "batch_size is 1001; allowed: "),
        ({"max_concurrency": 10_001}, "max_concurrency is 10001; allowed: "),
        ({"tolerated_failure_percentage": 101}, "tolerated_failure_percentage is 101; allowed: "),
        (
            {"tolerated_failure_percentage": Token.as_number({"Ref": "Share"})},
            "tolerated_failure_percentage is a value known at deployment only; allowed: a number",
        ),
        ({"results_retention": 90}, "results_retention is 90; allowed: Duration"),
        ({"results_retention": Duration.hours(36)}, r"results_retention is 1\.5; allowed: .* whole days, 1 or more"),
        ({"results_retention": Duration.days(0)}, "results_retention is 0; allowed: "),
        ({"processor": "Notify"}, "processor is 'Notify'; allowed: JSONata states"),
        ({"removal_policy": RemovalPolicy.SNAPSHOT}, r"removal_policy is 'SNAPSHOT'; allowed: RETAIN, DESTROY\. "),
        ({"removal_policy": "DESTROY"}, r"removal_policy is 'DESTROY'; allowed: RETAIN, DESTROY\. "),
    ],
    ids=lambda value: value.partition(";")[0] if isinstance(value, str) else "",
)
def test_should_refuse_a_bad_argument(arguments: dict[str, Any], message: str) -> None:
    stack = Stack(make_app(), "Stack", env=ENV)
    with pytest.raises(ValueError, match=f"^Stack/WindSpeed(/Analyze objects)?: {message}"):
        WindSpeedWorkflow(stack, "WindSpeed", **({"source": GsodSource.noaa()} | arguments))


def test_should_refuse_a_processor_that_cannot_follow() -> None:
    stack = Stack(make_app(), "Stack")
    arn = "arn:aws:lambda:us-east-1:111111111111:function:Notify"
    function = lambda_.Function.from_function_arn(stack, "Function", arn)
    with pytest.raises(ValueError, match=r"^Stack/A: processor is of type \w+; allowed: JSONata states, which follow"):
        WindSpeedWorkflow(stack, "A", source=GsodSource.noaa(), processor=function)  # type: ignore[arg-type]
    jsonpath = sfn.Pass(stack, "Notify", parameters={"stations.$": "$.stations"})
    with pytest.raises(ValueError, match=r"processor has the state 'Notify' with the JSONPath field Parameters; "):
        WindSpeedWorkflow(stack, "B", source=GsodSource.noaa(), processor=jsonpath)


def test_should_keep_the_results_for_whole_days() -> None:
    stack = Stack(make_app(), "Stack")
    days = Duration.days(Token.as_number({"Ref": "Days"}))
    WindSpeedWorkflow(stack, "A", source=GsodSource.noaa(), results_retention=Duration.hours(48))
    WindSpeedWorkflow(stack, "B", source=GsodSource.noaa(), results_retention=days)
    buckets = resources(template_of(stack), "AWS::S3::Bucket").values()
    rules = [rule for bucket in buckets for rule in bucket["LifecycleConfiguration"]["Rules"]]
    assert [rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule] == [2, {"Ref": "Days"}]


def test_should_refuse_a_source_that_cannot_work() -> None:
    stack = Stack(make_app(), "Stack", env=ENV)
    far = s3.Bucket.from_bucket_attributes(stack, "Far", bucket_name="far", region="eu-west-1")
    near = s3.Bucket.from_bucket_name(stack, "Near", "near")
    with pytest.raises(ValueError, match=r"source is 'a bucket of Region eu-west-1'; allowed: .* us-east-1"):
        WindSpeedWorkflow(stack, "A", source=GsodSource.bucket(far))
    for prefix in ("gsod", "/gsod/", "/"):
        with pytest.raises(ValueError, match=f"source prefix is '{prefix}'; allowed: an empty prefix"):
            WindSpeedWorkflow(stack, f"B{prefix.replace('/', '_')}", source=GsodSource.bucket(near, prefix))
    with pytest.raises(ValueError, match=r"^GsodSource\.bucket: bucket is 'near'; allowed: a bucket\. "):
        GsodSource.bucket("near")  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"^GsodSource.bucket: prefix is 5; allowed: 1 to 1,024 bytes of text\. Use such"
    ):
        GsodSource.bucket(near, 5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"years is \[2024\]; allowed: with GsodSource.noaa\(\) only"):
        WindSpeedWorkflow(stack, "C", source=GsodSource.bucket(near), years=[2024])


def test_should_use_every_year_and_batch_size_that_is_allowed() -> None:
    stack = Stack(make_app(), "Stack")
    WindSpeedWorkflow(
        stack, "WindSpeed", source=GsodSource.noaa(), years=[1929, THIS_YEAR], batch_size=1000, max_concurrency=10_000
    )
    definition = definition_of(template_of(stack))
    assert f"[1929, {THIS_YEAR}]" in definition["States"]["Prepare"]["Output"]["years"]


def test_should_tolerate_no_rejected_object_when_told_so() -> None:
    stack = Stack(make_app(), "Stack")
    WindSpeedWorkflow(stack, "WindSpeed", source=GsodSource.noaa(), tolerated_failure_percentage=0)
    states = definition_of(template_of(stack))["States"]
    assert states["Reduce results"]["Arguments"]["Payload"]["tolerated_failure_percentage"] == 0
    assert "allowed: 0 %. " in states["TooManyRejectedObjects"]["Cause"]
