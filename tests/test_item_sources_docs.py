"""docs/item-sources.md: every snippet is synthesized, and its table says what each source may really read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn

import constructs_lib
from constructs_lib import ObjectSource, S3DistributedMap
from tests.cdk import definition_of, make_app, shown, statements_of, template_of

PAGE = Path(__file__).resolve().parents[1] / "docs" / "item-sources.md"
SECTIONS = {
    heading: re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for heading, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE)
}
ROWS = re.findall(r"^\| \[(.*?)\]\(#(.*?)\) \| .*? \| (.*) \|$", PAGE.read_text(), re.MULTILINE)


def run(block: str) -> dict[str, Any]:
    """The names that are there after the block, among them a stack, two buckets and a function."""
    stack = Stack(make_app(), "Stack")
    names: dict[str, Any] = {name: getattr(constructs_lib, name) for name in constructs_lib.__all__}
    names["stack"] = stack
    names["bucket"] = s3.Bucket.from_bucket_name(stack, "Bucket", "objects")
    names["results"] = s3.Bucket.from_bucket_name(stack, "Results", "results")
    arn = "arn:aws:lambda:us-east-1:111111111111:function:analyze"
    names["function"] = lambda_.Function.from_function_arn(stack, "Function", arn)
    exec(compile(block, PAGE.name, "exec"), names)
    return names


def synthesized(names: dict[str, Any], scan: S3DistributedMap) -> dict[str, Any]:
    sfn.StateMachine(
        names["stack"],
        "Machine",
        definition_body=sfn.DefinitionBody.from_chainable(scan),
        query_language=sfn.QueryLanguage.JSONATA,
    )
    return template_of(names["stack"])


def may_read(source: Any, stack: Stack) -> str:
    """The source's permissions as the table has them."""
    if not isinstance(source, ObjectSource):
        return "nothing"
    parts = []
    for statement in (each.to_statement_json() for each in source.provide_policy_statements()):
        resolved = shown(stack.resolve(statement))
        resource = resolved["Resource"]
        patterns = [
            resolved["Condition"]["StringEquals"]["s3:prefix"] if "Condition" in resolved else arn.partition("/")[2]
            for arn in (resource if isinstance(resource, list) else [resource])
        ]
        parts.append(f"`{resolved['Action']}` of {', '.join(f'`{pattern}`' for pattern in patterns)}")
    return "; ".join(parts)


@pytest.mark.parametrize(("title", "anchor", "permissions"), ROWS, ids=[anchor for _, anchor, _ in ROWS])
def test_should_show_what_each_source_may_read(title: str, anchor: str, permissions: str) -> None:
    ((heading, (block,)),) = ((name, blocks) for name, blocks in SECTIONS.items() if name.lower() == title.lower())
    assert re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") == anchor
    names = run(block)
    assert may_read(names["source"], names["stack"]) == permissions
    scan = S3DistributedMap(
        names["stack"], "Scan", source=names["source"], processor=names["function"], results_bucket=names["results"]
    )
    state = definition_of(synthesized(names, scan))["States"]["Scan"]
    assert ("ItemReader" in state) != ("Items" in state)


def test_should_show_each_source() -> None:
    shown_here = set(re.findall(r"ObjectSource\.(from_\w+)", PAGE.read_text()))
    assert shown_here == {name for name in vars(ObjectSource) if name.startswith("from_")}
    # Each snippet but the last is a row's.
    assert len(ROWS) + 1 == sum(map(len, SECTIONS.values()))


def test_should_select_limit_and_batch() -> None:
    names = run(SECTIONS["Select, limit, batch"][0])
    template = synthesized(names, names["scan"])
    state = definition_of(template)["States"]["Analyze stations"]
    assert state["ItemReader"]["ReaderConfig"]["MaxItems"] == "{% $states.input.limit %}"
    assert set(state["ItemSelector"]) == {"station", "from"}
    assert state["ItemBatcher"] == {
        "MaxItemsPerBatch": 500,
        "MaxInputBytesPerBatch": 100_000,
        "BatchInput": {"unit": "{% $states.input.unit %}"},
    }
    assert any(statement["Action"] == ["lambda:InvokeFunction"] for _, statement in statements_of(template))
