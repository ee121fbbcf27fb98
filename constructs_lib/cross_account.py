"""Nested workflows across accounts: the two sides of one contract, deployable in either order.

A parent state machine in the source account starts a child in the target account, and gets its result. Step Functions
assumes the target role for it, with the parent's ARN as `sts:ExternalId`
(https://docs.aws.amazon.com/step-functions/latest/dg/concepts-access-cross-acct-resources.html). All four names, both
state machines' and both roles', are chosen up front, so that neither side has to wait for the other: a trust that named
the parent's role as its principal would be refused while that role doesn't exist, and lost when it is made anew.
Times are `Duration`s, accounts 12 digits; both sides are in one Region and partition.
"""

from collections.abc import Sequence
from typing import Literal

from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib._checks import check_kind, check_machine, is_list, usage_error
from constructs_lib._workflow_identity import (
    ChildWorkflow,
    WorkflowIdentity,
    check_role_name,
    check_text,
    chosen_name,
    default_role_name,
    differ,
    machine_arn,
    role_arn,
    role_name_of,
    runs_only,
    states_arn,
    type_of,
)
from constructs_lib.nested_workflow import (
    NESTED_WORKFLOW_RETRIES,
    ChildFailure,
    NestedExpressWorkflow,
    NestedWorkflow,
    NestedWorkflowWithCallback,
    ReportedWork,
    ReportHeartbeat,
)

__all__ = [
    "NESTED_WORKFLOW_RETRIES",
    "CallbackRole",
    "ChildFailure",
    "ChildWorkflow",
    "NestedExpressWorkflow",
    "NestedWorkflow",
    "NestedWorkflowWithCallback",
    "ReportHeartbeat",
    "ReportedWork",
    "TargetRole",
    "WorkflowIdentity",
    "WorkflowRole",
]

ORGANIZATION_ID = r"o-[a-z0-9]{10,32}"


class WorkflowRole(iam.Role):
    """The execution role of one state machine, by the name that the other account trusts.

    Give it to the `sfn.StateMachine` of that name, which adds what its states need. Step Functions assumes it for that
    machine and its map runs only.

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        identity: The state machine's and this role's; its account is the stack's.

    Raises:
        ValueError: for another account's identity.

    """

    def __init__(self, scope: Construct, construct_id: str, *, identity: WorkflowIdentity) -> None:
        where = f"{scope.node.path}/{construct_id}"
        check_kind(where, "identity", identity, WorkflowIdentity, fix="Use WorkflowIdentity(…).")
        if differ(identity.account, Stack.of(scope).account):
            raise usage_error(
                where,
                "identity",
                f"of the account {identity.account}",
                allowed=f"one of the stack's account, {Stack.of(scope).account}",
                fix="Make the role in the account of its state machine.",
            )
        super().__init__(
            scope,
            construct_id,
            role_name=role_name_of(scope, identity),
            description=f"Runs the state machine {identity.state_machine_name}, and no other.",
            assumed_by=runs_only(scope, identity.account, identity.state_machine_name),
        )


