"""The wheel, built once a session, and environments that have it and what it declares, without a download."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import PathDistribution, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pytest

ROOT = Path(__file__).resolve().parents[1]
NAME = "step-functions-at-scale"


def build_wheel(factory: pytest.TempPathFactory) -> Path:
    """The checkout's wheel, or the one that the environment's WHEEL names: a release tests what it publishes."""
    if given := os.environ.get("WHEEL"):
        return ROOT / given
    folder = factory.getbasetemp() / "dist"
    if not folder.exists():
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (built,) = folder.glob("*.whl")
    return built


def install(wheel: Path, folder: Path, requirements: Iterable[str] = (NAME,)) -> Path:
    """Make an environment in `folder` with what the requirements ask for and no more; return its site-packages.

    The package itself is unpacked from the wheel, the others are links to this environment's.
    """
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (info,) = site.glob("*.dist-info")
    names = _needed(PathDistribution(info), requirements)
    for path in sorted({path for name in names for path in _top_level(name)}):
        (site / path.name).symlink_to(path)
    return site


def _needed(ours: PathDistribution, requirements: Iterable[str]) -> set[str]:
    """The names of all distributions that the requirements lead to, but ours."""
    to_do = [(requirement, "") for requirement in requirements]
    seen: set[tuple[str, str]] = set()
    while to_do:
        text, extra = to_do.pop()
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        for chosen in {"", *requirement.extras}:
            if (requirement.name, chosen) not in seen:
                seen.add((requirement.name, chosen))
                found = ours if requirement.name == NAME else distribution(requirement.name)
                to_do += [(each, chosen) for each in found.requires or []]
    return {name for name, _ in seen} - {NAME}


def _top_level(name: str) -> Iterator[Path]:
    """The files and folders that the distribution `name` has in site-packages."""
    found = distribution(name)
    for entry in {file.parts[0] for file in found.files or [] if file.parts[0] != ".."}:
        yield Path(str(found.locate_file(entry)))
