"""Each example is synthesized as it stands; it imports nothing of the checkout but `constructs_lib`."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import aws_cdk
import pytest
from jsonata import Jsonata

from constructs_lib.assembly import Assembly
from constructs_lib.testing import run_scenarios
from tests.cdk import expressions_in, make_app

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*/app.py"))
WITH_MACHINES = {"cross_account", "distributed_map", "load_test", "quotas", "wind_speed"}


def test_should_have_an_example_of_each_capability() -> None:
    assert {example.parent.name for example in EXAMPLES} == {*WITH_MACHINES, "monitoring_account"}


def synthesize(example: Path, monkeypatch: pytest.MonkeyPatch, **context: object) -> Assembly:
    # Without CDK's template validation, which takes a second; with the paths that the CDK CLI asks for.
    context["aws:cdk:enable-path-metadata"] = True
    monkeypatch.setattr(aws_cdk, "App", lambda: make_app(context))
    return Assembly.read(runpy.run_path(str(example), run_name="__main__")["app"].synth().directory)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.parent.name)
def test_should_synthesize(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assembly = synthesize(example, monkeypatch)
    machines = [machine for stack in assembly.stacks for machine in stack.state_machines()]
    assert bool(machines) == (example.parent.name in WITH_MACHINES)
    expressions = [expression for machine in machines for expression in expressions_in(machine.definition)]
    assert bool(expressions) == bool(machines)
    for expression in expressions:
        Jsonata(expression)
    for machine in machines:
        assert not list(jsonpath_fields(machine.definition))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.parent.name)
def test_should_stand_alone(example: Path) -> None:
    imported = re.findall(r"^\s*(?:from|import) (\w+)", example.read_text(), re.MULTILINE)
    assert set(imported) - sys.stdlib_module_names <= {"aws_cdk", "boto3", "constructs", "constructs_lib"}


def test_should_have_scenarios_that_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = (example for example in EXAMPLES if example.parent.name == "quotas")
    results = run_scenarios(example.with_name("scenarios.yaml"), synthesize(example, monkeypatch))
    assert results
    for result in results:
        assert result, result.report


def test_should_link_each_source_account_to_the_sink_of_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = (example for example in EXAMPLES if example.parent.name == "monitoring_account")
    sinks = {region: f"arn:aws:oam:{region}:999999999999:sink/1234" for region in ("us-east-1", "eu-west-1")}
    links = [
        (stack.account, stack.region, link["Properties"]["SinkIdentifier"])
        for stack in synthesize(example, monkeypatch, sinks=json.dumps(sinks)).stacks
        for link in stack.resources("AWS::Oam::Link").values()
    ]
    assert sorted(links) == sorted(
        (account, region, sink) for account in ("111111111111", "222222222222") for region, sink in sinks.items()
    )


def jsonpath_fields(value: object) -> Iterator[str]:
    """Fields that Step Functions refuses in a JSONata machine."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in {"Parameters", "ResultPath", "InputPath", "OutputPath", "ResultSelector"} or key.endswith(".$"):
                yield key
            yield from jsonpath_fields(item)
    elif isinstance(value, list):
        for item in value:
            yield from jsonpath_fields(item)
