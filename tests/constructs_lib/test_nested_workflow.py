from __future__ import annotations

import json
import math
import re
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Duration, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from hypothesis import example, given
from hypothesis import strategies as st
from jsonata import Jsonata
from jsonata.utils import Utils

from constructs_lib import (
    ChildFailure,
    ChildWorkflow,
    NestedExpressWorkflow,
    NestedWorkflow,
    NestedWorkflowWithCallback,
    ObjectSource,
    ReportedWork,
    ReportHeartbeat,
    RetryPolicy,
    RetryRule,
    S3DistributedMap,
    WorkflowIdentity,
    WorkflowRole,
)
from tests.cdk import JsonObject, definition_of, make_app, statements_of, states_in, template_of
from tests.node import validate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SOURCE, TARGET = "111111111111", "222222222222"
PARENT = WorkflowIdentity(account=SOURCE, state_machine_name="review-intake")
CHILD_ARN = f"arn:aws:states:eu-west-1:{TARGET}:stateMachine:review-classifier"
CHILD = f"arn:${{AWS::Partition}}:states:eu-west-1:{TARGET}:stateMachine:review-classifier"
TARGET_ROLE = f"arn:${{AWS::Partition}}:iam::{TARGET}:role/review-classifier-target-eu-west-1"
CALLBACK_ROLE = f"arn:${{AWS::Partition}}:iam::{SOURCE}:role/review-intake-callback-eu-west-1"
OWN_CHILD = f"arn:aws:states:eu-west-1:{SOURCE}:stateMachine:review-classifier"
OWN_EXECUTIONS = f"arn:${{AWS::Partition}}:states:eu-west-1:{SOURCE}:execution:review-classifier:*"
MANAGED_RULE = (
    f"arn:${{AWS::Partition}}:events:eu-west-1:{SOURCE}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
)
EXPRESS = sfn.StateMachineType.EXPRESS
STARTED_BY = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
RETRY = [
    {
        "ErrorEquals": [
            "StepFunctions.ExecutionLimitExceeded",
            "StepFunctions.ExecutionLimitExceededException",
            "StepFunctions.ThrottlingException",
            "Sfn.ExecutionLimitExceededException",
            "Sfn.ThrottlingException",
        ],
        "IntervalSeconds": 1,
        "MaxAttempts": 10,
        "BackoffRate": 2,
        "MaxDelaySeconds": 20,
        "JitterStrategy": "FULL",
    },
    {
        "ErrorEquals": ["StepFunctions.AWSStepFunctionsException", "Sfn.SfnException"],
        "IntervalSeconds": 1,
        "MaxAttempts": 3,
        "BackoffRate": 2,
        "MaxDelaySeconds": 20,
        "JitterStrategy": "FULL",
    },
    {
        "ErrorEquals": ["StepFunctions.SdkClientException", "Sfn.SdkClientException"],
        "IntervalSeconds": 1,
        "MaxAttempts": 5,
        "BackoffRate": 2,
        "MaxDelaySeconds": 20,
        "JitterStrategy": "FULL",
    },
]
NAME = (
    "{% $substring($states.context.Execution.Name, 0, 50) & '-' & $substring($uuid(), 0, 13) & '-' & "
    "$states.context.Execution.RedriveCount & '-' & $states.context.State.RetryCount %}"
)
NASTY = {
    "quotes": '"it\'s" \\ {',
    "emoji": "é😀",
    "deep": [1, True, "{% null %}", {"two words": "{% $states.input.n %}"}],
}


def stack_of(account: str | None = SOURCE, name: str = "Stack", *, app: App | None = None) -> Stack:
    env = None if account is None else Environment(account=account, region="eu-west-1")
    return Stack(app or make_app(), name, env=env)


def in_target(*, express: bool = False, **kwargs: Any) -> ChildWorkflow:
    given = {"account": TARGET, "state_machine_name": "review-classifier", **kwargs}
    return ChildWorkflow.in_account(**given, child_type=EXPRESS if express else sfn.StateMachineType.STANDARD)


def in_source(stack: Stack, *, express: bool = False) -> ChildWorkflow:
    child = sfn.StateMachine.from_state_machine_arn(stack, "Child", OWN_CHILD)
    return ChildWorkflow.in_this_account(child, child_type=EXPRESS if express else None)


def made_here(stack: Stack, **kwargs: Any) -> sfn.StateMachine:
    """A child as a role that isn't made here."""
    return sfn.StateMachine(
        stack,
        "Child",
        definition_body=sfn.DefinitionBody.from_chainable(sfn.Pass.jsonata(stack, "Classified")),
        role=iam.Role.from_role_name(stack, "ChildRole", "made-elsewhere"),
        **kwargs,
    )


def wait_for(stack: Stack, child: ChildWorkflow, **kwargs: Any) -> NestedWorkflow:
    return NestedWorkflow(stack, "Classify", child=child, **kwargs)


def be_told(stack: Stack, child: ChildWorkflow, **kwargs: Any) -> NestedWorkflowWithCallback:
    return NestedWorkflowWithCallback(stack, "Classify", child=child, **({"heartbeat": Duration.minutes(5)} | kwargs))


def run_at_once(stack: Stack, child: ChildWorkflow, **kwargs: Any) -> NestedExpressWorkflow:
    return NestedExpressWorkflow(stack, "Classify", child=child, **kwargs)


def with_all(stack: Stack) -> sfn.IChainable:
    state = wait_for(
        stack,
        in_target(target_role_name="run_reviews"),
        input={"review": "{% $states.input.review %}", "fixed": 0},
        timeout=Duration.minutes(15),
        retry_policy=RetryPolicy((RetryRule(errors=("States.TaskFailed",), max_attempts=2),)),
        outputs={"verdict": "{% $states.result.Output.verdict %}"},
        assign={"verdict": "{% $states.result.Output.verdict %}"},
    )
    state.add_catch(ChildFailure(stack, "Not classified"))
    return state


def inside(stack: Stack, state: sfn.IChainable) -> sfn.IChainable:
    """The state in a map in a Parallel: neither is distributed."""
    rounds = sfn.Map.jsonata(stack, "Each review")
    rounds.item_processor(state)
    return sfn.Parallel.jsonata(stack, "Both").branch(rounds)


