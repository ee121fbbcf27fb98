"""The command line: `python -m constructs_lib.forecast [CDK_OUT]`.

Exit codes: 0 done, 2 wrong usage or input (one line: what was given, what is allowed), 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from constructs_lib.forecast.options import ACCOUNT, DEFAULTS, MAX_COMPARED, OPTIONS, compared
from constructs_lib.forecast.settings import job_of
from constructs_lib.forecast.workflow import option_of, read_map
from constructs_lib.local.commands.options import Parser, complain, say
from constructs_lib.local.commands.output import with_output

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console, RenderableType

    from constructs_lib.forecast.answer import Answer
    from constructs_lib.forecast.job import Job
    from constructs_lib.forecast.options import Option
    from constructs_lib.forecast.result import Forecast
    from constructs_lib.forecast.settings import Settings
    from constructs_lib.forecast.workflow import MapSettings

PROGRAM = "python -m constructs_lib.forecast"
_NO_WRAP = 10_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return with_output(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    if not options.json and importlib.util.find_spec("rich") is None:
        extra = 'Fix: pip install "step-functions-at-scale[forecast]", or use --json.'
        return complain(f"a forecast's tables need rich, not installed here. {extra}", code=2)
    try:
        _refuse_idle(options)
        _print_constants(options.json) if options.constants else _forecast(options)
    except ValueError as error:
        return complain(str(error), code=2)
    except KeyboardInterrupt:
        return complain("Interrupted.", code=130)
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [CDK_OUT] [options]",
        description="Foresees what a run of a Distributed Map takes and costs, and which limit of the account it\n"
        "runs into when, by simulating the account. Nothing is deployed and AWS isn't called.\n"
        "Without CDK_OUT it is the wind-speed workflow with its defaults.",
        epilog=f"examples:\n  {PROGRAM} --objects 20000 --region eu-central-1\n"
        f"  {PROGRAM} --compare batch-size=50,500 --compare child=express,standard\n"
        f"  cdk synth && {PROGRAM} cdk.out",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "assembly",
        metavar="CDK_OUT",
        nargs="?",
        type=Path,
        help="the folder that `cdk synth` wrote: the settings of its Distributed Map; options have precedence",
    )
    parser.add_argument("--map", metavar="NAME", help="the Distributed Map, by its state's name or its label")
    parser.add_argument("--machine", metavar="NAME", help="the state machine that has it, by its name or logical id")
    run = parser.add_argument_group("the run")
    account = parser.add_argument_group("the account")
    for name, option in OPTIONS.items():
        default = DEFAULTS[name]
        shown = option.unset if default is None else f"{default:,}" if isinstance(default, int) else default
        (account if name in ACCOUNT else run).add_argument(
            option_of(name),
            metavar=option.metavar,
            type=_reader(option),
            help=f"{option.help} (default: {shown})",
        )
    output = parser.add_argument_group("output")
    output.add_argument(
        "--compare",
        metavar="KEY=A,B",
        action="append",
        default=[],
        help="a table of forecasts, a row a value, such as child=express,standard; given again, a row for each pair of "
        f"values; {MAX_COMPARED} rows at most. KEY is any option of the run or the account",
    )
    output.add_argument(
        "--save-scenario",
        metavar="FILE",
        type=Path,
        help="write the likely run's metrics by the minute as a scenario of alarms (YAML); with CDK_OUT, together with "
        "what its alarms make of them",
    )
    output.add_argument("--json", action="store_true", help="print everything as JSON")
    output.add_argument("--series", action="store_true", help="with --json: what each run does in each second, too")
    output.add_argument(
        "--constants", action="store_true", help="list what the forecast takes for granted: ranges, sources, dates"
    )
    return parser


def _reader(option: Option) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return option.read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} isn't one; allowed: {error}") from None

    return read


def _refuse_idle(options: argparse.Namespace) -> None:
    """Refuse options that would be ignored."""
    if options.series and not options.json:
        raise ValueError("--series goes only with --json. Fix: give both, or leave it out.")
    if options.assembly is None:
        for name in ("map", "machine"):
            if getattr(options, name) is not None:
                raise ValueError(f"--{name} goes only with the folder that `cdk synth` writes. Fix: give it, cdk.out.")
    if options.compare and options.save_scenario is not None:
        raise ValueError("--save-scenario saves one forecast, and --compare makes several. Fix: leave one out.")
    if options.constants:
        alone = vars(_parser().parse_args([])) | {"constants": True, "json": options.json}
        for name, value in vars(options).items():
            if value != alone[name]:
                what = "CDK_OUT" if name == "assembly" else option_of(name)
                raise ValueError(f"{what} doesn't go with --constants, which lists them only. Fix: leave one out.")


def _print_constants(as_json: bool) -> None:
    from constructs_lib.forecast.constants import CONSTANTS

    if as_json:
        from constructs_lib.forecast.document import constants_document

        _print_json(constants_document(CONSTANTS))
        return
    from constructs_lib.forecast import report

    _print(report.constants(CONSTANTS), _console())


def _forecast(options: argparse.Namespace) -> None:
    read = _read(options)
    given = {name: value for name in OPTIONS if (value := getattr(options, name)) is not None}
    answers = _answers([job_of(given, chosen, read) for chosen in compared(options.compare)])
    if options.save_scenario is not None:
        _save(answers[0].forecast, options.save_scenario, options.assembly)
    if options.json:
        from constructs_lib.forecast.document import forecast_document

        documents = [forecast_document(answer, series=options.series) for answer in answers]
        _print_json({"forecasts": documents} if options.compare else documents[0])
        return
    from constructs_lib.forecast import report

    console = _console()
    _print(report.comparison(answers, read, console) if options.compare else report.one(answers[0], read), console)


def _read(options: argparse.Namespace) -> MapSettings | None:
    if options.assembly is None:
        return None
    from constructs_lib.assembly import Assembly

    return read_map(Assembly.read(options.assembly), machine=options.machine, map_name=options.map)


def _answers(jobs: Sequence[tuple[Job, Settings]]) -> list[Answer]:
    from constructs_lib.forecast.answer import Answer
    from constructs_lib.forecast.progress import Bar
    from constructs_lib.forecast.simulation import forecast

    with Bar(len(jobs)) as bar:
        return [Answer(forecast(job, progress=bar.of(index)), settings) for index, (job, settings) in enumerate(jobs)]


def _save(forecast: Forecast, path: Path, assembly: Path | None) -> None:
    if importlib.util.find_spec("yaml") is None:
        raise ValueError(
            "--save-scenario needs PyYAML, not installed here. Fix: "
            'pip install "step-functions-at-scale[forecast]", or leave it out.'
        )
    from constructs_lib.forecast.metrics import limits_of, metrics_of, use_of
    from constructs_lib.forecast.saved_series import save, series_asked_for
    from constructs_lib.testing.alarm_simulation import AlarmSimulation

    job, run = forecast.job, forecast.likely
    series = metrics_of(use_of(run), limits_of(run))
    alarms = None if assembly is None else AlarmSimulation.read(assembly, region=job.region)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save(
            series,
            path,
            name=f"{job.objects:,} objects, {job.batch_size:,} a batch, {job.max_concurrency:,} at a time",
            about=f"The likely run of a forecast: {job.child} children, {job.source}, {job.region}.",
            alarms=alarms if alarms is not None and series_asked_for(series, alarms) else None,
        )
    except OSError as error:
        raise ValueError(f"{str(path)!r} can't be written: {error.strerror}. Fix: give another file.") from None
    say(f"Saved {path}: the likely run's metrics as a scenario of alarms.")


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, allow_nan=False))


def _console() -> Console:
    """Tables are as wide as the terminal; elsewhere as they need."""
    from rich.console import Console

    console = Console(highlight=False)
    is_free = not console.is_terminal and "COLUMNS" not in os.environ
    return Console(highlight=False, width=_NO_WRAP) if is_free else console


def _print(what: RenderableType, console: Console) -> None:
    with console.capture() as capture:
        console.print(what)
    print("\n".join(line.rstrip() for line in capture.get().splitlines()))
