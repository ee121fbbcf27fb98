"""The README says what the code does: its tables are recomputed, its blocks run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import aws_cdk
import pytest

from constructs_lib.local.bedrock_replies import Replies
from stacks.settings import Settings
from tests.cdk import make_app, resources
from tests.stacks.quotas_app import synthesize

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = {language: re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) for language in ("python", "sh", "json")}

TINY_APP = """
from aws_cdk import App, CfnOutput, Stack
from aws_cdk import aws_stepfunctions as sfn

app = App()
stack = Stack(app, "MyStack")
echo = sfn.Pass.jsonata(stack, "Echo")
machine = sfn.StateMachine(
    stack,
    "MyMachine",
    definition_body=sfn.DefinitionBody.from_chainable(echo),
    query_language=sfn.QueryLanguage.JSONATA,
)
CfnOutput(stack, "StateMachineArn", value=machine.state_machine_arn)
app.synth()
"""


def table(first_heading: str) -> list[list[str]]:
    """The rows under the table whose first heading is given."""
    lines = README.split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first_heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_should_list_every_setting_with_its_default() -> None:
    listed = {row[0].strip("`"): json.loads(row[1].strip("`")) for row in table("key")}
    assert list(listed) == list(json.loads((ROOT / "cdk.json").read_text())["context"])
    assert listed == json.loads((ROOT / "cdk.json").read_text())["context"]
    assert set(listed) == {field.name for field in fields(Settings)}
    assert Settings.from_context(listed) == Settings()


def test_should_compute_the_cost_of_a_run_right() -> None:
    *rows, total = table("what")
    costs = []
    for _, quantity, price, cost in rows:
        assert f"{float(quantity.replace(',', '')) * float(price):.3f}" == cost
        costs.append(float(quantity.replace(",", "")) * float(price))
    assert total[-1] == f"**{sum(costs):.3f}**"


def test_should_compute_the_cost_of_the_quotas_right() -> None:
    template = next(stack.template for stack in synthesize({})[0].stacks if stack.id == "Quotas")
    alarms = resources(dict(template), "AWS::CloudWatch::Alarm").values()
    metrics = sum(sum("MetricStat" in query for query in alarm.get("Metrics", [])) or 1 for alarm in alarms)
    composites = len(resources(dict(template), "AWS::CloudWatch::CompositeAlarm"))
    text = " ".join(README.split())
    assert f"${metrics / 10:.2f} for the {metrics} metrics of its alarms at $0.10" in text
    assert f"${composites / 2:.2f} for three composite alarms" in text
    assert f"A month of the stack `Quotas` costs ${metrics / 10 + composites / 2 + 3 + 1:.2f}: " in text


def test_should_name_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)", "".join(BLOCKS["sh"]) + " ".join(re.findall(r"`[^`\n]+`", README))))
    assert named <= targets
    assert {"demo", "test", "deploy", "destroy"} <= named


def test_should_link_only_to_files_that_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_should_show_a_library_block_that_synthesizes(monkeypatch: pytest.MonkeyPatch) -> None:
    block = next(block for block in BLOCKS["python"] if "app.synth()" in block)
    # Without CDK's template validation, which takes a second.
    monkeypatch.setattr(aws_cdk, "App", make_app)
    names: dict[str, Any] = {}
    exec(block, names)
    assert (Path(names["app"].synth().directory) / "Weather.template.json").exists()


@pytest.mark.local
def test_should_show_a_local_cloud_block_that_runs(tmp_path: Path) -> None:
    block = next(block for block in BLOCKS["python"] if "LocalCloud" in block)
    environment = {
        "CDK_OUTDIR": str(tmp_path / "cdk.out"),
        "CDK_VALIDATION": "false",
        "PATH": _path(),
        "PYTHONPATH": str(ROOT),
    }
    subprocess.run([sys.executable, "-c", TINY_APP], cwd=tmp_path, env=environment, check=True)
    subprocess.run([sys.executable, "-c", block], cwd=tmp_path, env=environment, check=True)


def test_should_show_a_test_of_the_documents_that_runs() -> None:
    block = next(block for block in BLOCKS["python"] if "local_app" in block)
    assert block in (ROOT / "docs/testing.md").read_text()  # which a test of the plugin runs as it is


def test_should_show_bedrock_replies_that_can_be_read(tmp_path: Path) -> None:
    for document in (ROOT / "docs/local-cloud.md", ROOT / "constructs_lib/local/bedrock_replies.py"):
        [block] = re.findall(r"```json\n(.*?)```", document.read_text(), re.DOTALL)
        file = tmp_path / "replies.json"
        file.write_text(block)
        found = Replies.read(file).answer("anthropic.claude-3", "I want a REFUND")
        assert found is not None
        assert json.loads(found.text or "") == {"verdict": "real", "confidence": 0.9}


def _path() -> str:
    """This Python's Node and the checkout's CDK CLI first, as `make` has it."""
    return os.pathsep.join([str(Path(sys.executable).parent), str(ROOT / "node_modules/.bin"), os.environ["PATH"]])
