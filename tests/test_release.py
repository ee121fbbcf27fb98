"""What `make dist` checks of a release: tag, version, changelog and what was built."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from tools.release import NAME, main

ROOT = Path(__file__).resolve().parents[1]
CHANGELOG = "# Changelog\n\n## 1.2.3 - 2026-11-21\n\n### Added\n\n- A map.\n\n## 1.2.2 - 2026-11-01\n\n- Before.\n"


def build(folder: Path, *, names: tuple[str, ...], version: str = "1.2.3", sdist_version: str = "1.2.3") -> None:
    """A wheel with these files and an sdist, of the version in their metadata."""
    (folder / "dist").mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"dist/{NAME}-1.2.3-py3-none-any.whl", "w") as wheel:
        for name in names:
            wheel.writestr(name, "")
        wheel.writestr(f"{NAME}-1.2.3.dist-info/METADATA", f"Name: {NAME}\nVersion: {version}\n")
    with tarfile.open(folder / f"dist/{NAME}-1.2.3.tar.gz", "w:gz") as sdist:
        metadata = f"Name: {NAME}\nVersion: {sdist_version}\n".encode()
        info = tarfile.TarInfo(f"{NAME}-1.2.3/PKG-INFO")
        info.size = len(metadata)
        sdist.addfile(info, io.BytesIO(metadata))


FILES = ("constructs_lib/__init__.py", "constructs_lib/_lambdas/analyze.py")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository at the release 1.2.3, with what was built of it."""
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    for file in ("constructs_lib/__init__.py", "lambdas/analyze.py", "app.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    for command in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    build(tmp_path, names=FILES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_should_write_the_notes_of_a_release_that_agrees(checkout: Path) -> None:
    assert main(["v1.2.3"]) == 0
    assert (checkout / "build/release/notes.md").read_text() == "### Added\n\n- A map.\n"


@pytest.mark.parametrize(
    ("tag", "version", "said"),
    [
        ("v1.2.4", "1.2.3", "The tag is 'v1.2.4' and the version 1.2.3."),
        ("1.2.3", "1.2.3", "The tag is '1.2.3' and the version 1.2.3."),
        ("v1.2", "1.2", "The version is '1.2'; allowed: three numbers, 1.2.3."),
        ("v1.2.4", "1.2.4", "CHANGELOG.md has no entries for 1.2.4."),
    ],
)
def test_should_refuse_another_tag(
    checkout: Path, capsys: pytest.CaptureFixture[str], tag: str, version: str, said: str
) -> None:
    (checkout / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
    assert main([tag]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {said} Fix: ")
    assert error.count("\n") == 1
    assert not (checkout / "build").exists()


@pytest.mark.parametrize(
    ("changelog", "said"),
    [
        (CHANGELOG.replace("## 1.2.3", "## Unreleased\n\n- More.\n\n## 1.2.3"), "has entries under Unreleased"),
        (CHANGELOG.replace("### Added\n\n- A map.\n\n", ""), "has no entries for 1.2.3"),
        (CHANGELOG.replace(" - 2026-11-21", ""), "has no entries for 1.2.3"),
        (CHANGELOG.replace("## 1.2.3", "## 1.2.34"), "has no entries for 1.2.3"),
        ("", "has no entries for 1.2.3"),
    ],
)
def test_should_refuse_a_changelog_that_does_not_tell_of_it(
    checkout: Path, capsys: pytest.CaptureFixture[str], changelog: str, said: str
) -> None:
    (checkout / "CHANGELOG.md").write_text(changelog)
    assert main(["v1.2.3"]) == 1
    assert said in capsys.readouterr().err


def test_should_let_an_empty_unreleased_section_stand(checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text(CHANGELOG.replace("## 1.2.3", "## Unreleased\n\n## 1.2.3"))
    assert main(["v1.2.3"]) == 0


def test_should_refuse_what_was_built_otherwise(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def error() -> str:
        assert main(["v1.2.3"]) == 1
        return capsys.readouterr().err

    build(checkout, names=FILES[:1])
    assert "git differ in ['constructs_lib/_lambdas/analyze.py']" in error()
    build(checkout, names=(*FILES, "constructs_lib/notes.txt"))
    assert "git differ in ['constructs_lib/notes.txt']" in error()
    build(checkout, names=FILES, sdist_version="1.2.2")
    assert f"{NAME}-1.2.3.tar.gz has other metadata" in error()
    build(checkout, names=FILES, version="1.2.2", sdist_version="1.2.2")
    assert "says another version inside" in error()
    build(checkout, names=FILES)
    (checkout / "dist/notes.md").touch()
    assert f"dist has ['notes.md', '{NAME}-1.2.3-py3-none-any.whl', '{NAME}-1.2.3.tar.gz']" in error()


def test_should_know_the_version_that_comes_next() -> None:
    """The version has its section already, or the changelog tells of what it will bring; its tag starts a release."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    first, *_ = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first == "Unreleased" or first.startswith(f"{version} - ")
    release = yaml.load((ROOT / ".github/workflows/release.yml").read_text(), yaml.BaseLoader)
    (pattern,) = release["on"]["push"]["tags"]
    tag = re.compile(pattern.replace(".", r"\."))  # in GitHub's filters, too, + is one or more
    assert tag.fullmatch(f"v{version}")
    assert not tag.fullmatch(f"v{version}rc1")
