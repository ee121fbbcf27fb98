"""The apps of the folders beside this, each as its user wrote it, in one assembly: one synth, one deployment."""

import runpy
from pathlib import Path
from typing import Any

import aws_cdk

every = aws_cdk.App()
synth = every.synth


def main(apps: list[Path]) -> None:
    """Run each app with this one in the place of the one that it would make, and synthesize at the end."""
    patched: Any = aws_cdk
    patched.App = lambda: every
    setattr(every, "synth", lambda: None)  # noqa: B010 - a method that mypy won't have replaced
    for path in apps:
        runpy.run_path(str(path), run_name="__main__")
    synth()


if __name__ == "__main__":
    main(sorted(Path(__file__).parent.glob("*/app.py")))
