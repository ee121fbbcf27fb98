"""Redrives on the running emulator: what runs again, what doesn't, and what the history says.

The sequences of events are those of AWS: https://github.com/radkawar/stackd/blob/9dc356f/testdata/aws/stepfunctions/redrive_execution.json.
"""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from constructs_lib.local.emulator import redrive_eligibility
from tests.constructs_lib.local.emulator.conftest import ACCOUNT, Cloud, Execution
from tests.constructs_lib.local.emulator.redriving import Breakable, chain, since_redrive
from tests.constructs_lib.local.emulator.services.test_api import refusal
from tests.constructs_lib.local.emulator.waiting import allow, until

local = pytest.mark.local


@pytest.fixture
def broken(cloud: Cloud) -> Breakable:
    return Breakable(cloud)


def described(cloud: Cloud, arn: str) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.client("stepfunctions").describe_execution(executionArn=arn)
    return {name: value for name, value in answer.items() if "edrive" in name or name in ("status", "error", "output")}


@local
def test_should_go_on_with_the_state_that_failed(cloud: Cloud, broken: Breakable) -> None:
    failed = cloud.run(
        {
            "Remember": {"Type": "Pass", "Assign": {"kept": "{% $states.input.value %}"}, "Next": "Mark"},
            "Mark": broken.mark("'before'", Next="Choose"),
            "Choose": {"Type": "Choice", "Choices": [{"Condition": "{% $kept = 5 %}", "Next": "Work"}]},
            "Work": broken.task(Next="Tell"),
            "Tell": {"Type": "Pass", "Output": "{% [$kept, $states.input, $states.context.Execution] %}", "End": True},
        },
        {"value": 5},
    )
    assert described(cloud, failed.arn) == {
        "status": "FAILED", "error": "S3.NoSuchKeyException", "redriveCount": 0, "redriveStatus": "REDRIVABLE",
    }  # fmt: skip

    broken.mend()
    mended = broken.redrive(failed.arn)

    kept, work, context = mended.output
    assert (mended.status, kept, work, broken.marks()) == ("SUCCEEDED", 5, "mended", {"before": 1})
    assert (context["RedriveCount"], context["Input"]) == (1, {"value": 5})
    told = described(cloud, failed.arn)
    assert context["RedriveTime"] == told["redriveDate"].astimezone(UTC).isoformat(timespec="milliseconds").replace(
        "+00:00", "Z"
    )
    assert (told["redriveCount"], told["redriveStatus"], told["redriveStatusReason"]) == (
        1, "NOT_REDRIVABLE", "Execution is SUCCEEDED and cannot be redriven",
    )  # fmt: skip
    assert mended.events[: len(failed.events)] == failed.events
    assert [event["id"] for event in mended.events] == list(range(1, len(mended.events) + 1))
    assert since_redrive(mended)[0]["executionRedrivenEventDetails"] == {"redriveCount": 1}
    assert chain(mended) == [
        ("ExecutionRedriven", "ExecutionFailed"),
        ("TaskScheduled", "TaskStateEntered Work"),
        ("TaskStarted", "TaskScheduled"),
        ("TaskSucceeded", "TaskStarted"),
        ("TaskStateExited Work", "TaskSucceeded"),
        ("PassStateEntered Tell", "TaskStateExited Work"),
        ("PassStateExited Tell", "PassStateEntered Tell"),
        ("ExecutionSucceeded", "PassStateExited Tell"),
    ]


@local
def test_should_be_redriven_again_with_all_retries(cloud: Cloud, broken: Breakable) -> None:
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}
    tell = "{% [$states.context.Execution.RedriveCount, $states.context.State.RetryCount] %}"
    failed = cloud.run({"Work": broken.task(Retry=[retry], Output=tell)})
    assert failed.types().count("TaskScheduled") == 2

    again = broken.redrive(failed.arn)
    assert (again.status, [event["type"] for event in since_redrive(again)].count("TaskScheduled")) == ("FAILED", 2)
    assert described(cloud, failed.arn)["redriveStatus"] == "REDRIVABLE"

    broken.mend()
    mended = broken.redrive(failed.arn)
    assert mended.output == [2, 0]
    redriven = [event for event in mended.events if event["type"] == "ExecutionRedriven"]
    assert [event["executionRedrivenEventDetails"]["redriveCount"] for event in redriven] == [1, 2]


