import copy
import json
import re
import time
from typing import Any

import pytest

from constructs_lib.local.emulator.definitions.check import LONGEST_DEFINITION, check_definition
from constructs_lib.local.emulator.definitions.definition import InvalidDefinitionError, compile_definition
from tests.constructs_lib.local.emulator.conftest import ROOT

RECORDINGS = ROOT.parent / "shared" / "aws-recordings" / "cases.jsonl"
LAMBDA = "arn:aws:lambda:us-east-1:111111111111:function:work"
BEDROCK = "arn:aws:states:::bedrock:invokeModel"
PASS = {"Type": "Pass", "End": True}
TASK = {"Type": "Task", "Resource": LAMBDA, "End": True}
SQS = {"QueueUrl": "q", "MessageBody": "m"}
INNER = {"StartAt": "I", "States": {"I": PASS}}


def machine(*states: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """States A, B, C in this order, each going to the next unless it says where."""
    names = "ABCDE"[: len(states)]
    return {"StartAt": "A", "States": dict(zip(names, copy.deepcopy(states), strict=True)), **fields}


def problems(definition: Any, machine_type: str = "STANDARD") -> list[str]:
    text = definition if isinstance(definition, str) else json.dumps(definition)
    return [str(problem) for problem in check_definition(text, machine_type)]


def schema(message: str, location: str = "/States/A") -> str:
    return f"SCHEMA_VALIDATION_FAILED: {message} at {location}"


def choice(**rule: Any) -> dict[str, Any]:
    return machine({"Type": "Choice", "Choices": [{"Next": "B", **rule}]}, PASS)


def task(**fields: Any) -> dict[str, Any]:
    return machine({**TASK, **fields})


def sqs(suffix: str = "") -> dict[str, Any]:
    return task(Resource=f"arn:aws:states:::sqs:sendMessage{suffix}", Parameters=SQS)


ACCEPTED: dict[str, dict[str, Any]] = {
    "jsonata state in a jsonpath machine": machine({**PASS, "QueryLanguage": "JSONata", "Output": "{% 1 %}"}),
    "every top-level field": machine(PASS, Comment="c", Version="1.0", TimeoutSeconds=0, QueryLanguage="JSONPath"),
    "retrier with all fields": task(
        Retry=[
            {
                "ErrorEquals": ["A", "States.Timeout"],
                "IntervalSeconds": 1,
                "MaxAttempts": 0,
                "BackoffRate": 1.5,
                "MaxDelaySeconds": 31_622_400,
                "JitterStrategy": "FULL",
                "Comment": "c",
            },
            {"ErrorEquals": ["States.ALL"]},
        ]
    ),
    "no retriers": task(Retry=[], Catch=[]),
    "paths of every kind": machine(
        {
            **PASS,
            "InputPath": "$.a['b c'][0]..d[*]",
            "OutputPath": None,
            "ResultPath": "$.x.y",
            "Parameters": {
                "filter.$": "$.list[?(@.a[0] == 'x')].name",
                "slice.$": "$.list[1:3]",
                "context.$": "$$.Execution.Id",
                "variable.$": "$name.of[0]",
                "length.$": "$.list.length()",
                "intrinsic.$": "States.Format('{}-{}', $.a, States.UUID())",
                "nested": [{"deep.$": "$"}],
            },
        }
    ),
    "choice by condition": machine(
        {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.a > 1 %}", "Next": "B"}], "Default": "B"},
        PASS,
        QueryLanguage="JSONata",
    ),
    "nested choice": choice(
        Or=[{"Variable": "$.a", "IsPresent": True}, {"Not": {"Variable": "$$.b", "NumericEqualsPath": "$c"}}]
    ),
    "jsonata everywhere": machine(
        {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Arguments": "{% $states.input %}",
            "TimeoutSeconds": "{% $states.input.seconds %}",
            "HeartbeatSeconds": 5,
            "Credentials": {"RoleArn": "{% $role %}"},
            "Assign": {"straße": "{% $states.result.x %}"},
            "Output": {"items": ["{% $map([1], function($v) { $v + 1 }) %}"]},
            "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput.Cause %}", "Next": "B"}],
            "Next": "B",
        },
        {"Type": "Wait", "Timestamp": "{% $now() %}", "Next": "C"},
        {"Type": "Fail", "Error": "{% 'E' & $states.input.x %}", "Cause": "plain"},
        QueryLanguage="JSONata",
    ),
    "a next state, and an end that is none": machine({"Type": "Pass", "End": False, "Next": "B"}, PASS),
    "fail by intrinsic": machine({"Type": "Fail", "ErrorPath": "States.Format('{}', $.e)", "CausePath": "$.c"}),
    "a loop within a processor": machine(
        {
            "Type": "Map",
            "ItemProcessor": {
                "StartAt": "X",
                "States": {"X": {"Type": "Pass", "Next": "Y"}, "Y": {"Type": "Pass", "Next": "X"}},
            },
            "End": True,
        }
    ),
    "a processor without a mode": machine(
        {"Type": "Map", "ToleratedFailurePercentage": 5, "ItemProcessor": {"ProcessorConfig": {}, **INNER}, "End": True}
    ),
    "strings that are keywords of moto's grammar": {
        "Comment": "JSONata",
        "StartAt": "JSONPath",
        "States": {
            "JSONPath": {"Type": "Pass", "Parameters": {"ErrorPath": "CausePath", "Type": "JSONata"}, "Next": "E"},
            "E": {"Type": "Fail", "ErrorPath": "$.ErrorPath", "CausePath": "$.ErrorPath"},
        },
    },
    "an activity": task(Resource="arn:aws:states:us-east-1:111111111111:activity:by-hand", HeartbeatSeconds=3),
    "a request in an express machine": task(Resource="arn:aws:states:::sqs:sendMessage", Parameters=SQS),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_should_accept_what_aws_accepts(name: str) -> None:
    assert problems(ACCEPTED[name]) == []
    assert compile_definition(json.dumps(ACCEPTED[name])).query_language in ("JSONPath", "JSONata")