def express_with_all(stack: Stack) -> sfn.IChainable:
    fragment = run_at_once(
        stack,
        in_target(express=True),
        input=NASTY,
        timeout=Duration.seconds(30),
        retry_policy=RetryPolicy((RetryRule(errors=("Busy",), max_attempts=1),)),
        on_failure=sfn.Succeed.jsonata(stack, "Not now"),
    )
    fragment.call.add_catch(sfn.Succeed.jsonata(stack, "Not started"))
    return fragment.next(sfn.Succeed.jsonata(stack, "Classified"))


def reported(stack: Stack) -> sfn.IChainable:
    work = ReportHeartbeat(stack, "Alive", parent=PARENT).next(sfn.Pass.jsonata(stack, "Work"))
    return ReportedWork(stack, "Report", work=work, parent=PARENT).next(sfn.Succeed.jsonata(stack, "Told"))


PARENTS: dict[str, Callable[[Stack], sfn.IChainable]] = {
    "across": lambda stack: wait_for(stack, in_target()),
    "across, with all": with_all,
    "across, by ARNs": lambda stack: wait_for(
        stack, ChildWorkflow.from_arn(CHILD_ARN, target_role_arn=f"arn:aws:iam::{TARGET}:role/run_reviews")
    ),
    "across, in a map": lambda stack: inside(stack, wait_for(stack, in_target())),
    "here": lambda stack: wait_for(stack, in_source(stack)),
    "here, made here": lambda stack: wait_for(stack, ChildWorkflow.in_this_account(made_here(stack))),
    "callback across": lambda stack: be_told(stack, in_target()),
    "callback across, with all": lambda stack: be_told(
        stack,
        in_target(),
        heartbeat=Duration.seconds(59),
        timeout=Duration.minutes(1),
        input={"review": "{% $states.input %}"},
        outputs="{% $states.result.verdict %}",
        assign={"verdict": 1},
    ),
    "callback here": lambda stack: be_told(stack, in_source(stack)),
    "express across": lambda stack: run_at_once(stack, in_target(express=True)),
    "express across, with all": express_with_all,
    "express here": lambda stack: run_at_once(stack, in_source(stack, express=True)),
    "express here, made here": lambda stack: run_at_once(
        stack, ChildWorkflow.in_this_account(made_here(stack, state_machine_type=EXPRESS))
    ),
}
CHILDREN: dict[str, Callable[[Stack], sfn.IChainable]] = {
    "reported": reported,
    "reported by a name": lambda stack: ReportedWork(
        stack,
        "Report",
        work=ReportHeartbeat(stack, "Alive", parent=PARENT, callback_role_name="report_reviews"),
        parent=PARENT,
        callback_role_name="report_reviews",
    ),
}


class Machine:
    """A state machine: its definition, and the permissions of its role."""

    def __init__(self, template: JsonObject) -> None:
        machine = {
            "Resources": {name: it for name, it in template["Resources"].items() if not name.startswith("Child")}
        }
        self.definition = definition_of(machine)
        self.states = states_in(self.definition)
        self.permissions = [(statement["Action"], statement["Resource"]) for _, statement in statements_of(machine)]
        self.statements = [statement for _, statement in statements_of(machine)]


def put_into_machine(
    stack: Stack, definition: sfn.IChainable, identity: WorkflowIdentity = PARENT, **kwargs: Any
) -> sfn.StateMachine:
    defaults: dict[str, Any] = {
        "state_machine_name": identity.state_machine_name,
        "query_language": sfn.QueryLanguage.JSONATA,
    }
    if identity.account == stack.account and "role" not in kwargs:
        defaults["role"] = WorkflowRole(stack, "Role", identity=identity)
    return sfn.StateMachine(
        stack, "Machine", definition_body=sfn.DefinitionBody.from_chainable(definition), **(defaults | kwargs)
    )


@pytest.fixture(scope="module")
def machines() -> Mapping[str, Machine]:
    """A state machine of each, in a stack of its own of one app; and the first in a JSONPath machine."""
    app = make_app()
    stacks = {}
    child = WorkflowIdentity(account=TARGET, state_machine_name="review-classifier")
    for made, identity in ((PARENTS, PARENT), (CHILDREN, child)):
        for name, make in made.items():
            stacks[name] = stack_of(identity.account, re.sub(r"\W+", "-", name), app=app)
            put_into_machine(stacks[name], make(stacks[name]), identity)
    stacks["in JSONPath"] = stack_of(name="in-JSONPath", app=app)
    state = with_all(stacks["in JSONPath"])
    put_into_machine(stacks["in JSONPath"], state, query_language=sfn.QueryLanguage.JSON_PATH)
    return {name: Machine(template_of(stack)) for name, stack in stacks.items()}


def evaluate(field: Any, **states: Any) -> Any:
    """The value of a field, as Step Functions finds it: each expression in it evaluated, and none undefined."""
    if isinstance(field, dict):
        return {name: evaluate(value, **states) for name, value in field.items()}
    expression = re.fullmatch(r"\{% (.*) %\}", field, re.DOTALL) if isinstance(field, str) else None
    if expression is None:
        return field
    parsed = Jsonata(f'{{"value": ({expression[1]})}}')
    # Step Functions' own: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    parsed.register_lambda("uuid", lambda: str(uuid.uuid4()))
    parsed.register_lambda("parse", json.loads)
    frame = parsed.create_frame()
    frame.bind("states", with_nulls(states))
    result = parsed.evaluate(None, frame)
    assert "value" in result, f"{field} is undefined"
    return result["value"]


def with_nulls(value: Any) -> Any:
    """`value` with the engine's own null, which it tells from nothing (None)."""
    if isinstance(value, dict):
        return {name: with_nulls(item) for name, item in value.items()}
    if isinstance(value, list):
        return [with_nulls(item) for item in value]
    return Utils.NULL_VALUE if value is None else value


def context(**changes: Any) -> JsonObject:
    """The Context object, as far as the states read it."""
    return {
        "Execution": {
            "Id": f"arn:aws:states:eu-west-1:{SOURCE}:execution:review-intake:run-1",
            "Input": {"TaskToken": "the-token"},
            "Name": changes.get("name", "run-1"),
            "RedriveCount": changes.get("redrives", 0),
        },
        "State": {
            "EnteredTime": "2026-11-21T04:00:00.000Z",
            "Name": "Classify",
            "RetryCount": changes.get("retries", 0),
        },
        "Task": {"Token": "a-new-token"},
    }


