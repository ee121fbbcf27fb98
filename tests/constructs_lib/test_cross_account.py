from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Aws, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import CallbackRole, ChildWorkflow, NestedWorkflow, TargetRole, WorkflowIdentity, WorkflowRole
from tests.cdk import JsonObject, make_app, only, resources, shown, statements_of, template_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SOURCE, OTHER, TARGET = "111111111111", "333333333333", "222222222222"
PARENT = WorkflowIdentity(account=SOURCE, state_machine_name="review-intake")
OTHER_PARENT = WorkflowIdentity(account=OTHER, state_machine_name="orders", role_name="orders-runner")
CHILD = WorkflowIdentity(account=TARGET, state_machine_name="review-classifier")
IRELAND = "arn:${AWS::Partition}:states:eu-west-1"
ANYWHERE = "arn:${AWS::Partition}:states:${AWS::Region}"
IAM = "arn:${AWS::Partition}:iam:"
RUN_JOB, WAIT_FOR_TASK_TOKEN = sfn.IntegrationPattern.RUN_JOB, sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN
EXPRESS = sfn.StateMachineType.EXPRESS


def stack_in(account: str | None, name: str = "Stack", *, app: App | None = None) -> Stack:
    """A stack in Ireland; without an account, one of any account and Region."""
    env = None if account is None else Environment(account=account, region="eu-west-1")
    return Stack(app or make_app(), name, env=env)


def machine(stack: Stack, name: str | None, *, construct_id: str = "Machine", **kwargs: Any) -> sfn.StateMachine:
    """A state machine that does nothing, as a role that isn't made here."""
    defaults: dict[str, Any] = {
        "definition_body": sfn.DefinitionBody.from_chainable(sfn.Pass.jsonata(stack, f"{construct_id} passes")),
        "role": iam.Role.from_role_name(stack, f"{construct_id}Role", "made-elsewhere"),
    }
    return sfn.StateMachine(stack, construct_id, state_machine_name=name, **(defaults | kwargs))


def imported(stack: Stack, arn: str) -> sfn.IStateMachine:
    return sfn.StateMachine.from_state_machine_arn(stack, "Imported", arn)


def trust_of(template: JsonObject) -> list[JsonObject]:
    statements: list[JsonObject] = shown(only(template, "AWS::IAM::Role")["AssumeRolePolicyDocument"]["Statement"])
    return statements


def trusting(account: str, role: str, state_machine: str, **also: str) -> JsonObject:
    """The statement that lets a role assume another, for its own state machine."""
    return {
        "Effect": "Allow",
        "Principal": {"AWS": f"{IAM}:{account}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"sts:ExternalId": state_machine, **also},
            "ArnEquals": {"aws:PrincipalArn": f"{IAM}:{account}:role/{role}"},
        },
    }


def allowing(actions: list[str], resource: str) -> JsonObject:
    return {"Effect": "Allow", "Action": actions, "Resource": [resource]}


class Role:
    """What was made: its template, its one role's name, trust and permissions, and the trust in words."""

    def __init__(self, stack: Stack, words: tuple[str, ...] = ()) -> None:
        self.words = words
        self.template = template_of(stack)
        self.properties = only(self.template, "AWS::IAM::Role")
        self.name = shown(self.properties["RoleName"])
        self.trust = trust_of(self.template)
        self.permissions = [statement for _, statement in statements_of(self.template)]


def made(function: Callable[[Stack], Any], *, account: str | None) -> Callable[[App, str], tuple[Stack, Any]]:
    def make(app: App, name: str) -> tuple[Stack, Any]:
        stack = stack_in(account, name.replace("_", "-"), app=app)
        return stack, function(stack)

    return make


def target_role(child: Mapping[str, Any] | None = None, **kwargs: Any) -> Callable[[Stack], TargetRole]:
    given = {"callers": [PARENT], **kwargs}
    return lambda stack: TargetRole(
        stack, "TargetRole", child=machine(stack, "review-classifier", **(child or {})), **given
    )


def callback_role(**kwargs: Any) -> Callable[[Stack], CallbackRole]:
    given = {"callers": [CHILD], **kwargs}
    return lambda stack: CallbackRole(stack, "CallbackRole", parent=machine(stack, "review-intake"), **given)


def target_role_with_key(stack: Stack) -> TargetRole:
    return target_role(child_key=kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:eu-west-1:222222222222:key/a-b"))(
        stack
    )


