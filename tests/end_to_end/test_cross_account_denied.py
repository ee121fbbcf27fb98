"""Each way in that must stay shut, and each permission taken away in turn, with what breaks without it.

The errors' names are the local cloud's, in the manner of AWS's: none of them is documented.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from constructs_lib.local.endpoint import DEFAULT_REGION
from constructs_lib.testing.execution import RunningExecution
from tests.end_to_end.cross_account_app import eventually, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from constructs_lib.testing.execution import CompletedExecution
    from tests.end_to_end.cross_account_app import CrossAccountApp

    Breaks = Callable[[CrossAccountApp, "Grant"], None]

pytestmark = pytest.mark.local

CANNOT_ASSUME = "is not authorized to assume the task state's role"
STRANGER = "999999999999"
MAY_ASSUME = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
FOR_STATES = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "states.amazonaws.com"}}


def assert_cannot_assume(
    app: CrossAccountApp, ended: CompletedExecution, role: str = "polled-child-target", *, attempts: int = 1
) -> None:
    """It failed at once, said of which role, and started nothing."""
    assert (ended.status, ended.error) == ("FAILED", "States.TaskFailed")
    assert f"{CANNOT_ASSUME}, {app.role(role)}." in str(ended.cause)
    assert_not_started(app, ended, attempts=attempts)


def assert_not_started(app: CrossAccountApp, ended: CompletedExecution, *, attempts: int = 1) -> None:
    assert ended.attempts("Run child") == attempts
    assert [app.children(child, ended) for child in ("polled-child", "reporting-child", "local-child")] == [[]] * 3


@contextmanager
def role(app: CrossAccountApp, account: str, name: str) -> Iterator[str]:
    """Another role, which Step Functions may assume and which may assume any that trusts it."""
    iam = app.client("iam", account)
    trust = {"Version": "2012-10-17", "Statement": [FOR_STATES]}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    document = {"Version": "2012-10-17", "Statement": [MAY_ASSUME]}
    iam.put_role_policy(RoleName=name, PolicyName="All", PolicyDocument=json.dumps(document))
    try:
        yield arn
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="All")
        iam.delete_role(RoleName=name)


def run_as(app: CrossAccountApp, account: str, name: str, role_arn: str) -> CompletedExecution:
    """Run another state machine that does what polling-parent does."""
    states = app.client("stepfunctions", account)
    ours = app.client("stepfunctions", app.source).describe_state_machine(stateMachineArn=app.machine("polling-parent"))
    arn = states.create_state_machine(name=name, definition=ours["definition"], roleArn=role_arn)["stateMachineArn"]
    try:
        started = states.start_execution(stateMachineArn=arn, input='{"n": 7}')
        return RunningExecution(started["executionArn"], states).wait(20)
    finally:
        states.delete_state_machine(stateMachineArn=arn)


def test_should_deny_a_caller_for_another_external_id(two_accounts: CrossAccountApp) -> None:
    trust = two_accounts.trust("polled-child-target")
    for statement in trust:
        statement["Condition"]["StringEquals"]["sts:ExternalId"] += "-other"

    with two_accounts.trusting("polled-child-target", *trust):
        assert_cannot_assume(two_accounts, two_accounts.run("polling-parent", n=7))


def test_should_deny_another_state_machine_that_has_the_very_same_role(two_accounts: CrossAccountApp) -> None:
    shared = two_accounts.role("polling-parent")

    # Step Functions may assume the role for its own machine only, to begin with.
    with pytest.raises(ClientError, match=r"AccessDenied.*is authorized to assume the provided role"):
        run_as(two_accounts, two_accounts.source, "intruder", shared)
    with two_accounts.trusting("polling-parent", FOR_STATES):
        assert_cannot_assume(two_accounts, run_as(two_accounts, two_accounts.source, "intruder", shared))


def test_should_deny_the_caller_with_another_role_whose_name_only_begins_the_same(
    two_accounts: CrossAccountApp,
) -> None:
    with (
        role(two_accounts, two_accounts.source, f"polling-parent-{DEFAULT_REGION}-2") as other,
        two_accounts.changed("polling-parent", role=other),
    ):
        assert_cannot_assume(two_accounts, two_accounts.run("polling-parent", n=7))


def test_should_deny_another_account_that_has_all_the_names(two_accounts: CrossAccountApp) -> None:
    with role(two_accounts, STRANGER, f"polling-parent-{DEFAULT_REGION}") as same:
        assert_cannot_assume(two_accounts, run_as(two_accounts, STRANGER, "polling-parent", same))


@pytest.mark.parametrize("knows", [True, False], ids=["knows the external id", "knows nothing"])
def test_should_deny_an_administrator_of_the_source_account(two_accounts: CrossAccountApp, *, knows: bool) -> None:
    external_id = {"ExternalId": two_accounts.machine("polling-parent")} if knows else {}

    with pytest.raises(ClientError, match=r"AccessDenied.*not authorized to perform: sts:AssumeRole"):
        two_accounts.client("sts", two_accounts.source).assume_role(
            RoleArn=two_accounts.role("polled-child-target"), RoleSessionName="administrator", **external_id
        )


def test_should_deny_a_report_by_another_role(two_accounts: CrossAccountApp) -> None:
    with (
        role(two_accounts, two_accounts.target, f"reporting-child-{DEFAULT_REGION}-2") as other,
        two_accounts.changed("reporting-child", role=other),
    ):
        ended = two_accounts.run("waiting-parent", n=7)

    child = two_accounts.only_child("reporting-child", ended).wait()
    assert (child.status, child.error) == ("FAILED", "States.TaskFailed")
    assert f"{CANNOT_ASSUME}, {two_accounts.role('waiting-parent-callback')}." in str(child.cause)
    # Nothing was heard of it: the parent's wait ends by the heartbeat.
    assert (ended.status, ended.error) == ("FAILED", "Child.Silent")


@dataclass(frozen=True)
class Grant:
    """An action that a role has; the resource without its account and Region."""

    role: str
    action: str
    resource: str


def cannot_assume(parent: str, *, attempts: int = 1) -> Breaks:
    def breaks(app: CrossAccountApp, grant: Grant) -> None:
        with app.without(grant.role, grant.action):
            ended = app.run(parent, n=7, fail=False)
        target_role = grant.resource.removeprefix("role/").removesuffix(f"-{DEFAULT_REGION}")
        assert_cannot_assume(app, ended, target_role, attempts=attempts)

    return breaks


def cannot_start(parent: str, error: str) -> Breaks:
    def breaks(app: CrossAccountApp, grant: Grant) -> None:
        with app.without(grant.role, grant.action):
            ended = app.run(parent, n=7)
        assert (ended.status, ended.error) == ("FAILED", error)
        assert f"is not authorized to perform: {grant.action} " in str(ended.cause)
        # By its error's name it may be throttled.
        assert_not_started(app, ended, attempts=4)

    return breaks


def hears_nothing(parent: str, child: str) -> Breaks:
    """A denied look at the child is no failure: the parent waits, and goes on by itself once it may look."""

    def breaks(app: CrossAccountApp, grant: Grant) -> None:
        with app.without(grant.role, grant.action):
            execution = app.start(parent, n=7)
            assert app.only_child(child, execution).wait().status == "SUCCEEDED"
            time.sleep(0.5)  # five polls
            assert (execution.status, app.types(execution)[-1]) == ("RUNNING", "TaskSubmitted")
        ended = execution.wait(5)
        assert (ended.status, ended.output["echo"]) == ("SUCCEEDED", 7)

    return breaks


def child_goes_on(parent: str, child: str) -> Breaks:
    def breaks(app: CrossAccountApp, grant: Grant) -> None:
        with app.without(grant.role, grant.action):
            execution = app.start(parent, n=7, seconds=60)
            started = app.only_child(child, execution)
            eventually(lambda: "TaskSubmitted" in app.types(execution))
            assert execution.stop().status == "ABORTED"
            time.sleep(0.5)
        assert started.status == "RUNNING"
        started.stop()

    return breaks


def is_not_made(machine: str) -> Breaks:
    """Step Functions makes the rule of a machine that waits in its own account as the machine's role."""

    def breaks(app: CrossAccountApp, grant: Grant) -> None:
        with (
            app.without(grant.role, grant.action),
            pytest.raises(ClientError, match="is not authorized to create managed-rule"),
            app.changed(machine, Comment="Changed"),
        ):
            pass

    return breaks


