"""What IAM's documentation says is allowed and denied; what can't be judged; and a process that is gone afterwards."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from constructs_lib.assembly import Assembly, NotAnAssembly
from constructs_lib.testing import PolicySimulator
from constructs_lib.testing.policy_engine import NotInstalledError, PolicyEngine, find_node, find_package
from tests.constructs_lib.local.conftest import write_assembly

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from constructs_lib.testing import PolicySimulation
    from tests.constructs_lib.testing.conftest import Project

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs" / "policy-simulation.md"
BLOCKS = re.findall(r"```(?:python|toml)\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)

HERE, THERE = "111111111111", "222222222222"
CALLER = f"arn:aws:iam::{HERE}:role/caller"
OTHER_CALLER = f"arn:aws:iam::{HERE}:role/other-caller"
STRANGER = "arn:aws:iam::333333333333:role/caller"
MACHINE = f"arn:aws:states:us-east-1:{HERE}:stateMachine:parent"
ALARM = f"arn:aws:cloudwatch:us-east-1:{THERE}:alarm:Failed"
CHILD = f"arn:aws:states:us-east-1:{THERE}:stateMachine:child"
AWS_MANAGED = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **s} for s in statements]}


def allow(action: str, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return document({"Action": action, "Resource": resource, **more})


def trust(principal: Any, **conditions: Any) -> dict[str, Any]:
    condition = {"Condition": conditions} if conditions else {}
    return document({"Principal": principal, "Action": "sts:AssumeRole", **condition})


def role(name: str | None, trusted: Mapping[str, Any], **properties: Any) -> dict[str, Any]:
    named = {} if name is None else {"RoleName": name}
    properties = {"AssumeRolePolicyDocument": trusted, **named, **properties}
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def policy_of(kind: str, text: Mapping[str, Any], **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": {"PolicyDocument": text, **properties}}


STATES = {"Service": "states.amazonaws.com"}
SOURCE = {
    "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
    "Resources": {
        "CallerDDA2BCD1": role("caller", trust(STATES), Tags=[{"Key": "team", "Value": "reviews"}]),
        "CallerDefaultPolicy0A1B2C3D": policy_of(
            "AWS::IAM::Policy",
            allow("sts:AssumeRole", f"arn:aws:iam::{THERE}:role/target"),
            PolicyName="Default",
            Roles=[{"Ref": "CallerDDA2BCD1"}],
        ),
        "Sibling": role("sibling", trust(STATES)),
        "Absent": {**role("absent", trust(STATES)), "Condition": "Never"},
        "Shared": role("shared", trust(STATES)),
        "SharedPolicy": policy_of("AWS::IAM::Policy", allow("sqs:*"), PolicyName="Default", Roles=[{"Ref": "Shared"}]),
        "Named": role(
            None,
            trust({"Service": {"Fn::Sub": "lambda.${AWS::URLSuffix}"}}),
            Path="/teams/reviews/",
            ManagedPolicyArns=[{"Ref": "Own"}, {"Fn::Sub": AWS_MANAGED.replace("arn:aws", "arn:${AWS::Partition}")}],
            Policies=[{"PolicyName": "Inline", "PolicyDocument": allow("s3:GetObject")}],
        ),
        "Own": policy_of("AWS::IAM::ManagedPolicy", allow("sqs:SendMessage")),
        "Extra": policy_of("AWS::IAM::RolePolicy", allow("sns:Publish"), PolicyName="Extra", RoleName={"Ref": "Named"}),
        "Bounded": role(
            "bounded",
            trust(STATES),
            PermissionsBoundary={"Ref": "Boundary"},
            Policies=[{"PolicyName": "All", "PolicyDocument": allow("*")}],
        ),
        "Boundary": policy_of("AWS::IAM::ManagedPolicy", allow("s3:GetObject")),
    },
}
FROM_CLOUDWATCH = {
    "StringEquals": {"aws:SourceAccount": THERE},
    "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:us-east-1:{THERE}:alarm:*"},
}
CLOUDWATCH = {"Service": "cloudwatch.amazonaws.com"}
ROOT_OF_KEY = {
    "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
    "Action": "kms:*",
    "Resource": "*",
}
TARGET = {
    "Resources": {
        "Target": role(
            "target", trust({"AWS": f"arn:aws:iam::{HERE}:root"}, StringEquals={"sts:ExternalId": MACHINE}),
            Policies=[{"PolicyName": "Start", "PolicyDocument": allow("states:StartExecution", {"Ref": "Child"})}],
        ),
        "Child": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"StateMachineName": "child"}},
        "Shared": role("shared", trust(STATES)),
        "Alerts0F1E2D3C": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": {"Ref": "Key"}}},
        "AlertsPolicy": policy_of(
            "AWS::SNS::TopicPolicy",
            document(
                {
                    "Principal": CLOUDWATCH, "Action": "sns:Publish", "Resource": {"Ref": "Alerts0F1E2D3C"},
                    "Condition": FROM_CLOUDWATCH,
                }
            ),
            Topics=[{"Ref": "Alerts0F1E2D3C"}],
        ),
        "Key": {
            "Type": "AWS::KMS::Key",
            "Properties": {
                "KeyPolicy": document(
                    ROOT_OF_KEY,
                    {"Principal": CLOUDWATCH, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*"},
                )
            },
        },
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "reviews"}},
        "BucketPolicy": policy_of(
            "AWS::S3::BucketPolicy",
            document(
                {
                    "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::reviews/*",
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
                {"Principal": {"AWS": CALLER}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reviews/*"},
            ),
            Bucket={"Ref": "Bucket"},
        ),
        "Queue": {"Type": "AWS::SQS::Queue"},
        "QueuePolicy": policy_of("AWS::SQS::QueuePolicy", trust("*"), Queues=[{"Ref": "Queue"}]),
        "SecondQueuePolicy": policy_of("AWS::SQS::QueuePolicy", trust("*"), Queues=[{"Ref": "Queue"}]),
    }
}  # fmt: skip


@pytest.fixture(scope="module")
def cdk_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    stacks = {"Source": (f"{HERE}/us-east-1", SOURCE), "Target": (f"{THERE}/us-east-1", TARGET)}
    return write_assembly(tmp_path_factory.mktemp("assembly") / "cdk.out", stacks)


@pytest.fixture(scope="module")
def simulation(policy_simulator: PolicySimulator, cdk_out: Path) -> PolicySimulation:
    return policy_simulator.simulate(cdk_out)


def test_should_be_installed_in_this_checkout() -> None:
    assert find_package(ROOT).is_file()  # elsewhere these tests would skip
    assert Path(find_node()).is_file()


# Whom a trust policy names, and whether the caller's own policies allow it: what IAM makes of it in one account and
# across two. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
# and …/reference_policies_evaluation-logic_policy-eval-basics.html
ASSUME = allow("sts:AssumeRole")
NOBODY = trust({"AWS": OTHER_CALLER})
THE_CALLER = trust({"AWS": CALLER})
THE_ACCOUNT = trust({"AWS": f"arn:aws:iam::{HERE}:root"})
BY_NUMBER = trust({"AWS": HERE})
ANYBODY = trust("*")
DENY_CALLER = document(THE_ACCOUNT["Statement"][0], {**trust({"AWS": CALLER})["Statement"][0], "Effect": "Deny"})


@pytest.mark.parametrize(
    ("target", "identity", "trusted", "allowed"),
    [
        ("Sibling", None, NOBODY, False),
        ("Sibling", None, THE_CALLER, True),
        ("Sibling", None, THE_ACCOUNT, False),
        ("Sibling", ASSUME, NOBODY, False),
        ("Sibling", ASSUME, THE_CALLER, True),
        ("Sibling", ASSUME, THE_ACCOUNT, True),
        ("Sibling", ASSUME, BY_NUMBER, True),
        ("Sibling", ASSUME, DENY_CALLER, False),
        ("Sibling", allow("sts:AssumeRole", Effect="Deny"), THE_CALLER, False),
        ("Target", None, NOBODY, False),
        ("Target", None, THE_CALLER, False),
        ("Target", None, THE_ACCOUNT, False),
        ("Target", None, ANYBODY, False),
        ("Target", ASSUME, NOBODY, False),
        ("Target", ASSUME, THE_CALLER, True),
        ("Target", ASSUME, THE_ACCOUNT, True),
        ("Target", ASSUME, BY_NUMBER, True),
        ("Target", ASSUME, ANYBODY, True),
        ("Target", ASSUME, DENY_CALLER, False),
        ("Target", allow("sts:AssumeRole", Effect="Deny"), THE_CALLER, False),
        ("Target", allow("sts:AssumeRole", f"arn:aws:iam::{THERE}:role/other"), THE_CALLER, False),
        ("Target", allow("sts:*", f"arn:aws:iam::{THERE}:role/tar*"), THE_CALLER, True),
        ("Target", allow("STS:assumerole"), THE_CALLER, True),
    ],
)
def test_should_ask_for_what_iam_asks_for(
    simulation: PolicySimulation,
    target: str,
    identity: dict[str, Any] | None,
    trusted: dict[str, Any],
    allowed: bool,
) -> None:
    policies = {} if identity is None else {"Given": identity}
    decision = simulation.with_trust(target, trusted).with_policies("Caller", policies).can_assume(target, by="Caller")
    assert decision.allowed is allowed, decision.why


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
@pytest.mark.parametrize(
    ("condition", "context", "allowed"),
    [
        ({"StringEquals": {"sts:ExternalId": MACHINE}}, {"sts:ExternalId": MACHINE}, True),
        ({"StringEquals": {"sts:ExternalId": MACHINE}}, {"sts:ExternalId": MACHINE.upper()}, False),
        ({"StringEquals": {"sts:ExternalId": MACHINE}}, {"sts:ExternalId": f"{MACHINE}2"}, False),
        ({"StringEquals": {"sts:ExternalId": MACHINE}}, {}, False),
        ({"StringEquals": {"sts:ExternalId": f"{MACHINE}*"}}, {"sts:ExternalId": f"{MACHINE}2"}, False),
        ({"StringEquals": {"STS:externalid": MACHINE}}, {"sts:ExternalId": MACHINE}, True),
        ({"StringEquals": {"sts:ExternalId": ["a", "b"]}}, {"sts:ExternalId": "b"}, True),
        ({"StringEqualsIfExists": {"sts:ExternalId": MACHINE}}, {}, True),
        ({"StringNotEquals": {"sts:ExternalId": "x"}}, {}, True),
        ({"StringLike": {"sts:ExternalId": f"{MACHINE}*"}}, {"sts:ExternalId": f"{MACHINE}2"}, True),
        ({"StringLike": {"sts:ExternalId": "*"}}, {}, False),
        ({"Null": {"sts:ExternalId": "false"}}, {}, False),
        ({"ArnEquals": {"aws:PrincipalArn": CALLER}}, {}, True),
        ({"ArnLike": {"aws:PrincipalArn": f"{CALLER}*"}}, {}, True),
        ({"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{HERE}:role/call"}}, {}, False),
        ({"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{HERE}:role/Caller"}}, {}, False),
        ({"ArnEquals": {"aws:PrincipalArn": f"arn:aws:sts::{HERE}:assumed-role/caller/session"}}, {}, False),
        ({"StringEquals": {"aws:PrincipalAccount": HERE, "aws:PrincipalType": "AssumedRole"}}, {}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "reviews"}}, {}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, {}, False),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, {"aws:PrincipalOrgID": "o-1"}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, {}, True),
        ({"NumericLessThan": {"aws:MultiFactorAuthAge": "3601"}}, {"aws:MultiFactorAuthAge": 3600}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, {"aws:TagKeys": ["b", "a"]}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, {}, False),
        ({"ForAllValues:StringLike": {"aws:TagKeys": ["a*"]}}, {"aws:TagKeys": ["a", "b"]}, False),
        ({"ForAllValues:StringLike": {"aws:TagKeys": ["a*"]}}, {}, True),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:SourceIp": "10.1.2.3"}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2026-01-01"}}, {"aws:CurrentTime": "2026-01-02"}, False),
        ({"StringEquals": {"sts:ExternalId": "${aws:PrincipalAccount}"}}, {"sts:ExternalId": HERE}, True),
    ],
)  # fmt: skip
def test_should_read_conditions_as_iam_does(
    simulation: PolicySimulation, condition: dict[str, Any], context: dict[str, Any], allowed: bool
) -> None:
    changed = simulation.with_trust("Target", trust({"AWS": f"arn:aws:iam::{HERE}:root"}, **condition))
    decision = changed.can_assume("Target", by="Caller", context=context)
    assert decision.allowed is allowed, decision.why


def test_should_know_a_caller_of_another_account_by_its_account(simulation: PolicySimulation) -> None:
    everything = simulation.ADMINISTRATOR
    assert simulation.can_assume("Target", by=CALLER, external_id=MACHINE)
    assert not simulation.can_assume("Target", by=STRANGER, external_id=MACHINE, identity_policies=everything)
    user = f"arn:aws:iam::{HERE}:user/ann"
    assert simulation.can_assume("Target", by=user, external_id=MACHINE, identity_policies=everything)
    of_organization = simulation.with_trust("Target", trust("*", StringEquals={"aws:PrincipalOrgID": "o-1"}))
    assert of_organization.can_assume("Target", by="Caller", organization_id="o-1")
    assert not of_organization.can_assume("Target", by="Caller", organization_id="o-2")


def test_should_say_why(simulation: PolicySimulation) -> None:
    allowed = simulation.can_assume("Target", by="Caller", external_id=MACHINE)
    assert repr(allowed) == (
        "<allowed: statement 1 of the trust policy allows it and statement 1 of CallerDefaultPolicy0A1B2C3D allows it>"
    )
    denied = simulation.can_assume("Target", by="Caller", external_id="guess")
    assert repr(denied) == (
        "<denied: nothing in the trust policy allows it; statement 1 of the trust policy wants StringEquals "
        f"sts:ExternalId {MACHINE}, not guess>"
    )
    assert len(repr(denied)) < 240  # what pytest shows of a value
    assert "and the request has none" in simulation.can_assume("Target", by="Caller").why
    service = simulation.can_assume("Target", by="states.amazonaws.com")
    assert (
        service.why == "nothing in the trust policy allows it; statement 1 of the trust policy is for another principal"
    )
    powerless = simulation.can_assume("Target", by="Caller", external_id=MACHINE, identity_policies={})
    assert powerless.why == "nothing in the caller's policies allows it"
    elsewhere = simulation.allows("Target", "states:StartExecution", f"{CHILD}2")
    assert elsewhere.why == "nothing in the caller's policies allows it; statement 1 of Start is for another resource"


@pytest.mark.parametrize(
    ("service", "context", "allowed"),
    [
        ("states.amazonaws.com", {"aws:SourceAccount": HERE, "aws:SourceArn": MACHINE}, True),
        ("states.amazonaws.com", {"aws:SourceAccount": HERE, "aws:SourceArn": f"{MACHINE}2"}, False),
        ("states.amazonaws.com", {"aws:SourceAccount": THERE, "aws:SourceArn": MACHINE}, False),
        ("states.amazonaws.com", {}, False),
        ("lambda.amazonaws.com", {"aws:SourceAccount": HERE, "aws:SourceArn": MACHINE}, False),
    ],
)
def test_should_let_a_service_assume_a_role_that_trusts_it(
    simulation: PolicySimulation, service: str, context: dict[str, Any], allowed: bool
) -> None:
    conditions = {"StringEquals": {"aws:SourceAccount": HERE}, "ArnEquals": {"aws:SourceArn": MACHINE}}
    changed = simulation.with_trust("Caller", trust(STATES, **conditions))
    assert changed.can_assume("Caller", by=service, context=context).allowed is allowed


def test_should_judge_a_topic_with_its_key(simulation: PolicySimulation) -> None:
    context = {"aws:SourceArn": ALARM, "aws:SourceAccount": THERE}
    assert simulation.allows("cloudwatch.amazonaws.com", "sns:Publish", "Alerts", context=context)
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert simulation.allows("cloudwatch.amazonaws.com", action, "Key", context=context)
    assert not simulation.allows("cloudwatch.amazonaws.com", "sns:Publish", "Alerts", context={"aws:SourceArn": ALARM})
    assert not simulation.allows("events.amazonaws.com", "sns:Publish", "Alerts", context=context)
    only_root = simulation.with_resource_policy("Key", document(simulation.resource_policy("Key")["Statement"][0]))  # type: ignore[index]
    assert not only_root.allows("cloudwatch.amazonaws.com", "kms:Decrypt", "Key", context=context)


def test_should_ask_the_key_policy_even_in_its_own_account(simulation: PolicySimulation) -> None:
    admin = simulation.with_policies("Target", simulation.ADMINISTRATOR)
    assert admin.allows("Target", "kms:Decrypt", "Key")
    assert not simulation.allows("Target", "kms:Decrypt", "Key")
    for_service = admin.with_resource_policy("Key", document({**ROOT_OF_KEY, "Principal": CLOUDWATCH}))
    assert not for_service.allows("Target", "kms:Decrypt", "Key")


def test_should_judge_an_object_by_its_bucket(simulation: PolicySimulation) -> None:
    admin, key = simulation.with_policies("Caller", simulation.ADMINISTRATOR), "arn:aws:s3:::reviews/a.json"
    assert admin.allows("Caller", "s3:GetObject", key)
    assert not admin.allows("Caller", "s3:PutObject", key)  # another account's bucket
    assert not simulation.allows("Caller", "s3:GetObject", key)  # nothing in the caller's own policies
    plain = admin.allows("Caller", "s3:GetObject", key, context={"aws:SecureTransport": False})
    assert plain.why == "statement 1 of the policy of arn:aws:s3:::reviews/a.json denies it"
    owner = simulation.with_policies("Target", simulation.ADMINISTRATOR)
    assert owner.allows("Target", "s3:PutObject", key)


def test_should_not_ask_a_trust_policy_for_anything_else(simulation: PolicySimulation) -> None:
    admin = simulation.with_policies("Caller", simulation.ADMINISTRATOR)
    denying = admin.with_trust("Sibling", document({"Effect": "Deny", "Principal": "*", "Action": "*"}))
    assert denying.allows("Caller", "iam:PassRole", "Sibling")
    assert not denying.can_assume("Sibling", by="Caller")


def test_should_deny_a_state_machine_of_another_account(simulation: PolicySimulation) -> None:
    assert simulation.allows("Target", "states:StartExecution", "Child")
    assert not simulation.allows("Caller", "states:StartExecution", "Child", identity_policies=simulation.ADMINISTRATOR)


def test_should_stay_within_the_permissions_boundary(simulation: PolicySimulation) -> None:
    assert simulation.allows("Bounded", "s3:GetObject", "arn:aws:s3:::mine/a")
    denied = simulation.allows("Bounded", "s3:PutObject", "arn:aws:s3:::mine/a")
    assert denied.why == "nothing in the permissions boundary allows it"


def test_should_find_every_policy_of_a_role(simulation: PolicySimulation) -> None:
    assert simulation.arn("Named") == f"arn:aws:iam::{HERE}:role/teams/reviews/Source-Named"
    assert set(simulation.policies("Named")) == {"Inline", "Own", "Extra"}
    knows = simulation.with_managed_policy(AWS_MANAGED, allow("logs:PutLogEvents"))
    assert set(knows.policies("Named")) == {"Inline", "Own", "Extra", AWS_MANAGED}
    queue = f"arn:aws:sqs:us-east-1:{HERE}:q"
    assert knows.allows("Named", "sqs:SendMessage", queue)
    assert not knows.allows("Named", "sqs:ReceiveMessage", queue)
    assert not simulation.can_assume("Named", by="Caller")
    assert simulation.can_assume("Named", by="lambda.amazonaws.com")


def test_should_tell_roles_of_one_name_by_their_accounts(simulation: PolicySimulation) -> None:
    assert set(simulation.policies("Source.Shared")) == {"SharedPolicy"}
    assert simulation.policies("Target.Shared") == {}


def test_should_need_a_managed_policy_of_aws_only_where_it_decides(simulation: PolicySimulation) -> None:
    queue = f"arn:aws:sqs:us-east-1:{HERE}:q"
    for action in ("sqs:SendMessage", "sqs:ReceiveMessage"):  # it could deny the one, and allow the other
        with pytest.raises(
            ValueError, match=f"can't be told without {AWS_MANAGED}, whose text no template has. Fix: w"
        ):
            simulation.allows("Named", action, queue)
    # the trust doesn't let it in, whatever it may
    assert not simulation.can_assume("Target", by="Named")
    denying = {"Deny": allow("sqs:*", Effect="Deny")}
    assert not simulation.with_policies("Named", denying).allows("Named", "sqs:SendMessage", queue)


def test_should_change_a_copy_only(simulation: PolicySimulation) -> None:
    taken = simulation.trust("Target")
    del taken["Statement"][0]["Condition"]
    changed = simulation.with_trust("Target", taken)
    assert changed.can_assume("Target", by="Caller")
    assert not simulation.can_assume("Target", by="Caller")
    assert changed.trust("Target") == taken
    policies = simulation.policies("Target")
    policies["Start"]["Statement"][0]["Resource"] = "*"
    assert simulation.policies("Target")["Start"]["Statement"][0]["Resource"] == CHILD


@pytest.mark.parametrize(
    "name", ["Caller", "CallerDDA2BCD1", "Source.Caller", "Source.CallerDDA2BCD1", "caller", CALLER]
)
def test_should_find_a_role_by_each_of_its_names(simulation: PolicySimulation, name: str) -> None:
    assert simulation.arn(name) == CALLER
    assert simulation.can_assume("Target", by=name, external_id=MACHINE)
    assert simulation.trust(name) == trust(STATES)


def test_should_list_the_roles(simulation: PolicySimulation) -> None:
    names = [arn.rpartition("/")[2] for arn in simulation.roles]
    assert names == ["caller", "sibling", "shared", "Source-Named", "bounded", "target", "shared"]


def test_should_read_nested_stacks(policy_simulator: PolicySimulator, tmp_path: Path) -> None:
    inner = {"Parameters": {"Name": {"Type": "String"}}, "Resources": {"Inner": role(None, trust(STATES))}}
    inner["Resources"]["Inner"]["Properties"]["RoleName"] = {"Ref": "Name"}
    nested = {"Parameters": {"Name": "inner"}, "TemplateURL": "https://s3.amazonaws.com/assets/abc.json"}
    outer = {"Resources": {"Nested": {"Type": "AWS::CloudFormation::Stack", "Properties": nested}}}
    folder = write_assembly(tmp_path / "out", {"Outer": (f"{HERE}/us-east-1", outer)})
    files = {"a": {"source": {"path": "inner.json"}, "destinations": {"b": {"objectKey": "abc.json"}}}}
    folder.joinpath("Outer.assets.json").write_text(json.dumps({"files": files}))
    folder.joinpath("inner.json").write_text(json.dumps(inner))
    simulation = policy_simulator.simulate(Assembly.read(folder))
    assert simulation.can_assume("inner", by="states.amazonaws.com")


def test_should_use_the_account_given_for_a_stack_without_one(
    policy_simulator: PolicySimulator, tmp_path: Path
) -> None:
    template = {"Resources": {"Role": role("mine", trust(STATES))}}
    folder = write_assembly(tmp_path / "out", {"Bare": ("unknown-account/unknown-region", template)})
    assert policy_simulator.simulate(folder).arn("Role") == "arn:aws:iam::111111111111:role/mine"
    assert policy_simulator.simulate(folder, account=THERE).arn("Role") == f"arn:aws:iam::{THERE}:role/mine"


class TestErrors:
    """What can't be judged is said in a line, and is no decision."""

    @pytest.mark.parametrize(
        ("principal", "action", "resource", "message"),
        [
            ("Target", "states:Nope", "Child", "The action 'states:Nope' isn't one that IAM knows."),
            ("Target", "step:StartExecution", "Child", "'step:StartExecution' isn't one that IAM knows."),
            ("Target", "StartExecution", "Child", "The action 'StartExecution' isn't one that IAM knows."),
            ("Target", "states:*", "Child", "The action 'states:*' isn't one that IAM knows."),
            ("Target", "s3:GetObject", "Child", "s3:GetObject isn't done on such a resource as 'Child'."),
            ("Target", "states:StartExecution", "*", "'*' isn't one resource. Fix: give the ARN of one"),
            ("Target", "states:StartExecution", f"{CHILD}*", "isn't one resource."),
            ("Target", "sts:GetSessionToken", CHILD, "sts:GetSessionToken can't be limited to a resource"),
            ("Nobody", "states:StartExecution", "Child", "No template has a role 'Nobody'. Allowed, or an ARN"),
            ("Child", "states:StartExecution", "Child", "No template has a role 'Child'."),
            ("absent", "states:StartExecution", "Child", "No template has a role 'absent'."),
            ("Shared", "states:StartExecution", "Child", "'Shared' could be any of arn:aws:iam::111111111111:role/"),
            ("Target", "states:StartExecution", "Nothing", "No template has a resource 'Nothing'."),
            (STRANGER, "states:StartExecution", "Child", "Fix: give its identity_policies, or {} for none."),
            (f"arn:aws:iam::{HERE}:root", "states:StartExecution", "Child", "root' isn't a principal. Allowed: a role"),
            ("Target", "sqs:SendMessage", "Queue", "has two policies, QueuePolicy and SecondQueuePolicy"),
            ("Target", "states:SendTaskSuccess", "Child", "states:SendTaskSuccess by a state machine's ARN can't be"),
            ("sns.amazonaws.com", "sns:Publish", f"arn:aws:sns:us-east-1:{HERE}:else", "Fix: with_resource_policy("),
        ],
    )  # fmt: skip
    def test_should_say_what_is_wrong(
        self, simulation: PolicySimulation, principal: str, action: str, resource: str, message: str
    ) -> None:
        with pytest.raises(ValueError, match=re.escape(message)) as raised:
            simulation.allows(principal, action, resource)
        assert "\n" not in str(raised.value)

    @pytest.mark.parametrize(
        ("context", "message"),
        [
            ({"sts:ExternalID2": "x"}, "The context key 'sts:ExternalID2' isn't one that sts:AssumeRole has."),
            ({"aws:SourceArn": ["a", "b"]}, "The context key 'aws:SourceArn' has one value, and a list was given."),
            ({"aws:SourceArn": None}, "The context key aws:SourceArn is None. Allowed: a text, a number"),
            ({"aws:TagKeys": []}, "The context key aws:TagKeys is []."),
        ],
    )
    def test_should_refuse_a_context_that_no_request_has(
        self, simulation: PolicySimulation, context: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ValueError, match=re.escape(message)):
            simulation.can_assume("Target", by="Caller", context=context)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ({}, "AWS would refuse a policy that decides on sts:AssumeRole: Statement is required"),
            (allow("sts:AssumeRole", Principal="*"), "Resource is not allowed in a trust policy"),
            (document({"Action": "sts:AssumeRole"}), "Principal"),
            (trust("*", StringMatches={"sts:ExternalId": "x"}), "IAM has no condition operator 'StringMatches'."),
            (trust("*", ArnLike={"aws:PrincipalArn": "*"}), "ArnLike aws:PrincipalArn '*' isn't an ARN."),
        ],
    )
    def test_should_refuse_a_trust_that_aws_would_refuse(
        self, simulation: PolicySimulation, text: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ValueError, match=re.escape(message)) as raised:
            simulation.with_trust("Target", text).can_assume("Target", by="Caller")
        assert "\n" not in str(raised.value)

    def test_should_not_judge_a_report_by_a_machines_arn(self, simulation: PolicySimulation) -> None:
        by_arn = simulation.with_policies("Target", {"Report": allow("states:SendTask*", MACHINE)})
        for action in ("states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"):
            with pytest.raises(ValueError, match="by a state machine's ARN can't be judged"):
                by_arn.allows("Target", action, "*")
            assert simulation.allows("Target", action, "*", identity_policies={"Any": allow("states:SendTask*")})
            assert not simulation.allows("Target", action, "*")

    def test_should_not_guess_the_policy_of_what_no_template_has(self, simulation: PolicySimulation) -> None:
        foreign, everything = "arn:aws:iam::333333333333:role/x", simulation.ADMINISTRATOR
        with pytest.raises(ValueError, match="can't be told without the policy of arn:aws:iam::333333333333:role/x"):
            simulation.allows("Caller", "sts:AssumeRole", foreign, identity_policies=everything)
        assert not simulation.allows("Caller", "sts:AssumeRole", foreign)
        own_key = f"arn:aws:kms:us-east-1:{HERE}:key/1234"
        with pytest.raises(
            ValueError, match="can't be told without the policy of arn:aws:kms:us-east-1:111111111111:key"
        ):
            simulation.allows("Caller", "kms:Decrypt", own_key)
        known = simulation.with_resource_policy(foreign, THE_ACCOUNT)
        assert known.allows("Caller", "sts:AssumeRole", foreign, identity_policies=everything)

    def test_should_refuse_policies_of_a_service(self, simulation: PolicySimulation) -> None:
        with pytest.raises(ValueError, match="is a service: it has neither identity policies"):
            simulation.can_assume("Caller", by="states.amazonaws.com", identity_policies=simulation.ADMINISTRATOR)

    def test_should_refuse_two_resources_with_one_arn(self, policy_simulator: PolicySimulator, tmp_path: Path) -> None:
        stacks = {name: (f"{HERE}/us-east-1", {"Resources": {name: role("same", trust(STATES))}}) for name in "AB"}
        simulation = policy_simulator.simulate(write_assembly(tmp_path / "out", stacks))
        with pytest.raises(ValueError, match="Two resources of the templates are arn:aws:iam::111111111111:role/same"):
            simulation.can_assume("A", by="states.amazonaws.com")

    def test_should_refuse_what_is_no_assembly(self, policy_simulator: PolicySimulator, tmp_path: Path) -> None:
        with pytest.raises(NotAnAssembly, match="isn't a cloud assembly"):
            policy_simulator.simulate(tmp_path)


