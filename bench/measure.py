"""Measures, and jobs measured each in a fresh process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class Measure:
    """One figure and the bar it is held to; `bar` reads like "<= 2" and is in the same unit."""

    name: str
    value: float
    unit: str
    bar: str
    ok: bool


def at_most(name: str, value: float, unit: str, bar: float) -> Measure:
    """Return a measure that must not exceed its bar."""
    return Measure(name, round(value, 3), unit, f"<= {bar:g}", value <= bar)


def at_least(name: str, value: float, unit: str, bar: float) -> Measure:
    """Return a measure that must reach its bar."""
    return Measure(name, round(value, 3), unit, f">= {bar:g}", value >= bar)


@dataclass(frozen=True)
class Benchmark:
    """A job, or a few to compare, and what it yields. `name` is what `--only` takes."""

    name: str
    title: str
    run: Callable[[], Sequence[Measure]]


@dataclass(frozen=True)
class Usage:
    """What a job took: seconds of wall time and of CPU (all threads), the process's peak of memory, and its result."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float
    result: Any


def run_job(job: str, *arguments: object, environment: Mapping[str, str] | None = None) -> Usage:
    """Run a job in a fresh process, and measure it there.

    `job` is "module:function". The function sets up and returns a callable without arguments: time and CPU are those of
    the call, memory is that of the whole process. Arguments and the call's result go through JSON.
    """
    own = {name: value for name, value in os.environ.items() if not name.upper().startswith(("AWS_", "HTTP"))}
    # The child's peak would start at this process's own size, were it larger: a benchmark imports nothing heavy here.
    process = subprocess.run(
        [sys.executable, "-m", "bench.job", job, json.dumps(arguments)],
        env={**own, **(environment or {})},
        stdout=subprocess.PIPE,
        check=True,
    )
    return Usage(**json.loads(process.stdout))
