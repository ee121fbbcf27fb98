"""The policies in synthesized templates: who may assume a role, what a role may do, who may use a resource.

Read from a cloud assembly by `constructs_lib.assembly`, intrinsics resolved; nested stacks are part of their stack's
account. A document is resolved when it is asked for: one that can't be doesn't stand in the way of the others. Errors
are `ValueError`s of one line.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from constructs_lib.assembly import UnresolvableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs_lib.assembly import Assembly, Stack

Document = dict[str, Any]

# The property of each type of policy that says whose it is: a name, an ARN or a URL, or several.
_OF_ROLES = {
    "AWS::IAM::ManagedPolicy": "Roles",
    "AWS::IAM::Policy": "Roles",
    "AWS::IAM::RolePolicy": "RoleName",
}
_OF_RESOURCES = {
    "AWS::S3::BucketPolicy": "Bucket",
    "AWS::SNS::TopicInlinePolicy": "TopicArn",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::SQS::QueueInlinePolicy": "Queue",
    "AWS::SQS::QueuePolicy": "Queues",
}
_WITH_POLICY = {"AWS::IAM::Role", "AWS::KMS::Key", "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue"}


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource of a template. `reference` is what `Ref` gives: a name, a URL or the ARN again."""

    arn: str
    reference: str
    account: str
    type: str
    logical_id: str
    stack: Stack
    region: str

    @cached_property
    def names(self) -> frozenset[str]:
        """What it goes by: ARN, name, logical id with and without CDK's hash, each id also as `<stack>.<id>`."""
        ids = {self.logical_id, re.sub("[0-9A-F]{8}$", "", self.logical_id)}
        stacks = {self.stack.id, self.stack.name}
        return frozenset({self.arn, self.reference, *ids, *(f"{stack}.{each}" for stack in stacks for each in ids)})

    @property
    def has_policy(self) -> bool:
        """Whether its policy is among those that are read."""
        return self.type in _WITH_POLICY

    def properties(self) -> dict[str, Any]:
        """Return its properties, unresolved."""
        properties: dict[str, Any] = self.stack.resources()[self.logical_id].get("Properties", {})
        return properties

    def resolved(self, name: str, default: Any = None) -> Any:
        """Return one property, resolved."""
        return self.resolve(self.properties().get(name, default))

    def resolve(self, value: Any) -> Any:
        """Return `value`, a part of its stack's template, resolved."""
        return self.stack.resolve(value, account=self.account, region=self.region)


