"""State machines and roles of other accounts, by names that are chosen up front; and the ARNs made of these names.

A name on this path has the characters that Step Functions' logs and STS both take: `[0-9A-Za-z_-]{1,80}`. Roles are
global, so a default role name ends in the Region.
"""

import re
from dataclasses import dataclass
from typing import cast

from aws_cdk import Arn, ArnFormat, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.region_info import RegionInfo
from constructs import Construct

from constructs_lib._checks import check_kind, check_machine, usage_error

_ACCOUNT = r"\d{12}"
_MACHINE_NAME = r"[0-9A-Za-z_-]{1,80}"
_ROLE_NAME = r"[\w+=,.@-]{1,64}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowIdentity:
    """A state machine and the role that it runs as: what another account's trust needs to know of it.

    `account` is its 12 digits; `role_name` omitted is `<state_machine_name>-<Region>`, because roles are global and
    state machines aren't. The role must be that machine's alone: who has the role can act for each machine that has it.

    Raises:
        ValueError: for an account or a name that can't be one.

    """

    account: str
    state_machine_name: str
    role_name: str | None = None

    def __post_init__(self) -> None:
        check_text("WorkflowIdentity", "account", self.account, _ACCOUNT, "12 digits")
        check_machine_name("WorkflowIdentity", "state_machine_name", self.state_machine_name)
        if self.role_name is not None:
            check_role_name("WorkflowIdentity", "role_name", self.role_name)


@dataclass(frozen=True, slots=True)
class ChildWorkflow:
    """Where a child state machine is. Make one with `in_this_account`, `in_account` or `from_arn`.

    To move a child to another account, only this changes on the side of the parent.
    """

    state_machine: sfn.IStateMachine | None
    account: str | None
    region: str | None
    partition: str | None
    state_machine_name: str
    target_role_name: str | None
    child_type: sfn.StateMachineType

    @classmethod
    def in_this_account(
        cls, state_machine: sfn.IStateMachine, *, child_type: sfn.StateMachineType | None = None
    ) -> "ChildWorkflow":
        """A child of the parent's own account and Region; no role is assumed for it.

        `child_type` says whether an imported child is EXPRESS; omitted, one that is made here says so itself.

        Raises:
            ValueError: for what is no state machine, and a type that isn't its own.

        """
        check_machine("ChildWorkflow", "state_machine", state_machine)
        known = type_of(state_machine)
        if child_type is None:
            child_type = known or sfn.StateMachineType.STANDARD
        _check_type(child_type)
        if known is not None and child_type is not known:
            raise usage_error(
                "ChildWorkflow",
                "child_type",
                child_type.name,
                allowed=f"the child's own, {known.name}",
                fix="Leave it out: it is for an imported child.",
            )
        return cls(state_machine, None, None, None, "", None, child_type)

    @classmethod
    def in_account(
        cls,
        *,
        account: str,
        state_machine_name: str,
        target_role_name: str | None = None,
        child_type: sfn.StateMachineType = sfn.StateMachineType.STANDARD,
    ) -> "ChildWorkflow":
        """A child of another account, reached through its `TargetRole`.

        `target_role_name` omitted is the default of `TargetRole`. `child_type` says whether the child is EXPRESS.

        Raises:
            ValueError: for an account or a name that can't be one.

        """
        check_text("ChildWorkflow", "account", account, _ACCOUNT, "12 digits")
        check_machine_name("ChildWorkflow", "state_machine_name", state_machine_name)
        if target_role_name is not None:
            check_role_name("ChildWorkflow", "target_role_name", target_role_name)
        _check_type(child_type)
        return cls(None, account, None, None, state_machine_name, target_role_name, child_type)

    @classmethod
    def from_arn(
        cls,
        state_machine_arn: str,
        *,
        target_role_arn: str | None = None,
        child_type: sfn.StateMachineType = sfn.StateMachineType.STANDARD,
    ) -> "ChildWorkflow":
        """The same by ARNs, as text: a parent of another Region or partition refuses it.

        Raises:
            ValueError: for what is no such ARN; one that an execution's input decides on is none, either.

        """
        machine = _arn_parts("state_machine_arn", state_machine_arn, "states", rf"stateMachine:({_MACHINE_NAME})")
        partition, region, account, name = machine
        role = None
        if target_role_arn is not None:
            role_partition, _, role_account, role = _arn_parts(
                "target_role_arn", target_role_arn, "iam", rf"role/({_ROLE_NAME})"
            )
            if (role_partition, role_account) != (partition, account):
                raise usage_error(
                    "ChildWorkflow",
                    "target_role_arn",
                    target_role_arn,
                    allowed=f"a role of the child's account {account}, in its partition {partition}",
                    fix="The target role is the child's owner's.",
                )
        _check_type(child_type)
        return cls(None, account, region, partition, name, role, child_type)

    def check_place(self, scope: Construct, where: str) -> None:
        """Refuse a child that a state of this stack can't reach.

        Raises:
            ValueError: it is of another Region or partition, or its account isn't where this says that it is.

        """
        stack = Stack.of(scope)
        places = (("Region", self._region, stack.region), ("partition", self._partition, _partition_of(stack)))
        for what, theirs, ours in places:
            if differ(theirs, ours):
                raise usage_error(
                    where,
                    "child",
                    f"a state machine of the {what} {theirs}",
                    allowed=f"one of the parent's {what}, {ours}",
                    fix=f"Step Functions waits for no execution of another {what}.",
                )
        if self.state_machine is not None:
            owner = self.state_machine.env.account
            if differ(owner, stack.account):
                raise usage_error(
                    where,
                    "child",
                    f"a state machine of the account {owner}",
                    allowed=f"one of the parent's account, {stack.account}",
                    fix=f'Use ChildWorkflow.in_account(account="{owner}", …).',
                )
        elif not Token.is_unresolved(stack.account) and self.account == stack.account:
            raise usage_error(
                where,
                "child",
                f"a state machine of the account {self.account}",
                allowed="one of another account: this is the parent's own",
                fix="Use ChildWorkflow.in_this_account(…), which needs no target role.",
            )

    def arn(self, scope: Construct) -> str:
        """Return the child's ARN, as a state of `scope`'s stack names it."""
        if self.state_machine is not None:
            return self.state_machine.state_machine_arn
        return machine_arn(scope, cast("str", self.account), self.state_machine_name)

    def executions_arn(self, scope: Construct) -> str:
        """Return the pattern of the ARNs of the executions of a child of this account."""
        name = Arn.split(self.arn(scope), ArnFormat.COLON_RESOURCE_NAME).resource_name
        return states_arn(scope, Stack.of(scope).account, "execution", f"{name}:*")

    def target_role_arn(self, scope: Construct) -> str | None:
        """Return the ARN of the role that a task assumes; None for a child of this account."""
        if self.account is None:
            return None
        name = self.target_role_name or default_role_name(scope, self.state_machine_name, "-target")
        return role_arn(scope, self.account, name)

    @property
    def _region(self) -> str | None:
        return self.region if self.state_machine is None else self.state_machine.env.region

    @property
    def _partition(self) -> str | None:
        if self.state_machine is None:
            return self.partition
        arn = self.state_machine.state_machine_arn
        return None if Token.is_unresolved(arn) else arn.split(":")[1]