MADE: dict[str, Callable[[App, str], tuple[Stack, Any]]] = {
    "workflow": made(lambda stack: WorkflowRole(stack, "Role", identity=PARENT), account=SOURCE),
    "workflow_anywhere": made(lambda stack: WorkflowRole(stack, "Role", identity=OTHER_PARENT), account=None),
    "target": made(target_role(callers=[PARENT, OTHER_PARENT]), account=TARGET),
    "target_anywhere": made(target_role(), account=None),
    "target_named": made(target_role(role_name="run_reviews"), account=TARGET),
    "target_of_organization": made(
        target_role(callers=[PARENT, OTHER_PARENT], organization_id="o-a1b2c3d4e5"), account=TARGET
    ),
    "target_with_callback": made(target_role(integration_pattern=WAIT_FOR_TASK_TOKEN), account=TARGET),
    "target_express": made(target_role({"state_machine_type": EXPRESS}), account=TARGET),
    "target_with_key": made(target_role_with_key, account=TARGET),
    "callback": made(callback_role(callers=[CHILD, OTHER_PARENT]), account=SOURCE),
    "callback_anywhere": made(callback_role(), account=None),
    "callback_named": made(callback_role(role_name="report_reviews"), account=SOURCE),
    "callback_of_organization": made(callback_role(organization_id="o-a1b2c3d4e5"), account=SOURCE),
    "callback_any_token": made(callback_role(token_resource="*"), account=SOURCE),
}


@pytest.fixture(scope="module")
def roles() -> Mapping[str, Role]:
    """Each role of `MADE`, in a stack of its own of one app."""
    app = make_app()
    both = {name: make(app, name) for name, make in MADE.items()}
    return {name: Role(stack, getattr(role, "trust_in_words", ())) for name, (stack, role) in both.items()}


class TestWorkflowRole:
    """The execution role of one state machine."""

    def test_should_be_assumed_by_step_functions_for_one_state_machine(self, roles: Mapping[str, Role]) -> None:
        role = roles["workflow"]
        state_machine = f"{IRELAND}:{SOURCE}:stateMachine:review-intake"
        assert role.name == "review-intake-eu-west-1"
        assert role.permissions == []
        assert role.trust == [
            {
                "Effect": "Allow",
                "Principal": {"Service": "states.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": SOURCE},
                    "ArnLike": {"aws:SourceArn": [state_machine, f"{state_machine}/*"]},
                },
            }
        ]

    def test_should_be_made_in_a_stack_of_any_account(self, roles: Mapping[str, Role]) -> None:
        role = roles["workflow_anywhere"]
        state_machine = f"{ANYWHERE}:{OTHER}:stateMachine:orders"
        assert role.name == "orders-runner"
        (statement,) = role.trust
        assert statement["Condition"] == {
            "StringEquals": {"aws:SourceAccount": OTHER},
            "ArnLike": {"aws:SourceArn": [state_machine, f"{state_machine}/*"]},
        }


