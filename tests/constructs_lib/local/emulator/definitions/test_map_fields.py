import copy
import importlib.util
import json
from typing import Any

import pytest

from constructs_lib.local.emulator.definitions.check import check_definition

SUPPORTED: dict[str, Any] = {
    "Type": "Map",
    "QueryLanguage": "JSONata",
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
ABSENT = object()
GET_OBJECT = {"Resource": "arn:aws:states:::s3:getObject", "Arguments": {"Bucket": "b", "Key": "k"}}
VERSION = {"Bucket": "b", "Key": "k", "VersionId": "v"}
PARQUET = {**GET_OBJECT, "ReaderConfig": {"InputType": "PARQUET"}}
ATHENA = {"ManifestType": "ATHENA_DATA"}


def listing(**config: Any) -> dict[str, Any]:
    arguments = {"Bucket": "b", "Prefix": "p/"}
    return {"Resource": "arn:aws:states:::s3:listObjectsV2", "Arguments": arguments, "ReaderConfig": config}


def state(path: str = "", value: Any = None) -> dict[str, Any]:
    """The supported state; with a path, a field of it set to `value` or taken out."""
    changed = copy.deepcopy(SUPPORTED)
    *parents, last = path.split(".")
    target = changed
    for parent in parents:
        target = target[parent]
    if value is ABSENT:
        del target[last]
    elif last:
        target[last] = value
    return changed


def problems(*states: dict[str, Any]) -> list[str]:
    """Of a machine with these states one after the other, named Each0, Each1."""
    named = {f"Each{number}": copy.deepcopy(each) for number, each in enumerate(states)}
    for number, each in enumerate(list(named.values())[:-1]):
        del each["End"]
        each["Next"] = f"Each{number + 1}"
        each["ItemProcessor"]["States"] = {f"Work{number}": {"Type": "Pass", "End": True}}
        each["ItemProcessor"]["StartAt"] = f"Work{number}"
    return [str(problem) for problem in check_definition(json.dumps({"StartAt": "Each0", "States": named}))]


def test_should_accept_what_it_runs() -> None:
    assert problems(SUPPORTED) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("ItemReader.Arguments", "{% $states.input.object %}"),
        ("ItemReader", {"Resource": "arn:aws:states:::s3:listObjectsV2", "Arguments": {"Bucket": "b"}}),
        ("ItemReader.ReaderConfig.Transformation", "NONE"),
        ("ItemReader.Arguments", VERSION),
        ("ItemReader", listing(MaxItems=5, Transformation="NONE")),
        ("ItemReader", listing(Transformation="LOAD_AND_FLATTEN", InputType="JSONL")),
        ("ItemReader", listing(Transformation="LOAD_AND_FLATTEN", InputType="CSV", CSVHeaderLocation="FIRST_ROW")),
        ("ItemReader.ReaderConfig", {"InputType": "JSON", "ItemsPointer": "/a"}),
        ("ItemReader.ReaderConfig", {"InputType": "MANIFEST", "MaxItems": "{% 5 %}"}),
        ("ItemReader.ReaderConfig", {"ManifestType": "S3_INVENTORY"}),
        ("ItemReader.ReaderConfig", ATHENA | {"InputType": "JSONL"}),
        ("ItemReader.ReaderConfig.ManifestType", "ATHENA_DATA"),
        ("ItemSelector", "{% $states.context.Map.Item.Value %}"),
        ("ResultWriter.Arguments", "{% $states.input.writer %}"),
        ("ResultWriter", {"WriterConfig": {"Transformation": "FLATTEN"}}),
        ("Items", {"a": 1, "b": "{% $states.input.b %}"}),
    ],
)
def test_should_accept_another_form(path: str, value: Any) -> None:
    assert problems(state(path, value)) == []


