"""A project outside the checkout does as `docs/testing.md` says, and leaves nothing of its cloud, however it ends."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.constructs_lib.local.conftest import write_assembly

if TYPE_CHECKING:
    from tests.constructs_lib.testing.conftest import Project

pytestmark = pytest.mark.local

DOCS = Path(__file__).parents[3] / "docs" / "testing.md"
BLOCKS = re.findall(r"```(?:python|toml)\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)

FAILS = """
def test_wrong(local_app):
    local_app.fail_task("Count lines", error="Lambda.Unknown")
    assert local_app.run().succeeded
"""
WRITES_DOWN_ITS_CLOUD = """
import json, os, pathlib, time

def test_it(local_app):
    pathlib.Path("cloud.json").write_text(json.dumps([local_app.cloud.pid, str(local_app.cloud.folder)]))
    while "HANG" in os.environ:
        time.sleep(0.1)
    assert local_app.resource("Topic") == local_app.outputs["Arn"]
    bedrock, asked = local_app.cloud.client("bedrock-runtime"), [{"role": "user", "content": [{"text": "Well?"}]}]
    answer = bedrock.converse(modelId="amazon.nova-lite-v1:0", messages=asked)
    assert answer["output"]["message"]["content"] == [{"text": "I can't tell."}]
"""


@pytest.fixture
def bare(project: Project, cdk_cli: Path) -> Project:
    """A project with a topic in a `cdk.out`."""
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"Arn": {"Value": {"Ref": "Topic"}}}}
    write_assembly(project.folder / "cdk.out", {"Bare": ("unknown-account/unknown-region", template)})
    project.write(
        test_it__py=WRITES_DOWN_ITS_CLOUD,
        replies__json=json.dumps({"replies": [{"reply": "I can't tell."}]}),
        pytest__ini=f"[pytest]\nlocal_cloud_app = cdk.out\nlocal_cloud_cdk = {cdk_cli}\n"
        "local_cloud_bedrock_replies = replies.json\n",
    )
    return project


def assert_gone(project: Project) -> None:
    pid, folder = json.loads(project.folder.joinpath("cloud.json").read_text())
    assert not psutil.pid_exists(pid)
    assert not Path(folder).exists()


def test_should_do_as_documented(project: Project, cdk_cli: Path) -> None:
    for block in BLOCKS:
        name = re.match(r"# (\w+\.py)\n", block)
        project.folder.joinpath(name[1] if name else "pyproject.toml").write_text(block)
    assert {file.name for file in project.folder.iterdir()} == {"app.py", "test_counting.py", "pyproject.toml"}
    project.write(test_wrong__py=FAILS)
    done = project.pytest(f"--local-cloud-cdk={cdk_cli}")
    assert "1 failed, 4 passed" in done.stdout, done.stdout
    shown = done.stdout.partition("executions on the local cloud")[2]
    for told in ("  Count lines → Give up\n", "  error  Counting.Failed\n", "    error  Lambda.Unknown\n"):
        assert told in shown, shown


def test_should_leave_nothing(bare: Project) -> None:
    done = bare.pytest()
    assert done.returncode == 0, done.stdout
    assert_gone(bare)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_should_leave_nothing_however_it_ends(bare: Project, number: signal.Signals) -> None:
    process = subprocess.Popen(
        bare.command(), cwd=bare.folder, env=bare.environment() | {"HANG": "1"}, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not bare.folder.joinpath("cloud.json").exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(number)
    process.communicate(timeout=30)
    deadline = time.monotonic() + 15
    pid, folder = json.loads(bare.folder.joinpath("cloud.json").read_text())
    while (psutil.pid_exists(pid) or Path(folder).exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert_gone(bare)


def test_should_show_what_the_cdk_cli_said(bare: Project) -> None:
    shutil.rmtree(bare.folder / "cdk.out")
    template = {"Resources": {"Wrong": {"Type": "AWS::Nothing::AtAll"}}}
    write_assembly(bare.folder / "cdk.out", {"Bare": ("unknown-account/unknown-region", template)})
    done = bare.pytest()
    assert "`cdk deploy` ended with exit code 1." in done.stdout
    assert "AWS::Nothing::AtAll" in done.stdout
    assert "Traceback" not in done.stdout
