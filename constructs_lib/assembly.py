"""Reads a cloud assembly, the folder `cdk.out` that `cdk synth` writes: stacks and state machines, intrinsics resolved.

Works on anybody's assembly, with the standard library alone: it imports no `aws_cdk`, starts no Node process and calls
no AWS. A value that only a deployment knows (a generated physical name, an attribute such as a domain name) stands as a
made-up value in its place: `<stack>-<logical id>` for a name, `<name>.<attribute>` for an attribute; `Stack.resolve`
takes the real names where they are known. The manifest's format is that of `aws-cdk-lib/cloud-assembly-schema`, the
intrinsics' meaning that of the CloudFormation user guide, "Intrinsic function reference". Errors are `ValueError`s of
one line.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_ACCOUNT = "111111111111"
DEFAULT_REGION = "us-east-1"

_NO_VALUE = object()  # what {"Ref": "AWS::NoValue"} resolves to, until the list or mapping around it drops it
_FIX = "Give the folder that `cdk synth` writes (cdk.out)."


class NotAnAssembly(ValueError):  # noqa: N818 - the name is the sentence
    """The path is not a cloud assembly; the message says what is missing and what to give instead."""


class UnresolvableError(ValueError):
    """A template has an intrinsic function that can't be resolved without a deployment."""