class Templates:
    """The resources of an assembly that have ARNs, and the policies that belong to them."""

    def __init__(self, assembly: Assembly, *, account: str, region: str) -> None:
        every = [r for stack in assembly.stacks for r in _resources(stack, account, region)]
        self._with_arn = [r for r in every if r.arn.startswith("arn:")]
        self._resources = {r.arn: r for r in self._with_arn}
        self._twice = {r.arn for r in self._with_arn if self._resources[r.arn] is not r}
        self._policies = [r for r in every if r.type in _OF_ROLES or r.type in _OF_RESOURCES]

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles' ARNs."""
        return tuple(arn for arn, r in self._resources.items() if r.type == "AWS::IAM::Role")

    def at(self, arn: str) -> Resource | None:
        """Return the resource with the ARN, or that holds what has it: the bucket of an object."""
        found = self._resources.get(arn) or self._resources.get(arn.partition("/")[0])
        return None if found is None else self._only(found)

    def find(self, name: str, *, role: bool = False) -> Resource:
        """Return the resource, or role, that goes by the name; raises `ValueError` for none and for several."""
        kind = "role" if role else "resource"
        among = [r for r in self._with_arn if not role or r.type == "AWS::IAM::Role"]
        found = [r for r in among if name in r.names]
        if len(found) == 1:
            return self._only(found[0])
        if found:
            several = ", ".join(sorted(r.arn for r in found))
            raise ValueError(f"{name!r} could be any of {several}. Fix: give the ARN, or put `<stack>.` in front.")
        allowed = ", ".join(sorted(f"{r.stack.name}.{r.logical_id}" for r in among)) or "there are none"
        raise ValueError(f"No template has a {kind} {name!r}. Allowed, or an ARN or a name: {allowed}.")

    def _only(self, resource: Resource) -> Resource:
        if resource.arn in self._twice:
            raise ValueError(f"Two resources of the templates are {resource.arn}. Fix: give them names of their own.")
        return resource

    def trust(self, role: Resource) -> Document:
        """Return a role's trust policy."""
        return _document(role, role.resolved("AssumeRolePolicyDocument"))

    def identity_policies(self, role: Resource) -> tuple[dict[str, Document], tuple[str, ...]]:
        """Return a role's policies by name, and the ARNs of those that no template has.

        An inline policy of the role goes by its name, a policy of its own by its logical id.
        """
        found = {p["PolicyName"]: _document(role, p["PolicyDocument"]) for p in role.resolved("Policies", [])}
        attached = list(role.resolved("ManagedPolicyArns", []))
        for policy in self._policies:
            if policy.type in _OF_ROLES and policy.account == role.account and role.reference in _owners(policy):
                name = (
                    policy.logical_id if policy.logical_id not in found else f"{policy.stack.name}.{policy.logical_id}"
                )
                found[name] = _document(policy, policy.resolved("PolicyDocument"))
        own = {arn: self._resources[arn] for arn in attached if arn in self._resources}
        found |= {p.logical_id: _document(p, p.resolved("PolicyDocument")) for p in own.values()}
        return found, tuple(arn for arn in attached if arn not in own)

    def boundary(self, role: Resource) -> tuple[str | None, Document | None]:
        """Return the ARN of a role's permissions boundary, and its text where a template has it."""
        arn: str | None = role.resolved("PermissionsBoundary")
        policy = self._resources.get(arn or "")
        return arn, None if policy is None else _document(policy, policy.resolved("PolicyDocument"))

    def resource_policy(self, resource: Resource) -> Document | None:
        """Return the policy of a role, key, bucket, topic or queue; None where it has none."""
        if resource.type == "AWS::IAM::Role":
            return self.trust(resource)
        if resource.type == "AWS::KMS::Key":
            given = resource.resolved("KeyPolicy")
            return _document(resource, given) if given is not None else _default_key_policy(resource)
        names = {resource.arn, resource.reference}
        policies = [p for p in self._policies if p.type in _OF_RESOURCES and not names.isdisjoint(_owners(p))]
        if len(policies) > 1:
            shown = " and ".join(p.logical_id for p in policies)
            raise ValueError(
                f"{resource.arn} has two policies, {shown}: only the one deployed last stays. Fix: join them."
            )
        return _document(policies[0], policies[0].resolved("PolicyDocument")) if policies else None


def _resources(stack: Stack, account: str, region: str) -> Iterator[Resource]:
    account, region = stack.account or account, stack.region or region
    for logical_id, resource in stack.resources().items():
        condition = resource.get("Condition")
        if condition is not None and not _resolve(stack, {"Fn::If": [condition, True, False]}, account, region):
            continue
        kind = str(resource.get("Type"))
        try:
            arn = str(_resolve(stack, {"Fn::GetAtt": [logical_id, "Arn"]}, account, region))
            reference = str(_resolve(stack, {"Ref": logical_id}, account, region))
        except UnresolvableError:
            if kind in _WITH_POLICY or kind in _OF_ROLES or kind in _OF_RESOURCES:
                raise
            continue
        yield Resource(
            arn=arn,
            reference=reference,
            account=account,
            type=kind,
            logical_id=logical_id,
            stack=stack,
            region=region,
        )
    for nested in stack.nested.values():
        yield from _resources(nested, account, region)


def _resolve(stack: Stack, value: Any, account: str, region: str) -> Any:
    return stack.resolve(value, account=account, region=region)


def _owners(policy: Resource) -> list[str]:
    """What the policy belongs to, by name, ARN or URL."""
    owners = policy.resolved((_OF_ROLES | _OF_RESOURCES)[policy.type], [])
    return owners if isinstance(owners, list) else [owners]


def _document(owner: Resource, value: Any) -> Document:
    if not isinstance(value, dict):
        raise ValueError(f"{owner.stack.id}/{owner.logical_id}: the policy isn't a JSON object.")
    return copy.deepcopy(value)


def _default_key_policy(key: Resource) -> Document:
    """What KMS gives a key without one: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html."""
    root = key.resolve({"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"})
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}],
    }
