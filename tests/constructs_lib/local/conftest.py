"""Apps to deploy, synthesized and written by hand, and a machine that is set up to reach a real account."""

from __future__ import annotations

import json
import sys
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.constructs_lib.local.loopback import Answers, answering

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Over 99 a number takes a minute, and a file tells that it is being doubled.
DOUBLE = """
import pathlib, tempfile, time

def handler(event, context):
    if max(event["Items"]) > 99:
        pathlib.Path(tempfile.gettempdir(), "at-work").touch()
        time.sleep(60)
    return {"doubled": [2 * n for n in event["Items"]]}
"""


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `cdk.out` of two accounts: a Distributed Map over a Lambda function, and a machine that fails or waits."""
    # Here: most of these tests need no jsii in this process.
    import aws_cdk as cdk
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_stepfunctions as sfn
    from aws_cdk import aws_stepfunctions_tasks as tasks

    from tests.cdk import make_app

    source = tmp_path_factory.mktemp("lambda")
    source.joinpath("index.py").write_text(DOUBLE)
    folder = tmp_path_factory.mktemp("app") / "cdk.out"
    app = make_app(outdir=folder)
    first = cdk.Stack(app, "First")
    function = lambda_.Function(
        first,
        "Double",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(source)),
    )
    each = sfn.DistributedMap.jsonata(
        first,
        "Each batch",
        label="EachBatch",
        items=sfn.ProvideItems.jsonata("{% [1..$states.input.numbers] %}"),
        item_batcher=sfn.ItemBatcher(max_items_per_batch=5),
        map_execution_type=sfn.StateMachineType.EXPRESS,
    )
    invoke = tasks.LambdaInvoke.jsonata(
        first,
        "Double them",
        lambda_function=function,
        payload=sfn.TaskInput.from_text("{% $states.input %}"),
        outputs="{% $states.result.Payload.doubled %}",
    )
    machine = sfn.StateMachine(
        first,
        "Numbers",
        definition_body=sfn.DefinitionBody.from_chainable(each.item_processor(invoke)),
        query_language=sfn.QueryLanguage.JSONATA,
    )
    cdk.CfnOutput(first, "NumbersArn", value=machine.state_machine_arn)

    second = cdk.Stack(app, "Second", env=cdk.Environment(account="222222222222", region="eu-west-1"))
    wait = sfn.Wait.jsonata(second, "Wait", time=sfn.WaitTime.duration(cdk.Duration.seconds(60)))
    fail = sfn.Fail.jsonata(second, "Fail", error="NotToday", cause="The input says so.")
    choice = sfn.Choice.jsonata(second, "Fail or wait").when(sfn.Condition.jsonata("{% $states.input.fail %}"), fail)
    sfn.StateMachine(
        second,
        "Sulky",
        state_machine_name="sulky",
        definition_body=sfn.DefinitionBody.from_chainable(choice.otherwise(wait)),
        query_language=sfn.QueryLanguage.JSONATA,
    )
    app.synth()
    return folder


@pytest.fixture
def bare_assembly(tmp_path: Path) -> Path:
    """A `cdk.out` with one stack, written by hand: it has an output and needs no bootstrap."""
    template: dict[str, Any] = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "bare"}}},
        "Outputs": {"Topic": {"Value": {"Ref": "Topic"}}},
    }
    return write_assembly(tmp_path / "bare.out", {"Bare": ("unknown-account/unknown-region", template)})


def write_assembly(folder: Path, stacks: dict[str, tuple[str, dict[str, Any]]]) -> Path:
    """Write an assembly of stacks: name -> environment (`account/region`) and template."""
    folder.mkdir()
    artifacts = {}
    for name, (environment, template) in stacks.items():
        folder.joinpath(f"{name}.template.json").write_text(json.dumps(template))
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{environment}",
            "properties": {"templateFile": f"{name}.template.json"},
        }
    folder.joinpath("manifest.json").write_text(json.dumps({"version": "48.0.0", "artifacts": artifacts}))
    return folder


@pytest.fixture
def server() -> Iterator[Answers]:
    """Another emulator."""
    with answering() as server:
        yield server


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Answers]:
    """An environment set up for a real account, behind a proxy; the value is the proxy."""
    with hostile_environment(tmp_path) as proxy:
        yield proxy


@contextmanager
def hostile_environment(folder: Path) -> Iterator[Answers]:
    """Set the environment up for a real account, behind a proxy, which is the value."""
    config, credentials = folder / "aws-config", folder / "aws-credentials"
    config.write_text("[profile real]\nregion = eu-north-1\nendpoint_url = https://sts.amazonaws.com\n")
    credentials.write_text("[real]\naws_access_key_id = AKIAREAL\naws_secret_access_key = real\n")
    variables = {
        "AWS_PROFILE": "real",
        "AWS_DEFAULT_PROFILE": "real",
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real",
        "AWS_REGION": "eu-north-1",
        "AWS_ENDPOINT_URL": "https://sts.amazonaws.com",
        "AWS_ENDPOINT_URL_STS": "https://sts.amazonaws.com",
        "AWS_CA_BUNDLE": "/nowhere",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "CDK_DEFAULT_ACCOUNT": "333333333333",
        "CDK_DEFAULT_REGION": "eu-north-1",
        "CDK_HOME": str(folder / "cdk-home"),
    }
    with answering() as proxy, pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            variables |= {name: proxy.url, name.lower(): proxy.url}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield proxy


@pytest.fixture
def cdk(tmp_path: Path) -> Path:
    """A CDK CLI that isn't one: it prints what a failing deployment does and fails."""
    return write_cli(
        tmp_path,
        """
        print("App: deploying... [1/1]")
        print("App | 0/3 | CREATE_FAILED | AWS::SNS::Topic | Topic Resource handler returned message: no such key")
        print("Stack outputs follow")
        sys.exit(1)
        """,
    )


def write_cli(folder: Path, code: str) -> Path:
    """Write a program of Python `code` that stands in for the CDK CLI."""
    file = folder / "cdk"
    file.write_text(f"#!{sys.executable}\nimport os, sys, time\n{textwrap.dedent(code)}")
    file.chmod(0o755)
    return file
