"""`python -m parity`: run what AWS recorded, print a table, write build/parity.json.

Exit code 1 when a bar isn't reached or docs/local-cloud.md doesn't list exactly the cases that fall short; 0 where
there are no recordings.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from parity import recordings, report, shortfalls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parity.recordings import Case, Recordings
    from parity.report import Outcome

_BESIDE = Path(__file__).parents[2] / "shared" / "aws-recordings"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases asked for; return the exit code."""
    given = _parser().parse_args(arguments)
    found = recordings.load(given.recordings)
    if found is None:
        print(f"Nothing to compare with: there are no recordings of AWS in {given.recordings}.")
        return 0
    if given.case is not None:
        return _show(found, given.case)
    outcomes = run(found, found.cases)
    print(report.table(outcomes))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report.as_json(outcomes), indent=2) + "\n")
    for outcome in outcomes:
        if outcome.level < report.HIGHEST:
            print(f"\n{_heading(outcome)}\n- {outcome.differences[0]}")
    print(f"\n{given.out}")
    try:
        problems = report.problems(outcomes, shortfalls.read(), f"docs/{shortfalls.DOCUMENT.name}")
    except ValueError as error:
        problems = [str(error)]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


def run(found: Recordings, cases: Sequence[Case]) -> list[Outcome]:
    """Run cases on a local cloud of their own, and say on standard error how far it is."""
    # Here and not above: where there are no recordings, nothing of the local cloud needs to be installed.
    from constructs_lib.local import LocalCloud
    from parity.run import run_cases

    started = time.perf_counter()
    outcomes = []
    with LocalCloud.start() as cloud:
        for outcome in run_cases(cloud.client, found, cases):
            outcomes.append(outcome)
            if sys.stderr.isatty():
                print(f"\r{len(outcomes)} of {len(cases)}", end="", file=sys.stderr, flush=True)
    took = f"{len(outcomes)} executions, {time.perf_counter() - started:.1f} s"
    print(f"\r{took}" if sys.stderr.isatty() else took, file=sys.stderr)
    return outcomes


def _show(found: Recordings, part: str) -> int:
    cases = [case for case in found.cases if part in case.id]
    if not cases:
        print(f"error: no case has {part!r} in its id. Fix: give a part of one of cases.jsonl.", file=sys.stderr)
        return 2
    outcomes = run(found, cases)
    for case, outcome in zip(cases, outcomes, strict=True):
        print(f"\n{_heading(outcome)}")
        print(f"definition: {json.dumps(case.definition, indent=2)}\ninput: {json.dumps(case.input)}")
        for owner, events in zip(("AWS: ", "here:"), outcome.events, strict=False):
            print(f"{owner} {events}")
        for difference in outcome.differences:
            print(f"- {difference}")
    return 1 if any(outcome.level < report.HIGHEST for outcome in outcomes) else 0


def _heading(outcome: Outcome) -> str:
    return f"level {outcome.level} of {report.HIGHEST}: {outcome.id}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m parity", description="Run the executions that AWS recorded on the local cloud, and compare."
    )
    parser.add_argument(
        "--case", metavar="ID", help="only the cases with this in their id, and all that separates them from AWS's"
    )
    parser.add_argument("--recordings", type=Path, default=_BESIDE, metavar="FOLDER", help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path("build/parity.json"), help="default: %(default)s")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nInterrupted: nothing was written.")
