"""How a state fails: AWS's words, and the events that AWS's history has."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.constructs_lib.local.emulator.conftest import Cloud

pytestmark = pytest.mark.local

ONE_PASS = {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}}
DISTRIBUTED_PASS = {**ONE_PASS, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}


@pytest.mark.parametrize(
    ("given", "shown"), [(True, "true"), (None, "null"), ({"a": [1]}, '{"a":[1]}'), ("text", '"text"')]
)
def test_should_show_a_maps_input_that_is_no_array_as_json(cloud: Cloud, given: Any, shown: str) -> None:
    ended = cloud.run(
        {
            "Give": {"Type": "Pass", "Output": "{% $states.input.items %}", "Next": "Map"},
            "Map": {"Type": "Map", "ItemProcessor": ONE_PASS, "End": True},
        },
        {"items": given},
    )

    assert ended.error == "States.QueryEvaluationError"
    assert ended.cause.endswith(f"Map state input must be an array but was: {shown}")
    assert ended.types()[-3:] == ["EvaluationFailed", "MapStateFailed", "ExecutionFailed"]


def test_should_fail_at_run_time_where_an_items_path_leads_to_no_array(cloud: Cloud) -> None:
    states = {"Map": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": ONE_PASS, "End": True}}

    ended = cloud.run(states, {"items": 3}, QueryLanguage="JSONPath")

    assert ended.error == "States.Runtime"
    assert ended.cause.endswith('Reference path "$.items" must point to array.')
    assert ended.types()[-1:] == ["ExecutionFailed"]
    assert ended.types().count("ExecutionFailed") == 1


@pytest.mark.parametrize("field", ["TimeoutSecondsPath", "HeartbeatSecondsPath"])
def test_should_end_the_execution_once_when_a_path_of_a_task_leads_nowhere(cloud: Cloud, field: str) -> None:
    resource = "arn:aws:states:::aws-sdk:s3:listBuckets"
    task = {"Type": "Task", "Resource": resource, "Parameters": {}, field: "$.nothing", "End": True}

    ended = cloud.run({"Task": task}, QueryLanguage="JSONPath")

    assert ended.error == "States.Runtime"
    assert ended.cause.endswith("Invalid path '$.nothing' : No results for path: $['nothing']")
    assert ended.types() == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]


@pytest.mark.parametrize(("days", "fails"), [(24_855, False), (24_856, True)])
def test_should_wait_no_longer_than_32_bits_of_seconds(cloud: Cloud, days: int, fails: bool) -> None:
    end = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    arn = cloud.start(
        cloud.machine({"Wait": {"Type": "Wait", "Timestamp": "{% $states.input.end %}", "End": True}}), {"end": end}
    )

    if fails:
        ended = cloud.wait(arn)
        assert (ended.error, "Wait state delay is too long." in ended.cause) == ("States.Runtime", True)
        assert ended.types() == ["ExecutionStarted", "WaitStateEntered", "ExecutionFailed"]
    else:
        cloud.client("stepfunctions").stop_execution(executionArn=arn)
        assert cloud.wait(arn).status == "ABORTED"


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("$nothing(1)", "T1006: Attempted to invoke a non-function"),
        # Step Functions hasn't got JSONata's $eval.
        ("$eval('1')", "T1006: Attempted to invoke a non-function"),
        ("1 / 0", "D1001: Number out of range: Infinity"),
    ],
)
def test_should_name_the_code_of_an_error_of_jsonata(cloud: Cloud, expression: str, shown: str) -> None:
    ended = cloud.run({"Pass": {"Type": "Pass", "Output": f"{{% {expression} %}}", "End": True}})

    assert ended.error == "States.QueryEvaluationError"
    assert ended.cause.endswith(f"threw an error during evaluation. {shown}")


@pytest.mark.parametrize("call", ["States.ArrayGetItem($.list, 9)", "States.StringToJson('{')"])
def test_should_fail_an_intrinsic_by_name_so_that_it_can_be_caught(cloud: Cloud, call: str) -> None:
    only = {"Type": "Pass", "Parameters": {"value.$": call}, "End": True}

    failed = cloud.run({"Only": only}, {"list": [1]}, QueryLanguage="JSONPath")
    inside = {"Type": "Parallel", "Branches": [{"StartAt": "Only", "States": {"Only": only}}], "End": True}
    catch = [{"ErrorEquals": ["States.IntrinsicFailure"], "Next": "Caught"}]
    caught = cloud.run(
        {"Outer": {**inside, "Catch": catch}, "Caught": {"Type": "Pass", "OutputPath": "$.Error", "End": True}},
        {"list": [1]},
        QueryLanguage="JSONPath",
    )

    assert failed.error == "States.IntrinsicFailure"
    assert f"'Only' (entered at the event id #2). The function '{call}' had the following error: " in failed.cause
    assert failed.types() == ["ExecutionStarted", "PassStateEntered", "ExecutionFailed"]
    assert (caught.status, caught.output) == ("SUCCEEDED", "States.IntrinsicFailure")


MISSING = "The JSONPath '$.x' specified for the field 'a.$' could not be found in the input '{\"y\":[1]}'"
CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
CAUGHT = {"Type": "Pass", "End": True}


@pytest.mark.parametrize(
    ("resource", "template", "cause"),
    [
        ("arn:aws:lambda:us-east-1:111111111111:function:any", {"a.$": "$.x"}, MISSING),
        ("arn:aws:states:::sqs:sendMessage", {"QueueUrl": "https://q/q", "MessageBody": {"a.$": "$.x"}}, MISSING),
        ("arn:aws:states:::dynamodb:getItem", {"TableName": "t", "Key": {"a.$": "$.x"}}, MISSING),
        ("arn:aws:states:::lambda:invoke", {"FunctionName": "f", "Payload": {"a.$": "$.x"}}, MISSING),
        (
            "arn:aws:states:::lambda:invoke",
            {"FunctionName": "f", "Payload.$": "$$.Nothing"},
            "The JSONPath '$$.Nothing' specified for the field 'Payload.$' could not be found in the input",
        ),
        (
            "arn:aws:states:::lambda:invoke",
            {"FunctionName": "f", "Payload": {"a.$": "States.Format('{}', $.x)"}},
            "The function 'States.Format('{}', $.x)' had the following error: The JsonPath argument for the field",
        ),
    ],
)
def test_should_not_take_a_path_to_nothing_for_a_failure_of_the_call(
    cloud: Cloud, resource: str, template: dict[str, Any], cause: str
) -> None:
    task = {"Type": "Task", "Resource": resource, "Parameters": template, "Catch": CATCH, "End": True}

    ended = cloud.run({"Task": task, "Caught": CAUGHT}, {"y": [1]}, QueryLanguage="JSONPath")

    assert ended.error == "States.Runtime"
    assert ended.cause.startswith("An error occurred while executing the state 'Task' (entered at the event id #2). ")
    assert cause in ended.cause
    assert ended.types() == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]


@pytest.mark.parametrize("field", ["ResultSelector", "Assign"])
def test_should_name_the_entry_of_a_state_that_fails_late(cloud: Cloud, field: str) -> None:
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets", "Parameters": {}, "End": True}

    ended = cloud.run({"Task": task | {field: {"a.$": "$.x"}}}, QueryLanguage="JSONPath")

    assert ended.error == "States.Runtime"
    assert "(entered at the event id #2). The JSONPath '$.x' specified for the field 'a.$'" in ended.cause


@pytest.mark.parametrize("kind", ["Map", "Parallel"])
def test_should_say_once_where_a_state_inside_failed(cloud: Cloud, kind: str) -> None:
    inner = {"StartAt": "Inner", "States": {"Inner": {"Type": "Pass", "Output": "{% $nothing %}", "End": True}}}
    around = {"Branches": [inner]} if kind == "Parallel" else {"Items": [1], "ItemProcessor": inner}

    ended = cloud.run({"Around": {"Type": kind, **around, "End": True}})

    assert ended.cause.count("An error occurred while executing the state") == 1
    assert "executing the state 'Inner' (entered at" in ended.cause


@pytest.mark.parametrize("processor", [ONE_PASS, DISTRIBUTED_PASS])
@pytest.mark.parametrize("language", ["JSONPath", "JSONata"])
def test_should_fail_a_map_by_its_item_selector_once(cloud: Cloud, language: str, processor: dict[str, Any]) -> None:
    selector = {"a.$": "$.x"} if language == "JSONPath" else {"a": "{% $nothing %}"}
    state = {"Type": "Map", "ItemSelector": selector, "ItemProcessor": processor, "End": True}

    ended = cloud.run({"Map": state}, [1], QueryLanguage=language)

    assert ended.error == ("States.Runtime" if language == "JSONPath" else "States.QueryEvaluationError")
    assert "executing the state 'Map' (entered at the event id #2)" in ended.cause
    assert ended.types()[-2:] == ["MapStateFailed", "ExecutionFailed"]
    assert ended.types().count("EvaluationFailed") == (language == "JSONata")


def test_should_select_from_the_input_of_a_map_that_names_no_items(cloud: Cloud) -> None:
    selector = {"item": "{% $states.context.Map.Item.Value %}", "last": "{% $states.input[-1] %}"}
    state = {"Type": "Map", "ItemSelector": selector, "ItemProcessor": ONE_PASS, "End": True}

    assert cloud.run({"Map": state}, [1, 2]).output == [{"item": 1, "last": 2}, {"item": 2, "last": 2}]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ("{% 'soon' %}", "Expected 'number', but was 'string' for value: \"soon\""),
        ("{% 0.5 %}", "Seconds field cannot be parsed as an integer: 0.5"),
        ("{% -1 %}", "Seconds must be between 0 and 99999999 but was: -1"),
    ],
)
@pytest.mark.parametrize("field", ["Seconds", "TimeoutSeconds", "HeartbeatSeconds"])
def test_should_take_whole_seconds_only_of_an_expression(cloud: Cloud, field: str, seconds: str, said: str) -> None:
    resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    task = {"Type": "Task", "Resource": resource, "Arguments": {"QueueUrl": "https://q/q", "MessageBody": "any"}}
    state = {"Type": "Wait"} if field == "Seconds" else task

    ended = cloud.run({"State": {**state, field: seconds, "End": True}})

    assert ended.error == "States.QueryEvaluationError"
    assert said in ended.cause
    assert ended.types()[2:] == ["EvaluationFailed", "ExecutionFailed"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("MaxConcurrency", "{% -1 %}"),
        ("MaxConcurrency", "{% 'two' %}"),
        ("ToleratedFailureCount", "{% 1.5 %}"),
        ("ToleratedFailurePercentage", "{% 101 %}"),
    ],
)
def test_should_fail_a_map_on_a_number_that_its_field_does_not_take(cloud: Cloud, field: str, value: str) -> None:
    ended = cloud.run(
        {"Map": {"Type": "Map", "Items": [1], field: value, "ItemProcessor": DISTRIBUTED_PASS, "End": True}}
    )

    assert ended.error == "States.QueryEvaluationError"
    assert field in ended.cause
    assert ended.types()[-3:] == ["EvaluationFailed", "MapStateFailed", "ExecutionFailed"]


@pytest.mark.parametrize(
    ("fields", "given", "said"),
    [
        ({"TimeoutSecondsPath": "$.t"}, {"t": "5"}, "cannot be parsed as a long value: $.t == 5"),
        ({"TimeoutSecondsPath": "$.t"}, {"t": 0}, "references a value that isn't positive: $.t == 0"),
        ({"Credentials": {"RoleArn.$": "$.role"}}, {}, "'$.role' specified for the field 'RoleArn.$' could not be"),
    ],
)
def test_should_not_call_with_a_field_of_no_use(cloud: Cloud, fields: Any, given: Any, said: str) -> None:
    task = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111111111111:function:any", **fields, "End": True}

    ended = cloud.run({"Task": task}, given, QueryLanguage="JSONPath")

    assert ended.error == "States.Runtime"
    assert said in ended.cause
    assert ended.types() == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]


@pytest.mark.parametrize(("given", "path"), [("text", "$.a"), ({"a": "text"}, "$.a.b"), (None, "$.a")])
def test_should_not_drop_a_result_that_has_no_place_in_the_input(cloud: Cloud, given: Any, path: str) -> None:
    catch = [{"ErrorEquals": ["States.ResultPathMatchFailure"], "Next": "Caught"}]
    states: dict[str, Any] = {
        "Give": {"Type": "Pass", "InputPath": "$.given", "Next": "Task"},
        "Task": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets", "Parameters": {}, "End": True},
        "Caught": {"Type": "Pass", "Result": "caught", "End": True},
    }
    states["Task"] |= {"ResultPath": path, "Catch": catch}

    assert cloud.run(states, {"given": given}, QueryLanguage="JSONPath").output == "caught"


@pytest.mark.parametrize(("given", "after"), [({"x": 1}, {"x": 1, "a": {"b": 9}}), ({"a": {"b": 1}}, {"a": {"b": 9}})])
def test_should_place_a_result_where_the_path_says(cloud: Cloud, given: Any, after: Any) -> None:
    states = {"Pass": {"Type": "Pass", "Result": 9, "ResultPath": "$.a.b", "End": True}}

    assert cloud.run(states, given, QueryLanguage="JSONPath").output == after


@pytest.mark.parametrize(
    ("language", "fields", "error"),
    [
        ("JSONata", {"Error": "{% 1 %}"}, "States.QueryEvaluationError"),
        ("JSONata", {"Error": "E", "Cause": "{% {'a': 1} %}"}, "States.QueryEvaluationError"),
        ("JSONPath", {"ErrorPath": "$.number"}, "States.Runtime"),
        ("JSONPath", {"Error": "E", "CausePath": "$.number"}, "States.Runtime"),
    ],
)
def test_should_fail_with_a_string_only(cloud: Cloud, language: str, fields: dict[str, str], error: str) -> None:
    ended = cloud.run({"Fail": {"Type": "Fail", **fields}}, {"number": 1}, QueryLanguage=language)

    assert ended.error == error
    assert "string" in ended.cause
    assert ended.types()[-1] == "ExecutionFailed"