class TargetRole(Construct):
    """The target side: a role through which named state machines of other accounts run one child, and no one else.

    Its trust names each caller by account, role and state machine: the account's root is the principal, and
    `aws:PrincipalArn` and `sts:ExternalId` leave of that account only the caller's role, acting for the caller's state
    machine. Whoever may change the caller's state machine or its role can therefore use it.

    Example::

        TargetRole(
            self,
            "TargetRole",
            child=child,
            callers=[WorkflowIdentity(account="111111111111", state_machine_name="review-intake")],
        )

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        child: The state machine to run. It must have a name of your choice: the caller can't know another.
        callers: Who may run it; each in an account of its own or with a role and a machine of its own.
        role_name: Omitted: `<child's name>-target-<Region>`, which `ChildWorkflow` assumes when it is told none.
        integration_pattern: How a STANDARD child is called. RUN_JOB (`NestedWorkflow`) may start the child, look at its
            executions and stop them; WAIT_FOR_TASK_TOKEN (`NestedWorkflowWithCallback`) may only start it. An EXPRESS
            child can only be started, and waited for in the same call (`NestedExpressWorkflow`).
        organization_id: Of AWS Organizations, such as o-a1b2c3d4e5: callers must belong to it, too. Omitted: not asked.
        child_key: The customer-managed key that the child's data are encrypted with, if they are.

    Raises:
        ValueError: for callers that can't be told apart, a child without a name, a name that can't be one.

    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        child: sfn.IStateMachine,
        callers: Sequence[WorkflowIdentity],
        role_name: str | None = None,
        integration_pattern: sfn.IntegrationPattern = sfn.IntegrationPattern.RUN_JOB,
        organization_id: str | None = None,
        child_key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        check_machine(self, "child", child)
        if integration_pattern not in (sfn.IntegrationPattern.RUN_JOB, sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN):
            raise usage_error(
                self,
                "integration_pattern",
                getattr(integration_pattern, "name", integration_pattern),
                allowed="RUN_JOB, WAIT_FOR_TASK_TOKEN",
                fix="Use RUN_JOB to wait for the child.",
            )
        express = type_of(child) is sfn.StateMachineType.EXPRESS
        if express and integration_pattern is sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN:
            raise usage_error(
                self,
                "integration_pattern",
                integration_pattern.name,
                allowed="RUN_JOB with an EXPRESS child",
                fix="Leave it out: NestedExpressWorkflow waits in the call that starts the child.",
            )
        name = chosen_name(self, "child", child)
        chosen = _role_name(self, role_name, name, "-target")
        self._role = _trusting_role(
            self,
            callers=callers,
            role_name=chosen,
            organization_id=organization_id,
            description=f"Lets other accounts' state machines run {name}.",
        )
        machine = machine_arn(self, Stack.of(self).account, name)
        executions = states_arn(self, Stack.of(self).account, "execution", f"{name}:*")
        if express:
            _allow(self._role, ("states:StartSyncExecution",), machine)
            can = f"run {name} and wait for it"
        elif integration_pattern is sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN:
            _allow(self._role, ("states:StartExecution",), machine)
            can = f"start {name}"
        else:
            _allow(self._role, ("states:StartExecution",), machine)
            _allow(self._role, ("states:DescribeExecution", "states:StopExecution"), executions)
            can = f"start {name}, and look at its executions and stop them"
        if child_key is not None:
            _allow(self._role, ("kms:Decrypt",), child_key.key_arn)
            can += ", decrypting with its key"
        self._words = tuple(_in_words(self, chosen, caller, organization_id, can) for caller in callers)

    @property
    def role(self) -> iam.Role:
        """The role, named in the caller's `Credentials`."""
        return self._role

    @property
    def trust_in_words(self) -> tuple[str, ...]:
        """For each caller, a sentence: who may assume what, under which condition, to do what."""
        return self._words


class CallbackRole(Construct):
    """The source side of a callback: a role through which named children report to one parent, and no one else.

    A task token can't be used by another account's principal, so the child assumes this role of the parent's account.
    The trust is made as that of `TargetRole`, the other way round.

    IAM's reference gives SendTaskSuccess, SendTaskFailure and SendTaskHeartbeat no resource type, which would mean `*`;
    a real denial names the parent's ARN, and a policy with that ARN has been seen to work. That is what is granted:
    inferred, not documented (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html).

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        parent: The state machine that waits. It must have a name of your choice.
        callers: The children that may report.
        role_name: Omitted: `<parent's name>-callback-<Region>`, which `ReportedWork` assumes when it is told none.
        token_resource: `"*"` grants the three calls for every task token of the account, should AWS ever refuse the
            parent's ARN. Omitted: the parent's ARN.
        organization_id: As with `TargetRole`.

    Raises:
        ValueError: for callers that can't be told apart, a parent without a name, a name that can't be one.

    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parent: sfn.IStateMachine,
        callers: Sequence[WorkflowIdentity],
        role_name: str | None = None,
        token_resource: Literal["*"] | None = None,
        organization_id: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        check_machine(self, "parent", parent)
        if token_resource not in ("*", None):
            raise usage_error(
                self, "token_resource", token_resource, allowed='"*"', fix="Leave it out for the parent's ARN."
            )
        name = chosen_name(self, "parent", parent)
        chosen = _role_name(self, role_name, name, "-callback")
        self._role = _trusting_role(
            self,
            callers=callers,
            role_name=chosen,
            organization_id=organization_id,
            description=f"Lets other accounts' state machines report to {name}.",
        )
        _allow(
            self._role,
            ("states:SendTaskFailure", "states:SendTaskHeartbeat", "states:SendTaskSuccess"),
            token_resource or machine_arn(self, Stack.of(self).account, name),
        )
        self._words = tuple(_in_words(self, chosen, caller, organization_id, f"report to {name}") for caller in callers)

    @property
    def role(self) -> iam.Role:
        """The role, named in the child's `Credentials`."""
        return self._role

    @property
    def trust_in_words(self) -> tuple[str, ...]:
        """For each child, a sentence: who may assume what, under which condition, to do what."""
        return self._words


