"""`python -m bench.job module:function '[arguments]'`: one job, measured in this process; prints a Usage as JSON."""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time


def main() -> None:
    """Set the job up, run it once between two readings of the clocks."""
    module, _, function = sys.argv[1].partition(":")
    call = getattr(importlib.import_module(module), function)(*json.loads(sys.argv[2]))
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    # Linux counts in kilobytes, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)
    usage = {"wall_seconds": wall, "cpu_seconds": cpu, "peak_mb": peak, "result": result}
    sys.stdout.write(json.dumps(usage) + "\n")


if __name__ == "__main__":
    main()