# AWS's sentences, from ValidateStateMachineDefinition and CreateStateMachine, and ours where AWS's aren't known.
REFUSED: list[tuple[str, Any, list[str]]] = [
    ("empty", "", ["SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at null"]),
    ("not an object", "[]", ["SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at null"]),
    ("nothing in it", {}, [schema("These fields are required: [States, StartAt]", "/")]),
    ("no start", {"States": {"A": PASS}}, [schema("These fields are required: [StartAt]", "/")]),
    ("typo in the machine", machine(PASS, Coment="c"), [schema("Field 'Coment' is not supported", "/")]),
    ("version", machine(PASS, Version="2.0"), [schema("Value should be one of the following: [1.0]", "/Version")]),
    ("typo in a state", task(Resorce="x"), [schema("Field 'Resorce' is not supported")]),
    ("no type", machine({"End": True}), [schema("These fields are required: [Type]")]),
    ("unknown type", machine({"Type": "Pas", "End": True}),
        [schema("Value should be one of the following: "
                "[Pass, Task, Wait, Choice, Succeed, Fail, Parallel, Map]", "/States/A/Type")]),
    ("retry on a wait", machine({"Type": "Wait", "Seconds": 1, "Retry": [], "End": True}),
        [schema("Field 'Retry' is not supported")]),
    ("neither next nor end", machine({"Type": "Pass"}),
        [schema("This object should have only one of the following fields: [Next, End]"),
         "MISSING_END_STATE: Workflow has no terminal state at null"]),
    ("next and end", machine({**PASS, "Next": "B"}, PASS),
        [schema("There should only be one of the following fields: [Next, End]")]),
    ("no resource", machine({"Type": "Task", "End": True}), [schema("These fields are required: [Resource]")]),
    ("wait for nothing", machine({"Type": "Wait", "End": True}),
        [schema("This object should have only one of the following fields: "
                "[SecondsPath, Seconds, TimestampPath, Timestamp]")]),
    ("wait for two", machine({"Type": "Wait", "Seconds": 1, "SecondsPath": "$.s", "End": True}),
        [schema("There should only be one of the following fields: "
                "[SecondsPath, Seconds, TimestampPath, Timestamp]")]),
    ("time without a zone", machine({"Type": "Wait", "Timestamp": "2030-01-01T00:00:00", "End": True}),
        [schema("String does not match RFC3339 timestamp", "/States/A/Timestamp")]),
    ("a value and its path", task(TimeoutSeconds=5, TimeoutSecondsPath="$.t"),
        [schema("There should only be one of the following fields: [TimeoutSeconds, TimeoutSecondsPath]")]),
    ("too short a timeout", task(TimeoutSeconds=0), [schema("Minimum value is 1", "/States/A/TimeoutSeconds")]),
    ("too long a timeout", task(TimeoutSeconds=100_000_000),
        [schema("Maximum value is 99999999", "/States/A/TimeoutSeconds")]),
    ("a timeout in words", task(TimeoutSeconds="5"),
        [schema("Expected value of type Integer", "/States/A/TimeoutSeconds")]),
    ("a heartbeat as long as the timeout", task(TimeoutSeconds=5, HeartbeatSeconds=5),
        [schema("HeartbeatSeconds must be smaller than TimeoutSeconds, 5", "/States/A/HeartbeatSeconds")]),
    ("fail twice", machine({"Type": "Fail", "Error": "E", "ErrorPath": "$.e"}),
        [schema("There should only be one of the following fields: [Error, ErrorPath]")]),
    ("credentials without a role", task(Credentials={}),
        [schema("The field 'RoleArn' is required but was missing", "/States/A/Credentials")]),
    ("credentials in one expression", machine({**TASK, "Credentials": "{% $role %}"}, QueryLanguage="JSONata"),
        [schema("Expected value of type Object", "/States/A/Credentials")]),
    ("credentials of an activity", task(
        Resource="arn:aws:states:us-east-1:111111111111:activity:a", Credentials={"RoleArn": "r"}),
        [schema("The field 'Credentials' is not supported for activities", "/States/A/Credentials")]),
    ("nothing to send", task(Resource="arn:aws:states:::sqs:sendMessage"),
        [schema("Parameters field is required for resource ARN: arn:aws:states:::sqs:sendMessage")]),
    ("no queue", task(Resource="arn:aws:states:::sqs:sendMessage", Parameters={"MessageBody.$": "$.m"}),
        [schema("The field 'QueueUrl' is required but was missing", "/States/A/Parameters")]),
    ("a prompt in S3", task(Resource=BEDROCK, Parameters={"ModelId": "m", "Input": {"S3Uri.$": "$.uri"}}),
        [schema(f"the local cloud doesn't run Input of {BEDROCK}", "/States/A/Parameters")]),
    ("parameters that are no object", machine({**PASS, "Parameters": ["x"]}),
        [schema("the local cloud runs an object here, no other JSON", "/States/A/Parameters")]),
    ("arguments that are no object", machine({**TASK, "Arguments": "x"}, QueryLanguage="JSONata"),
        [schema("Expected value of type Object", "/States/A/Arguments")]),
    # Retry and Catch
    ("no interval", task(Retry=[{"ErrorEquals": ["E"], "IntervalSeconds": 0}]),
        [schema("the local cloud runs an interval of 1 second or more", "/States/A/Retry[0]/IntervalSeconds")]),
    ("no error named", task(Retry=[{"ErrorEquals": []}]),
        [schema("Value cannot be empty", "/States/A/Retry[0]/ErrorEquals")]),
    ("all errors and another", task(Retry=[{"ErrorEquals": ["States.ALL", "E"]}]),
        [schema("States.ALL must appear alone and at end of list", "/States/A/Retry[0]/ErrorEquals")]),
    ("all errors too early", task(Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}]),
        [schema("States.ALL must appear alone and at end of list", "/States/A/Retry[0]/ErrorEquals")]),
    ("retrier out of range", task(Retry=[{
        "ErrorEquals": ["E"], "MaxAttempts": -1, "BackoffRate": 0.5, "MaxDelaySeconds": 0, "JitterStrategy": "SOME"}]),
        [schema("Minimum value is 0", "/States/A/Retry[0]/MaxAttempts"),
         schema("Minimum value is 1", "/States/A/Retry[0]/BackoffRate"),
         schema("Minimum value is 1", "/States/A/Retry[0]/MaxDelaySeconds"),
         schema("Value should be one of the following: [NONE, FULL]", "/States/A/Retry[0]/JitterStrategy")]),
    ("an error that is none of the states'", task(Retry=[{"ErrorEquals": ["States.TimeOut"]}]),
        [schema("the local cloud doesn't run States.TimeOut; with this prefix it runs States.ALL, "
                "States.BranchFailed, States.DataLimitExceeded, States.ExceedToleratedFailureThreshold, "
                "States.HeartbeatTimeout, States.IntrinsicFailure, States.ItemReaderFailed, States.NoChoiceMatched, "
                "States.ParameterPathFailure, States.Permissions, States.QueryEvaluationError, "
                "States.ResultPathMatchFailure, States.ResultWriterFailed, States.Runtime, States.TaskFailed, "
                "States.Timeout", "/States/A/Retry[0]/ErrorEquals[0]")]),
    ("catch to nowhere", task(Catch=[{"ErrorEquals": ["E"]}]),
        [schema("These fields are required: [Next]", "/States/A/Catch[0]")]),
    # Choice
    ("no choices", machine({"Type": "Choice", "Choices": [], "Default": "B"}, PASS),
        [schema("Value cannot be empty", "/States/A/Choices")]),
    ("two operators", choice(Variable="$.a", StringEquals="x", NumericEquals=1),
        [schema("There should only be one of the following fields: [StringEquals, NumericEquals]",
                "/States/A/Choices[0]")]),
    ("a variable and an and", choice(Variable="$.a", IsNull=True, And=[{"Variable": "$.b", "IsNull": True}]),
        [schema("The object must have only one of the following fields, [And, Or, Not, Variable, Condition]",
                "/States/A/Choices[0]")]),
    ("wrong operand", choice(Variable="$.a", NumericEquals="1"),
        [schema("Expected value of type Number", "/States/A/Choices[0]/NumericEquals")]),
    ("a nested next", choice(Not={"Variable": "$.a", "IsNull": True, "Next": "B"}),
        [schema("Field 'Next' is not supported", "/States/A/Choices[0]/Not")]),
    ("a variable that is none", choice(Variable="States.ArrayLength($.a)", NumericEquals=0),
        [schema("Value is not a Reference Path: Reference path didn't start with '$'",
                "/States/A/Choices[0]/Variable")]),
    # Query languages
    ("unknown language", machine(PASS, QueryLanguage="jsonata"),
        [schema("Value should be one of the following: [JSONPath, JSONata]", "/QueryLanguage")]),
    ("a language that is a number", machine(PASS, QueryLanguage=5),
        [schema("Expected value of type [STRING]", "/QueryLanguage")]),
    ("back to jsonpath", machine({**PASS, "QueryLanguage": "JSONPath", "Output": 1}, QueryLanguage="JSONata"),
        [schema("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")]),
    ("jsonpath in jsonata", machine({**PASS, "InputPath": "$.a"}, QueryLanguage="JSONata"),
        [schema("The QueryLanguage is set to 'JSONata', but field 'InputPath' is only supported "
                "for the 'JSONPath' QueryLanguage")]),
    ("jsonata in jsonpath", task(Arguments={}),
        [schema("The QueryLanguage is set to 'JSONPath', but field 'Arguments' is only supported "
                "for the 'JSONata' QueryLanguage")]),
    ("a condition in jsonpath", choice(Condition="{% true %}"),
        [schema("The QueryLanguage is set to 'JSONPath', but field 'Condition' is only supported "
                "for the 'JSONata' QueryLanguage", "/States/A/Choices[0]")]),
    ("a branch's language is the machine's", machine(
        {"Type": "Parallel", "QueryLanguage": "JSONata", "End": True,
         "Branches": [{"StartAt": "I", "States": {"I": {**PASS, "Output": 1}}}]}),
        [schema("The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported "
                "for the 'JSONata' QueryLanguage", "/States/A/Branches[0]/States/I")]),
    ("a branch has no language", machine(
        {"Type": "Parallel", "Branches": [{**INNER, "QueryLanguage": "JSONata"}], "End": True}),
        [schema("Field 'QueryLanguage' is not supported", "/States/A/Branches[0]")]),
    # Expressions
    ("an expression that ends early", machine({**PASS, "Output": "{% 1 + %}"}, QueryLanguage="JSONata"),
        ["INVALID_JSONATA_EXPRESSION: Unexpected end of expression at /States/A/Output"]),
    ("an expression without its end", machine({**PASS, "Output": {"a": "{% 1"}}, QueryLanguage="JSONata"),
        [schema("JSONata string must start with {% and end with %}", "/States/A/Output/a")]),
    ("a name", machine({**PASS, "Output": {"v": "{% phone %}"}}, QueryLanguage="JSONata"),
        [("UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'phone' at the top level is not supported. "
         "at /States/A/Output/v")]),
    ("an error where there is none", machine({**PASS, "Output": "{% $states.errorOutput %}"}, QueryLanguage="JSONata"),
        ["UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.errorOutput' does not exist. at /States/A/Output"]),
    ("a path that is none", machine({**PASS, "InputPath": "a.b"}),
        [schema("Value must be a valid JSONPath.", "/States/A/InputPath")]),
    ("a result everywhere", machine({**PASS, "ResultPath": "$.a[*]"}),
        [schema("Value is not a Reference Path", "/States/A/ResultPath")]),
    ("a result in the context", machine({**PASS, "ResultPath": "$$.a"}),
        [schema("Value is not a Reference Path into the input, such as $.result", "/States/A/ResultPath")]),
    ("a result in a variable", machine({**PASS, "ResultPath": "$a.b"}),
        [schema("Value is not a Reference Path into the input, such as $.result", "/States/A/ResultPath")]),
    ("a template's path", machine({**PASS, "Parameters": {"a": {"b.$": "x"}}}),
        [schema("The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call",
                "/States/A/Parameters/a")]),
    ("an unknown intrinsic", machine({**PASS, "Parameters": {"b.$": "States.Sort($.a)"}}),
        [schema("The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call",
                "/States/A/Parameters")]),
    ("reserved variable", machine({**PASS, "Assign": {"states": 1}}),
        ["RESERVED_VARIABLE_NAME: Cannot assign to reserved variable '$states'. at /States/A/Assign/states"]),
    ("a variable's name", machine({**PASS, "Assign": {"a-b": 1}}),
        [("INVALID_VARIABLE_NAME: Invalid variable name 'a-b': the variable name contains invalid characters. "
         "at /States/A/Assign/a-b")]),
    # Ways
    ("no such start", machine(PASS, StartAt="Nope"),
        ["MISSING_TRANSITION_TARGET: Missing 'Next' target: Nope at /StartAt",
         'MISSING_TRANSITION_TARGET: State "A" is not reachable. at /States/A']),
    ("no such next", machine({"Type": "Pass", "Next": "Nope"}),
        ["MISSING_TRANSITION_TARGET: Missing 'Next' target: Nope at /States/A/Next",
         "MISSING_END_STATE: Workflow has no terminal state at null"]),
    ("no such choice, default and catch", machine(
        {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "X"}], "Default": "Y"},
        {**TASK, "Catch": [{"ErrorEquals": ["E"], "Next": "Z"}]}, StartAt="B"),
        ["MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/A/Choices[0]/Next",
         "MISSING_TRANSITION_TARGET: Missing 'Next' target: Y at /States/A/Default",
         "MISSING_TRANSITION_TARGET: Missing 'Next' target: Z at /States/B/Catch[0]/Next",
         'MISSING_TRANSITION_TARGET: State "A" is not reachable. at /States/A']),
    ("unreachable loop", machine(PASS, {"Type": "Pass", "Next": "C"}, {"Type": "Pass", "Next": "B"}),
        ['MISSING_TRANSITION_TARGET: State "B" is not reachable. at /States/B',
         'MISSING_TRANSITION_TARGET: State "C" is not reachable. at /States/C']),
    ("out of a branch", machine(
        {"Type": "Parallel", "Branches": [{"StartAt": "I", "States": {"I": {"Type": "Pass", "Next": "B"}}}],
         "Next": "B"}, PASS),
        ["MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Branches[0]/States/I/Next"]),
    ("unreachable in a processor", machine(
        {"Type": "Map", "ItemProcessor": {"StartAt": "I", "States": {"I": PASS, "J": PASS}}, "End": True}),
        ['MISSING_TRANSITION_TARGET: State "J" is not reachable. at /States/A/ItemProcessor/States/J']),
    ("never ends", machine({"Type": "Pass", "Next": "B"}, {"Type": "Pass", "Next": "A"}),
        ["MISSING_END_STATE: Workflow has no terminal state at null"]),
    ("a name twice", machine({"Type": "Parallel", "Branches": [INNER, INNER], "End": True}),
        ["DUPLICATE_STATE_NAME: Duplicate State name: I at /States/A/Branches[1]/States/I"]),
    ("a long name", {"StartAt": "n" * 81, "States": {"n" * 81: PASS}},
        [(f"INVALID_STATE_NAME: Invalid State name: {'n' * 81} exceeds the 80-character limit allowed by the service "
         f"at /States/{'n' * 81}")]),
    ("no branches", machine({"Type": "Parallel", "Branches": [], "End": True}),
        [schema("Value cannot be empty", "/States/A/Branches")]),
    ("no processor", machine({"Type": "Map", "End": True}),
        [schema("This object should have only one of the following fields: [ItemProcessor, Iterator]")]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "definition", "expected"), REFUSED, ids=[name for name, *_ in REFUSED])
