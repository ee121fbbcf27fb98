"""`redrive`: go on with an execution that failed, where it failed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from constructs_lib.local.commands.options import add_endpoint
from constructs_lib.local.commands.outcome import tell
from constructs_lib.local.commands.targets import Target

if TYPE_CHECKING:
    import argparse


def add_parser(commands: Any) -> None:
    """Add `redrive`."""
    parser = commands.add_parser(
        "redrive",
        help="go on with an execution that failed, where it failed",
        description="Goes on with an execution that failed, timed out or was stopped: what succeeded isn't run again, "
        "of a map only the items (objects) that failed or never started are. Shows it and its end as `start` does. "
        "Ctrl-C stops the execution.",
    )
    parser.add_argument(
        "execution",
        nargs="?",
        metavar="EXECUTION",
        help="its ARN, or its name; a Standard one (default: the one started last, by anyone but another execution)",
    )
    add_endpoint(parser, "look on this emulator instead of the one that `up` started")
    parser.set_defaults(command=_redrive, interrupted="Interrupted; nothing was redriven.")


def _redrive(options: argparse.Namespace) -> int:
    target = Target.of(options)
    arn = target.execution(options.execution)
    from constructs_lib.local import execution
    from constructs_lib.local.progress import Watch

    execution.check_redrivable(arn)
    client = target.client("stepfunctions", arn)
    definition = json.loads(client.describe_state_machine_for_execution(executionArn=arn)["definition"])
    options.interrupted = "Interrupted; the execution was stopped."
    with Watch(definition) as watch:
        result = execution.redrive(
            target.endpoint, arn, on_progress=watch.progress, on_earlier=watch.known, on_events=watch.events
        )
    return tell(target, result, watch.timeline)