def cannot_report(*, fail: bool = False) -> Breaks:
    def breaks(app: CrossAccountApp, grant: Grant) -> None:
        with app.without(grant.role, grant.action):
            assert_not_heard(app, f"is not authorized to perform: {grant.action} ", fail=fail)

    return breaks


def cannot_assume_to_report(app: CrossAccountApp, grant: Grant) -> None:
    with app.without(grant.role, grant.action):
        assert_not_heard(app, f"{CANNOT_ASSUME}, {app.role('waiting-parent-callback')}.")


def assert_not_heard(app: CrossAccountApp, told: str, *, fail: bool = False) -> None:
    """The child's report is denied, of which it fails; the parent is left waiting until its heartbeat's end."""
    execution = app.start("waiting-parent", n=7, fail=fail)
    child = app.only_child("reporting-child", execution).wait()
    assert child.status == "FAILED"
    assert told in str(child.cause)
    ended = execution.wait(20)
    assert (ended.status, ended.error) == ("FAILED", "Child.Silent")


def cannot_beat(app: CrossAccountApp, grant: Grant) -> None:
    """The child fails of it, and says so, if the parent still waits after the call's retries."""
    with app.without(grant.role, grant.action):
        execution = app.start("waiting-parent", n=7, beats=1)
        child = app.only_child("reporting-child", execution).wait()
        ended = execution.wait(20)
    assert (child.status, child.attempts("Still at it")) == ("FAILED", 4)
    assert f"is not authorized to perform: {grant.action} " in json.dumps(child.events, default=str)
    assert ended.error in {"Sfn.SfnException", "Child.Silent"}


