"""Synthesizing the whole app in a fresh process, with CDK's validation and cdk-nag on, against an app of one bucket."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.measure import Benchmark, at_most

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.measure import Measure

ROOT = Path(__file__).resolve().parents[1]
PAIRS = 5


def synth() -> Sequence[Measure]:
    """Time both in turn, so that a machine whose speed drifts slows both; the first pair only warms up."""
    pairs = [(_seconds("app.py"), _seconds("bench/one_bucket.py")) for _ in range(PAIRS + 1)][1:]
    return [
        at_most("synth: whole app, validation on", median(ours for ours, _ in pairs), "s", 6),
        at_most("synth: against an app of one bucket", median(ours / bucket for ours, bucket in pairs), "times", 2.5),
    ]


def _seconds(script: str) -> float:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    # Without the variable JSII_NODE the machine's own Node would be measured, if it has one.
    own["JSII_NODE"] = str(Path(sys.executable).parent / "node")
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        subprocess.run([sys.executable, script], cwd=ROOT, env={**own, "CDK_OUTDIR": out}, check=True)
        return time.perf_counter() - started


BENCHMARKS = [Benchmark("synth", f"median of {PAIRS} pairs of fresh processes", synth)]
