"""The IAM simulator in a Node process of its own: started once, asked a line of JSON a request, gone with its block.

It is the npm package `@cloud-copilot/iam-simulate`, AGPL-3.0: a tool of the project under test, found in that project's
`node_modules`. Nothing of it is imported here, copied or part of the wheel. The process has an empty environment and
ends when its stdin does, however the one that started it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGE = "@cloud-copilot/iam-simulate"
VERSION = "0.1.173"
INSTALL = f"npm install --save-dev {PACKAGE}@{VERSION}"

_SCRIPT = Path(__file__).with_suffix(".mjs")


class NotInstalledError(ValueError):
    """Node or the simulator is missing; the message is one line with the command that installs it."""


def find_package(folder: Path) -> Path:
    """Return the simulator's `package.json` in `node_modules` of `folder` or of a folder above it.

    Raises `NotInstalledError`, and `ValueError` for another version: each judges a little differently.
    """
    for place in (folder, *folder.parents):
        file = place / "node_modules" / PACKAGE / "package.json"
        if file.is_file():
            version = json.loads(file.read_text("utf-8")).get("version")
            if version != VERSION:
                raise ValueError(f"{PACKAGE} in {str(place)!r} is {version}; {VERSION} is needed. Fix: {INSTALL}")
            return file
    raise NotInstalledError(f"policy simulation needs {PACKAGE} in node_modules of {str(folder)!r}: {INSTALL}")


def find_node() -> str:
    """Return the Node beside this Python, else the one on PATH; raises `NotInstalledError`."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    node = shutil.which("node", path=path)
    if node is None:
        raise NotInstalledError(f"policy simulation needs Node.js on PATH, and then: {INSTALL}")
    return node


class PolicyEngine:
    """The simulator's process; a context manager that ends it. It starts with the first question."""

    def __init__(self, package: Path, node: str) -> None:
        self._command = [node, str(_SCRIPT), str(package)]
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id; None while there is none."""
        return None if self._process is None else self._process.pid

    def decide(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return the simulator's answer; raises `RuntimeError`, with what Node said, when it ends instead."""
        process = self._process or self._start()
        assert process.stdin is not None  # noqa: S101 - all three are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(question) + "\n")
                process.stdin.flush()
            answer = process.stdout.readline()
            if not answer:
                raise RuntimeError(f"The policy simulator ended: {_last_words(process)}")
            decision: dict[str, Any] = json.loads(answer)
        except BaseException:
            self.close()  # a timeout or Ctrl-C in between: the next question must not get this one's answer
            raise
        return decision

    def close(self) -> None:
        """End the process; a further question starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with process:  # closes the pipes and waits
                pass

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            self._command,
            env={},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the tests: what they still ask while they end is answered
        )
        return self._process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _last_words(process: subprocess.Popen[str]) -> str:
    """What Node said of the error that ended it, which its stack trace surrounds."""
    assert process.stderr is not None  # noqa: S101 - it is a pipe
    lines = [line.strip() for line in process.stderr.read().splitlines() if line.strip()]
    return next((line for line in lines if re.match(r"\w*Error\b", line)), lines[-1] if lines else "it said nothing")
