"""Definitions that moto's grammar reads otherwise than Step Functions, on the emulator."""

import pytest

from tests.constructs_lib.local.emulator.conftest import Cloud

pytestmark = pytest.mark.local


def test_should_give_a_state_in_a_processor_the_machines_language(cloud: Cloud) -> None:
    double = {"Type": "Pass", "Parameters": {"item.$": "$.n"}, "End": True}
    branch = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.of & '!' %}", "End": True}
    ended = cloud.run(
        {
            "Each": {
                "Type": "Map",
                "QueryLanguage": "JSONata",
                "Items": "{% $states.input.items %}",
                "ItemProcessor": {"StartAt": "Double", "States": {"Double": double}},
                "Output": {"of": "{% $string($sum($states.result.item)) %}"},
                "Next": "Both",
            },
            "Both": {"Type": "Parallel", "Branches": [{"StartAt": "Say", "States": {"Say": branch}}], "End": True},
        },
        {"items": [{"n": 1}, {"n": 2}]},
        QueryLanguage="JSONPath",
    )

    assert (ended.status, ended.output) == ("SUCCEEDED", ["3!"])


def test_should_keep_strings_that_are_keywords_of_the_grammar(cloud: Cloud) -> None:
    ended = cloud.run(
        {
            "JSONPath": {
                "Type": "Pass",
                "Comment": "JSONata",
                "Parameters": {"ErrorPath": "CausePath", "Type": "JSONata", "of.$": "$.ErrorPath"},
                "Next": "JSONata",
            },
            "JSONata": {"Type": "Fail", "ErrorPath": "$.ErrorPath", "CausePath": "$.of"},
        },
        {"ErrorPath": "here"},
        QueryLanguage="JSONPath",
    )

    assert (ended.status, ended.error, ended.cause) == ("FAILED", "CausePath", "here")
    entered = [event["stateEnteredEventDetails"] for event in ended.events if "stateEnteredEventDetails" in event]
    assert [details["name"] for details in entered] == ["JSONPath", "JSONata"]


def test_should_read_the_arguments_of_an_intrinsic_function(cloud: Cloud) -> None:
    calls = {
        "list.$": "States.Array($.a-b, 2.5, -1, 'x-y.z-1', $.c.d-e[0])",
        "text.$": "States.Format('{}-{}', $.a-b, 1.5)",
    }
    ended = cloud.run(
        {"A": {"Type": "Pass", "Parameters": calls, "End": True}},
        {"a": "no", "a-b": "yes", "c": {"d-e": [7]}},
        QueryLanguage="JSONPath",
    )

    assert ended.output == {"list": ["yes", 2.5, -1, "x-y.z-1", 7], "text": "yes-1.5"}


def test_should_select_items_by_one_expression_and_by_an_object(cloud: Cloud) -> None:
    def each(selector: object, **more: object) -> dict[str, object]:
        return {"Type": "Map", "Items": [{"n": 1}, {"n": 2}], "ItemSelector": selector, **more}

    def processor(name: str) -> dict[str, object]:
        return {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}}

    item = "$states.context.Map.Item.Value"
    ended = cloud.run(
        {
            "One": each(f"{{% {item}.n %}}", ItemProcessor=processor("I"), Assign={"one": "{% $states.result %}"})
            | {"End": False, "Next": "Object"},
            "Object": each({"n": f"{{% {item}.n + 1 %}}"}, ItemProcessor=processor("J"))
            | {"Output": {"one": "{% $one %}", "object": "{% $states.result %}"}, "End": True},
        },
        {},
        QueryLanguage="JSONata",
    )

    assert (ended.status, ended.output) == ("SUCCEEDED", {"one": [1, 2], "object": [{"n": 2}, {"n": 3}]})


def test_should_read_both_tolerances_as_expressions(cloud: Cloud) -> None:
    distributed = {
        "Type": "Map",
        "Items": [1, 2, 3, 4],
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "I",
            "States": {"I": {"Type": "Fail"}},
        },
        "ToleratedFailureCount": "{% 4 %}",
        "ToleratedFailurePercentage": "{% 100 %}",
        "End": True,
    }
    ended = cloud.run({"Each": distributed}, {}, QueryLanguage="JSONata")

    assert (ended.status, ended.output) == ("SUCCEEDED", [])
