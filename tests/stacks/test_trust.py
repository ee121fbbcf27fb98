"""Who may run the child of another account: a matrix of requests, and each mutant of the policies that it catches.

Every attacker has an identity policy that allows everything: what keeps it out is the role's trust alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from aws_cdk import Duration, Environment, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as sfn

import app
from constructs_lib import (
    CallbackRole,
    ChildWorkflow,
    NestedExpressWorkflow,
    NestedWorkflowWithCallback,
    ReportedWork,
    TargetRole,
    WorkflowIdentity,
    WorkflowRole,
)
from constructs_lib.testing import PolicySimulation, PolicySimulator
from tests.cdk import make_app
from tests.mutants import Mutant, mutants_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REGION = "us-east-1"
SOURCE, OTHER_SOURCE, TARGET, STRANGER = "111111111111", "333333333333", "222222222222", "444444444444"
ORGANIZATION = "o-a1b2c3d4e5"
MANAGED_RULE = "StepFunctionsGetEventsForStepFunctionsExecutionRule"
KEY = f"arn:aws:kms:{REGION}:{TARGET}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEYS = (
    KEY.replace("1234abcd", "5678abcd"),
    KEY.replace(REGION, "eu-west-1"),
    KEY.replace(TARGET, STRANGER),
    f"{KEY}2",
)
# https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
KEY_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{TARGET}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}


def machine(account: str, name: str, region: str = REGION) -> str:
    return f"arn:aws:states:{region}:{account}:stateMachine:{name}"


def execution(account: str, name: str) -> str:
    return f"arn:aws:states:{REGION}:{account}:execution:{name}:e1"


def role(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


@dataclass(frozen=True, kw_only=True)
class Request:
    """Someone asks for something; `own` is whether its own policies count, instead of all that there are."""

    who: str
    action: str = "sts:AssumeRole"
    on: str
    external_id: str | None = None
    organization: str | None = None
    own: bool = False
    source_arn: str | None = None
    source_account: str | None = None

    def is_allowed(self, simulation: PolicySimulation) -> bool:
        keys = {
            "sts:ExternalId": self.external_id,
            "aws:SourceArn": self.source_arn,
            "aws:SourceAccount": self.source_account,
        }
        service = self.who.endswith("amazonaws.com")
        decision = simulation.allows(
            self.who,
            self.action,
            self.on,
            organization_id=self.organization,
            identity_policies=None if self.own or service else PolicySimulation.ADMINISTRATOR,
            context={key: value for key, value in keys.items() if value is not None},
        )
        return bool(decision)


@dataclass(frozen=True)
class Matrix:
    """Requests around one role: those that must be allowed, and those that must not, each by a name of its own.

    `equivalent` are the mutants that no request can tell from the original: patterns of their names, with the reasons.
    """

    role: str
    allowed: Mapping[str, Request]
    denied: Mapping[str, Request]
    equivalent: Mapping[str, str]

    def is_equivalent(self, mutant: Mutant) -> bool:
        return any(re.search(pattern, mutant.name) for pattern in self.equivalent)

    def wrong(self, simulation: PolicySimulation) -> Iterator[str]:
        """The requests that this simulation decides otherwise."""
        for expected, requests in ((True, self.allowed), (False, self.denied)):
            yield from (name for name, request in requests.items() if request.is_allowed(simulation) is not expected)


def assumed_by_named_workflows(
    target: str, caller: str, name: str, *, other_caller: str, own_account: str, organization: str | None = None
) -> Matrix:
    """The matrix of a role that two accounts' state machines of one name may assume; the templates have the first."""
    good = _caller(target, caller, name, organization)
    other = _caller(target, other_caller, name, organization)
    return Matrix(
        target,
        {"the caller": good, "the caller, by its own policies": replace(good, own=True), "the other caller": other},
        {
            **_attackers(good, caller, name, other, own_account=own_account),
            **{
                f"{attacker}, of the other caller": request
                for attacker, request in _attackers(other, other_caller, name, good, own_account=own_account).items()
            },
            "its own policies, for another role": replace(good, on=role(own_account, "admin"), own=True),
        },
        {
            "allow every action of sts": "of the other actions on a role none has an external id, by IAM's reference",
            "trust everybody": "aws:PrincipalArn still names one role, of the account that was trusted",
            "aws:PrincipalArn by ArnEqualsIfExists": "every request has that key",
            r"aws:PrincipalArn to arn:aws:iam::\*": "the principal still is one account",
        },
    )


