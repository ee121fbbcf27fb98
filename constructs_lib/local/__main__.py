"""The command line: `python -m constructs_lib.local up | start | down`.

Exit codes: 0 done, 1 the run or the deployment failed, 2 wrong usage (one line: what was given, what is allowed, the
fix), 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from constructs_lib.local import require_extra

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from constructs_lib.local.deploy import DeployedStack
    from constructs_lib.local.endpoint import Endpoint
    from constructs_lib.local.execution import ExecutionResult

_PROGRAM = "python -m constructs_lib.local"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        require_extra()
    except ImportError as error:
        return _complain(str(error), code=2)
    from botocore.exceptions import BotoCoreError, ClientError

    from constructs_lib.local.errors import LocalCloudError, UsageError

    try:
        return int(options.command(options))
    except UsageError as error:
        return _complain(str(error), code=2)
    except LocalCloudError as error:
        return _complain(str(error), *error.details, code=1)
    except (BotoCoreError, ClientError) as error:
        return _complain(str(error), code=1)
    except KeyboardInterrupt:
        return _complain(options.interrupted, code=130)


def _up(options: argparse.Namespace) -> int:
    from constructs_lib.local import record
    from constructs_lib.local.deploy import Deployer, find_cdk, read_assembly
    from constructs_lib.local.session import LocalCloud

    _refuse_idle_options(options)
    read_assembly(options.app)  # what is wrong with these two is said before anything starts
    find_cdk(options.cdk)
    if options.endpoint is not None:
        endpoint = _other_endpoint(options)
        with tempfile.TemporaryDirectory(prefix="local-aws-") as home:
            stacks = Deployer(endpoint, Path(home)).deploy(options.app, cdk=options.cdk, on_line=_say)
        _print_stacks(endpoint, stacks)
        return 0
    with record.claim() as claim:

        def write(cloud: LocalCloud) -> None:
            claim.write(
                record.Session(
                    url=cloud.endpoint.url,
                    certificate=str(cloud.endpoint.certificate),
                    folder=str(cloud.folder),
                    pid=cloud.pid,
                    stacks=tuple(cloud.stacks),
                )
            )

        with LocalCloud.start(options.port, options.folder, keep_open=(claim.descriptor,), on_process=write) as cloud:
            cloud.deploy(options.app, cdk=options.cdk, on_line=_say)
            write(cloud)
            cloud.leave_running()
    _print_stacks(cloud.endpoint, cloud.stacks)
    print(f"\nTo stop it:\n  {_PROGRAM} down")
    return 0


def _start(options: argparse.Namespace) -> int:
    from constructs_lib.local import execution, record
    from constructs_lib.local.progress import ProgressBars

    _refuse_idle_options(options)
    text = _execution_input(options.input)
    if options.endpoint is not None:
        endpoint = _other_endpoint(options)
        machines = _listed_machines(endpoint)
    else:
        session = record.running_session()
        endpoint, machines = session.endpoint, _deployed_machines(session.stacks)
    arn = _chosen_machine(options.state_machine, machines)
    with ProgressBars() as bars:
        result = execution.run(endpoint, arn, text, name=options.name, on_progress=bars.show)
    return _print_result(result)


def _down(_: argparse.Namespace) -> int:
    from constructs_lib.local import record

    session = record.stop_session()
    print(f"Stopped the local cloud at {session.url}; its processes and its folder are gone.")
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as every error here."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}. See {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=_PROGRAM,
        description="An embedded AWS on this machine: deploys any CDK app's cloud assembly with the real CDK CLI and "
        "runs its state machines. It needs no AWS account and can't reach one.",
        epilog=f"A first run:  cdk synth && {_PROGRAM} up --app cdk.out && {_PROGRAM} start && {_PROGRAM} down",
    )
    commands = parser.add_subparsers(required=True, metavar="up|start|down", parser_class=_Parser)

    up = commands.add_parser(
        "up",
        help="start the embedded AWS and deploy a cloud assembly to it",
        description="Starts the embedded AWS on 127.0.0.1, deploys a cloud assembly to it with the real CDK CLI and "
        "returns, leaving it running. Stacks of no particular account or Region go to 111111111111, us-east-1.",
    )
    up.add_argument(
        "--app", type=Path, required=True, metavar="DIR", help="the folder that `cdk synth` wrote (cdk.out)"
    )
    up.add_argument("--port", type=_port, help="where to listen (default: 4566, or any free port when that is taken)")
    up.add_argument("--cdk", metavar="FILE", help="the CDK CLI (default: `cdk` on PATH)")
    up.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="where it keeps its data while it runs; must be new or empty, and is removed by `down` (default: a "
        "temporary folder)",
    )
    _add_endpoint(up, "deploy to this emulator instead of starting one")
    up.set_defaults(command=_up, interrupted="Interrupted; no process and no folder is left.")

    start = commands.add_parser(
        "start",
        help="run a state machine and follow it to its end",
        description="Starts an execution, shows its progress in items (objects) and child executions (batches) while "
        "it runs, and prints its output to stdout, or its error and cause to stderr. Exit code 1: it didn't succeed. "
        "Ctrl-C stops the execution.",
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
    _add_endpoint(start, "run it on this emulator instead of the one that `up` started")
    start.set_defaults(command=_start, interrupted="Interrupted; the execution was stopped.")

    down = commands.add_parser(
        "down",
        help="stop the embedded AWS",
        description="Stops what `up` left running, its Lambda workers too, and removes its folder and all data in it.",
    )
    down.set_defaults(command=_down, interrupted="Interrupted; the local cloud was killed.")
    return parser


def _add_endpoint(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--endpoint", metavar="URL", help=what)
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="the certificate to trust there (PEM)")
    parser.add_argument(
        "--allow-remote-endpoint", action="store_true", help="needed for an --endpoint that isn't on loopback"
    )


def _refuse_idle_options(options: argparse.Namespace) -> None:
    """Refuse options that would be ignored: some go with --endpoint only, some never do."""
    from constructs_lib.local.errors import UsageError

    elsewhere = options.endpoint is not None
    idle = ("port", "folder") if elsewhere else ("certificate", "allow_remote_endpoint")
    how = "doesn't go" if elsewhere else "goes only"
    for name in idle:
        if getattr(options, name, None) not in {None, False}:
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"{flag} {how} with --endpoint. Fix: leave it out.")


def _other_endpoint(options: argparse.Namespace) -> Endpoint:
    from constructs_lib.local.endpoint import Endpoint
    from constructs_lib.local.errors import UsageError

    if options.certificate is not None and not options.certificate.is_file():
        raise UsageError(f"The certificate {str(options.certificate)!r} doesn't exist. Fix: give a PEM file.")
    certificate = None if options.certificate is None else options.certificate.absolute()
    return Endpoint(options.endpoint, certificate, options.allow_remote_endpoint)


def _execution_name(given: str) -> str:
    """Return a name that StartExecution takes: https://docs.aws.amazon.com/step-functions/latest/apireference."""
    if not re.fullmatch(r"""[^\s\x00-\x1f\x7f-\x9f<>{}\[\]?*"#%\\^|~`$&,;:/]{1,80}""", given):
        raise argparse.ArgumentTypeError(
            f"{given!r} can't be one. Allowed: 1 to 80 letters, digits, hyphens and underscores, such as first-run"
        )
    return given


