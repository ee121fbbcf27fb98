"""Activities: tasks that a worker fetches with GetActivityTask."""

import asyncio
import json
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from constructs_lib.local.emulator.tasks.activities import ActivityTask, TaskQueues
from tests.constructs_lib.local.emulator.conftest import Cloud
from tests.constructs_lib.local.emulator.waiting import allow, types, until

local = pytest.mark.local


@pytest.fixture
def activity(cloud: Cloud) -> str:
    arn: str = cloud.client("stepfunctions").create_activity(name=cloud.name("activity"))["activityArn"]
    return arn


def work(activity: str, **more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": activity, "Arguments": {"n": "{% $states.input.n %}"}, "End": True, **more}


def start(cloud: Cloud, activity: str, **more: Any) -> str:
    caught = {"Caught": {"Type": "Pass", "End": True}} if "Catch" in more else {}
    return cloud.start(cloud.machine({"Work": work(activity, **more), **caught}), {"n": 7})


@local
def test_should_hand_out_a_task_and_go_on_with_its_output(cloud: Cloud, activity: str) -> None:
    states = cloud.client("stepfunctions")
    execution = start(cloud, activity, TimeoutSeconds=60, HeartbeatSeconds=30)
    task = states.get_activity_task(activityArn=activity, workerName="me")
    assert json.loads(task["input"]) == {"n": 7}
    states.send_task_heartbeat(taskToken=task["taskToken"])
    states.send_task_success(taskToken=task["taskToken"], output='{"done": true}')

    ended = cloud.wait(execution)
    assert ended.output == {"done": True}
    assert ended.types() == [
        "ExecutionStarted", "TaskStateEntered", "ActivityScheduled", "ActivityStarted", "ActivitySucceeded",
        "TaskStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    scheduled, started, succeeded = (
        ended.events[2]["activityScheduledEventDetails"],
        ended.events[3]["activityStartedEventDetails"],
        ended.events[4]["activitySucceededEventDetails"],
    )
    assert (scheduled["resource"], json.loads(scheduled["input"])) == (activity, {"n": 7})
    assert (scheduled["timeoutInSeconds"], scheduled["heartbeatInSeconds"]) == (60, 30)
    assert started == {"workerName": "me"}
    assert json.loads(succeeded["output"]) == {"done": True}
    with pytest.raises(ClientError, match="TaskTimedOut"):
        states.send_task_success(taskToken=task["taskToken"], output="1")


@local
def test_should_give_a_waiting_worker_its_task_promptly(cloud: Cloud, activity: str) -> None:
    machine = cloud.machine({"Work": work(activity)})
    taken: list[tuple[float, dict[str, Any]]] = []

    def poll() -> None:
        task = cloud.client("stepfunctions").get_activity_task(activityArn=activity)
        taken.append((time.monotonic(), task))

    worker = threading.Thread(target=poll)
    worker.start()
    time.sleep(0.3)
    execution = cloud.start(machine, {"n": 1})
    started = time.monotonic()
    worker.join(10)

    ((moment, task),) = taken
    assert moment - started < 0.45
    cloud.client("stepfunctions").send_task_success(taskToken=task["taskToken"], output="1")
    ended = cloud.wait(execution)
    assert ended.status == "SUCCEEDED"
    assert [event.get("activityStartedEventDetails") for event in ended.events][3] == {}


@local
def test_should_give_each_of_many_workers_another_task(cloud: Cloud, activity: str) -> None:
    each = {
        "Type": "Map",
        "Items": [{"n": number} for number in range(12)],
        "ItemProcessor": {"StartAt": "Work", "States": {"Work": work(activity)}},
        "End": True,
    }
    execution = cloud.start(cloud.machine({"Each": each}))

    def labour() -> None:
        states = cloud.client("stepfunctions")
        for _ in range(3):
            task = states.get_activity_task(activityArn=activity)
            states.send_task_success(taskToken=task["taskToken"], output=task["input"])

    workers = [threading.Thread(target=labour) for _ in range(4)]
    for worker in workers:
        worker.start()

    assert cloud.wait(execution, 20).output == [{"n": number} for number in range(12)]
    for worker in workers:
        worker.join()


@local
@pytest.mark.parametrize("handled", [False, True])
def test_should_fail_with_the_workers_error(cloud: Cloud, activity: str, *, handled: bool) -> None:
    catch = [{"ErrorEquals": ["Refused"], "Output": "{% $states.errorOutput %}", "Next": "Caught"}]
    execution = start(cloud, activity, **({"Catch": catch} if handled else {}))
    states = cloud.client("stepfunctions")
    token = states.get_activity_task(activityArn=activity)["taskToken"]
    states.send_task_failure(taskToken=token, error="Refused", cause="not today")

    ended = cloud.wait(execution)
    (failed,) = [each["activityFailedEventDetails"] for each in ended.events if each["type"] == "ActivityFailed"]
    assert failed == {"error": "Refused", "cause": "not today"}
    if handled:
        assert ended.output == {"Error": "Refused", "Cause": "not today"}
    else:
        assert (ended.status, ended.error, ended.cause) == ("FAILED", "Refused", "not today")


@local
@pytest.mark.parametrize(
    ("fields", "named", "fetched"),
    [
        ({"TimeoutSeconds": 1}, "States.Timeout", False),
        ({"TimeoutSeconds": 1}, "States.Timeout", True),
        ({"HeartbeatSeconds": 1}, "States.HeartbeatTimeout", True),
    ],
    ids=["nobody fetches it", "no answer", "no heartbeat"],
)
def test_should_time_out(cloud: Cloud, activity: str, fields: dict[str, Any], named: str, *, fetched: bool) -> None:
    states = cloud.client("stepfunctions")
    catch = [{"ErrorEquals": [named], "Output": "{% $states.errorOutput %}", "Next": "Caught"}]
    execution = start(cloud, activity, **fields, Catch=catch)
    if fetched:
        token = states.get_activity_task(activityArn=activity)["taskToken"]

    ended = cloud.wait(execution, 5)
    assert ended.output == {"Error": "States.Timeout", "Cause": ""}
    (timed_out,) = [each["activityTimedOutEventDetails"] for each in ended.events if each["type"] == "ActivityTimedOut"]
    assert timed_out == {"error": "States.Timeout"}
    assert ("ActivityStarted" in ended.types()) is fetched
    if fetched:
        with pytest.raises(ClientError, match="TaskTimedOut"):
            states.send_task_success(taskToken=token, output="1")


@local
def test_should_not_hand_out_a_task_that_is_over(cloud: Cloud, activity: str) -> None:
    states = cloud.client("stepfunctions")
    stopped = start(cloud, activity)
    until(lambda: "ActivityScheduled" in types(cloud, stopped))
    states.stop_execution(executionArn=stopped)
    assert cloud.wait(stopped, 1).status == "ABORTED"
    execution = start(cloud, activity)

    token = states.get_activity_task(activityArn=activity)["taskToken"]
    states.send_task_success(taskToken=token, output='"of the second"')

    assert cloud.wait(execution).output == "of the second"
    assert types(cloud, stopped)[-1] == "ExecutionAborted"


@local
def test_should_say_that_there_is_no_such_activity(cloud: Cloud, activity: str) -> None:
    states = cloud.client("stepfunctions")
    machine = cloud.machine({"Work": work(activity)})
    states.delete_activity(activityArn=activity)
    # Twice is no error.
    states.delete_activity(activityArn=activity)

    for call in ("get_activity_task", "describe_activity"):
        with pytest.raises(ClientError) as refused:
            getattr(states, call)(activityArn=activity)
        error = refused.value.response["Error"]
        assert (error["Code"], error["Message"]) == ("ActivityDoesNotExist", f"Activity Does Not Exist: '{activity}'")
    ended = cloud.wait(cloud.start(machine, {"n": 1}))
    assert (ended.status, ended.error) == ("FAILED", "States.Runtime")
    assert ended.cause == (
        "An error occurred while executing the state 'Work' (entered at the event id #2). "
        f"The activity {activity} does not exist."
    )
    assert ended.types() == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]


