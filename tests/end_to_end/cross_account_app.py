"""A small app in two accounts: every way to run a child workflow, and no reference from one stack to the other.

The children do as their input says: `{"fail": true}` fails, `{"seconds": n}` takes that long, `{"beats": n}` of the
reporting child takes n seconds with a heartbeat after each; `{"say": value}` gives that value; else their output is
`{"echo": n, "startedBy": …}`.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aws_cdk import App, BootstraplessSynthesizer, Duration, Environment, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib.cross_account import (
    NESTED_WORKFLOW_RETRIES,
    CallbackRole,
    ChildFailure,
    ChildWorkflow,
    NestedExpressWorkflow,
    NestedWorkflow,
    NestedWorkflowWithCallback,
    ReportedWork,
    ReportHeartbeat,
    TargetRole,
    WorkflowIdentity,
    WorkflowRole,
)
from constructs_lib.local.endpoint import DEFAULT_REGION
from constructs_lib.retries import RetryPolicy, RetryRule
from constructs_lib.testing.execution import CompletedExecution, RunningExecution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from constructs_lib.local import LocalCloud

SOURCE_STACK, TARGET_STACK = "CrossAccountSource", "CrossAccountTarget"
HEARTBEAT_SECONDS = 3
STARTED_BY = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
CHILD_ERROR, CHILD_CAUSE = "Review.Rejected", "The child was told to fail."

_ANY_BEAT = "{% $exists($states.input.beats) and $states.input.beats > 0 %}"
_EXPRESS = sfn.StateMachineType.EXPRESS


def synthesize(folder: Path, *, source: str, target: str) -> tuple[Path, Path]:
    """The assemblies of the source and of the target stack, each of an app of its own.

    Without assets neither account has to be bootstrapped.
    """
    assemblies = (folder / "source", folder / "target")
    for assembly, stack_of in zip(assemblies, (SourceStack, TargetStack), strict=True):
        app = App(outdir=str(assembly))
        stack_of(app, source=source, target=target)
        app.synth()
    return assemblies


class SourceStack(Stack):
    """The parents."""

    def __init__(self, scope: Construct, *, source: str, target: str) -> None:
        super().__init__(scope, SOURCE_STACK, env=_in(source), synthesizer=BootstraplessSynthesizer())
        self._source, self._target = source, target
        self._polling_parent("polling-parent", self._in_target("polled-child"))
        local = _machine(self, "local-child", _work(Construct(self, "LocalWork")))
        self._polling_parent("local-parent", ChildWorkflow.in_this_account(local))
        self._impatient_parent()
        self._waiting_parent()
        self._express_parent("express-parent", self._in_target("express-child", _EXPRESS))
        local = _machine(self, "local-express-child", _work(Construct(self, "LocalExpressWork")), type=_EXPRESS)
        self._express_parent("local-express-parent", ChildWorkflow.in_this_account(local))
        self._forgiving_parent()

    def _in_target(self, name: str, child_type: sfn.StateMachineType = sfn.StateMachineType.STANDARD) -> ChildWorkflow:
        return ChildWorkflow.in_account(account=self._target, state_machine_name=name, child_type=child_type)

    def _polling_parent(self, name: str, child: ChildWorkflow) -> None:
        scope = Construct(self, f"{name}-states")
        run = NestedWorkflow(scope, "Run child", child=child)
        run.add_catch(ChildFailure(scope, "Child failed"))
        self._parent(name, run)

    def _impatient_parent(self) -> None:
        """Takes a second for too long, and a failure for reason enough to start another child."""
        once_more = RetryRule(errors=("States.TaskFailed",), max_attempts=1)
        run = NestedWorkflow(
            Construct(self, "impatient-parent-states"),
            "Run child",
            child=self._in_target("polled-child"),
            input={"fail": "{% $states.input.fail %}", "seconds": 60},
            timeout=Duration.seconds(1),
            retry_policy=RetryPolicy((*NESTED_WORKFLOW_RETRIES.rules, once_more)),
        )
        self._parent("impatient-parent", run)

    def _waiting_parent(self) -> None:
        scope = Construct(self, "waiting-parent-states")
        run = NestedWorkflowWithCallback(
            scope,
            "Run child",
            child=self._in_target("reporting-child"),
            heartbeat=Duration.seconds(HEARTBEAT_SECONDS),
            timeout=Duration.minutes(2),
        )
        silent = sfn.Fail(scope, "Child silent", error="Child.Silent", query_language=sfn.QueryLanguage.JSONATA)
        run.add_catch(silent, errors=["States.HeartbeatTimeout"])
        run.add_catch(ChildFailure(scope, "Child failed"))
        CallbackRole(
            self,
            "Callback",
            parent=self._parent("waiting-parent", run),
            callers=[WorkflowIdentity(account=self._target, state_machine_name="reporting-child")],
        )

    def _express_parent(self, name: str, child: ChildWorkflow) -> None:
        self._parent(name, NestedExpressWorkflow(Construct(self, f"{name}-states"), "Run child", child=child))

    def _forgiving_parent(self) -> None:
        scope = Construct(self, "forgiving-parent-states")
        run = NestedExpressWorkflow(
            scope,
            "Run child",
            child=self._in_target("express-child", _EXPRESS),
            input={"fail": "{% $states.input.fail %}", "n": 1},
            on_failure=sfn.Pass.jsonata(scope, "Carry on", outputs={"instead": "{% $states.input.Error %}"}),
        )
        self._parent("forgiving-parent", run)

    def _parent(self, name: str, work: sfn.IChainable) -> sfn.StateMachine:
        identity = WorkflowIdentity(account=self._source, state_machine_name=name)
        return _machine(self, name, work, role=WorkflowRole(self, f"{name}-role", identity=identity))


class TargetStack(Stack):
    """The children."""

    def __init__(self, scope: Construct, *, source: str, target: str) -> None:
        super().__init__(scope, TARGET_STACK, env=_in(target), synthesizer=BootstraplessSynthesizer())
        polling, impatient, waiting, express, forgiving = (
            WorkflowIdentity(account=source, state_machine_name=f"{name}-parent")
            for name in ("polling", "impatient", "waiting", "express", "forgiving")
        )
        key = kms.Key(self, "Key")
        polled = _machine(
            self,
            "polled-child",
            _work(Construct(self, "PolledWork")),
            encryption_configuration=sfn.CustomerManagedEncryptionConfiguration(key),
        )
        TargetRole(self, "PolledTarget", child=polled, callers=[polling, impatient], child_key=key)

        scope = Construct(self, "ReportingWork")
        identity = WorkflowIdentity(account=target, state_machine_name="reporting-child")
        reporting = _machine(
            self,
            "reporting-child",
            ReportedWork(scope, "Work", work=_work(scope, beat_to=waiting), parent=waiting),
            role=WorkflowRole(self, "reporting-child-role", identity=identity),
        )
        TargetRole(
            self,
            "ReportingTarget",
            child=reporting,
            callers=[waiting],
            integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
        )

        at_once = _machine(self, "express-child", _work(Construct(self, "ExpressWork")), type=_EXPRESS)
        TargetRole(self, "ExpressTarget", child=at_once, callers=[express, forgiving])


def _in(account: str) -> Environment:
    return Environment(account=account, region=DEFAULT_REGION)


def _machine(
    stack: Stack,
    name: str,
    work: sfn.IChainable,
    *,
    role: WorkflowRole | None = None,
    type: sfn.StateMachineType = sfn.StateMachineType.STANDARD,  # noqa: A002 - the service's word
    encryption_configuration: sfn.EncryptionConfiguration | None = None,
) -> sfn.StateMachine:
    return sfn.StateMachine(
        stack,
        name,
        state_machine_name=name,
        role=role,
        state_machine_type=type,
        definition_body=sfn.DefinitionBody.from_chainable(work),
        query_language=sfn.QueryLanguage.JSONATA,
        timeout=Duration.minutes(5),
        encryption_configuration=encryption_configuration,
    )


def _work(scope: Construct, *, beat_to: WorkflowIdentity | None = None) -> sfn.Choice:
    """What every child does, by its input."""
    asked = sfn.Choice.jsonata(scope, "What to do?")
    done = sfn.Pass.jsonata(
        scope,
        "Answer",
        outputs={
            "echo": "{% $states.input.n %}",
            "startedBy": "{% $states.input.AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID %}",
        },
    )
    failed = sfn.Fail(scope, "Reject", error=CHILD_ERROR, cause=CHILD_CAUSE, query_language=sfn.QueryLanguage.JSONATA)
    asked.when(sfn.Condition.jsonata("{% $states.input.fail = true %}"), failed)
    take_time = sfn.Wait.jsonata(scope, "Take time", time=sfn.WaitTime.seconds("{% $states.input.seconds %}"))
    asked.when(sfn.Condition.jsonata("{% $exists($states.input.seconds) %}"), take_time.next(done))
    said = sfn.Pass.jsonata(scope, "Say it", outputs="{% $states.input.say %}")
    asked.when(sfn.Condition.jsonata("{% $exists($states.input.say) %}"), said)
    if beat_to is not None:
        second = sfn.Wait.jsonata(scope, "Take a second", time=sfn.WaitTime.duration(Duration.seconds(1)))
        beat = ReportHeartbeat(scope, "Still at it", parent=beat_to)
        less = sfn.Pass.jsonata(
            scope,
            "A second less",
            outputs="{% $merge([$states.input, {'beats': $states.input.beats - 1}]) %}",
        )
        asked.when(sfn.Condition.jsonata(_ANY_BEAT), second.next(beat).next(less).next(asked))
    return asked.otherwise(done)


@dataclass(frozen=True)
class CrossAccountApp:
    """The deployed app. State machines go by their names, roles by theirs without the Region."""

    cloud: LocalCloud
    source: str
    target: str
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)

    def client(self, service: str, account: str) -> Any:
        """The same client each time: making one takes as long as a run."""
        if (service, account) not in self._clients:
            self._clients[service, account] = self.cloud.client(service, account=account)
        return self._clients[service, account]

    def account_of(self, name: str) -> str:
        """The account of a state machine or a role."""
        return self.target if name.startswith(("polled-child", "reporting-child", "express-child")) else self.source

    def machine(self, name: str) -> str:
        """A state machine's ARN."""
        return f"arn:aws:states:{DEFAULT_REGION}:{self.account_of(name)}:stateMachine:{name}"

    def role(self, name: str) -> str:
        """A role's ARN."""
        return f"arn:aws:iam::{self.account_of(name)}:role/{name}-{DEFAULT_REGION}"

    def start(self, name: str, **execution_input: Any) -> RunningExecution:
        states = self.client("stepfunctions", self.account_of(name))
        started = states.start_execution(stateMachineArn=self.machine(name), input=json.dumps(execution_input))
        return RunningExecution(started["executionArn"], states)

    def run(self, name: str, **execution_input: Any) -> CompletedExecution:
        return self.start(name, **execution_input).wait(30)

    def children(self, child: str, of: CompletedExecution | RunningExecution) -> list[RunningExecution]:
        """The executions of a child that an execution of a parent has started, in the order of their start."""
        states = self.client("stepfunctions", self.account_of(child))
        pages = states.get_paginator("list_executions").paginate(stateMachineArn=self.machine(child))
        found = [execution for page in pages for execution in page["executions"]]
        return [
            RunningExecution(execution["executionArn"], states)
            for execution in sorted(found, key=lambda one: one["startDate"])
            if self.input_of(execution["executionArn"]).get(STARTED_BY) == of.execution_arn
        ]

    def only_child(self, child: str, of: CompletedExecution | RunningExecution) -> RunningExecution:
        """The one execution that a parent has started, as soon as it is there."""
        (found,) = eventually(lambda: self.children(child, of))
        return found  # type: ignore[no-any-return]

    def types(self, execution: RunningExecution) -> list[str]:
        """The types of the events so far."""
        arn = execution.execution_arn
        history = self.client("stepfunctions", arn.split(":")[4]).get_execution_history(executionArn=arn)
        return [event["type"] for event in history["events"]]

    def input_of(self, execution_arn: str) -> dict[str, Any]:
        states = self.client("stepfunctions", execution_arn.split(":")[4])
        return dict(json.loads(states.describe_execution(executionArn=execution_arn)["input"]))

    @contextmanager
    def changed(self, name: str, *, role: str | None = None, **fields: Any) -> Iterator[None]:
        """A state machine with another role, or with other fields at the top of its definition."""
        states, arn = self.client("stepfunctions", self.account_of(name)), self.machine(name)
        before = states.describe_state_machine(stateMachineArn=arn)
        definition = json.dumps(json.loads(before["definition"]) | fields)
        try:
            states.update_state_machine(
                stateMachineArn=arn, definition=definition, roleArn=before["roleArn"] if role is None else role
            )
            yield
        finally:
            states.update_state_machine(stateMachineArn=arn, definition=before["definition"], roleArn=before["roleArn"])

    @contextmanager
    def trusting(self, name: str, *statements: dict[str, Any]) -> Iterator[None]:
        """A role with another trust policy."""
        iam, role = self.client("iam", self.account_of(name)), f"{name}-{DEFAULT_REGION}"
        before = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        document = before | {"Statement": list(statements)}
        try:
            iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(document))
            yield
        finally:
            iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(before))

    def trust(self, name: str) -> list[dict[str, Any]]:
        """The statements of a role's trust policy."""
        role = self.client("iam", self.account_of(name)).get_role(RoleName=f"{name}-{DEFAULT_REGION}")["Role"]
        statements: list[dict[str, Any]] = role["AssumeRolePolicyDocument"]["Statement"]
        return statements

    @contextmanager
    def without(self, name: str, action: str) -> Iterator[None]:
        """A role without one of its actions."""
        iam, role = self.client("iam", self.account_of(name)), f"{name}-{DEFAULT_REGION}"
        (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        before = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        less = [
            statement | {"Action": [one for one in listed(statement["Action"]) if one != action] or ["none:Of"]}
            for statement in before["Statement"]
        ]
        assert [listed(statement["Action"]) for statement in before["Statement"]] != [one["Action"] for one in less]
        try:
            iam.put_role_policy(
                RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(before | {"Statement": less})
            )
            yield
        finally:
            iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(before))


def deploy(cloud: LocalCloud, cdk: Path, folder: Path, *, source: str, target: str) -> CrossAccountApp:
    """Synthesize the app and deploy it, the children first."""
    for assembly in reversed(synthesize(folder, source=source, target=target)):
        cloud.deploy(assembly, cdk=cdk)
    return CrossAccountApp(cloud, source, target)


def eventually(look: Callable[[], Any], seconds: float = 20) -> Any:
    """What `look` finds, as soon as it finds anything."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing after {seconds} s"
        time.sleep(0.05)
    return found


def listed(value: str | list[str]) -> list[str]:
    """What a policy says of one or of several."""
    return [value] if isinstance(value, str) else value
