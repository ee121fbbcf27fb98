"""Map Runs in each combination: both query languages, both kinds of children, every tolerance, every way to batch."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.constructs_lib.local.emulator.conftest import Cloud, Execution
from tests.constructs_lib.local.emulator.services.test_api import refusal

pytestmark = pytest.mark.local

EXCEEDED = "States.ExceedToleratedFailureThreshold"
CAUSE = "The specified tolerated failure threshold was exceeded"
ITEMS = 10
SUCCEEDED_EVENTS = [
    "ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded", "MapStateSucceeded",
    "MapStateExited", "ExecutionSucceeded",
]  # fmt: skip
FAILED_EVENTS = [
    "ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunFailed", "MapStateFailed",
    "ExecutionFailed",
]  # fmt: skip

languages = pytest.mark.parametrize("language", ["JSONata", "JSONPath"])
kinds = pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])


def choice(language: str) -> dict[str, Any]:
    """A child that fails when its item says so."""
    rule: dict[str, Any] = {"Next": "Broken"}
    if language == "JSONata":
        rule["Condition"] = "{% $states.input.fails %}"
    else:
        rule |= {"Variable": "$.fails", "BooleanEquals": True}
    return {
        "Fails": {"Type": "Choice", "Choices": [rule], "Default": "Fine"},
        "Broken": {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"},
        "Fine": {"Type": "Pass", "End": True},
    }


def map_state(language: str, kind: str, bucket: str, children: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A Distributed Map over the input's `items`, one child at a time, that writes its results."""
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
        "StartAt": next(iter(children)),
        "States": children,
    }
    arguments = {"Bucket": bucket, "Prefix": "results"}
    is_jsonata = language == "JSONata"
    return {
        "Type": "Map",
        "Label": "Each",
        "MaxConcurrency": 1,
        **({"Items": "{% $states.input.items %}"} if is_jsonata else {"ItemsPath": "$.items"}),
        "ItemProcessor": processor,
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            ("Arguments" if is_jsonata else "Parameters"): arguments,
            "WriterConfig": {"OutputType": "JSON", "Transformation": "NONE"},
        },
        "End": True,
        **more,
    }