def _port(given: str) -> int:
    if not re.fullmatch(r"-?\d{1,9}", given):
        raise argparse.ArgumentTypeError(f"{given!r} isn't one. Allowed: 1 to 65535; omit it to take any free one")
    return int(given)


def _execution_input(given: str) -> str:
    """Return the input as JSON text; `@name` reads a file."""
    from constructs_lib.local.errors import UsageError

    where, text = "--input", given
    if given.startswith("@"):
        where = given[1:]
        try:
            text = Path(where).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"The input file {where!r} can't be read: {error}.") from None
    try:
        json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"{where} isn't JSON ({error}): {text[:80]!r}. Allowed: JSON such as '{{\"years\": [2024]}}', or @FILE."
        ) from None
    return text


def _deployed_machines(stacks: Sequence[DeployedStack]) -> dict[str, set[str]]:
    """Return the names that each state machine goes by, by ARN.

    They are its name, its logical id with and without CDK's hash, and the stack outputs that are its ARN; each but the
    name also behind its stack's.
    """
    machines: dict[str, set[str]] = {}
    for stack in stacks:
        for logical_id, arn in stack.state_machines.items():
            names = {key for key, value in stack.outputs.items() if value == arn}
            names |= {logical_id, re.sub("[0-9A-F]{8}$", "", logical_id)}
            machines[arn] = {arn.rpartition(":")[2], *names, *(f"{stack.name}.{name}" for name in names)}
    return machines


