"""Who may assume a role, and who may do what: the policies of synthesized templates, evaluated as IAM would, offline.

A `PolicySimulation` has the roles and policies of one cloud assembly and answers with a `Decision`, which is true when
the request is allowed and says why. A role is judged by its trust policy; a caller by its identity policies and its
permissions boundary; a key, a bucket, a topic and a queue by the policy that a template gives them. Control policies of
an organization, session policies and endpoint policies aren't part of it. What can't be judged is a `ValueError` of one
line, never a decision.

The evaluation is that of `@cloud-copilot/iam-simulate`, which runs in a process of its own (`policy_engine`); the logic
is that of the IAM user guide, "Policy evaluation logic".
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from constructs_lib.assembly import DEFAULT_ACCOUNT, DEFAULT_REGION, Assembly
from constructs_lib.testing.policy_documents import Document, Resource, Templates
from constructs_lib.testing.policy_engine import PolicyEngine, find_node, find_package

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Context = Mapping[str, "str | bool | int | Sequence[str]"]

_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?")
_CALLER = re.compile(r"arn:[^:]+:iam::(\d{12}):(role|user)/(?:.*/)?([^/]+)")
# Asked for here: of an unknown operator on a key that the request hasn't got the simulator says nothing.
_OPERATOR = re.compile(
    r"(for(anyvalue|allvalues):)?"
    r"(string(not)?(equals(ignorecase)?|like)|arn(not)?(equals|like)|(not)?ipaddress|bool|binaryequals|"
    r"(numeric|date)((not)?equals|(less|greater)than(equals)?))(ifexists)?|null",
    re.IGNORECASE,
)
_EVERYTHING: Document = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
_EVERYBODY: Document = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html
_WITHOUT_POLICY = {"states"}
_SEND_TASK = {"states:sendtasksuccess", "states:sendtaskfailure", "states:sendtaskheartbeat"}


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request is allowed, and `why`: the statement that decided, or what kept the others from matching."""

    allowed: bool
    why: str

    def __bool__(self) -> bool:
        return self.allowed

    def __repr__(self) -> str:
        return f"<{'allowed' if self.allowed else 'denied'}: {self.why}>"


