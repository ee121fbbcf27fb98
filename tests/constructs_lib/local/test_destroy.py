"""The app that deletes its data with its stack, deployed and destroyed by the real CDK CLI."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from constructs_lib.local import LocalCloud
from constructs_lib.local.deploy import _cli_environment
from demo.wind_speed.run import STACK
from tests.cdk import synthesize_app

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.local


def test_should_destroy_the_app_with_all_its_data(cdk_cli: Path, tmp_path: Path) -> None:
    assembly = synthesize_app(tmp_path, {"removal_policy": "destroy"})
    with LocalCloud.start() as cloud:
        bucket = cloud.deploy(assembly, stacks=[STACK], cdk=cdk_cli)[STACK]["ResultsBucketName"]
        s3 = cloud.client("s3")
        for body in (b"one", b"two"):
            s3.put_object(Bucket=bucket, Key="runs/one/summary.json", Body=body)
        done = subprocess.run(
            [cdk_cli, "destroy", "--app", assembly, "--all", "--force", "--no-color", "--no-notices", "--ci"],
            cwd=tmp_path,
            env=_cli_environment(cloud.endpoint, cloud.folder, "111111111111"),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

        with pytest.raises(ClientError, match="404"):
            s3.head_bucket(Bucket=bucket)
        with pytest.raises(ClientError, match="does not exist"):
            cloud.client("cloudformation").describe_stacks(StackName=STACK)