def _listed_machines(endpoint: Endpoint) -> dict[str, set[str]]:
    """Return the same for another emulator's default account and Region."""
    pages = endpoint.client("stepfunctions").get_paginator("list_state_machines").paginate()
    return {m["stateMachineArn"]: {m["name"]} for page in pages for m in page["stateMachines"]}


def _chosen_machine(given: str | None, machines: dict[str, set[str]]) -> str:
    from constructs_lib.local.errors import UsageError

    allowed = ", ".join(sorted(arn.rpartition(":")[2] for arn in machines)) or "none is deployed"
    if given is None:
        if len(machines) == 1:
            return next(iter(machines))
        raise UsageError(f"No state machine was given, and there isn't exactly one. Allowed: {allowed}.")
    if given in machines:
        return given
    found = [arn for arn, names in machines.items() if given in names]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"The state machine {given!r} could be any of {', '.join(found)}. Fix: give the ARN.")
    raise UsageError(f"The state machine {given!r} is unknown. Allowed: {allowed}.")


def _print_stacks(endpoint: Endpoint, stacks: Sequence[DeployedStack]) -> None:
    from constructs_lib.local.endpoint import DEFAULT_ACCOUNT, DEFAULT_REGION

    print(f"The embedded AWS answers at {endpoint.url}\n\nStacks")
    for stack in stacks:
        print(f"  {stack.name}  (account {stack.account}, {stack.region})")
        for key, value in stack.outputs.items():
            print(f"    {key} = {value}")
    machines = [(logical_id, arn) for stack in stacks for logical_id, arn in stack.state_machines.items()]
    if machines:
        print("\nState machines")
        for logical_id, arn in machines:
            print(f"  {logical_id}  {arn}")
        print(f"\nTo run one:\n  {_PROGRAM} start {machines[0][0]} --input '{{}}'")
    account = stacks[0].account if stacks else DEFAULT_ACCOUNT
    region = stacks[0].region if stacks else DEFAULT_REGION
    variables = {"AWS_ENDPOINT_URL": endpoint.url, "AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "local"}
    variables |= {"AWS_DEFAULT_REGION": region, "AWS_CONFIG_FILE": "/dev/null"}
    if endpoint.certificate is not None:
        variables["AWS_CA_BUNDLE"] = str(endpoint.certificate)
    exports = " ".join(f"{name}={value}" for name, value in variables.items())
    print(f"\nTo use the AWS CLI with it (the access key names the account):\n  export {exports}")


def _print_result(result: ExecutionResult) -> int:
    if result.succeeded:
        print(json.dumps(result.output, indent=2, ensure_ascii=False))
        return 0
    what = f"{result.status}: {result.error}" if result.error else result.status
    details = (result.cause, result.execution_arn) if result.cause else (result.execution_arn,)
    return _complain(f"The execution ended {what}", *details, code=1)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _complain(message: str, *details: str, code: int) -> int:
    """Print an error, and any further lines of it, to stderr and return the exit code."""
    for line in (f"error: {message}", *details):
        _say(line)
    return code


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)  # `kill` cleans up as Ctrl-C does
    sys.exit(main())
