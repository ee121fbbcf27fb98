"""The wind-speed demo's arguments: mean wind speeds on a world map, from made-up, your own or NOAA's observations."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_lib._wind_speed_input import FIRST_YEAR, UNITS  # the module of the public names would start jsii
from demo.command_line import Parser, whole_number
from demo.errors import UsageError
from demo.wind_speed.run import run_demo
from demo.wind_speed.sources import Source, folder_source, noaa_source, sample_source

if TYPE_CHECKING:
    import argparse

DEFAULT_SAMPLE_OBJECTS = 2400
DEFAULT_NOAA_OBJECTS = 500


def run(arguments: list[str]) -> int:
    """Run the demo; returns the exit code."""
    args = _parser().parse_args(arguments)
    if not 1 <= args.batch_size <= 1000:
        raise UsageError(f"--batch-size {args.batch_size}: give 1 to 1,000 objects a batch")
    source = _source(args)
    _make_folder(args.out)
    return run_demo(source, unit=args.unit, batch_size=args.batch_size, out=args.out, cdk=args.cdk)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m demo",
        usage="python -m demo [options]\n       python -m demo reviews [options]",
        description="Two demos. reviews: product reviews of one account, judged by a child workflow in another, with a "
        "--help of its own. Without a name: mean wind speeds on a world map. Either way the CDK app is synthesized, "
        "deployed by the CDK CLI to an embedded AWS on this machine, and run as the real state machines. No AWS "
        "account, no Docker.",
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
        "--objects", type=whole_number, metavar="N", help=f"sample: objects (default {DEFAULT_SAMPLE_OBJECTS})"
    )
    parser.add_argument("--years", type=whole_number, nargs="+", metavar="YEAR", help="noaa: default the last full one")
    parser.add_argument(
        "--max-objects",
        type=whole_number,
        metavar="N",
        help=f"noaa: objects to fetch (default {DEFAULT_NOAA_OBJECTS})",
    )
    parser.add_argument("--unit", choices=UNITS, default="mph", help="of the results (default mph)")
    parser.add_argument(
        "--batch-size", type=whole_number, default=100, metavar="N", help="objects a batch, 1 to 1,000 (default 100)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("build/demo"), metavar="DIR", help="for the files (default build/demo)"
    )
    parser.add_cdk()
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
