"""`start`: run a state machine and follow it to its end."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any, NoReturn

from constructs_lib.local.commands.options import add_endpoint
from constructs_lib.local.commands.outcome import tell
from constructs_lib.local.commands.refusals import told
from constructs_lib.local.commands.targets import Target, chosen_machine


def add_parser(commands: Any) -> None:
    """Add `start`."""
    start = commands.add_parser(
        "start",
        help="run a state machine and follow it to its end",
        description="Starts an execution, shows its states as they run, with retries and the progress of maps in items "
        "(objects) and child executions (batches), and prints its output to stdout. When it fails: the state, its "
        "error and cause and what its Lambda function last wrote, to stderr. Exit code 1: it didn't succeed. Ctrl-C "
        "stops the execution.",
    )
    start.add_argument(
        "state_machine",
        nargs="?",
        metavar="STATE_MACHINE",
        help="its name, ARN, logical id, or the name of a stack output with its ARN (default: the app's only one)",
    )
    start.add_argument(
        "--input",
        default="{}",
        metavar="JSON|@FILE",
        help="the execution's input, as JSON or from a file (default: {})",
    )
    start.add_argument("--name", type=_execution_name, help="the execution's name (default: one is made up)")
    add_endpoint(start, "run it on this emulator instead of the one that `up` started")
    start.set_defaults(command=_start, interrupted="Interrupted; nothing was started.")


def _start(options: argparse.Namespace) -> int:
    text = _execution_input(options.input)
    target = Target.of(options)
    arn = chosen_machine(options.state_machine, target.machines())
    from constructs_lib.local import execution
    from constructs_lib.local.progress import Watch

    machine = target.client("stepfunctions", arn).describe_state_machine(stateMachineArn=arn)
    options.interrupted = (
        "Interrupted; the execution runs on: one of an Express machine can't be stopped."
        if machine["type"] == "EXPRESS"
        else "Interrupted; the execution was stopped."
    )
    taken = (
        f"The state machine has an execution {options.name!r} already. Allowed: a name that it hasn't had for 90 days. "
        "Fix: give another --name, or none to have one made up."
    )
    with told(ExecutionAlreadyExists=taken), Watch(json.loads(machine["definition"])) as watch:
        result = execution.run(
            target.endpoint,
            arn,
            text,
            name=options.name,
            on_progress=watch.progress,
            on_events=watch.events,
        )
    return tell(target, result, watch.timeline)


def _execution_name(given: str) -> str:
    """Return a name that StartExecution takes: https://docs.aws.amazon.com/step-functions/latest/apireference."""
    if not re.fullmatch(r"""[^\s\x00-\x1f\x7f-\x9f<>{}\[\]?*"#%\\^|~`$&,;:/]{1,80}""", given):
        raise argparse.ArgumentTypeError(
            f"{given!r} can't be one. Allowed: 1 to 80 letters, digits, hyphens and underscores, such as first-run"
        )
    return given


def _execution_input(given: str) -> str:
    """Return the input as JSON text; `@name` reads a file."""
    from constructs_lib.local.errors import UsageError

    where, text = "--input", given
    if given.startswith("@"):
        where = given[1:]
        try:
            text = Path(where).read_text("utf-8")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise UsageError(
                f"The input file {where!r} can't be read ({reason}). Allowed: a file with JSON in UTF-8; or JSON, "
                "without the @."
            ) from None
    try:
        json.loads(text.encode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{where} isn't JSON ({error}): {text[:80]!r}. Allowed: JSON such as '{{\"years\": [2024]}}', or @FILE."
        ) from None
    return text


def _refuse_constant(name: str) -> NoReturn:
    """Refuse what Python reads and JSON hasn't."""
    raise ValueError(f"{name} is no number of JSON's")
