"""`states:startExecution` and `aws-sdk:sfn:startSyncExecution`, in one account and from one to another."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.constructs_lib.local.emulator.conftest import ACCOUNT, SOURCE_ACCOUNT, Cloud
from tests.constructs_lib.local.emulator.waiting import (
    allow,
    executions,
    machine_in,
    put_policy,
    role_in,
    status,
    types,
    until,
)

pytestmark = pytest.mark.local

# The child's account, where it isn't the parent's.
OTHER = SOURCE_ACCOUNT
PASS = {"Pass": {"Type": "Pass", "Output": {"seen": "{% $states.input %}"}, "End": True}}
FAIL = {"Fail": {"Type": "Fail", "Error": "Broken", "Cause": "for good"}}
LONG = {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}
RULE = ["events:PutTargets", "events:PutRule", "events:DescribeRule"]


def start(child: str, pattern: str = ".sync:2", **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::states:startExecution{pattern}",
        "Arguments": {"StateMachineArn": child, "Input": {"from": "parent"}},
        "End": True,
        **more,
    }


class Pair:
    """A parent in one account and a child in the same, or in another, with as many permissions as named."""

    def __init__(self, cloud: Cloud, account: str, child: dict[str, Any], **more: Any) -> None:
        self.cloud, self.account = cloud, account
        self.child = machine_in(cloud, account, child)
        self.parent_name = cloud.name("parent")
        self.parent = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{self.parent_name}"
        self.role = cloud.role("states", *self._rule())
        # The role whose permissions on the child count.
        self.task_role, credentials = self.role, {}
        if account != ACCOUNT:
            trust = {
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Condition": {
                    "StringEquals": {"sts:ExternalId": self.parent},
                    "ArnEquals": {"aws:PrincipalArn": self.role},
                },
            }
            self.task_role = role_in(cloud, account, trust, allow("states:StartExecution", self.child))
            credentials = {"Credentials": {"RoleArn": self.task_role}}
            put_policy(cloud, self.role, allow("sts:AssumeRole", self.task_role))
        self.task = {**start(self.child), **credentials, **more}
        self.permit("StartExecution", "DescribeExecution", "StopExecution")

    def _rule(self) -> list[dict[str, Any]]:
        return [allow(RULE, "*")]

    def permit(self, *actions: str) -> None:
        """Let the task's role do these, of what it can do to the child, and nothing else."""
        runs = f"{self.child.replace(':stateMachine:', ':execution:')}:*"
        statements = [
            allow(f"states:{action}", self.child if action == "StartExecution" else runs) for action in actions
        ]
        put_policy(self.cloud, self.task_role, *statements, *(self._rule() if self.task_role == self.role else []))

    def run(self, states: dict[str, Any] | None = None) -> str:
        definition = {"QueryLanguage": "JSONata", **(states or {"StartAt": "Child", "States": {"Child": self.task}})}
        self.cloud.client("stepfunctions").create_state_machine(
            name=self.parent_name, roleArn=self.role, definition=json.dumps(definition)
        )
        return self.cloud.start(self.parent)

    def child_run(self) -> str:
        """The child's only execution, once there is one."""
        (found,) = until(lambda: executions(self.cloud, self.child))
        return str(found)


both_accounts = pytest.mark.parametrize("account", [ACCOUNT, OTHER], ids=["same account", "across accounts"])


