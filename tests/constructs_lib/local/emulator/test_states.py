"""States, tasks, errors and timeouts on the running emulator."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.constructs_lib.local.emulator.conftest import Cloud

pytestmark = pytest.mark.local

PASS = {"Type": "Pass", "End": True}


def invoke(function: str, **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload %}",
        "End": True,
        **more,
    }


@pytest.fixture(scope="module")
def failing(cloud: Cloud) -> str:
    """A function that does what its input asks for."""
    return cloud.function(
        """
import os, sys, time

class TransientS3Error(Exception):
    pass

count = 0

def handler(event, context):
    global count
    count += 1
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if event.get("exit"):
        os._exit(event["exit"])
    if event.get("unserialisable"):
        return {1, 2}
    if count <= event.get("fail_times", 0):
        raise TransientS3Error("slow down")
    done, count = count, 0
    return {"calls": done}
""",
        Timeout=3,
    )


def test_should_choose_and_assign_in_jsonata(cloud: Cloud) -> None:
    states = {
        "Check": {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": "{% $exists($states.input.unit) and $states.input.unit in ['mph', 'knots'] %}",
                    "Assign": {"unit": "{% $states.input.unit %}"},
                    "Next": "Prepare",
                }
            ],
            "Default": "UnknownUnit",
        },
        "Prepare": {
            "Type": "Pass",
            "Assign": {"factor": "{% $lookup({'mph': 1.150779, 'knots': 1}, $unit) %}", "quote": 'a "b" \\ c'},
            "Next": "Done",
        },
        "Done": {"Type": "Succeed", "Output": "{% {'unit': $unit, 'factor': $factor, 'quote': $quote} %}"},
        "UnknownUnit": {
            "Type": "Fail",
            "Error": "UnknownUnit",
            "Cause": "{% 'unit ' & $string($states.input.unit) & ' is not one of knots, mph' %}",
        },
    }

    good = cloud.run(states, {"unit": "mph"})
    assert (good.status, good.output) == ("SUCCEEDED", {"unit": "mph", "factor": 1.150779, "quote": 'a "b" \\ c'})
    bad = cloud.run(states, {"unit": "furlongs"})
    assert (bad.status, bad.error, bad.cause) == ("FAILED", "UnknownUnit", "unit furlongs is not one of knots, mph")


def test_should_tell_null_from_nothing(cloud: Cloud) -> None:
    kept = cloud.run({"A": {**PASS, "Output": {"value": "{% $states.input.value %}"}}}, {"value": None})
    assert kept.output == {"value": None}

    missing = cloud.run({"A": {**PASS, "Output": {"value": "{% $states.input.other %}"}}}, {"value": None})
    assert (missing.status, missing.error) == ("FAILED", "States.QueryEvaluationError")


def test_should_fail_on_an_expression_that_cannot_be_evaluated(cloud: Cloud) -> None:
    ended = cloud.run({"A": {**PASS, "Output": "{% $states.input.text + 1 %}"}}, {"text": "a"})

    assert (ended.status, ended.error) == ("FAILED", "States.QueryEvaluationError")
    assert "$states.input.text + 1" in ended.cause


@pytest.mark.parametrize(
    ("state", "location", "said"),
    [
        ({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "{% $none %}"}},
         "Arguments/FunctionName", "returned nothing (undefined)."),
        ({"Type": "Pass", "Assign": {"x": [1, "{% $states.input.none %}"]}}, "Assign/x[1]", "returned nothing"),
        ({"Type": "Pass", "Output": "{% $sum %}"}, "Output", "returned an unsupported result type."),
        ({"Type": "Wait", "Timestamp": "{% 'soon' %}"}, "Timestamp", "cannot be parsed as an ISO-8601"),
    ],
    ids=lambda value: value["Type"] if isinstance(value, dict) else "",
)  # fmt: skip
def test_should_say_once_where_an_expression_failed(
    cloud: Cloud, state: dict[str, Any], location: str, said: str
) -> None:
    ended = cloud.run({"A": {**state, "End": True}})

    failed = [event["evaluationFailedEventDetails"] for event in ended.events if event["type"] == "EvaluationFailed"]
    assert [(event["state"], event["location"], event["error"]) for event in failed] == [
        ("A", location, "States.QueryEvaluationError")
    ]
    assert said in failed[0]["cause"]
    assert ended.cause == failed[0]["cause"]
    assert ended.cause.startswith("An error occurred while executing the state 'A' (entered at the event id #2). The ")
    assert f"field '{location}'" in ended.cause or location == "Timestamp"


def test_should_read_a_definition_as_if_it_were_the_first(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="InvalidDefinition"):
        cloud.machine({"A": {**PASS, "QueryLanguage": "JSONPath"}})

    ended = cloud.run({"A": {**PASS, "InputPath": "$.a"}}, {"a": 1}, QueryLanguage="JSONPath")

    assert ended.output == 1


def test_should_let_an_expression_refer_to_its_context(cloud: Cloud) -> None:
    ended = cloud.run(
        {
            "A": {
                **PASS,
                "Output": {
                    "predicate": "{% $keys($states.input)[$not($ in ['a', 'c'])] %}",
                    "step": "{% $states.input.b.($ * 2) %}",
                    "object": "{% $states.input.b.{'each': $, 'all': $sum($states.input.b[$ > 1])} %}",
                    "body": "{% $map($states.input.b, function($n) { $n[$ > 2] }) %}",
                    "sorted": "{% $states.input.b^(>$) %}",
                },
            }
        },
        {"a": 1, "b": [1, 2, 3], "c": 4},
    )

    assert ended.output == {
        "predicate": "b",
        "step": [2, 4, 6],
        "object": [{"each": n, "all": 5} for n in (1, 2, 3)],
        "body": 3,
        "sorted": [3, 2, 1],
    }


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("$", "Reference to '$' is not supported."),
        ("$.total", "Reference to '$' is not supported."),
        ("$string($)", "Reference to '$' is not supported."),
        ("{'total': $}", "Reference to '$' is not supported."),
        ("$$", "Reference to '$$' is not supported."),
        ("$states.input[$$.total > 1]", "Reference to '$$' is not supported."),
        ("$states.input +", "Unexpected end of expression"),
    ],
)
def test_should_refuse_an_expression_that_has_no_input_to_refer_to(cloud: Cloud, expression: str, said: str) -> None:
    with pytest.raises(ClientError, match="InvalidDefinition") as refused:
        cloud.machine({"A": {**PASS, "Output": {"value": f"{{% {expression} %}}"}}})

    assert f"{said} at /States/A/Output/value" in str(refused.value)


def test_should_see_the_variables_between_two_divisions(cloud: Cloud) -> None:
    states = {
        "A": {"Type": "Pass", "Assign": {"n": 10}, "Next": "B"},
        "B": {**PASS, "Output": "{% $n / 5 + $states.input.a / 2 %}"},
    }

    assert cloud.run(states, {"a": 6}).output == 5


def test_should_have_step_functions_own_jsonata_functions(cloud: Cloud) -> None:
    ended = cloud.run(
        {
            "A": {
                **PASS,
                "Output": {
                    "parts": "{% $partition([1..5], 2) %}",
                    "range": "{% $range(0, 10, 5) %}",
                    "hash": "{% $hash('a', 'SHA-256') %}",
                    "parsed": "{% $parse('{\"a\":1}') %}",
                    "uuid": "{% $length($uuid()) %}",
                },
            }
        }
    )

    assert ended.output == {
        "parts": [[1, 2], [3, 4], [5]],
        "range": [0, 5, 10],
        "hash": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        "parsed": {"a": 1},
        "uuid": 36,
    }


def test_should_run_jsonpath_with_variables_and_intrinsics(cloud: Cloud) -> None:
    ended = cloud.run(
        {
            "A": {"Type": "Pass", "Assign": {"x.$": "$.n"}, "Next": "B"},
            "B": {
                "Type": "Pass",
                "Parameters": {"sum.$": "States.MathAdd($x, 1)", "in.$": "$$.Execution.Input.n"},
                "End": True,
            },
        },
        {"n": 4},
        QueryLanguage="JSONPath",
    )

    assert ended.output == {"sum": 5, "in": 4}


def test_should_run_a_handler_in_a_package_under_its_own_environment(cloud: Cloud) -> None:
    function = cloud.function(
        """
