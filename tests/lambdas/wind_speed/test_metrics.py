from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from bench.s3_server import Fault
from lambdas.wind_speed import analyze, index, metrics, reduce, s3
from tests.lambdas.wind_speed.observations import year_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.s3_server import S3Server

KEYS = [f"2024/{station}.csv" for station in range(100)]
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
UNITS = re.compile(
    r"(Micro|Milli)?[Ss]econds|(Kilo|Mega|Giga|Tera)?([Bb]ytes|[Bb]its)(/Second)?|Percent|Count(/Second)?"
)


@pytest.fixture
def observed(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """A hundred objects, a function name, and an SDK that doesn't wait between its attempts."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "analyze")
    server.store.buckets["source"] = {key: year_of(key[5:-4], 2024, [1.0]) for key in KEYS}
    return server


def run(*keys: str) -> analyze.Result:
    return analyze.handler({"Items": [{"key": key} for key in keys]}, None)


def metric_targets(document: dict[str, Any]) -> dict[str, Any]:
    """The metrics that CloudWatch finds in a document, if it follows the rules of the published schema.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    metadata = document["_aws"]
    assert metadata.keys() == {"Timestamp", "CloudWatchMetrics"}
    assert type(metadata["Timestamp"]) is int
    found = {}
    for directive in metadata["CloudWatchMetrics"]:
        assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
        assert 1 <= len(directive["Namespace"]) <= 1024
        assert directive["Dimensions"]
        for dimensions in directive["Dimensions"]:
            assert len(dimensions) <= 30
            for dimension in dimensions:
                assert 1 <= len(dimension) <= 250
                assert isinstance(document[dimension], str)
                assert 1 <= len(document[dimension]) <= 1024
        assert 1 <= len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert metric.keys() <= {"Name", "Unit", "StorageResolution"}
            assert 1 <= len(metric["Name"]) <= 1024
            assert UNITS.fullmatch(metric["Unit"])
            assert type(document[metric["Name"]]) in (int, float)
            found[metric["Name"]] = document[metric["Name"]]
    return found


def reported(capsys: pytest.CaptureFixture[str]) -> list[int]:
    """The counts written to standard output so far, one a line, and nothing else on it."""
    return [metric_targets(json.loads(line))["SlowDown"] for line in capsys.readouterr().out.splitlines()]


def test_should_write_one_line_that_cloudwatch_takes_metrics_from(
    observed: S3Server, capsys: pytest.CaptureFixture[str]
) -> None:
    observed.store.faults[KEYS[0]] = Fault(times=3)
    before = time.time()

    run(KEYS[0])

    [line] = capsys.readouterr().out.splitlines()
    document = json.loads(line)
    assert metric_targets(document) == {"SlowDown": 3}
    assert before - 0.001 <= document["_aws"].pop("Timestamp") / 1000 <= time.time()
    assert document == {
        "_aws": {
            "CloudWatchMetrics": [
                {
                    "Namespace": "StepFunctionsAtScale",
                    "Dimensions": [[], ["FunctionName"]],
                    "Metrics": [{"Name": "SlowDown", "Unit": "Count"}],
                }
            ]
        },
        "FunctionName": "analyze",
        "SlowDown": 3,
    }


def test_should_count_each_answer_to_any_thread(observed: S3Server, capsys: pytest.CaptureFixture[str]) -> None:
    """Also those to the requests past the SDK, which it never sees."""
    observed.store.faults |= {key: Fault(times=number % 4) for number, key in enumerate(KEYS)}

    assert run(*KEYS)["analysed"] == len(KEYS)

    assert reported(capsys) == [150]


def test_should_write_nothing_when_s3_throttled_nothing(observed: S3Server, capsys: pytest.CaptureFixture[str]) -> None:
    observed.store.faults |= {
        KEYS[0]: Fault(503, "ServiceUnavailable", times=2),
        KEYS[4]: Fault(503, "ServiceUnavailable", times=2),
        KEYS[1]: Fault(500, "InternalError", times=1),
        KEYS[2]: Fault(cut=True, times=1),
        KEYS[3]: Fault(403, "InvalidObjectState"),
    }

    for _ in range(2):
        run(*KEYS, "2024/gone.csv")

    assert capsys.readouterr().out == ""


def test_should_start_anew_with_each_batch(observed: S3Server, capsys: pytest.CaptureFixture[str]) -> None:
    for times in (1, 0, 2):
        observed.store.faults[KEYS[0]] = Fault(times=times)
        run(*KEYS[:3])

    assert reported(capsys) == [1, 2]


@pytest.mark.parametrize("keys", [KEYS[:1], KEYS])
def test_should_count_when_throttling_fails_the_batch(
    observed: S3Server, capsys: pytest.CaptureFixture[str], keys: list[str]
) -> None:
    observed.store.faults[keys[-1]] = Fault()

    with pytest.raises(s3.TransientS3Error):
        run(*keys)

    assert reported(capsys) == [Counter(observed.store.requests)[f"GET /source/{keys[-1]}"]]


def test_should_count_when_something_else_fails_the_batch(
    observed: S3Server, capsys: pytest.CaptureFixture[str]
) -> None:
    run(KEYS[0])
    observed.store.faults |= {KEYS[0]: Fault(times=1), KEYS[1]: Fault(403, "AccessDenied")}

    run(KEYS[0])
    with pytest.raises(ClientError, match="AccessDenied"):
        run(KEYS[1])

    assert reported(capsys) == [1]


def test_should_count_with_the_next_batch_what_comes_after_a_failed_one(
    observed: S3Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: over.wait(5))
    monkeypatch.setattr(analyze, "_SECONDS", 0.3)
    observed.store.faults[KEYS[0]] = Fault(times=4)
    with pytest.raises(s3.TransientS3Error):
        run(KEYS[0])
    over.set()
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join()

    run(KEYS[1])

    assert reported(capsys) == [1, 3]


@pytest.mark.parametrize(
    ("handler", "event", "key"),
    [
        (
            index.handler,
            {"years": [2024], "stations": None, "max_objects": None, "prefix": "", "retry_of": None},
            "2024/",
        ),
        (
            reduce.handler,
            {"manifest": {"bucket": "results", "key": "manifest.json"}, "manifests": []},
            "manifest.json",
        ),
    ],
)
def test_should_count_for_the_other_functions_too(
    observed: S3Server,
    capsys: pytest.CaptureFixture[str],
    handler: Callable[[Any, object], object],
    event: dict[str, Any],
    key: str,
) -> None:
    observed.store.faults[key] = Fault()

    with pytest.raises(s3.TransientS3Error):
        handler(event, None)

    assert reported(capsys) == [8]


def test_should_leave_the_functions_error_alone_outside_lambda(
    observed: S3Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME")
    observed.store.faults[KEYS[0]] = Fault()

    with pytest.raises(s3.TransientS3Error):
        run(KEYS[0])

    assert reported(capsys) == [5]


def test_should_lose_no_count_to_another_thread(capsys: pytest.CaptureFixture[str]) -> None:
    count = metrics.Count("SlowDown")

    def add_and_report(_: int) -> None:
        for _ in range(500):
            count.add()
            with count.reported():
                count.add()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_and_report, range(8)))

    assert sum(reported(capsys)) == 8 * 500 * 2
