"""What a state does when it fails, and where a Choice goes: retriers, catchers and choice rules."""

from collections.abc import Iterator
from typing import Any

from constructs_lib.local.emulator.definitions.place import JSONATA, JSONPATH, Check, OnlyIn, Place, Problem, Schema
from constructs_lib.local.emulator.definitions.values import (
    array_of,
    boolean,
    choice_path,
    integer,
    nullable,
    number,
    one_of,
    reading,
    result_path,
    string,
    template,
    text,
    timestamp,
    variables,
)

LONGEST_SECONDS = 99_999_999
_LONGEST_DELAY = 31_622_400

# Retry and Catch

_ERRORS = tuple(
    f"States.{name}"
    for name in (
        "ALL", "BranchFailed", "DataLimitExceeded", "ExceedToleratedFailureThreshold", "HeartbeatTimeout",
        "IntrinsicFailure", "ItemReaderFailed", "NoChoiceMatched", "ParameterPathFailure", "Permissions",
        "QueryEvaluationError", "ResultPathMatchFailure", "ResultWriterFailed", "Runtime", "TaskFailed", "Timeout",
    )
)  # fmt: skip


def _error_name(value: Any, place: Place) -> Iterator[Problem]:
    if isinstance(value, str) and value.startswith("States.") and value not in _ERRORS:
        # The prefix is reserved; whether AWS refuses it isn't known, moto does.
        yield place.problem(f"the local cloud doesn't run {value}; with this prefix it runs {', '.join(_ERRORS)}")
    else:
        yield from string(value, place)


def _states_all(entries: Any, place: Place) -> Iterator[Problem]:
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        names = entry.get("ErrorEquals") if isinstance(entry, dict) else None
        if isinstance(names, list) and "States.ALL" in names and (len(names) > 1 or index < len(entries) - 1):
            at = place.item(index).at("ErrorEquals")
            yield at.problem("States.ALL must appear alone and at end of list")


def _entries(schema: Schema) -> Check:
    def check(value: Any, place: Place) -> Iterator[Problem]:
        yield from array_of(schema)(value, place)
        yield from _states_all(value, place)

    return check


def _interval(value: Any, place: Place) -> Iterator[Problem]:
    if value == 0 and isinstance(value, int) and not isinstance(value, bool):
        # AWS accepts it, though it documents a positive number; moto doesn't.
        yield place.problem("the local cloud runs an interval of 1 second or more")
    else:
        yield from integer(1, LONGEST_SECONDS)(value, place)


RETRY = _entries(
    Schema(
        {
            "Comment": string,
            "ErrorEquals": array_of(_error_name, nonempty=True),
            "IntervalSeconds": _interval,
            "MaxAttempts": integer(0, LONGEST_SECONDS),
            "BackoffRate": number(1),
            "MaxDelaySeconds": integer(1, _LONGEST_DELAY),
            "JitterStrategy": one_of("NONE", "FULL"),
        },
        required=("ErrorEquals",),
    )
)
CATCH = _entries(
    Schema(
        {
            "Comment": string,
            "ErrorEquals": array_of(_error_name, nonempty=True),
            "Next": string,
            "ResultPath": OnlyIn(JSONPATH, nullable(result_path)),
            "Assign": reading("errorOutput", variables),
            "Output": OnlyIn(JSONATA, reading("errorOutput", template)),
        },
        required=("ErrorEquals", "Next"),
    )
)

# Choice

_ORDERS = ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")
_OPERATORS: dict[str, Check] = {
    **{f"String{order}": string for order in _ORDERS},
    "StringMatches": string,
    **{f"Numeric{order}": number() for order in _ORDERS},
    "BooleanEquals": boolean,
    **{f"Timestamp{order}": timestamp for order in _ORDERS},
    **{f"{kind}{order}Path": choice_path for kind in ("String", "Numeric", "Timestamp") for order in _ORDERS},
    "BooleanEqualsPath": choice_path,
    **{f"Is{kind}": boolean for kind in ("Null", "Present", "Numeric", "String", "Boolean", "Timestamp")},
}
_KINDS = ("And", "Or", "Not", "Variable", "Condition")


def _rule_kind(rule: dict[str, Any], place: Place) -> Iterator[Problem]:
    if sum(kind in rule for kind in _KINDS) != 1:
        yield place.problem(f"The object must have only one of the following fields, [{', '.join(_KINDS)}]")
    operators = [name for name in rule if name in _OPERATORS]
    if len(operators) > 1:
        yield place.problem(f"There should only be one of the following fields: [{', '.join(operators)}]")
    elif "Variable" in rule and not operators:
        yield place.problem(f"This object should have only one of the following fields: [{', '.join(_OPERATORS)}]")


def _condition(value: Any, place: Place) -> Iterator[Problem]:
    if isinstance(value, str) and not value.startswith("{%"):
        yield place.problem("JSONata string must start with {% and end with %}")
    elif not isinstance(value, bool):
        yield from text(value, place)


def _nested_rule(value: Any, place: Place) -> Iterator[Problem]:
    return _NESTED_RULE(value, place)


_NESTED_RULES = array_of(_nested_rule, nonempty=True)
_RULE_FIELDS: dict[str, Check | OnlyIn] = {
    "Comment": string,
    "Condition": OnlyIn(JSONATA, _condition),
    "Variable": OnlyIn(JSONPATH, choice_path),
    "And": OnlyIn(JSONPATH, _NESTED_RULES),
    "Or": OnlyIn(JSONPATH, _NESTED_RULES),
    "Not": OnlyIn(JSONPATH, _nested_rule),
    **{name: OnlyIn(JSONPATH, check) for name, check in _OPERATORS.items()},
}
_NESTED_RULE = Schema(_RULE_FIELDS, rules=(_rule_kind,))
CHOICE_RULE = Schema(
    {**_RULE_FIELDS, "Next": string, "Assign": variables, "Output": OnlyIn(JSONATA, template)},
    required=("Next",),
    rules=(_rule_kind,),
)