STARTED = {STARTED_BY: f"arn:aws:states:eu-west-1:{SOURCE}:execution:review-intake:run-1"}
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=10), values, max_size=4)


class TestState:
    """What Step Functions gets of each state."""

    def test_should_start_the_child_and_wait(self, machines: Mapping[str, Machine]) -> None:
        state = machines["across"].definition["States"]["Classify"]
        assert state == {
            "Type": "Task",
            "QueryLanguage": "JSONata",
            "Resource": "arn:${AWS::Partition}:states:::states:startExecution.sync:2",
            "Arguments": {
                "StateMachineArn": CHILD,
                "Name": NAME,
                "Input": f'{{% $merge([$states.input, {{"{STARTED_BY}": $states.context.Execution.Id}}]) %}}',
            },
            "Credentials": {"RoleArn": TARGET_ROLE},
            "TimeoutSeconds": 3600,
            "Retry": RETRY,
            "Output": "{% $states.result.Output %}",
            "End": True,
        }

    def test_should_take_all_that_a_parent_can_ask_for(self, machines: Mapping[str, Machine]) -> None:
        state = machines["across, with all"].definition["States"]["Classify"]
        assert state["Arguments"].keys() == {"StateMachineArn", "Name", "Input"}
        assert state["Arguments"]["Input"] == {
            "review": "{% $states.input.review %}",
            "fixed": 0,
            STARTED_BY: "{% $states.context.Execution.Id %}",
        }
        assert state["Credentials"] == {"RoleArn": f"arn:${{AWS::Partition}}:iam::{TARGET}:role/run_reviews"}
        assert state["TimeoutSeconds"] == 900
        assert [(rule["ErrorEquals"], rule["MaxAttempts"], rule["JitterStrategy"]) for rule in state["Retry"]] == [
            (["States.TaskFailed"], 2, "FULL")
        ]
        assert state["Output"] == state["Assign"] == {"verdict": "{% $states.result.Output.verdict %}"}
        assert state["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "Not classified"}]

    def test_should_name_what_was_named_by_its_arn(self, machines: Mapping[str, Machine]) -> None:
        across, by_arn = (machines[name].states["Classify"] for name in ("across", "across, by ARNs"))
        role = f"arn:${{AWS::Partition}}:iam::{TARGET}:role/run_reviews"
        assert by_arn == {**across, "Credentials": {"RoleArn": role}}

    def test_should_wait_for_the_token(self, machines: Mapping[str, Machine]) -> None:
        across = machines["across"].states["Classify"]
        state = machines["callback across"].states["Classify"]
        added = f'{{"{STARTED_BY}": $states.context.Execution.Id, "TaskToken": $states.context.Task.Token}}'
        assert state == {
            **across,
            "Resource": "arn:${AWS::Partition}:states:::states:startExecution.waitForTaskToken",
            "Arguments": {**across["Arguments"], "Input": f"{{% $merge([$states.input, {added}]) %}}"},
            "HeartbeatSeconds": 300,
            "Output": "{% $states.result %}",
        }

    def test_should_take_all_of_a_callback(self, machines: Mapping[str, Machine]) -> None:
        state = machines["callback across, with all"].states["Classify"]
        assert state["Arguments"]["Input"] == {
            "review": "{% $states.input %}",
            STARTED_BY: "{% $states.context.Execution.Id %}",
            "TaskToken": "{% $states.context.Task.Token %}",
        }
        assert (state["HeartbeatSeconds"], state["TimeoutSeconds"]) == (59, 60)
        assert (state["Output"], state["Assign"]) == ("{% $states.result.verdict %}", {"verdict": 1})

    def test_should_go_on_by_an_express_child_s_status(self, machines: Mapping[str, Machine]) -> None:
        machine = machines["express across"]
        across = machines["across"].states["Classify"]
        added = f'{{"{STARTED_BY}": $states.context.Execution.Id}}'
        call = {
            **across,
            "Resource": "arn:${AWS::Partition}:states:::aws-sdk:sfn:startSyncExecution",
            "Arguments": {**across["Arguments"], "Input": f"{{% $string($merge([$states.input, {added}])) %}}"},
            "TimeoutSeconds": 300,
            "Output": "{% $states.result %}",
            "Next": "Classify: succeeded?",
        }
        del call["End"]
        assert machine.definition["StartAt"] == "Classify"
        failed = machine.states["Classify: failed"]
        assert machine.states == {
            "Classify: failed": {"Type": "Fail", "Error": failed["Error"], "Cause": failed["Cause"]},
            "Classify": call,
            "Classify: succeeded?": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $states.input.Status = 'SUCCEEDED' %}", "Next": "Classify: output"}],
                "Default": "Classify: failed",
            },
            "Classify: output": {
                "Type": "Pass",
                "Output": "{% $parse($states.input.Output) %}",
                "End": True,
            },
        }

    def test_should_go_on_with_what_follows_on_an_express_child_s_failure(
        self, machines: Mapping[str, Machine]
    ) -> None:
        states = machines["express across, with all"].states
        assert states["Classify: succeeded?"]["Default"] == "Not now"
        assert states["Classify: output"]["Next"] == "Classified"
        assert states["Classify"]["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "Not started"}]
        assert states["Classify"]["TimeoutSeconds"] == 30
        assert [rule["ErrorEquals"] for rule in states["Classify"]["Retry"]] == [["Busy"]]
        assert "Classify: failed" not in states

    @pytest.mark.parametrize(("name", "role"), [("reported", None), ("reported by a name", "report_reviews")])
    def test_should_report_as_the_parent_s_role(
        self, machines: Mapping[str, Machine], name: str, role: str | None
    ) -> None:
        states = machines[name].states
        inner = states["Report"]["Branches"][0]["States"]
        reports = {
            "sendTaskHeartbeat": inner["Alive"],
            "sendTaskSuccess": states["Report: report success"],
            "sendTaskFailure": states["Report: report failure"],
        }
        for call, state in reports.items():
            assert state["Type"] == "Task"
            assert state["Resource"] == f"arn:${{AWS::Partition}}:states:::aws-sdk:sfn:{call}"
            assert state["Arguments"]["TaskToken"] == "{% $states.context.Execution.Input.TaskToken %}"
            assert state["Credentials"] == {
                "RoleArn": CALLBACK_ROLE if role is None else f"arn:${{AWS::Partition}}:iam::{SOURCE}:role/{role}"
            }
            assert state["TimeoutSeconds"] == 60
            assert state["Retry"] == RETRY
            assert state["Output"] == "{% $states.input %}"

    def test_should_report_the_end_good_or_bad(self, machines: Mapping[str, Machine]) -> None:
        states = machines["reported"].states
        assert machines["reported"].definition["StartAt"] == "Report"
        assert states["Report"]["Type"] == "Parallel"
        assert len(states["Report"]["Branches"]) == 1
        assert states["Report"]["Branches"][0]["StartAt"] == "Alive"
        assert states["Report"]["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "Report: report failure"}]
        assert states["Report"]["Next"] == "Report: report success"
        assert states["Report: report success"]["Next"] == "Told"
        assert states["Report: report failure"]["Next"] == "Report: failed"
        assert states["Report: failed"]["Type"] == "Fail"

    def test_should_be_jsonata_in_a_jsonpath_machine_too(self, machines: Mapping[str, Machine]) -> None:
        machine = machines["in JSONPath"]
        assert machine.definition.get("QueryLanguage", "JSONPath") == "JSONPath"
        assert {state["QueryLanguage"] for state in machine.states.values()} == {"JSONata"}
        without = {name: {**state, "QueryLanguage": None} for name, state in machine.states.items()}
        others = machines["across, with all"].states
        assert without == {name: {**state, "QueryLanguage": None} for name, state in others.items()}

    def test_should_satisfy_the_validator(self, machines: Mapping[str, Machine]) -> None:
        text = json.dumps({name: machine.definition for name, machine in machines.items()})
        definitions = json.loads(text.replace("${AWS::Partition}", "aws"))
        wrong = json.loads(json.dumps(definitions["across"]))
        wrong["States"]["Classify"]["TimeoutSeconds"] = "an hour"
        *errors, of_wrong = validate([*definitions.values(), wrong])
        assert dict(zip(machines, errors, strict=True)) == dict.fromkeys(machines, "")
        assert of_wrong != ""


class TestPermissions:
    """What the machine's own role gets of each state."""

    @pytest.mark.parametrize(
        ("name", "role"),
        [
            ("across", TARGET_ROLE),
            ("across, in a map", TARGET_ROLE),
            ("across, by ARNs", f"arn:${{AWS::Partition}}:iam::{TARGET}:role/run_reviews"),
            ("callback across", TARGET_ROLE),
            ("express across", TARGET_ROLE),
            ("reported", CALLBACK_ROLE),
            ("reported by a name", f"arn:${{AWS::Partition}}:iam::{SOURCE}:role/report_reviews"),
        ],
    )
    def test_should_assume_the_one_role_and_nothing_else(
        self, machines: Mapping[str, Machine], name: str, role: str
    ) -> None:
        assert machines[name].statements == [{"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": [role]}]

    def test_should_have_what_sync_takes_in_one_account(self, machines: Mapping[str, Machine]) -> None:
        assert machines["here"].permissions == [
            (["states:StartExecution"], [OWN_CHILD]),
            (["states:DescribeExecution", "states:StopExecution"], [OWN_EXECUTIONS]),
            (["events:DescribeRule", "events:PutRule", "events:PutTargets"], [MANAGED_RULE]),
        ]

    def test_should_know_the_executions_of_a_child_that_is_made_here(self, machines: Mapping[str, Machine]) -> None:
        (_, (arn,)), (_, (executions,)), _ = machines["here, made here"].permissions
        assert re.fullmatch(r"\$\{Child\w+\}", arn)
        place = f"arn:${{AWS::Partition}}:states:eu-west-1:{SOURCE}:execution"
        assert executions == f"{place}:${{6 of {arn} by :}}:*"

    @pytest.mark.parametrize(
        ("name", "action"),
        [("callback here", "states:StartExecution"), ("express here", "states:StartSyncExecution")],
    )
    def test_should_only_start_the_child_where_nothing_polls(
        self, machines: Mapping[str, Machine], name: str, action: str
    ) -> None:
        assert machines[name].permissions == [([action], [OWN_CHILD])]

    def test_should_only_start_an_express_child_that_is_made_here(self, machines: Mapping[str, Machine]) -> None:
        ((actions, (arn,)),) = machines["express here, made here"].permissions
        assert actions == ["states:StartSyncExecution"]
        assert re.fullmatch(r"\$\{Child\w+\}", arn)


@pytest.mark.parametrize("kind", ["", "callback ", "express "])
def test_should_move_to_another_account_by_one_argument(machines: Mapping[str, Machine], kind: str) -> None:
    here, across = (json.loads(json.dumps(machines[f"{kind}{place}"].definition)) for place in ("here", "across"))
    assert across["States"]["Classify"].pop("Credentials") == {"RoleArn": TARGET_ROLE}
    assert here["States"]["Classify"]["Arguments"].pop("StateMachineArn") == OWN_CHILD
    assert across["States"]["Classify"]["Arguments"].pop("StateMachineArn") == CHILD
    assert here == across


class TestExecutionName:
    """The name of the child's execution, which may be used once in 90 days."""

    @given(
        name=st.from_regex(r"[0-9A-Za-z_-]{1,80}", fullmatch=True),
        redrives=st.integers(0, 999_999),
        retries=st.integers(0, 99_999_999),
    )
    @example(name="n" * 80, redrives=999_999, retries=99_999_999)
    def test_should_be_a_name_and_say_which_attempt_it_is(
        self, machines: Mapping[str, Machine], name: str, redrives: int, retries: int
    ) -> None:
        field = machines["across"].states["Classify"]["Arguments"]["Name"]
        child = evaluate(field, context=context(name=name, redrives=redrives, retries=retries))
        assert re.fullmatch(r"[0-9A-Za-z_-]{1,80}", child)
        assert child.startswith(name[:50])
        assert child.endswith(f"-{redrives}-{retries}")

    def test_should_differ_for_each_item_and_round(self, machines: Mapping[str, Machine]) -> None:
        """The same state, entered in the same millisecond: by items of inner maps that have the same index, too."""
        field = machines["across, in a map"].definition["States"]["Both"]["Branches"][0]["States"]["Each review"]
        name = field["ItemProcessor"]["States"]["Classify"]["Arguments"]["Name"]
        assert len({evaluate(name, context=context()) for _ in range(200)}) == 200

    def test_should_be_made_the_same_way_in_each_state(self, machines: Mapping[str, Machine]) -> None:
        names = [machines[name].states["Classify"]["Arguments"]["Name"] for name in PARENTS if "map" not in name]
        assert len(names) == len(PARENTS) - 1
        assert len(set(names)) == 1


class TestInput:
    """What the child gets."""

    @given(given_input=objects)
    @example(given_input={STARTED_BY: "somebody else", "TaskToken": "another"})
    def test_should_be_the_state_s_input_and_who_started_it(
        self, machines: Mapping[str, Machine], given_input: JsonObject
    ) -> None:
        def child_input(name: str) -> Any:
            field = machines[name].states["Classify"]["Arguments"]["Input"]
            return evaluate(field, input=given_input, context=context())

        assert child_input("across") == given_input | STARTED
        assert child_input("callback across") == given_input | STARTED | {"TaskToken": "a-new-token"}
        assert json.loads(child_input("express across")) == given_input | STARTED

    def test_should_be_what_was_given(self, machines: Mapping[str, Machine]) -> None:
        field = machines["across, with all"].states["Classify"]["Arguments"]["Input"]
        found = evaluate(field, input={"review": {"text": "Good"}, "other": 1}, context=context())
        assert found == {"review": {"text": "Good"}, "fixed": 0, **STARTED}

    def test_should_be_what_was_given_as_text_for_an_express_child(self, machines: Mapping[str, Machine]) -> None:
        field = machines["express across, with all"].states["Classify"]["Arguments"]["Input"]
        found = evaluate(field, input={"n": 7}, context=context())
        assert json.loads(found) == NASTY | {"deep": [1, True, None, {"two words": 7}]} | STARTED


EXECUTION = f"arn:aws:states:eu-west-1:{TARGET}:execution:review-classifier:run-1-0-0"


def described(**fields: str) -> str:
    """The child's execution, as `.sync` has it in its Cause."""
    return json.dumps({"ExecutionArn": EXECUTION, "Input": "{}", "Name": "run-1-0-0", **fields}, separators=(",", ":"))


def ended(status: str) -> str:
    return f"The child execution {EXECUTION} ended as {status}."


FULL = described(Status="FAILED", Error="ReviewInvalid", Cause='It has no "ReviewText".\nNone.')
OF_CHILD = "States.TaskFailed"


@pytest.mark.parametrize(
    ("caught", "error", "cause"),
    [
        pytest.param(
            {"Error": OF_CHILD, "Cause": FULL},
            "ReviewInvalid",
            'It has no "ReviewText".\nNone.',
            id="the child's error",
        ),
        pytest.param(
            {"Error": OF_CHILD, "Cause": described(Status="ABORTED")}, OF_CHILD, ended("ABORTED"), id="aborted"
        ),
        pytest.param(
            {"Error": OF_CHILD, "Cause": described(Status="ABORTED", Error="Stopped", Cause="By hand.")},
            "Stopped",
            "By hand.",
            id="aborted with a cause",
        ),
        pytest.param(
            {"Error": OF_CHILD, "Cause": described(Status="TIMED_OUT")},
            "States.Timeout",
            ended("TIMED_OUT"),
            id="timed out",
        ),
        pytest.param(
            {"Error": OF_CHILD, "Cause": described(Status="FAILED", Error="ReviewInvalid")},
            "ReviewInvalid",
            ended("FAILED"),
            id="an error without a cause",
        ),
        pytest.param(
            {"Error": OF_CHILD, "Cause": described(Status="FAILED", Error="Deeper", Cause=FULL)},
            "Deeper",
            FULL,
            id="the child's cause is a description itself",
        ),
        pytest.param({"Error": OF_CHILD, "Cause": FULL[:90]}, OF_CHILD, FULL[:90], id="cut short"),
        pytest.param({"Error": OF_CHILD, "Cause": "No JSON."}, OF_CHILD, "No JSON.", id="not JSON"),
        pytest.param({"Error": OF_CHILD, "Cause": '{"a":1}'}, OF_CHILD, '{"a":1}', id="another JSON"),
        pytest.param({"Error": OF_CHILD, "Cause": ""}, OF_CHILD, "", id="empty"),
        pytest.param({"Error": "States.Timeout"}, "States.Timeout", "", id="the state's timeout, without a cause"),
        pytest.param(
            {"Error": "StepFunctions.AccessDeniedException", "Cause": "User: … is not authorized"},
            "StepFunctions.AccessDeniedException",
            "User: … is not authorized",
            id="a denied call",
        ),
        pytest.param(
            {"Error": "ValueError", "Cause": '{"errorMessage":"no text","errorType":"ValueError"}'},
            "ValueError",
            '{"errorMessage":"no text","errorType":"ValueError"}',
            id="a reported failure whose cause is JSON",
        ),
        pytest.param(
            {"Error": "ReviewInvalid", "Cause": described(Status="FAILED", Error="Forged", Cause="By the child.")},
            "ReviewInvalid",
            described(Status="FAILED", Error="Forged", Cause="By the child."),
            id="a reported failure whose cause looks like a description",
        ),
        pytest.param(
            {"Error": "ReviewInvalid", "Cause": '{not "ExecutionArn" JSON}'},
            "ReviewInvalid",
            '{not "ExecutionArn" JSON}',
            id="a reported failure whose cause is no JSON",
        ),
    ],
)
def test_should_end_with_the_child_s_own_error_and_cause(
    machines: Mapping[str, Machine], caught: JsonObject, error: str, cause: str
) -> None:
    state = machines["across, with all"].states["Not classified"]
    assert state.keys() == {"Type", "Error", "Cause"}
    assert (evaluate(state["Error"], input=caught), evaluate(state["Cause"], input=caught)) == (error, cause)


@given(error=st.text(), cause=st.text())
@example(error=OF_CHILD, cause='"ExecutionArn"')
def test_should_find_the_child_s_error_whatever_it_says(
    machines: Mapping[str, Machine], error: str, cause: str
) -> None:
    state = machines["across, with all"].states["Not classified"]
    for caught in ({"Error": OF_CHILD, "Cause": described(Error=error, Cause=cause)}, {"Error": error, "Cause": cause}):
        found = evaluate(state["Error"], input=caught), evaluate(state["Cause"], input=caught)
        assert found == (error, cause)


@pytest.mark.parametrize(
    ("result", "error", "cause"),
    [
        (
            {"Status": "FAILED", "Error": "ReviewInvalid", "Cause": "It has no text."},
            "ReviewInvalid",
            "It has no text.",
        ),
        ({"Status": "FAILED", "Error": "ReviewInvalid"}, "ReviewInvalid", ended("FAILED")),
        ({"Status": "FAILED", "Error": "", "Cause": ""}, "", ""),
        ({"Status": "FAILED"}, "States.TaskFailed", ended("FAILED")),
        ({"Status": "TIMED_OUT"}, "States.Timeout", ended("TIMED_OUT")),
    ],
    ids=str,
)
def test_should_end_with_the_express_child_s_own_error_and_cause(
    machines: Mapping[str, Machine], result: JsonObject, error: str, cause: str
) -> None:
    states = machines["express across"].states
    answer = {"ExecutionArn": EXECUTION, **result}
    (choice,) = states["Classify: succeeded?"]["Choices"]
    assert evaluate(choice["Condition"], input=answer) is False
    failed = states["Classify: failed"]
    assert (evaluate(failed["Error"], input=answer), evaluate(failed["Cause"], input=answer)) == (error, cause)


@given(output=objects)
def test_should_put_out_what_the_express_child_did(machines: Mapping[str, Machine], output: JsonObject) -> None:
    states = machines["express across"].states
    answer = {"ExecutionArn": EXECUTION, "Status": "SUCCEEDED", "Output": json.dumps(output)}
    (choice,) = states["Classify: succeeded?"]["Choices"]
    assert evaluate(choice["Condition"], input=answer) is True
    assert evaluate(states["Classify: output"]["Output"], input=answer) == output


class TestReport:
    """What the child tells the parent."""

    @given(output=values)
    @example(output=[])
    @example(output=[5])
    @example(output=[[None]])
    def test_should_report_the_work_s_output_whatever_it_is(self, machines: Mapping[str, Machine], output: Any) -> None:
        states = machines["reported"].states
        assert evaluate(states["Report"]["Output"], result=[output]) == output
        success = evaluate(states["Report: report success"]["Arguments"], input=output, context=context())
        assert success["TaskToken"] == "the-token"
        assert json.loads(success["Output"]) == output

    @pytest.mark.parametrize(
        ("caught", "error", "cause"),
        [
            ({"Error": "ReviewInvalid", "Cause": "It has no text."}, "ReviewInvalid", "It has no text."),
            ({"Error": "ReviewInvalid"}, "ReviewInvalid", ""),
            ({"Error": "E" * 300, "Cause": "c" * 40_000}, "E" * 256, "c" * 32_768),
        ],
        ids=["a failure", "without a cause", "too long"],
    )
    def test_should_report_a_failure_and_end_with_it(
        self, machines: Mapping[str, Machine], caught: JsonObject, error: str, cause: str
    ) -> None:
        states = machines["reported"].states
        failure = evaluate(states["Report: report failure"]["Arguments"], input=caught, context=context())
        assert failure == {"TaskToken": "the-token", "Error": error, "Cause": cause}
        assert evaluate(states["Report: failed"]["Error"], input=caught) == caught["Error"]
        assert evaluate(states["Report: failed"]["Cause"], input=caught) == caught.get("Cause", "")


def distributed(stack: Stack, state: sfn.IChainable) -> sfn.IChainable:
    """The state in a Parallel in a Distributed Map."""
    around = sfn.DistributedMap.jsonata(stack, "Each review")
    around.item_processor(sfn.Parallel.jsonata(stack, "Both").branch(state))
    return around


IN_MAP = (
    "assumes a role of another account inside a Distributed Map; allowed: outside of it, because the external id of a "
    "map's child is nowhere documented. Run the child workflow before or after the map."
)
WAITS = (
    "waits for another execution; allowed: in a STANDARD state machine. Leave state_machine_type out, or make the "
    "child EXPRESS and use NestedExpressWorkflow."
)
NAMED = "assumes a role of another account, whose trust names the state machine and its role; allowed: a name of your "


def unnamed_role(stack: Stack) -> iam.IRole:
    return iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))