def machine_arn(scope: Construct, account: str, name: str) -> str:
    """Return the ARN of a state machine of any account, in the Region and partition of `scope`'s stack."""
    return states_arn(scope, account, "stateMachine", name)


def states_arn(scope: Construct, account: str, resource: str, name: str) -> str:
    """Return an ARN of Step Functions, `…:<resource>:<name>`."""
    return Stack.of(scope).format_arn(
        service="states",
        account=account,
        resource=resource,
        resource_name=name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def role_arn(scope: Construct, account: str, name: str) -> str:
    """Return the ARN of a role of any account, in the partition of `scope`'s stack."""
    return Stack.of(scope).format_arn(service="iam", region="", account=account, resource="role", resource_name=name)


def role_name_of(scope: Construct, identity: WorkflowIdentity) -> str:
    """Return the name of the role that a state machine runs as."""
    return identity.role_name or default_role_name(scope, identity.state_machine_name, "")


def default_role_name(scope: Construct, state_machine_name: str, suffix: str) -> str:
    """Return `<state machine's name><suffix>-<Region>`.

    Raises:
        ValueError: when that is longer than IAM takes.

    """
    region = Stack.of(scope).region
    # No Region's name is longer than ap-southeast-1, plus one for those to come.
    length = len(state_machine_name) + len(suffix) + 1 + (15 if Token.is_unresolved(region) else len(region))
    if length > 64:
        raise usage_error(
            scope,
            "state_machine_name",
            state_machine_name,
            allowed="a name whose role's default name has at most 64 characters",
            fix=f"Its would have {length}: give the role a name.",
        )
    return f"{state_machine_name}{suffix}-{region}"


def runs_only(scope: Construct, account: str, state_machine_name: str) -> iam.PrincipalWithConditions:
    """Return Step Functions as a principal, for one state machine and its map runs.

    The documented conditions, the second one narrowed down from every state machine of the account:
    https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
    """
    machine = machine_arn(scope, account, state_machine_name)
    return iam.PrincipalWithConditions(
        iam.ServicePrincipal("states.amazonaws.com"),
        {"StringEquals": {"aws:SourceAccount": account}, "ArnLike": {"aws:SourceArn": [machine, f"{machine}/*"]}},
    )


def chosen_name(scope: Construct, argument: str, state_machine: sfn.IStateMachine) -> str:
    """Return the name that `state_machine` was given.

    Raises:
        ValueError: it has none, or one that can't be used across accounts; or it isn't where `scope`'s stack is.

    """
    stack = Stack.of(scope)
    home = state_machine.env
    for what, theirs, ours in (("account", home.account, stack.account), ("Region", home.region, stack.region)):
        if differ(theirs, ours):
            raise usage_error(
                scope,
                argument,
                f"a state machine of the {what} {theirs}",
                allowed=f"one of the stack's {what}, {ours}",
                fix="Make the role where the state machine is.",
            )
    own = state_machine.node.default_child
    name = own.state_machine_name if isinstance(own, sfn.CfnStateMachine) else None
    if own is None and not Token.is_unresolved(state_machine.state_machine_arn):
        name = state_machine.state_machine_arn.split(":")[6]
    if name is None or Token.is_unresolved(name):
        raise usage_error(
            scope,
            argument,
            "a state machine without a name of your choice",
            allowed="one with a literal state_machine_name",
            fix="The other account has to know it: give it a state_machine_name.",
        )
    check_machine_name(scope.node.path, f"{argument}'s state_machine_name", name)
    return name


def type_of(state_machine: sfn.IStateMachine) -> sfn.StateMachineType | None:
    """Return a state machine's type; None for an imported one, whose type isn't known here."""
    return state_machine.state_machine_type if isinstance(state_machine, sfn.StateMachine) else None


def _partition_of(stack: Stack) -> str | None:
    # `stack.partition` is a token even where the Region is known.
    return None if Token.is_unresolved(stack.region) else RegionInfo.get(stack.region).partition


def differ(one: str | None, other: str | None) -> bool:
    """Whether both are known, and different."""
    known = one is not None and other is not None and not Token.is_unresolved(one) and not Token.is_unresolved(other)
    return known and one != other


def _check_type(child_type: object) -> None:
    check_kind("ChildWorkflow", "child_type", child_type, sfn.StateMachineType, fix="Use sfn.StateMachineType.EXPRESS.")


def check_machine_name(where: str, argument: str, name: object) -> None:
    """Raise ValueError for a name that a state machine of another account can't be called by."""
    check_text(where, argument, name, _MACHINE_NAME, "1 to 80 of 0-9, A-Z, a-z, _ and -")


def check_role_name(where: str, argument: str, name: object) -> None:
    """Raise ValueError for what is no role's name: paths and wildcards aren't part of one."""
    check_text(where, argument, name, _ROLE_NAME, "1 to 64 of 0-9, A-Z, a-z and _+=,.@-")


def check_text(where: str, argument: str, value: object, pattern: str, allowed: str) -> None:
    """Raise ValueError unless `value` is text of this pattern, known now."""
    if isinstance(value, str) and not Token.is_unresolved(value) and re.fullmatch(pattern, value, re.ASCII):
        return
    raise usage_error(where, argument, value, allowed=allowed, fix="Choose it up front, for both accounts to know.")


def _arn_parts(argument: str, arn: object, service: str, resource: str) -> tuple[str, str, str, str]:
    """Return partition, Region, account and name of an ARN."""
    pattern = rf"arn:(aws[a-z-]*):{service}:([a-z0-9-]*):({_ACCOUNT}):{resource}"
    known = isinstance(arn, str) and not Token.is_unresolved(arn)
    match = re.fullmatch(pattern, str(arn), re.ASCII) if known else None
    if match is None:
        raise usage_error(
            "ChildWorkflow",
            argument,
            arn,
            allowed=f"an ARN of {service} as text, without wildcards, paths and expressions",
            fix="It is fixed at deployment: an execution's input must not choose whom the parent acts as.",
        )
    return match[1], match[2], match[3], match[4]
