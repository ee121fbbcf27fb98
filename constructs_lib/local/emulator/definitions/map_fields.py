"""What belongs to a Map state alone: its mode, and the reader, batcher and writer of a Distributed Map.

Ignoring a field would be worse than not having it: the run would look right and be wrong. So what Step Functions has
and the local cloud doesn't (`ExpectedBucketOwner`) is refused by name, and so is what no combination of them reads.
"""

import importlib.util
import re
from collections.abc import Iterator
from typing import Any

from constructs_lib.local.emulator.definitions.place import JSONATA, JSONPATH, OnlyIn, Place, Problem, Schema
from constructs_lib.local.emulator.definitions.values import (
    array_of,
    integer,
    one_of,
    payload,
    reference_path,
    string,
    template,
)
from constructs_lib.local.emulator.payload import MAX_PAYLOAD_BYTES

# What the reader and the writer of map_runs/ know.
DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
INPUT_TYPES = ("CSV", "JSON", "JSONL", "PARQUET")
ATHENA_INPUT_TYPES = ("CSV", "JSONL", "PARQUET")
GET_OBJECT = "arn:aws:states:::s3:getObject"
LIST_OBJECTS = "arn:aws:states:::s3:listObjectsV2"
PUT_OBJECT = "arn:aws:states:::s3:putObject"
READER_ARGUMENTS = {GET_OBJECT: ("Bucket", "Key", "VersionId"), LIST_OBJECTS: ("Bucket", "Prefix")}
NEEDS_PYARROW = "needs pyarrow: pip install 'step-functions-at-scale[parquet]'"

LONGEST_LABEL = 40
_DISTRIBUTED_ONLY = ("ItemReader", "ItemBatcher", "ResultWriter", "Label")
# https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html, Label
_NOT_IN_LABEL = re.compile(r"""[\s?*<>{}\[\]"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]""")
_PARAMETERS = {"Parameters": OnlyIn(JSONPATH, payload), "Arguments": OnlyIn(JSONATA, payload)}


def processor_config(state: dict[str, Any]) -> dict[str, Any]:
    """A Map state's ProcessorConfig; empty when it has none. `Iterator` is the older name of ItemProcessor."""
    processor = state.get("ItemProcessor", state.get("Iterator"))
    config = processor.get("ProcessorConfig") if isinstance(processor, dict) else None
    return config if isinstance(config, dict) else {}


def is_distributed(state: dict[str, Any]) -> bool:
    """Whether a state is a Map that runs its items as child executions."""
    return state.get("Type") == "Map" and processor_config(state).get("Mode") == "DISTRIBUTED"


def _mode_rules(config: dict[str, Any], place: Place) -> Iterator[Problem]:
    if config.get("Mode") == "DISTRIBUTED":
        if "ExecutionType" not in config:
            yield place.problem("These fields are required: [ExecutionType]")
    elif "ExecutionType" in config:
        yield place.problem("Field 'ExecutionType' is not supported")


PROCESSOR_CONFIG = Schema(
    {"Mode": one_of("INLINE", "DISTRIBUTED"), "ExecutionType": one_of("STANDARD", "EXPRESS")}, rules=(_mode_rules,)
)


def _csv_rules(config: dict[str, Any], place: Place) -> Iterator[Problem]:
    if config.get("InputType") == "CSV":
        if "CSVHeaderLocation" not in config:
            yield place.problem("The field 'CSVHeaderLocation' is required")
        if config.get("CSVHeaderLocation") == "GIVEN" and not config.get("CSVHeaders"):
            yield place.problem("These fields are required: [CSVHeaders]")
    else:
        for name in config:
            if name.startswith("CSV"):
                yield place.problem(f"Field '{name}' is not supported")


def _arguments_field(place: Place) -> str:
    return "Arguments" if place.language == JSONATA else "Parameters"


def _missing_arguments(holder: dict[str, Any], place: Place, *required: str) -> Iterator[Problem]:
    """What the arguments of a reader or writer can't do without; one expression may give all of them."""
    field = _arguments_field(place)
    arguments = holder.get(field)
    if isinstance(arguments, dict):
        for name in required:
            if name not in arguments and f"{name}.$" not in arguments:
                yield place.at(field).problem(f"The field '{name}' is required but was missing")