def test_should_refuse_what_aws_refuses(name: str, definition: Any, expected: list[str]) -> None:
    assert problems(definition) == expected


EXPRESS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("a token", sqs(".waitForTaskToken"),
        [schema("Express state machine does not support '.waitForTaskToken' service integration ",
                "/States/A/Resource")]),
    ("a job", task(Resource="arn:aws:states:::states:startExecution.sync:2", Parameters={"StateMachineArn": "m"}),
        [schema("Express state machine does not support '.sync' service integration", "/States/A/Resource")]),
    ("an activity", task(Resource="arn:aws:states:us-east-1:111111111111:activity:a"),
        [schema("Express state machine does not support Activity ARN", "/States/A/Resource")]),
    ("a distributed map", machine({
        "Type": "Map", "End": True,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, **INNER}}),
        [schema("The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines",
                "/States/A/ItemProcessor/ProcessorConfig/Mode")]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "definition", "expected"), EXPRESS, ids=[name for name, *_ in EXPRESS])
def test_should_refuse_in_an_express_machine_what_only_a_standard_one_does(
    name: str, definition: dict[str, Any], expected: list[str]
) -> None:
    assert problems(definition) == []
    assert problems(definition, "EXPRESS") == expected


def test_should_treat_the_children_of_a_map_as_the_express_executions_that_they_are() -> None:
    child = {"StartAt": "I", "States": {"I": sqs(".waitForTaskToken")["States"]["A"]}}
    for execution_type, expected in (("STANDARD", 0), ("EXPRESS", 1)):
        config = {"Mode": "DISTRIBUTED", "ExecutionType": execution_type}
        state = {"Type": "Map", "ItemProcessor": {"ProcessorConfig": config, **child}, "End": True}
        assert len(problems(machine(state))) == expected