@local
def test_should_run_what_follows_on_a_redriven_state_as_ever(cloud: Cloud, broken: Breakable) -> None:
    catch = {"ErrorEquals": ["States.ALL"], "Next": "Caught", "Assign": {"seen": "{% $states.errorOutput.Error %}"}}
    failed = cloud.run(
        {
            "Work": broken.task(Next="Again", Assign={"first": "{% $states.result.Body %}"}),
            "Again": broken.task("never", Catch=[catch]),
            "Caught": {"Type": "Pass", "Output": "{% [$first, $seen] %}", "End": True},
        }
    )
    broken.mend()

    assert broken.redrive(failed.arn).output == ["mended", "S3.NoSuchKeyException"]


def branch(**states: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


@local
def test_should_run_only_the_unsuccessful_branches_of_a_parallel(cloud: Cloud, broken: Breakable) -> None:
    branches = [
        branch(Fine=broken.mark("'fine'", End=True)),
        branch(
            Before=broken.mark("'before'", Assign={"inner": 7}, Next="Wait"),
            # The first branch is over by then.
            Wait={"Type": "Wait", "Seconds": 1, "Next": "Work"},
            Work=broken.task(Output="{% [$outer, $inner, $states.result.Body] %}"),
        ),
        branch(Long={"Type": "Wait", "Seconds": 2, "Output": "waited", "End": True}),
    ]
    failed = cloud.run(
        {
            "Set": {"Type": "Pass", "Assign": {"outer": 1}, "Next": "Split"},
            "Split": {"Type": "Parallel", "Branches": branches, "End": True},
        },
        {"given": True},
    )
    assert failed.types()[-2:] == ["ParallelStateFailed", "ExecutionFailed"]
    broken.mend()

    mended = broken.redrive(failed.arn)

    assert mended.output == [{"given": True}, [1, 7, "mended"], "waited"]
    assert broken.marks() == {"fine": 1, "before": 1}
    assert chain(mended) == [
        ("ExecutionRedriven", "ExecutionFailed"),
        ("TaskScheduled", "TaskStateEntered Work"),
        ("TaskStarted", "TaskScheduled"),
        ("TaskSucceeded", "TaskStarted"),
        ("TaskStateExited Work", "TaskSucceeded"),
        ("WaitStateExited Long", "WaitStateEntered Long"),
        ("ParallelStateSucceeded", "WaitStateExited Long"),
        ("ParallelStateExited Split", "WaitStateExited Long"),
        ("ExecutionSucceeded", "ParallelStateExited Split"),
    ]


@local
def test_should_retry_a_redriven_parallel_as_a_whole(cloud: Cloud, broken: Breakable) -> None:
    branches = [
        branch(Fine=broken.mark("'fine'", End=True)),
        branch(Wait={"Type": "Wait", "Seconds": 1, "Next": "Work"}, Work=broken.task()),
    ]
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}
    failed = cloud.run({"Split": {"Type": "Parallel", "Branches": branches, "Retry": [retry], "End": True}})
    assert broken.marks() == {"fine": 2}

    # The first attempt of a redrive goes on, the second is a new one.
    assert broken.redrive(failed.arn).status == "FAILED"
    assert broken.marks() == {"fine": 3}


@local
def test_should_not_run_branches_again_where_the_state_itself_failed(cloud: Cloud, broken: Breakable) -> None:
    branches = [branch(**{name: broken.mark(f"'{name}'", End=True)}) for name in ("one", "two")]
    output = "{% $states.context.Execution.RedriveCount = 0 ? $error('not yet') : $states.result %}"
    failed = cloud.run({"Split": {"Type": "Parallel", "Branches": branches, "Output": output, "End": True}}, {"a": 1})
    assert failed.error == "States.QueryEvaluationError"

    assert broken.redrive(failed.arn).output == [{"a": 1}, {"a": 1}]
    assert broken.marks() == {"one": 1, "two": 1}


