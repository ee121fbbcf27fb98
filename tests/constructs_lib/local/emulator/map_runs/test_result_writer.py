import json
from typing import Any

import pytest

from constructs_lib.local.emulator.map_runs.result_writer import write_results

MACHINE = "arn:aws:states:us-east-1:111111111111:stateMachine:jobs/Each"
RUN = "arn:aws:states:us-east-1:111111111111:mapRun:jobs/Each:9a7c"


class FakeBucket:
    """S3's put_object, kept in a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803 - boto3's spelling
        self.objects[f"{Bucket}/{Key}"] = Body


def child(name: str, status: str, output: Any = None) -> dict[str, Any]:
    record = {
        "executionArn": f"{MACHINE.replace('stateMachine', 'execution')}:{name}",
        "stateMachineArn": MACHINE,
        "name": name,
        "status": status,
        "input": '{"Items":[1]}',
        "output": None,
        "startDate": "2026-01-01T00:00:00.000Z",
        "stopDate": "2026-01-01T00:00:01.000Z",
        "redriveCount": 2,
    }
    if status == "SUCCEEDED":
        record["output"] = json.dumps(output)
    elif status == "PENDING":
        record |= {"startDate": None, "stopDate": None}
    else:
        record |= {"error": "Broken", "cause": "why"}
    return record


CHILDREN = [
    child("a", "SUCCEEDED", [1, 2]),
    child("b", "FAILED"),
    child("c", "SUCCEEDED", {"n": 3}),
    child("d", "TIMED_OUT"),
    child("e", "ABORTED"),
    child("f", "PENDING"),
]


def written(children: list[dict[str, Any]] = CHILDREN, **config: str) -> dict[str, bytes]:
    s3 = FakeBucket()
    result = write_results(
        s3, map_run_arn=RUN, children=children, destination={"Bucket": "out", "Prefix": "runs/1/"}, config=config
    )
    details = {"Bucket": "out", "Key": "runs/1/9a7c/manifest.json"}
    assert result == {"MapRunArn": RUN, "ResultWriterDetails": details}
    return {key.removeprefix("out/runs/1/9a7c/"): body for key, body in s3.objects.items()}


def test_should_list_each_file_with_its_size_in_the_manifest() -> None:
    files = written()

    manifest = json.loads(files["manifest.json"])
    assert manifest["DestinationBucket"] == "out"
    assert manifest["MapRunArn"] == RUN
    assert manifest["ResultFiles"] == {
        name: [{"Key": f"runs/1/9a7c/{name}_0.json", "Size": len(files[f"{name}_0.json"])}]
        for name in ("FAILED", "PENDING", "SUCCEEDED")
    }


def test_should_put_failed_timed_out_and_aborted_children_into_one_file_in_full() -> None:
    rows = json.loads(written(Transformation="COMPACT")["FAILED_0.json"])

    assert [(row["Name"], row["Status"], row["Error"], row["Cause"]) for row in rows] == [
        ("b", "FAILED", "Broken", "why"),
        ("d", "TIMED_OUT", "Broken", "why"),
        ("e", "ABORTED", "Broken", "why"),
    ]
    assert {row["Input"] for row in rows} == {'{"Items":[1]}'}


def test_should_write_of_pending_children_the_input_only() -> None:
    assert json.loads(written()["PENDING_0.json"]) == [
        {"Input": '{"Items":[1]}', "InputDetails": {"Included": True}, "Status": "PENDING"}
    ]


def test_should_say_what_can_be_redriven() -> None:
    files = written()

    (failed, *_), (succeeded, _) = (json.loads(files[f"{name}_0.json"]) for name in ("FAILED", "SUCCEEDED"))
    assert (failed["RedriveCount"], failed["RedriveStatus"]) == (2, "REDRIVABLE_BY_MAP_RUN")
    assert "RedriveStatusReason" not in failed
    assert (succeeded["RedriveStatus"], succeeded["RedriveStatusReason"]) == (
        "NOT_REDRIVABLE",
        "Execution is SUCCEEDED and cannot be redriven",
    )


def test_should_write_whole_records_without_a_transformation() -> None:
    first, second = json.loads(written()["SUCCEEDED_0.json"])

    assert (first["Output"], second["Output"]) == ("[1, 2]", '{"n": 3}')
    assert first["OutputDetails"] == first["InputDetails"] == {"Included": True}
    assert first["StateMachineArn"] == MACHINE


@pytest.mark.parametrize(
    ("transformation", "lines"), [("COMPACT", ["[1,2]", '{"n":3}']), ("FLATTEN", ["1", "2", '{"n":3}'])]
)
def test_should_write_one_output_a_line(transformation: str, lines: list[str]) -> None:
    files = written(OutputType="JSONL", Transformation=transformation)

    assert files["SUCCEEDED_0.jsonl"].decode().splitlines() == lines
    assert len(files["FAILED_0.jsonl"].splitlines()) == 3


def test_should_write_a_manifest_of_nothing() -> None:
    files = written([])

    assert list(files) == ["manifest.json"]
    assert json.loads(files["manifest.json"])["ResultFiles"] == {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