def test_should_record_a_cross_account_run_as_aws_does(cloud: Cloud) -> None:
    pair = Pair(cloud, OTHER, PASS)
    ended = cloud.wait(pair.run())

    assert (ended.status, ended.cause) == ("SUCCEEDED", "")
    assert ended.output["Output"] == {"seen": {"from": "parent"}}
    assert ended.types() == [
        "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded",
        "TaskStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    assert ended.events[2]["taskScheduledEventDetails"]["taskCredentials"] == {"roleArn": pair.task_role}
    assert ended.output["ExecutionArn"].split(":")[4] == OTHER


@pytest.mark.parametrize(("pattern", "parse"), [(".sync", json.loads), (".sync:2", dict)])
def test_should_give_a_childs_output_as_the_pattern_says(cloud: Cloud, pattern: str, parse: Any) -> None:
    child = machine_in(cloud, ACCOUNT, PASS)
    ended = cloud.run({"Child": start(child, pattern)})

    assert parse(ended.output["Output"]) == {"seen": {"from": "parent"}}
    assert (ended.output["Status"], ended.output["StateMachineArn"]) == ("SUCCEEDED", child)


@pytest.mark.parametrize("pattern", [".sync", ".sync:2"])
def test_should_fail_with_a_childs_description(cloud: Cloud, pattern: str) -> None:
    ended = cloud.run({"Child": start(machine_in(cloud, ACCOUNT, FAIL), pattern)})

    assert (ended.status, ended.error) == ("FAILED", "States.TaskFailed")
    cause = json.loads(ended.cause)
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "Broken", "for good")


@pytest.mark.parametrize("missing", ["permission", "external id", "role"])
def test_should_say_that_a_role_cannot_be_assumed(cloud: Cloud, missing: str) -> None:
    pair = Pair(cloud, OTHER, PASS)
    wanted = pair.task_role
    if missing == "permission":
        put_policy(cloud, pair.role, allow("sts:AssumeRole", f"{wanted}-other"))
    elif missing == "external id":
        wanted = role_in(
            cloud,
            OTHER,
            {
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Condition": {"StringEquals": {"sts:ExternalId": f"{pair.parent}-other"}},
            },
            allow("*"),
        )
    else:
        wanted = f"{wanted}-gone"
    if missing != "permission":
        put_policy(cloud, pair.role, allow("sts:AssumeRole"))
    pair.task |= {
        "Credentials": {"RoleArn": wanted},
        "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Caught"}],
    }
    caught = {"Type": "Pass", "End": True}

    ended = cloud.wait(pair.run({"StartAt": "Child", "States": {"Child": pair.task, "Caught": caught}}))

    assert ended.output == {
        "Error": "States.TaskFailed",
        "Cause": f"The role {pair.role} is not authorized to assume the task state's role, {wanted}.",
    }
    (failed,) = [event for event in ended.events if event["type"] == "TaskFailed"]
    assert failed["taskFailedEventDetails"]["resource"] == "startExecution.sync:2"
    assert executions(cloud, pair.child) == []


@both_accounts
def test_should_wait_on_while_it_may_not_look_and_recover(cloud: Cloud, account: str) -> None:
    pair = Pair(cloud, account, PASS)
    pair.permit("StartExecution")
    execution = pair.run()
    child = pair.child_run()
    until(lambda: status(cloud, child) == "SUCCEEDED")
    time.sleep(0.4)
    assert status(cloud, execution) == "RUNNING"
    assert types(cloud, execution)[-1] == "TaskSubmitted"

    pair.permit("StartExecution", "DescribeExecution")

    assert cloud.wait(execution, 5).output["Output"] == {"seen": {"from": "parent"}}


@both_accounts
@pytest.mark.parametrize("permitted", [True, False], ids=["may stop", "may not stop"])
def test_should_pass_a_stop_on_when_the_role_may(cloud: Cloud, account: str, *, permitted: bool) -> None:
    pair = Pair(cloud, account, LONG)
    pair.permit("StartExecution", "DescribeExecution", *(["StopExecution"] if permitted else []))
    execution = pair.run()
    child = pair.child_run()
    until(lambda: "TaskSubmitted" in types(cloud, execution))

    cloud.client("stepfunctions").stop_execution(executionArn=execution)

    ended = cloud.wait(execution, 1)
    assert (ended.status, ended.types()[-2:]) == ("ABORTED", ["TaskSubmitted", "ExecutionAborted"])
    if permitted:
        until(lambda: status(cloud, child) == "ABORTED", 5)
    else:
        time.sleep(0.3)
        assert status(cloud, child) == "RUNNING"
        cloud.client("stepfunctions", account).stop_execution(executionArn=child)