class TestProcess:
    """One Node process a session, that answers fast and is gone at the end."""

    @pytest.fixture
    def engine(self) -> Iterator[PolicyEngine]:
        with PolicyEngine(find_package(ROOT), find_node()) as engine:
            yield engine

    def question(self, action: str) -> dict[str, Any]:
        request = {
            "principal": CALLER,
            "action": action,
            "resource": {"resource": CHILD, "accountId": THERE},
            "contextVariables": {},
        }
        empty: list[Any] = []
        policies = {"identityPolicies": empty, "serviceControlPolicies": empty, "resourceControlPolicies": empty}
        return {"simulation": {"request": request, **policies}}

    def test_should_answer_a_thousand_times_in_seconds(self, simulation: PolicySimulation) -> None:
        started = time.perf_counter()
        for number in range(1000):
            assert not simulation.can_assume("Target", by="Caller", external_id=str(number))
        assert time.perf_counter() - started < 5

    def test_should_be_gone_after_its_block(self) -> None:
        with PolicyEngine(find_package(ROOT), find_node()) as engine:
            assert engine.pid is None  # nothing is started before there is a question
            engine.decide(self.question("states:StartExecution"))
            process = psutil.Process(engine.pid)
            assert process.environ() == {}
        assert not process.is_running()

    def test_should_end_with_its_stdin(self, engine: PolicyEngine) -> None:
        engine.decide(self.question("states:StartExecution"))
        process, ours = psutil.Process(engine.pid), engine._process
        assert ours is not None
        assert ours.stdin is not None
        ours.stdin.close()  # as when whoever started it is killed
        process.wait(timeout=5)

    def test_should_never_give_the_answer_to_another_question(self, engine: PolicyEngine) -> None:
        assert engine.decide(self.question("states:StartExecution"))["result"] == "ImplicitlyDenied"

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, interrupted)
        process = psutil.Process(engine.pid)
        try:
            process.suspend()
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(KeyboardInterrupt):
                engine.decide(self.question("states:StartExecution"))
        finally:
            signal.signal(signal.SIGALRM, before)
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()
        assert engine.decide(self.question("states:Nope"))["error"] == "invalid.action"

    def test_should_say_what_node_said(self, tmp_path: Path) -> None:
        package = tmp_path / "package.json"
        package.write_text("{}")
        with (
            PolicyEngine(package, find_node()) as engine,
            pytest.raises(RuntimeError, match="The policy simulator ended: Error: Cannot find module") as raised,
        ):
            engine.decide({})
        assert "\n" not in str(raised.value)

    def test_should_say_how_to_install_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        install = re.escape("npm install --save-dev @cloud-copilot/iam-simulate@0.1.173")
        with pytest.raises(NotInstalledError, match=install):
            PolicySimulator.start(tmp_path)
        package = tmp_path / "node_modules" / "@cloud-copilot" / "iam-simulate"
        package.mkdir(parents=True)
        package.joinpath("package.json").write_text('{"version": "0.2.0"}')
        with pytest.raises(ValueError, match=rf"is 0\.2\.0; 0\.1\.173 is needed\. Fix: {install}"):
            PolicySimulator.start(tmp_path / "below")
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
        with pytest.raises(NotInstalledError, match=rf"needs Node.js on PATH, and then: {install}"):
            find_node()


