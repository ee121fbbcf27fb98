"""`history`: an execution's events as a table, or raw."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

from constructs_lib.local.commands.options import add_endpoint, say
from constructs_lib.local.commands.targets import Target

if TYPE_CHECKING:
    import argparse


def add_parser(commands: Any) -> None:
    """Add `history`."""
    parser = commands.add_parser(
        "history",
        help="print an execution's events",
        description="Prints an execution's history as a table: each event's id, the seconds since the start, its type, "
        "its state and what it tells, in short. One that still runs is shown as far as it is.",
    )
    parser.add_argument(
        "execution",
        nargs="?",
        metavar="EXECUTION",
        help="its ARN, or its name; an Express one, or a child execution of a Map Run, by its ARN (default: the "
        "Standard one started last, by anyone but another execution)",
    )
    parser.add_argument("--json", action="store_true", help="print the events as GetExecutionHistory gives them")
    add_endpoint(parser, "look on this emulator instead of the one that `up` started")
    parser.set_defaults(command=_history, interrupted="Interrupted.")


def _history(options: argparse.Namespace) -> int:
    target = Target.of(options)
    arn = target.execution(options.execution)
    from constructs_lib.local.event_table import HEADER, rows
    from constructs_lib.local.history import History

    client = target.client("stepfunctions", arn)
    described = client.describe_execution(executionArn=arn)
    events = History(client, arn).new()
    if options.json:
        print(json.dumps(events, indent=2, default=lambda moment: moment.isoformat(), ensure_ascii=False))
        return 0
    print(f"{arn}  {described['status']}")
    if not events:
        say("It has no events: a child execution of type EXPRESS that succeeded keeps none.")
        return 0
    most = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    table = [HEADER, *rows(events)]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADER) - 1)]
    for row in table:
        cells = [
            row[0].rjust(widths[0]),
            row[1].rjust(widths[1]),
            *(row[column].ljust(widths[column]) for column in range(2, len(widths))),
            row[-1],
        ]
        line = "  ".join(cells).rstrip()
        print(line if most is None or len(line) <= most else f"{line[: most - 1]}…")
    return 0
