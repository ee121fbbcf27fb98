import copy
from typing import Any

import pytest

from constructs_lib.local.emulator.map_fields import UnsupportedFieldError, check_map_fields

SUPPORTED: dict[str, Any] = {
    "Type": "Map",
    "Label": "x" * 40,
    "MaxConcurrency": 10,
    "ToleratedFailurePercentage": 5,
    "ToleratedFailureCount": 5,
    "ItemReader": {
        "Resource": "arn:aws:states:::s3:getObject",
        "Arguments": {"Bucket": "b", "Key": "k"},
        "ReaderConfig": {
            "InputType": "CSV",
            "CSVHeaderLocation": "GIVEN",
            "CSVHeaders": ["a"],
            "CSVDelimiter": "PIPE",
            "MaxItems": 5,
        },
    },
    "ItemSelector": {"key": "value"},
    "ItemBatcher": {"MaxItemsPerBatch": 5, "MaxInputBytesPerBatch": 100, "BatchInput": {}},
    "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "Work",
        "States": {"Work": {"Type": "Pass", "End": True}},
    },
    "ResultWriter": {
        "Resource": "arn:aws:states:::s3:putObject",
        "Arguments": {"Bucket": "b", "Prefix": "p"},
        "WriterConfig": {"OutputType": "JSONL", "Transformation": "COMPACT"},
    },
    "End": True,
}


def machine(path: str = "", value: Any = None) -> dict[str, Any]:
    """The supported state; with a path, a field of it set to `value`."""
    state = copy.deepcopy(SUPPORTED)
    *parents, last = path.split(".")
    target = state
    for parent in parents:
        target = target[parent]
    if last:
        target[last] = value
    return {"StartAt": "Each", "States": {"Each": state}}


def test_should_accept_what_it_runs() -> None:
    check_map_fields(machine())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("ResultWritr", {}),
        ("Label", "x" * 41),
        ("ItemReader.Manifest", 1),
        ("ItemReader.Resource", "arn:aws:states:::dynamodb:scan"),
        ("ItemReader.ReaderConfig.InputType", "PARQUET"),
        ("ItemReader.ReaderConfig.InputType", "MANIFEST"),
        ("ItemReader.ReaderConfig.ManifestType", "S3_INVENTORY"),
        ("ItemReader.ReaderConfig.Transformation", "LOAD_AND_FLATTEN"),
        ("ItemReader.ReaderConfig.CSVDelimiter", "COLON"),
        ("ItemReader.ReaderConfig.CSVHeaderLocation", "LAST_ROW"),
        ("ItemReader.ReaderConfig.CSVHeaders", []),
        ("ItemBatcher", {"BatchInput": {}}),
        ("ItemBatcher.MaxBatches", 3),
        ("ItemProcessor.ProcessorConfig.ExecutionType", "FAST"),
        ("ItemProcessor.ProcessorConfig.Concurrency", 3),
        ("ResultWriter.Resource", "arn:aws:states:::s3:copyObject"),
        ("ResultWriter.Arguments.StorageClass", "GLACIER"),
        ("ResultWriter.WriterConfig.OutputType", "CSV"),
        ("ResultWriter.WriterConfig.Transformation", "SORT"),
        ("ResultWriter.WriterConfig.Compression", "GZIP"),
    ],
)
def test_should_refuse_by_state_and_field_what_it_does_not_run(path: str, value: Any) -> None:
    with pytest.raises(UnsupportedFieldError) as refusal:
        check_map_fields(machine(path, value))

    assert "State 'Each'" in str(refusal.value)
    assert path.rpartition(".")[2] in str(refusal.value)


def test_should_refuse_a_distributed_field_on_an_inline_map() -> None:
    inline = machine("ItemProcessor.ProcessorConfig", {"Mode": "INLINE"})

    with pytest.raises(UnsupportedFieldError, match="doesn't run Label"):
        check_map_fields(inline)


def test_should_look_into_branches_and_processors() -> None:
    nested = machine("Wrong", 1)
    parallel = {"Type": "Parallel", "Branches": [nested], "End": True}
    outer = machine()
    outer["States"]["Each"]["ItemProcessor"]["States"] = {"Both": parallel}

    with pytest.raises(UnsupportedFieldError, match="doesn't run Wrong"):
        check_map_fields(outer)
