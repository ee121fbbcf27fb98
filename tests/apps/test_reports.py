"""`reports`: a CDK app in JSONata with variables, a Parallel, a child machine, and a bus with a rule."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.apps.conftest import eventually

if TYPE_CHECKING:
    from constructs_lib.testing import LocalApp, Seeded

pytestmark = pytest.mark.local


def weights(local_app: LocalApp, *values: int) -> Seeded:
    return local_app.seed("DataBucket", {f"{index}.json": {"weight": value} for index, value in enumerate(values)})


def test_adds_up_and_tells(local_app: LocalApp) -> None:
    seeded = weights(local_app, 2, 3, 7)
    execution = local_app.run("Nightly", {"prefix": seeded.prefix, "day": "Monday"})
    assert execution.output == {
        "day": "Monday",
        "unit": "kg",
        "sums": {"total": 12, "count": 3},
        "heaviest": 7,
        "events": 1,
    }
    assert execution.states.count("Read a file") == 3
    sqs, s3 = local_app.cloud.client("sqs"), local_app.cloud.client("s3")
    queue = local_app.resource("Notices")

    def notice() -> dict[str, Any] | None:
        messages = sqs.receive_message(QueueUrl=queue).get("Messages", [])
        return next((json.loads(message["Body"]) for message in messages), None)

    key = f"{seeded.prefix}report.json"
    assert eventually(notice) == {"report": "12 kg", "total": 12, "key": key}
    eventually(lambda: s3.list_objects_v2(Bucket=seeded.bucket, Prefix=key)["KeyCount"])
    kept = json.load(s3.get_object(Bucket=seeded.bucket, Key=key)["Body"])
    assert kept == {"source": "reports", "report": "12 kg"}


def test_a_child_that_fails_is_the_parents_failure(local_app: LocalApp) -> None:
    seeded = weights(local_app, *range(11))
    execution = local_app.run("Nightly", {"prefix": seeded.prefix})
    assert (execution.error, execution.cause) == ("Reports.NoReport", "After States.TaskFailed")
    assert execution.states[-2:] == ("Calculate", "Give up")


def test_reads_a_file_again(local_app: LocalApp) -> None:
    seeded = weights(local_app, 2, 3)
    fault = local_app.fail_task("Read a file", error="S3.S3Exception")
    execution = local_app.run("Nightly", {"prefix": seeded.prefix})
    assert execution.succeeded
    assert (execution.attempts("Read a file"), fault.thrown) == (3, 1)


@pytest.mark.parametrize(
    ("task", "error"),
    [
        ("Read the unit", "Ssm.ParameterNotFoundException"),
        ("Read a file", "S3.NoSuchBucketException"),
        ("Calculate", "StepFunctions.ExecutionLimitExceededException"),
    ],
)
def test_gives_up_whichever_task_fails(local_app: LocalApp, task: str, error: str) -> None:
    seeded = weights(local_app, 2)
    fault = local_app.fail_task(task, error=error)
    execution = local_app.run("Nightly", {"prefix": seeded.prefix})
    assert (execution.error, execution.cause) == ("Reports.NoReport", f"After {error}")
    assert fault.thrown == 1