import os, sys, logging
from . import other
log = logging.getLogger(__name__)
log.setLevel("INFO")

def handler(event, context):
    print("printed")
    log.info("logged", extra={"objects": 3})
    return {
        "input": event,
        "environment": sorted(os.environ),
        "endpoint": os.environ["AWS_ENDPOINT_URL"],
        "mine": os.environ["MINE"],
        "name": context.function_name,
        "left": context.get_remaining_time_in_millis(),
        "path": sys.path[0] == os.environ["LAMBDA_TASK_ROOT"] == os.getcwd(),
        "other": other.__name__,
    }
""".replace("from . import other", "import jobs as other"),
        Environment={"Variables": {"MINE": "yes"}},
        LoggingConfig={"LogFormat": "JSON"},
    )

    ended = cloud.run({"Work": invoke(function)}, {"a": [1, "é", None]})

    assert ended.status == "SUCCEEDED", ended.cause
    assert ended.output["input"] == {"a": [1, "é", None]}
    assert ended.output["endpoint"] == f"https://127.0.0.1:{cloud.port}"
    assert ended.output["mine"] == "yes"
    assert ended.output["path"] is True
    assert 0 < ended.output["left"] <= 30000
    assert {"HOME", "USER", "GATEWAY_PORT", "LOCAL_AWS_FOLDER", "DOCKER_HOST"}.isdisjoint(ended.output["environment"])
    name = ended.output["name"]
    events = cloud.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    messages = [event["message"] for event in events]
    assert "printed" in messages
    (line,) = [json.loads(message) for message in messages if message.startswith("{")]
    assert (line["level"], line["message"], line["objects"]) == ("INFO", "logged", 3)


def test_should_catch_a_handlers_error_by_its_class(cloud: Cloud, failing: str) -> None:
    caught = {"ErrorEquals": ["TransientS3Error"], "Output": "{% $states.errorOutput %}", "Next": "Caught"}
    ended = cloud.run({"Work": invoke(failing, Catch=[caught]), "Caught": PASS}, {"fail_times": 9})

    assert ended.output["Error"] == "TransientS3Error"
    cause = json.loads(ended.output["Cause"])
    assert (cause["errorType"], cause["errorMessage"]) == ("TransientS3Error", "slow down")
    assert cause["stackTrace"][0].startswith('  File "/var/task/jobs/work.py", line 19, in handler\n')


def test_should_keep_the_execution_environment_after_an_error(cloud: Cloud) -> None:
    function = cloud.function(
        """