def inline_map(states: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": branch(**states), "End": True, **more}


@local
def test_should_run_only_the_unsuccessful_iterations_of_an_inline_map(cloud: Cloud, broken: Breakable) -> None:
    states = {
        "Mark": broken.mark("$states.input.index", Next="Odd"),
        "Odd": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.index = 1 %}", "Next": "Work"}],
            "Default": "Fine",
        },
        "Work": broken.task(),
        "Fine": {"Type": "Pass", "Output": "{% $states.input.value %}", "End": True},
    }
    selector = {
        "index": "{% $states.context.Map.Item.Index %}",
        "value": "{% $states.context.Map.Item.Value & '!' %}",
    }
    mapped = inline_map(
        states,
        Items="{% $states.context.Execution.RedriveCount = 0 ? ['a', 'b', 'c'] : ['other'] %}",
        MaxConcurrency=1,
        ItemSelector=selector,
    )
    failed = cloud.run({"Each": mapped})
    assert broken.marks() == {"0": 1, "1": 1}
    broken.mend()

    mended = broken.redrive(failed.arn)

    assert mended.output == ["a!", "mended", "c!"]
    assert broken.marks() == {"0": 1, "1": 1, "2": 1}
    types = [event["type"] for event in since_redrive(mended)]
    assert types[:6] == [
        "ExecutionRedriven", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited",
        "MapIterationSucceeded",
    ]  # fmt: skip
    assert types.count("MapIterationStarted") == 1
    assert "MapStateStarted" not in types


@local
def test_should_go_on_in_a_parallel_inside_of_a_map(cloud: Cloud, broken: Breakable) -> None:
    branches = [
        branch(Inner=broken.mark("'branch-' & $states.input", End=True)),
        branch(Wait={"Type": "Wait", "Seconds": 1, "Next": "Work"}, Work=broken.task("{% $string($states.input) %}")),
    ]
    broken.mend("1")
    failed = cloud.run(
        {"Each": inline_map({"Split": {"Type": "Parallel", "Branches": branches, "End": True}}, Items=[1, 2])}
    )
    assert failed.status == "FAILED"
    broken.mend("2")

    assert broken.redrive(failed.arn).output == [[1, "1"], [2, "2"]]
    assert broken.marks() == {"branch-1": 1, "branch-2": 1}


@local
def test_should_run_a_parallel_that_was_too_large_as_a_whole(cloud: Cloud, broken: Breakable) -> None:
    large = "{% $pad('', 200000, $states.context.Execution.RedriveCount = 0 ? 'x' : '') %}"
    branches = [branch(**{name: broken.mark(f"'{name}'", Output=large, End=True)}) for name in ("one", "two")]
    failed = cloud.run({"Split": {"Type": "Parallel", "Branches": branches, "Output": "done", "End": True}})
    assert failed.error == "States.DataLimitExceeded"

    broken.redrive(failed.arn)

    assert broken.marks() == {"one": 2, "two": 2}


@local
def test_should_go_on_after_a_stop(cloud: Cloud, broken: Breakable) -> None:
    states = cloud.client("stepfunctions")
    machine = cloud.machine(
        {
            "Mark": broken.mark("'before'", Next="Wait"),
            "Wait": {"Type": "Wait", "Seconds": 2, "Next": "Tell"},
            "Tell": {"Type": "Pass", "Output": "{% $states.context.Execution.StartTime %}", "End": True},
        }
    )
    arn = cloud.start(machine)
    until(broken.marks)
    time.sleep(0.3)
    states.stop_execution(executionArn=arn, error="Enough", cause="of it")
    assert described(cloud, arn)["redriveStatus"] == "REDRIVABLE"

    states.redrive_execution(executionArn=arn)
    assert described(cloud, arn) == {
        "status": "RUNNING", "redriveCount": 1, "redriveDate": described(cloud, arn)["redriveDate"],
        "redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
    }  # fmt: skip
    mended = cloud.wait(arn)

    started = mended.events[0]["timestamp"].astimezone(UTC)
    assert abs(datetime.fromisoformat(mended.output) - started) < timedelta(seconds=1)
    assert broken.marks() == {"before": 1}
    redriven = since_redrive(mended)
    assert (redriven[1]["timestamp"] - redriven[0]["timestamp"]).total_seconds() >= 2
    assert chain(mended)[:2] == [
        ("ExecutionRedriven", "ExecutionAborted"),
        ("WaitStateExited Wait", "WaitStateEntered Wait"),
    ]


