"""Every command of the pages is one that its program understands: a shell reads the blocks, nothing is carried out.

The runbooks' commands aren't here: tests of their own run those.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import app
from stacks.settings import Settings
from tests.cdk import make_app
from tests.markdown import PAGES, ROOT, Block, blocks_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def typed(block: Block) -> str:
    """The commands of a block; a console's have a prompt, and what they print below them."""
    if block.language == "console":
        return "\n".join(re.findall(r"^\$ ((?:.*\\\n)*.*)$", block.text, re.MULTILINE))
    return block.text if block.language == "sh" else ""


RUN_ELSEWHERE = {"docs/runbook-failed-run.md", "docs/runbook-parent-still-runs.md"}
SCRIPTS = {
    page: "\n".join(typed(block) for block in blocks_of(ROOT / page))
    for page in (path.relative_to(ROOT).as_posix() for path in PAGES)
    if page not in RUN_ELSEWHERE
}
WITH_COMMANDS = sorted(page for page, script in SCRIPTS.items() if script.strip())

PROGRAMS = ("aws", "cdk", "gh", "git", "make", "npm", "npx", "pip", "python", "python3", "uv", ".venv/bin/python")
# Writes down how it was called: each word ends in a NUL, each command in a record separator.
RECORDER = """#!/bin/sh
for word in "${0##*/}" "$@"; do printf '%s\\0' "$word"; done >> "$RECORD"
printf '\\036' >> "$RECORD"
"""

FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
# The code in running text.
INLINE = {
    " ".join(span.split()) for page in PAGES for span in re.findall(r"`([^`]+)`", FENCED.sub("", page.read_text()))
}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