def rows(cloud: Cloud, bucket: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of the result files that the only manifest in the bucket names."""
    keys = [found["Key"] for found in cloud.client("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    (manifest_key,) = [key for key in keys if key.endswith("/manifest.json")]
    manifest = json.loads(cloud.read(bucket, manifest_key))
    files = {name: [file["Key"] for file in files] for name, files in manifest["ResultFiles"].items()}
    # Nothing lies there that the manifest doesn't name.
    assert sorted(keys) == sorted([manifest_key, *(key for named in files.values() for key in named)])
    return {
        name: [row for key in named for row in json.loads(cloud.read(bucket, key))] for name, named in files.items()
    }


def tolerance(language: str, field: str, value: float) -> dict[str, Any]:
    """A limit that is known only at run time."""
    expression = f"{{% $states.input.{field[0].lower()}{field[1:]} %}}"
    return {field: expression} if language == "JSONata" else {f"{field}Path": f"$.{field[0].lower()}{field[1:]}"}


@languages
@kinds
@pytest.mark.parametrize("at_run_time", [False, True])
@pytest.mark.parametrize(
    ("limits", "failing", "is_tolerated"),
    [
        ({}, 0, True),
        ({}, 1, False),
        ({"ToleratedFailureCount": 3}, 3, True),
        ({"ToleratedFailureCount": 3}, 4, False),
        ({"ToleratedFailurePercentage": 30}, 3, True),
        ({"ToleratedFailurePercentage": 30}, 4, False),
        ({"ToleratedFailureCount": 5, "ToleratedFailurePercentage": 30}, 4, False),
        # Documented: with 100 it doesn't fail even if all of them do.
        ({"ToleratedFailurePercentage": 100}, ITEMS, True),
        ({"ToleratedFailurePercentage": 99}, ITEMS, False),
        ({"ToleratedFailurePercentage": 39.5}, 4, False),
        ({"ToleratedFailurePercentage": 40.5}, 4, True),
    ],
)
def test_should_tolerate_what_is_at_the_limit_and_fail_over_it(
    cloud: Cloud,
    language: str,
    kind: str,
    at_run_time: bool,
    limits: dict[str, float],
    failing: int,
    is_tolerated: bool,
) -> None:
    bucket = cloud.bucket()
    items = [{"n": number, "fails": number < failing} for number in range(ITEMS)]
    given = {"items": items} | {f"{field[0].lower()}{field[1:]}": value for field, value in limits.items()}
    fields: dict[str, Any] = dict(limits)
    if at_run_time:
        fields = {key: value for field in limits for key, value in tolerance(language, field, limits[field]).items()}
    state = map_state(language, kind, bucket, choice(language), **fields)
    ended = cloud.run({"Map": state}, given, QueryLanguage=language)

    run, files = cloud.map_run(ended.arn), rows(cloud, bucket)
    counts = {name: run["itemCounts"][name] for name in ("total", "succeeded", "failed", "pending", "running")}
    assert {name: run["executionCounts"][name] for name in counts} == counts
    described = [run[f"{field[0].lower()}{field[1:]}"] for field in limits]
    assert described == list(limits.values())
    if is_tolerated:
        assert (ended.status, ended.error, run["status"]) == ("SUCCEEDED", None, "SUCCEEDED"), ended.cause
        assert ended.types() == SUCCEEDED_EVENTS
        expected = {"SUCCEEDED": ITEMS - failing, "FAILED": failing, "PENDING": 0}
    else:
        assert (ended.status, ended.error, ended.cause, run["status"]) == ("FAILED", EXCEEDED, CAUSE, "FAILED")
        assert ended.types() == FAILED_EVENTS
        # The first that is too many ends it: one child runs at a time, the failing ones first.
        over = next(number for number in range(1, ITEMS + 1) if is_over(limits, number))
        expected = {"SUCCEEDED": 0, "FAILED": over, "PENDING": ITEMS - over}
    assert {name: len(found) for name, found in files.items()} == expected
    assert counts == {
        "total": ITEMS, "running": 0, **{name.lower(): number for name, number in expected.items()},
    }  # fmt: skip
    assert {(row["Error"], row["Cause"]) for row in files["FAILED"]} <= {("Broken", "on purpose")}
    assert [json.loads(row["Input"])["n"] for found in ("FAILED", "SUCCEEDED", "PENDING") for row in files[found]] == [
        *range(ITEMS)
    ]
    assert {row["ExecutionArn"].split(":")[5] for row in files["FAILED"]} <= {
        "express" if kind == "EXPRESS" else "execution"
    }


def is_over(limits: dict[str, float], failed: int) -> bool:
    count, percentage = limits.get("ToleratedFailureCount"), limits.get("ToleratedFailurePercentage")
    if count is None and percentage is None:
        return failed > 0
    return (count is not None and failed > count) or (percentage is not None and failed * 100 > percentage * ITEMS)


def by_items(items: list[Any]) -> list[list[Any]]:
    return [items[start : start + 4] for start in range(0, len(items), 4)]


def by_bytes(items: list[Any]) -> list[list[Any]]:
    # {"BatchInput":{"unit":"mph"},"Items":[…]} is 39 bytes, an item 14 to 15, a comma 1: three fit in 87.
    return [items[start : start + 3] for start in range(0, len(items), 3)]


@languages
@kinds
@pytest.mark.parametrize(
    ("batcher", "expected"),
    [
        ({"MaxItemsPerBatch": 4}, by_items),
        ({"MaxInputBytesPerBatch": 87}, by_bytes),
        ({"MaxItemsPerBatch": 4, "MaxInputBytesPerBatch": 87}, by_bytes),
        ({"MaxItemsPerBatch": 4, "MaxInputBytesPerBatch": 262144}, by_items),
    ],
)
def test_should_batch_by_items_and_by_bytes(
    cloud: Cloud, language: str, kind: str, batcher: dict[str, int], expected: Callable[[list[Any]], list[list[Any]]]
) -> None:
    bucket = cloud.bucket()
    items = [{"n": number, "x": "y"} for number in range(ITEMS)]
    unit = {"unit": "{% $states.input.unit %}"} if language == "JSONata" else {"unit.$": "$.unit"}
    children = {"Echo": {"Type": "Pass", "End": True}}
    state = map_state(language, kind, bucket, children, ItemBatcher={**batcher, "BatchInput": unit})
    ended = cloud.run({"Map": state}, {"items": items, "unit": "mph"}, QueryLanguage=language)

    batches = [{"BatchInput": {"unit": "mph"}, "Items": batch} for batch in expected(items)]
    assert ended.types() == SUCCEEDED_EVENTS, ended.cause
    found = rows(cloud, bucket)["SUCCEEDED"]
    assert [json.loads(row["Input"]) for row in found] == [json.loads(row["Output"]) for row in found] == batches
    run = cloud.map_run(ended.arn)
    assert (run["itemCounts"]["total"], run["itemCounts"]["succeeded"]) == (ITEMS, ITEMS)
    assert (run["executionCounts"]["total"], run["executionCounts"]["resultsWritten"]) == (len(batches), len(batches))


@languages
def test_should_fail_when_a_thousand_children_fail_one_after_the_other(cloud: Cloud, language: str) -> None:
    bucket = cloud.bucket()
    broken = {"Broken": {"Type": "Fail", "Error": "Broken"}}
    state = map_state(language, "EXPRESS", bucket, broken, ToleratedFailureCount=999)
    ended = cloud.run({"Map": state}, {"items": list(range(1000))}, QueryLanguage=language)

    assert (ended.status, ended.error, ended.cause) == ("FAILED", EXCEEDED, CAUSE)
    assert cloud.map_run(ended.arn)["itemCounts"]["failed"] == 1000
    assert {name: len(found) for name, found in rows(cloud, bucket).items()} == {
        "SUCCEEDED": 0, "FAILED": 1000, "PENDING": 0,
    }  # fmt: skip


@languages
@kinds
def test_should_catch_a_failed_run_whose_results_are_written(cloud: Cloud, language: str, kind: str) -> None:
    bucket = cloud.bucket()
    items = [{"n": number, "fails": number == 1} for number in range(3)]
    caught = {"ErrorEquals": [EXCEEDED], "Next": "Caught"}
    state = map_state(language, kind, bucket, choice(language), Catch=[caught])
    ended = cloud.run({"Map": state, "Caught": {"Type": "Pass", "End": True}}, {"items": items}, QueryLanguage=language)

    assert (ended.status, ended.output) == ("SUCCEEDED", {"Error": EXCEEDED, "Cause": CAUSE})
    assert ended.types()[4:7] == ["MapRunFailed", "MapStateFailed", "MapStateExited"]
    assert {name: len(found) for name, found in rows(cloud, bucket).items()} == {
        "SUCCEEDED": 1, "FAILED": 1, "PENDING": 1,
    }  # fmt: skip


def waiting_run(cloud: Cloud, **more: Any) -> tuple[str, str]:
    """An execution and its Map Run: the first of five children fails, the others wait."""
    children = {
        **choice("JSONata"),
        "Fine": {"Type": "Wait", "Seconds": 60, "End": True},
    }
    items = [{"n": number, "fails": number == 0} for number in range(5)]
    state = map_state("JSONata", "STANDARD", cloud.bucket(), children, ToleratedFailureCount=1, **more)
    arn = cloud.start(cloud.machine({"Map": state}), {"items": items})
    until(lambda: bool(cloud.client("stepfunctions").list_map_runs(executionArn=arn)["mapRuns"]))
    until(lambda: counts(cloud, arn) == (1, 1))
    return arn, cloud.map_run(arn)["mapRunArn"]


def counts(cloud: Cloud, arn: str) -> tuple[int, int]:
    found = cloud.map_run(arn)["itemCounts"]
    return found["failed"], found["running"]


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_should_run_more_children_when_the_concurrency_is_raised(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    arn, map_run = waiting_run(cloud)
    states.update_map_run(mapRunArn=map_run, maxConcurrency=3)

    until(lambda: counts(cloud, arn) == (1, 3))
    assert cloud.map_run(arn)["maxConcurrency"] == 3
    states.stop_execution(executionArn=arn)
    assert cloud.map_run(arn)["itemCounts"]["aborted"] == 3


def test_should_fail_a_run_when_less_is_tolerated(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    arn, map_run = waiting_run(cloud)
    states.update_map_run(mapRunArn=map_run, toleratedFailurePercentage=40.0)
    assert cloud.map_run(arn)["status"] == "RUNNING"
    states.update_map_run(mapRunArn=map_run, toleratedFailureCount=0)

    ended: Execution = cloud.wait(arn, 10)
    assert (ended.status, ended.error) == ("FAILED", EXCEEDED)
    described = cloud.map_run(arn)
    assert (described["toleratedFailureCount"], described["toleratedFailurePercentage"]) == (0, 40.0)
    code, message = refusal(states.update_map_run, mapRunArn=map_run, maxConcurrency=1)
    assert (code, message) == ("ValidationException", f"Map Run is FAILED and can't be updated: '{map_run}'")


def test_should_refuse_an_update_of_no_run_or_of_nothing(cloud: Cloud) -> None:
    update = cloud.client("stepfunctions").update_map_run
    unknown = "arn:aws:states:us-east-1:111111111111:mapRun:jobs/Each:9a7c"

    assert refusal(update, mapRunArn=unknown, maxConcurrency=1) == (
        "ResourceNotFound",
        f"Resource not found: '{unknown}'",
    )
    assert refusal(update, mapRunArn="unknown", maxConcurrency=1)[0] == "InvalidArn"
    assert refusal(update, mapRunArn=unknown, toleratedFailurePercentage=101.0)[0] == "ValidationException"
