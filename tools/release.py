"""Check that a tag, the version, the changelog and what was built are one release: `python -m tools.release v1.2.3`.

Reads `pyproject.toml`, `CHANGELOG.md` and `dist` of the current folder, and git for what belongs into the wheel; writes
the release's notes to `build/release/notes.md`. What doesn't agree is one line on stderr, and exit code 1.
"""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import BytesHeaderParser
from pathlib import Path

NAME = "step_functions_at_scale"


class ReleaseError(Exception):
    """What doesn't agree, and what would: one line."""


def check(tag: str, folder: Path) -> str:
    """Return the notes of the release `tag` of the checkout in `folder`. Raises `ReleaseError`."""
    version = version_of(tag, (folder / "pyproject.toml").read_text())
    notes = notes_of(version, (folder / "CHANGELOG.md").read_text())
    check_dist(version, folder / "dist", tracked(folder))
    return notes


def version_of(tag: str, pyproject: str) -> str:
    """Return the version of `pyproject`, a pyproject.toml, if `tag` is the one of its release."""
    version: str = tomllib.loads(pyproject)["project"]["version"]
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ReleaseError(f"The version is {version!r}; allowed: three numbers, 1.2.3. Fix: pyproject.toml.")
    if tag != f"v{version}":
        raise ReleaseError(f"The tag is {tag!r} and the version {version}. Fix: tag v{version}, or pyproject.toml.")
    return version


def notes_of(version: str, changelog: str) -> str:
    """Return what the changelog says of `version`; it says nothing of what comes after it."""
    sections: dict[str, str] = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", changelog, re.MULTILINE))
    if sections.get("Unreleased", "").strip():
        raise ReleaseError(f"CHANGELOG.md has entries under Unreleased. Fix: put them under '## {version} - <date>'.")
    for heading, body in sections.items():
        if re.fullmatch(rf"{re.escape(version)} - \d{{4}}-\d\d-\d\d", heading) and body.strip():
            return body.strip() + "\n"
    raise ReleaseError(f"CHANGELOG.md has no entries for {version}. Fix: a section '## {version} - <date>'.")


def tracked(folder: Path) -> set[str]:
    """Return the files that belong into the wheel, by their path in it: those that git knows."""
    command = ["git", "-C", str(folder), "ls-files", "-z", "constructs_lib", "lambdas"]
    files = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    return {re.sub("^lambdas/", "constructs_lib/_lambdas/", file) for file in files if file}


def check_dist(version: str, dist: Path, files: set[str]) -> None:
    """Check that `dist` has the wheel and the sdist of `version`, and that the wheel has `files` and no other."""
    wheel = dist / f"{NAME}-{version}-py3-none-any.whl"
    sdist = dist / f"{NAME}-{version}.tar.gz"
    found = sorted(path.name for path in dist.glob("*"))
    if found != sorted([wheel.name, sdist.name]):
        raise ReleaseError(f"dist has {found}; allowed: {wheel.name} and {sdist.name}, no more. Fix: make dist.")
    with zipfile.ZipFile(wheel) as archive:
        info = f"{NAME}-{version}.dist-info/"
        packed = {name for name in archive.namelist() if not name.startswith(info)}
        built = archive.read(f"{info}METADATA")
    if packed != files:
        raise ReleaseError(f"{wheel.name} and git differ in {sorted(packed ^ files)}. Fix: build a clean checkout.")
    with tarfile.open(sdist) as source:
        member = source.extractfile(f"{NAME}-{version}/PKG-INFO")
        if member is None or member.read() != built:
            raise ReleaseError(f"{sdist.name} has other metadata than {wheel.name}. Fix: make dist.")
    if BytesHeaderParser().parsebytes(built)["Version"] != version:
        raise ReleaseError(f"{wheel.name} says another version inside. Fix: make dist.")


def main(arguments: list[str]) -> int:
    """Check the current folder; return the exit code."""
    (tag,) = arguments
    folder = Path.cwd()
    try:
        notes = check(tag, folder)
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    out = folder / "build/release/notes.md"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(notes)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