@dataclass(frozen=True, kw_only=True)
class StateMachine:
    """One state machine of a stack, resolved for one account and Region.

    `path` is the construct's path as the template's metadata has it (None when the metadata is off), `definition` the
    parsed Amazon States Language, `type` is `STANDARD` or `EXPRESS`.
    """

    stack: str
    logical_id: str
    path: str | None
    name: str
    arn: str
    type: str
    role_arn: str
    definition: dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Stack:
    """One stack of an assembly.

    `id` is what the CDK CLI selects it by (`Stage/Stack`), `name` its CloudFormation name. `account` and `region` are
    None where the stack is environment-agnostic. `bootstrap_qualifier` names the bootstrap resources that a deployment
    needs, None when it needs none. `template` is the parsed template as it is on disk.
    """

    id: str
    name: str
    account: str | None
    region: str | None
    template_file: Path
    bootstrap_qualifier: str | None = None
    _assembly: Assembly = field(repr=False)
    _parent: tuple[Stack, str] | None = field(
        default=None, repr=False
    )  # of a nested stack: its stack and its logical id

    @cached_property
    def template(self) -> dict[str, Any]:
        """The template, parsed; raises `NotAnAssembly` where it isn't a JSON object."""
        try:
            return _read_json(self.template_file)
        except (OSError, ValueError) as error:
            raise NotAnAssembly(f"{str(self.template_file)!r} isn't a template: {error}. {_FIX}") from None

    def resources(self, resource_type: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the template's resources by logical id, of one type or of all, unresolved."""
        resources: dict[str, dict[str, Any]] = self.template.get("Resources", {})
        return {key: r for key, r in resources.items() if resource_type is None or r.get("Type") == resource_type}

    @cached_property
    def nested(self) -> dict[str, Stack]:
        """The nested stacks by logical id; one whose template isn't part of the assembly is left out."""
        found = {}
        for logical_id, resource in self.resources("AWS::CloudFormation::Stack").items():
            file = self._asset(str(self.resolve(resource.get("Properties", {}).get("TemplateURL"))))
            if file is not None:
                found[logical_id] = Stack(
                    id=f"{self.id}/{logical_id}",
                    name=f"{self.name}-{logical_id}",
                    account=self.account,
                    region=self.region,
                    template_file=file,
                    _assembly=self._assembly,
                    _parent=(self, logical_id),
                )
        return found

    def resolve(
        self,
        value: Any,
        *,
        account: str = DEFAULT_ACCOUNT,
        region: str = DEFAULT_REGION,
        names: Mapping[str, str] | None = None,
    ) -> Any:
        """Return `value`, any part of the template, with its intrinsics resolved.

        `account` and `region` are used where the stack is environment-agnostic. `names` gives physical names by logical
        id, and the values of template parameters by their name. Raises `UnresolvableError`.
        """
        return self._resolver(account, region, names or {}).value(value)

    def state_machines(
        self,
        *,
        account: str = DEFAULT_ACCOUNT,
        region: str = DEFAULT_REGION,
        names: Mapping[str, str] | None = None,
    ) -> tuple[StateMachine, ...]:
        """Return the state machines of this stack and of the stacks nested in it, definitions parsed and resolved.

        The arguments are those of `resolve` (`names` is for this stack's own resources). Raises `ValueError` for a
        definition that is no JSON object, or that isn't part of the assembly.
        """
        resolver = self._resolver(account, region, names or {})
        own = [
            self._state_machine(logical_id, resource, resolver)
            for logical_id, resource in self.resources("AWS::StepFunctions::StateMachine").items()
            if "Condition" not in resource or resolver.condition({"Condition": resource["Condition"]})
        ]
        inner = (m for stack in self.nested.values() for m in stack.state_machines(account=account, region=region))
        return (*own, *inner)

    def _resolver(self, account: str, region: str, names: Mapping[str, str]) -> _Resolver:
        return _Resolver(self, self.account or account, self.region or region, names)

    def _state_machine(self, logical_id: str, resource: dict[str, Any], resolver: _Resolver) -> StateMachine:
        properties = resolver.value(resource.get("Properties", {}))
        try:
            definition = json.loads(self._definition_text(properties))
        except ValueError as error:
            raise ValueError(f"The definition of {self.id}/{logical_id} can't be read: {error}") from None
        if not isinstance(definition, dict):
            raise ValueError(f"The definition of {self.id}/{logical_id} isn't a JSON object.")
        return StateMachine(
            stack=self.name,
            logical_id=logical_id,
            path=resource.get("Metadata", {}).get("aws:cdk:path"),
            name=resolver.name(logical_id),
            arn=resolver.arn(logical_id) or "",
            type=properties.get("StateMachineType", "STANDARD"),
            role_arn=properties.get("RoleArn", ""),
            definition=definition,
        )

    def _definition_text(self, properties: dict[str, Any]) -> str:
        if "DefinitionString" in properties:
            text = properties["DefinitionString"]
        elif "Definition" in properties:
            text = json.dumps(properties["Definition"])
        else:
            key = str(properties.get("DefinitionS3Location", {}).get("Key"))
            file = self._asset(key)
            if file is None:
                raise ValueError(f"no asset of the assembly is published as {key!r}")
            text = file.read_text("utf-8")
        for key, value in properties.get("DefinitionSubstitutions", {}).items():
            text = text.replace("${" + key + "}", value if isinstance(value, str) else json.dumps(value))
        return cast("str", text)

    def _asset(self, location: str) -> Path | None:
        """Return the file that the asset manifests beside the template publish at `location`, a key or a URL."""
        folder = self.template_file.parent
        for manifest in sorted(folder.glob("*.assets.json")):
            for asset in _read_json(manifest).get("files", {}).values():
                keys = {d.get("objectKey") for d in asset.get("destinations", {}).values()}
                if any(f"/{location}".endswith(f"/{key}") for key in keys):
                    return folder / str(asset["source"]["path"])
        return None


@dataclass(frozen=True, eq=False)
class Assembly:
    """A cloud assembly: `path`, the folder, and `stacks` (of nested assemblies too) in an order that deploys.

    `missing` names the context values that `cdk synth` would have had to look up in an account: with any, the templates
    are preliminary.
    """

    path: Path
    missing: tuple[str, ...] = ()
    stacks: list[Stack] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path | str) -> Assembly:
        """Read the assembly at `path`; raises `NotAnAssembly`."""
        folder = Path(path)
        manifest = _manifest(folder)
        assembly = cls(folder, tuple(str(m.get("key")) for m in manifest.get("missing", [])))
        assembly.stacks.extend(_stacks(folder, manifest, assembly))
        return assembly

    def state_machines(
        self, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> tuple[StateMachine, ...]:
        """Return every stack's state machines, as `Stack.state_machines` does."""
        return tuple(m for stack in self.stacks for m in stack.state_machines(account=account, region=region))

    def _export(self, name: str, account: str, region: str) -> Any:
        """Return the value exported as `name`, or the name itself when no stack of the assembly exports it."""
        for stack in self.stacks:
            resolver = stack._resolver(account, region, {})
            for output in stack.template.get("Outputs", {}).values():
                if "Export" in output and resolver.value(output["Export"]["Name"]) == name:
                    return resolver.value(output["Value"])
        return name


def _manifest(folder: Path) -> dict[str, Any]:
    file = folder / "manifest.json"
    if not folder.exists():
        raise NotAnAssembly(f"{str(folder)!r} doesn't exist. {_FIX}")
    if not file.is_file():
        hint = "It holds a CDK app: run `cdk synth` there first. " if (folder / "cdk.json").is_file() else ""
        raise NotAnAssembly(f"{str(folder)!r} isn't a cloud assembly: it has no manifest.json. {hint}{_FIX}")
    try:
        manifest = _read_json(file)
    except (OSError, ValueError) as error:
        raise NotAnAssembly(f"{str(file)!r} isn't the manifest of a cloud assembly: {error}. {_FIX}") from None
    if not isinstance(manifest.get("version"), str):
        raise NotAnAssembly(f"{str(file)!r} isn't the manifest of a cloud assembly: it names no version. {_FIX}")
    artifacts = manifest.get("artifacts", {})
    if not (isinstance(artifacts, dict) and all(isinstance(artifact, dict) for artifact in artifacts.values())):
        raise NotAnAssembly(f"{str(file)!r} isn't the manifest of a cloud assembly: its artifacts aren't. {_FIX}")
    return manifest


def _stacks(folder: Path, manifest: dict[str, Any], assembly: Assembly) -> Iterator[Stack]:
    """Yield the stacks of one manifest, each after those that it depends on."""
    artifacts: dict[str, dict[str, Any]] = manifest.get("artifacts", {})
    seen: set[str] = set()

    def visit(artifact_id: str) -> Iterator[Stack]:
        artifact = artifacts.get(artifact_id)
        if artifact is None or artifact_id in seen:
            return
        seen.add(artifact_id)
        for dependency in artifact.get("dependencies", []):
            yield from visit(dependency)
        properties = artifact.get("properties", {})
        if artifact.get("type") == "aws:cloudformation:stack":
            yield _stack(folder, artifact_id, artifact, artifacts, assembly)
        elif artifact.get("type") == "cdk:cloud-assembly":
            inner = folder / properties.get("directoryName", "")
            yield from _stacks(inner, _manifest(inner), assembly)

    for artifact_id in artifacts:
        yield from visit(artifact_id)


def _stack(
    folder: Path, artifact_id: str, artifact: dict[str, Any], artifacts: dict[str, dict[str, Any]], assembly: Assembly
) -> Stack:
    properties = artifact.get("properties", {})
    environment = re.fullmatch(r"aws://([^/]+)/(.+)", artifact.get("environment", ""))
    account, region = environment.groups() if environment else ("unknown-account", "unknown-region")
    file = folder / str(properties.get("templateFile", ""))
    if not file.is_file():
        raise NotAnAssembly(f"{str(folder)!r} is incomplete: the template of {artifact_id} is missing. {_FIX}")
    return Stack(
        id=artifact.get("displayName", artifact_id),
        name=properties.get("stackName", artifact_id),
        account=None if account == "unknown-account" else account,
        region=None if region == "unknown-region" else region,
        template_file=file,
        bootstrap_qualifier=_bootstrap_qualifier(artifact, artifacts),
        _assembly=assembly,
    )


def _bootstrap_qualifier(artifact: dict[str, Any], artifacts: dict[str, dict[str, Any]]) -> str | None:
    """Return the qualifier in the name of the SSM parameter that a deployment reads the bootstrap version from."""
    manifests = [artifacts.get(d, {}) for d in artifact.get("dependencies", [])]
    for properties in (a.get("properties", {}) for a in [artifact, *manifests] if a.get("type") in _BOOTSTRAPPED):
        if properties.get("requiresBootstrapStackVersion") is not None:
            parameter = re.fullmatch(
                "/cdk-bootstrap/([^/]+)/version", properties.get("bootstrapStackVersionSsmParameter", "")
            )
            return parameter[1] if parameter else "hnb659fds"
    return None


_BOOTSTRAPPED = {"aws:cloudformation:stack", "cdk:asset-manifest"}


def _read_json(file: Path) -> dict[str, Any]:
    value = json.loads(file.read_text("utf-8"))
    if not isinstance(value, dict):
        raise ValueError(f"{file.name} isn't a JSON object")
    return value


@dataclass(frozen=True)
class _Naming:
    """How a resource type is named: its ARN, the property with its name, whether `Ref` gives the ARN or the name."""

    arn: str
    name_property: str
    ref_is_arn: bool = False


_NAMING = {
    "AWS::DynamoDB::Table": _Naming("arn:{p}:dynamodb:{r}:{a}:table/{n}", "TableName"),
    "AWS::Events::EventBus": _Naming("arn:{p}:events:{r}:{a}:event-bus/{n}", "Name"),
    "AWS::Events::Rule": _Naming("arn:{p}:events:{r}:{a}:rule/{n}", "Name"),
    "AWS::IAM::ManagedPolicy": _Naming("arn:{p}:iam::{a}:policy{path}{n}", "ManagedPolicyName", ref_is_arn=True),
    "AWS::IAM::Role": _Naming("arn:{p}:iam::{a}:role{path}{n}", "RoleName"),
    "AWS::KMS::Key": _Naming("arn:{p}:kms:{r}:{a}:key/{n}", ""),
    "AWS::Lambda::Function": _Naming("arn:{p}:lambda:{r}:{a}:function:{n}", "FunctionName"),
    "AWS::Logs::LogGroup": _Naming("arn:{p}:logs:{r}:{a}:log-group:{n}:*", "LogGroupName"),
    "AWS::S3::Bucket": _Naming("arn:{p}:s3:::{n}", "BucketName"),
    "AWS::SecretsManager::Secret": _Naming("arn:{p}:secretsmanager:{r}:{a}:secret:{n}", "Name", ref_is_arn=True),
    "AWS::SNS::Topic": _Naming("arn:{p}:sns:{r}:{a}:{n}", "TopicName", ref_is_arn=True),
    "AWS::SQS::Queue": _Naming("arn:{p}:sqs:{r}:{a}:{n}", "QueueName"),
    "AWS::StepFunctions::Activity": _Naming("arn:{p}:states:{r}:{a}:activity:{n}", "Name", ref_is_arn=True),
    "AWS::StepFunctions::StateMachine": _Naming(
        "arn:{p}:states:{r}:{a}:stateMachine:{n}", "StateMachineName", ref_is_arn=True
    ),
}


class _Resolver:
    """Resolves intrinsics of one stack in one account and Region."""

    def __init__(self, stack: Stack, account: str, region: str, names: Mapping[str, str]) -> None:
        self.stack, self.account, self.region, self.names = stack, account, region, names
        partitions = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
        self.partition = next((p for prefix, p in partitions.items() if region.startswith(prefix)), "aws")

    def value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [v for v in map(self.value, value) if v is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if function == "Ref":
                return self.ref(argument)
            if function.startswith("Fn::"):
                return self.call(function, argument)
        resolved = {k: self.value(v) for k, v in value.items()}
        return {k: v for k, v in resolved.items() if v is not _NO_VALUE}

    def call(self, function: str, argument: Any) -> Any:
        """Resolve one intrinsic function; `argument` is unresolved."""
        match function:
            case "Fn::GetAtt":
                path = argument.split(".", 1) if isinstance(argument, str) else argument
                return self.attribute(path[0], ".".join(self.value(path[1:])))
            case "Fn::Sub":
                return self.substitute(argument)
            case "Fn::If":
                condition, then, otherwise = argument
                return self.value(then if self.condition({"Condition": condition}) else otherwise)
            case "Fn::And" | "Fn::Or" | "Fn::Not" | "Fn::Equals":
                return self.condition({function: argument})
        argument = self.value(argument)
        match function, argument:
            case "Fn::Join", [str(separator), list(parts)]:
                return separator.join(map(_text, parts))
            case "Fn::Split", [str(separator), text]:
                return _text(text).split(separator)
            case "Fn::Select", [index, list(choices)] if int(index) < len(choices):
                return choices[int(index)]
            case "Fn::FindInMap", [str(mapping), top, second, *default]:
                found = self.stack.template.get("Mappings", {}).get(mapping, {}).get(str(top), {}).get(str(second))
                if found is not None or default:
                    return found if found is not None else default[0]["DefaultValue"]
            case "Fn::Base64", text:
                return base64.b64encode(_text(text).encode()).decode()
            case "Fn::Length", list(parts):
                return len(parts)
            case "Fn::ToJsonString", _:
                return json.dumps(argument)
            case "Fn::GetAZs", region:
                return [f"{region or self.region}{zone}" for zone in "abc"]
            case "Fn::ImportValue", name:
                return self.stack._assembly._export(_text(name), self.account, self.region)
            case "Fn::GetStackOutput", {"StackName": name, "OutputName": output}:
                for stack in self.stack._assembly.stacks:
                    if stack.name == name:
                        return stack._resolver(self.account, self.region, {}).output(output)
                return f"{name}.{output}"
        raise UnresolvableError(f"{self.stack.id}: {function} of {json.dumps(argument)[:200]} can't be resolved")

    def condition(self, value: Any) -> bool:
        """Resolve a condition: a function of conditions, or `{"Condition": <name>}`."""
        [(function, argument)] = value.items()
        match function:
            case "Condition":
                return self.condition(self.stack.template.get("Conditions", {})[argument])
            case "Fn::And":
                return all(map(self.condition, argument))
            case "Fn::Or":
                return any(map(self.condition, argument))
            case "Fn::Not":
                return not self.condition(argument[0])
            case "Fn::Equals":
                left, right = self.value(argument)
                return _text(left) == _text(right)
        raise UnresolvableError(f"{self.stack.id}: the condition {json.dumps(value)[:200]} can't be resolved")

    def ref(self, name: str) -> Any:
        stack_name = self.stack.name
        pseudo: dict[str, Any] = {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::Partition": self.partition,
            "AWS::URLSuffix": "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com",
            "AWS::StackName": stack_name,
            "AWS::StackId": self.format("arn:{p}:cloudformation:{r}:{a}:stack/{n}/00000000", stack_name),
            "AWS::NotificationARNs": [],
            "AWS::NoValue": _NO_VALUE,
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.stack.template.get("Parameters", {}):
            return self.parameter(name)
        resource = self.stack.resources().get(name)
        if resource is None:
            raise UnresolvableError(f"{self.stack.id}: Ref to {name!r}, which the template doesn't have")
        properties = resource.get("Properties", {})
        match resource.get("Type"):
            case "AWS::SQS::Queue":
                return f"https://sqs.{self.region}.amazonaws.com/{self.account}/{self.name(name)}"
            case "AWS::Lambda::Version":
                return f"{self.function_arn(properties)}:1"
            case "AWS::Lambda::Alias":
                return f"{self.function_arn(properties)}:{self.value(properties['Name'])}"
        naming = _NAMING.get(resource.get("Type", ""))
        return self.arn(name) if naming is not None and naming.ref_is_arn else self.name(name)

    def parameter(self, name: str) -> Any:
        if name in self.names:
            return self.names[name]
        if self.stack._parent is not None:
            parent, logical_id = self.stack._parent
            given = parent.resources()[logical_id].get("Properties", {}).get("Parameters", {})
            if name in given:
                return parent._resolver(self.account, self.region, {}).value(given[name])
        return self.stack.template["Parameters"][name].get("Default", name)

    def attribute(self, logical_id: str, attribute: str) -> Any:
        if logical_id not in self.stack.resources():
            raise UnresolvableError(f"{self.stack.id}: Fn::GetAtt of {logical_id!r}, which the template doesn't have")
        if attribute.startswith("Outputs.") and logical_id in self.stack.nested:
            nested = self.stack.nested[logical_id]
            return nested._resolver(self.account, self.region, {}).output(attribute.removeprefix("Outputs."))
        kind = self.stack.resources()[logical_id].get("Type", "").rpartition("::")[2]
        if attribute in {"Arn", f"{kind}Arn"} and (arn := self.arn(logical_id)) is not None:
            return arn
        if attribute in {"Name", f"{kind}Name"}:
            return self.name(logical_id)
        return f"{self.name(logical_id)}.{attribute}"

    def output(self, name: str) -> Any:
        return self.value(self.stack.template.get("Outputs", {})[name]["Value"])

    def name(self, logical_id: str) -> str:
        """Return the physical name: the given one, the template's own, or a made-up one."""
        resource = self.stack.resources()[logical_id]
        naming = _NAMING.get(resource.get("Type", ""))
        own = resource.get("Properties", {}).get(naming.name_property) if naming is not None else None
        if logical_id in self.names:
            return self.names[logical_id]
        return _text(self.value(own)) if own is not None else f"{self.stack.name}-{logical_id}"

    def arn(self, logical_id: str) -> str | None:
        resource = self.stack.resources()[logical_id]
        naming = _NAMING.get(resource.get("Type", ""))
        if naming is None:
            return None
        path = self.value(resource.get("Properties", {}).get("Path", _NO_VALUE))
        return self.format(naming.arn, self.name(logical_id), "/" if path is _NO_VALUE else path)

    def format(self, pattern: str, name: str, path: str = "/") -> str:
        return pattern.format(p=self.partition, r=self.region, a=self.account, n=name, path=path)

    def function_arn(self, properties: dict[str, Any]) -> str:
        function = _text(self.value(properties["FunctionName"]))
        return function if function.startswith("arn:") else self.format(_NAMING["AWS::Lambda::Function"].arn, function)

    def substitute(self, argument: Any) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in variables:
                return _text(self.value(variables[name]))
            return _text(self.call("Fn::GetAtt", name) if "." in name else self.ref(name))

        return re.sub(r"\$\{([^}]+)\}", replace, text)


def _text(value: Any) -> str:
    """Return a scalar as CloudFormation writes it into a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
