"""The command line: `python -m constructs_lib.testing alarms cdk.out [scenarios.yaml …]`.

Exit codes: 0 every scenario passed, 1 one failed, 2 wrong usage or input (one line: what was given, what is allowed).
"""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_lib.assembly import DEFAULT_ACCOUNT, DEFAULT_REGION
from constructs_lib.local.commands.options import Parser, complain
from constructs_lib.local.commands.output import with_output
from constructs_lib.testing.readings import Readings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from constructs_lib.testing.alarm_simulation import AlarmSimulation

PROGRAM = "python -m constructs_lib.testing"
_WIDTH = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return with_output(lambda: _run(_parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    if importlib.util.find_spec("yaml") is None:
        extra = 'Fix: pip install "step-functions-at-scale[testing]"'
        return complain(f"alarm scenarios need PyYAML, not installed here. {extra}", code=2)
    try:
        return _alarms(options)
    except ValueError as error:
        return complain(str(error), code=2)


def _parser() -> Parser:
    parser = Parser(prog=PROGRAM, description="Tests of a CDK app from its synthesized templates alone.")
    commands = parser.add_subparsers(required=True, metavar="alarms", parser_class=Parser)
    alarms = commands.add_parser(
        "alarms",
        help="test when CloudWatch alarms go off",
        description="Judges scenarios: series of points, and the state in which each alarm shall be. Without scenarios "
        "it lists the alarms, when each goes off, and the metrics to give series for. Nothing is deployed.",
        epilog=f"A first run:  cdk synth && {PROGRAM} alarms cdk.out. How to write scenarios: docs/alarm-scenarios.md",
    )
    alarms.add_argument("assembly", metavar="CDK_OUT", type=Path, help="the folder that `cdk synth` wrote")
    alarms.add_argument(
        "scenarios", metavar="SCENARIOS", type=Path, nargs="*", default=[], help="files of scenarios (YAML)"
    )
    alarms.add_argument("--verbose", action="store_true", help="draw the alarms of scenarios that passed, too")
    alarms.add_argument("--stack", metavar="NAME", help="keep to the alarms of this stack")
    alarms.add_argument("--account", metavar="ID", default=DEFAULT_ACCOUNT, help="that of environment-agnostic stacks")
    alarms.add_argument("--region", metavar="REGION", default=DEFAULT_REGION, help="likewise")
    choices = ", ".join(f"{field.name}={field.default}" for field in dataclasses.fields(Readings))
    alarms.add_argument(
        "--reading",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help=f"read what CloudWatch's documentation leaves open in another way; by default {choices}",
    )
    return parser


def _alarms(options: argparse.Namespace) -> int:
    from constructs_lib.testing.alarm_simulation import AlarmSimulation

    simulation = AlarmSimulation.read(
        options.assembly,
        stack=options.stack,
        account=options.account,
        region=options.region,
        readings=_readings(options.reading),
    )
    return _judge(simulation, options) if options.scenarios else _list(simulation)


def _readings(given: Sequence[str]) -> Readings:
    """The readings, those that were given in the place of the defaults; raises `ValueError`."""
    fields = {field.name: type(field.default) for field in dataclasses.fields(Readings)}
    found: dict[str, int | bool] = {}
    for each in given:
        name, _, value = each.partition("=")
        words = {"true": True, "false": False}
        if fields.get(name) is bool and value.lower() in words:
            found[name] = words[value.lower()]
        elif fields.get(name) is int and value.isdecimal() and int(value) <= 10_080:
            found[name] = int(value)
        else:
            allowed = ", ".join(f"{n}={'true|false' if kind is bool else '<number>'}" for n, kind in fields.items())
            raise ValueError(f"--reading {each!r} is unknown; allowed: {allowed}")
    return dataclasses.replace(Readings(), **found)  # type: ignore[arg-type]


def _list(simulation: AlarmSimulation) -> int:
    from constructs_lib.testing.alarm_picture import definitions

    for alarm in simulation.alarms:
        print(alarm.path)
        for line in (alarm.condition, *definitions(alarm)):
            print(textwrap.fill(line, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False))
    print(f"{_count(len(simulation.alarms), 'alarm')}.")
    return 0


def _judge(simulation: AlarmSimulation, options: argparse.Namespace) -> int:
    from constructs_lib.testing.alarms import UnreadableAlarm
    from constructs_lib.testing.scenario_files import run_scenarios

    results = [result for file in options.scenarios for result in run_scenarios(file, simulation)]
    for result in results:
        print(f"{'passed' if result else 'FAILED'}  {result.scenario.name}")
        details = result.pictures if result and options.verbose else result.report
        if details:
            print(f"\n{details}\n")
    unreadable = sum(isinstance(alarm, UnreadableAlarm) for alarm in simulation.alarms)
    if unreadable:
        alarms = _count(unreadable, "alarm")
        print(f"{alarms} can't be evaluated: {PROGRAM} alarms {options.assembly} says why.")
    failed = sum(not result for result in results)
    scenarios = _count(len(results), "scenario")
    print(f"{failed} of {scenarios} failed." if failed else f"{scenarios} passed.")
    return 1 if failed else 0


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(main())
