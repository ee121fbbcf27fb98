"""docs/cross-account.md shows the policies that the app really has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import app
from constructs_lib.assembly import Assembly
from tests.cdk import make_app

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "cross-account.md"


def test_should_show_the_target_role_as_it_is() -> None:
    root = make_app({"accounts": {"source": "111111111111", "target": "222222222222"}})
    app.build(root)
    (target,) = (stack for stack in Assembly.read(root.synth().directory).stacks if stack.id == "ReviewsTarget")
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


def test_should_link_only_to_files_that_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", PAGE.read_text()) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