FAILS_SOON = {"StartAt": "Soon", "States": {"Soon": {"Type": "Wait", "Seconds": 1, "Next": "Fail"}, **FAIL}}


@pytest.mark.parametrize("how", ["state's timeout", "machine's timeout", "branch", "iteration", "map run"])
def test_should_stop_the_child_of_what_ends_before_it(cloud: Cloud, how: str) -> None:
    pair = Pair(cloud, ACCOUNT, LONG)
    alone = {"StartAt": "Child", "States": {"Child": pair.task}}
    definition: dict[str, Any] = alone
    ends = ("FAILED", "Broken")
    if how == "state's timeout":
        definition = {"StartAt": "Child", "States": {"Child": {**pair.task, "TimeoutSeconds": 1}}}
        ends = ("FAILED", "States.Timeout")
    elif how == "machine's timeout":
        definition = {**alone, "TimeoutSeconds": 1}
        ends = ("TIMED_OUT", "States.Timeout")
    elif how == "branch":
        both = {"Type": "Parallel", "Branches": [alone, FAILS_SOON], "End": True}
        definition = {"StartAt": "Both", "States": {"Both": both}}
    else:
        choice = {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input = 0 %}", "Next": "Child"}],
            "Default": "Soon",
        }
        states = {"Which": choice, "Child": pair.task, **FAILS_SOON["States"]}  # type: ignore[dict-item]
        processor: dict[str, Any] = {"StartAt": "Which", "States": states}
        if how == "map run":
            processor["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
            ends = ("FAILED", "States.ExceedToleratedFailureThreshold")
            put_policy(cloud, pair.role, allow("states:StartExecution", pair.parent), name="map run")
        each = {"Type": "Map", "Items": [0, 1], "ItemProcessor": processor, "End": True}
        definition = {"StartAt": "Each", "States": {"Each": each}}

    ended = cloud.wait(pair.run(definition))

    assert (ended.status, ended.error) == ends
    until(lambda: status(cloud, pair.child_run()) == "ABORTED", 5)
    assert "TaskSucceeded" not in cloud.wait(ended.arn).types()


def test_should_not_make_a_waiting_machine_without_the_permissions_for_its_rule(cloud: Cloud) -> None:
    rule = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
    child = machine_in(cloud, ACCOUNT, PASS)
    inner = {"StartAt": "Child", "States": {"Child": start(child)}}
    states = {"Both": {"Type": "Parallel", "Branches": [inner], "End": True}}
    managed = {**allow(RULE, rule), "Condition": {"StringEquals": {"events:ManagedBy": "states.amazonaws.com"}}}
    waiting = cloud.machine(states, role=cloud.role("states", managed))
    plain = cloud.machine({"Child": start(child, "")}, role=cloud.role("states", allow("states:*")))
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Both", "States": states})
    api = cloud.client("stepfunctions")

    for lacking in RULE:
        role = cloud.role("states", allow([action for action in RULE if action != lacking], rule))
        with pytest.raises(ClientError) as refused:
            cloud.machine(states, role=role)
        assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
        assert refused.value.response["Error"]["Message"] == f"'{role}' is not authorized to create managed-rule."
        with pytest.raises(ClientError, match="is not authorized to create managed-rule"):
            api.update_state_machine(stateMachineArn=waiting, roleArn=role)
    with pytest.raises(ClientError, match="is not authorized to create managed-rule"):
        api.update_state_machine(stateMachineArn=plain, definition=definition)


def test_should_fail_the_stack_of_a_waiting_machine_without_those_permissions(cloud: Cloud) -> None:
    definition = {
        "StartAt": "Child",
        "States": {"Child": start("arn:aws:states:us-east-1:111111111111:stateMachine:a")},
    }
    role = cloud.role("states", allow("states:*"))
    properties = {"DefinitionString": json.dumps({"QueryLanguage": "JSONata", **definition}), "RoleArn": role}
    template = {"Resources": {"It": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    cloudformation, name = cloud.client("cloudformation"), cloud.name("stack")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))

    with pytest.raises(WaiterError):
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})

    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    reasons = " ".join(event.get("ResourceStatusReason", "") for event in events)
    assert f"'{role}' is not authorized to create managed-rule." in reasons


