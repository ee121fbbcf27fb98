"""A project outside the checkout, and pytest run in it as its user would."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.cdk import process_environment

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Project:
    """A folder with a project's files."""

    folder: Path

    def write(self, **files: str) -> None:
        """Write files by their name with `__` for the dot of its ending."""
        for name, text in files.items():
            self.folder.joinpath(name.replace("__", ".")).write_text(text)

    def environment(self) -> dict[str, str]:
        return process_environment(self.folder / "unused") | {"PYTHONDONTWRITEBYTECODE": "1"}

    def command(self, *arguments: str) -> list[str]:
        # Without the plugins that only the checkout's own tests need, which slow the start.
        without = [word for name in ("cacheprovider", "cov", "hypothesispytest") for word in ("-p", f"no:{name}")]
        return [sys.executable, "-m", "pytest", *without, "-q", *arguments]

    def pytest(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run pytest there."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment() | environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    assert os.fspath(tmp_path) not in sys.path
    return Project(tmp_path)