@local
def test_should_have_its_time_anew_after_a_timeout(cloud: Cloud) -> None:
    wait = "{% $states.context.Execution.RedriveCount = 0 ? 30 : 1 %}"
    timed_out = cloud.run({"Wait": {"Type": "Wait", "Seconds": wait, "End": True}}, TimeoutSeconds=2)
    assert timed_out.status == "TIMED_OUT"

    ended = Breakable(cloud).redrive(timed_out.arn)

    assert (ended.status, ended.types()) == (
        "SUCCEEDED",
        [
            "ExecutionStarted", "WaitStateEntered", "ExecutionTimedOut", "ExecutionRedriven", "WaitStateExited",
            "ExecutionSucceeded",
        ],
    )  # fmt: skip


@local
def test_should_time_out_again(cloud: Cloud) -> None:
    timed_out = cloud.run({"Wait": {"Type": "Wait", "Seconds": 30, "End": True}}, TimeoutSeconds=1)

    again = Breakable(cloud).redrive(timed_out.arn)

    assert (again.status, again.types()[-3:]) == (
        "TIMED_OUT", ["ExecutionTimedOut", "ExecutionRedriven", "ExecutionTimedOut"],
    )  # fmt: skip
    time.sleep(0.2)
    history = cloud.client("stepfunctions").get_execution_history(executionArn=again.arn)["events"]
    assert [event["type"] for event in history] == again.types()


@local
def test_should_fail_again_in_a_fail_state_without_entering_it(cloud: Cloud) -> None:
    failed = cloud.run({"No": {"Type": "Fail", "Error": "Never", "Cause": "ever"}})

    again = Breakable(cloud).redrive(failed.arn)

    assert (again.status, again.error, again.cause) == ("FAILED", "Never", "ever")
    assert chain(again) == [("ExecutionRedriven", "ExecutionFailed"), ("ExecutionFailed", "ExecutionRedriven")]


@local
def test_should_run_the_definition_that_it_started_with(cloud: Cloud, broken: Breakable) -> None:
    states = cloud.client("stepfunctions")
    machine = cloud.machine({"Work": broken.task(Output="old")})
    failed = cloud.wait(cloud.start(machine))
    states.update_state_machine(
        stateMachineArn=machine, definition=json.dumps({"StartAt": "New", "States": {"New": {"Type": "Succeed"}}})
    )
    broken.mend()

    assert broken.redrive(failed.arn).output == "old"


@local
def test_should_answer_by_the_token_first(cloud: Cloud, broken: Breakable) -> None:
    states = cloud.client("stepfunctions")
    failed = cloud.run({"Work": broken.task()})

    first = states.redrive_execution(executionArn=failed.arn, clientToken="one")["redriveDate"]
    cloud.wait(failed.arn)
    assert states.redrive_execution(executionArn=failed.arn, clientToken="one")["redriveDate"] == first
    assert described(cloud, failed.arn)["redriveCount"] == 1

    broken.mend()
    second = states.redrive_execution(executionArn=failed.arn, clientToken="two")["redriveDate"]
    assert cloud.wait(failed.arn).status == "SUCCEEDED"
    for token, date in (("one", first), ("two", second)):
        assert states.redrive_execution(executionArn=failed.arn, clientToken=token)["redriveDate"] == date
    assert (
        refusal(states.redrive_execution, executionArn=failed.arn, clientToken="three")[0] == "ExecutionNotRedrivable"
    )
    pattern = "failed to satisfy constraint: Member must satisfy regular expression pattern: [!-~]+"
    assert refusal(states.redrive_execution, executionArn=failed.arn, clientToken="with space") == (
        "ValidationException", f"1 validation error detected: Value 'with space' at 'clientToken' {pattern}",
    )  # fmt: skip


