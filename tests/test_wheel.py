"""The wheel in an empty environment: only what it declares is there, and the constructs work."""

from __future__ import annotations

import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.cdk import process_environment
from tests.wheel import build_wheel, install

pytestmark = pytest.mark.local

ROOT = Path(__file__).resolve().parents[1]

APP = """
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_stepfunctions as sfn
from constructs_lib import ChildFailure, ChildWorkflow, GsodSource, NestedWorkflow, TargetRole, WindSpeedWorkflow
from constructs_lib import WorkflowIdentity, WorkflowRole
from constructs_lib import AlarmTopic, LoadDriver, LoadProfile, OpenMapRunLoad, QuotaAlarms, QuotaDashboard

PARENT = WorkflowIdentity(account="111111111111", state_machine_name="parent")

app = App()
stack = Stack(app, "Mine")
WindSpeedWorkflow(stack, "WindSpeed", source=GsodSource.noaa())

source = Stack(app, "Source")
child = ChildWorkflow.in_account(account="222222222222", state_machine_name="child")
call = NestedWorkflow(source, "Call", child=child)
call.add_catch(ChildFailure(source, "Failed"))
role = WorkflowRole(source, "Role", identity=PARENT)
body = sfn.DefinitionBody.from_chainable(call)
sfn.StateMachine(source, "Parent", state_machine_name="parent", role=role, definition_body=body)

target = Stack(app, "Target")
body = sfn.DefinitionBody.from_chainable(sfn.Pass.jsonata(target, "Nothing"))
machine = sfn.StateMachine(target, "Child", state_machine_name="child", definition_body=body)
TargetRole(target, "TargetRole", child=machine, callers=[PARENT])

quotas = Stack(app, "Quotas")
alarms = QuotaAlarms(quotas, "Alarms", topic=AlarmTopic(quotas, "AlarmTopic").topic)
QuotaDashboard(quotas, "Dashboard", alarms=alarms)
load = OpenMapRunLoad(quotas, "Load", hold=Duration.minutes(5))
LoadDriver(quotas, "Driver", target=load, profile=LoadProfile.evenly(starts=10, seconds=10))

app.synth()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory)


@pytest.fixture(scope="module")
def site_packages(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(wheel, tmp_path_factory.mktemp("empty"))


def test_should_carry_the_handlers_and_nothing_that_is_not_for_users(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "constructs_lib/_lambdas/wind_speed/analyze.py" in names
    assert "constructs_lib/cross_account.py" in names
    assert "constructs_lib/py.typed" in names
    drawing = {name for name in names if name.startswith("constructs_lib/local/page_assets/")}
    assert {name.rpartition("/")[2] for name in drawing} == {
        "graph.html", "graph.css", "graph.js", "viz-global.js", "LICENSE",
    }  # fmt: skip
    picture = {name for name in names if name.startswith("constructs_lib/forecast/page_assets/")}
    assert {name.rpartition("/")[2] for name in picture} == {
        "page.html", "page.css", "page.js", "uPlot.iife.min.js", "uPlot.min.css", "LICENSE",
    }  # fmt: skip
    for library in ("local/page_assets/viz", "forecast/page_assets/uplot"):
        assert [name for name in names if name.endswith(f".dist-info/licenses/constructs_lib/{library}/LICENSE")]
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"constructs_lib"}
    assert not [name for name in names if re.search(r"\.pyc$|__pycache__|(^|/)tests/", name)]
    checkout = {
        path.relative_to(ROOT / "lambdas").as_posix()
        for path in (ROOT / "lambdas" / "wind_speed").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    prefix = "constructs_lib/_lambdas/"
    assert {name.removeprefix(prefix) for name in names if name.startswith(prefix)} == checkout


def test_should_synthesize_a_small_app_from_another_folder(site_packages: Path, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    python = site_packages.parents[2] / "bin" / "python"
    ours = process_environment(tmp_path / "cdk.out")
    kept = ("PATH", "HOME", "JSII_NODE", "TMPDIR", "CDK_OUTDIR", "CDK_VALIDATION")
    environment = {key: ours[key] for key in kept if key in ours}
    command = [str(python), "app.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "cdk.out"
    assert (out / "Mine.template.json").exists()
    assert "AWS::CloudWatch::Dashboard" in (out / "Quotas.template.json").read_text()
    assumed = "role/child-target-"
    assert assumed in (out / "Source.template.json").read_text()
    assert f'"{assumed.removeprefix("role/")}' in (out / "Target.template.json").read_text()
    assert list(out.glob("asset.*/wind_speed/analyze.py"))
    assert not (tmp_path / "constructs_lib").exists()
    looked = subprocess.run([str(python), "-c", "import boto3"], env=environment, capture_output=True, check=False)
    assert looked.returncode != 0  # the environment is as empty as a user's
