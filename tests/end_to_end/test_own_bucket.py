"""The app over a bucket of its own account, which the map lists by itself; in an account of its own, by its context."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from demo.wind_speed.run import STACK
from demo.wind_speed.sample import sample_objects
from tests.cdk import synthesize_app
from tests.end_to_end.permissions import assert_denied, name_of, no_retries, without
from tests.stacks.iam_statements import EXERCISED, STATEMENTS, Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from constructs_lib.local import ExecutionResult, LocalCloud

pytestmark = pytest.mark.local

ACCOUNT = "333333333333"
BUCKET = "own-bucket"
PREFIX = "gsod/"
OBJECTS = {f"{obj.station}-{obj.year}.csv": obj.body() for obj in sample_objects(6)}
NEEDED = sorted(statement for statement, proof in STATEMENTS["full"].items() if proof == EXERCISED)


@dataclass(frozen=True)
class OwnBucketApp:
    """The deployed app, and its bucket of objects."""

    cloud: LocalCloud
    assembly: Path
    outputs: Mapping[str, str]

    def put(self, prefix: str) -> None:
        s3 = self.cloud.client("s3", account=ACCOUNT)
        for name, body in OBJECTS.items():
            s3.put_object(Bucket=BUCKET, Key=f"{prefix}{name}", Body=body)

    def run(self, **execution_input: object) -> ExecutionResult:
        return self.cloud.run(self.outputs["StateMachineArn"], execution_input)

    def files_of(self, result: ExecutionResult) -> str:
        """All that the execution wrote, as one text."""
        s3, bucket = self.cloud.client("s3", account=ACCOUNT), self.outputs["ResultsBucketName"]
        prefix = f"runs/{result.execution_arn.rsplit(':', 1)[1]}/"
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
        return " ".join(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys)


@pytest.fixture(scope="module")
def app(cloud: LocalCloud, cdk_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> OwnBucketApp:
    with pytest.MonkeyPatch.context() as monkeypatch:
        # What the CDK CLI finds and says.
        monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", ACCOUNT)
        monkeypatch.setenv("CDK_DEFAULT_REGION", "us-east-1")
        context = {"source": f"s3://{BUCKET}/{PREFIX}", "batch_size": 4}
        assembly = synthesize_app(tmp_path_factory.mktemp("own_bucket"), context)
    cloud.client("s3", account=ACCOUNT).create_bucket(Bucket=BUCKET)
    return OwnBucketApp(cloud, assembly, cloud.deploy(assembly, stacks=[STACK], cdk=cdk_cli)[STACK])


@pytest.fixture(scope="module")
def filled(app: OwnBucketApp) -> OwnBucketApp:
    app.put(PREFIX)
    app.put("elsewhere/")
    return app


def test_should_say_that_there_is_no_object(app: OwnBucketApp) -> None:
    result = app.run()
    assert (result.status, result.error) == ("FAILED", "NoObjects")
    assert f"s3://{BUCKET}/{PREFIX}" in str(result.cause)


def test_should_analyze_every_object_under_the_prefix(filled: OwnBucketApp) -> None:
    result = filled.run(unit="mph")
    assert result.succeeded, result
    output: dict[str, Any] = result.output
    counts = {name: output[name] for name in ("objects_listed", "objects_analysed", "objects_rejected", "unit")}
    assert counts == {
        "objects_listed": len(OBJECTS),
        "objects_analysed": len(OBJECTS),
        "objects_rejected": 0,
        "unit": "mph",
    }


def test_should_stop_at_max_objects(filled: OwnBucketApp) -> None:
    result = filled.run(max_objects=2)
    assert result.succeeded, result
    assert result.output["objects_listed"] == 2


@pytest.mark.parametrize("chosen", [{"years": [2024]}, {"stations": ["1"]}], ids=str)
def test_should_take_no_choice_of_objects(filled: OwnBucketApp, chosen: dict[str, object]) -> None:
    result = filled.run(**chosen)
    assert (result.status, result.error) == ("FAILED", "UnsupportedInput")


@pytest.fixture(scope="module")
def impatient(filled: OwnBucketApp) -> Iterator[OwnBucketApp]:
    with no_retries(filled.cloud, filled.outputs["StateMachineArn"]):
        # With all of them it isn't denied.
        assert filled.run().succeeded
        yield filled


@pytest.mark.parametrize("statement", NEEDED, ids=name_of)
def test_should_end_in_access_denied_without(impatient: OwnBucketApp, statement: Statement) -> None:
    with without(statement, impatient.cloud, impatient.assembly, ACCOUNT):
        result = impatient.run()
    assert result.status == "FAILED"
    # A child's error stands in the files of its map run.
    assert_denied(statement, f"{result.error} {result.cause} {impatient.files_of(result)}")