def test_should_run_parquet_with_pyarrow_only(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    assert problems(state("ItemReader", PARQUET)) == []

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    # Another machine: what was said of the first is kept.
    (found,) = problems(state("ItemReader", PARQUET) | {"Label": "other"})
    hint = "the local cloud needs pyarrow: pip install 'step-functions-at-scale[parquet]'"
    assert found == f"SCHEMA_VALIDATION_FAILED: {hint} at /States/Each0/ItemReader/ReaderConfig/InputType"


def test_should_accept_a_map_in_jsonpath() -> None:
    fields = {
        "ItemsPath": "$.items",
        "MaxConcurrencyPath": "$.at_once",
        "ToleratedFailureCountPath": "$.count",
        "ToleratedFailurePercentagePath": "$.percentage",
        "ItemSelector": {"item.$": "$$.Map.Item.Value"},
        "ItemBatcher": {"MaxItemsPerBatchPath": "$.batch", "BatchInput": {"day.$": "$.day"}},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket.$": "$.bucket"}},
        "ResultSelector": {"count.$": "States.ArrayLength($)"},
    }
    only_jsonata = (
        "QueryLanguage",
        "MaxConcurrency",
        "ToleratedFailurePercentage",
        "ToleratedFailureCount",
        "ItemReader",
    )
    jsonpath = {name: value for name, value in SUPPORTED.items() if name not in only_jsonata} | fields

    assert problems(jsonpath) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("ResultWritr", {}, "Field 'ResultWritr' is not supported at /States/Each0"),
        ("Label", "x" * 41, "exceeds the 40-character limit allowed by the service at /States/Each0/Label"),
        ("Label", "", "Invalid Label name: it is empty at /States/Each0/Label"),
        ("Label", "a/b", "contains the invalid character '/' at /States/Each0/Label"),
        ("ToleratedFailurePercentage", 101, "Maximum value is 100"),
        ("MaxConcurrency", -1, "Minimum value is 0"),
        ("Items", 5, "Expected value of type Array at /States/Each0/Items"),
        ("Items", {"a": "{% $ %}"}, "Reference to '$' is not supported. at /States/Each0/Items/a"),
        ("ItemReader.Manifest", 1, "Field 'Manifest' is not supported at /States/Each0/ItemReader"),
        ("ItemReader.Resource", "arn:aws:states:::dynamodb:scan", "does not match any of the allowed values"),
        ("ItemReader.Resource", ["arn:aws:states:::s3:getObject"], "does not match any of the allowed values"),
        ("ItemReader.ReaderConfig", [], "Expected value of type Object"),
        ("ItemReader.Resource", ABSENT, "These fields are required: [Resource] at /States/Each0/ItemReader"),
        ("ItemReader.Arguments", ABSENT, "These fields are required: [Arguments] at /States/Each0/ItemReader"),
        ("ItemReader.Arguments", "b/k", "Expected value of type Object at /States/Each0/ItemReader/Arguments"),
        ("ItemReader.Arguments.Bucket", ABSENT, "The field 'Bucket' is required but was missing at /States/Each0/Item"),
        ("ItemReader.Arguments.Key", ABSENT, "The field 'Key' is required but was missing at /States/Each0/ItemReader"),
        ("ItemReader.Parameters", {}, "field 'Parameters' is only supported for the 'JSONPath' QueryLanguage"),
        ("ItemReader.ReaderConfig.InputType", "XML", "one of the following: [CSV, JSON, JSONL, PARQUET, MANIFEST]"),
        ("ItemReader.ReaderConfig.InputType", "MANIFEST", "Field 'CSVHeaders' is not supported"),
        ("ItemReader.ReaderConfig.ItemsPointer", "/a", "'ItemsPointer' is only supported where InputType is JSON"),
        (
            "ItemReader.Arguments.ExpectedBucketOwner",
            "1",
            "the local cloud doesn't run the field 'ExpectedBucketOwner'",
        ),
        (
            "ItemReader",
            {**PARQUET, "Arguments": VERSION},
            "doesn't run the field 'VersionId' here; it runs Bucket, Key at",
        ),
        ("ItemReader.ReaderConfig.InputType", "JSON", "Field 'CSVHeaders' is not supported"),
        ("ItemReader.ReaderConfig.ManifestType", "GLUE", "one of the following: [ATHENA_DATA, S3_INVENTORY]"),
        ("ItemReader.ReaderConfig.ManifestType", "S3_INVENTORY", "not supported where ManifestType is S3_INVENTORY"),
        ("ItemReader.ReaderConfig", ATHENA | {"InputType": "JSON"}, "one of the following: [CSV, JSONL, PARQUET]"),
        ("ItemReader.ReaderConfig", ATHENA, "one of the following: [CSV, JSONL, PARQUET]"),
        ("ItemReader.ReaderConfig.Transformation", "LOAD_AND_FLATTEN", "is for the resource listObjectsV2"),
        ("ItemReader", listing(Transformation="LOAD_AND_FLATTEN"), "The field 'InputType' is required where Transfor"),
        ("ItemReader", listing(Transformation="LOAD_AND_FLATTEN", InputType="MANIFEST"), "[CSV, JSON, JSONL, PARQUET]"),
        ("ItemReader", listing(Transformation="LOAD_AND_FLATTEN", InputType="CSV"), "'CSVHeaderLocation' is required"),
        (
            "ItemReader",
            listing(Transformation="LOAD_AND_FLATTEN", InputType="JSON", ItemsPointer="/a"),
            "doesn't run the field 'ItemsPointer' with listObjectsV2 and LOAD_AND_FLATTEN",
        ),
        ("ItemReader", listing(InputType="JSON"), "doesn't run the field 'InputType' with listObjectsV2 and NONE"),
        ("ItemReader", listing(ManifestType="S3_INVENTORY"), "doesn't run the field 'ManifestType' with listObjectsV2"),
        ("ItemReader", {**listing(), "Arguments": {"Bucket": "b", "MaxKeys": 5}}, "doesn't run the field 'MaxKeys'"),
        ("ItemReader.ReaderConfig.CSVDelimiter", "COLON", "[COMMA, PIPE, SEMICOLON, SPACE, TAB]"),
        ("ItemReader.ReaderConfig.CSVHeaderLocation", "LAST_ROW", "[FIRST_ROW, GIVEN]"),
        ("ItemReader.ReaderConfig.CSVHeaderLocation", ABSENT, "The field 'CSVHeaderLocation' is required"),
        ("ItemReader.ReaderConfig.CSVHeaders", [], "These fields are required: [CSVHeaders]"),
        ("ItemBatcher", {"BatchInput": {}}, "[MaxItemsPerBatch, MaxItemsPerBatchPath, MaxInputBytesPerBatch,"),
        ("ItemBatcher.MaxBatches", 3, "Field 'MaxBatches' is not supported"),
        ("ItemBatcher.MaxInputBytesPerBatch", 262_145, "Maximum value is 262144"),
        ("ItemProcessor.ProcessorConfig.Mode", "PARALLEL", "[INLINE, DISTRIBUTED]"),
        ("ItemProcessor.ProcessorConfig.ExecutionType", "FAST", "[STANDARD, EXPRESS]"),
        ("ItemProcessor.ProcessorConfig.ExecutionType", ABSENT, "These fields are required: [ExecutionType]"),
        ("ItemProcessor.ProcessorConfig.Concurrency", 3, "Field 'Concurrency' is not supported"),
        ("ResultWriter", {}, "This object should have Resource and Arguments, WriterConfig, or all of them"),
        ("ResultWriter.Resource", "arn:aws:states:::s3:copyObject", "[arn:aws:states:::s3:putObject]"),
        ("ResultWriter.Arguments", ABSENT, "These fields are required: [Arguments] at /States/Each0/ResultWriter"),
        (
            "ResultWriter.Arguments.Bucket",
            ABSENT,
            "The field 'Bucket' is required but was missing at /States/Each0/Res",
        ),
        ("ResultWriter.Arguments.StorageClass", "GLACIER", "doesn't run the field 'StorageClass' here"),
        ("ResultWriter.WriterConfig.OutputType", "CSV", "[JSON, JSONL]"),
        ("ResultWriter.WriterConfig.Transformation", "SORT", "[NONE, COMPACT, FLATTEN]"),
        ("ResultWriter.WriterConfig.Compression", "GZIP", "Field 'Compression' is not supported"),
    ],
)
def test_should_refuse_by_state_and_field_what_it_does_not_run(path: str, value: Any, said: str) -> None:
    found = problems(state(path, value))

    assert any(said in problem for problem in found)
    assert all("/States/Each0" in problem for problem in found)


