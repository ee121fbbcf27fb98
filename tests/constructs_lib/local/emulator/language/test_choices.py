"""Choice states: what is compared with what, and what fails the execution."""

from typing import Any

import pytest

from tests.constructs_lib.local.emulator.conftest import Cloud

pytestmark = pytest.mark.local

ENDS = {name: {"Type": "Pass", "Result": name, "End": True} for name in ("Matched", "Default")}


def choice(rule: dict[str, Any]) -> dict[str, Any]:
    return {"Choice": {"Type": "Choice", "Choices": [{**rule, "Next": "Matched"}], "Default": "Default"}, **ENDS}


@pytest.mark.parametrize(
    ("rule", "given", "path"),
    [
        ({"Variable": "$.a", "NumericEquals": 1}, {}, "$.a"),
        ({"Variable": "$.a", "IsNull": True}, {}, "$.a"),
        ({"Not": {"Variable": "$.a", "StringEquals": "x"}}, {"b": 1}, "$.a"),
        ({"Variable": "$.a", "NumericLessThanPath": "$.b"}, {"a": 1}, "$.b"),
    ],
)
def test_should_fail_where_a_path_leads_nowhere(cloud: Cloud, rule: Any, given: Any, path: str) -> None:
    ended = cloud.run(choice(rule), given, QueryLanguage="JSONPath")

    assert ended.error == "States.Runtime"
    assert ended.cause == (
        "An error occurred while executing the state 'Choice' (entered at the event id #2). "
        f"Invalid path '{path}': The choice state's condition path references an invalid value."
    )
    assert ended.types() == ["ExecutionStarted", "ChoiceStateEntered", "ExecutionFailed"]


@pytest.mark.parametrize(
    ("rule", "output"),
    [
        ({"Variable": "$.a", "IsPresent": False}, "Matched"),
        ({"Variable": "$.a", "IsPresent": True}, "Default"),
        ({"And": [{"Variable": "$.a", "IsPresent": True}, {"Variable": "$.a", "NumericEquals": 1}]}, "Default"),
    ],
)
def test_should_ask_whether_a_path_leads_anywhere(cloud: Cloud, rule: Any, output: str) -> None:
    assert cloud.run(choice(rule), QueryLanguage="JSONPath").output == output


@pytest.mark.parametrize(
    ("operator", "given"),
    [
        ("NumericGreaterThanPath", {"a": 2, "b": "1"}),
        ("StringLessThanPath", {"a": "a", "b": 1}),
        ("BooleanEqualsPath", {"a": True, "b": "x"}),
    ],
)
def test_should_not_match_values_of_different_types(cloud: Cloud, operator: str, given: Any) -> None:
    rule = {"Variable": "$.a", operator: "$.b"}

    assert cloud.run(choice(rule), given, QueryLanguage="JSONPath").output == "Default"
    assert cloud.run(choice({"Not": rule}), given, QueryLanguage="JSONPath").output == "Matched"


@pytest.mark.parametrize(("limit", "output"), [(1, "Matched"), (3, "Default")])
def test_should_compare_with_a_variable_the_right_way_round(cloud: Cloud, limit: int, output: str) -> None:
    states = {
        "Assign": {"Type": "Pass", "Assign": {"limit": limit}, "Next": "Choice"},
        **choice({"Variable": "$.a", "NumericGreaterThanPath": "$limit"}),
    }

    assert cloud.run(states, {"a": 2}, QueryLanguage="JSONPath").output == output


@pytest.mark.parametrize(
    ("language", "rule"),
    [("JSONPath", {"Variable": "$.a", "NumericEquals": 1}), ("JSONata", {"Condition": "{% $states.input.a = 1 %}"})],
)
def test_should_fail_where_nothing_matches_and_there_is_no_default(cloud: Cloud, language: str, rule: Any) -> None:
    states = {
        "Choice": {"Type": "Choice", "Choices": [{**rule, "Next": "Matched"}]},
        "Matched": {"Type": "Pass", "End": True},
    }

    ended = cloud.run(states, {"a": 2}, QueryLanguage=language)

    assert ended.error == "States.Runtime"
    assert ended.cause.endswith("Failed to transition out of the state. The state does not point to a next state.")


def test_should_refuse_a_condition_that_is_neither_true_nor_false(cloud: Cloud) -> None:
    states = {
        "Choice": {"Type": "Choice", "Choices": [{"Condition": "{% 'yes' %}", "Next": "End"}], "Default": "End"},
        "End": {"Type": "Succeed"},
    }

    ended = cloud.run(states)

    assert ended.error == "States.QueryEvaluationError"
    assert ended.cause.endswith(
        "The JSONata expression ''yes'' specified for the field 'Choices[0]/Condition' returned an unexpected result "
        "type. Expected 'boolean', but was 'string' for value: \"yes\""
    )
    assert ended.types() == ["ExecutionStarted", "ChoiceStateEntered", "EvaluationFailed", "ExecutionFailed"]