REFUSED_AT_SYNTH: dict[str, tuple[Callable[[Stack], object], str]] = {
    "ExpressSync": (
        lambda stack: put_into_machine(stack, wait_for(stack, in_target()), state_machine_type=EXPRESS),
        f"ExpressSync/Machine/Resource: the state 'Classify' {WAITS}",
    ),
    "ExpressSyncHere": (
        lambda stack: put_into_machine(stack, wait_for(stack, in_source(stack)), state_machine_type=EXPRESS),
        f"ExpressSyncHere/Machine/Resource: the state 'Classify' {WAITS}",
    ),
    "ExpressToken": (
        lambda stack: put_into_machine(stack, be_told(stack, in_target()), state_machine_type=EXPRESS),
        f"ExpressToken/Machine/Resource: the state 'Classify' {WAITS}",
    ),
    "InMap": (
        lambda stack: put_into_machine(
            stack, sfn.DistributedMap.jsonata(stack, "Each").item_processor(wait_for(stack, in_target()))
        ),
        f"InMap/Machine/Resource: the state 'Classify' {IN_MAP}",
    ),
    "InParallelInMap": (
        lambda stack: put_into_machine(stack, distributed(stack, be_told(stack, in_target()))),
        f"InParallelInMap/Machine/Resource: the state 'Classify' {IN_MAP}",
    ),
    "MapInMap": (
        lambda stack: put_into_machine(stack, distributed(stack, inside_map(stack, wait_for(stack, in_target())))),
        f"MapInMap/Machine/Resource: the state 'Classify' {IN_MAP}",
    ),
    "UnnamedMachine": (
        lambda stack: put_into_machine(stack, wait_for(stack, in_target()), state_machine_name=None),
        f"UnnamedMachine/Machine/Resource: the state 'Classify' {NAMED}choice. Give it a state_machine_name.",
    ),
    "UnnamedRole": (
        lambda stack: put_into_machine(stack, wait_for(stack, in_target()), role=unnamed_role(stack)),
        f"UnnamedRole/Role/Resource: the state 'Classify' {NAMED}choice. Use a WorkflowRole.",
    ),
    "UnnamedReporter": (
        lambda stack: put_into_machine(
            stack, ReportHeartbeat(stack, "Classify", parent=PARENT), state_machine_name=None
        ),
        f"UnnamedReporter/Machine/Resource: the state 'Classify' {NAMED}choice. Give it a state_machine_name.",
    ),
}
TAKEN_AT_SYNTH: dict[str, Callable[[Stack], object]] = {
    "ExpressParentOfExpress": lambda stack: put_into_machine(
        stack, run_at_once(stack, in_target(express=True)), state_machine_type=EXPRESS
    ),
    "HereInMap": lambda stack: put_into_machine(stack, distributed(stack, wait_for(stack, in_source(stack)))),
    "HereUnnamed": lambda stack: put_into_machine(
        stack, wait_for(stack, in_source(stack)), state_machine_name=None, role=None
    ),
    "RoleMadeElsewhere": lambda stack: put_into_machine(
        stack, wait_for(stack, in_target()), role=iam.Role.from_role_name(stack, "Role", "made-elsewhere")
    ),
}