OPTIMIZED, SDK = "StepFunctions.AWSStepFunctionsException", "Sfn.SfnException"
POLLED, REPORTING, EXPRESS = (
    f"role/{name}-target-{DEFAULT_REGION}" for name in ("polled-child", "reporting-child", "express-child")
)
RULE = "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"

EXERCISED: dict[Grant, Breaks] = {
    Grant("polling-parent", "sts:AssumeRole", POLLED): cannot_assume("polling-parent"),
    # Its policy retries States.TaskFailed.
    Grant("impatient-parent", "sts:AssumeRole", POLLED): cannot_assume("impatient-parent", attempts=2),
    Grant("waiting-parent", "sts:AssumeRole", REPORTING): cannot_assume("waiting-parent"),
    Grant("express-parent", "sts:AssumeRole", EXPRESS): cannot_assume("express-parent"),
    Grant("forgiving-parent", "sts:AssumeRole", EXPRESS): cannot_assume("forgiving-parent"),
    Grant("polled-child-target", "states:StartExecution", "stateMachine:polled-child"): cannot_start(
        "polling-parent", OPTIMIZED
    ),
    Grant("polled-child-target", "states:DescribeExecution", "execution:polled-child:*"): hears_nothing(
        "polling-parent", "polled-child"
    ),
    Grant("polled-child-target", "states:StopExecution", "execution:polled-child:*"): child_goes_on(
        "polling-parent", "polled-child"
    ),
    Grant("reporting-child-target", "states:StartExecution", "stateMachine:reporting-child"): cannot_start(
        "waiting-parent", OPTIMIZED
    ),
    Grant("express-child-target", "states:StartSyncExecution", "stateMachine:express-child"): cannot_start(
        "express-parent", SDK
    ),
    Grant(
        "reporting-child", "sts:AssumeRole", f"role/waiting-parent-callback-{DEFAULT_REGION}"
    ): cannot_assume_to_report,
    Grant("waiting-parent-callback", "states:SendTaskSuccess", "stateMachine:waiting-parent"): cannot_report(),
    Grant("waiting-parent-callback", "states:SendTaskFailure", "stateMachine:waiting-parent"): cannot_report(fail=True),
    Grant("waiting-parent-callback", "states:SendTaskHeartbeat", "stateMachine:waiting-parent"): cannot_beat,
    Grant("local-parent", "states:StartExecution", "stateMachine:local-child"): cannot_start("local-parent", OPTIMIZED),
    Grant("local-parent", "states:DescribeExecution", "execution:local-child:*"): hears_nothing(
        "local-parent", "local-child"
    ),
    Grant("local-parent", "states:StopExecution", "execution:local-child:*"): child_goes_on(
        "local-parent", "local-child"
    ),
    Grant("local-parent", "events:DescribeRule", RULE): is_not_made("local-parent"),
    Grant("local-parent", "events:PutRule", RULE): is_not_made("local-parent"),
    Grant("local-parent", "events:PutTargets", RULE): is_not_made("local-parent"),
    Grant("local-express-parent", "states:StartSyncExecution", "stateMachine:local-express-child"): cannot_start(
        "local-express-parent", SDK
    ),
}