def _unknown_arguments(holder: dict[str, Any], place: Place, runs: tuple[str, ...]) -> Iterator[Problem]:
    field = _arguments_field(place)
    arguments = holder.get(field)
    for name in arguments if isinstance(arguments, dict) else ():
        if name.removesuffix(".$") not in runs:
            message = f"the local cloud doesn't run the field '{name}' here; it runs {', '.join(runs)}"
            yield place.at(field).at(name).problem(message)


def _reader_rules(reader: dict[str, Any], place: Place) -> Iterator[Problem]:
    if place.language and _arguments_field(place) not in reader:
        yield place.problem(f"These fields are required: [{_arguments_field(place)}]")
    resource = reader.get("Resource")
    yield from _missing_arguments(reader, place, *(("Bucket", "Key") if resource == GET_OBJECT else ("Bucket",)))
    config = reader.get("ReaderConfig", {})
    if isinstance(config, dict) and resource in (GET_OBJECT, LIST_OBJECTS):
        # Documented: Parquet is the one input whose object can't have a version.
        versioned = config.get("InputType") != "PARQUET"
        runs = tuple(name for name in READER_ARGUMENTS[resource] if versioned or name != "VersionId")
        yield from _unknown_arguments(reader, place, runs)
        there = place.at("ReaderConfig")
        yield from _listing_rules(config, there) if resource == LIST_OBJECTS else _object_rules(config, there)


# https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html#itemreader-field-contents


def _listing_rules(config: dict[str, Any], place: Place) -> Iterator[Problem]:
    if config.get("Transformation") == "LOAD_AND_FLATTEN":
        if "InputType" not in config:
            yield place.problem("The field 'InputType' is required where Transformation is LOAD_AND_FLATTEN")
        elif config["InputType"] == "MANIFEST":
            yield place.at("InputType").problem(f"Value should be one of the following: [{', '.join(INPUT_TYPES)}]")
    # ItemsPointer is documented for one JSON object only.
    not_run: list[str] = ["ManifestType", "ItemsPointer"]
    if config.get("Transformation") != "LOAD_AND_FLATTEN":
        not_run += ["InputType", "CSVHeaderLocation", "CSVHeaders", "CSVDelimiter"]
    for name in not_run:
        if name in config:
            transformation = config.get("Transformation", "NONE")
            message = f"the local cloud doesn't run the field '{name}' with listObjectsV2 and {transformation}"
            yield place.at(name).problem(message)


def _object_rules(config: dict[str, Any], place: Place) -> Iterator[Problem]:
    if config.get("Transformation", "NONE") != "NONE":
        yield place.at("Transformation").problem("LOAD_AND_FLATTEN is for the resource listObjectsV2")
    if config.get("ManifestType") == "S3_INVENTORY" and "InputType" in config:
        yield place.at("InputType").problem("not supported where ManifestType is S3_INVENTORY")
    if config.get("ManifestType") == "ATHENA_DATA" and config.get("InputType") not in ATHENA_INPUT_TYPES:
        allowed = ", ".join(ATHENA_INPUT_TYPES)
        yield place.at("InputType").problem(f"Value should be one of the following: [{allowed}]")
    is_json = config.get("InputType", "JSON") == "JSON" and "ManifestType" not in config
    if "ItemsPointer" in config and not is_json:
        yield place.at("ItemsPointer").problem("Field 'ItemsPointer' is only supported where InputType is JSON")


def _input_type(value: Any, place: Place) -> Iterator[Problem]:
    if value == "PARQUET" and importlib.util.find_spec("pyarrow") is None:
        yield place.problem(f"the local cloud {NEEDS_PYARROW}")
    yield from one_of(*INPUT_TYPES, "MANIFEST")(value, place)


def _reader_resource(value: Any, place: Place) -> Iterator[Problem]:
    allowed = (GET_OBJECT, LIST_OBJECTS)
    if value not in allowed:
        message = f"The field 'Resource' does not match any of the allowed values: [{', '.join(allowed)}]"
        yield place.problem(message)


