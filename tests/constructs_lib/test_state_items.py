from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack, Token
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from jsonata import Jsonata

from constructs_lib import S3DistributedMap, StateItems
from tests.cdk import definition_of, make_app, statements_of, template_of

NESTED = [[1, 2]]
LISTS: list[Any] = [[], [1], [1, 2, 3], NESTED, [[1], [], [3]]]
OBJECTS: list[Any] = [{}, {"a": [1]}, {"b": 1, "a": 2, "c": 3}]


def template(source: StateItems) -> dict[str, Any]:
    stack = Stack(make_app(), "Stack")
    scan = S3DistributedMap(
        stack,
        "Scan",
        source=source,
        processor=sfn.Pass.jsonata(stack, "Work"),
        results_bucket=s3.Bucket.from_bucket_name(stack, "Results", "results"),
    )
    sfn.StateMachine(
        stack,
        "Machine",
        definition_body=sfn.DefinitionBody.from_chainable(scan),
        query_language=sfn.QueryLanguage.JSONATA,
    )
    return template_of(stack)


def test_should_iterate_over_the_states_input() -> None:
    made = template(StateItems("$states.input.orders"))
    state = definition_of(made)["States"]["Scan"]
    assert state["Items"] == "{% $states.input.orders %}"
    assert not {"ItemReader", "ItemSelector", "ItemBatcher"} & set(state)
    # It reads nothing from S3: what is granted there is the result writer's.
    granted = [statement for _, statement in statements_of(made) if statement["Action"][0].startswith("s3:")]
    assert [statement["Resource"][0].rpartition(":")[2] for statement in granted] == ["results/Scan/*"]


@pytest.mark.parametrize(
    ("items", "kept"),
    [
        ([], []),
        ([1], [1]),
        ([1, 2, 3], [1, 2]),
        (NESTED, NESTED),
        ([[1], [], [3]], [[1], []]),
        ([None], [None]),
        ({"b": 1, "a": [2], "c": 3}, {"b": 1, "a": [2]}),
        ({"a": {"b": 1}}, {"a": {"b": 1}}),
        ({}, {}),
    ],
)
@pytest.mark.parametrize("most", [2, "$states.input.most"])
def test_should_keep_the_first_items(items: Any, kept: Any, most: int | str) -> None:
    expression = Jsonata(StateItems("$states.input.items", max_items=most).provide().items[2:-2])
    frame = expression.create_frame()
    frame.bind("states", {"input": {"items": items, "most": 2}})
    assert expression.evaluate(None, frame) == kept


def test_should_mean_the_same_to_jsonatas_reference_implementation() -> None:
    root = Path(__file__).resolve().parents[2]
    node, package = Path(sys.executable).parent / "node", root / "node_modules" / "jsonata"
    if not node.exists() or not package.exists():
        pytest.skip("needs Node and node_modules")
    expression = StateItems("$states.input.items", max_items="$states.input.most").provide().items[2:-2]
    inputs = [{"items": items, "most": 2} for items in (*LISTS, *OBJECTS)]
    script = """
    const [expression, inputs] = JSON.parse(process.argv[1]);
    const evaluate = (input) => require(process.argv[2])(expression).evaluate({}, {states: {input}});
    Promise.all(inputs.map(evaluate)).then((found) => console.log(JSON.stringify(found)));
    """
    printed = subprocess.run(
        [node, "-e", script, json.dumps([expression, inputs]), package], capture_output=True, text=True, check=True
    )
    assert json.loads(printed.stdout) == [[], [1], [1, 2], NESTED, [[1], []], {}, {"a": [1]}, {"b": 1, "a": 2}]


def test_should_take_a_number_that_is_known_at_deployment_only() -> None:
    most: Any = Token.as_number({"Ref": "Most"})
    made = template(StateItems("$states.input.orders", max_items=most))
    assert "$index < (${Most})" in definition_of(made)["States"]["Scan"]["Items"]