def test_should_say_where_a_text_stops_being_json() -> None:
    (problem,) = check_definition('{"StartAt": A}')

    assert (problem.code, problem.message) == ("INVALID_JSON_DESCRIPTION", "Expecting value")
    assert problem.location == "[Source: (String); line: 1, column: 13]"


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_should_refuse_what_is_no_number_in_json(number: str) -> None:
    (problem,) = check_definition(f'{{"StartAt": "A", "States": {{"A": {{"Type": "Pass", "Result": {number}}}}}}}')

    assert (problem.code, problem.message) == ("INVALID_JSON_DESCRIPTION", f"{number} isn't a finite number")


def test_should_refuse_more_than_a_mebibyte() -> None:
    (problem,) = check_definition(" " * (LONGEST_DEFINITION + 1))

    assert problem.message == "The definition has 1048577 characters, at most 1048576 are allowed"


def test_should_tell_all_problems_in_aws_form() -> None:
    definition = machine({**PASS, "Sorted": True}, {"Type": "Wait", "Seconds": -1, "End": True})
    with pytest.raises(InvalidDefinitionError) as refused:
        compile_definition(json.dumps(definition))

    assert str(refused.value) == (
        "Invalid State Machine Definition: "
        "'SCHEMA_VALIDATION_FAILED: Field 'Sorted' is not supported at /States/A, "
        "SCHEMA_VALIDATION_FAILED: Minimum value is 0 at /States/B/Seconds, "
        'MISSING_TRANSITION_TARGET: State "B" is not reachable. at /States/B\''
    )
    assert [problem.location for problem in refused.value.problems] == ["/States/A", "/States/B/Seconds", "/States/B"]