class TestTargetRole:
    """Who may run the child, and what that takes."""

    def test_should_trust_each_caller_and_no_one_else(self, roles: Mapping[str, Role]) -> None:
        assert roles["target"].trust == [
            trusting(SOURCE, "review-intake-eu-west-1", f"{IRELAND}:{SOURCE}:stateMachine:review-intake"),
            trusting(OTHER, "orders-runner", f"{IRELAND}:{OTHER}:stateMachine:orders"),
        ]
        assert roles["target"].properties["MaxSessionDuration"] == 3600
        assert "ManagedPolicyArns" not in roles["target"].properties

    def test_should_ask_each_caller_for_the_organization(self, roles: Mapping[str, Role]) -> None:
        member = {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}
        assert roles["target_of_organization"].trust == [
            trusting(SOURCE, "review-intake-eu-west-1", f"{IRELAND}:{SOURCE}:stateMachine:review-intake", **member),
            trusting(OTHER, "orders-runner", f"{IRELAND}:{OTHER}:stateMachine:orders", **member),
        ]

    def test_should_trust_the_same_names_in_a_stack_of_any_account(self, roles: Mapping[str, Role]) -> None:
        role = roles["target_anywhere"]
        assert role.name == "review-classifier-target-${AWS::Region}"
        assert role.trust == [
            trusting(SOURCE, "review-intake-${AWS::Region}", f"{ANYWHERE}:{SOURCE}:stateMachine:review-intake")
        ]
        place = f"{ANYWHERE}:${{AWS::AccountId}}"
        assert role.permissions == [
            allowing(["states:StartExecution"], f"{place}:stateMachine:review-classifier"),
            allowing(["states:DescribeExecution", "states:StopExecution"], f"{place}:execution:review-classifier:*"),
        ]

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            (
                "target",
                [
                    (["states:StartExecution"], f"{IRELAND}:{TARGET}:stateMachine:review-classifier"),
                    (
                        ["states:DescribeExecution", "states:StopExecution"],
                        f"{IRELAND}:{TARGET}:execution:review-classifier:*",
                    ),
                ],
            ),
            (
                "target_with_callback",
                [(["states:StartExecution"], f"{IRELAND}:{TARGET}:stateMachine:review-classifier")],
            ),
            (
                "target_express",
                [(["states:StartSyncExecution"], f"{IRELAND}:{TARGET}:stateMachine:review-classifier")],
            ),
        ],
    )
    def test_should_allow_what_the_call_takes_and_nothing_else(
        self, roles: Mapping[str, Role], name: str, expected: list[tuple[list[str], str]]
    ) -> None:
        assert roles[name].permissions == [allowing(actions, resource) for actions, resource in expected]

    def test_should_decrypt_with_the_child_s_key(self, roles: Mapping[str, Role]) -> None:
        with_key, without = roles["target_with_key"].permissions, roles["target"].permissions
        key = allowing(["kms:Decrypt"], "arn:aws:kms:eu-west-1:222222222222:key/a-b")
        assert with_key == [*without, key]

    def test_should_have_the_name_that_callers_assume(self, roles: Mapping[str, Role]) -> None:
        assert roles["target"].name == "review-classifier-target-eu-west-1"
        assert roles["target_named"].name == "run_reviews"

    def test_should_say_the_trust_in_words(self, roles: Mapping[str, Role]) -> None:
        caller, other = roles["target_of_organization"].words
        assert caller == (
            "The role review-intake-eu-west-1 of the account 111111111111, for its state machine review-intake only "
            "(sts:ExternalId arn:aws:states:eu-west-1:111111111111:stateMachine:review-intake) and as a member of the "
            "organization o-a1b2c3d4e5, may assume review-classifier-target-eu-west-1 to start review-classifier, and "
            "look at its executions and stop them."
        )
        assert other.startswith("The role orders-runner of the account 333333333333, for its state machine orders only")
        assert roles["target_with_key"].words[0].endswith(" and stop them, decrypting with its key.")
        assert (
            roles["target_with_callback"]
            .words[0]
            .endswith(" may assume review-classifier-target-eu-west-1 to start review-classifier.")
        )
        assert roles["target_express"].words[0].endswith(" to run review-classifier and wait for it.")

    def test_should_take_a_child_that_is_imported(self) -> None:
        stack = stack_in(TARGET)
        child = imported(stack, f"arn:aws:states:eu-west-1:{TARGET}:stateMachine:review-classifier")
        role = Role(stack, TargetRole(stack, "TargetRole", child=child, callers=[PARENT]).trust_in_words)
        assert role.name == "review-classifier-target-eu-west-1"
        assert role.permissions[0] == allowing(
            ["states:StartExecution"], f"{IRELAND}:{TARGET}:stateMachine:review-classifier"
        )


