"""Whom a trust policy names: those who are there, and not those who get their names later."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.constructs_lib.local.emulator.conftest import ACCOUNT, SOURCE_ACCOUNT, Cloud
from tests.constructs_lib.local.emulator.waiting import allow

pytestmark = pytest.mark.local


def trust(*principals: str) -> str:
    """A trust policy of one principal, or of several in a list."""
    named: str | list[str] = principals[0] if len(principals) == 1 else list(principals)
    statement = {"Effect": "Allow", "Principal": {"AWS": named}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def named_in(cloud: Cloud, role: str) -> Any:
    document = cloud.client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    return document["Statement"][0]["Principal"]["AWS"]


@pytest.mark.parametrize("kind", ["role", "user"])
def test_should_refuse_a_trust_in_someone_who_is_not_there(cloud: Cloud, kind: str) -> None:
    iam, name = cloud.client("iam"), cloud.name("role")
    nobody = f"arn:aws:iam::{SOURCE_ACCOUNT}:{kind}/nobody"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(ACCOUNT))

    with pytest.raises(ClientError) as created:
        iam.create_role(RoleName=f"{name}-2", AssumeRolePolicyDocument=trust(nobody))
    with pytest.raises(ClientError) as updated:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust(ACCOUNT, nobody))

    for refused in (created, updated):
        error = refused.value.response["Error"]
        assert (error["Code"], error["Message"]) == (
            "MalformedPolicyDocument",
            f'Invalid principal in policy: "AWS":"{nobody}"',
        )
    assert named_in(cloud, name) == ACCOUNT


def test_should_fail_the_stack_of_a_role_that_trusts_someone_who_is_not_there(cloud: Cloud) -> None:
    nobody = f"arn:aws:iam::{SOURCE_ACCOUNT}:role/nobody"
    properties = {"AssumeRolePolicyDocument": json.loads(trust(nobody))}
    template = {"Resources": {"It": {"Type": "AWS::IAM::Role", "Properties": properties}}}
    cloudformation, name = cloud.client("cloudformation"), cloud.name("stack")
    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"]
    )

    with pytest.raises(WaiterError):
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
        )

    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    reasons = " ".join(event.get("ResourceStatusReason", "") for event in events)
    assert f'Invalid principal in policy: "AWS":"{nobody}"' in reasons


class Caller:
    """A role of another account that may assume any role that trusts it, and that can be deleted and made anew."""

    def __init__(self, cloud: Cloud, *, in_a_stack: bool) -> None:
        self._cloud, self._in_a_stack = cloud, in_a_stack
        self._iam, self._stacks = (cloud.client(service, SOURCE_ACCOUNT) for service in ("iam", "cloudformation"))
        self.name = cloud.name("caller")
        self.arn = f"arn:aws:iam::{SOURCE_ACCOUNT}:role/{self.name}"

    def make(self) -> str:
        """Its unique id."""
        policy = {"Version": "2012-10-17", "Statement": [allow("sts:AssumeRole")]}
        if self._in_a_stack:
            properties = {
                "RoleName": self.name,
                "AssumeRolePolicyDocument": json.loads(trust(SOURCE_ACCOUNT)),
                "Policies": [{"PolicyName": "policy", "PolicyDocument": policy}],
            }
            template = {"Resources": {"It": {"Type": "AWS::IAM::Role", "Properties": properties}}}
            self._stacks.create_stack(
                StackName=self.name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"]
            )
            self._wait("stack_create_complete")
        else:
            self._iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=trust(SOURCE_ACCOUNT))
            self._iam.put_role_policy(RoleName=self.name, PolicyName="policy", PolicyDocument=json.dumps(policy))
        return str(self._iam.get_role(RoleName=self.name)["Role"]["RoleId"])

    def delete(self) -> None:
        if self._in_a_stack:
            self._stacks.delete_stack(StackName=self.name)
            self._wait("stack_delete_complete")
        else:
            self._iam.delete_role_policy(RoleName=self.name, PolicyName="policy")
            self._iam.delete_role(RoleName=self.name)

    def assume(self, role_arn: str) -> None:
        sts = self._cloud.client("sts", SOURCE_ACCOUNT)
        session = sts.assume_role(RoleArn=self.arn, RoleSessionName="caller")["Credentials"]
        client: Any = boto3.client(
            "sts",
            endpoint_url=sts.meta.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
            verify=str(self._cloud.folder / "tmp" / "ministack-tls" / "server.crt"),
        )
        client.assume_role(RoleArn=role_arn, RoleSessionName="target")

    def _wait(self, state: str) -> None:
        self._stacks.get_waiter(state).wait(StackName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})


@pytest.mark.parametrize("in_a_stack", [True, False], ids=["in a stack", "by the API"])
def test_should_not_trust_a_role_that_was_made_anew(cloud: Cloud, *, in_a_stack: bool) -> None:
    caller, target = Caller(cloud, in_a_stack=in_a_stack), cloud.name("target")
    unique_id, root = caller.make(), f"arn:aws:iam::{ACCOUNT}:root"
    made = cloud.client("iam").create_role(RoleName=target, AssumeRolePolicyDocument=trust(caller.arn, root))
    caller.assume(made["Role"]["Arn"])

    caller.delete()
    caller.make()

    assert named_in(cloud, target) == [unique_id, root]
    with pytest.raises(ClientError, match=r"AccessDenied.*is not authorized to perform: sts:AssumeRole"):
        caller.assume(made["Role"]["Arn"])