calls = 0
def handler(event, context):
    global calls
    calls += 1
    if calls < 3:
        raise ValueError(calls)
    return calls
"""
    )
    retry = {"ErrorEquals": ["ValueError"], "MaxAttempts": 2, "IntervalSeconds": 1, "BackoffRate": 1}
    ended = cloud.run({"Work": invoke(function, Retry=[retry])})

    assert ended.output == 3
    assert ended.types().count("TaskFailed") == 2


def test_should_hold_a_retrys_wait_under_max_delay_with_jitter(cloud: Cloud, failing: str) -> None:
    retry = {
        "ErrorEquals": ["TransientS3Error"],
        "MaxAttempts": 3,
        "IntervalSeconds": 60,
        "BackoffRate": 10,
        "MaxDelaySeconds": 1,
        "JitterStrategy": "FULL",
    }
    started = time.monotonic()
    ended = cloud.run({"Work": invoke(failing, Retry=[retry])}, {"fail_times": 3})

    assert ended.output == {"calls": 4}
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("behaviour", "error", "cause"),
    [
        ({"sleep": 30}, "Sandbox.Timedout", "Task timed out after 3.00 seconds"),
        ({"exit": 3}, "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ({"unserialisable": True}, "Runtime.MarshalError", "Unable to marshal response"),
    ],
)
def test_should_name_what_went_wrong_in_a_worker_as_lambda_does(
    cloud: Cloud, failing: str, behaviour: dict[str, Any], error: str, cause: str
) -> None:
    ended = cloud.run({"Work": invoke(failing)}, behaviour)

    assert (ended.status, ended.error) == ("FAILED", error)
    assert cause in ended.cause


@pytest.mark.parametrize(
    ("code", "handler", "error"),
    [
        ("import nowhere", "jobs.work.handler", "Runtime.ImportModuleError"),
        ("x = 1", "jobs.work.handler", "Runtime.HandlerNotFound"),
        ("raise KeyError('at import')", "jobs.work.handler", "KeyError"),
        ("def broken(", "jobs.work.handler", "Runtime.UserCodeSyntaxError"),
    ],
)
def test_should_name_why_a_handler_cannot_be_loaded(cloud: Cloud, code: str, handler: str, error: str) -> None:
    ended = cloud.run({"Work": invoke(cloud.function(code, handler=handler))})

    assert (ended.status, ended.error) == ("FAILED", error)


def test_should_report_a_throttled_invocation(cloud: Cloud) -> None:
    function = cloud.function("def handler(event, context): return 1")
    cloud.client("lambda").put_function_concurrency(
        FunctionName=function.rpartition(":")[2], ReservedConcurrentExecutions=0
    )
    ended = cloud.run({"Work": invoke(function)})

    assert (ended.status, ended.error) == ("FAILED", "Lambda.TooManyRequestsException")


def test_should_report_a_function_that_does_not_exist(cloud: Cloud) -> None:
    ended = cloud.run({"Work": invoke("nobody")})

    assert (ended.status, ended.error) == ("FAILED", "Lambda.ResourceNotFoundException")


def test_should_time_a_task_out(cloud: Cloud, failing: str) -> None:
    caught = {"ErrorEquals": ["States.Timeout"], "Output": "late", "Next": "Late"}
    started = time.monotonic()
    ended = cloud.run({"Work": invoke(failing, TimeoutSeconds=1, Catch=[caught]), "Late": PASS}, {"sleep": 2})

    assert ended.output == "late"
    assert time.monotonic() - started < 2
    assert "TaskTimedOut" in ended.types()


def test_should_time_a_machine_out(cloud: Cloud, failing: str) -> None:
    ended = cloud.run({"Work": invoke(failing)}, {"sleep": 2}, TimeoutSeconds=1)

    assert (ended.status, ended.error) == ("TIMED_OUT", "States.Timeout")
    assert ended.types()[-1] == "ExecutionTimedOut"


def test_should_stop_an_execution_at_once_even_while_it_waits_for_a_retry(cloud: Cloud, failing: str) -> None:
    retry = {"ErrorEquals": ["States.ALL"], "MaxAttempts": 3, "IntervalSeconds": 60}
    arn = cloud.start(cloud.machine({"Work": invoke(failing, Retry=[retry])}), {"fail_times": 9})
    states = cloud.client("stepfunctions")
    deadline = time.monotonic() + 20
    while "TaskFailed" not in [event["type"] for event in states.get_execution_history(executionArn=arn)["events"]]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    states.stop_execution(executionArn=arn, error="Enough", cause="said so")

    ended = cloud.wait(arn, 2)
    assert (ended.status, ended.error, ended.cause) == ("ABORTED", "Enough", "said so")
    assert ended.types()[-1] == "ExecutionAborted"


def test_should_run_two_invocations_of_a_function_at_the_same_time(cloud: Cloud) -> None:
    function = cloud.function("import time\ndef handler(event, context):\n    time.sleep(1.5)\n    return event")
    branches = [{"StartAt": name, "States": {name: invoke(function)}} for name in ("First", "Second", "Third")]
    both = {"Type": "Parallel", "Branches": branches, "End": True}
    machine = cloud.machine({"Both": both})
    cloud.wait(cloud.start(machine))
    started = time.monotonic()
    ended = cloud.wait(cloud.start(machine))

    assert ended.status == "SUCCEEDED"
    assert time.monotonic() - started < 4


def test_should_fail_for_want_of_a_permission_to_invoke(cloud: Cloud) -> None:
    function = cloud.function("def handler(event, context): return 1")
    role = cloud.role("states", {"Effect": "Allow", "Action": "lambda:Get*", "Resource": "*"})
    ended = cloud.run({"Work": invoke(function)}, role=role)

    # Lambda's Invoke doesn't declare AccessDeniedException: Step Functions then says AWSLambdaException.
    assert (ended.status, ended.error) == ("FAILED", "Lambda.AWSLambdaException")
    assert "is not authorized to perform: lambda:InvokeFunction" in ended.cause
    assert "Error Code: AccessDeniedException" in ended.cause


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("{", "Expecting property name"),
        ('{"StartAt": "A", "States": {"A": {"Type": "Pas"}}}', "Value should be one of the following"),
        (
            json.dumps({"StartAt": "A", "States": {"A": {"Type": "Map", "Sorted": True, "End": True}}}),
            "Field 'Sorted' is not supported",
        ),
    ],
)
def test_should_refuse_a_definition_that_cannot_run(cloud: Cloud, definition: str, message: str) -> None:
    states = cloud.client("stepfunctions")
    with pytest.raises(ClientError, match=message) as refusal:
        states.create_state_machine(name="refused", roleArn=cloud.role("states"), definition=definition)

    assert refusal.value.response["Error"]["Code"] == "InvalidDefinition"
    machine = cloud.machine({"A": PASS})
    with pytest.raises(ClientError, match=message):
        states.update_state_machine(stateMachineArn=machine, definition=definition)
    validated = states.validate_state_machine_definition(definition=definition)
    assert validated["result"] == "FAIL"
    assert message in validated["diagnostics"][0]["message"]


def test_should_list_every_problem_of_a_definition(cloud: Cloud) -> None:
    definition = {"StartAt": "A", "States": {"A": {**PASS, "Nxt": "B"}, "C": {"Type": "Succeed"}}}

    validated = cloud.client("stepfunctions").validate_state_machine_definition(definition=json.dumps(definition))

    assert [(found["code"], found["location"]) for found in validated["diagnostics"]] == [
        ("SCHEMA_VALIDATION_FAILED", "/States/A"),
        ("MISSING_TRANSITION_TARGET", "/States/C"),
    ]


def test_should_find_nothing_wrong_with_a_definition_that_runs(cloud: Cloud) -> None:
    definition = json.dumps({"StartAt": "A", "States": {"A": PASS}})

    validated = cloud.client("stepfunctions").validate_state_machine_definition(definition=definition)
    assert (validated["result"], validated["diagnostics"]) == ("OK", [])


def test_should_refuse_the_call_that_it_cannot_answer(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    role = cloud.role("states")
    with pytest.raises(ClientError, match="the local cloud doesn't run TestState"):
        states.test_state(definition=json.dumps(PASS), roleArn=role)
