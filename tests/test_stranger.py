"""A stranger's repository: the wheel installed as the guides say, and their files and commands as they stand in them.

Nothing is downloaded: what the wheel declares is linked from this environment, npm's packages from the checkout.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cdk import process_environment
from tests.markdown import ROOT, Block, blocks_of
from tests.test_workflows import not_pinned
from tests.wheel import build_wheel, install

pytestmark = pytest.mark.local

MAP_GUIDE = list(blocks_of(ROOT / "docs/guide-distributed-map.md"))
CI_GUIDE = list(blocks_of(ROOT / "docs/guide-ci.md"))


class Repository:
    """A folder outside the checkout, with an environment of its own."""

    def __init__(self, folder: Path, site_packages: Path) -> None:
        self.folder = folder
        self._environment = process_environment(folder) | {
            "PATH": os.pathsep.join([str(site_packages.parents[2] / "bin"), os.environ["PATH"]]),
            "XDG_STATE_HOME": str(folder / "state"),
        }
        del self._environment["CDK_OUTDIR"]
        (folder / "node_modules").symlink_to(ROOT / "node_modules")

    def write(self, blocks: list[Block]) -> None:
        """Write those that say which file they are."""
        for block in blocks:
            if block.file_name is not None:
                file = self.folder / block.file_name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.text)

    def run(self, commands: str) -> str:
        """Run them as one script; return what they printed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def site_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with what the guides install, and an `npx` that has no need of npm."""
    (file,) = (block for block in CI_GUIDE if block.file_name == "requirements.txt")
    requirements = [line for line in file.text.splitlines() if not line.startswith("#")]
    site = install(build_wheel(tmp_path_factory), tmp_path_factory.mktemp("environment"), requirements)
    npx = site.parents[2] / "bin" / "npx"
    npx.write_text('#!/bin/sh\nprogram=$1\nshift\nexec "node_modules/.bin/$program" "$@"\n')
    npx.chmod(0o755)
    return site


@pytest.fixture
def repository(tmp_path: Path, site_packages: Path) -> Repository:
    repository = Repository(tmp_path, site_packages)
    where = repository.run("python -c 'import constructs_lib; print(constructs_lib.__file__)'")
    assert Path(where.strip()).is_relative_to(site_packages)
    return repository


def commands(blocks: list[Block]) -> list[str]:
    """The commands but those that install: what is installed is seen to here."""
    return [block.text for block in blocks if block.language == "sh" and "pip install " not in block.text]


def test_should_run_a_map_of_thirty_lines(repository: Repository) -> None:
    repository.write(MAP_GUIDE)
    code = [line for line in (repository.folder / "app.py").read_text().splitlines() if line and line[0] != "#"]
    assert len(code) == 30
    (printed,) = (block.text for block in MAP_GUIDE if block.language == "text")
    # Whatever fails, the cloud that `up` left running ends.
    script = ["trap 'python -m constructs_lib.local down' ERR", *commands(MAP_GUIDE)]
    assert f"\n{printed}Stopped the local cloud at " in repository.run("\n".join(script))


def test_should_test_an_app_in_its_own_repository(repository: Repository) -> None:
    repository.write(CI_GUIDE)
    tools, cdk = (block.text for block in CI_GUIDE if block.language == "json")
    (repository.folder / "cdk.json").write_text(cdk)
    first, then = commands(CI_GUIDE)
    assert "1 snapshot generated" in repository.run(first)
    # Other code of the function is no change of the template.
    with (repository.folder / "count/count.py").open("a") as file:
        file.write("# as before\n")
    shown = repository.run(then)
    assert "5 passed" in shown
    assert "skipped" not in shown

    pinned = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    assert json.loads(tools)["devDependencies"].items() <= pinned.items()
    workflow = (repository.folder / ".github/workflows/ci.yml").read_text()
    assert not_pinned(workflow) == []
    steps = [line.partition("- run: ")[2] for line in workflow.splitlines() if "- run: " in line]
    assert steps == ["pip install -r requirements.txt", "npm ci", *then.splitlines()]