class TestCallbackRole:
    """Who may report to the parent."""

    def test_should_trust_each_child_and_no_one_else(self, roles: Mapping[str, Role]) -> None:
        assert roles["callback"].trust == [
            trusting(TARGET, "review-classifier-eu-west-1", f"{IRELAND}:{TARGET}:stateMachine:review-classifier"),
            trusting(OTHER, "orders-runner", f"{IRELAND}:{OTHER}:stateMachine:orders"),
        ]
        assert roles["callback"].properties["MaxSessionDuration"] == 3600
        assert roles["callback_of_organization"].trust == [
            trusting(
                TARGET,
                "review-classifier-eu-west-1",
                f"{IRELAND}:{TARGET}:stateMachine:review-classifier",
                **{"aws:PrincipalOrgID": "o-a1b2c3d4e5"},
            )
        ]

    def test_should_trust_the_same_names_in_a_stack_of_any_account(self, roles: Mapping[str, Role]) -> None:
        role = roles["callback_anywhere"]
        assert role.name == "review-intake-callback-${AWS::Region}"
        assert role.trust == [
            trusting(TARGET, "review-classifier-${AWS::Region}", f"{ANYWHERE}:{TARGET}:stateMachine:review-classifier")
        ]

    @pytest.mark.parametrize(
        ("name", "resource"),
        [
            ("callback", f"{IRELAND}:{SOURCE}:stateMachine:review-intake"),
            ("callback_anywhere", f"{ANYWHERE}:${{AWS::AccountId}}:stateMachine:review-intake"),
            ("callback_any_token", "*"),
        ],
    )
    def test_should_allow_to_report_and_nothing_else(self, roles: Mapping[str, Role], name: str, resource: str) -> None:
        calls = ["states:SendTaskFailure", "states:SendTaskHeartbeat", "states:SendTaskSuccess"]
        assert roles[name].permissions == [allowing(calls, resource)]

    def test_should_have_the_name_that_children_assume(self, roles: Mapping[str, Role]) -> None:
        assert roles["callback"].name == "review-intake-callback-eu-west-1"
        assert roles["callback_named"].name == "report_reviews"

    def test_should_say_the_trust_in_words(self, roles: Mapping[str, Role]) -> None:
        (sentence,) = roles["callback_named"].words
        assert sentence == (
            "The role review-classifier-eu-west-1 of the account 222222222222, for its state machine review-classifier "
            "only (sts:ExternalId arn:aws:states:eu-west-1:222222222222:stateMachine:review-classifier), may assume "
            "report_reviews to report to review-intake."
        )


def test_should_have_no_token_in_the_words_of_a_stack_of_any_account(roles: Mapping[str, Role]) -> None:
    words = [*roles["target_anywhere"].words, *roles["callback_anywhere"].words]
    assert len(words) == 2
    assert all("<Region>" in sentence and not re.search(r"\$\{|Token\[", sentence) for sentence in words)


class TestTwoSides:
    """One contract, two stacks, and nothing between them but names."""

    @staticmethod
    def source_side(app: App) -> Stack:
        stack = stack_in(SOURCE, "Source", app=app)
        child = ChildWorkflow.in_account(account=TARGET, state_machine_name="review-classifier")
        parent = machine(
            stack,
            "review-intake",
            role=WorkflowRole(stack, "Role", identity=PARENT),
            definition_body=sfn.DefinitionBody.from_chainable(NestedWorkflow(stack, "Classify", child=child)),
        )
        CallbackRole(stack, "CallbackRole", parent=parent, callers=[CHILD])
        return stack

    @staticmethod
    def target_side(app: App) -> Stack:
        stack = stack_in(TARGET, "Target", app=app)
        role = WorkflowRole(stack, "Role", identity=CHILD)
        TargetRole(stack, "TargetRole", child=machine(stack, "review-classifier", role=role), callers=[PARENT])
        return stack

    def test_should_deploy_in_either_order(self) -> None:
        app = make_app()
        source, target = self.source_side(app), self.target_side(app)
        for stack, alone in ((source, self.source_side(make_app())), (target, self.target_side(make_app()))):
            template = template_of(stack)
            assert template == template_of(alone)
            assert stack.dependencies == []
            assert "Outputs" not in template
            assert not re.search("Fn::ImportValue|Fn::GetStackOutput|Custom::", json.dumps(template))

    def test_should_agree_on_names(self) -> None:
        """The role that one side assumes is the role that the other makes, and the other way round."""
        app = make_app()
        source, target = map(template_of, [self.source_side(app), self.target_side(app)])
        names = {shown(role["RoleName"]): role for role in resources(target, "AWS::IAM::Role").values()}
        granted = [statement["Resource"] for _, statement in statements_of(source)]
        assert [f"{IAM}:{TARGET}:role/review-classifier-target-eu-west-1"] in granted
        (trust,) = shown(names["review-classifier-target-eu-west-1"]["AssumeRolePolicyDocument"]["Statement"])
        runs = {shown(role["RoleName"]) for role in resources(source, "AWS::IAM::Role").values()}
        assert trust["Condition"]["ArnEquals"]["aws:PrincipalArn"].rpartition("/")[2] in runs
        machines = {
            machine["StateMachineName"] for machine in resources(source, "AWS::StepFunctions::StateMachine").values()
        }
        assert {trust["Condition"]["StringEquals"]["sts:ExternalId"].rpartition(":")[2]} == machines


