"""What the tests of constructs and stacks share: apps that synthesize fast, and templates made readable."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_cdk import App
from aws_cdk.assertions import Template

import app

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aws_cdk import Stack

JsonObject = dict[str, Any]


ROOT = Path(__file__).resolve().parents[1]


def make_app(context: Mapping[str, object] | None = None, *, outdir: Path | None = None) -> App:
    """An app of the tests' own process, which validates no template."""
    out = None if outdir is None else str(outdir)
    return App(context=context, outdir=out)


def synthesize_app(folder: Path, context: Mapping[str, object]) -> Path:
    """The whole app with cdk.json's context, synthesized in this process: a `cdk.out` in `folder` to deploy.

    The demos' tests synthesize it as the CDK CLI does, in a process of its own.
    """
    usual: JsonObject = json.loads((ROOT / "cdk.json").read_text())["context"]
    root = make_app({"aws:cdk:enable-path-metadata": True, **usual, **context}, outdir=folder / "cdk.out")
    app.build(root)
    return Path(root.synth().directory)


def process_environment(out: Path) -> dict[str, str]:
    """Of an app in a process of its own that synthesizes into `out`: no AWS account within reach, nothing validated."""
    # Nor what a parallel run tells its workers: a pytest in the process would take itself for one.
    ours = ("AWS_", "CDK_", "PYTEST_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    node = Path(sys.executable).parent / "node"
    if node.exists():
        # As `make` has it: for a Node that is too old, jsii prints a banner on stderr.
        environment["JSII_NODE"] = str(node)
    return environment | {"CDK_OUTDIR": str(out), "CDK_VALIDATION": "false", "AWS_EC2_METADATA_DISABLED": "true"}


def template_of(stack: Stack) -> JsonObject:
    """The stack's template. Its app can't be changed afterwards."""
    return dict(Template.from_stack(stack).to_json())


def resources(template: JsonObject, resource_type: str) -> dict[str, JsonObject]:
    """The properties of each resource of the type, by logical id."""
    return {
        logical_id: resource.get("Properties", {})
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == resource_type
    }


def only(template: JsonObject, resource_type: str) -> JsonObject:
    """The properties of the one resource of the type."""
    (properties,) = resources(template, resource_type).values()
    return properties


def shown(value: Any) -> Any:
    """`value` with each intrinsic as text, in the manner of Fn::Sub: `${Bucket.Arn}/runs/*`."""
    if isinstance(value, list):
        return [shown(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return f"${{{value['Ref']}}}"
    if set(value) == {"Fn::GetAtt"}:
        return f"${{{'.'.join(value['Fn::GetAtt'])}}}"
    if set(value) == {"Fn::Join"}:
        separator, parts = value["Fn::Join"]
        return separator.join(str(shown(part)) for part in parts)
    if set(value) == {"Fn::Select"}:
        index, items = value["Fn::Select"]
        return f"${{{index} of {shown(items)}}}"
    if set(value) == {"Fn::Split"}:
        separator, text = value["Fn::Split"]
        return f"{shown(text)} by {separator}"
    return {key: shown(item) for key, item in value.items()}


def readable(template: JsonObject) -> JsonObject:
    """The template without what only the content of an asset or the CLI changes; the state machine parsed."""
    text = re.sub(r"\b[0-9a-f]{64}\b", "<asset hash>", json.dumps(template))
    scrubbed: JsonObject = json.loads(text)
    for resource in scrubbed["Resources"].values():
        resource.pop("Metadata", None)
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            definition = shown(resource["Properties"]["DefinitionString"])
            resource["Properties"]["DefinitionString"] = json.loads(definition)
    for section in ("Parameters", "Rules"):  # of CDK's bootstrap stack
        scrubbed.pop(section, None)
    return scrubbed


def definition_of(template: JsonObject) -> JsonObject:
    """The one state machine's definition, parsed."""
    parsed: JsonObject = json.loads(shown(only(template, "AWS::StepFunctions::StateMachine")["DefinitionString"]))
    return parsed


def statements_of(template: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Each statement of the roles' policies with its role's logical id; intrinsics as text, actions as lists."""
    for properties in resources(template, "AWS::IAM::Policy").values():
        (role,) = properties["Roles"]
        for statement in properties["PolicyDocument"]["Statement"]:
            text = shown(statement)
            for key in ("Action", "Resource"):
                text[key] = text[key] if isinstance(text[key], list) else [text[key]]
            yield role["Ref"], text


def expressions_in(value: Any) -> Iterator[str]:
    """Each JSONata expression in `value`, without the `{% %}` around it."""
    if isinstance(value, dict):
        for item in value.values():
            yield from expressions_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from expressions_in(item)
    elif isinstance(value, str) and (match := re.fullmatch(r"\{%(.*)%\}", value, re.DOTALL)):
        yield match[1].strip()


def states_in(definition: JsonObject) -> dict[str, JsonObject]:
    """Each state by name, those of the processors inside maps too."""
    states: dict[str, JsonObject] = {}
    for name, state in definition["States"].items():
        states[name] = state
        if "ItemProcessor" in state:
            states |= states_in(state["ItemProcessor"])
    return states