def test_should_compile_an_express_machine_by_its_type() -> None:
    text = json.dumps(sqs(".waitForTaskToken"))

    assert compile_definition(text).query_language == "JSONPath"
    with pytest.raises(InvalidDefinitionError, match=re.escape("'.waitForTaskToken' service integration")):
        compile_definition(text, "EXPRESS")


def test_should_check_a_hundred_states_in_no_time() -> None:
    states = {
        f"S{number}": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": "work", "Payload": f"{{% $states.input.items[{number}] %}}"},
            "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 3}],
            **({"Next": f"S{number + 1}"} if number < 99 else {"End": True}),
        }
        for number in range(100)
    }
    definition = {"QueryLanguage": "JSONata", "StartAt": "S0", "States": states}
    assert problems(definition) == []
    # The expressions are parsed once each; the text isn't the one above, whose result is kept.
    again = json.dumps({**definition, "Comment": "again"})
    started = time.perf_counter()
    assert check_definition(again) == ()

    # Some 8 ms here; the machine may be busy.
    assert time.perf_counter() - started < 0.1


@pytest.mark.skipif(not RECORDINGS.is_file(), reason="the recordings of AWS aren't beside the project")
def test_should_accept_every_definition_that_aws_ran() -> None:
    cases = [json.loads(line) for line in RECORDINGS.read_text().splitlines()]
    refused = {case["id"]: found for case in cases if (found := problems(case["definition"], case["type"]))}

    assert refused == {}
    assert len(cases) > 200
