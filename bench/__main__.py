"""`python -m bench`: measure here and now, print a table, write build/bench.json; exit code 1 when a bar is missed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from bench import executions, forecast, handlers, scale, synth

if TYPE_CHECKING:
    from bench.measure import Measure

BENCHMARKS = [
    *synth.BENCHMARKS,
    *handlers.BENCHMARKS,
    *executions.BENCHMARKS,
    *scale.BENCHMARKS,
    *forecast.BENCHMARKS,
]


def main() -> int:
    """Run the benchmarks asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what the project promises.")
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser.add_argument("--only", metavar="NAME", action="append", choices=names, help=f"one of {', '.join(names)}")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"), help="default: %(default)s")
    arguments = parser.parse_args()

    measures: list[Measure] = []
    for benchmark in BENCHMARKS:
        if arguments.only is not None and benchmark.name not in arguments.only:
            continue
        print(f"{benchmark.name}: {benchmark.title} …", file=sys.stderr, end=" ", flush=True)
        started = time.perf_counter()
        measures += benchmark.run()
        print(f"{time.perf_counter() - started:.1f} s", file=sys.stderr)

    width = max(len(measure.name) for measure in measures)
    print(f"\n{'measure':{width}}  {'value':>8}  {'bar':>8}  unit")
    for measure in measures:
        missed = "" if measure.ok else "  MISSED"
        print(f"{measure.name:{width}}  {measure.value:8.3f}  {measure.bar:>8}  {measure.unit}{missed}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps({"measures": [asdict(measure) for measure in measures]}, indent=2) + "\n")
    print(f"\n{arguments.out}")
    return 0 if all(measure.ok for measure in measures) else 1


if __name__ == "__main__":
    sys.exit(main())
