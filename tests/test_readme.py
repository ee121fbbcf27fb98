"""The README says what the code does: its tables are recomputed, its blocks run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk
import pytest

import app
from constructs_lib.assembly import Assembly
from constructs_lib.local.bedrock_replies import Replies
from stacks.settings import Settings
from tests.cdk import make_app, resources
from tests.constructs_lib.test_wind_speed_input import Checks
from tests.markdown import blocks_of
from tests.stacks.quotas_app import synthesize

if TYPE_CHECKING:
    from constructs_lib.local import LocalCloud

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
SHOWN = list(blocks_of(ROOT / "README.md"))
BLOCKS = {
    language: [block.text for block in SHOWN if block.language == language] for language in ("python", "sh", "json")
}

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


@pytest.fixture(scope="module")
def wind_speed() -> dict[str, Any]:
    """The definition of the machine that the app deploys."""
    root = make_app()
    app.build(root)
    (stack,) = (stack for stack in Assembly.read(root.synth().directory).stacks if stack.id == "WindSpeed")
    (machine,) = stack.state_machines(account="111111111111", region="us-east-1")
    return dict(machine.definition)


def test_should_draw_the_state_machine_as_it_is(wind_speed: dict[str, Any]) -> None:
    states = wind_speed["States"]
    (drawn,) = (block.text for block in SHOWN if (block.heading, block.language) == ("What it does", ""))
    first = drawn.split("\n")[0]
    checks = {name for name, state in states.items() if state["Type"] == "Choice"} - {wind_speed["StartAt"]}
    fails = {name for name, state in states.items() if state["Type"] == "Fail"}
    assert re.split(r" [─═]+► ", first) == [name for name in states if name not in checks | fails]
    assert set(re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", drawn)) == fails


def test_should_show_an_input_that_is_taken(wind_speed: dict[str, Any]) -> None:
    (example,) = BLOCKS["json"]
    assert Checks(wind_speed)(json.loads(example)).state == "Prepare"


@pytest.mark.local
def test_should_empty_and_delete_the_bucket_that_is_kept(cloud: LocalCloud, tmp_path: Path) -> None:
    (command,) = (block for block in BLOCKS["sh"] if "object_versions" in block)
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="kept-by-the-stack")
    s3.put_bucket_versioning(Bucket="kept-by-the-stack", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"first", b"second"):
        s3.put_object(Bucket="kept-by-the-stack", Key="runs/first/stations.csv", Body=body)
    s3.delete_object(Bucket="kept-by-the-stack", Key="runs/first/stations.csv")
    script = command.replace("<ResultsBucketName>", "kept-by-the-stack").replace(".venv/bin/python", sys.executable)
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, env=cloud.endpoint.environment(tmp_path), check=True)
    assert "kept-by-the-stack" not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}


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
