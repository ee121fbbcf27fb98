"""GitHub's workflows: what they run exists, what they use is pinned, and no job may do more than it needs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".github/workflows"
TEXTS = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.yml"))}
WORKFLOWS: dict[str, Any] = {name: yaml.load(text, yaml.BaseLoader) for name, text in TEXTS.items()}
JOBS = {(name, job): body for name, workflow in WORKFLOWS.items() for job, body in workflow["jobs"].items()}

TARGETS = re.findall(r"^([a-z-]+):.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
# What a job may write, and why: the default is to read the repository.
WRITES = {
    ("release", "attest"): {"id-token": "write", "attestations": "write"},
    ("release", "publish"): {"id-token": "write"},
    ("release", "github-release"): {"contents": "write"},
}


def not_pinned(text: str) -> list[str]:
    """Each action that isn't named by a commit, with its version beside it."""
    used = re.findall(r"^\s*(?:- )?uses: (.+)$", text, re.MULTILINE)
    pinned = re.compile(r"[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./\.github/workflows/[\w-]+\.yml")
    return [action for action in used if not pinned.fullmatch(action)]


def commands() -> Iterator[list[str]]:
    """The words of each command that a job runs; what its environment holds is put in."""
    for body in JOBS.values():
        for step in body.get("steps", []):
            for line in step.get("run", "").splitlines():
                matrix = body.get("strategy", {}).get("matrix", {})
                entries = [*matrix.get("targets", []), *(each["targets"] for each in matrix.get("include", []))]
                for targets in entries or [""]:
                    yield shlex.split(line.replace("$TARGETS", targets))


def test_should_find_what_is_not_pinned() -> None:
    sha = "0" * 40
    assert not_pinned(f"  - uses: a/b@{sha} # v1.2.3\n  - uses: a/b/c@{sha} # v1.2.3\n") == []
    for action in ("a/b@v1", f"a/b@{sha}", f"a/b@{sha} # v1", f"a/b@{sha[1:]} # v1.2.3", "docker://a:1"):
        assert not_pinned(f"      - uses: {action}\n") == [action]


@pytest.mark.parametrize("name", TEXTS)
def test_should_pin_every_action(name: str) -> None:
    assert "uses: " in TEXTS[name]
    assert not_pinned(TEXTS[name]) == []


def test_should_use_one_commit_of_an_action() -> None:
    used = {tuple(use.split("@")) for text in TEXTS.values() for use in re.findall(r"uses: ([^.].*)", text)}
    assert len(used) == len({action for action, _ in used})


def test_should_need_no_secret() -> None:
    for text in TEXTS.values():
        assert not re.search(
            r"secrets\.|secrets\[|secrets: inherit|password|api[_-]token|pull_request_target", text, re.IGNORECASE
        )


@pytest.mark.parametrize(("name", "job"), JOBS)
def test_should_permit_no_more_than_is_needed(name: str, job: str) -> None:
    permissions = JOBS[name, job].get("permissions", WORKFLOWS[name]["permissions"])
    assert permissions == WRITES.get((name, job), {"contents": "read"})


def test_should_run_commands_that_exist() -> None:
    found: dict[str, set[str]] = {}
    for program, *words in commands():
        found[program] = {*found.get(program, ()), *words}
    assert set(found) == {"make", ".ci/run", "gh"}
    assert found["make"] | found[".ci/run"] <= set(TARGETS)
    assert (ROOT / ".ci/run").stat().st_mode & 0o100
    # Locked, lowest and newest; and what is vulnerable.
    assert found[".ci/run"] == {"check", "test", "test-lowest", "test-newest"}
    assert "audit" in found["make"]


def test_should_publish_what_was_built_once_and_tested() -> None:
    jobs = WORKFLOWS["release"]["jobs"]
    steps = {
        job: [step.get("run", step.get("uses", "")) for step in body.get("steps", [])] for job, body in jobs.items()
    }
    assert [job for job, does in steps.items() if "make dist" in does] == ["build"]
    for job in ("test", "attest", "publish", "github-release"):
        assert any(does.startswith("actions/download-artifact@") for does in steps[job])
    assert "make test-wheel" in steps["test"]
    needs = {job: body.get("needs", []) for job, body in jobs.items()}
    assert needs == {
        "ci": [],
        "build": [],
        "test": "build",
        "attest": ["ci", "test"],
        "publish": "attest",
        "github-release": "publish",
    }
    assert jobs["publish"]["environment"]["name"] == "pypi"
    # What can publish runs nothing of ours, and nothing that a dependency could change.
    assert not any(does.startswith(("make", "actions/checkout@")) for does in steps["publish"])


def test_should_be_described_as_it_is() -> None:
    page = (ROOT / "docs/releasing.md").read_text()
    assert re.findall(r"^\| `([\w-]+)` \| ", page, re.MULTILINE) == [*WORKFLOWS["release"]["jobs"]]
    (together,) = re.findall(r"^ +\$ TAG=vX\.Y\.Z make (.+)$", page, re.MULTILINE)
    assert {*together.split(), *re.findall(r"`make ([a-z-]+)`", page)} <= set(TARGETS)


def test_should_have_nothing_that_zizmor_finds() -> None:
    command = [
        str(Path(sys.executable).parent / "zizmor"),
        "--offline",
        "--no-progress",
        "--min-severity=medium",
        ".github",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_should_keep_the_pins_up_to_date() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"github-actions", "uv", "npm"}
    assert all(update["directory"] == "/" for update in updates)
