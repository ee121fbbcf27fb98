"""What `constructs_lib.assembly` reads: by example from templates written by hand, and once from a real `cdk synth`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib.assembly import Assembly, NotAnAssembly, Stack, UnresolvableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

STATE_MACHINE = "AWS::StepFunctions::StateMachine"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write an assembly of stacks (name -> template) and return its folder."""

    def write(templates: Mapping[str, Any], environment: str = "aws://unknown-account/unknown-region") -> Path:
        artifacts = {}
        for name, template in templates.items():
            tmp_path.joinpath(f"{name}.template.json").write_text(json.dumps(template))
            artifacts[name] = {
                "type": "aws:cloudformation:stack",
                "environment": environment,
                "properties": {"templateFile": f"{name}.template.json"},
            }
        tmp_path.joinpath("manifest.json").write_text(json.dumps({"version": "55.0.0", "artifacts": artifacts}))
        return tmp_path

    return write


@pytest.fixture
def stack(write: Callable[..., Path]) -> Callable[..., Stack]:
    """Read the one stack of an assembly with one template."""

    def stack(**template: Any) -> Stack:
        return Assembly.read(write({"App": template})).stacks[0]

    return stack


RESOURCES = {
    "Fn": {"Type": "AWS::Lambda::Function"},
    "Named": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": {"Fn::Sub": "f-${AWS::Region}"}}},
    "Version": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Fn"}}},
    "Alias": {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": {"Ref": "Fn"}, "Name": "live"}},
    "Bucket": {"Type": "AWS::S3::Bucket"},
    "Role": {"Type": "AWS::IAM::Role"},
    "Queue": {"Type": "AWS::SQS::Queue"},
    "Topic": {"Type": "AWS::SNS::Topic"},
    "Machine": {"Type": STATE_MACHINE},
    "Custom": {"Type": "Custom::Thing"},
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ({"Ref": "AWS::AccountId"}, "222222222222"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "AWS::StackName"}, "App"),
        ({"Ref": "Given"}, "default"),
        ({"Ref": "Fn"}, "App-Fn"),
        ({"Ref": "Named"}, "f-eu-west-1"),
        ({"Ref": "Topic"}, "arn:aws:sns:eu-west-1:222222222222:App-Topic"),
        ({"Ref": "Queue"}, "https://sqs.eu-west-1.amazonaws.com/222222222222/App-Queue"),
        ({"Ref": "Version"}, "arn:aws:lambda:eu-west-1:222222222222:function:App-Fn:1"),
        ({"Ref": "Alias"}, "arn:aws:lambda:eu-west-1:222222222222:function:App-Fn:live"),
        ({"Ref": "Machine"}, "arn:aws:states:eu-west-1:222222222222:stateMachine:App-Machine"),
        ({"Fn::GetAtt": ["Fn", "Arn"]}, "arn:aws:lambda:eu-west-1:222222222222:function:App-Fn"),
        ({"Fn::GetAtt": "Bucket.Arn"}, "arn:aws:s3:::App-Bucket"),
        ({"Fn::GetAtt": ["Role", "Arn"]}, "arn:aws:iam::222222222222:role/App-Role"),
        ({"Fn::GetAtt": ["Machine", "Name"]}, "App-Machine"),
        ({"Fn::GetAtt": ["Queue", "QueueName"]}, "App-Queue"),
        ({"Fn::GetAtt": ["Topic", "TopicArn"]}, "arn:aws:sns:eu-west-1:222222222222:App-Topic"),
        ({"Fn::GetAtt": ["Bucket", "DomainName"]}, "App-Bucket.DomainName"),
        ({"Fn::GetAtt": ["Custom", "Answer.Deep"]}, "App-Custom.Answer.Deep"),
        ({"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}, 1, True]]}, "a-eu-west-1-1-true"),
        ({"Fn::Sub": "${AWS::Partition}/${Bucket.Arn}/${!Kept}"}, "aws/arn:aws:s3:::App-Bucket/${Kept}"),
        ({"Fn::Sub": ["${Mine}/${Given}", {"Mine": {"Ref": "Bucket"}}]}, "App-Bucket/default"),
        ({"Fn::Select": [1, {"Fn::Split": [":", "a:b:c"]}]}, "b"),
        ({"Fn::Select": ["0", ["a", "b"]]}, "a"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "memory"]}, 512),
        ({"Fn::FindInMap": ["Sizes", "nowhere", "memory", {"DefaultValue": 128}]}, 128),
        ({"Fn::If": ["InEurope", "yes", "no"]}, "yes"),
        ({"Fn::If": ["NotInEurope", "yes", "no"]}, "no"),
        ({"a": {"Fn::If": ["NotInEurope", 1, {"Ref": "AWS::NoValue"}]}, "b": 0}, {"b": 0}),
        ([1, {"Ref": "AWS::NoValue"}, None], [1, None]),
        ({"Fn::Base64": "hi"}, "aGk="),
        ({"Fn::ToJsonString": {"a": {"Ref": "Given"}}}, '{"a": "default"}'),
        ({"Fn::GetAZs": ""}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ({"Fn::ImportValue": "of another app"}, "of another app"),
        ({"Ref": ["not", "an", "intrinsic"], "Other": 1}, {"Ref": ["not", "an", "intrinsic"], "Other": 1}),
    ],
)
def test_resolves(stack: Callable[..., Stack], value: Any, expected: Any) -> None:
    read = stack(
        Resources=RESOURCES,
        Parameters={"Given": {"Type": "String", "Default": "default"}},
        Mappings={"Sizes": {"eu-west-1": {"memory": 512}}},
        Conditions={
            "InEurope": {"Fn::Or": [{"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]}, {"Condition": "InTokyo"}]},
            "InTokyo": {"Fn::Equals": [{"Ref": "AWS::Region"}, "ap-northeast-1"]},
            "NotInEurope": {"Fn::And": [{"Fn::Not": [{"Condition": "InEurope"}]}, {"Fn::Equals": [True, "true"]}]},
        },
    )
    assert read.resolve(value, account="222222222222", region="eu-west-1") == expected


def test_uses_the_names_that_a_deployment_knows(stack: Callable[..., Stack]) -> None:
    read = stack(Resources=RESOURCES, Parameters={"Given": {"Type": "String"}})
    names = {"Fn": "App-Fn-1X2Y", "Given": "from the deployment"}
    assert read.resolve({"Fn::GetAtt": ["Fn", "Arn"]}, names=names).endswith(":function:App-Fn-1X2Y")
    assert read.resolve({"Ref": "Given"}, names=names) == "from the deployment"


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_knows_the_partition_of_a_region(stack: Callable[..., Stack], region: str, partition: str) -> None:
    assert stack(Resources={}).resolve({"Ref": "AWS::Partition"}, region=region) == partition


@pytest.mark.parametrize(
    "value",
    [
        {"Fn::Cidr": ["10.0.0.0/16", 1, 8]},
        {"Ref": "Absent"},
        {"Fn::GetAtt": ["Absent", "Arn"]},
        {"Fn::Select": [3, ["a"]]},
        {"Fn::FindInMap": ["Absent", "a", "b"]},
    ],
)
def test_says_in_one_line_what_cannot_be_resolved(stack: Callable[..., Stack], value: Any) -> None:
    with pytest.raises(UnresolvableError, match=r"^App: [^\n]+$"):
        stack(Resources={}).resolve(value)


def test_prefers_the_stacks_own_account_and_region(write: Callable[..., Path]) -> None:
    [read] = Assembly.read(write({"App": {"Resources": RESOURCES}}, "aws://333333333333/us-west-2")).stacks
    assert (read.account, read.region) == ("333333333333", "us-west-2")
    assert read.resolve({"Fn::GetAtt": ["Fn", "Arn"]}) == "arn:aws:lambda:us-west-2:333333333333:function:App-Fn"


def test_finds_an_exported_value_in_another_stack(write: Callable[..., Path]) -> None:
    export = {"Value": {"Fn::GetAtt": ["Fn", "Arn"]}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}:Fn"}}}
    folder = write({"One": {"Resources": RESOURCES, "Outputs": {"Fn": export}}, "Two": {"Resources": {}}})
    two = Assembly.read(folder).stacks[1]
    expected = "arn:aws:lambda:us-east-1:111111111111:function:One-Fn"
    assert two.resolve({"Fn::ImportValue": "One:Fn"}) == expected
    assert two.resolve({"Fn::GetStackOutput": {"StackName": "One", "OutputName": "Fn"}}) == expected


def test_skips_a_state_machine_whose_condition_is_false(stack: Callable[..., Stack]) -> None:
    machine = {"Type": STATE_MACHINE, "Condition": "Never", "Properties": {"DefinitionString": "{}"}}
    read = stack(Resources={"M": machine}, Conditions={"Never": {"Fn::Equals": ["a", "b"]}})
    assert read.state_machines() == ()


@pytest.mark.parametrize("definition", ["{", "[]"])
def test_names_the_state_machine_whose_definition_is_wrong(stack: Callable[..., Stack], definition: str) -> None:
    read = stack(Resources={"M": {"Type": STATE_MACHINE, "Properties": {"DefinitionString": definition}}})
    with pytest.raises(ValueError, match="App/M"):
        read.state_machines()


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (None, "doesn't exist"),
        ({}, "has no manifest.json"),
        ({"cdk.json": "{}"}, "run `cdk synth` there first"),
        ({"manifest.json": "nonsense"}, "isn't the manifest"),
        ({"manifest.json": "[]"}, "isn't the manifest"),
        ({"manifest.json": '{"name": "a web app", "artifacts": {}}'}, "names no version"),
        ({"manifest.json": '{"version": "55.0.0", "artifacts": {"A": "x"}}'}, "its artifacts aren't"),
        ({"manifest.json": '{"version": "55.0.0", "artifacts": []}'}, "its artifacts aren't"),
        (
            {"manifest.json": '{"version": "55.0.0", "artifacts": {"A": {"type": "aws:cloudformation:stack"}}}'},
            "the template of A is missing",
        ),
    ],
)
def test_refuses_what_is_not_an_assembly(tmp_path: Path, files: dict[str, str] | None, reason: str) -> None:
    folder = tmp_path / "given"
    if files is not None:
        folder.mkdir()
        for name, text in files.items():
            folder.joinpath(name).write_text(text)
    with pytest.raises(NotAnAssembly) as raised:
        Assembly.read(folder)
    message = str(raised.value)
    assert reason in message
    assert str(folder) in message
    assert "cdk.out" in message
    assert "\n" not in message


def test_refuses_a_template_that_is_none(tmp_path: Path) -> None:
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "A.json"}}
    tmp_path.joinpath("manifest.json").write_text(json.dumps({"version": "55.0.0", "artifacts": {"A": stack}}))
    tmp_path.joinpath("A.json").write_text("[]")
    (read,) = Assembly.read(tmp_path).stacks
    with pytest.raises(NotAnAssembly, match=r"A\.json' isn't a template: A\.json isn't a JSON object\. "):
        _ = read.template


