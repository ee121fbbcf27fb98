"""Each example is synthesized as it stands, in a process of its own; nothing of the checkout but `constructs_lib`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jsonata import Jsonata

from constructs_lib.assembly import Assembly
from tests.cdk import expressions_in, process_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*/app.py"))


def test_should_have_an_example_of_each_capability() -> None:
    assert {"distributed_map", "wind_speed"} <= {example.parent.name for example in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.parent.name)
def test_should_synthesize(example: Path, tmp_path: Path) -> None:
    done = run(example, tmp_path)
    assert done.returncode == 0, done.stderr
    machines = [machine for stack in Assembly.read(tmp_path).stacks for machine in stack.state_machines()]
    assert machines
    for machine in machines:
        expressions = list(expressions_in(machine.definition))
        assert expressions
        for expression in expressions:
            Jsonata(expression)
        assert not list(jsonpath_fields(machine.definition))


def run(example: Path, out: Path) -> subprocess.CompletedProcess[str]:
    environment = process_environment(out) | {"PYTHONPATH": str(example.parents[2])}
    command = [sys.executable, str(example)]
    return subprocess.run(command, cwd=out, env=environment, capture_output=True, text=True, check=False)


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
