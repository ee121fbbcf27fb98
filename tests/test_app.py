"""The app as the CDK CLI runs it: a process of its own, with CDK's template validation and cdk-nag on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]


def run_app(
    out: Path,
    context: Mapping[str, object],
    *,
    validation: bool = False,
    region: str | None = None,
    arguments: Sequence[str] = ("app.py",),
) -> subprocess.CompletedProcess[str]:
    """`python app.py` with `context`, no AWS account within reach."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_"))}
    environment |= {
        "CDK_OUTDIR": str(out),
        "CDK_CONTEXT_JSON": json.dumps(dict(context)),
        "CDK_VALIDATION": str(validation).lower(),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if region is not None:
        environment |= {"CDK_DEFAULT_ACCOUNT": "111111111111", "CDK_DEFAULT_REGION": region}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_should_synthesize_without_an_account(tmp_path: Path) -> None:
    done = run_app(tmp_path, {}, validation=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "WindSpeed.template.json").exists()
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["artifacts"]["WindSpeed"]["environment"] == "aws://unknown-account/unknown-region"


def test_should_fail_on_a_finding_of_cdk_nag(tmp_path: Path) -> None:
    script = """
import app
from aws_cdk import aws_s3
build = app.build
def build_with_an_open_bucket(root):
    aws_s3.Bucket(build(root), "Open")
app.build = build_with_an_open_bucket
app.main()
"""
    done = run_app(tmp_path, {}, arguments=["-c", script])
    assert done.returncode == 1
    assert "AwsSolutions-S10" in done.stdout + done.stderr


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
    ids=["value", "key", "region"],
)
def test_should_refuse_a_wrong_setting_in_one_line(
    tmp_path: Path, context: dict[str, object], region: str | None, message: str
) -> None:
    done = run_app(tmp_path, context, region=region)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


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