def test_refuses_a_file(tmp_path: Path) -> None:
    file = tmp_path / "template.json"
    file.write_text("{}")
    with pytest.raises(NotAnAssembly, match=r"isn't a cloud assembly"):
        Assembly.read(file)


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """A real app: a stage of two stacks, a nested stack, a definition in a file, a reference across stacks."""
    folder = tmp_path_factory.mktemp("app")
    app = cdk.App(outdir=str(folder / "cdk.out"), context={"aws:cdk:enable-path-metadata": True})
    stage = cdk.Stage(app, "Prod", env=cdk.Environment(account="222222222222", region="eu-west-1"))
    shared = cdk.Stack(stage, "Shared")
    function = lambda_.Function(
        shared,
        "Function",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
    )
    workflow = cdk.Stack(stage, "Workflow")
    file = folder / "definition.asl.json"
    task = {"Type": "Task", "Resource": "${Function}", "TimeoutSeconds": "${Seconds}", "End": True}
    file.write_text(json.dumps({"StartAt": "Call", "States": {"Call": task}}).replace('"${Seconds}"', "${Seconds}"))
    sfn.StateMachine(
        workflow,
        "FromFile",
        definition_body=sfn.DefinitionBody.from_file(str(file)),
        definition_substitutions={"Function": function.function_arn, "Seconds": "30"},
        state_machine_type=sfn.StateMachineType.EXPRESS,
        state_machine_name="from-file",
    )
    nested = cdk.NestedStack(workflow, "Inner")
    sfn.StateMachine(
        nested,
        "Nested",
        definition_body=sfn.DefinitionBody.from_chainable(
            sfn.Pass(nested, "Say", result=sfn.Result.from_object({"where": function.function_arn}))
        ),
    )
    agnostic = cdk.Stack(app, "Agnostic", synthesizer=cdk.DefaultStackSynthesizer(qualifier="mine"))
    sfn.StateMachine(agnostic, "Own", definition_body=sfn.DefinitionBody.from_chainable(sfn.Pass(agnostic, "Pass")))
    cdk.Stack(app, "Bare", synthesizer=cdk.BootstraplessSynthesizer())
    app.synth()
    return Assembly.read(folder / "cdk.out")