PARSERS = {
    "constructs_lib.local": "constructs_lib.local.__main__",
    "constructs_lib.testing": "constructs_lib.testing.__main__",
    "constructs_lib.forecast": "constructs_lib.forecast.command_line",
    "constructs_lib.forecast.dashboard": "constructs_lib.forecast.dashboard",
    "demo": "demo.wind_speed.command",
    "demo reviews": "demo.reviews.command",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NPM = json.loads((ROOT / "package.json").read_text())["devDependencies"]


def recorded(script: str, folder: Path) -> list[list[str]]:
    """The commands that a shell finds in the script."""
    for program in PROGRAMS:
        file = folder / program
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(RECORDER)
        file.chmod(0o755)
    folder.joinpath(".venv/bin/activate").touch()
    # What the reader has to fill in, such as <StateMachineArn>.
    script = re.sub(r"<\w[^<>\n]*>", "placeholder", script)
    record = folder / "record"
    environment = {"PATH": os.pathsep.join([str(folder), os.environ["PATH"]]), "RECORD": str(record)}
    subprocess.run(["bash", "-euc", script], cwd=folder, env=environment, check=True)
    return [command.split("\0")[:-1] for command in record.read_text().split("\036")[:-1]]


def check_parsed(module: str, arguments: list[str]) -> None:
    if arguments != ["--help"]:
        import_module(PARSERS[module])._parser().parse_args(arguments)


def check_python(arguments: list[str], page: str) -> None:
    if arguments[0] == "-m":
        module, *rest = arguments[1:]
        if module == "pytest":
            assert rest in ([], ["--snapshot-update", "-k", "template"])
        else:
            check_parsed(module, rest)
    elif arguments[0] == "-c":
        compile(arguments[1], page, "exec")
    else:
        assert arguments[0] in {block.file_name for block in blocks_of(ROOT / page)}


def check_make(arguments: list[str], page: str) -> None:
    variables = dict(word.split("=", 1) for word in arguments if "=" in word)
    targets = [word for word in arguments if "=" not in word]
    assert targets
    assert set(targets) <= TARGETS
    target = targets[0]
    words = shlex.split(variables.pop("ARGS", ""))
    if target == "demo":
        check_parsed(*(("demo reviews", words[1:]) if words[:1] == ["reviews"] else ("demo", words)))
    elif words:
        assert target in {"bootstrap", "deploy", "destroy", "synth"}
        assert words[::2] == ["-c"] * (len(words) // 2)
        Settings.from_context(dict(word.split("=", 1) for word in words[1::2]))
    if variables:
        assert target in {"deploy", "destroy"}
        assert set(variables) == {"STACKS"}
        assert variables["STACKS"] in stack_ids()


@cache
def stack_ids() -> set[str]:
    accounts = {"source": "111111111111", "target": "222222222222"}
    return {stack.node.id for stack in app.build(make_app({"accounts": accounts, "load_test": {"account": "1" * 12}}))}


def check_options(arguments: list[str], *help_command: str | Path) -> None:
    """By what the program's own help lists."""
    told = subprocess.run(help_command, capture_output=True, text=True, check=False)
    options = {word.partition("=")[0] for word in arguments if word.startswith("--")}
    assert options <= set(re.findall(r"--[a-z-]+", told.stdout.replace("[no-]", ""))), help_command


def check_pip(arguments: list[str], page: str) -> None:
    command, *words = arguments
    if words[:1] == ["-r"]:
        assert words[1] in {block.file_name for block in blocks_of(ROOT / page)}
        return
    check_options(words, ROOT / ".uv/bin/python", "-m", "pip", "help", command)
    (package,) = (word for word in words if not word.startswith("--"))
    if "--requirement" in words:
        return
    found = re.fullmatch(rf"(?:path/to/this/checkout|{PROJECT['name']})(?:\[(\w+)\]|==X\.Y\.Z)?", package)
    assert found
    assert found[1] is None or found[1] in PROJECT["optional-dependencies"]


def check_system_python(arguments: list[str], _page: str) -> None:
    assert arguments == ["-m", "venv", ".venv"]


def check_uv(arguments: list[str], _page: str) -> None:
    check_options(arguments, ROOT / ".uv/bin/uv", *arguments[:2], "--help")


def check_git(arguments: list[str], _page: str) -> None:
    check_options(arguments, "git", arguments[0], "-h")


def check_gh(arguments: list[str], _page: str) -> None:
    """As its manual has it: https://cli.github.com/manual/gh_attestation_verify."""
    assert arguments[:2] == ["attestation", "verify"]
    options = {word for word in arguments if word.startswith("--")}
    assert options <= {"--predicate-type", "--repo", "--signer-workflow", "--source-ref"}


def check_npm(arguments: list[str], _page: str) -> None:
    assert arguments[0] == "install"
    if arguments == ["install"]:  # what package.json names
        return
    (package,) = (word for word in arguments[1:] if word != "--save-dev")
    name, _, version = package.rpartition("@")
    assert f"{NPM[name]}.".startswith(f"{version}.")


def check_cdk(arguments: list[str], page: str) -> None:
    words = arguments[1:] if arguments[0] == "cdk" else arguments
    assert words[0] == "synth"
    options = " ".join(words[1:])
    assert options in {"", "--quiet", "--quiet --app python app.py"}
    if "app.py" in options:
        assert "app.py" in {block.file_name for block in blocks_of(ROOT / page)}


def check_aws(arguments: list[str], _page: str) -> None:
    """By botocore's model of the operation; `aws s3 cp` is the CLI's own, and has none."""
    if arguments[:2] == ["s3", "cp"]:
        assert {word for word in arguments if word.startswith("-")} <= {"--recursive", "--exclude"}
        return
    cli = ROOT / "tests/constructs_lib/local/aws_cli.py"
    environment = os.environ | {"CHECK_ONLY": "1", "AWS_CONFIG_FILE": os.devnull}
    command = [sys.executable, str(cli), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "checked\n", done.stderr


CHECKS: dict[str, Callable[[list[str], str], None]] = {
    "aws": check_aws,
    "cdk": check_cdk,
    "gh": check_gh,
    "git": check_git,
    "make": check_make,
    "npm": check_npm,
    "npx": check_cdk,
    "pip": check_pip,
    "python": check_python,
    "python3": check_system_python,
    "uv": check_uv,
}


@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_should_show_commands_that_are_understood(page: str, tmp_path: Path) -> None:
    found = recorded(SCRIPTS[page], tmp_path)
    assert found
    for program, *arguments in found:
        CHECKS[program](arguments, page)


def test_should_name_only_targets_that_exist() -> None:
    spans = (re.match(r"make((?: [a-z-]+\b)+)", span) for span in INLINE)
    named = {word for span in spans if span is not None for word in span[1].split()}
    assert {"deploy", "faults", "unit"} <= named
    assert named <= TARGETS


@pytest.mark.parametrize("span", sorted(span for span in INLINE if span.startswith("aws ")))
def test_should_name_only_operations_that_aws_has(span: str) -> None:
    check_aws(re.sub(r"<\w+>", "1", span).split()[1:], "")