NAME = "1 to 80 of 0-9, A-Z, a-z, _ and -"
ROLE_NAME = "1 to 64 of 0-9, A-Z, a-z and _+=,.@-"
UP_FRONT = "Choose it up front, for both accounts to know."


@pytest.mark.parametrize(
    "account", ["1" * 11, "1" * 13, "", "11111111111a", "\u0661" * 12, "111111111111\n"], ids=ascii
)
def test_should_refuse_what_is_no_account(account: str) -> None:
    message = f"account is {account!r}; allowed: 12 digits. {UP_FRONT}"
    with pytest.raises(ValueError, match=f"^{re.escape('WorkflowIdentity: ' + message)}$"):
        WorkflowIdentity(account=account, state_machine_name="review-intake")
    with pytest.raises(ValueError, match=f"^{re.escape('ChildWorkflow: ' + message)}$"):
        ChildWorkflow.in_account(account=account, state_machine_name="review-classifier")


@pytest.mark.parametrize(
    "name",
    ["", "a" * 81, "review intake", "review.intake", "review/intake", "*", "review-?", "révision", "a\n", "a:1"],
    ids=ascii,
)
def test_should_refuse_what_no_state_machine_of_another_account_can_be_called(name: str) -> None:
    message = f"state_machine_name is {name!r}; allowed: {NAME}. {UP_FRONT}"
    with pytest.raises(ValueError, match=f"^{re.escape('WorkflowIdentity: ' + message)}$"):
        WorkflowIdentity(account=SOURCE, state_machine_name=name)
    with pytest.raises(ValueError, match=f"^{re.escape('ChildWorkflow: ' + message)}$"):
        ChildWorkflow.in_account(account=SOURCE, state_machine_name=name)


@pytest.mark.parametrize(
    "name", ["", "a" * 65, "*", "review-*", "path/review", "/review", "review role", "{% $role %}", "a\n"], ids=ascii
)
def test_should_refuse_what_is_no_name_of_a_role(name: str) -> None:
    stack = stack_in(TARGET)
    child = machine(stack, "review-classifier")
    refusals: dict[str, Callable[[], object]] = {
        "WorkflowIdentity: role_name": lambda: WorkflowIdentity(
            account=SOURCE, state_machine_name="review-intake", role_name=name
        ),
        "ChildWorkflow: target_role_name": lambda: ChildWorkflow.in_account(
            account=TARGET, state_machine_name="review-classifier", target_role_name=name
        ),
        "Stack/T: role_name": lambda: TargetRole(stack, "T", child=child, callers=[PARENT], role_name=name),
        "Stack/C: role_name": lambda: CallbackRole(stack, "C", parent=child, callers=[PARENT], role_name=name),
    }
    for where, refused in refusals.items():
        with pytest.raises(ValueError, match=re.escape(f"{where} is {name!r}; allowed: {ROLE_NAME}. {UP_FRONT}")):
            refused()


def test_should_show_no_token_in_a_message() -> None:
    message = f"account is a value known at deployment only; allowed: 12 digits. {UP_FRONT}"
    with pytest.raises(ValueError, match=f"^WorkflowIdentity: {re.escape(message)}$"):
        WorkflowIdentity(account=Aws.ACCOUNT_ID, state_machine_name="review-intake")


def test_should_take_the_longest_names() -> None:
    WorkflowIdentity(account=SOURCE, state_machine_name="a" * 80, role_name="r" * 64)
    ChildWorkflow.in_account(account=TARGET, state_machine_name="_-9" + "Z" * 77, target_role_name="a+=,.@-_")


def both(stack: Stack, callers: Any, **kwargs: Any) -> TargetRole:
    return TargetRole(stack, "TargetRole", child=machine(stack, "review-classifier"), callers=callers, **kwargs)


def identity(account: str = SOURCE, name: str = "review-intake", role: str | None = None) -> WorkflowIdentity:
    return WorkflowIdentity(account=account, state_machine_name=name, role_name=role)


