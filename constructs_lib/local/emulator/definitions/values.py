"""The checks of a definition's values: numbers and their ranges, paths, expressions, templates.

Each is a function of a value and of the `Place` where it stands; it yields a `Problem` for each mistake.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from constructs_lib.local.emulator.definitions import expressions
from constructs_lib.local.emulator.definitions.place import JSONATA, JSONPATH, Check, Place, Problem

# Characters of a state's or a variable's name.
LONGEST_NAME = 80


def anything(_value: Any, _place: Place) -> Iterator[Problem]:
    """Any JSON, as it is."""
    return iter(())


def string(value: Any, place: Place) -> Iterator[Problem]:
    """A string, as it is."""
    if not isinstance(value, str):
        yield place.problem("Expected value of type String")


def boolean(value: Any, place: Place) -> Iterator[Problem]:
    """True or false."""
    if not isinstance(value, bool):
        yield place.problem("Expected value of type Boolean")


def one_of(*allowed: str) -> Check:
    """One of some words."""

    def check(value: Any, place: Place) -> Iterator[Problem]:
        if not isinstance(value, str):
            # With brackets: so AWS says it of QueryLanguage.
            yield place.problem("Expected value of type [STRING]")
        elif value not in allowed:
            yield place.problem(f"Value should be one of the following: [{', '.join(allowed)}]")

    return check


def _limits(value: Any, minimum: float | None, maximum: float | None, place: Place) -> Iterator[Problem]:
    if minimum is not None and value < minimum:
        yield place.problem(f"Minimum value is {minimum}")
    if maximum is not None and value > maximum:
        yield place.problem(f"Maximum value is {maximum}")


def _is_expression(value: Any, place: Place) -> bool:
    return isinstance(value, str) and place.language == JSONATA and value.startswith("{%")


def integer(minimum: int | None = None, maximum: int | None = None) -> Check:
    """A whole number; in a JSONata state an expression too."""

    def check(value: Any, place: Place) -> Iterator[Problem]:
        if _is_expression(value, place):
            yield from _expression(value, place)
        elif not isinstance(value, int) or isinstance(value, bool):
            yield place.problem("Expected value of type Integer")
        else:
            yield from _limits(value, minimum, maximum, place)

    return check


def number(minimum: float | None = None, maximum: float | None = None) -> Check:
    """A number; in a JSONata state an expression too."""

    def check(value: Any, place: Place) -> Iterator[Problem]:
        if _is_expression(value, place):
            yield from _expression(value, place)
        elif not isinstance(value, int | float) or isinstance(value, bool):
            yield place.problem("Expected value of type Number")
        else:
            yield from _limits(value, minimum, maximum, place)

    return check


# RFC 3339 with an uppercase T and Z; AWS takes no other offset.
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def timestamp(value: Any, place: Place) -> Iterator[Problem]:
    """A time; in a JSONata state an expression too."""
    if not isinstance(value, str):
        yield place.problem("Expected value of type String")
    elif _is_expression(value, place):
        yield from _expression(value, place)
    elif not _TIMESTAMP.fullmatch(value):
        yield place.problem("String does not match RFC3339 timestamp")


def array_of(check: Check, *, nonempty: bool = False) -> Check:
    """An array whose elements pass `check`."""

    def check_all(value: Any, place: Place) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield place.problem("Expected value of type Array")
            return
        if nonempty and not value:
            yield place.problem("Value cannot be empty")
        for index, element in enumerate(value):
            yield from check(element, place.item(index))

    return check_all


def text(value: Any, place: Place) -> Iterator[Problem]:
    """A string; in a JSONata state an expression too."""
    if not isinstance(value, str):
        yield place.problem("Expected value of type String")
    elif place.language == JSONATA:
        yield from _expression(value, place)


def items(value: Any, place: Place) -> Iterator[Problem]:
    """A Map's Items: an array, an object (of a Distributed Map) or an expression."""
    if not isinstance(value, list | dict) and not _is_expression(value, place):
        yield place.problem("Expected value of type Array")
    yield from template(value, place)