def _caller(target: str, account: str, name: str, organization: str | None) -> Request:
    return Request(
        who=role(account, f"{name}-{REGION}"),
        on=target,
        external_id=machine(account, name),
        organization=organization,
    )


def _attackers(good: Request, caller: str, name: str, other: Request, *, own_account: str) -> dict[str, Request]:
    """Who isn't the caller, each but for one thing like it."""
    who, external_id, organization = good.who, machine(caller, name), good.organization
    denied = {
        "no external id": replace(good, external_id=None),
        "another state machine, by the same role": replace(good, external_id=machine(caller, "other")),
        "a state machine whose name begins the same": replace(good, external_id=f"{external_id}2"),
        "a state machine whose name is its beginning": replace(good, external_id=external_id[:-1]),
        "the state machine in capitals": replace(good, external_id=external_id.upper()),
        "the state machine of another Region": replace(good, external_id=machine(caller, name, "eu-west-1")),
        "every state machine": replace(good, external_id="*"),
        "the state machine's name alone": replace(good, external_id=name),
        "a child of its map": replace(good, external_id=f"{external_id}/Label"),
        "an execution of it": replace(good, external_id=execution(caller, name)),
        "an Express execution of its name": replace(
            good, external_id=f"arn:aws:states:{REGION}:{caller}:express:{name}:e1:7d3a"
        ),
        "an Express state machine": replace(good, external_id=machine(caller, f"{name}-express")),
        "the other caller's state machine": replace(good, external_id=other.external_id),
        "the other caller, for this state machine": replace(other, external_id=external_id),
        "another role": replace(good, who=role(caller, "admin")),
        "a role whose name begins the same": replace(good, who=f"{who}2"),
        "a role whose name is its beginning": replace(good, who=who[:-1]),
        "the role in capitals": replace(good, who=role(caller, f"{name}-{REGION}".upper())),
        "a role of its name, with a path": replace(good, who=role(caller, f"path/{name}-{REGION}")),
        "a user of the role's name": replace(good, who=who.replace(":role/", ":user/")),
        "another account, for this state machine": replace(good, who=role(STRANGER, f"{name}-{REGION}")),
        "another account, for its own": replace(
            good, who=role(STRANGER, f"{name}-{REGION}"), external_id=machine(STRANGER, name)
        ),
        "a role of the role's own account": replace(good, who=role(own_account, "admin")),
        "a role of its name in the role's own account": replace(good, who=role(own_account, f"{name}-{REGION}")),
        "Step Functions itself": Request(who="states.amazonaws.com", on=good.on, external_id=external_id),
        # Neither has an external id in IAM's reference.
        "a session's tags": replace(good, action="sts:TagSession", external_id=None),
        "a session's source identity": replace(good, action="sts:SetSourceIdentity", external_id=None),
    }
    if organization is not None:
        denied |= {
            "no organization": replace(good, organization=None),
            "another organization": replace(good, organization="o-f6g7h8i9j0"),
            "an organization whose id begins the same": replace(good, organization=f"{organization}f"),
            "the organization in capitals": replace(good, organization=organization.upper()),
        }
    return denied


