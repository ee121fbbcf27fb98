"""A parent in one account and its child in another: what they record, and how each end of one reaches the other."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from constructs_lib.testing import faults
from tests.end_to_end.cross_account_app import CHILD_CAUSE, CHILD_ERROR, HEARTBEAT_SECONDS, STARTED_BY, eventually

if TYPE_CHECKING:
    from constructs_lib.testing.execution import CompletedExecution, RunningExecution
    from tests.end_to_end.cross_account_app import CrossAccountApp

pytestmark = pytest.mark.local

# Whether the child is in the other account or in the parent's own is an argument's difference.
POLLING = pytest.mark.parametrize(
    ("parent", "child"),
    [("polling-parent", "polled-child"), ("local-parent", "local-child")],
    ids=["across accounts", "in one account"],
)
AT_ONCE = pytest.mark.parametrize("parent", ["express-parent", "local-express-parent"])


def name_of(execution: RunningExecution) -> str:
    return execution.execution_arn.rpartition(":")[2]


def details(execution: CompletedExecution, event_type: str, kind: str) -> dict[str, Any]:
    """What the only event of a type says."""
    (event,) = (event for event in execution.events if event["type"] == event_type)
    return dict(event[f"{kind}EventDetails"])


def test_should_record_what_aws_records(two_accounts: CrossAccountApp) -> None:
    ended = two_accounts.run("polling-parent", n=7)

    assert [event["type"] for event in ended.events] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    scheduled = details(ended, "TaskScheduled", "taskScheduled")
    assert scheduled["taskCredentials"] == {"roleArn": two_accounts.role("polled-child-target")}
    assert (scheduled["resource"], scheduled["timeoutInSeconds"]) == ("startExecution.sync:2", 3600)
    submitted = json.loads(details(ended, "TaskSubmitted", "taskSubmitted")["output"])
    child = two_accounts.only_child("polled-child", ended)
    assert submitted["ExecutionArn"] == child.execution_arn
    assert child.execution_arn.split(":")[4] == two_accounts.target


@POLLING
def test_should_give_the_childs_output_and_tell_the_child_who_started_it(
    two_accounts: CrossAccountApp, parent: str, child: str
) -> None:
    ended = two_accounts.run(parent, n=7)

    assert ended.output == {"echo": 7, "startedBy": ended.execution_arn}
    started = two_accounts.only_child(child, ended)
    assert two_accounts.input_of(started.execution_arn) == {"n": 7, STARTED_BY: ended.execution_arn}


@pytest.mark.parametrize("parent", ["polling-parent", "waiting-parent", "express-parent"])
@pytest.mark.parametrize("said", ["text", 'a "quoted" \\ {% text %}', "", 7, 0.5, False, None, [], [1], {}], ids=repr)
def test_should_give_the_childs_output_as_it_is(two_accounts: CrossAccountApp, parent: str, said: object) -> None:
    ended = two_accounts.run(parent, say=said)

    assert (ended.status, ended.output) == ("SUCCEEDED", said)


@POLLING
def test_should_end_with_the_childs_own_error_and_cause(two_accounts: CrossAccountApp, parent: str, child: str) -> None:
    ended = two_accounts.run(parent, fail=True)

    assert (ended.status, ended.error, ended.cause) == ("FAILED", CHILD_ERROR, CHILD_CAUSE)


@POLLING
def test_should_fail_when_the_child_is_stopped(two_accounts: CrossAccountApp, parent: str, child: str) -> None:
    execution = two_accounts.start(parent, n=7, seconds=60)
    started = two_accounts.only_child(child, execution)
    two_accounts.client("stepfunctions", two_accounts.account_of(child)).stop_execution(
        executionArn=started.execution_arn
    )

    ended = execution.wait()

    assert (ended.status, ended.error) == ("FAILED", "States.TaskFailed")
    assert ended.cause == f"The child execution {started.execution_arn} ended as ABORTED."


@POLLING
def test_should_fail_when_the_child_has_used_up_its_time(
    two_accounts: CrossAccountApp, parent: str, child: str
) -> None:
    with two_accounts.changed(child, TimeoutSeconds=1):
        ended = two_accounts.run(parent, n=7, seconds=60)

    assert (ended.status, ended.error) == ("FAILED", "States.Timeout")
    started = two_accounts.only_child(child, ended)
    assert ended.cause == f"The child execution {started.execution_arn} ended as TIMED_OUT."


def test_should_stop_the_child_when_the_states_time_is_over(two_accounts: CrossAccountApp) -> None:
    ended = two_accounts.run("impatient-parent", fail=False)

    assert (ended.status, ended.error) == ("FAILED", "States.Timeout")
    assert two_accounts.only_child("polled-child", ended).wait(5).status == "ABORTED"


@POLLING
def test_should_stop_the_child_with_the_parent(two_accounts: CrossAccountApp, parent: str, child: str) -> None:
    execution = two_accounts.start(parent, n=7, seconds=60)
    started = two_accounts.only_child(child, execution)
    eventually(lambda: "TaskSubmitted" in two_accounts.types(execution))

    assert execution.stop().status == "ABORTED"
    assert started.wait(5).status == "ABORTED"


def test_should_name_each_execution_of_the_child_anew(two_accounts: CrossAccountApp) -> None:
    runs = [two_accounts.run("polling-parent", n=7) for _ in range(2)]

    names = [name_of(two_accounts.only_child("polled-child", run)) for run in runs]
    assert len(set(names)) == 2
    for run, name in zip(runs, names, strict=True):
        # The parent's own name, to find it by; what makes it unique; no redrive, no retry.
        assert re.fullmatch(rf"{run.execution_arn.rpartition(':')[2]}-[0-9a-f-]+-0-0", name)


def test_should_take_another_name_for_an_attempt_after_a_throttled_one(two_accounts: CrossAccountApp) -> None:
    error, machine = "StepFunctions.ExecutionLimitExceeded", two_accounts.machine("polling-parent")
    fault = faults.add(two_accounts.cloud.endpoint, machine, "Run child", error=error, cause="Throttled.", times=1)

    ended = two_accounts.run("polling-parent", n=7)

    assert (ended.status, fault.thrown, ended.attempts("Run child")) == ("SUCCEEDED", 1, 2)
    scheduled = [event["taskScheduledEventDetails"] for event in ended.events if event["type"] == "TaskScheduled"]
    refused, started = (json.loads(attempt["parameters"])["Name"] for attempt in scheduled)
    assert (refused[:36], refused[-4:], started[-4:]) == (started[:36], "-0-0", "-0-1")
    assert name_of(two_accounts.only_child("polled-child", ended)) == started


def test_should_start_another_child_where_a_policy_retries_a_failed_one(two_accounts: CrossAccountApp) -> None:
    ended = two_accounts.run("impatient-parent", fail=True)

    # Without a ChildFailure the child's end is JSON in the cause.
    assert (ended.status, ended.error) == ("FAILED", "States.TaskFailed")
    first, second = two_accounts.children("polled-child", ended)
    assert (name_of(first)[-3:], name_of(second)[-3:]) == ("0-0", "0-1")
    assert json.loads(ended.cause or "")["ExecutionArn"] == second.execution_arn


def test_should_hear_of_success_from_the_child_itself(two_accounts: CrossAccountApp) -> None:
    ended = two_accounts.run("waiting-parent", n=7)

    assert ended.output == {"echo": 7, "startedBy": ended.execution_arn}
    scheduled = details(ended, "TaskScheduled", "taskScheduled")
    assert scheduled["taskCredentials"] == {"roleArn": two_accounts.role("reporting-child-target")}
    assert scheduled["heartbeatInSeconds"] == HEARTBEAT_SECONDS
    child = two_accounts.only_child("reporting-child", ended).wait()
    assert (child.status, child.output) == ("SUCCEEDED", ended.output)


def test_should_hear_of_failure_and_its_cause_from_the_child_itself(two_accounts: CrossAccountApp) -> None:
    ended = two_accounts.run("waiting-parent", fail=True)

    assert (ended.status, ended.error, ended.cause) == ("FAILED", CHILD_ERROR, CHILD_CAUSE)
    child = two_accounts.only_child("reporting-child", ended).wait()
    assert (child.status, child.error, child.cause) == ("FAILED", CHILD_ERROR, CHILD_CAUSE)


def test_should_give_up_a_child_that_misses_its_heartbeat(two_accounts: CrossAccountApp) -> None:
    started = time.monotonic()
    ended = two_accounts.run("waiting-parent", n=7, seconds=60)

    # Caught as States.HeartbeatTimeout.
    assert (ended.status, ended.error) == ("FAILED", "Child.Silent")
    assert HEARTBEAT_SECONDS <= time.monotonic() - started < 20
    child = two_accounts.only_child("reporting-child", ended)
    assert child.status == "RUNNING"  # nothing stops it: it was only started
    child.stop()


def test_should_wait_longer_for_a_child_that_reports_its_heartbeat(two_accounts: CrossAccountApp) -> None:
    ended = two_accounts.run("waiting-parent", n=7, beats=HEARTBEAT_SECONDS + 1)

    assert (ended.status, ended.output) == ("SUCCEEDED", {"echo": 7, "startedBy": ended.execution_arn})
    child = two_accounts.only_child("reporting-child", ended).wait()
    assert child.states.count("Still at it") == HEARTBEAT_SECONDS + 1


def test_should_take_a_token_from_its_own_account_only(two_accounts: CrossAccountApp) -> None:
    execution = two_accounts.start("waiting-parent", n=7, seconds=60)
    child = two_accounts.only_child("reporting-child", execution)
    token = two_accounts.input_of(child.execution_arn)["TaskToken"]
    theirs, ours = (two_accounts.client("stepfunctions", one) for one in (two_accounts.target, two_accounts.source))

    # By someone with every right in the target account.
    with pytest.raises(ClientError) as refused:
        theirs.send_task_success(taskToken=token, output='"forged"')
    assert refused.value.response["Error"]["Code"] == "InvalidToken"
    assert execution.status == "RUNNING"

    ours.send_task_success(taskToken=token, output='"reported"')
    assert execution.wait().output == "reported"
    child.stop()


@AT_ONCE
def test_should_wait_for_an_express_child_in_the_call(two_accounts: CrossAccountApp, parent: str) -> None:
    ended = two_accounts.run(parent, n=7)

    assert ended.output == {"echo": 7, "startedBy": ended.execution_arn}
    assert ended.states == ("Run child", "Run child: succeeded?", "Run child: output")


@AT_ONCE
def test_should_fail_as_the_express_child_does_though_the_call_succeeds(
    two_accounts: CrossAccountApp, parent: str
) -> None:
    ended = two_accounts.run(parent, fail=True)

    assert (ended.status, ended.error, ended.cause) == ("FAILED", CHILD_ERROR, CHILD_CAUSE)
    result = json.loads(details(ended, "TaskSucceeded", "taskSucceeded")["output"])
    assert result["Status"] == "FAILED"


def test_should_go_on_as_told_after_an_express_child_has_failed(two_accounts: CrossAccountApp) -> None:
    ended = two_accounts.run("forgiving-parent", fail=True)

    assert (ended.status, ended.output) == ("SUCCEEDED", {"instead": CHILD_ERROR})