def _expression(value: str, place: Place) -> Iterator[Problem]:
    if not value.startswith("{%"):
        return
    if not value.endswith("%}"):
        yield place.problem("JSONata string must start with {% and end with %}")
    elif found := expressions.jsonata_problem(value[2:-2].strip(), place.states_fields):
        code, message = found
        yield place.problem(message, code)


def template(value: Any, place: Place) -> Iterator[Problem]:
    """Any JSON, with expressions in it (JSONata) or fields whose name ends in `.$` (JSONPath)."""
    if isinstance(value, dict):
        for name, element in value.items():
            if place.language == JSONPATH and name.endswith(".$"):
                if not expressions.is_path_or_intrinsic(element):
                    message = f"The value for the field '{name}' must be a valid JSONPath"
                    yield place.problem(f"{message} or a valid intrinsic function call")
            else:
                yield from template(element, place.at(name))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from template(element, place.item(index))
    elif isinstance(value, str) and place.language == JSONATA:
        yield from _expression(value, place)


def payload(value: Any, place: Place) -> Iterator[Problem]:
    """A template that is an object, or one expression."""
    if isinstance(value, dict) or _is_expression(value, place) or not place.language:
        yield from template(value, place)
    elif place.language == JSONPATH:
        # Step Functions takes other JSON in some states; moto's grammar has objects only.
        yield place.problem("the local cloud runs an object here, no other JSON")
    else:
        yield place.problem("Expected value of type Object")


def reading(states_field: str, check: Check) -> Check:
    """`check`, where `$states` has one more field."""

    def check_there(value: Any, place: Place) -> Iterator[Problem]:
        return check(value, replace(place, states_fields=frozenset({states_field})))

    return check_there


def path(value: Any, place: Place) -> Iterator[Problem]:
    """A JSONPath, into the input, the context object (`$$`) or a variable."""
    if not isinstance(value, str):
        yield place.problem("Expected value of type String")
    elif not expressions.is_path(value):
        yield place.problem("Value must be a valid JSONPath.")


def reference_path(value: Any, place: Place) -> Iterator[Problem]:
    """A JSONPath to one node: without wildcards, filters and slices."""
    yield from path(value, place)
    if expressions.is_path(value) and not expressions.is_reference_path(value):
        yield place.problem("Value is not a Reference Path")


def result_path(value: Any, place: Place) -> Iterator[Problem]:
    """A reference path into the input: nothing is written into the context object or a variable."""
    yield from reference_path(value, place)
    if expressions.is_path(value) and not expressions.is_path_of_input(value):
        yield place.problem("Value is not a Reference Path into the input, such as $.result")


def choice_path(value: Any, place: Place) -> Iterator[Problem]:
    """The path of a Choice rule, of which AWS has its own sentence."""
    if isinstance(value, str) and not value.startswith("$"):
        yield place.problem("Value is not a Reference Path: Reference path didn't start with '$'")
    else:
        yield from path(value, place)


def path_or_intrinsic(value: Any, place: Place) -> Iterator[Problem]:
    """A JSONPath or the call of an intrinsic function."""
    if not expressions.is_path_or_intrinsic(value):
        yield place.problem("Value must be a valid JSONPath or a valid intrinsic function call")


def nullable(check: Check) -> Check:
    """`check`, or null."""

    def check_unless_null(value: Any, place: Place) -> Iterator[Problem]:
        return iter(()) if value is None else check(value, place)

    return check_unless_null


def variables(value: Any, place: Place) -> Iterator[Problem]:
    """An Assign: a template whose fields are names of variables."""
    if not isinstance(value, dict):
        yield place.problem("Expected value of type Object")
        return
    for given in value:
        name = given.removesuffix(".$") if place.language == JSONPATH else given
        if name == "states":
            message = "Cannot assign to reserved variable '$states'."
            yield place.at(given).problem(message, "RESERVED_VARIABLE_NAME")
        elif not name.isidentifier() or name.startswith("_"):
            message = f"Invalid variable name '{name}': the variable name contains invalid characters."
            yield place.at(given).problem(message, "INVALID_VARIABLE_NAME")
        elif len(name) > LONGEST_NAME:
            message = f"Invalid variable name '{name}': at most {LONGEST_NAME} characters are allowed."
            yield place.at(given).problem(message, "INVALID_VARIABLE_NAME")
    yield from template(value, place)