ITEM_READER = Schema(
    {
        "Resource": _reader_resource,
        **_PARAMETERS,
        "ReaderConfig": Schema(
            {
                "InputType": _input_type,
                "ManifestType": one_of("ATHENA_DATA", "S3_INVENTORY"),
                "CSVHeaderLocation": one_of("FIRST_ROW", "GIVEN"),
                "CSVHeaders": array_of(string),
                "CSVDelimiter": one_of(*DELIMITERS),
                "MaxItems": integer(0),
                "MaxItemsPath": OnlyIn(JSONPATH, reference_path),
                "ItemsPointer": string,
                "Transformation": one_of("NONE", "LOAD_AND_FLATTEN"),
            },
            at_most_one=(("MaxItems", "MaxItemsPath"),),
            rules=(_csv_rules,),
        ),
    },
    required=("Resource",),
    rules=(_reader_rules,),
)


def _batch_rules(batcher: dict[str, Any], place: Place) -> Iterator[Problem]:
    if not any(name.startswith("Max") for name in batcher):
        message = "This object should have one of the following fields: "
        yield place.problem(
            f"{message}[MaxItemsPerBatch, MaxItemsPerBatchPath, MaxInputBytesPerBatch, MaxInputBytesPerBatchPath]"
        )


ITEM_BATCHER = Schema(
    {
        "MaxItemsPerBatch": integer(1),
        "MaxItemsPerBatchPath": OnlyIn(JSONPATH, reference_path),
        "MaxInputBytesPerBatch": integer(1, MAX_PAYLOAD_BYTES),
        "MaxInputBytesPerBatchPath": OnlyIn(JSONPATH, reference_path),
        "BatchInput": template,
    },
    at_most_one=(
        ("MaxItemsPerBatch", "MaxItemsPerBatchPath"),
        ("MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"),
    ),
    rules=(_batch_rules,),
)


def _writer_resource(value: Any, place: Place) -> Iterator[Problem]:
    if value != PUT_OBJECT:
        message = f"The field 'Resource' does not match any of the allowed values: [{PUT_OBJECT}]"
        yield place.problem(message)


def _writer_rules(writer: dict[str, Any], place: Place) -> Iterator[Problem]:
    field = _arguments_field(place)
    if ("Resource" in writer) != (field in writer):
        missing = field if "Resource" in writer else "Resource"
        yield place.problem(f"These fields are required: [{missing}]")
    elif not writer:
        yield place.problem(f"This object should have Resource and {field}, WriterConfig, or all of them")
    yield from _missing_arguments(writer, place, "Bucket")
    yield from _unknown_arguments(writer, place, ("Bucket", "Prefix"))


RESULT_WRITER = Schema(
    {
        "Resource": _writer_resource,
        **_PARAMETERS,
        "WriterConfig": Schema(
            {"OutputType": one_of("JSON", "JSONL"), "Transformation": one_of("NONE", "COMPACT", "FLATTEN")}
        ),
    },
    rules=(_writer_rules,),
)


def map_rules(state: dict[str, Any], place: Place) -> Iterator[Problem]:
    """A Distributed Map where there can't be one, and its fields on another."""
    if is_distributed(state):
        if place.express:
            message = "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines"
            processor = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
            yield place.at(processor).at("ProcessorConfig").at("Mode").problem(message)
    else:
        for name in _DISTRIBUTED_ONLY:
            if name in state:
                message = f"the local cloud runs the field '{name}' only where ProcessorConfig's Mode is DISTRIBUTED"
                yield place.at(name).problem(message)
        if isinstance(state.get("Items"), dict):
            # Documented: an inline Map takes an array only. AWS's words aren't known.
            yield place.at("Items").problem("an object is only supported where ProcessorConfig's Mode is DISTRIBUTED")


def label(value: Any, place: Place) -> Iterator[Problem]:
    """The name of a Map's runs within the machine, in their ARNs."""
    if not isinstance(value, str):
        yield place.problem("Expected value of type String")
        return
    code = "INVALID_LABEL_NAME"
    if not value:
        yield place.problem("Invalid Label name: it is empty", code)
    if len(value) > LONGEST_LABEL:
        message = f"Invalid Label name: {value} exceeds the {LONGEST_LABEL}-character limit allowed by the service"
        yield place.problem(message, code)
    if found := _NOT_IN_LABEL.search(value):
        yield place.problem(f"Invalid Label name: {value} contains the invalid character {found[0]!r}", code)
    if value in place.names.labels:
        yield place.problem(f"Duplicate Label name: {value}", "DUPLICATE_LABEL_NAME")
    place.names.labels.add(value)
