"""`logs`: what the Lambda handlers wrote."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from constructs_lib.local.commands.options import add_endpoint, say
from constructs_lib.local.commands.targets import Target

if TYPE_CHECKING:
    import argparse

_FOLLOW_SECONDS = 0.3


def add_parser(commands: Any) -> None:
    """Add `logs`."""
    parser = commands.add_parser(
        "logs",
        help="print what the Lambda functions wrote",
        description="Prints what the app's Lambda functions wrote to CloudWatch Logs, in the order of time; with "
        "several functions each line behind its function's name.",
    )
    parser.add_argument(
        "function",
        nargs="?",
        metavar="FUNCTION",
        help="its name, ARN or logical id (default: every function of the app)",
    )
    parser.add_argument("--follow", action="store_true", help="go on printing what they write, until Ctrl-C")
    add_endpoint(parser, "look on this emulator instead of the one that `up` started")
    parser.set_defaults(command=_logs, interrupted="Interrupted.")


def _logs(options: argparse.Namespace) -> int:
    target = Target.of(options)
    chosen = _chosen(options.function, _functions(target))
    from constructs_lib.local.handler_logs import FunctionLog, log_group, merged, printer

    logs = []
    for arn in chosen:
        group = log_group(target.client("lambda", arn), arn)
        logs.append(FunctionLog(target.client("logs", arn), arn.rpartition(":")[2], group))
    show = printer([log.function for log in logs], lambda line: print(line, flush=options.follow))
    try:
        lines = merged(logs)
        for line in lines:
            show(line)
        if not lines and not options.follow:
            say(f"Nothing was written yet by {', '.join(log.function for log in logs)}.")
        while options.follow:
            time.sleep(_FOLLOW_SECONDS)
            for line in merged(logs):
                show(line)
    except KeyboardInterrupt:  # how following ends
        if not options.follow:
            raise
    return 0


def _functions(target: Target) -> dict[str, set[str]]:
    """The names that each function goes by, by ARN: its name, its logical id with and without CDK's hash."""
    functions: dict[str, set[str]] = {}
    if target.stacks is None:
        for page in target.endpoint.client("lambda").get_paginator("list_functions").paginate():
            functions |= {f["FunctionArn"]: {f["FunctionName"]} for f in page["Functions"]}
        return functions
    from constructs_lib.local.deploy import physical_ids, plain_id

    for stack in target.stacks:
        client = target.endpoint.client("cloudformation", account=stack.account, region=stack.region)
        for logical_id, name in physical_ids(client, stack.name, "AWS::Lambda::Function").items():
            names = {logical_id, plain_id(logical_id)}
            arn = f"arn:aws:lambda:{stack.region}:{stack.account}:function:{name}"
            functions[arn] = {name, *names, *(f"{stack.name}.{n}" for n in names)}
    return functions


def _chosen(given: str | None, functions: dict[str, set[str]]) -> list[str]:
    """The ARNs of the functions that `given` means: one, or all; raises `UsageError` when there is none."""
    from constructs_lib.local.errors import UsageError

    allowed = ", ".join(sorted(arn.rpartition(":")[2] for arn in functions)) or "none is deployed"
    if given is None:
        if not functions:
            raise UsageError("There is no Lambda function: none is deployed. Fix: deploy an app that has one.")
        return list(functions)
    found = [arn for arn, names in functions.items() if given == arn or given in names]
    if len(found) == 1:
        return found
    if found:
        raise UsageError(f"The function {given!r} could be any of {', '.join(found)}. Fix: give the ARN.")
    raise UsageError(f"The function {given!r} is unknown. Allowed: {allowed}.")