@local
def test_should_wait_for_a_token_of_its_own(cloud: Cloud, broken: Breakable) -> None:
    states, queues = cloud.client("stepfunctions"), cloud.client("sqs")
    url = queues.create_queue(QueueName=cloud.name("queue"))["QueueUrl"]
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {"QueueUrl": url, "MessageBody": "{% $states.context.Task.Token %}"},
        "End": True,
    }

    def token() -> str:
        (message,) = until(lambda: queues.receive_message(QueueUrl=url).get("Messages"))
        queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return str(message["Body"])

    arn = cloud.start(cloud.machine({"Ask": task}))
    first = token()
    states.send_task_failure(taskToken=first, error="Later")
    assert cloud.wait(arn).error == "Later"

    states.redrive_execution(executionArn=arn)
    second = token()

    assert refusal(states.send_task_success, taskToken=first, output="1")[0] == "TaskTimedOut"
    states.send_task_success(taskToken=second, output="2")
    assert cloud.wait(arn).output == 2


@local
def test_should_say_what_cannot_be_redriven(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    machine = cloud.machine({"Wait": {"Type": "Wait", "Seconds": "{% $states.input.seconds %}", "End": True}})
    running, succeeded = cloud.start(machine, {"seconds": 30}), cloud.wait(cloud.start(machine, {"seconds": 0})).arn
    for arn, status in ((running, "RUNNING"), (succeeded, "SUCCEEDED")):
        assert refusal(states.redrive_execution, executionArn=arn) == (
            "ExecutionNotRedrivable",
            f"Execution {arn} invalid for redrive as: Execution is {status} and cannot be redriven",
        )
    prefix = f"arn:aws:states:us-east-1:{ACCOUNT}"
    never = f"{prefix}:execution:nobody:never"
    assert refusal(states.redrive_execution, executionArn=never) == (
        "ExecutionDoesNotExist", f"Execution Does Not Exist: '{never}'",
    )  # fmt: skip
    assert refusal(states.redrive_execution, executionArn="never")[0] == "InvalidArn"
    assert refusal(states.redrive_execution, executionArn=f"{prefix}:express:a:b:c") == (
        "InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'",
    )  # fmt: skip
    assert refusal(states.redrive_execution, executionArn=f"{prefix}:execution:a/Each:b") == (
        "ValidationException", "Labeled Execution ARNs are not supported for this API",
    )  # fmt: skip

    states.delete_state_machine(stateMachineArn=machine)
    assert refusal(states.redrive_execution, executionArn=running) == (
        "ExecutionNotRedrivable",
        f"Execution {running} invalid for redrive as: State machine is in DELETING status",
    )


@local
def test_should_be_a_task_that_needs_its_permission(cloud: Cloud, broken: Breakable) -> None:
    failed = cloud.run({"Work": broken.task()})
    broken.mend()
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:redriveExecution",
        "Arguments": {"ExecutionArn": failed.arn},
        "End": True,
    }

    def redriven_by(resource: str) -> Execution:
        return cloud.run({"Redrive": task}, role=cloud.role("states", allow("states:RedriveExecution", resource)))

    denied = redriven_by(failed.arn.replace(":execution:", ":stateMachine:"))
    assert (denied.status, denied.error) == ("FAILED", "Sfn.SfnException")
    assert "is not authorized to perform: states:RedriveExecution" in denied.cause
    assert described(cloud, failed.arn)["redriveCount"] == 0

    allowed = redriven_by(failed.arn)
    assert (allowed.status, list(allowed.output)) == ("SUCCEEDED", ["RedriveDate"])
    assert cloud.wait(failed.arn).output == "mended"


@local
def test_should_list_redrives(cloud: Cloud, broken: Breakable) -> None:
    states = cloud.client("stepfunctions")
    machine = cloud.machine({"Work": broken.task()})
    failed = cloud.wait(cloud.start(machine))
    broken.redrive(failed.arn)

    (listed,) = states.list_executions(stateMachineArn=machine)["executions"]

    assert (listed["redriveCount"], listed["redriveDate"]) == (1, described(cloud, failed.arn)["redriveDate"])
    answer = refusal(states.list_executions, stateMachineArn=machine, redriveFilter="REDRIVEN")
    assert answer[0] == "ValidationException"


