"""Tasks that wait for an answer by a task token, and what the answering calls say."""

import json
import threading
import time
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.constructs_lib.local.emulator.conftest import ACCOUNT, SOURCE_ACCOUNT, Cloud
from tests.constructs_lib.local.emulator.waiting import allow, role_in, types, until

pytestmark = pytest.mark.local

CAUGHT = {"Caught": {"Type": "Pass", "End": True}}
OVER = "Task Timed Out: 'Provided task does not exist anymore'"


@pytest.fixture(scope="module")
def queue(cloud: Cloud) -> str:
    url: str = cloud.client("sqs").create_queue(QueueName=cloud.name("queue"))["QueueUrl"]
    return url


def ask(queue: str, **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {"QueueUrl": queue, "MessageBody": {"token": "{% $states.context.Task.Token %}"}},
        "End": True,
        **more,
    }


def tokens(cloud: Cloud, execution: str, count: int = 1) -> list[str]:
    """The tokens that an execution has sent so far, once there are as many."""

    def sent() -> list[str]:
        events = cloud.client("stepfunctions").get_execution_history(executionArn=execution)["events"]
        scheduled = [event for event in events if event["type"] == "TaskScheduled"]
        bodies = [json.loads(event["taskScheduledEventDetails"]["parameters"])["MessageBody"] for event in scheduled]
        submitted = [event["type"] for event in events].count("TaskSubmitted")
        return [body["token"] for body in bodies] if submitted >= count else []

    found: list[str] = until(sent)
    return found


def code(refused: Any) -> tuple[str, str]:
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_should_go_on_with_the_answer_and_take_only_one(cloud: Cloud, queue: str) -> None:
    states = cloud.client("stepfunctions")
    execution = cloud.start(cloud.machine({"Ask": ask(queue)}))
    (token,) = tokens(cloud, execution)

    states.send_task_heartbeat(taskToken=token)
    states.send_task_success(taskToken=token, output='{"a": 1}')
    # The execution may be over by now, or not yet: it's the same.
    for again in ("success", "failure", "heartbeat"):
        with pytest.raises(ClientError) as refused:
            getattr(states, f"send_task_{again}")(taskToken=token, **({"output": "1"} if again == "success" else {}))
        assert code(refused) == ("TaskTimedOut", OVER)

    ended = cloud.wait(execution)
    assert (ended.status, ended.output) == ("SUCCEEDED", {"a": 1})
    assert ended.types()[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    with pytest.raises(ClientError) as refused:
        states.send_task_failure(taskToken=token)
    assert code(refused) == ("TaskTimedOut", OVER)


def test_should_take_one_answer_of_many_at_a_time(cloud: Cloud, queue: str) -> None:
    execution = cloud.start(cloud.machine({"Ask": ask(queue)}))
    (token,) = tokens(cloud, execution)
    taken: list[int] = []
    refusals: list[str] = []

    def send(number: int) -> None:
        try:
            cloud.client("stepfunctions").send_task_success(taskToken=token, output=str(number))
        except ClientError as error:
            refusals.append(code_of(error))
        else:
            taken.append(number)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [cloud.wait(execution).output] == taken
    assert refusals == ["TaskTimedOut"] * 7


def test_should_fail_with_the_answers_error(cloud: Cloud, queue: str) -> None:
    catch = [{"ErrorEquals": ["Refused"], "Output": "{% $states.errorOutput %}", "Next": "Caught"}]
    execution = cloud.start(cloud.machine({"Ask": ask(queue, Catch=catch), **CAUGHT}))
    cloud.client("stepfunctions").send_task_failure(
        taskToken=tokens(cloud, execution)[0], error="Refused", cause="not today"
    )

    ended = cloud.wait(execution)
    assert ended.output == {"Error": "Refused", "Cause": "not today"}
    (failed,) = [event["taskFailedEventDetails"] for event in ended.events if event["type"] == "TaskFailed"]
    assert failed["resource"] == "sendMessage.waitForTaskToken"


def test_should_give_each_attempt_a_token_of_its_own(cloud: Cloud, queue: str) -> None:
    states = cloud.client("stepfunctions")
    retry = [{"ErrorEquals": ["Refused"], "IntervalSeconds": 1, "MaxAttempts": 2, "MaxDelaySeconds": 1}]
    execution = cloud.start(cloud.machine({"Ask": ask(queue, Retry=retry)}))
    (first,) = tokens(cloud, execution)
    states.send_task_failure(taskToken=first, error="Refused")
    _, second = tokens(cloud, execution, 2)

    assert first != second
    with pytest.raises(ClientError, match="TaskTimedOut"):
        states.send_task_success(taskToken=first, output='"late"')
    states.send_task_success(taskToken=second, output='"second"')

    assert cloud.wait(execution).output == "second"


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("nonsense", "Invalid Token: 'Invalid token'"),
        ("bm9uc2Vuc2U=", "Invalid Token: 'Invalid token'"),
        ("é" * 40, "Invalid Token: 'Invalid token'"),
    ],
)
def test_should_know_no_token_that_it_has_not_made(cloud: Cloud, token: str, message: str) -> None:
    with pytest.raises(ClientError) as refused:
        cloud.client("stepfunctions").send_task_success(taskToken=token, output="1")

    assert code(refused) == ("InvalidToken", message)