def inside_map(stack: Stack, state: sfn.IChainable) -> sfn.IChainable:
    return sfn.Map.jsonata(stack, "Each sentence").item_processor(state)


def test_should_refuse_at_synth_where_the_state_can_not_work() -> None:
    """All in one app, which is refused once, with every reason; what is allowed has none."""
    app = make_app()
    for name, (make, _) in REFUSED_AT_SYNTH.items():
        make(stack_of(name=name, app=app))
    for name, make_allowed in TAKEN_AT_SYNTH.items():
        make_allowed(stack_of(name=name, app=app))
    with pytest.raises(RuntimeError) as refused:
        app.synth()
    reasons = re.findall(r"^  \[[^]]+\] (.*)$", str(refused.value), re.MULTILINE)
    assert sorted(reasons) == sorted(message for _, message in REFUSED_AT_SYNTH.values())


@pytest.mark.parametrize("across", [True, False])
def test_should_refuse_a_role_of_another_account_in_our_own_map(*, across: bool) -> None:
    stack = stack_of()
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "bucket")
    state = wait_for(stack, in_target() if across else in_source(stack))

    def make() -> S3DistributedMap:
        processor = sfn.Pass.jsonata(stack, "First").next(state)
        source = ObjectSource.from_listing(bucket)
        return S3DistributedMap(stack, "Map", source=source, processor=processor, results_bucket=bucket)

    if not across:
        make()
        return
    message = (
        "Stack/Map: processor is \"a chain whose state 'Classify' assumes a role of another account\"; allowed: states "
        "without Credentials: the external id of a map's child is nowhere documented. Run the other account's workflow "
        "before or after the map."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


FOR_A_YEAR = "Use such as Duration.seconds(3600): without one a task waits for a year."
LONGEST = f"allowed: a Duration of 1 to 31,536,000 whole seconds. {FOR_A_YEAR}"
NOT_OF_TYPE = "child is 'of type {}'; allowed: of type {}. "
OF_REGION = (
    "child is 'a state machine of the Region {}'; allowed: one of the parent's Region, eu-west-1. "
    "Step Functions waits for no execution of another Region."
)
NESTED_EXPRESS = "Use NestedExpressWorkflow: nothing can wait for an Express execution that was started on its own."
INPUT_FIX = 'Use {"review": "{% $states.input.review %}"}, in JSONata.'
JSON_VALUES = (
    "allowed: text, True, False, finite numbers, whole ones up to 9,007,199,254,740,991, and lists and mappings of "
    "them."
)


def by_arn(arn: str) -> ChildWorkflow:
    return ChildWorkflow.from_arn(arn)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(
            lambda stack: wait_for(stack, in_target(express=True)),
            NOT_OF_TYPE.format("EXPRESS", "STANDARD") + NESTED_EXPRESS,
            id=".sync on an EXPRESS child",
        ),
        pytest.param(
            lambda stack: wait_for(stack, ChildWorkflow.in_this_account(made_here(stack, state_machine_type=EXPRESS))),
            NOT_OF_TYPE.format("EXPRESS", "STANDARD") + NESTED_EXPRESS,
            id=".sync on an EXPRESS child made here",
        ),
        pytest.param(
            lambda stack: be_told(stack, in_target(express=True)),
            NOT_OF_TYPE.format("EXPRESS", "STANDARD") + NESTED_EXPRESS,
            id="a token for an EXPRESS child",
        ),
        pytest.param(
            lambda stack: run_at_once(stack, in_target()),
            NOT_OF_TYPE.format("STANDARD", "EXPRESS")
            + "Use NestedWorkflow; or say child_type=EXPRESS if the child is.",
            id="at once on a STANDARD child",
        ),
        pytest.param(
            lambda stack: wait_for(stack, by_arn(CHILD_ARN.replace("eu-west-1", "us-east-1"))),
            OF_REGION.format("us-east-1"),
            id="another Region",
        ),
        pytest.param(
            lambda stack: wait_for(stack, by_arn(CHILD_ARN.replace("arn:aws:", "arn:aws-us-gov:"))),
            "child is 'a state machine of the partition aws-us-gov'; allowed: one of the parent's partition, aws. "
            "Step Functions waits for no execution of another partition.",
            id="another partition",
        ),
        pytest.param(
            lambda stack: be_told(stack, by_arn(CHILD_ARN.replace("eu-west-1", "us-east-1"))),
            OF_REGION.format("us-east-1"),
            id="a token for another Region",
        ),
        pytest.param(
            lambda stack: wait_for(stack, in_target(account=SOURCE)),
            f"child is 'a state machine of the account {SOURCE}'; allowed: one of another account: this is the "
            "parent's own. Use ChildWorkflow.in_this_account(…), which needs no target role.",
            id="the parent's own account",
        ),
        pytest.param(
            lambda stack: wait_for(
                stack,
                ChildWorkflow.in_this_account(sfn.StateMachine.from_state_machine_arn(stack, "Child", CHILD_ARN)),
            ),
            f"child is 'a state machine of the account {TARGET}'; allowed: one of the parent's account, {SOURCE}. "
            f'Use ChildWorkflow.in_account(account="{TARGET}", …).',
            id="not the parent's own account",
        ),
        pytest.param(
            lambda stack: wait_for(
                stack,
                ChildWorkflow.in_this_account(
                    sfn.StateMachine.from_state_machine_arn(stack, "Child", OWN_CHILD.replace("eu-", "us-"))
                ),
            ),
            OF_REGION.format("us-west-1"),
            id="an imported child of another Region",
        ),
        pytest.param(
            lambda stack: wait_for(stack, CHILD_ARN),  # type: ignore[arg-type]
            f"child is {CHILD_ARN!r}; allowed: ChildWorkflow. Use ChildWorkflow.in_account(…) or .in_this_account(…).",
            id="an ARN for a child",
        ),
        pytest.param(
            lambda stack: wait_for(stack, in_target(), timeout=None),
            f"timeout is None; allowed: Duration. {FOR_A_YEAR}",
            id="no timeout",
        ),
        pytest.param(
            lambda stack: wait_for(stack, in_target(), timeout=Duration.days(366)),
            f"timeout is '3.16224e+07 s'; {LONGEST}",
            id="a timeout of more than a year",
        ),
        pytest.param(
            lambda stack: wait_for(stack, in_target(), timeout=Duration.seconds(0)),
            f"timeout is '0 s'; {LONGEST}",
            id="a timeout of nothing",
        ),
        pytest.param(
            lambda stack: wait_for(stack, in_target(), timeout=Duration.millis(1500)),
            f"timeout is '1.5 s'; {LONGEST}",
            id="a timeout of half seconds",
        ),
        pytest.param(
            lambda stack: run_at_once(stack, in_target(express=True), timeout=Duration.seconds(301)),
            "timeout is '301 s'; allowed: a Duration of 1 to 300 whole seconds. Use such as Duration.seconds(300): "
            "without one a task waits for a year.",
            id="longer than an EXPRESS child lasts",
        ),
        pytest.param(
            lambda stack: be_told(stack, in_target(), heartbeat=None),
            f"heartbeat is None; allowed: Duration. {FOR_A_YEAR}",
            id="no heartbeat",
        ),
        pytest.param(
            lambda stack: be_told(stack, in_target(), heartbeat=Duration.hours(1)),
            "heartbeat is '3600 s'; allowed: less than the timeout of 3600 s. "
            "Shorten the heartbeat, or lengthen the timeout.",
            id="a heartbeat as long as the timeout",
        ),
        pytest.param(
            lambda stack: wait_for(stack, in_target(), input="{% $states.input %}"),
            "input is '{% $states.input %}'; allowed: an object, JSONata in its values. "
            "Leave it out for the state's input.",
            id="an input that is no object",
        ),
        *(
            pytest.param(
                lambda stack, name=name: wait_for(stack, in_target(), input={name: 1}),
                f"input is {name!r}; allowed: names as text without the .$ of JSONPath, other than those that are "
                f"added. {INPUT_FIX}",
                id=f"an input with {name!r}",
            )
            for name in ("review.$", STARTED_BY, "TaskToken", 7)
        ),
        *(
            pytest.param(
                lambda stack, argument=argument, value=value: wait_for(stack, in_target(), **{argument: {"n": value}}),
                f"{argument}['n'] is {told}; {JSON_VALUES} {fix}",
                id=f"{told} in {argument}",
            )
            for argument in ("input", "assign", "outputs")
            for value, told, fix in (
                (None, "None", "Leave it out, or use '{% null %}'."),
                (math.nan, "nan", "Give it as one of these, such as text."),
                (2**53, "9007199254740992", "Give it as one of these, such as text."),
            )
        ),
        pytest.param(
            lambda stack: ReportedWork(stack, "Classify", work="work", parent=PARENT),  # type: ignore[arg-type]
            "work is 'work'; allowed: JSONata states. Use a state, or a chain of some with .next(…).",
            id="no work",
        ),
        pytest.param(
            lambda stack: ReportedWork(stack, "Classify", work=sfn.Pass.jsonata(stack, "Work"), parent=SOURCE),  # type: ignore[arg-type]
            "parent is '111111111111'; allowed: WorkflowIdentity. Use WorkflowIdentity(…), the one that waits.",
            id="an account for a parent",
        ),
        pytest.param(
            lambda stack: ReportHeartbeat(stack, "Classify", parent=PARENT, callback_role_name="report/*"),
            "callback_role_name is 'report/*'; allowed: 1 to 64 of 0-9, A-Z, a-z and _+=,.@-. "
            "Choose it up front, for both accounts to know.",
            id="a callback role with a wildcard",
        ),
    ],
)
def test_should_refuse_what_can_not_work(make: Callable[[Stack], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^Stack/Classify: {re.escape(message)}$"):
        make(stack_of())


NAMED_STATES: dict[str, tuple[Callable[[Stack, str], object], str]] = {
    "polled": (lambda stack, name: NestedWorkflow(stack, name, child=in_target()), ""),
    "told": (
        lambda stack, name: NestedWorkflowWithCallback(stack, name, child=in_target(), heartbeat=Duration.minutes(5)),
        "",
    ),
    "at once": (
        lambda stack, name: NestedExpressWorkflow(stack, name, child=in_target(express=True)),
        ": succeeded?",
    ),
    "failure": (ChildFailure, ""),
    "heartbeat": (lambda stack, name: ReportHeartbeat(stack, name, parent=PARENT), ""),
    "report": (
        lambda stack, name: ReportedWork(
            stack, name, parent=PARENT, work=sfn.Pass.jsonata(stack, f"Work of {len(name)}")
        ),
        ": report success",
    ),
}


@pytest.mark.parametrize(("make", "ending"), NAMED_STATES.values(), ids=NAMED_STATES)
def test_should_refuse_a_name_that_is_too_long_for_a_state(make: Callable[[Stack, str], object], ending: str) -> None:
    """AWS would, at deployment; of a fragment the longest of its states' counts."""
    stack, fits = stack_of(), "x" * (80 - len(ending))
    make(stack, fits)
    message = (
        f"Stack/{fits}y: construct_id is '{fits}y'; allowed: state names of at most 80 characters. "
        f"The state '{fits}y{ending}' would have 81. Choose a shorter one."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make(stack, f"{fits}y")


@pytest.mark.parametrize("child", [in_target(), by_arn(CHILD_ARN)], ids=["by its name", "by its ARN"])
def test_should_name_the_region_by_a_reference_where_it_is_not_known(child: ChildWorkflow) -> None:
    stack = stack_of(None)
    put_into_machine(stack, wait_for(stack, child), role=WorkflowRole(stack, "Role", identity=PARENT))
    state = Machine(template_of(stack)).states["Classify"]
    assert state["Credentials"]["RoleArn"] == TARGET_ROLE.replace("eu-west-1", "${AWS::Region}")
    assert state["Arguments"]["StateMachineArn"] == CHILD.replace("eu-west-1", "${AWS::Region}")
