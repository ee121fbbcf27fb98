"""JSONPath: what a path yields. The rules are those of the Java library that Step Functions uses (definite paths)."""

from typing import Any

import pytest
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

from constructs_lib.local.emulator.language.json_path import extract_json

DATA = {"one": [{"name": "a", "size": 1}], "two": [{"name": "a", "size": 1}, {"name": "b", "size": 2}], "a b": {"c": 3}}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", DATA),
        ("$.one[0]", {"name": "a", "size": 1}),
        ("$.one[0].name", "a"),
        ("$.two[1].name", "b"),
        ("$['a b'].c", 3),
        ("$.one", [{"name": "a", "size": 1}]),
        # One match, and an array all the same.
        ("$.one[*].name", ["a"]),
        ("$.two[*].name", ["a", "b"]),
        ("$.two[1:].name", ["b"]),
        ("$.two[0,1].size", [1, 2]),
        ("$.two[?(@.size > 1)].name", ["b"]),
        ("$.two[?(@.size > 5)]", []),
        ("$..c", [3]),
        ("$.missing[*]", []),
        ("$.two.length()", 2),
        ("$.length()", 3),
        ("$.two[*].size.sum()", 3.0),
        ("$.two[*].size.min()", 1.0),
        ("$.two[*].size.max()", 2.0),
        ("$..size.avg()", 4 / 3),
    ],
)
def test_should_yield_a_value_for_one_place_and_an_array_for_any_other_path(path: str, value: Any) -> None:
    assert extract_json(path, DATA) == value


@pytest.mark.parametrize("path", ["$.three", "$.two[7]", "$.two[7].name", "$.one[0].missing"])
def test_should_fail_where_one_place_does_not_exist(path: str) -> None:
    with pytest.raises(NoSuchJsonPathError):
        extract_json(path, DATA)


@pytest.mark.parametrize("path", ["$.one[0].name.length()", "$.one.sum()", "$.one[0].size.max()", "$.three.length()"])
def test_should_fail_a_function_of_something_else(path: str) -> None:
    with pytest.raises((ValueError, NoSuchJsonPathError)):
        extract_json(path, DATA)
