"""The fields of a state machine, state by state: which there are, in which query language, and what they may hold.

The tables are those that AWS checks a definition by; the States Language has the reasons:
https://states-language.net/spec.html
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from constructs_lib.local.emulator.definitions import map_fields, task_resources
from constructs_lib.local.emulator.definitions.graph import transitions
from constructs_lib.local.emulator.definitions.place import JSONATA, JSONPATH, Check, OnlyIn, Place, Problem, Schema
from constructs_lib.local.emulator.definitions.rules import CATCH, CHOICE_RULE, LONGEST_SECONDS, RETRY
from constructs_lib.local.emulator.definitions.values import (
    LONGEST_NAME,
    anything,
    array_of,
    boolean,
    integer,
    items,
    nullable,
    number,
    one_of,
    path,
    path_or_intrinsic,
    payload,
    reading,
    reference_path,
    result_path,
    string,
    template,
    text,
    timestamp,
    variables,
)

_PERCENT = 100


def language_of(declared: dict[str, Any], inherited: str) -> str:
    """The query language of a machine or state: any but exactly "JSONPath" is JSONata, as on AWS."""
    if "QueryLanguage" not in declared:
        return inherited
    return JSONPATH if declared["QueryLanguage"] == JSONPATH else JSONATA


# Task


def _resource(value: Any, place: Place) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield place.problem("Expected value of type String")
    elif message := task_resources.resource_problem(value, express=place.express):
        yield place.problem(message)


def _parameter_rules(state: dict[str, Any], place: Place) -> Iterator[Problem]:
    resource = state.get("Resource")
    action = task_resources.action_of(resource) if isinstance(resource, str) else None
    if action is None or not place.language:
        return
    field = "Arguments" if place.language == JSONATA else "Parameters"
    if field not in state:
        yield place.problem(f"{field} field is required for resource ARN: {resource}")
        return
    if not isinstance(state[field], dict):
        return
    given = {name.removesuffix(".$") for name in state[field]}
    for name in action.required:
        if name not in given:
            yield place.at(field).problem(f"The field '{name}' is required but was missing")
    for name in action.not_run:
        if name in given:
            yield place.at(field).problem(f"the local cloud doesn't run {name} of {resource}")


def _time_rules(state: dict[str, Any], place: Place) -> Iterator[Problem]:
    heartbeat, timeout = state.get("HeartbeatSeconds"), state.get("TimeoutSeconds")
    if isinstance(heartbeat, int) and isinstance(timeout, int) and heartbeat >= timeout:
        # The rule is the States Language's; AWS's sentence isn't known.
        message = f"HeartbeatSeconds must be smaller than TimeoutSeconds, {timeout}"
        yield place.at("HeartbeatSeconds").problem(message)


def _credentials(value: Any, place: Place) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield place.problem("Expected value of type Object")
        return
    if "RoleArn" not in value and not (place.language != JSONATA and "RoleArn.$" in value):
        yield place.problem("The field 'RoleArn' is required but was missing")
    for name in value:
        if name.removesuffix(".$") != "RoleArn":
            yield place.problem(f"Field '{name}' is not supported")
    yield from template(value, place)


def _activity_rules(state: dict[str, Any], place: Place) -> Iterator[Problem]:
    if "Credentials" in state and task_resources.is_activity(str(state.get("Resource"))):
        yield place.at("Credentials").problem("The field 'Credentials' is not supported for activities")


# Branches and processors: machines within the machine


def _state(value: Any, place: Place, name: str) -> Iterator[Problem]:
    if not 0 < len(name) <= LONGEST_NAME:
        message = f"Invalid State name: {name} exceeds the {LONGEST_NAME}-character limit allowed by the service"
        yield place.problem(message if name else "Invalid State name: it is empty", "INVALID_STATE_NAME")
    if name in place.names.states:
        yield place.problem(f"Duplicate State name: {name}", "DUPLICATE_STATE_NAME")
    place.names.states.add(name)
    if not isinstance(value, dict):
        yield place.problem("Expected value of type Object")
        return
    language = language_of(value, place.machine_language)
    if language == JSONPATH and place.machine_language == JSONATA:
        yield place.problem("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
        language = ""
    kind = value.get("Type")
    if "Type" not in value:
        yield place.problem("These fields are required: [Type]")
    elif isinstance(kind, str) and kind in STATES:
        yield from STATES[kind](value, replace(place, language=language))
    else:
        yield from one_of(*STATES)(kind, place.at("Type"))


def _states(value: Any, place: Place) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield place.problem("Expected value of type Object")
        return
    for name, state in value.items():
        yield from _state(state, place.at(name), name)


_SCOPE: dict[str, Check | OnlyIn] = {"Comment": string, "StartAt": string, "States": _states}
_BRANCH_SCHEMA = Schema(_SCOPE, required=("States", "StartAt"))
_PROCESSOR_SCHEMA = Schema({**_SCOPE, "ProcessorConfig": map_fields.PROCESSOR_CONFIG}, required=("States", "StartAt"))
_MACHINE_SCHEMA = Schema(
    {
        **_SCOPE,
        "QueryLanguage": one_of(JSONPATH, JSONATA),
        "TimeoutSeconds": integer(0, LONGEST_SECONDS),
        "Version": one_of("1.0"),
    },
    required=("States", "StartAt"),
)


def _scope(schema: Schema, value: Any, place: Place, *, is_machine: bool = False) -> Iterator[Problem]:
    # Its own fields are read without a language: expressions stand in states only.
    yield from schema(value, replace(place, language=""))
    if isinstance(value, dict) and isinstance(value.get("StartAt"), str) and isinstance(value.get("States"), dict):
        yield from transitions(value, place, is_machine=is_machine)


def _branch(value: Any, place: Place) -> Iterator[Problem]:
    return _scope(_BRANCH_SCHEMA, value, place)


def _processor(value: Any, place: Place) -> Iterator[Problem]:
    config = map_fields.processor_config({"ItemProcessor": value})
    children_are_express = config.get("Mode") == "DISTRIBUTED" and config.get("ExecutionType") == "EXPRESS"
    return _scope(_PROCESSOR_SCHEMA, value, replace(place, express=place.express or children_are_express))


def machine(value: Any, place: Place) -> Iterator[Problem]:
    """The problems of a whole definition; `place` is its root."""
    return _scope(_MACHINE_SCHEMA, value, place, is_machine=True)


# The states

_ANY: dict[str, Check | OnlyIn] = {"Type": anything, "Comment": string, "QueryLanguage": one_of(JSONPATH, JSONATA)}
_NEXT: dict[str, Check | OnlyIn] = {"Next": string, "End": boolean}
_PATHS: dict[str, Check | OnlyIn] = {
    "InputPath": OnlyIn(JSONPATH, nullable(path)),
    "OutputPath": OnlyIn(JSONPATH, nullable(path)),
}
_OUTPUT: dict[str, Check | OnlyIn] = {"Output": OnlyIn(JSONATA, template), "Assign": variables}
_RESULT: dict[str, Check | OnlyIn] = {
    "Output": OnlyIn(JSONATA, reading("result", template)),
    "Assign": reading("result", variables),
    "ResultPath": OnlyIn(JSONPATH, nullable(result_path)),
    "ResultSelector": OnlyIn(JSONPATH, payload),
    "Retry": RETRY,
    "Catch": CATCH,
}
_PARAMETERS = OnlyIn(JSONPATH, payload)
_ARGUMENTS = OnlyIn(JSONATA, payload)
_A_PATH = OnlyIn(JSONPATH, reference_path)
_NEXT_OR_END = ("Next", "End")


def _next_rules(state: dict[str, Any], place: Place) -> Iterator[Problem]:
    ends = state.get("End") is True
    if "Next" in state and ends:
        yield place.problem("There should only be one of the following fields: [Next, End]")
    elif "Next" not in state and not ends:
        yield place.problem("This object should have only one of the following fields: [Next, End]")


_SECONDS = integer(1, LONGEST_SECONDS)

STATES = {
    "Pass": Schema(
        {
            **_ANY, **_NEXT, **_PATHS, **_OUTPUT,
            "Parameters": _PARAMETERS,
            "Result": OnlyIn(JSONPATH, anything),
            "ResultPath": OnlyIn(JSONPATH, nullable(result_path)),
        },
        rules=(_next_rules,),
    ),
    "Task": Schema(
        {
            **_ANY, **_NEXT, **_PATHS, **_RESULT,
            "Resource": _resource,
            "Parameters": _PARAMETERS,
            "Arguments": _ARGUMENTS,
            "Credentials": _credentials,
            "TimeoutSeconds": _SECONDS,
            "TimeoutSecondsPath": _A_PATH,
            "HeartbeatSeconds": _SECONDS,
            "HeartbeatSecondsPath": _A_PATH,
        },
        required=("Resource",),
        at_most_one=(("TimeoutSeconds", "TimeoutSecondsPath"), ("HeartbeatSeconds", "HeartbeatSecondsPath")),
        rules=(_next_rules, _parameter_rules, _time_rules, _activity_rules),
    ),
    "Wait": Schema(
        {
            **_ANY, **_NEXT, **_PATHS, **_OUTPUT,
            "Seconds": integer(0, LONGEST_SECONDS),
            "SecondsPath": _A_PATH,
            "Timestamp": timestamp,
            "TimestampPath": _A_PATH,
        },
        exactly_one=(("SecondsPath", "Seconds", "TimestampPath", "Timestamp"),),
        rules=(_next_rules,),
    ),
    "Choice": Schema(
        {
            **_ANY, **_PATHS, **_OUTPUT,
            "Choices": array_of(CHOICE_RULE, nonempty=True),
            "Default": string,
        },
        required=("Choices",),
    ),
    "Succeed": Schema({**_ANY, **_PATHS, "Output": OnlyIn(JSONATA, template)}),
    "Fail": Schema(
        {
            **_ANY,
            "Error": text,
            "ErrorPath": OnlyIn(JSONPATH, path_or_intrinsic),
            "Cause": text,
            "CausePath": OnlyIn(JSONPATH, path_or_intrinsic),
        },
        at_most_one=(("Error", "ErrorPath"), ("Cause", "CausePath")),
    ),
    "Parallel": Schema(
        {
            **_ANY, **_NEXT, **_PATHS, **_RESULT,
            "Parameters": _PARAMETERS,
            "Arguments": _ARGUMENTS,
            "Branches": array_of(_branch, nonempty=True),
        },
        required=("Branches",),
        rules=(_next_rules,),
    ),
    "Map": Schema(
        {
            **_ANY, **_NEXT, **_PATHS, **_RESULT,
            "Items": OnlyIn(JSONATA, items),
            "ItemsPath": OnlyIn(JSONPATH, reference_path),
            "ItemSelector": payload,
            "Parameters": _PARAMETERS,
            "ItemProcessor": _processor,
            "Iterator": _processor,
            "MaxConcurrency": integer(0),
            "MaxConcurrencyPath": _A_PATH,
            # Without effect on an inline Map, where Step Functions accepts them all the same.
            "ToleratedFailureCount": integer(0),
            "ToleratedFailureCountPath": _A_PATH,
            "ToleratedFailurePercentage": number(0, _PERCENT),
            "ToleratedFailurePercentagePath": _A_PATH,
            "ItemReader": map_fields.ITEM_READER,
            "ItemBatcher": map_fields.ITEM_BATCHER,
            "ResultWriter": map_fields.RESULT_WRITER,
            "Label": map_fields.label,
        },
        exactly_one=(("ItemProcessor", "Iterator"),),
        at_most_one=(
            ("MaxConcurrency", "MaxConcurrencyPath"),
            ("ToleratedFailureCount", "ToleratedFailureCountPath"),
            ("ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
        ),
        rules=(_next_rules, map_fields.map_rules),
    ),
}  # fmt: skip