def runs_one_machine(name: str, account: str) -> Matrix:
    """The matrix of a state machine's own role."""
    this = role(account, f"{name}-{REGION}")
    good = Request(who="states.amazonaws.com", on=this, source_arn=machine(account, name), source_account=account)
    return Matrix(
        this,
        {"the state machine": good, "its map runs": replace(good, source_arn=f"{machine(account, name)}/Label")},
        {
            "another state machine": replace(good, source_arn=machine(account, "other")),
            "one whose name begins the same": replace(good, source_arn=machine(account, f"{name}2")),
            "one whose name begins the same, and its map runs": replace(
                good, source_arn=f"{machine(account, f'{name}2')}/Label"
            ),
            "one of another Region": replace(good, source_arn=machine(account, name, "eu-west-1")),
            "its map runs in another Region": replace(good, source_arn=f"{machine(account, name, 'eu-west-1')}/Label"),
            "one of another account": replace(good, source_arn=machine(STRANGER, name), source_account=STRANGER),
            "its map runs in another account": replace(
                good, source_arn=f"{machine(STRANGER, name)}/Label", source_account=STRANGER
            ),
            "another account, for this state machine": replace(good, source_account=STRANGER),
            "its account, for one of another": replace(good, source_arn=machine(STRANGER, name)),
            "its account, for another's map runs": replace(good, source_arn=f"{machine(STRANGER, name)}/Label"),
            "another account, for its map runs": replace(
                good, source_arn=f"{machine(account, name)}/Label", source_account=f"{account}2"
            ),
            "another resource of its name": replace(
                good, source_arn=f"arn:aws:states:{REGION}:{account}:activity:{name}"
            ),
            "nothing of its account": replace(good, source_account=None),
            "nothing of what it runs": replace(good, source_arn=None),
            "another service": replace(good, who="lambda.amazonaws.com"),
            "a role of its account": Request(who=role(account, "admin"), on=this),
            "a role of another account": Request(who=role(STRANGER, "admin"), on=this),
            "a session's tags": replace(good, action="sts:TagSession"),
        },
        {"aws:SourceAccount by StringEqualsIgnoreCase": "digits have no case"},
    )


def does_no_more(this: str, child: str, *, allowed: set[str], key: str | None = None) -> Matrix:
    """The matrix of what a target role may do."""
    on = {
        "states:StartExecution": machine(TARGET, child),
        "states:StartSyncExecution": machine(TARGET, child),
        "states:DescribeExecution": execution(TARGET, child),
        "states:StopExecution": execution(TARGET, child),
    }
    requests = {action: Request(who=this, action=action, on=arn, own=True) for action, arn in on.items()}
    others = {
        f"{action} of {other}": Request(who=this, action=action, on=of(account, other), own=True)
        for action, of in (
            ("states:StartExecution", machine),
            ("states:StartSyncExecution", machine),
            ("states:DescribeExecution", execution),
            ("states:StopExecution", execution),
        )
        for account, other in ((TARGET, "other"), (TARGET, f"{child}2"), (STRANGER, child))
    }
    elsewhere = {
        f"{name} in another Region": replace(request, on=request.on.replace(REGION, "eu-west-1"))
        for name, request in requests.items()
    }
    more = {
        action: Request(who=this, action=action, on=arn, own=True)
        for action, arn in {
            "states:DescribeStateMachine": machine(TARGET, child),
            "states:GetExecutionHistory": execution(TARGET, child),
            "states:RedriveExecution": execution(TARGET, child),
            "states:UpdateStateMachine": machine(TARGET, child),
            "states:DeleteStateMachine": machine(TARGET, child),
            "events:PutRule": f"arn:aws:events:{REGION}:{TARGET}:rule/{MANAGED_RULE}",
            "iam:PassRole": this,
            "kms:Encrypt": KEY,
        }.items()
        if key is not None or not action.startswith("kms:")
    }
    good = {name: request for name, request in requests.items() if name in allowed}
    if key is not None:
        good["kms:Decrypt"] = Request(who=this, action="kms:Decrypt", on=key, own=True)
        others |= {
            f"kms:Decrypt with {other}": Request(who=this, action="kms:Decrypt", on=other, own=True)
            for other in OTHER_KEYS
        }
    unneeded = {name: requests[name] for name in requests.keys() - allowed}
    return Matrix(
        this,
        good,
        others | elsewhere | more | unneeded,
        {r"states:us-east-1:\*:": "no other account's state machine can let it in: they have no policies of their own"},
    )


@pytest.fixture(scope="module")
def simulator() -> Iterator[PolicySimulator]:
    with PolicySimulator.start() as started:
        yield started


@pytest.fixture(scope="module")
def reviews(simulator: PolicySimulator) -> PolicySimulation:
    """The app's own stacks, with two source accounts."""
    accounts = {"source": [SOURCE, OTHER_SOURCE], "target": TARGET}
    root = make_app({"accounts": accounts})
    app.build(root)
    return simulator.simulate(root.synth().directory, region=REGION)


