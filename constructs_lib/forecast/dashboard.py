"""The command line: `python -m constructs_lib.forecast.dashboard CDK_OUT` draws a dashboard before it is deployed.

The synthesized body is drawn with what the account's metrics would show of a load test, or of series that were saved,
and with the states that the app's alarms would have. Exit codes: 0 done, 2 wrong usage or input (one line).
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentDefaultsHelpFormatter, ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from constructs_lib.assembly import DEFAULT_ACCOUNT, DEFAULT_REGION, Assembly, UnresolvableError
from constructs_lib.forecast.job import REGIONS
from constructs_lib.local.commands.options import Parser, complain, say

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence

    from constructs_lib.assembly import Stack
    from constructs_lib.forecast.metrics import MetricSeries

PROGRAM = "python -m constructs_lib.forecast.dashboard"
_DASHBOARD = "AWS::CloudWatch::Dashboard"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        _draw(options)
    except (ValueError, UnresolvableError) as error:
        return complain(str(error), code=2)
    except ModuleNotFoundError as error:
        extra = 'Fix: pip install "step-functions-at-scale[forecast]"'
        return complain(f"the picture of a dashboard needs {error.name}, not installed here. {extra}", code=2)
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description="Draws a synthesized CloudWatch dashboard as one HTML page, with what the metrics would show while "
        "the load test's stack runs, and the states of the app's alarms. Nothing is deployed.",
        formatter_class=ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("assembly", metavar="CDK_OUT", type=Path, help="the folder that `cdk synth` wrote")
    parser.add_argument("--stack", metavar="NAME", help="the stack with the dashboard, where several have one")
    parser.add_argument("--out", metavar="FILE", type=Path, default=Path("dashboard.html"), help="the page to write")
    parser.add_argument("--region", default=DEFAULT_REGION, help="that of environment-agnostic stacks")
    parser.add_argument(
        "--series",
        metavar="FILE",
        type=Path,
        help="a file of one scenario, such as `python -m constructs_lib.forecast` saves; in the place of a load",
    )
    load = parser.add_argument_group("the load", "as the setting load_test has it")
    for name, default in (
        ("transitions-per-second", 1_000),
        ("transitions-per-execution", 100),
        ("map-runs", 950),
        ("ramp-seconds", 60),
        ("hold-seconds", 300),
    ):
        load.add_argument(f"--{name}", metavar="N", type=_whole, default=default, help=" ")
    return parser


def _draw(options: Namespace) -> None:
    # Here, so that `--help` and a missing extra don't wait for them.
    from constructs_lib.forecast.page import render
    from constructs_lib.forecast.saved_series import series_asked_for
    from constructs_lib.testing import AlarmSimulation

    region = options.region
    if region not in REGIONS:
        raise ValueError(f"--region is {region!r}; allowed: a Region that has Step Functions, such as eu-central-1")
    assembly = Assembly.read(options.assembly)
    stack, body = _dashboard(assembly, options)
    series = _series(options)
    alarms = AlarmSimulation.read(assembly, stack=stack.id, region=region)
    minutes = max(map(len, series.values()))
    history = alarms.run(series_asked_for(series, alarms), minutes=minutes, start="OK")
    page = render(body, series, title=stack.id, alarms=history, minutes=minutes)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page.html, "utf-8")
    for sentence in page.refused:
        say(f"not drawn: {sentence}")
    print(options.out)


def _dashboard(assembly: Assembly, options: Namespace) -> tuple[Stack, dict[str, Any]]:
    found = list(_dashboards(assembly, options.region))
    chosen = [(stack, body) for stack, body in found if options.stack in (None, stack.id)]
    if len(chosen) != 1:
        names = ", ".join(stack.id for stack, _ in found) or "none has one"
        raise ValueError(
            f"{options.assembly}: {len(chosen)} dashboards; allowed: one. Choose its stack by --stack: {names}"
        )
    return chosen[0]


def _dashboards(assembly: Assembly, region: str) -> Iterator[tuple[Stack, dict[str, Any]]]:
    for stack in assembly.stacks:
        for resource in stack.resources(_DASHBOARD).values():
            body = stack.resolve(resource["Properties"]["DashboardBody"], account=DEFAULT_ACCOUNT, region=region)
            yield stack, json.loads(body)


def _series(options: Namespace) -> MetricSeries:
    from constructs_lib.forecast.load import load_test, simulate_load
    from constructs_lib.forecast.metrics import AccountLimits, metrics_of
    from constructs_lib.forecast.saved_series import read_series

    if options.series is not None:
        return read_series(options.series)
    loads = load_test(
        transitions_per_second=options.transitions_per_second,
        transitions_per_execution=options.transitions_per_execution,
        map_runs=options.map_runs,
        ramp_seconds=options.ramp_seconds,
        hold_seconds=options.hold_seconds,
    )
    limits = AccountLimits.documented_in(options.region)
    return metrics_of(simulate_load(loads, limits), limits)


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 7:
        raise ArgumentTypeError(f"{text!r}; allowed: a whole number, 0 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
