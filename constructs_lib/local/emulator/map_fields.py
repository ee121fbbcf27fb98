"""The fields of a Map state that the local cloud runs; a definition with another is refused when it is created.

Ignoring a field would be worse than not having it: the run would look right and be wrong. So each Map state, reader,
batcher and writer is compared with what is implemented, and the first difference is reported by state and field.
"""

from collections.abc import Iterator
from typing import Any

from constructs_lib.local.emulator import item_reader, result_writer

_COMMON = {
    "Type", "Comment", "QueryLanguage", "InputPath", "OutputPath", "ResultPath", "ResultSelector", "Output", "Assign",
    "Retry", "Catch", "Next", "End", "Items", "ItemsPath", "ItemSelector", "Parameters", "MaxConcurrency",
    "MaxConcurrencyPath", "ItemProcessor", "Iterator",
    # Without effect on an inline Map, where Step Functions accepts them all the same.
    "ToleratedFailureCount", "ToleratedFailureCountPath", "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
}  # fmt: skip
_DISTRIBUTED = _COMMON | {"ItemReader", "ItemBatcher", "ResultWriter", "Label"}
_READER = {"Resource", "Arguments", "Parameters", "ReaderConfig"}
_READER_CONFIG = {
    "InputType", "CSVHeaderLocation", "CSVHeaders", "CSVDelimiter", "MaxItems", "MaxItemsPath", "ItemsPointer",
}  # fmt: skip
_BATCHER = {
    "MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath", "BatchInput",
}  # fmt: skip
_WRITER = {"Resource", "Arguments", "Parameters", "WriterConfig"}
_WRITER_ARGUMENTS = {"Bucket", "Prefix"}
_WRITER_CONFIG = {"OutputType", "Transformation"}
LONGEST_LABEL = 40


class UnsupportedFieldError(ValueError):
    """A Map state has a field that isn't implemented, or a value that isn't; the message names state and field."""


def states_of(machine: dict[str, Any], query_language: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Each state of a machine, branches and processors included: its name, itself, its query language."""
    for name, state in machine.get("States", {}).items():
        language = state.get("QueryLanguage", query_language)
        yield name, state, language
        for branch in state.get("Branches", []):
            yield from states_of(branch, language)
        for processor in ("ItemProcessor", "Iterator"):
            if processor in state:
                yield from states_of(state[processor], language)


def processor_config(state: dict[str, Any]) -> dict[str, Any]:
    """A Map state's ProcessorConfig; empty when it has none. `Iterator` is the older name of ItemProcessor."""
    config: dict[str, Any] = state.get("ItemProcessor", state.get("Iterator", {})).get("ProcessorConfig", {})
    return config


def is_distributed(state: dict[str, Any]) -> bool:
    """Whether a state is a Map that runs its items as child executions."""
    return state.get("Type") == "Map" and processor_config(state).get("Mode") == "DISTRIBUTED"


def check_map_fields(definition: dict[str, Any]) -> None:
    """Refuse what the Map states of a definition ask for and don't get.

    Raises:
        UnsupportedFieldError: names the state and the field.

    """
    for name, state, _ in states_of(definition, definition.get("QueryLanguage", "JSONPath")):
        if state.get("Type") != "Map":
            continue
        if is_distributed(state):
            _check_distributed(name, state)
        else:
            _check_fields(name, "", state, _COMMON)


def _check_distributed(name: str, state: dict[str, Any]) -> None:
    _check_fields(name, "", state, _DISTRIBUTED)
    config = processor_config(state)
    _check_fields(name, "ItemProcessor.ProcessorConfig.", config, {"Mode", "ExecutionType"})
    _check_value(
        name, "ItemProcessor.ProcessorConfig.ExecutionType", config.get("ExecutionType"), "STANDARD", "EXPRESS"
    )
    label = state.get("Label", "")
    if len(label) > LONGEST_LABEL:
        raise UnsupportedFieldError(
            f"State {name!r}: Label has {len(label)} characters ({label}), at most {LONGEST_LABEL} are allowed"
        )
    if "ItemReader" in state:
        _check_reader(name, state["ItemReader"])
    if "ItemBatcher" in state:
        _check_fields(name, "ItemBatcher.", state["ItemBatcher"], _BATCHER)
        if not set(state["ItemBatcher"]) - {"BatchInput"}:
            raise UnsupportedFieldError(
                f"State {name!r}: ItemBatcher needs MaxItemsPerBatch or MaxInputBytesPerBatch (or their Path)"
            )
    if "ResultWriter" in state:
        _check_writer(name, state["ResultWriter"])


def _check_reader(name: str, reader: dict[str, Any]) -> None:
    _check_fields(name, "ItemReader.", reader, _READER)
    _check_value(
        name, "ItemReader.Resource", reader.get("Resource", ""), item_reader.GET_OBJECT, item_reader.LIST_OBJECTS
    )
    config = reader.get("ReaderConfig", {})
    where = "ItemReader.ReaderConfig."
    _check_fields(name, where, config, _READER_CONFIG)
    _check_value(name, where + "InputType", config.get("InputType"), *item_reader.INPUT_TYPES)
    _check_value(name, where + "CSVHeaderLocation", config.get("CSVHeaderLocation"), "FIRST_ROW", "GIVEN")
    _check_value(name, where + "CSVDelimiter", config.get("CSVDelimiter"), *item_reader.DELIMITERS)
    if config.get("CSVHeaderLocation") == "GIVEN" and not config.get("CSVHeaders"):
        raise UnsupportedFieldError(f"State {name!r}: {where}CSVHeaders is missing: CSVHeaderLocation is GIVEN")


def _check_writer(name: str, writer: dict[str, Any]) -> None:
    _check_fields(name, "ResultWriter.", writer, _WRITER)
    if "Resource" in writer:
        _check_value(name, "ResultWriter.Resource", writer["Resource"], result_writer.PUT_OBJECT)
        for field in ("Arguments", "Parameters"):
            arguments = writer.get(field, {})
            if isinstance(arguments, dict):
                plain = {key.removesuffix(".$"): value for key, value in arguments.items()}
                _check_fields(name, f"ResultWriter.{field}.", plain, _WRITER_ARGUMENTS)
    config = writer.get("WriterConfig", {})
    where = "ResultWriter.WriterConfig."
    _check_fields(name, where, config, _WRITER_CONFIG)
    _check_value(name, where + "OutputType", config.get("OutputType"), "JSON", "JSONL")
    _check_value(name, where + "Transformation", config.get("Transformation"), "NONE", "COMPACT", "FLATTEN")


def _check_fields(state: str, where: str, found: dict[str, Any], allowed: set[str]) -> None:
    for field in found:
        if field not in allowed:
            raise UnsupportedFieldError(
                f"State {state!r}: the local cloud doesn't run {where}{field}; it runs {', '.join(sorted(allowed))}"
            )


def _check_value(state: str, field: str, found: Any, *allowed: str) -> None:
    if found is not None and found not in allowed:
        raise UnsupportedFieldError(
            f"State {state!r}: the local cloud doesn't run {field} {found!r}; it runs {', '.join(allowed)}"
        )