@pytest.fixture(scope="module")
def variants(simulator: PolicySimulator) -> PolicySimulation:
    """What the app has not: an Express child, a child that reports, its key, an organization."""
    root = make_app()
    source = Stack(root, "Source", env=Environment(account=SOURCE, region=REGION))
    target = Stack(root, "Target", env=Environment(account=TARGET, region=REGION))
    parent, other_parent = (
        WorkflowIdentity(account=account, state_machine_name="parent") for account in (SOURCE, OTHER_SOURCE)
    )
    child, other_child = (
        WorkflowIdentity(account=account, state_machine_name="child") for account in (TARGET, OTHER_SOURCE)
    )
    express = NestedExpressWorkflow(
        source,
        "Run express",
        child=ChildWorkflow.in_account(
            account=TARGET, state_machine_name="express", child_type=sfn.StateMachineType.EXPRESS
        ),
    )
    waiting = NestedWorkflowWithCallback(
        source,
        "Run child",
        child=ChildWorkflow.in_account(account=TARGET, state_machine_name="child"),
        heartbeat=Duration.minutes(1),
    )
    machine_of_parent = state_machine(source, parent, express.next(waiting))
    CallbackRole(source, "CallbackRole", parent=machine_of_parent, callers=[child, other_child])

    express_child = sfn.StateMachine(
        target,
        "Express",
        state_machine_name="express",
        state_machine_type=sfn.StateMachineType.EXPRESS,
        definition_body=sfn.DefinitionBody.from_chainable(sfn.Succeed.jsonata(target, "Succeed")),
    )
    work = ReportedWork(target, "Work", work=sfn.Pass.jsonata(target, "Pass"), parent=parent)
    TargetRole(
        target,
        "ExpressRole",
        child=express_child,
        callers=[parent, other_parent],
        organization_id=ORGANIZATION,
    )
    TargetRole(
        target,
        "ChildRole",
        child=state_machine(target, child, work),
        callers=[parent, other_parent],
        integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
        child_key=kms.Key.from_key_arn(target, "Key", KEY),
    )
    simulation = simulator.simulate(root.synth().directory, region=REGION)
    for key in (KEY, *OTHER_KEYS):
        simulation = simulation.with_resource_policy(key, KEY_POLICY)
    return simulation


def state_machine(stack: Stack, identity: WorkflowIdentity, chain: sfn.IChainable) -> sfn.StateMachine:
    name = identity.state_machine_name
    return sfn.StateMachine(
        stack,
        name,
        state_machine_name=name,
        role=WorkflowRole(stack, f"{name}Role", identity=identity),
        definition_body=sfn.DefinitionBody.from_chainable(chain),
        query_language=sfn.QueryLanguage.JSONATA,
    )


TARGET_ROLE = role(TARGET, f"review-classifier-target-{REGION}")
EXPRESS_ROLE = role(TARGET, f"express-target-{REGION}")
CHILD_ROLE = role(TARGET, f"child-target-{REGION}")
CALLBACK_ROLE = role(SOURCE, f"parent-callback-{REGION}")

_IN_APP = {"other_caller": OTHER_SOURCE, "own_account": TARGET}
TRUSTS = {
    ("reviews", "target role"): assumed_by_named_workflows(TARGET_ROLE, SOURCE, "review-intake", **_IN_APP),
    ("reviews", "parent's role"): runs_one_machine("review-intake", SOURCE),
    ("variants", "target role of an Express child"): assumed_by_named_workflows(
        EXPRESS_ROLE, SOURCE, "parent", organization=ORGANIZATION, **_IN_APP
    ),
    ("variants", "target role of a child that reports"): assumed_by_named_workflows(
        CHILD_ROLE, SOURCE, "parent", **_IN_APP
    ),
    # What it may do, SendTaskSuccess and its like, no simulator can judge by a state machine's ARN.
    ("variants", "callback role"): assumed_by_named_workflows(
        CALLBACK_ROLE, TARGET, "child", other_caller=OTHER_SOURCE, own_account=SOURCE
    ),
    ("variants", "child's role"): runs_one_machine("child", TARGET),
}
PERMISSIONS = {
    ("reviews", "target role"): does_no_more(
        TARGET_ROLE,
        "review-classifier",
        allowed={"states:StartExecution", "states:DescribeExecution", "states:StopExecution"},
    ),
    ("variants", "target role of an Express child"): does_no_more(
        EXPRESS_ROLE, "express", allowed={"states:StartSyncExecution"}
    ),
    ("variants", "target role of a child that reports"): does_no_more(
        CHILD_ROLE, "child", allowed={"states:StartExecution"}, key=KEY
    ),
}


