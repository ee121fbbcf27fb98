"""What an `aws-sdk` task answers is JSON, whatever the SDK made of it."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from constructs_lib.local.emulator.tasks.sdk_results import as_json
from tests.constructs_lib.local.emulator.conftest import Cloud


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2024, 5, 1, 12, tzinfo=UTC), "2024-05-01T12:00:00Z"),
        (datetime(2024, 5, 1, 12, 0, 0, 120_000, UTC), "2024-05-01T12:00:00.120Z"),
        (datetime(2024, 5, 1, 12, 0, 0, 120_001, UTC), "2024-05-01T12:00:00.120001Z"),
        (datetime(2024, 5, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2024-04-30T23:00:00Z"),
    ],
)
def test_should_write_a_moment_as_the_sdk_for_java(moment: datetime, text: str) -> None:
    assert as_json({"a": [{"b": moment}], "c": 1}) == {"a": [{"b": text}], "c": 1}


def test_should_write_bytes_as_base64() -> None:
    assert as_json([b"\x00\x01", None, 1]) == ["AAE=", None, 1]


@pytest.mark.local
@pytest.mark.parametrize("language", ["JSONata", "JSONPath"])
def test_should_give_json_to_the_next_state(cloud: Cloud, language: str) -> None:
    bucket = cloud.bucket()
    cloud.client("s3").put_object(Bucket=bucket, Key="a", Body=b"1")
    name: dict[str, Any] = {"Bucket": bucket}
    given = {"Arguments": name} if language == "JSONata" else {"Parameters": name}
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listObjectsV2", **given, "Next": "Pass"}
    execution = cloud.run({"List": task, "Pass": {"Type": "Pass", "End": True}}, QueryLanguage=language)
    assert execution.status == "SUCCEEDED", execution.cause
    (found,) = execution.output["Contents"]
    assert found["Key"] == "a"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", found["LastModified"])
