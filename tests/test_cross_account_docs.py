"""docs/cross-account.md shows the policies that the app really has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import app
from constructs_lib.assembly import Assembly
from tests.cdk import make_app

if TYPE_CHECKING:
    from constructs_lib.assembly import Stack

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "cross-account.md"


@pytest.fixture(scope="module")
def stacks() -> dict[str, Stack]:
    root = make_app({"accounts": {"source": "111111111111", "target": "222222222222"}})
    app.build(root)
    return {stack.id: stack for stack in Assembly.read(root.synth().directory).stacks}


def test_should_show_the_target_role_as_it_is(stacks: dict[str, Stack]) -> None:
    target = stacks["ReviewsTarget"]
    resources = target.resolve(target.template["Resources"], region="us-east-1")
    (trust,) = (
        resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        for resource in resources.values()
        if "-target-" in str(resource.get("Properties", {}).get("RoleName"))
    )
    (permissions,) = (
        resource["Properties"]["PolicyDocument"]["Statement"]
        for name, resource in resources.items()
        if name.startswith("TargetRole") and resource["Type"] == "AWS::IAM::Policy"
    )
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)]
    assert shown == [trust[0], permissions]


def test_should_draw_the_two_state_machines_as_they_are(stacks: dict[str, Stack]) -> None:
    (picture,) = re.findall(r"```\n(ReviewIntake .*?)```", PAGE.read_text(), re.DOTALL)
    heads, *rows = picture.splitlines()
    # Where the child's column begins: the parent's is left of it.
    middle = heads.index(" ReviewClassifier")
    for stack, column in (("ReviewsSource-111111111111", slice(middle)), ("ReviewsTarget", slice(middle, None))):
        (machine,) = stacks[stack].state_machines()
        drawn = set(re.findall(r"[A-Z][A-Za-z]+(?: [a-z]+)*", "\n".join(row[column] for row in rows)))
        names = {name for name in machine.definition["States"] if name in drawn}
        tasks = {name for name, state in machine.definition["States"].items() if state["Type"] in {"Task", "Choice"}}
        assert tasks <= names
        assert drawn - names <= {"HIDE", "PUBLISH", "MODERATE", "Bedrock"}


def test_should_link_only_to_files_that_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", PAGE.read_text()) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
