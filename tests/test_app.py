"""The app as the CDK CLI runs it, with cdk-nag on; once as a process of its own, and with CDK's template validation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk import Stack
from aws_cdk import aws_s3 as s3
from aws_cdk.region_info import Fact

import app
from stacks.region import UNKNOWN_REGION, check_region, warn_of_unknown_region
from tests.cdk import make_app, process_environment

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.local
def test_should_synthesize_without_an_account(tmp_path: Path) -> None:
    environment = process_environment(tmp_path) | {"CDK_VALIDATION": "true"}
    command = [sys.executable, "app.py"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {file.name for file in tmp_path.glob("*.template.json")} == {
        "WindSpeed.template.json",
        "Quotas.template.json",
    }
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    for stack in ("WindSpeed", "Quotas"):
        assert manifest["artifacts"][stack]["environment"] == "aws://unknown-account/unknown-region"


def test_should_have_the_load_test_in_the_account_that_it_names_only(monkeypatch: pytest.MonkeyPatch) -> None:
    (*_, load) = app.build(make_app({"load_test": '{"account": "111111111111"}'}))
    assert (load.node.id, load.account) == ("LoadTest", "111111111111")
    monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "222222222222")
    with pytest.raises(ValueError, match=r"^LoadTest: account is '111111111111'; allowed: "):
        app.build(make_app({"load_test": '{"account": "111111111111"}'}))


@pytest.fixture
def build_also(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Stack], object]], None]:
    """Let the app's stack have one thing more."""

    def also(add: Callable[[Stack], object]) -> None:
        build = app.build
        monkeypatch.setattr(app, "build", lambda root: add(build(root)[0]))

    return also


def test_should_fail_on_a_finding_of_cdk_nag(
    build_also: Callable[[Callable[[Stack], object]], None], capfd: pytest.CaptureFixture[str]
) -> None:
    build_also(lambda stack: s3.Bucket(stack, "Open"))
    assert app.main(make_app()) == 1
    told = capfd.readouterr().err
    assert "AwsSolutions-S10" in told
    assert "Traceback" not in told


def test_should_say_in_one_line_what_cdk_refuses(
    build_also: Callable[[Callable[[Stack], object]], None], capfd: pytest.CaptureFixture[str]
) -> None:
    build_also(lambda stack: s3.Bucket.from_bucket_name(stack, "Wrong", "a..b"))
    assert app.main(make_app()) == 1
    told = capfd.readouterr().err
    assert told.startswith("error: ")
    assert "Invalid S3 bucket name (value: a..b) Bucket name must not" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("context", "region", "message"),
    [
        ({"unit": "beaufort"}, None, "error: unit is 'beaufort'; allowed: knots, mph, kmh, mps. "),
        ({"unti": "mph"}, None, "error: unti: no such setting; allowed: "),
        (
            {"source": "s3://my-bucket/", "source_region": "eu-west-1"},
            "us-east-1",
            "error: WindSpeed/Workflow/Analyze objects: source is 'a bucket of Region eu-west-1'; allowed: ",
        ),
    ],
    ids=["value", "key", "source's region"],
)
def test_should_refuse_a_wrong_setting_in_one_line(
    context: dict[str, object],
    region: str | None,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if region is not None:
        monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "111111111111")
        monkeypatch.setenv("CDK_DEFAULT_REGION", region)
    assert app.main(make_app(context)) == 2
    told = capfd.readouterr()
    assert told.err.startswith(message)
    assert told.err.count("\n") == 1
    assert told.out == ""


@pytest.mark.parametrize(
    ("region", "hint"),
    [
        ("eu-wset-1", "Did you mean eu-west-1? "),
        ("eu-west", "Did you mean eu-west-3? "),
        ("US-EAST-1", ""),
        ("", ""),
    ],
)
def test_should_refuse_a_misspelt_region_in_one_line(
    region: str, hint: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CDK_DEFAULT_REGION", region)
    assert app.main(make_app()) == 2
    assert capfd.readouterr().err == (
        f"error: CDK_DEFAULT_REGION is {region!r}; allowed: a Region of AWS, such as us-east-1. {hint}"
        "Change AWS_REGION, or the region of your AWS profile.\n"
    )


def test_should_take_a_region_that_aws_cdk_lib_does_not_know_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after the next launch of one."""
    monkeypatch.setenv("CDK_DEFAULT_REGION", "eu-northeast-7")
    stacks = app.build(make_app())
    assert [stack.region for stack in stacks] == ["eu-northeast-7"] * 2
    for stack in stacks:
        (told,) = (entry.data for entry in stack.node.metadata if UNKNOWN_REGION in str(entry.data))
        assert str(told).startswith(
            "CDK_DEFAULT_REGION is 'eu-northeast-7', which this aws-cdk-lib doesn't know; the nearest that it knows: "
            "ap-northeast-"
        )


def test_should_warn_of_no_region_that_aws_cdk_lib_knows() -> None:
    stack = Stack(make_app(), "Stack")
    for region in Fact.regions:
        check_region(region)
        warn_of_unknown_region(region, [stack])
    assert [entry.data for entry in stack.node.metadata if entry.type == "aws:cdk:warning"] == []


def test_should_load_no_jsii_for_the_package_alone() -> None:
    script = "import sys, constructs_lib; print([m for m in ('jsii', 'aws_cdk', 'boto3') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_should_offer_every_public_name() -> None:
    import constructs_lib

    assert sorted(dir(constructs_lib)) == sorted(constructs_lib.__all__)
    for name in constructs_lib.__all__:
        assert getattr(constructs_lib, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'WindSpeedWorkflw'"):
        _ = constructs_lib.WindSpeedWorkflw
