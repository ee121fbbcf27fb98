"""`imports`: a SAM app in CDK, in JSONPath, with a Distributed Map of Express children over S3 and their results."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from constructs_lib.testing import LocalApp, Seeded

pytestmark = pytest.mark.local


def files(local_app: LocalApp, *bodies: str) -> Seeded:
    return local_app.seed("Uploads", {f"{index}.txt": body for index, body in enumerate(bodies)})


def test_counts_the_lines_of_every_file(local_app: LocalApp) -> None:
    seeded = files(local_app, "1\n2\n3\n", "4\n", "5\n")
    execution = local_app.run("ImportStateMachine", {"prefix": seeded.prefix})
    assert execution.output == {"lines": 5, "files": 3, "stages": ["dev"], "failed": 0}
    assert sorted(child.output["files"] for child in execution.children) == [1, 2]

    s3, bucket = local_app.cloud.client("s3"), local_app.outputs["ResultsBucket"]
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=seeded.prefix)["Contents"]]
    (manifest_key,) = [key for key in keys if key.endswith("/manifest.json")]
    manifest = json.load(s3.get_object(Bucket=bucket, Key=manifest_key)["Body"])
    assert {file["Key"] for kind in manifest["ResultFiles"].values() for file in kind} == {*keys} - {manifest_key}


def test_tolerates_half_of_the_files(local_app: LocalApp) -> None:
    seeded = files(local_app, "1\n", "2\n", "bad\n", "3\n")
    execution = local_app.run("ImportStateMachine", {"prefix": seeded.prefix})
    assert execution.output == {"lines": 2, "files": 2, "stages": ["dev"], "failed": 1}


def test_fails_over_half_of_the_files(local_app: LocalApp) -> None:
    seeded = files(local_app, "bad\n", "1\n", "bad\n")
    execution = local_app.run("ImportStateMachine", {"prefix": seeded.prefix})
    assert (execution.error, execution.states) == ("Imports.Failed", ("Process files", "Report failure"))
    assert local_app.resource("Results") in str(execution.cause)
    failed = [child for child in execution.children if child.status == "FAILED"]
    assert {child.error for child in failed} == {"RuntimeError"}


def test_retries_in_the_children(local_app: LocalApp) -> None:
    seeded = files(local_app, *("1\n" for _ in range(6)))
    fault = local_app.fail_task("Count lines", error="Lambda.ServiceException", times=3)
    execution = local_app.run("ImportStateMachine", {"prefix": seeded.prefix})
    assert execution.succeeded
    assert (execution.output["lines"], execution.output["failed"], fault.thrown) == (6, 0, 3)


def test_retries_a_function_that_is_named_by_its_arn(local_app: LocalApp) -> None:
    seeded = files(local_app, "1\n")
    local_app.fail_task("Summarize", error="Lambda.Unknown", times=1)
    execution = local_app.run("ImportStateMachine", {"prefix": seeded.prefix})
    assert execution.succeeded
    assert execution.attempts("Summarize") == 2
    assert [event["type"] for event in execution.events].count("LambdaFunctionFailed") == 1


def test_an_express_workflow_answers_at_once(local_app: LocalApp) -> None:
    answers = [local_app.run("CheckStateMachine", {"lines": lines}) for lines in (0, 1)]
    assert [answer.output for answer in answers] == [{"ok": False}, {"ok": True}]
    assert answers[0].states == ()


def test_the_verdict_decides(local_app: LocalApp) -> None:
    seeded = files(local_app, "")
    execution = local_app.run("ImportStateMachine", {"prefix": seeded.prefix})
    assert (execution.error, execution.states[-2:]) == ("Imports.Failed", ("Clean enough?", "Report failure"))