def test_should_start_and_forget(cloud: Cloud) -> None:
    child = machine_in(cloud, ACCOUNT, LONG)
    associated = {"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "{% $states.context.Execution.Id %}"}
    task = start(child, "", Arguments={"StateMachineArn": child, "Name": "once", "Input": associated})
    role = cloud.role("states", allow("states:StartExecution", child))
    machine = cloud.machine({"Child": task}, role=role)

    first = cloud.wait(cloud.start(machine))
    # The parent's id in the input makes it another request of the same name.
    second = cloud.wait(cloud.start(machine))

    run = f"{child.replace(':stateMachine:', ':execution:')}:once"
    assert first.output["ExecutionArn"] == run
    assert first.types().count("TaskSubmitted") == 0
    described = cloud.client("stepfunctions").describe_execution(executionArn=run)
    assert described["status"] == "RUNNING"
    assert json.loads(described["input"]) == {"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": first.arn}
    assert (second.status, second.error) == ("FAILED", "StepFunctions.ExecutionAlreadyExistsException")
    cloud.client("stepfunctions").stop_execution(executionArn=run)


def test_should_wait_for_a_childs_answer_by_token(cloud: Cloud) -> None:
    answer = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess",
        "Arguments": {"TaskToken": "{% $states.input.token %}", "Output": {"done": True}},
        "End": True,
    }
    child = machine_in(cloud, ACCOUNT, {"Answer": answer})
    task = start(
        child,
        ".waitForTaskToken",
        Arguments={"StateMachineArn": child, "Input": {"token": "{% $states.context.Task.Token %}"}},
    )

    assert cloud.run({"Child": task}).output == {"done": True}


@both_accounts
@pytest.mark.parametrize("child", [PASS, FAIL], ids=["succeeds", "fails"])
def test_should_run_an_express_child_to_its_end(cloud: Cloud, account: str, child: dict[str, Any]) -> None:
    machine = machine_in(cloud, account, child, type="EXPRESS")
    may_start = allow("states:StartSyncExecution", machine)
    role, credentials = cloud.role("states", may_start), {}
    if account != ACCOUNT:
        target = role_in(cloud, account, {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, may_start)
        put_policy(cloud, role, allow("sts:AssumeRole", target))
        credentials = {"Credentials": {"RoleArn": target}}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:startSyncExecution",
        "Arguments": {"StateMachineArn": machine, "Input": {"n": 1}},
        "End": True,
        **credentials,
    }
    ended = cloud.run({"Child": task}, role=role)

    assert ended.status == "SUCCEEDED"
    if child is PASS:
        assert (ended.output["Status"], json.loads(ended.output["Output"])) == ("SUCCEEDED", {"seen": {"n": 1}})
    else:
        found = tuple(ended.output[name] for name in ("Status", "Error", "Cause"))
        assert found == ("FAILED", "Broken", "for good")


def test_should_fail_for_want_of_a_permission_to_run_an_express_child(cloud: Cloud) -> None:
    machine = machine_in(cloud, ACCOUNT, PASS, type="EXPRESS")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:startSyncExecution",
        "Arguments": {"StateMachineArn": machine},
        "End": True,
    }
    ended = cloud.run({"Child": task}, role=cloud.role("states", allow("states:StartExecution", machine)))

    assert ended.status == "FAILED"
    assert "is not authorized to perform: states:StartSyncExecution" in ended.cause
