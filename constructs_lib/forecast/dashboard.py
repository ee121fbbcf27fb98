"""The command line: `python -m constructs_lib.forecast.dashboard CDK_OUT` draws a dashboard before it is deployed.

The synthesized body is drawn with what the account's metrics would show of a load test, or of series that were saved,
and with the states that the app's alarms would have. Exit codes: 0 done, 2 wrong usage or input (one line), 130 Ctrl-C.
"""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentTypeError
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from constructs_lib.assembly import DEFAULT_ACCOUNT, DEFAULT_REGION, Assembly
from constructs_lib.forecast.job import REGIONS
from constructs_lib.forecast.workflow import option_of
from constructs_lib.local.commands.options import Parser, complain, say
from constructs_lib.local.commands.output import with_output

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping, Sequence

    from constructs_lib.assembly import Stack
    from constructs_lib.forecast.metrics import MetricSeries

PROGRAM = "python -m constructs_lib.forecast.dashboard"
_DASHBOARD = "AWS::CloudWatch::Dashboard"
_LOAD: Mapping[str, tuple[int, str]] = {
    "transitions_per_second": (1_000, "state transitions a second, reached after the ramp; 0 leaves them out"),
    "transitions_per_execution": (100, "of each execution that makes them"),
    "map_runs": (950, "open at the same time; 0 leaves them out"),
    "ramp_seconds": (60, "from nothing to all of it"),
    "hold_seconds": (300, "how long it stays there"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return with_output(lambda: _run(_parser().parse_args(arguments)))


def _run(options: Namespace) -> int:
    try:
        _draw(options)
    except ValueError as error:
        return complain(str(error), code=2)
    except ModuleNotFoundError as error:
        extra = 'Fix: pip install "step-functions-at-scale[forecast]"'
        return complain(f"the picture of a dashboard needs {error.name}, not installed here. {extra}", code=2)
    except KeyboardInterrupt:
        return complain("Interrupted.", code=130)
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description="Draws a synthesized CloudWatch dashboard as one HTML page, with what the metrics would show while "
        "the load test's stack runs, and the states of the app's alarms. Nothing is deployed.",
        allow_abbrev=False,
    )
    parser.add_argument("assembly", metavar="CDK_OUT", type=Path, help="the folder that `cdk synth` wrote")
    parser.add_argument(
        "--dashboard",
        metavar="NAME",
        help="where there are several: its stack, its logical id, or <stack>.<logical id>",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        default=Path("dashboard.html"),
        help="the page to write (default: %(default)s)",
    )
    parser.add_argument("--region", help=f"that of an environment-agnostic stack (default: {DEFAULT_REGION})")
    parser.add_argument(
        "--series",
        metavar="FILE",
        type=Path,
        help="a file of one scenario, such as `python -m constructs_lib.forecast` saves; in the place of a load",
    )
    load = parser.add_argument_group("the load", "as the setting load_test has it")
    for name, (default, about) in _LOAD.items():
        load.add_argument(option_of(name), metavar="N", type=_whole, help=f"{about} (default: {default:,})")
    return parser


def _draw(options: Namespace) -> None:
    # Here, so that `--help` and a missing extra don't wait for them.
    from constructs_lib.forecast.page import render
    from constructs_lib.forecast.saved_series import series_asked_for
    from constructs_lib.testing import AlarmSimulation

    assembly = Assembly.read(options.assembly)
    dashboard = _chosen(assembly, options)
    region = _region(dashboard.stack, options.region)
    body = dashboard.body(region)
    series = _series(options, region)
    alarms = AlarmSimulation.read(assembly, stack=dashboard.root.id, region=region)
    minutes = max(map(len, series.values()))
    history = alarms.run(series_asked_for(series, alarms), minutes=minutes, start="OK")
    page = render(body, series, title=dashboard.stack.id, alarms=history, minutes=minutes)
    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(page.html, "utf-8")
    except OSError as error:
        raise ValueError(f"{str(options.out)!r} can't be written: {error.strerror}. Fix: give another --out.") from None
    for sentence in page.refused:
        say(f"not drawn: {sentence}")
    print(options.out)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dashboard:
    """A dashboard of `stack`, which may be nested in `root`."""

    root: Stack
    stack: Stack
    logical_id: str

    @property
    def name(self) -> str:
        return f"{self.stack.id}.{self.logical_id}"

    def body(self, region: str) -> Any:
        properties = self.stack.resources()[self.logical_id].get("Properties", {})
        text = self.stack.resolve(properties.get("DashboardBody"), account=DEFAULT_ACCOUNT, region=region)
        try:
            return json.loads(text)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the DashboardBody of {self.name} isn't JSON: {error}") from None


def _chosen(assembly: Assembly, options: Namespace) -> _Dashboard:
    found = [each for stack in assembly.stacks for each in _dashboards(stack, root=stack)]
    wanted = options.dashboard
    chosen = [each for each in found if wanted in {None, each.stack.id, each.logical_id, each.name}]
    if len(chosen) != 1:
        asked = "" if wanted is None else f" {wanted!r}"
        names = ", ".join(each.name for each in found)
        if not found:
            raise ValueError(f"{options.assembly} has no dashboard; allowed: an app with one, such as a QuotaDashboard")
        raise ValueError(
            f"{options.assembly} has {len(chosen)} dashboards{asked}; allowed: one. Choose it by --dashboard: {names}"
        )
    return chosen[0]


def _dashboards(stack: Stack, *, root: Stack) -> Iterator[_Dashboard]:
    for logical_id in stack.resources(_DASHBOARD):
        yield _Dashboard(root=root, stack=stack, logical_id=logical_id)
    for nested in stack.nested.values():
        yield from _dashboards(nested, root=root)


def _region(stack: Stack, given: str | None) -> str:
    if given is not None and given not in REGIONS:
        raise ValueError(f"--region is {given!r}; allowed: a Region that has Step Functions, such as eu-central-1")
    if None not in {given, stack.region} and given != stack.region:
        raise ValueError(f"--region is {given!r}; allowed: {stack.region}, that of the stack {stack.id}. Leave it out.")
    return stack.region or given or DEFAULT_REGION


def _series(options: Namespace, region: str) -> MetricSeries:
    from constructs_lib.forecast.load import load_test, simulate_load
    from constructs_lib.forecast.metrics import AccountLimits, metrics_of
    from constructs_lib.forecast.saved_series import read_series

    given = {name: value for name in _LOAD if (value := getattr(options, name)) is not None}
    if options.series is not None:
        if given:
            raise ValueError(f"{option_of(next(iter(given)))} doesn't go with --series. Fix: leave one of them out.")
        return read_series(options.series)
    try:
        loads = load_test(**{name: default for name, (default, _) in _LOAD.items()} | given)
    except ValueError as error:
        settings = "|".join(_LOAD)
        told = re.sub(rf"\b(?:{settings})\b", lambda setting: option_of(setting[0]), str(error))
        raise ValueError(told) from None
    limits = AccountLimits.documented_in(region)
    return metrics_of(simulate_load(loads, limits), limits)


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 7:
        raise ArgumentTypeError(f"{text!r}; allowed: a whole number from 0 to 9,999,999")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