def _trusting_role(
    scope: Construct,
    *,
    callers: Sequence[WorkflowIdentity],
    role_name: str,
    organization_id: str | None,
    description: str,
) -> iam.Role:
    """Return a role that each caller's role may assume, for its own state machine only."""
    _check_callers(scope, callers)
    if organization_id is not None:
        check_text(
            scope.node.path, "organization_id", organization_id, ORGANIZATION_ID, "an organization's id, o-a1b2c3d4e5"
        )
    organization = {} if organization_id is None else {"aws:PrincipalOrgID": organization_id}
    principals = [
        iam.PrincipalWithConditions(
            iam.AccountPrincipal(caller.account),
            {
                "StringEquals": {
                    "sts:ExternalId": machine_arn(scope, caller.account, caller.state_machine_name),
                    **organization,
                },
                "ArnEquals": {"aws:PrincipalArn": role_arn(scope, caller.account, role_name_of(scope, caller))},
            },
        )
        for caller in callers
    ]
    return iam.Role(
        scope,
        "Role",
        role_name=role_name,
        description=description,
        assumed_by=iam.CompositePrincipal(*principals),
        max_session_duration=Duration.hours(1),
    )


def _role_name(scope: Construct, given: str | None, state_machine_name: str, suffix: str) -> str:
    if given is None:
        return default_role_name(scope, state_machine_name, suffix)
    check_role_name(scope.node.path, "role_name", given)
    return given


def _check_callers(scope: Construct, callers: Sequence[WorkflowIdentity]) -> None:
    fix = "Name each by WorkflowIdentity(account=…, state_machine_name=…)."
    if not is_list(callers) or not callers:
        raise usage_error(scope, "callers", callers, allowed="a list of one WorkflowIdentity or more", fix=fix)
    machines: set[tuple[str, str]] = set()
    roles: set[tuple[str, str]] = set()
    for caller in callers:
        check_kind(scope, "callers", caller, WorkflowIdentity, fix=fix)
        if not Token.is_unresolved(Stack.of(scope).account) and caller.account == Stack.of(scope).account:
            raise usage_error(
                scope,
                "callers",
                caller.account,
                allowed="other accounts than the stack's own",
                fix="Within one account no role is assumed: use ChildWorkflow.in_this_account(…).",
            )
        machine = (caller.account, caller.state_machine_name)
        role = (caller.account, role_name_of(scope, caller))
        for what, one, seen in (("state machine", machine, machines), ("role", role, roles)):
            if one in seen:
                raise usage_error(
                    scope,
                    "callers",
                    f"twice the {what} {one[1]} of the account {one[0]}",
                    allowed="each state machine once, with a role of its own",
                    fix="Who has a caller's role can act for each machine that has it: give each machine its own.",
                )
            seen.add(one)


def _allow(role: iam.Role, actions: Sequence[str], resource: str) -> None:
    role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=[resource]))


def _in_words(scope: Construct, role_name: str, caller: WorkflowIdentity, organization_id: str | None, can: str) -> str:
    """Return who may assume a role, under which condition, and what for."""
    stack = Stack.of(scope)
    external_id = machine_arn(scope, caller.account, caller.state_machine_name)
    member = "" if organization_id is None else f" and as a member of the organization {organization_id}"
    sentence = (
        f"The role {role_name_of(scope, caller)} of the account {caller.account}, for its state machine "
        f"{caller.state_machine_name} only (sts:ExternalId {external_id}){member}, may assume {role_name} to {can}."
    )
    for token, text in ((stack.region, "<Region>"), (stack.partition, "aws")):
        sentence = sentence.replace(token, text) if Token.is_unresolved(token) else sentence
    return sentence