GIVE_IT_ITS_OWN = (
    "allowed: each state machine once, with a role of its own. "
    "Who has a caller's role can act for each machine that has it: give each machine its own."
)
UNNAMED = (
    "'a state machine without a name of your choice'; allowed: one with a literal state_machine_name. "
    "The other account has to know it: give it a state_machine_name."
)
OWN_ACCOUNT = (
    "callers is '222222222222'; allowed: other accounts than the stack's own. "
    "Within one account no role is assumed: use ChildWorkflow.in_this_account(…)."
)
CALLERS_FIX = "Name each by WorkflowIdentity(account=…, state_machine_name=…)."


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(
            lambda stack: both(stack, [PARENT, identity(role="another")]),
            "callers is 'twice the state machine review-intake of the account 111111111111'; " + GIVE_IT_ITS_OWN,
            id="two callers with one name",
        ),
        pytest.param(
            lambda stack: both(stack, [PARENT, PARENT]),
            "callers is 'twice the state machine review-intake of the account 111111111111'; " + GIVE_IT_ITS_OWN,
            id="one caller twice",
        ),
        pytest.param(
            lambda stack: both(stack, [identity(role="shared"), identity(name="orders", role="shared")]),
            "callers is 'twice the role shared of the account 111111111111'; " + GIVE_IT_ITS_OWN,
            id="one role for two machines",
        ),
        pytest.param(
            lambda stack: both(stack, [PARENT, identity(name="orders", role="review-intake-eu-west-1")]),
            "callers is 'twice the role review-intake-eu-west-1 of the account 111111111111'; " + GIVE_IT_ITS_OWN,
            id="one role for two machines, by its default name",
        ),
        pytest.param(
            lambda stack: both(stack, [identity(TARGET)]),
            OWN_ACCOUNT,
            id="own account",
        ),
        pytest.param(
            lambda stack: both(stack, []),
            f"callers is []; allowed: a list of one WorkflowIdentity or more. {CALLERS_FIX}",
            id="no caller",
        ),
        pytest.param(
            lambda stack: both(stack, PARENT),
            f"callers is of type WorkflowIdentity; allowed: a list of one WorkflowIdentity or more. {CALLERS_FIX}",
            id="no list",
        ),
        pytest.param(
            lambda stack: both(stack, [SOURCE]),
            f"callers is '111111111111'; allowed: WorkflowIdentity. {CALLERS_FIX}",
            id="an account as a caller",
        ),
        pytest.param(
            lambda stack: both(stack, [PARENT], organization_id="a1b2c3d4e5"),
            f"organization_id is 'a1b2c3d4e5'; allowed: an organization's id, o-a1b2c3d4e5. {UP_FRONT}",
            id="no organization",
        ),
        pytest.param(
            lambda stack: both(stack, [PARENT], organization_id="o-*"),
            f"organization_id is 'o-*'; allowed: an organization's id, o-a1b2c3d4e5. {UP_FRONT}",
            id="any organization",
        ),
        pytest.param(
            lambda stack: both(stack, [PARENT], integration_pattern=sfn.IntegrationPattern.REQUEST_RESPONSE),
            "integration_pattern is 'REQUEST_RESPONSE'; allowed: RUN_JOB, WAIT_FOR_TASK_TOKEN. "
            "Use RUN_JOB to wait for the child.",
            id="a pattern that doesn't wait",
        ),
        pytest.param(
            target_role({"state_machine_type": EXPRESS}, integration_pattern=WAIT_FOR_TASK_TOKEN),
            "integration_pattern is 'WAIT_FOR_TASK_TOKEN'; allowed: RUN_JOB with an EXPRESS child. "
            "Leave it out: NestedExpressWorkflow waits in the call that starts the child.",
            id="a token with an EXPRESS child",
        ),
        pytest.param(
            lambda stack: TargetRole(stack, "TargetRole", child=machine(stack, None), callers=[PARENT]),
            f"child is {UNNAMED}",
            id="an unnamed child",
        ),
        pytest.param(
            lambda stack: TargetRole(
                stack, "TargetRole", child=machine(stack, f"reviews-{Aws.STACK_NAME}"), callers=[PARENT]
            ),
            f"child is {UNNAMED}",
            id="a child whose name is known at deployment only",
        ),
        pytest.param(
            lambda stack: TargetRole(stack, "TargetRole", child=machine(stack, "a.b"), callers=[PARENT]),
            f"child's state_machine_name is 'a.b'; allowed: {NAME}. {UP_FRONT}",
            id="a child with a name that can't be logged",
        ),
        pytest.param(
            lambda stack: TargetRole(stack, "TargetRole", child=machine(stack, "a" * 60), callers=[PARENT]),
            f"state_machine_name is '{'a' * 60}'; allowed: a name whose role's default name has at most 64 characters. "
            "Its would have 77: give the role a name.",
            id="a default name that is too long",
        ),
        pytest.param(
            lambda stack: both(stack, [identity(name="a" * 60)]),
            f"state_machine_name is '{'a' * 60}'; allowed: a name whose role's default name has at most 64 characters. "
            "Its would have 70: give the role a name.",
            id="a caller's default name that is too long",
        ),
        pytest.param(
            lambda stack: TargetRole(
                stack,
                "TargetRole",
                child=imported(stack, f"arn:aws:states:eu-west-1:{SOURCE}:stateMachine:review-classifier"),
                callers=[PARENT],
            ),
            f"child is 'a state machine of the account {SOURCE}'; allowed: one of the stack's account, {TARGET}. "
            "Make the role where the state machine is.",
            id="a child of another account",
        ),
        pytest.param(
            lambda stack: TargetRole(
                stack,
                "TargetRole",
                child=imported(stack, f"arn:aws:states:us-east-1:{TARGET}:stateMachine:review-classifier"),
                callers=[PARENT],
            ),
            "child is 'a state machine of the Region us-east-1'; allowed: one of the stack's Region, eu-west-1. "
            "Make the role where the state machine is.",
            id="a child of another Region",
        ),
        pytest.param(
            lambda stack: TargetRole(stack, "TargetRole", child="review-classifier", callers=[PARENT]),  # type: ignore[arg-type]
            "child is 'review-classifier'; allowed: a state machine. "
            "Use sfn.StateMachine, or one of its from_ methods.",
            id="no child",
        ),
        pytest.param(
            lambda stack: CallbackRole(stack, "TargetRole", parent=machine(stack, None), callers=[PARENT]),
            f"parent is {UNNAMED}",
            id="an unnamed parent",
        ),
        pytest.param(
            lambda stack: CallbackRole(
                stack, "TargetRole", parent=machine(stack, "review-intake"), callers=[identity(TARGET)]
            ),
            OWN_ACCOUNT,
            id="a callback within one account",
        ),
        pytest.param(
            lambda stack: CallbackRole(
                stack,
                "TargetRole",
                parent=machine(stack, "review-intake"),
                callers=[PARENT],
                token_resource="arn:aws:states:*",  # type: ignore[arg-type]
            ),
            "token_resource is 'arn:aws:states:*'; allowed: \"*\". Leave it out for the parent's ARN.",
            id="a token resource of one's own",
        ),
        pytest.param(
            lambda stack: CallbackRole(stack, "TargetRole", parent=SOURCE, callers=[PARENT]),  # type: ignore[arg-type]
            "parent is '111111111111'; allowed: a state machine. Use sfn.StateMachine, or one of its from_ methods.",
            id="no parent",
        ),
        pytest.param(
            lambda stack: WorkflowRole(stack, "TargetRole", identity=PARENT),
            f"identity is 'of the account {SOURCE}'; allowed: one of the stack's account, {TARGET}. "
            "Make the role in the account of its state machine.",
            id="a role for another account's state machine",
        ),
        pytest.param(
            lambda stack: WorkflowRole(stack, "TargetRole", identity="review-intake"),  # type: ignore[arg-type]
            "identity is 'review-intake'; allowed: WorkflowIdentity. Use WorkflowIdentity(…).",
            id="a name for an identity",
        ),
    ],
)
def test_should_refuse_what_makes_no_trust(make: Callable[[Stack], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^(Stack/TargetRole: )?{re.escape(message)}$") as refused:
        make(stack_in(TARGET))
    assert str(refused.value).startswith("Stack/TargetRole: ")


def test_should_leave_room_for_any_region_s_name_where_it_is_not_known() -> None:
    callers = [identity(name="orders")]
    for length, refused in ((41, False), (42, True)):
        stack = stack_in(None)
        child = machine(stack, "a" * length)
        if refused:
            with pytest.raises(ValueError, match=r"Its would have 65: give the role a name\.$"):
                TargetRole(stack, "TargetRole", child=child, callers=callers)
        else:
            TargetRole(stack, "TargetRole", child=child, callers=callers)


STATES = "an ARN of states as text, without wildcards, paths and expressions"
ROLES = "an ARN of iam as text, without wildcards, paths and expressions"
CHOOSES = "It is fixed at deployment: an execution's input must not choose whom the parent acts as."


@pytest.mark.parametrize(
    "arn",
    [
        "{% $states.input.child %}",
        "$.child",
        "review-classifier",
        "arn:aws:states:eu-west-1:22222222222:stateMachine:a",
        "arn:aws:states:eu-west-1:222222222222:stateMachine:*",
        "arn:aws:states:eu-west-1:222222222222:stateMachine:a:1",
        "arn:aws:states:eu-west-1:222222222222:execution:a:b",
        "arn:aws:lambda:eu-west-1:222222222222:function:a",
        "arn:aws:states:*:222222222222:stateMachine:a",
        "",
    ],
)
def test_should_refuse_what_is_no_arn_of_a_state_machine(arn: str) -> None:
    message = f"ChildWorkflow: state_machine_arn is {arn!r}; allowed: {STATES}. {CHOOSES}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ChildWorkflow.from_arn(arn)


@pytest.mark.parametrize(
    "arn",
    [
        "{% $states.input.role %}",
        "$.role",
        "arn:aws:iam::222222222222:role/*",
        "arn:aws:iam::222222222222:role/path/target",
        "arn:aws:iam::22222222222:role/target",
        "arn:aws:iam::222222222222:user/target",
        "arn:aws:sts::222222222222:assumed-role/target/session",
        "target",
    ],
)
def test_should_refuse_what_is_no_arn_of_a_role(arn: str) -> None:
    machine_arn = "arn:aws:states:eu-west-1:222222222222:stateMachine:review-classifier"
    message = f"ChildWorkflow: target_role_arn is {arn!r}; allowed: {ROLES}. {CHOOSES}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ChildWorkflow.from_arn(machine_arn, target_role_arn=arn)


def test_should_refuse_arns_that_are_known_at_deployment_only() -> None:
    token = f"arn:aws:iam::{Aws.ACCOUNT_ID}:role/target"
    message = f"is a value known at deployment only; allowed: {ROLES}. {CHOOSES}"
    with pytest.raises(ValueError, match=f"^ChildWorkflow: target_role_arn {re.escape(message)}$"):
        ChildWorkflow.from_arn("arn:aws:states:eu-west-1:222222222222:stateMachine:a", target_role_arn=token)


@pytest.mark.parametrize("role", ["arn:aws:iam::333333333333:role/target", "arn:aws-cn:iam::222222222222:role/target"])
def test_should_refuse_a_target_role_of_another_account_or_partition_than_the_child(role: str) -> None:
    message = (
        f"ChildWorkflow: target_role_arn is {role!r}; allowed: a role of the child's account 222222222222, in its "
        "partition aws. The target role is the child's owner's."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ChildWorkflow.from_arn("arn:aws:states:eu-west-1:222222222222:stateMachine:a", target_role_arn=role)


def test_should_refuse_a_type_that_is_not_the_child_s() -> None:
    standard = machine(stack_in(SOURCE), "review-classifier")
    message = "ChildWorkflow: child_type is 'EXPRESS'; allowed: the child's own, STANDARD. Leave it out: it is for an "
    with pytest.raises(ValueError, match=f"^{re.escape(message)}imported child.$"):
        ChildWorkflow.in_this_account(standard, child_type=EXPRESS)
    refusals: list[Callable[[Any], object]] = [
        lambda kind: ChildWorkflow.in_this_account(standard, child_type=kind),
        lambda kind: ChildWorkflow.in_account(account=TARGET, state_machine_name="a", child_type=kind),
        lambda kind: ChildWorkflow.from_arn(f"arn:aws:states:eu-west-1:{TARGET}:stateMachine:a", child_type=kind),
    ]
    message = "ChildWorkflow: child_type is 'EXPRESS'; allowed: StateMachineType. Use sfn.StateMachineType.EXPRESS."
    for refused in refusals:
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            refused("EXPRESS")


def test_should_refuse_a_child_of_this_account_that_is_no_state_machine() -> None:
    message = "ChildWorkflow: state_machine is 'review-classifier'; allowed: a state machine. "
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        ChildWorkflow.in_this_account("review-classifier")  # type: ignore[arg-type]
