"""Each example is synthesized as it stands; it imports nothing of the checkout but `constructs_lib`."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import aws_cdk
import pytest
from jsonata import Jsonata

from constructs_lib.assembly import Assembly
from tests.cdk import expressions_in, make_app

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*/app.py"))


def test_should_have_an_example_of_each_capability() -> None:
    assert {"cross_account", "distributed_map", "wind_speed"} <= {example.parent.name for example in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.parent.name)
def test_should_synthesize(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without CDK's template validation, which takes a second.
    monkeypatch.setattr(aws_cdk, "App", make_app)
    assembly = runpy.run_path(str(example), run_name="__main__")["app"].synth()
    machines = [machine for stack in Assembly.read(assembly.directory).stacks for machine in stack.state_machines()]
    assert machines
    for machine in machines:
        expressions = list(expressions_in(machine.definition))
        assert expressions
        for expression in expressions:
            Jsonata(expression)
        assert not list(jsonpath_fields(machine.definition))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.parent.name)
def test_should_stand_alone(example: Path) -> None:
    imported = re.findall(r"^\s*(?:from|import) (\w+)", example.read_text(), re.MULTILINE)
    assert set(imported) - sys.stdlib_module_names <= {"aws_cdk", "boto3", "constructs", "constructs_lib"}


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