class PolicySimulator:
    """The simulator, to be shared: each `simulate` asks the same process. A context manager that ends it."""

    def __init__(self, engine: PolicyEngine) -> None:
        self._engine = engine

    @classmethod
    def start(cls, folder: Path | str = ".") -> Self:
        """Return the simulator that is installed in `node_modules` of `folder` or of a folder above it.

        Raises `ValueError`, with the command that installs it, when it or Node is missing.
        """
        return cls(PolicyEngine(find_package(Path(folder).resolve()), find_node()))

    def simulate(
        self, assembly: Assembly | Path | str, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> PolicySimulation:
        """Return the simulation of an assembly, or of the folder that `cdk synth` wrote (`cdk.out`).

        `account` and `region` are those of environment-agnostic stacks. Raises `NotAnAssembly`, a `ValueError`.
        """
        read = assembly if isinstance(assembly, Assembly) else Assembly.read(assembly)
        return PolicySimulation(Templates(read, account=account, region=region), self._engine)

    def close(self) -> None:
        """End the process."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Changes:
    """The documents that stand in the place of the templates', by ARN."""

    trusts: Mapping[str, Document] = field(default_factory=dict)
    policies: Mapping[str, Mapping[str, Document]] = field(default_factory=dict)
    resources: Mapping[str, Document] = field(default_factory=dict)
    managed: Mapping[str, Document] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Principal:
    """Who asks: the principal as IAM sees it, its policies, its context keys, and what isn't known of it."""

    arn: str
    account: str | None  # None of a service
    context: Mapping[str, str]
    policies: Mapping[str, Mapping[str, Any]]
    boundary: Document | None = None
    unknown: tuple[str, ...] = ()


class PolicySimulation:
    """The policies of one cloud assembly, and what they allow. Get it by the fixture `policy_simulation`.

    A role or resource goes by its logical id, with CDK's hash at the end or without it, by its physical name and by its
    ARN; `<stack>.` in front of the id helps where several stacks have the same. Names that only a deployment knows are
    made up, the same everywhere.
    """

    ADMINISTRATOR: ClassVar[Mapping[str, Document]] = {"AdministratorAccess": _EVERYTHING}
    """Identity policies that allow everything, for a caller whose own policies shall not be what keeps it out."""

    def __init__(self, templates: Templates, engine: PolicyEngine) -> None:
        self._templates = templates
        self._engine = engine
        self._changes = _Changes()

    @property
    def roles(self) -> tuple[str, ...]:
        """The ARNs of the roles in the templates."""
        return self._templates.roles

    def arn(self, name: str) -> str:
        """Return the ARN of a role or another resource of the templates."""
        return self._templates.find(name).arn

    def trust(self, role: str) -> Document:
        """Return a role's trust policy, resolved: a copy, to be changed and given to `with_trust`."""
        return copy.deepcopy(self._trust(self._templates.find(role, role=True)))

    def policies(self, role: str) -> dict[str, Document]:
        """Return a role's identity policies by name, resolved: a copy, to be changed and given to `with_policies`.

        An inline policy goes by its name, another by its logical id, a managed one that no template has by its ARN,
        where `with_managed_policy` gave its text; where not, it isn't among them.
        """
        return copy.deepcopy(self._identity_policies(self._templates.find(role, role=True))[0])

    def resource_policy(self, resource: str) -> Document | None:
        """Return the policy of a key, bucket, topic or queue, resolved: a copy; None where it has none."""
        found = self._templates.find(resource)
        given = self._changes.resources.get(found.arn)
        return copy.deepcopy(self._templates.resource_policy(found) if given is None else given)

    def with_trust(self, role: str, document: Mapping[str, Any]) -> PolicySimulation:
        """Return a simulation in which the role has this trust policy."""
        arn = self._templates.find(role, role=True).arn
        return self._changed(trusts={**self._changes.trusts, arn: dict(document)})

    def with_policies(self, role: str, documents: Mapping[str, Mapping[str, Any]]) -> PolicySimulation:
        """Return a simulation in which the role has these identity policies, by any name, and no other."""
        arn = self._templates.find(role, role=True).arn
        return self._changed(policies={**self._changes.policies, arn: {k: dict(v) for k, v in documents.items()}})

    def with_resource_policy(self, resource: str, document: Mapping[str, Any]) -> PolicySimulation:
        """Return a simulation in which the resource, of the templates or any by its ARN, has this policy."""
        arn = resource if resource.startswith("arn:") else self.arn(resource)
        return self._changed(resources={**self._changes.resources, arn: dict(document)})

    def with_managed_policy(self, arn: str, document: Mapping[str, Any]) -> PolicySimulation:
        """Return a simulation that knows the text of a managed policy that no template has, such as one of AWS."""
        return self._changed(managed={**self._changes.managed, arn: dict(document)})

    def can_assume(
        self,
        role: str,
        *,
        by: str,
        external_id: str | None = None,
        organization_id: str | None = None,
        identity_policies: Mapping[str, Mapping[str, Any]] | None = None,
        context: Context | None = None,
    ) -> Decision:
        """Return whether `by` may assume the role: `sts:AssumeRole`, judged by the trust and by the caller's policies.

        ::

            parent = "arn:aws:iam::111111111111:role/parent"
            assert simulation.can_assume("Target", by=parent, external_id="…:stateMachine:parent")

        The arguments are those of `allows`; omitting `external_id` sends none.
        """
        given = dict(context or {})
        if external_id is not None:
            given["sts:ExternalId"] = external_id
        return self.allows(
            by,
            "sts:AssumeRole",
            self._templates.find(role, role=True).arn,
            organization_id=organization_id,
            identity_policies=identity_policies,
            context=given,
        )

    def allows(
        self,
        principal: str,
        action: str,
        resource: str,
        *,
        organization_id: str | None = None,
        identity_policies: Mapping[str, Mapping[str, Any]] | None = None,
        context: Context | None = None,
    ) -> Decision:
        """Return whether the principal may do the action on the resource.

        ::

            assert simulation.allows("Target", "states:StartExecution", "Child")
            context = {"aws:SourceArn": alarm_arn}
            assert simulation.allows("cloudwatch.amazonaws.com", "sns:Publish", "Alerts", context=context)

        `principal` is a role of the templates, the ARN of another role or of a user, or a service principal. `resource`
        is one of the templates or any ARN without a wildcard; `*` for an action that takes none. `identity_policies`
        are taken in the place of the principal's own; they must be given for one that no template has. `context` are
        condition keys of the request. Those of the principal (`aws:PrincipalArn`, `aws:PrincipalAccount`,
        `aws:PrincipalType`, its role's tags and, with `organization_id`, `aws:PrincipalOrgID`), `aws:ResourceAccount`
        and `aws:SecureTransport` are there unless given otherwise; a key that isn't given is missing in the request.

        A resource that no template has, in the principal's own account, is taken to have no policy; a key, and a role
        to assume, always has one. Raises `ValueError` where an unknown policy decides, for an action that IAM doesn't
        know or that can't be done on the resource, for a condition key that the action doesn't have, and for a policy
        that AWS would refuse.
        """
        who = self._principal(principal, identity_policies, organization_id)
        arn = resource if resource == "*" or resource.startswith("arn:") else self.arn(resource)
        if action.lower() in _SEND_TASK and arn != "*":
            raise ValueError(_not_judged(action))
        found = self._templates.at(arn)
        account = found.account if found is not None else arn.split(":")[4] if arn.count(":") > 4 else None
        account = account or who.account
        policy, unknown = self._policy_of(arn, found, action, who, account)
        is_trust = policy is not None and action.lower().startswith("sts:") and not unknown
        request = {
            "principal": who.arn,
            "action": action,
            "resource": {"resource": arn, "accountId": account or ""},
            "contextVariables": {
                "aws:SecureTransport": "true",
                "aws:ViaAWSService": "false",
                **({} if account is None else {"aws:ResourceAccount": account}),
                **who.context,
                **{key: _value(key, value) for key, value in (context or {}).items()},
            },
        }
        answer = self._engine.decide({"simulation": _simulation(request, who, policy), "trust": is_trust})
        if "error" in answer:
            raise ValueError(_refusal(answer, action, resource))
        sources = {"resource": "the trust policy" if is_trust else f"the policy of {arn}"}
        if who.account is not None:
            sources |= {"identity": "the caller's policies", "boundary": "the permissions boundary"}
        statements = list(_statements(answer, sources["resource"]))
        _check(answer["result"], statements, action)
        decision = Decision(answer["result"] == "Allowed", _why(answer, statements, sources))
        # What isn't known was taken to allow everything: where that doesn't help, nothing it says would.
        missing = (*who.unknown, *unknown)
        if decision and missing:
            raise ValueError(f"Whether {principal} may {action} on {resource} can't be told without {missing[0]}")
        return decision

    def _changed(self, **changes: Any) -> PolicySimulation:
        other = copy.copy(self)
        other._changes = replace(self._changes, **changes)
        return other

    def _trust(self, role: Resource) -> Document:
        given = self._changes.trusts.get(role.arn)
        return self._templates.trust(role) if given is None else given

    def _identity_policies(self, role: Resource) -> tuple[dict[str, Document], tuple[str, ...]]:
        """Return a role's policies by name, and the ARNs of those whose text isn't known."""
        given = self._changes.policies.get(role.arn)
        if given is not None:
            return dict(given), ()
        found, outside = self._templates.identity_policies(role)
        managed = self._changes.managed
        found |= {arn: managed[arn] for arn in outside if arn in managed}
        return found, tuple(arn for arn in outside if arn not in managed)

    def _principal(
        self, name: str, given: Mapping[str, Mapping[str, Any]] | None, organization_id: str | None
    ) -> _Principal:
        if _SERVICE.fullmatch(name):
            if given is not None or organization_id is not None:
                raise ValueError(f"{name} is a service: it has neither identity policies nor an organization.")
            keys = {"aws:PrincipalIsAWSService": "true", "aws:PrincipalServiceName": name}
            return _Principal(name, None, keys, {})
        role = self._role(name)
        arn = name if role is None else role.arn
        match = _CALLER.fullmatch(arn)
        if match is None:
            raise ValueError(
                f"{name!r} isn't a principal. Allowed: a role of the templates, the ARN of a role or of a user, or a "
                "service principal such as states.amazonaws.com."
            )
        account, kind, short_name = match.groups()
        keys = {
            "aws:PrincipalArn": arn,
            "aws:PrincipalAccount": account,
            "aws:PrincipalIsAWSService": "false",
            "aws:PrincipalType": "AssumedRole" if kind == "role" else "User",
        }
        if organization_id is not None:
            keys["aws:PrincipalOrgID"] = organization_id
        session = f"arn:{arn.split(':')[1]}:sts::{account}:assumed-role/{short_name}/session"
        asking = session if kind == "role" else arn
        if role is None:
            if given is None:
                raise ValueError(f"No template has {name}. Fix: give its identity_policies, or {{}} for none.")
            return _Principal(asking, account, keys, given)
        keys |= {f"aws:PrincipalTag/{tag['Key']}": tag["Value"] for tag in role.resolved("Tags", [])}
        policies, unknown = self._identity_policies(role) if given is None else (given, ())
        missing = [f"{arn}, whose text no template has. Fix: with_managed_policy({arn!r}, …)." for arn in unknown]
        boundary_arn, boundary = self._templates.boundary(role)
        if boundary_arn is not None and boundary is None:
            boundary = self._changes.managed.get(boundary_arn)
            if boundary is None:
                missing.append(
                    f"{boundary_arn}, the permissions boundary. Fix: with_managed_policy({boundary_arn!r}, …)."
                )
        known: Mapping[str, Mapping[str, Any]] = policies
        if unknown:
            known = {**policies, "unknown policies": _EVERYTHING}
        return _Principal(asking, account, keys, known, boundary, tuple(missing))

    def _role(self, name: str) -> Resource | None:
        """Return the template's role; None for an ARN that no template has."""
        if not name.startswith("arn:"):
            return self._templates.find(name, role=True)
        found = self._templates.at(name)
        return found if found is not None and found.arn == name and found.type == "AWS::IAM::Role" else None

    def _policy_of(
        self, arn: str, found: Resource | None, action: str, who: _Principal, account: str | None
    ) -> tuple[Document | None, tuple[str, ...]]:
        """Return the policy that the resource is judged by, and what would have to be known of it."""
        assumes = action.lower().startswith("sts:")
        if arn in self._changes.resources:
            return self._changes.resources[arn], ()
        if found is not None and found.arn in self._changes.resources:
            return self._changes.resources[found.arn], ()
        if found is not None and found.type == "AWS::IAM::Role":
            # A role's trust is asked by STS only: who passes or changes the role needs no place in it.
            return (self._trust(found) if assumes else None), ()
        if found is not None and found.has_policy:
            return self._templates.resource_policy(found), ()
        service = arn.split(":")[2] if arn.startswith("arn:") else None
        decides = who.account is None or who.account != account or service == "kms" or assumes
        if decides and service not in {None, *_WITHOUT_POLICY}:
            return _EVERYBODY, (f"the policy of {arn}, which no template has. Fix: with_resource_policy({arn!r}, …).",)
        return None, ()


def _simulation(request: Document, who: _Principal, resource_policy: Document | None) -> Document:
    """Return what the simulator is asked."""
    simulation: Document = {
        "request": request,
        "identityPolicies": [{"name": name, "policy": text} for name, text in who.policies.items()],
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
    }
    if resource_policy is not None:
        simulation["resourcePolicy"] = resource_policy
    if who.boundary is not None:
        simulation["permissionBoundaryPolicies"] = [{"name": "permissions boundary", "policy": who.boundary}]
    return simulation


def _value(key: str, value: object) -> str | list[str]:
    """Return a context value as IAM has it: texts."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, list | tuple) and value and all(isinstance(each, str) for each in value):
        return list(value)
    raise ValueError(f"The context key {key} is {value!r}. Allowed: a text, a number, True, False, or a list of texts.")


def _refusal(answer: Mapping[str, Any], action: str, resource: str) -> str:
    """Return, in a line, why the simulator gave no decision."""
    detail = answer.get("detail")
    match answer["error"]:
        case "invalid.action" | "invalid.service":
            return f"The action {action!r} isn't one that IAM knows. Allowed: states:StartExecution and its like."
        case "must.use.wildcard":
            return f"{action} can't be limited to a resource, and {resource!r} is one. Fix: give '*'."
        case "no.resource.types":
            return f"{action} isn't done on such a resource as {resource!r}. Fix: give one that IAM's reference names."
        case "several.resources":
            return f"{resource!r} isn't one resource. Fix: give the ARN of one, without a wildcard."
        case "multiple.resource.types":
            return f"{resource!r} could be a resource of several types to {action}: it can't be judged."
        case "unknown.key":
            return (
                f"The context key {detail!r} isn't one that {action} has. Fix: leave it out, or spell it as IAM does."
            )
        case "several.values":
            return f"The context key {detail!r} has one value, and a list was given."
        case "policy.errors":
            return f"AWS would refuse a policy that decides on {action}: {str(detail).removeprefix(': ')}"
        case other:
            return f"The policy simulator can't judge {action} on {resource!r}: {other}" + (
                f", {detail}" * bool(detail)
            )


_Statements = list[tuple[str, Mapping[str, Any]]]


def _statements(answer: Mapping[str, Any], resource_policy: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each statement with what to call it."""
    for kind in ("resource", "identity", "boundary"):
        for statement in answer[kind]["statements"]:
            yield f"statement {statement['identifier']} of {statement.get('policy') or resource_policy}", statement


def _check(result: str, statements: _Statements, action: str) -> None:
    """Raise ValueError where the decision rests on something that the simulator can't judge."""
    for label, statement in statements:
        if not statement["actionMatch"] or statement["principalMatch"] == "NoMatch":
            continue
        if not statement["resourceMatch"]:
            decisive = result == "ImplicitlyDenied" if statement["effect"] == "Allow" else result != "ExplicitlyDenied"
            if action.lower() in _SEND_TASK and statement["conditionMatch"] and decisive:
                raise ValueError(_not_judged(action))
            continue
        for condition in statement.get("conditions") or ():
            if _OPERATOR.fullmatch(condition["operator"]) is None:
                raise ValueError(f"{label}: IAM has no condition operator {condition['operator']!r}.")
            for value in _listed(condition.get("values")):
                if "Invalid ARN" in value.get("errors", ()):
                    key = f"{condition['operator']} {condition['conditionKeyValue']}"
                    raise ValueError(f"{label}: {key} {value['value']!r} isn't an ARN. Fix: for any, arn:*:*:*:*:*")


def _not_judged(action: str) -> str:
    return (
        f"{action} by a state machine's ARN can't be judged: IAM's reference gives it no resource, though AWS has been "
        "seen to compare one. Fix: assert on the statement itself, by policies()."
    )


def _why(answer: Mapping[str, Any], statements: _Statements, sources: Mapping[str, str]) -> str:
    """Return, in a line, what decided."""
    matching = [(label, statement) for label, statement in statements if statement["matches"]]
    if answer["result"] == "ExplicitlyDenied":
        return " and ".join(f"{label} denies it" for label, statement in matching if statement["effect"] == "Deny")
    if answer["result"] == "Allowed":
        return " and ".join(f"{label} allows it" for label, _ in matching)
    lacking = [source for kind, source in sources.items() if not _grants(answer[kind])]
    near = [
        f"{label} {reason}"
        for label, statement in statements
        if statement["effect"] == "Allow" and not statement["matches"] and statement["actionMatch"]
        for reason in _mismatches(statement)
    ]
    return "; ".join([f"nothing in {' or '.join(lacking) or sources['resource']} allows it", *near])


def _grants(analysis: Mapping[str, Any]) -> bool:
    return analysis.get("result") in {None, "NotApplicable", "Allowed", "AllowedForAccount"}


def _mismatches(statement: Mapping[str, Any]) -> Iterator[str]:
    """Yield what kept a statement from matching."""
    if statement["principalMatch"] == "NoMatch":
        yield "is for another principal"
        return
    if not statement["resourceMatch"]:
        yield "is for another resource"
    for condition in statement.get("conditions") or ():
        if not condition["matches"]:
            wanted = " or ".join(str(value["value"]) for value in _listed(condition.get("values")))
            actual = condition.get("resolvedConditionKeyValue")
            given = "and the request has none" if condition.get("failedBecauseMissing") else f"not {actual}"
            yield f"wants {condition['operator']} {condition['conditionKeyValue']} {wanted}, {given}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
