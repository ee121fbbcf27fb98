"""The documentation of alarm scenarios: its app synthesized, its commands run, their output compared."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from constructs_lib.testing import Readings
from constructs_lib.testing.__main__ import main
from tests.cdk import process_environment

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "alarm-scenarios.md").read_text("utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"```(\w*)\n(.*?)```", TEXT, re.DOTALL)
OUTPUTS = [block for language, block in BLOCKS if language == ""]


def block(language: str, begin: str = "") -> str:
    (found,) = (text for kind, text in BLOCKS if kind == language and text.startswith(begin))
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("orders")
    folder.joinpath("app.py").write_text(block("python", "# app.py"), "utf-8")
    folder.joinpath("scenarios.yaml").write_text(block("yaml"), "utf-8")
    # As the CDK CLI has it.
    environment = process_environment(folder / "cdk.out") | {
        "CDK_CONTEXT_JSON": '{"aws:cdk:enable-path-metadata": true}'
    }
    subprocess.run([sys.executable, "app.py"], cwd=folder, env=environment, check=True)
    return folder


@pytest.fixture
def run(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    """Run the documented command there: its exit code and output."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.chdir(project)
        code = main(["alarms", "cdk.out", *arguments])
        captured = capsys.readouterr()
        assert captured.err == ""
        return code, captured.out

    return run


def test_should_list_the_alarms_as_documented(run: Callable[..., tuple[int, str]]) -> None:
    assert "python -m constructs_lib.testing alarms cdk.out\n" in TEXT
    assert run() == (0, OUTPUTS[0])


def test_should_pass_as_documented(run: Callable[..., tuple[int, str]]) -> None:
    assert "python -m constructs_lib.testing alarms cdk.out scenarios.yaml\n" in TEXT
    assert run("scenarios.yaml") == (0, OUTPUTS[1])


def test_should_draw_the_failure_that_is_documented(project: Path, run: Callable[..., tuple[int, str]]) -> None:
    wrong = block("yaml").replace("states: {0: OK, 11: ALARM, 17: OK}", "states: {0: OK, 12: ALARM}", 1)
    project.joinpath("wrong.yaml").write_text(wrong, "utf-8")
    code, out = run("wrong.yaml")
    assert code == 1
    assert f"\n{OUTPUTS[2]}" in out


def test_should_pass_the_documented_tests(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    names: dict[str, object] = {}
    exec(block("python", "from constructs_lib.testing"), names)
    tests = [test for name, test in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        assert callable(test)
        test()


def test_should_document_each_reading_and_its_default(run: Callable[..., tuple[int, str]]) -> None:
    for field in dataclasses.fields(Readings):
        default = str(field.default).lower()
        assert f"| `{field.name}` | {default} |" in TEXT
        assert run("scenarios.yaml", "--reading", f"{field.name}={default}") == (0, OUTPUTS[1])
    assert run("scenarios.yaml", "--reading", "missing_is_zero=false", "--reading", "extra_points=5")[0] == 0