@pytest.fixture(params=[(*key, matrix) for key, matrix in TRUSTS.items()], ids=lambda param: param[1])
def trust(request: pytest.FixtureRequest) -> tuple[PolicySimulation, Matrix]:
    simulation, _, matrix = request.param
    return request.getfixturevalue(simulation), matrix


@pytest.fixture(params=[(*key, matrix) for key, matrix in PERMISSIONS.items()], ids=lambda param: param[1])
def permissions(request: pytest.FixtureRequest) -> tuple[PolicySimulation, Matrix]:
    simulation, _, matrix = request.param
    return request.getfixturevalue(simulation), matrix


def test_should_ask_enough() -> None:
    assert len(TRUSTS["reviews", "target role"].denied) >= 20


def test_should_let_in_the_named_caller_and_nobody_else(trust: tuple[PolicySimulation, Matrix]) -> None:
    simulation, matrix = trust
    assert list(matrix.wrong(simulation)) == []


def test_should_allow_what_is_needed_and_nothing_else(permissions: tuple[PolicySimulation, Matrix]) -> None:
    simulation, matrix = permissions
    assert list(matrix.wrong(simulation)) == []


def test_should_catch_each_mutant_of_a_trust(trust: tuple[PolicySimulation, Matrix]) -> None:
    simulation, matrix = trust
    mutants = list(mutants_of(simulation.trust(matrix.role)))
    survivors = [
        mutant.name
        for mutant in mutants
        if next(matrix.wrong(simulation.with_trust(matrix.role, mutant.document)), None) is None
    ]
    assert len(mutants) >= 15
    assert survivors == [mutant.name for mutant in mutants if matrix.is_equivalent(mutant)]


def test_should_catch_each_mutant_of_the_permissions(permissions: tuple[PolicySimulation, Matrix]) -> None:
    simulation, matrix = permissions
    policies = simulation.policies(matrix.role)
    mutants = [(name, mutant) for name, document in policies.items() for mutant in mutants_of(document)]
    survivors = [
        mutant.name
        for name, mutant in mutants
        if next(matrix.wrong(simulation.with_policies(matrix.role, policies | {name: mutant.document})), None) is None
    ]
    assert len(mutants) >= 6
    assert survivors == [mutant.name for _, mutant in mutants if matrix.is_equivalent(mutant)]


def test_should_let_the_parent_assume_the_target_role_and_do_nothing_else_there(reviews: PolicySimulation) -> None:
    parent = role(SOURCE, f"review-intake-{REGION}")
    for name in ("review-classifier-target", "admin", f"review-classifier-target-{REGION}2"):
        wrong = Request(who=parent, on=role(TARGET, name), external_id=machine(SOURCE, "review-intake"), own=True)
        trusting = reviews.with_resource_policy(wrong.on, reviews.trust(TARGET_ROLE))
        assert not wrong.is_allowed(trusting)
    own_child = Request(who=parent, action="states:StartExecution", on=machine(SOURCE, "review-classifier"), own=True)
    assert not own_child.is_allowed(reviews)


def test_should_let_cloudwatch_and_eventbridge_publish_to_the_alarm_topic(reviews: PolicySimulation) -> None:
    topic, key = "ReviewsTarget.AlarmTopic", "ReviewsTarget.AlarmTopicKey"
    for service, source in (("cloudwatch", "alarm:denied"), ("events", "rule/denied")):
        arn = f"arn:aws:{service}:{REGION}:{TARGET}:{source}"
        mine = {"aws:SourceArn": arn, "aws:SourceAccount": TARGET}
        assert reviews.allows(f"{service}.amazonaws.com", "sns:Publish", topic, context=mine)
        assert reviews.allows(f"{service}.amazonaws.com", "kms:GenerateDataKey", key, context=mine)
        others = {"aws:SourceArn": arn.replace(TARGET, STRANGER), "aws:SourceAccount": STRANGER}
        assert not reviews.allows(f"{service}.amazonaws.com", "sns:Publish", topic, context=others)
    assert reviews.allows("ReviewsTarget.ClassifierRole", "sns:Publish", topic)