def test_reads_stacks_of_stages_in_an_order_that_deploys(synthesized: Assembly) -> None:
    read = {s.id: (s.name, s.account, s.region, s.bootstrap_qualifier) for s in synthesized.stacks}
    assert read == {
        "Prod/Shared": ("Prod-Shared", "222222222222", "eu-west-1", "hnb659fds"),
        "Prod/Workflow": ("Prod-Workflow", "222222222222", "eu-west-1", "hnb659fds"),
        "Agnostic": ("Agnostic", None, None, "mine"),
        "Bare": ("Bare", None, None, None),
    }
    order = list(read)
    assert order.index("Prod/Shared") < order.index("Prod/Workflow")
    assert synthesized.missing == ()


def test_reads_state_machines_from_files_and_nested_stacks(synthesized: Assembly) -> None:
    machines = {m.path: m for m in synthesized.state_machines()}
    shared = synthesized.stacks[0]
    [function_id] = shared.resources("AWS::Lambda::Function")
    function = shared.resolve({"Fn::GetAtt": [function_id, "Arn"]})

    from_file = machines["Prod/Workflow/FromFile/Resource"]
    assert from_file.definition["States"]["Call"] == {
        "Type": "Task",
        "Resource": function,
        "TimeoutSeconds": 30,
        "End": True,
    }
    assert (from_file.name, from_file.type) == ("from-file", "EXPRESS")
    assert from_file.arn == "arn:aws:states:eu-west-1:222222222222:stateMachine:from-file"
    assert from_file.role_arn.startswith("arn:aws:iam::222222222222:role/Prod-Workflow-FromFileRole")

    nested = machines["Prod/Workflow/Inner/Nested/Resource"]
    assert nested.definition["States"]["Say"]["Result"] == {"where": function}
    assert nested.type == "STANDARD"

    own = machines["Agnostic/Own/Resource"]
    assert own.arn == f"arn:aws:states:us-east-1:111111111111:stateMachine:Agnostic-{own.logical_id}"


def test_names_a_missing_asset(synthesized: Assembly, write: Callable[..., Path]) -> None:
    workflow = next(s for s in synthesized.stacks if s.id == "Prod/Workflow")
    folder = write({"Copied": workflow.template})  # the template without its assets
    with pytest.raises(ValueError, match=r"^The definition of Copied/FromFile\w+ can't be read: no asset "):
        Assembly.read(folder).state_machines()


def test_names_the_context_that_was_not_looked_up(write: Callable[..., Path]) -> None:
    folder = write({"App": {"Resources": {}}})
    manifest = json.loads(folder.joinpath("manifest.json").read_text())
    manifest["missing"] = [{"key": "vpc-provider:account=1", "provider": "vpc-provider", "props": {}}]
    folder.joinpath("manifest.json").write_text(json.dumps(manifest))
    assert Assembly.read(folder).missing == ("vpc-provider:account=1",)


def test_loads_neither_jsii_nor_aws_cdk() -> None:
    code = "import sys, constructs_lib.assembly; print([m for m in ('jsii', 'aws_cdk', 'boto3') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
