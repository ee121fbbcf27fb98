"""The app of this checkout, synthesized by the CDK CLI with no AWS account in reach."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_lib.local.deploy import find_cdk
from constructs_lib.local.endpoint import clean_environment
from demo.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parent.parent


def find_cli(cdk: Path | None) -> Path:
    """Return the CDK CLI: ``cdk`` when given, else this checkout's, else the one on PATH.

    Raises the local cloud's ``UsageError`` where there is none.
    """
    ours = ROOT / "node_modules/.bin/cdk"
    return Path(find_cdk(ours if cdk is None and ours.exists() else cdk))


def synthesize(
    folder: Path, cdk: Path, context: Mapping[str, object], on_line: Callable[[str], None] | None = None
) -> Path:
    """Synthesize the app; returns the assembly, ``folder``'s ``cdk.out``. Raises ``DemoError`` when it can't be.

    ``on_line`` is called with each line that it printed to stderr, once it has succeeded.
    """
    out = folder / "cdk.out"
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    command = [str(cdk), "synth", "--quiet", "--app", f'"{sys.executable}" app.py', "--output", str(out)]
    command += [word for key, value in context.items() for word in ("--context", f"{key}={value}")]
    done = subprocess.run(command, cwd=ROOT, env=_environment(folder), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DemoError("cdk synth failed", tuple((done.stderr or done.stdout).strip().split("\n")))
    if on_line is not None:
        for line in done.stderr.splitlines():
            on_line(line)
    return out


def _environment(folder: Path) -> dict[str, str]:
    """An environment that knows no AWS account, with this Python's Node first and jsii's unpacked packages kept."""
    environment = clean_environment(folder)
    beside_python = Path(sys.executable).parent
    environment["PATH"] = f"{beside_python}{os.pathsep}{environment['PATH']}"
    if (node := os.environ.get("JSII_NODE") or shutil.which("node", path=environment["PATH"])) is not None:
        environment["JSII_NODE"] = node
    # Unpacking aws-cdk-lib takes 10 s and 213 MB: once a user, not once a run.
    environment["JSII_RUNTIME_PACKAGE_CACHE_ROOT"] = str(Path.home() / ".cache/aws/jsii/package-cache")
    return environment
