"""``python -m demo``: mean wind speeds on a world map, computed by the synthesized app on the embedded AWS.

Exit codes: 0 the run succeeded; 1 it failed (its error and cause are printed, the files fetched all the same);
2 an argument is wrong; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from constructs_lib import local
from constructs_lib._wind_speed_input import FIRST_YEAR, UNITS  # the module of the public names would start jsii
from demo.errors import DemoError, UsageError
from demo.run import run_demo
from demo.sources import Source, folder_source, noaa_source, sample_source

DEFAULT_SAMPLE_OBJECTS = 2400
DEFAULT_NOAA_OBJECTS = 500


class _Parser(argparse.ArgumentParser):
    """argparse with the house's errors: one line, exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} isn't a whole number; give one such as 100") from None


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m demo",
        description="Mean wind speeds on a world map: the CDK app synthesized, deployed by the CDK CLI to an embedded "
        "AWS on this machine, run as the real state machine with the real handlers. No AWS account, no Docker.",
        epilog="examples: python -m demo --unit knots | python -m demo --source noaa --years 2024 --max-objects 500 | "
        "python -m demo --source my/gsod --out build/mine",
    )
    parser.add_argument(
        "--source",
        default="sample",
        metavar="sample|noaa|DIR",
        help="sample: made-up observations at real airports' coordinates (the default); noaa: NOAA's public bucket "
        "over HTTPS; or a folder laid out <year>/<station>.csv",
    )
    parser.add_argument(
        "--objects", type=_whole_number, metavar="N", help=f"sample: objects (default {DEFAULT_SAMPLE_OBJECTS})"
    )
    parser.add_argument(
        "--years", type=_whole_number, nargs="+", metavar="YEAR", help="noaa: default the last full one"
    )
    parser.add_argument(
        "--max-objects",
        type=_whole_number,
        metavar="N",
        help=f"noaa: objects to fetch (default {DEFAULT_NOAA_OBJECTS})",
    )
    parser.add_argument("--unit", choices=UNITS, default="mph", help="of the results (default mph)")
    parser.add_argument(
        "--batch-size", type=_whole_number, default=100, metavar="N", help="objects a batch, 1 to 1,000 (default 100)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("build/demo"), metavar="DIR", help="for the files (default build/demo)"
    )
    parser.add_argument("--cdk", type=Path, metavar="FILE", help="the CDK CLI (default: this checkout's, then PATH's)")
    return parser


def _source(args: argparse.Namespace) -> Source:
    """The source that the arguments name; an argument that belongs to another source is refused."""
    foreign = {"sample": ("years", "max_objects"), "noaa": ("objects",)}.get(
        args.source, ("objects", "years", "max_objects")
    )
    for name in foreign:
        if getattr(args, name) is not None:
            owner = "sample" if name == "objects" else "noaa"
            raise UsageError(f"--{name.replace('_', '-')} goes with --source {owner}, not with --source {args.source}")
    if args.source == "sample":
        return sample_source(DEFAULT_SAMPLE_OBJECTS if args.objects is None else args.objects)
    if args.source == "noaa":
        this_year = datetime.now(UTC).year
        years = tuple(args.years or [this_year - 1])
        for year in years:
            if not FIRST_YEAR <= year <= this_year:
                raise UsageError(
                    f"--years {year}: GSOD has the years from {FIRST_YEAR} to {this_year}; give one of these"
                )
        count = DEFAULT_NOAA_OBJECTS if args.max_objects is None else args.max_objects
        if count < 1:
            raise UsageError(f"--max-objects {count}: give at least 1")
        return noaa_source(years, count)
    return folder_source(Path(args.source))


def _make_folder(out: Path) -> None:
    """Make the folder for the files now, not when a run's results have nowhere to go."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: can't be made a folder ({error.strerror}). Name another") from None
    if not os.access(out, os.W_OK):
        raise UsageError(f"--out {out}: nothing can be written there. Name another folder")


def main(argv: list[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a terminated demo cleans up as an interrupted one does
    try:
        if not 1 <= args.batch_size <= 1000:
            raise UsageError(f"--batch-size {args.batch_size}: give 1 to 1,000 objects a batch")
        source = _source(args)
        _make_folder(args.out)
        return run_demo(source, unit=args.unit, batch_size=args.batch_size, out=args.out, cdk=args.cdk)
    except (UsageError, local.UsageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (DemoError, local.LocalCloudError) as error:
        print("\n".join([f"error: {error}", *error.details]), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