@local
def test_should_make_an_activity_once_and_refuse_a_bad_name(cloud: Cloud, activity: str) -> None:
    states = cloud.client("stepfunctions")

    again = states.create_activity(name=activity.rpartition(":")[2])
    assert again["activityArn"] == activity
    with pytest.raises(ClientError) as refused:
        states.create_activity(name="TestActivity InvalidName$")
    error = refused.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("InvalidName", "Invalid Name: 'TestActivity InvalidName$'")


@local
def test_should_ask_for_the_permission_to_fetch_from_this_activity(cloud: Cloud, activity: str) -> None:
    other = cloud.client("stepfunctions").create_activity(name=cloud.name("activity"))["activityArn"]
    code = """
import boto3

def handler(event, context):
    boto3.client("stepfunctions").get_activity_task(activityArn=event)
"""
    role = cloud.role("lambda", allow("states:GetActivityTask", activity))
    function = cloud.function(code, Role=role)
    waiting = start(cloud, activity)
    invoke = cloud.client("lambda").invoke

    assert json.loads(invoke(FunctionName=function, Payload=json.dumps(activity))["Payload"].read()) is None
    denied = json.loads(invoke(FunctionName=function, Payload=json.dumps(other))["Payload"].read())
    assert "not authorized to perform: states:GetActivityTask" in denied["errorMessage"]
    cloud.client("stepfunctions").stop_execution(executionArn=waiting)


@local
def test_should_deploy_an_activity(cloud: Cloud) -> None:
    cloudformation, name = cloud.client("cloudformation"), cloud.name("stack")
    template = {
        "Resources": {"It": {"Type": "AWS::StepFunctions::Activity", "Properties": {"Name": cloud.name("activity")}}},
        "Outputs": {"Arn": {"Value": {"Ref": "It"}}, "Name": {"Value": {"Fn::GetAtt": ["It", "Name"]}}},
    }
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    outputs = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    found = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    states = cloud.client("stepfunctions")
    execution = start(cloud, found["Arn"])
    token = states.get_activity_task(activityArn=found["Arn"])["taskToken"]
    states.send_task_success(taskToken=token, output='"deployed"')

    assert cloud.wait(execution).output == "deployed"
    assert found["Arn"].endswith(f":activity:{found['Name']}")
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    with pytest.raises(ClientError, match="ActivityDoesNotExist"):
        states.describe_activity(activityArn=found["Arn"])


def test_should_tell_a_worker_that_there_is_nothing_once_the_poll_is_over() -> None:
    started = time.monotonic()

    assert asyncio.run(TaskQueues().take("activity", None, 0.05)) is None
    assert time.monotonic() - started < 1


def test_should_hand_tasks_out_in_their_order() -> None:
    queues = TaskQueues()
    for number in range(3):
        queues.schedule("activity", ActivityTask(str(number), f'{{"n": {number}}}'))
    queues.schedule("another", ActivityTask("other", "{}"))

    async def take_all() -> list[str | None]:
        taken = [await queues.take("activity", "me", 0.05) for _ in range(4)]
        return [None if task is None else task.token for task in taken]

    assert asyncio.run(take_all()) == ["0", "1", "2", None]