@local
def test_should_tell_eventbridge_of_redrives(cloud: Cloud, broken: Breakable) -> None:
    queues, events = cloud.client("sqs"), cloud.client("events")
    url = queues.create_queue(QueueName=cloud.name("queue"))["QueueUrl"]
    queue = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    machine = cloud.machine({"Work": broken.task()})
    rule = cloud.name("rule")
    pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [machine]}}
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": queue}])
    told: list[dict[str, Any]] = []

    def received(number: int) -> bool:
        messages = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        told.extend(json.loads(message["Body"])["detail"] for message in messages)
        return len(told) >= number

    failed = cloud.wait(cloud.start(machine))
    until(lambda: received(2))
    broken.mend()
    broken.redrive(failed.arn)
    until(lambda: received(4))

    told.sort(key=lambda detail: (detail["redriveCount"], detail["status"] != "RUNNING"))
    shown = ("status", "redriveCount", "redriveStatus", "redriveStatusReason", "output")
    assert [tuple(detail[name] for name in shown) for detail in told] == [
        ("RUNNING", 0, "NOT_REDRIVABLE", "Execution is RUNNING and cannot be redriven", None),
        ("FAILED", 0, "REDRIVABLE", None, None),
        ("RUNNING", 1, "NOT_REDRIVABLE", "Execution is RUNNING and cannot be redriven", None),
        ("SUCCEEDED", 1, "NOT_REDRIVABLE", "Execution is SUCCEEDED and cannot be redriven", '"mended"'),
    ]
    date = described(cloud, failed.arn)["redriveDate"]
    assert {detail["redriveDate"] for detail in told} == {None, round(date.timestamp() * 1000)}


@local
def test_should_log_how_often_it_was_redriven(cloud: Cloud, broken: Breakable) -> None:
    states, logs = cloud.client("stepfunctions"), cloud.client("logs")
    group = cloud.name("/aws/vendedlogs/states/redrive")
    logs.create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:*"
    machine = states.create_state_machine(
        name=cloud.name("machine"),
        roleArn=cloud.role("states"),
        definition=json.dumps({"QueryLanguage": "JSONata", "StartAt": "Work", "States": {"Work": broken.task()}}),
        loggingConfiguration={
            "level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}],
        },
    )["stateMachineArn"]  # fmt: skip
    failed = cloud.wait(cloud.start(machine))
    broken.mend()
    broken.redrive(failed.arn)

    logged = [json.loads(event["message"]) for event in logs.filter_log_events(logGroupName=group)["events"]]
    assert {(entry["type"], entry["redrive_count"]) for entry in logged if entry["type"].startswith("Execution")} == {
        ("ExecutionStarted", "0"), ("ExecutionFailed", "0"), ("ExecutionRedriven", "1"), ("ExecutionSucceeded", "1"),
    }  # fmt: skip


NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"status": "TIMED_OUT"}, None),
        ({"status": "ABORTED"}, None),
        ({"status": "RUNNING"}, "Execution is RUNNING and cannot be redriven"),
        ({"events": 24_998}, None),
        ({"events": 24_999}, "Execution history event limit exceeded"),
        ({"stopped": "2026-02-15T00:00:01.000Z"}, None),
        ({"stopped": "2026-02-14T23:59:59.000Z"}, "Execution redrivable period exceeded"),
        ({"started": "2025-02-28T00:00:00.000Z"}, "Execution has exceeded the max execution time"),
    ],
)
def test_should_know_who_may_be_redriven(changed: dict[str, Any], reason: str | None) -> None:
    given: dict[str, Any] = {
        "status": "FAILED", "started": "2026-02-14T00:00:00.000Z", "stopped": "2026-02-28T00:00:00.000Z",
    }  # fmt: skip

    assert redrive_eligibility.refusal(**({**given, "events": 3, "now": NOW} | changed)) == reason
