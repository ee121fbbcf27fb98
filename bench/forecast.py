"""The forecast: how fast it is, in how little memory, and how near to what the embedded AWS really takes.

How long the embedded AWS takes depends on the machine, and on what else runs on it. So a small run says by how much
this machine, now, is slower than the one that `LOCAL_CLOUD` was measured on; the large run is the one predicted.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.measure import Benchmark, Measure, at_least, at_most, run_job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from constructs_lib.forecast.result import Run

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
    """Run the app over the demo's objects, few and many, and predict the large run from the small one."""
    from constructs_lib.forecast.constants import LOCAL_CLOUD, LOCAL_CONCURRENCY
    from constructs_lib.forecast.job import Job
    from constructs_lib.forecast.simulation import simulate

    def predicted(objects: int) -> Run:
        job = Job(objects=objects, batch_size=BATCH_SIZE, max_concurrency=LOCAL_CONCURRENCY, prefixes=YEARS)
        return simulate(job, LOCAL_CLOUD, throttling_retries=False)

    small, large = _run(SMALL), _run(LARGE)
    slower = small.seconds / predicted(SMALL).duration_seconds
    ratio = large.seconds / (predicted(LARGE).duration_seconds * slower)
    more = large.transitions - predicted(LARGE).transitions
    return [
        Measure("forecast: this machine, now", round(slower, 3), "of LOCAL_CLOUD's times", "none", ok=True),
        at_most(f"forecast: {LARGE:,} objects on the embedded AWS", ratio, "of the prediction", 2),
        at_least(f"forecast: {LARGE:,} objects there, at least", ratio, "of the prediction", 0.5),
        Measure(f"forecast: transitions of {LARGE:,} objects there", more, "more than predicted", "= 0", ok=more == 0),
    ]


class _Execution(NamedTuple):
    seconds: float
    transitions: int


def _run(objects: int) -> _Execution:
    """Run the app over so many objects on an embedded AWS of its own."""
    from constructs_lib.local import LocalCloud
    from demo.synthesis import find_cli, synthesize
    from demo.wind_speed.run import NOAA_ACCOUNT, STACK, put_objects
    from demo.wind_speed.sources import sample_source

    with tempfile.TemporaryDirectory() as name:
        cli = find_cli(None)
        app = synthesize(Path(name), cli, {"batch_size": BATCH_SIZE})
        with LocalCloud.start() as cloud:
            machine = cloud.deploy(app, stacks=[STACK], cdk=cli)[STACK]["StateMachineArn"]
            put_objects(cloud.client("s3", account=NOAA_ACCOUNT), sample_source(objects), lambda: None)
            result = cloud.run(machine, {})
            if not result.succeeded:
                raise ValueError(f"the run over {objects:,} objects failed: {result.error}: {result.cause}")
            states = cloud.client("stepfunctions")
            told = states.describe_execution(executionArn=result.execution_arn)
            pages = states.get_paginator("get_execution_history").paginate(executionArn=result.execution_arn)
            entered = sum(event["type"].endswith("StateEntered") for page in pages for event in page["events"])
    # Express children make no transitions.
    return _Execution((told["stopDate"] - told["startDate"]).total_seconds(), entered)


BENCHMARKS = [
    Benchmark("forecast", f"forecast runs over {FULL:,} and {HUGE:,} objects", speed),
    Benchmark("forecast-local", f"runs over {SMALL:,} and {LARGE:,} objects, against their forecast", local),
]