AWS_ONLY: dict[Grant, str] = {
    # The local cloud encrypts nothing, and asks nobody for this.
    Grant("polled-child-target", "kms:Decrypt", "key/*"): (
        "https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html"
    ),
}


@pytest.mark.parametrize("grant", EXERCISED, ids=lambda grant: f"{grant.role}-{grant.action}")
def test_should_not_work_without(two_accounts: CrossAccountApp, grant: Grant) -> None:
    EXERCISED[grant](two_accounts, grant)


# Whom the roles that other accounts assume trust.
CALLERS = [
    ("polled-child-target", "polling-parent"),
    ("polled-child-target", "impatient-parent"),
    ("reporting-child-target", "waiting-parent"),
    ("express-child-target", "express-parent"),
    ("express-child-target", "forgiving-parent"),
    ("waiting-parent-callback", "reporting-child"),
]
# The state machines whose roles are named after them.
MACHINES = [
    *("polling-parent", "impatient-parent", "waiting-parent", "express-parent", "forgiving-parent"),
    *("local-parent", "local-express-parent", "reporting-child"),
]


@pytest.mark.parametrize(("assumed", "caller"), CALLERS)
def test_should_not_let_a_caller_in_without_its_statement(
    two_accounts: CrossAccountApp, assumed: str, caller: str
) -> None:
    trust = two_accounts.trust(assumed)
    others = [one for one in trust if trusted(one) != caller]
    assert len(others) == len(trust) - 1

    with two_accounts.trusting(assumed, *others):
        if caller == "reporting-child":
            assert_not_heard(two_accounts, f"{CANNOT_ASSUME}, {two_accounts.role(assumed)}.")
        else:
            ended = two_accounts.run(caller, n=7, fail=False)
            assert_cannot_assume(two_accounts, ended, assumed, attempts=2 if caller == "impatient-parent" else 1)


@pytest.mark.parametrize("machine", MACHINES)
def test_should_not_make_a_machine_with_a_role_that_does_not_trust_step_functions(
    two_accounts: CrossAccountApp, machine: str
) -> None:
    (statement,) = two_accounts.trust(machine)
    elsewhere = statement | {"Principal": {"Service": "lambda.amazonaws.com"}}

    with (
        two_accounts.trusting(machine, elsewhere),
        pytest.raises(ClientError, match=r"AccessDenied.*is authorized to assume the provided role"),
        two_accounts.changed(machine, Comment="Changed"),
    ):
        pass


def trusted(statement: dict[str, Any]) -> str:
    """Whom a statement of a trust policy lets in: the state machine, or the service."""
    external_id = statement["Condition"]["StringEquals"].get("sts:ExternalId")
    return str(statement["Principal"]["Service"] if external_id is None else external_id.rpartition(":")[2])


def deployed_roles(app: CrossAccountApp) -> Iterator[tuple[str, dict[str, Any]]]:
    """The roles that have a name of ours, without the Region at its end; CDK makes one for each other machine."""
    for account in (app.source, app.target):
        for found in app.client("iam", account).list_roles()["Roles"]:
            if found["RoleName"].endswith(f"-{DEFAULT_REGION}"):
                yield found["RoleName"].removesuffix(f"-{DEFAULT_REGION}"), found


def test_should_grant_nothing_that_is_not_shown_to_be_needed(two_accounts: CrossAccountApp) -> None:
    granted = set()
    for name, found in deployed_roles(two_accounts):
        iam = two_accounts.client("iam", two_accounts.account_of(name))
        for policy in iam.list_role_policies(RoleName=found["RoleName"])["PolicyNames"]:
            document = iam.get_role_policy(RoleName=found["RoleName"], PolicyName=policy)["PolicyDocument"]
            for statement in document["Statement"]:
                assert set(statement) == {"Effect", "Action", "Resource"}
                (resource,) = listed(statement["Resource"])
                where = resource.split(":", 5)[5]
                where = "key/*" if where.startswith("key/") else where
                granted |= {Grant(name, action, where) for action in listed(statement["Action"])}

    assert granted == set(EXERCISED) | set(AWS_ONLY)


def test_should_trust_no_one_who_is_not_shown_to_be_needed(two_accounts: CrossAccountApp) -> None:
    trusts = {
        (name, trusted(statement))
        for name, found in deployed_roles(two_accounts)
        for statement in found["AssumeRolePolicyDocument"]["Statement"]
    }

    assert trusts == set(CALLERS) | {(machine, "states.amazonaws.com") for machine in MACHINES}