@pytest.mark.local
class TestProject:
    """A project outside the checkout; each runs pytest in a process of its own."""

    def test_should_do_as_documented(self, project: Project, cdk_cli: Path) -> None:
        for block in BLOCKS:
            name = re.match(r"# (\w+\.py)\n", block)
            project.folder.joinpath(name[1] if name else "pyproject.toml").write_text(block)
        project.folder.joinpath("node_modules").symlink_to(ROOT / "node_modules")
        done = project.pytest(f"--local-cloud-cdk={cdk_cli}")
        assert "6 passed" in done.stdout, done.stdout

    def test_should_skip_where_it_is_not_installed(self, project: Project) -> None:
        project.write(test_it__py="def test_it(policy_simulation):\n    pass\n")
        done = project.pytest("-rs")
        assert "1 skipped" in done.stdout
        shown = " ".join(done.stdout.split())
        assert "npm install --save-dev @cloud-copilot/iam-simulate@0.1.173" in shown
        assert "constructs_lib" not in shown.partition("policy simulation needs")[2].partition("in node_modules")[0]

    def test_should_leave_no_process_after_ctrl_c(self, project: Project, cdk_out: Path) -> None:
        project.write(
            conftest__py=f"import pytest\n\n@pytest.fixture(scope='session')\ndef local_cloud_app():\n"
            f"    return {str(cdk_out)!r}\n",
            test_it__py="import os, pathlib, time\n\ndef test_it(policy_simulation):\n"
            "    assert policy_simulation.can_assume('Caller', by='states.amazonaws.com')\n"
            "    pathlib.Path('pid').write_text(str(policy_simulation._engine.pid))\n    time.sleep(60)\n",
        )
        project.folder.joinpath("node_modules").symlink_to(ROOT / "node_modules")
        process = subprocess.Popen(
            project.command(), cwd=project.folder, env=project.environment(), stdout=subprocess.PIPE, text=True
        )
        file, deadline = project.folder / "pid", time.monotonic() + 30
        while not (file.exists() and file.read_text()):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        node = psutil.Process(int(file.read_text()))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        assert not node.is_running()
