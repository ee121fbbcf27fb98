"""What is said to a wrong request: AWS's name for it and its sentence."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.constructs_lib.local.emulator.conftest import ACCOUNT, SOURCE_ACCOUNT, Cloud

pytestmark = pytest.mark.local

PREFIX = f"arn:aws:states:us-east-1:{ACCOUNT}"
NOBODY = f"{PREFIX}:stateMachine:nobody"
ECHO = {"Echo": {"Type": "Pass", "End": True}}
WAIT = {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}
NAME_TOO_LONG = (
    f"1 validation error detected: Value '{'a' * 81}' at 'name' failed to satisfy constraint: Member must have length "
    "less than or equal to 80"
)


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture(scope="module")
def echo(cloud: Cloud) -> str:
    return cloud.machine(ECHO)


@pytest.fixture(scope="module")
def express(cloud: Cloud) -> str:
    return express_machine(cloud, ECHO)


def express_machine(cloud: Cloud, states: dict[str, Any], **more: Any) -> str:
    arn: str = cloud.client("stepfunctions").create_state_machine(
        name=cloud.name("express"),
        roleArn=cloud.role("states"),
        type="EXPRESS",
        definition=json.dumps({"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **more}),
    )["stateMachineArn"]
    return arn


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            "not json",
            (
                "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' "
                "or 'false')"
            ),
        ),
        ("{'a': 1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name"),
        ("", "Invalid execution input."),
        ('{"a": NaN}', "Non-standard token 'NaN'"),
        ('{"a": 1', "Expecting ',' delimiter: line 1 column 8 (char 7)"),
    ],
)
@pytest.mark.parametrize("call", ["start_execution", "start_sync_execution"])
def test_should_refuse_an_input_that_is_not_json(
    cloud: Cloud, echo: str, express: str, call: str, text: str, mistake: str
) -> None:
    machine = echo if call == "start_execution" else express
    start = getattr(cloud.client("stepfunctions"), call)

    assert refusal(start, stateMachineArn=machine, input=text) == (
        "InvalidExecutionInput",
        f"Invalid State Machine Execution Input: '{mistake}'",
    )


@pytest.mark.parametrize("text", ["1", '"text"', "null", "[]"])
def test_should_take_any_json_for_an_input(cloud: Cloud, echo: str, text: str) -> None:
    started = cloud.client("stepfunctions").start_execution(stateMachineArn=echo, input=text)

    assert cloud.wait(started["executionArn"]).output == json.loads(text)


def test_should_measure_an_input_in_bytes(cloud: Cloud, echo: str) -> None:
    start = cloud.client("stepfunctions").start_execution
    # 262,144 bytes with the quotes, half as many letters.
    largest = json.dumps("é" * 131_071, ensure_ascii=False)

    assert cloud.wait(start(stateMachineArn=echo, input=largest)["executionArn"]).status == "SUCCEEDED"
    assert refusal(start, stateMachineArn=echo, input=f"{largest} ") == (
        "ValidationException",
        (
            "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have size less "
            "than or equal to 262144 bytes in UTF-8 encoding"
        ),
    )


@pytest.mark.parametrize("name", ["a b", "a/b", "a:b", "a<b", "a\x7fb", "{}", "what?"])
def test_should_refuse_a_name_with_a_character_that_is_not_allowed(cloud: Cloud, echo: str, name: str) -> None:
    states = cloud.client("stepfunctions")
    expected = ("InvalidName", f"Invalid Name: '{name}'")

    assert refusal(states.start_execution, stateMachineArn=echo, name=name) == expected
    assert refusal(states.create_state_machine, name=name, roleArn=cloud.role("states"), definition="{}") == expected


def test_should_refuse_a_name_that_is_too_long_before_it_looks_for_the_machine(cloud: Cloud, echo: str) -> None:
    states = cloud.client("stepfunctions")
    for arn in (echo, NOBODY):
        assert refusal(states.start_execution, stateMachineArn=arn, name="a" * 81) == (
            "ValidationException",
            NAME_TOO_LONG,
        )
    creation = {"name": "a" * 81, "roleArn": cloud.role("states"), "definition": "{}"}
    assert refusal(states.create_state_machine, **creation) == ("ValidationException", NAME_TOO_LONG)


def test_should_list_each_constraint_that_is_broken(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    creation = {"name": "a" * 81, "roleArn": cloud.role("states"), "definition": "{}", "type": "Express"}

    assert refusal(states.create_state_machine, **creation) == (
        "ValidationException",
        (
            f"2 validation errors detected: {NAME_TOO_LONG.partition(': ')[2]}; Value 'Express' at 'type' failed to "
            "satisfy constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]"
        ),
    )
    assert refusal(states.list_executions, stateMachineArn=NOBODY, statusFilter="succeeded", maxResults=1001) == (
        "ValidationException",
        (
            "2 validation errors detected: Value 'succeeded' at 'statusFilter' failed to satisfy constraint: Member "
            "must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]; Value "
            "'1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000"
        ),
    )


MACHINE_CALLS = [
    "start_execution", "start_sync_execution", "describe_state_machine", "list_executions",
    "publish_state_machine_version", "list_state_machine_versions",
]  # fmt: skip
EXECUTION_CALLS = [
    "describe_execution", "get_execution_history", "stop_execution", "list_map_runs",
    "describe_state_machine_for_execution",
]  # fmt: skip


@pytest.mark.parametrize("call", MACHINE_CALLS)
def test_should_say_that_there_is_no_such_machine(cloud: Cloud, call: str) -> None:
    ask = getattr(cloud.client("stepfunctions"), call)

    assert refusal(ask, stateMachineArn=NOBODY) == (
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{NOBODY}'",
    )
    assert refusal(ask, stateMachineArn="nobody") == ("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: nobody'")
    assert refusal(ask, stateMachineArn=f"{PREFIX}:execution:a:b") == (
        "InvalidArn",
        "Invalid Arn: 'Resource type not valid in this context: execution'",
    )


@pytest.mark.parametrize("call", EXECUTION_CALLS)
def test_should_say_that_there_is_no_such_execution(cloud: Cloud, call: str) -> None:
    ask, arn = getattr(cloud.client("stepfunctions"), call), f"{PREFIX}:execution:nobody:never"

    assert refusal(ask, executionArn=arn) == ("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    assert refusal(ask, executionArn="never") == ("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: never'")
    assert refusal(ask, executionArn=NOBODY)[0] == "InvalidArn"


def test_should_give_a_name_once_and_the_same_answer_to_the_same_request(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    machine = cloud.machine(WAIT)
    request = {"stateMachineArn": machine, "name": "once", "input": '{"a": 1}'}
    first = states.start_execution(**request)
    exists = ("ExecutionAlreadyExists", f"Execution Already Exists: '{first['executionArn']}'")

    again = states.start_execution(**request)
    assert (again["executionArn"], again["startDate"]) == (first["executionArn"], first["startDate"])
    assert refusal(states.start_execution, **{**request, "input": "{}"}) == exists
    states.stop_execution(executionArn=first["executionArn"])
    assert refusal(states.start_execution, **request) == exists


def test_should_make_a_machine_once(cloud: Cloud) -> None:
    states, name, role = cloud.client("stepfunctions"), cloud.name("machine"), cloud.role("states")
    request = {"name": name, "roleArn": role, "definition": json.dumps({"StartAt": "Echo", "States": ECHO})}
    made = states.create_state_machine(**request)

    assert states.create_state_machine(**request)["stateMachineArn"] == made["stateMachineArn"]
    assert refusal(states.create_state_machine, **request, type="EXPRESS") == (
        "StateMachineAlreadyExists",
        f"State Machine Already Exists: '{made['stateMachineArn']}'",
    )


def test_should_refuse_a_request_that_changes_nothing_or_contradicts_itself(cloud: Cloud, echo: str) -> None:
    states = cloud.client("stepfunctions")
    request = {"name": "described", "roleArn": cloud.role("states"), "definition": "{}", "versionDescription": "1"}

    assert refusal(states.update_state_machine, stateMachineArn=echo) == (
        "MissingRequiredParameter",
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
    )
    assert refusal(states.create_state_machine, **request) == (
        "ValidationException",
        "Version description can only be set when publish is true",
    )
    assert refusal(states.list_executions)[0] == "ValidationException"


def test_should_run_the_definition_of_the_version_or_alias_that_is_named(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")

    def says(word: str) -> dict[str, Any]:
        return {"Say": {"Type": "Pass", "Output": word, "End": True}}

    def definition(word: str) -> str:
        return json.dumps({"QueryLanguage": "JSONata", "StartAt": "Say", "States": says(word)})

    machine = cloud.machine(says("one"))
    first = states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    states.update_state_machine(stateMachineArn=machine, definition=definition("two"))
    second = states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    states.update_state_machine(stateMachineArn=machine, definition=definition("three"))
    alias = states.create_state_machine_alias(
        name="live",
        routingConfiguration=[
            {"stateMachineVersionArn": first, "weight": 0}, {"stateMachineVersionArn": second, "weight": 100},
        ],
    )["stateMachineAliasArn"]  # fmt: skip

    ended = {arn: cloud.wait(cloud.start(arn)) for arn in (first, second, machine, alias)}
    assert [execution.output for execution in ended.values()] == ["one", "two", "three", "two"]
    described = states.describe_execution(executionArn=ended[alias].arn)
    assert described["stateMachineArn"] == machine
    assert (described["stateMachineVersionArn"], described["stateMachineAliasArn"]) == (second, alias)
    assert "stateMachineVersionArn" not in states.describe_execution(executionArn=ended[machine].arn)
    for arn, listed in (
        (machine, {first, second, machine, alias}), (first, {first}), (second, {second, alias}), (alias, {alias}),
    ):  # fmt: skip
        found = states.list_executions(stateMachineArn=arn)["executions"]
        assert {item["executionArn"] for item in found} == {ended[started].arn for started in listed}
    assert found[0]["stateMachineVersionArn"] == second
    ran = states.describe_state_machine_for_execution(executionArn=ended[first].arn)
    assert json.loads(ran["definition"])["States"] == says("one")


def test_should_go_on_with_the_definition_that_it_started_with(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    machine = cloud.machine({"Wait": {"Type": "Wait", "Seconds": 1, "Next": "Say"}, "Say": {"Type": "Succeed"}})
    arn = cloud.start(machine)
    states.update_state_machine(
        stateMachineArn=machine, definition=json.dumps({"StartAt": "No", "States": {"No": {"Type": "Fail"}}})
    )

    assert cloud.wait(arn).status == "SUCCEEDED"


def test_should_answer_for_an_express_machine_what_it_supports(cloud: Cloud, echo: str, express: str) -> None:
    states = cloud.client("stepfunctions")
    unsupported = (
        "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine",
    )  # fmt: skip

    assert refusal(states.start_sync_execution, stateMachineArn=echo) == unsupported
    assert refusal(states.list_executions, stateMachineArn=express) == unsupported
    arn = cloud.start(express)
    wrong = ("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
    assert refusal(states.stop_execution, executionArn=arn) == wrong
    assert refusal(states.describe_state_machine_for_execution, executionArn=arn) == wrong


def test_should_start_express_executions_of_one_name(cloud: Cloud, express: str) -> None:
    states = cloud.client("stepfunctions")
    arns = [states.start_execution(stateMachineArn=express, name="same")["executionArn"] for _ in range(2)]

    assert arns[0] != arns[1]
    assert [arn.rpartition(":")[0] for arn in arns] == [f"{express.replace(':stateMachine:', ':express:')}:same"] * 2
    # AWS refuses this; here the local tools show an Express execution by it.
    assert {cloud.wait(arn).status for arn in arns} == {"SUCCEEDED"}


def test_should_answer_a_synchronous_start_in_full(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    failing = {"No": {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"}}
    machine, broken = express_machine(cloud, ECHO), express_machine(cloud, failing)

    answer = states.start_sync_execution(stateMachineArn=machine, name="now", input='{"a": 1}', traceHeader="Root=1-2")
    failed = states.start_sync_execution(stateMachineArn=broken)

    assert answer["executionArn"].startswith(f"{machine.replace(':stateMachine:', ':express:')}:now:")
    shown = {name: answer[name] for name in ("stateMachineArn", "name", "status", "input", "output", "traceHeader")}
    assert shown == {
        "stateMachineArn": machine, "name": "now", "status": "SUCCEEDED", "input": '{"a": 1}', "output": '{"a":1}',
        "traceHeader": "Root=1-2",
    }  # fmt: skip
    assert answer["inputDetails"] == answer["outputDetails"] == {"included": True}
    assert answer["billingDetails"] == {"billedDurationInMilliseconds": 100, "billedMemoryUsedInMB": 64}
    assert answer["startDate"] <= answer["stopDate"]
    assert (failed["status"], failed["error"], failed["cause"]) == ("FAILED", "Broken", "on purpose")
    assert "output" not in failed


def test_should_tell_eventbridge_of_standard_executions_only(cloud: Cloud, echo: str, express: str) -> None:
    sqs, events = cloud.client("sqs"), cloud.client("events")
    queue = sqs.create_queue(QueueName=cloud.name("queue"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    rule = cloud.name("rule")
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": ["aws.states"], "detail": {"name": ["told"]}}))
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])
    states = cloud.client("stepfunctions")

    started = [
        states.start_execution(stateMachineArn=machine, name="told")["executionArn"] for machine in (express, echo)
    ]
    for execution in started:
        cloud.wait(execution)

    told = []
    while found := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages"):
        told += [json.loads(message["Body"])["detail"] for message in found]
        for message in found:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert {detail["executionArn"] for detail in told} == {started[1]}
    assert [detail["status"] for detail in told] == ["RUNNING", "SUCCEEDED"]


def test_should_keep_one_accounts_bucket_from_another(cloud: Cloud) -> None:
    foreign = cloud.name("foreign")
    owner = cloud.client("s3", SOURCE_ACCOUNT)
    owner.create_bucket(Bucket=foreign)
    owner.put_object(Bucket=foreign, Key="items.json", Body=b"[1]")

    assert refusal(cloud.client("s3").create_bucket, Bucket=foreign)[0] == "BucketAlreadyExists"

    def task(bucket: str) -> tuple[str | None, str]:
        arguments = {"Bucket": bucket, "Key": "items.json"}
        get = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject", "Arguments": arguments, "End": True}
        ended = cloud.run({"Get": get})
        return ended.error, ended.cause

    def reader(bucket: str) -> tuple[str | None, str]:
        processor = {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "Echo", "States": ECHO,
        }  # fmt: skip
        read = {"Resource": "arn:aws:states:::s3:getObject", "Arguments": {"Bucket": bucket, "Key": "items.json"}}
        ended = cloud.run({"Each": {"Type": "Map", "ItemReader": read, "ItemProcessor": processor, "End": True}})
        return ended.error, ended.cause

    error, cause = task(foreign)
    assert str(error).startswith("S3.")
    assert "Access Denied" in cause
    assert task("nobodys-bucket")[0] == "S3.NoSuchBucketException"
    error, cause = reader(foreign)
    assert error == "States.ItemReaderFailed"
    assert "AccessDenied" in cause
    error, cause = reader("nobodys-bucket")
    assert error == "States.ItemReaderFailed"
    assert "NoSuchBucket" in cause


def test_should_refuse_a_logging_configuration_without_one_destination(cloud: Cloud) -> None:
    creation = {"name": "logged", "roleArn": cloud.role("states"), "definition": "{}"}
    group = {"cloudWatchLogsLogGroup": {"logGroupArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:any:*"}}

    for destinations in ([], [group, group]):
        logging = {"level": "ALL", "destinations": destinations}
        assert refusal(
            cloud.client("stepfunctions").create_state_machine, **creation, loggingConfiguration=logging
        ) == (
            "InvalidLoggingConfiguration",
            "Invalid Logging Configuration: Must specify exactly one Log Destination.",
        )


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
@pytest.mark.parametrize("level", ["ALL", "ERROR", "OFF"])
@pytest.mark.parametrize("with_data", [True, False])
def test_should_log_what_the_level_lets_through(cloud: Cloud, kind: str, level: str, with_data: bool) -> None:
    logs, group = cloud.client("logs"), f"/aws/vendedlogs/states/{cloud.name('group')}"
    logs.create_log_group(logGroupName=group)
    destination = {"logGroupArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:*"}
    destinations = [{"cloudWatchLogsLogGroup": destination}]
    states = {"Say": {"Type": "Pass", "Next": "No"}, "No": {"Type": "Fail", "Error": "Broken"}}
    machine = cloud.client("stepfunctions").create_state_machine(
        name=cloud.name("logged"),
        roleArn=cloud.role("states"),
        type=kind,
        definition=json.dumps({"StartAt": "Say", "States": states}),
        loggingConfiguration={"level": level, "includeExecutionData": with_data, "destinations": destinations},
    )["stateMachineArn"]
    arn = cloud.wait(cloud.start(machine, {"a": 1})).arn

    found = logs.filter_log_events(logGroupName=group)["events"]
    entries = [json.loads(event["message"]) for event in found]
    every = ["ExecutionStarted", "PassStateEntered", "PassStateExited", "FailStateEntered", "ExecutionFailed"]
    expected = {"ALL": every, "ERROR": every[-2:], "OFF": []}[level]
    assert [entry["type"] for entry in entries] == expected
    if expected:
        last, entered = entries[-1], entries[-2]
        assert (last["execution_arn"], last["id"], last["previous_event_id"]) == (arn, "5", "4")
        assert last["details"] == {"error": "Broken"}
        assert ("input" in entered["details"]) == with_data
        assert found[0]["logStreamName"].startswith(f"states/{machine.rpartition(':')[2]}/")


def test_should_refuse_of_an_express_machine_what_only_a_standard_one_does(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": NOBODY},
        "End": True,
    }
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Start", "States": {"Start": start}})
    request = {"name": cloud.name("express"), "roleArn": cloud.role("states"), "definition": definition}

    code, message = refusal(states.create_state_machine, **request, type="EXPRESS")
    assert code == "InvalidDefinition"
    assert "Express state machine does not support '.sync' service integration at /States/Start/Resource" in message
    validated = states.validate_state_machine_definition(definition=definition, type="EXPRESS")
    assert validated["result"] == "FAIL"
    machine = states.create_state_machine(**request)["stateMachineArn"]
    assert states.describe_state_machine(stateMachineArn=machine)["type"] == "STANDARD"
    express = express_machine(cloud, ECHO)
    assert refusal(states.update_state_machine, stateMachineArn=express, definition=definition)[0] == code


def test_should_end_what_runs_when_its_machine_is_deleted_and_keep_the_records(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    machine = cloud.machine({"Wait": {"Type": "Wait", "Seconds": "{% $states.input.seconds %}", "End": True}})
    ended = cloud.wait(cloud.start(machine, {"seconds": 0}))
    running = cloud.start(machine, {"seconds": 60})

    for _ in range(2):
        states.delete_state_machine(stateMachineArn=machine)

    assert refusal(states.start_execution, stateMachineArn=machine)[0] == "StateMachineDoesNotExist"
    assert cloud.wait(running).status == "ABORTED"
    assert states.describe_execution(executionArn=ended.arn)["status"] == "SUCCEEDED"