def test_should_refuse_the_principal_of_another_account(cloud: Cloud, queue: str) -> None:
    execution = cloud.start(cloud.machine({"Ask": ask(queue)}))
    (token,) = tokens(cloud, execution)
    other = cloud.client("stepfunctions", SOURCE_ACCOUNT)

    with pytest.raises(ClientError) as refused:
        other.send_task_success(taskToken=token, output="1")

    assert code(refused) == ("InvalidToken", "Invalid Token: 'Invalid token'")
    assert types(cloud, execution)[-1] == "TaskSubmitted"
    cloud.client("stepfunctions").send_task_success(taskToken=token, output="2")
    assert cloud.wait(execution).output == 2


def test_should_take_the_answer_of_a_child_in_another_account_that_assumes_a_role(cloud: Cloud, queue: str) -> None:
    """The documented way round: the answering side assumes a role of the token's account."""
    execution = cloud.start(cloud.machine({"Ask": ask(queue)}))
    (token,) = tokens(cloud, execution)
    machine = cloud.client("stepfunctions").describe_execution(executionArn=execution)["stateMachineArn"]
    trust = {"Principal": {"AWS": f"arn:aws:iam::{SOURCE_ACCOUNT}:root"}}
    answering = role_in(cloud, machine.split(":")[4], trust, allow("states:SendTaskSuccess", machine))
    answer = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
        "Arguments": {"TaskToken": token, "Output": {"by": "another"}},
        "Credentials": {"RoleArn": answering},
        "End": True,
    }
    states = cloud.client("stepfunctions", SOURCE_ACCOUNT)
    role = role_in(cloud, SOURCE_ACCOUNT, {"Principal": {"Service": "states.amazonaws.com"}}, allow("sts:AssumeRole"))
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Answer", "States": {"Answer": answer}})
    name = cloud.name("machine")
    child = states.create_state_machine(name=name, roleArn=role, definition=definition)["stateMachineArn"]
    states.start_execution(stateMachineArn=child)

    assert cloud.wait(execution).output == {"by": "another"}


@pytest.mark.parametrize("output", ["{", "NaN", ""])
def test_should_refuse_an_output_that_is_not_json(cloud: Cloud, queue: str, output: str) -> None:
    states = cloud.client("stepfunctions")
    execution = cloud.start(cloud.machine({"Ask": ask(queue)}))
    (token,) = tokens(cloud, execution)

    with pytest.raises(ClientError) as refused:
        states.send_task_success(taskToken=token, output=output)

    assert code(refused)[0] == "InvalidOutput"
    states.stop_execution(executionArn=execution)


@pytest.mark.parametrize("given", [{"output": "1"}, {"taskToken": "a"}])
def test_should_ask_for_what_is_missing(cloud: Cloud, given: dict[str, str]) -> None:
    lenient: Any = boto3.client
    states = lenient(
        "stepfunctions",
        endpoint_url=f"https://127.0.0.1:{cloud.port}",
        region_name="us-east-1",
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
        verify=str(cloud.folder / "tmp" / "ministack-tls" / "server.crt"),
        config=Config(parameter_validation=False),
    )
    with pytest.raises(ClientError) as refused:
        states.send_task_success(**given)

    assert code(refused)[0] == "ValidationException"


def test_should_end_at_once_when_stopped_and_forget_the_token(cloud: Cloud, queue: str) -> None:
    states = cloud.client("stepfunctions")
    execution = cloud.start(cloud.machine({"Ask": ask(queue, HeartbeatSeconds=600)}))
    (token,) = tokens(cloud, execution)
    states.stop_execution(executionArn=execution)

    def refused() -> bool:
        try:
            states.send_task_heartbeat(taskToken=token)
        except ClientError as error:
            return code_of(error) == "TaskTimedOut"
        return False

    until(refused, 2)
    ended = cloud.wait(execution, 1)
    assert (ended.status, ended.types()[-2:]) == ("ABORTED", ["TaskSubmitted", "ExecutionAborted"])


