"""The demo at scale on the embedded AWS: ten times the objects take about ten times as long, in little memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench.measure import Benchmark, Measure, at_most

if TYPE_CHECKING:
    from collections.abc import Sequence

SMALL, LARGE = 2_000, 20_000
BATCH_SIZE = 500
_SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class DemoRun:
    """Seconds of the execution and of the whole command; peaks of resident memory in MB, workers added up."""

    execution_seconds: float
    command_seconds: float
    emulator_mb: float
    workers_mb: float


def scale() -> Sequence[Measure]:
    """Run the demo small and large; memory is the large run's."""
    small, large = _run_demo(SMALL), _run_demo(LARGE)
    return [
        at_most(f"scale: execution over {LARGE:,} objects", large.execution_seconds, "s", 120),
        at_most(f"scale: whole command over {LARGE:,} objects", large.command_seconds, "s", 240),
        at_most(
            f"scale: {LARGE:,} against {SMALL:,} objects",
            large.execution_seconds / small.execution_seconds,
            "times",
            12,
        ),
        at_most("scale: emulator's memory", large.emulator_mb, "MB", 1000),
        Measure("scale: Lambda workers' memory, added up", round(large.workers_mb), "MB", "none", ok=True),
    ]


def _run_demo(objects: int) -> DemoRun:
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        command = [
            sys.executable,
            "-m",
            "demo",
            "--objects",
            str(objects),
            "--batch-size",
            str(BATCH_SIZE),
            "--out",
            out,
        ]
        demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        emulator_mb = workers_mb = 0.0
        while demo.poll() is None:
            emulator, workers = _memory_mb(demo.pid)
            emulator_mb, workers_mb = max(emulator_mb, emulator), max(workers_mb, workers)
            time.sleep(_SAMPLE_SECONDS)
        seconds = time.perf_counter() - started
        if demo.returncode != 0:
            raise RuntimeError(f"the demo over {objects:,} objects failed")
        summary = json.loads(Path(out, "summary.json").read_text())
    return DemoRun(summary["duration_seconds"], seconds, emulator_mb, workers_mb)


def _memory_mb(demo_pid: int) -> tuple[float, float]:
    """Memory of the emulator's process now, and of all that it started."""
    try:
        for process in psutil.Process(demo_pid).children():
            if "constructs_lib.local.server" in process.cmdline():
                workers = sum(worker.memory_info().rss for worker in process.children(recursive=True))
                return process.memory_info().rss / 1e6, workers / 1e6
    except psutil.NoSuchProcess:  # it ended while it was looked at
        pass
    return 0.0, 0.0


BENCHMARKS = [Benchmark("scale", f"the demo over {SMALL:,} and {LARGE:,} objects", scale)]