def test_should_refuse_a_distributed_field_on_an_inline_map() -> None:
    found = problems(state("ItemProcessor.ProcessorConfig", {"Mode": "INLINE"}))

    for name in ("ItemReader", "ItemBatcher", "ResultWriter", "Label"):
        message = f"the local cloud runs the field '{name}' only where ProcessorConfig's Mode is DISTRIBUTED"
        assert f"SCHEMA_VALIDATION_FAILED: {message} at /States/Each0/{name}" in found
    assert len(found) == 4


def test_should_refuse_a_label_that_is_used_twice() -> None:
    (found,) = problems(SUPPORTED, SUPPORTED)

    assert found == f"DUPLICATE_LABEL_NAME: Duplicate Label name: {'x' * 40} at /States/Each1/Label"


def test_should_look_into_branches_and_processors() -> None:
    nested: dict[str, Any] = {"StartAt": "Inner", "States": {"Inner": state("Wrong", 1) | {"Label": "inner"}}}
    nested["States"]["Inner"]["ItemProcessor"].update(StartAt="Deep", States={"Deep": {"Type": "Pass", "End": True}})
    nested["States"]["Inner"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = "STANDARD"
    outer = state()
    outer["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = "STANDARD"
    outer["ItemProcessor"].update(
        StartAt="Both", States={"Both": {"Type": "Parallel", "Branches": [nested], "End": True}}
    )
    (found,) = problems(outer)

    where = "/States/Each0/ItemProcessor/States/Both/Branches[0]/States/Inner"
    assert found == f"SCHEMA_VALIDATION_FAILED: Field 'Wrong' is not supported at {where}"
