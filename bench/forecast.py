"""The forecast: how fast it is, in how little memory, and how near to what the embedded AWS really takes.

How long the embedded AWS takes depends on the machine, and on what else runs on it. So a small run says by how much
this machine, now, is slower than the one that `LOCAL_CLOUD` was measured on; the large run is the one predicted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import Benchmark, Measure, at_least, at_most, run_job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FULL, HUGE = 600_000, 10_000_000
SMALL, LARGE = 2_000, 20_000
BATCH_SIZE = 500
YEARS = 2
"""Those of the demo's made-up observations."""


def forecast_job(objects: int) -> Callable[[], object]:
    """Forecast the app at its defaults: the likely run, the extremes, and the draws of the range."""
    from constructs_lib.forecast.job import Job
    from constructs_lib.forecast.simulation import forecast

    return lambda: forecast(Job(objects=objects)).likely.objects_read


def speed() -> Sequence[Measure]:
    """Measure the forecast of a full run and of a huge one, each in a process of its own."""
    full, huge = (run_job("bench.forecast:forecast_job", objects) for objects in (FULL, HUGE))
    if (full.result, huge.result) != (FULL, HUGE):
        raise ValueError(f"{full.result} and {huge.result} objects read, not {FULL} and {HUGE}")
    return [
        at_most(f"forecast: a run over {FULL:,} objects", full.wall_seconds, "s", 2),
        at_most(f"forecast: a run over {HUGE:,} objects", huge.wall_seconds, "s", 20),
        at_most("forecast: peak memory", max(full.peak_mb, huge.peak_mb), "MB", 300),
    ]


def local() -> Sequence[Measure]:
    """Run the demo small and large, and predict the large run from the small one."""
    from constructs_lib.forecast.constants import LOCAL_CLOUD, LOCAL_CONCURRENCY
    from constructs_lib.forecast.job import Job
    from constructs_lib.forecast.simulation import simulate

    def predicted(objects: int) -> float:
        job = Job(objects=objects, batch_size=BATCH_SIZE, max_concurrency=LOCAL_CONCURRENCY, prefixes=YEARS)
        return simulate(job, LOCAL_CLOUD, throttling_retries=False).duration_seconds

    slower = _demo_seconds(SMALL) / predicted(SMALL)
    ratio = _demo_seconds(LARGE) / (predicted(LARGE) * slower)
    return [
        Measure("forecast: this machine, now", round(slower, 3), "of LOCAL_CLOUD's times", "none", ok=True),
        at_most(f"forecast: {LARGE:,} objects on the embedded AWS", ratio, "of the prediction", 2),
        at_least(f"forecast: {LARGE:,} objects there, at least", ratio, "of the prediction", 0.5),
    ]


def _demo_seconds(objects: int) -> float:
    """Return how long the execution took, without synthesis and deployment."""
    with tempfile.TemporaryDirectory() as out:
        options = ["--objects", str(objects), "--batch-size", str(BATCH_SIZE), "--out", out]
        subprocess.run([sys.executable, "-m", "demo", *options], stdout=subprocess.DEVNULL, check=True)
        seconds: float = json.loads(Path(out, "summary.json").read_text())["duration_seconds"]
    return seconds


BENCHMARKS = [
    Benchmark("forecast", f"forecast runs over {FULL:,} and {HUGE:,} objects", speed),
    Benchmark("forecast-local", f"the demo over {SMALL:,} and {LARGE:,} objects, against its forecast", local),
]
