"""`redrive`: go on with an execution that failed, where it failed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from constructs_lib.local.commands.options import PROGRAM, add_endpoint
from constructs_lib.local.commands.outcome import tell
from constructs_lib.local.commands.refusals import told
from constructs_lib.local.commands.targets import Target

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping


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
    reason = refusal(client.describe_execution(executionArn=arn))
    with told(ExecutionNotRedrivable=reason), Watch(definition) as watch:
        result = execution.redrive(
            target.endpoint, arn, on_progress=watch.progress, on_earlier=watch.known, on_events=watch.events
        )
    return tell(target, result, watch.timeline)


def refusal(described: Mapping[str, Any]) -> str:
    """Why an execution can't be redriven, from what DescribeExecution says of it."""
    name, status = described["executionArn"].rpartition(":")[2], described["status"]
    if status in {"FAILED", "TIMED_OUT", "ABORTED"}:
        reason = described.get("redriveStatusReason") or "the API gives no reason"
        return f"The execution {name!r} can't be redriven: {reason}. Fix: {PROGRAM} start"
    message = f"The execution {name!r} can't be redriven: it is {status}. Allowed: FAILED, TIMED_OUT, ABORTED."
    if status != "SUCCEEDED":
        return message
    again = json.dumps({"retry_of": name}, ensure_ascii=False)
    return f"{message} Fix, where it lost objects and its workflow has retry_of: {PROGRAM} start --input '{again}'"