def code_of(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"HeartbeatSeconds": 1}, "States.Timeout"),
        ({"HeartbeatSeconds": 1}, "States.HeartbeatTimeout"),
        ({"HeartbeatSeconds": 1, "TimeoutSeconds": 60}, "States.HeartbeatTimeout"),
        ({"HeartbeatSeconds": "{% $states.input.one %}"}, "States.HeartbeatTimeout"),
        ({"TimeoutSeconds": 1}, "States.Timeout"),
        ({"TimeoutSeconds": "{% $states.input.one %}"}, "States.Timeout"),
    ],
    ids=str,
)
def test_should_time_out(cloud: Cloud, queue: str, fields: dict[str, Any], named: str) -> None:
    catch = [
        # AWS doesn't count a timeout as a failed task.
        {"ErrorEquals": ["States.TaskFailed"], "Output": "wrong", "Next": "Caught"},
        {"ErrorEquals": [named], "Output": "{% $states.errorOutput %}", "Next": "Caught"},
    ]
    machine = cloud.machine({"Ask": ask(queue, Catch=catch, **fields), **CAUGHT})
    started = time.monotonic()
    ended = cloud.wait(cloud.start(machine, {"one": 1}), 5)

    assert time.monotonic() - started > 0.9
    assert ended.output == {"Error": "States.Timeout", "Cause": ""}
    (timed_out,) = [event["taskTimedOutEventDetails"] for event in ended.events if event["type"] == "TaskTimedOut"]
    assert timed_out == {
        "resourceType": "sqs",
        "resource": "sendMessage.waitForTaskToken",
        "error": "States.Timeout",
    }
    (scheduled,) = [event["taskScheduledEventDetails"] for event in ended.events if event["type"] == "TaskScheduled"]
    assert scheduled.get("heartbeatInSeconds") == (1 if "HeartbeatSeconds" in fields else None)


def test_should_not_take_a_timeout_for_a_missed_heartbeat(cloud: Cloud, queue: str) -> None:
    catch = [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Caught"}]
    ended = cloud.run({"Ask": ask(queue, Catch=catch, TimeoutSeconds=1), **CAUGHT})

    assert (ended.status, ended.error) == ("FAILED", "States.Timeout")


def test_should_time_out_by_paths(cloud: Cloud, queue: str) -> None:
    task = {key: value for key, value in ask(queue).items() if key != "Arguments"} | {
        "Parameters": {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}},
        "HeartbeatSecondsPath": "$.beat",
        "TimeoutSecondsPath": "$.limit",
    }
    machine = cloud.machine({"Ask": task}, QueryLanguage="JSONPath")
    for times in ({"beat": 1, "limit": 60}, {"beat": 60, "limit": 1}):
        ended = cloud.wait(cloud.start(machine, times), 5)
        assert (ended.status, ended.error, ended.types()[-2]) == ("FAILED", "States.Timeout", "TaskTimedOut")


def test_should_live_on_heartbeats(cloud: Cloud, queue: str) -> None:
    states = cloud.client("stepfunctions")
    execution = cloud.start(cloud.machine({"Ask": ask(queue, HeartbeatSeconds=1)}))
    (token,) = tokens(cloud, execution)
    for _ in range(4):
        time.sleep(0.4)
        states.send_task_heartbeat(taskToken=token)
    states.send_task_success(taskToken=token, output='"alive"')

    assert cloud.wait(execution).output == "alive"


def test_should_answer_tasks_inside_map_and_parallel(cloud: Cloud, queue: str) -> None:
    inner = {"StartAt": "Ask", "States": {"Ask": ask(queue)}}
    each = {"Type": "Map", "Items": [1, 2], "ItemProcessor": inner, "End": True}
    other = {"StartAt": "Other", "States": {"Other": ask(queue)}}
    both = {"Type": "Parallel", "Branches": [{"StartAt": "Each", "States": {"Each": each}}, other], "End": True}
    execution = cloud.start(cloud.machine({"Both": both}))
    for number, token in enumerate(tokens(cloud, execution, 3)):
        cloud.client("stepfunctions").send_task_success(taskToken=token, output=str(number))

    output = cloud.wait(execution).output
    assert sorted([*output[0], output[1]]) == [0, 1, 2]


def test_should_answer_the_tasks_of_a_distributed_maps_children(cloud: Cloud, queue: str) -> None:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Ask",
        "States": {"Ask": ask(queue)},
    }
    each = {"Type": "Map", "Label": "Each", "Items": [1, 2], "ItemProcessor": processor, "End": True}
    execution = cloud.start(cloud.machine({"Each": each}))
    states = cloud.client("stepfunctions")
    (run,) = until(lambda: states.list_map_runs(executionArn=execution)["mapRuns"])
    children = until(lambda: states.list_executions(mapRunArn=run["mapRunArn"])["executions"])
    until(lambda: len(states.list_executions(mapRunArn=run["mapRunArn"])["executions"]) == 2)
    children = states.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    for child in children:
        (token,) = tokens(cloud, child["executionArn"])
        states.send_task_success(taskToken=token, output='"yes"')

    assert cloud.wait(execution).output == ["yes", "yes"]


def test_should_take_an_answer_that_comes_while_the_function_still_runs(cloud: Cloud) -> None:
    function = cloud.function(
        """
import boto3, json, time

def handler(event, context):
    boto3.client("stepfunctions").send_task_success(taskToken=event["token"], output=json.dumps("early"))
    time.sleep(0.3)
"""
    )
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Arguments": {"FunctionName": function, "Payload": {"token": "{% $states.context.Task.Token %}"}},
        "End": True,
    }

    assert cloud.run({"Ask": task}).output == "early"
