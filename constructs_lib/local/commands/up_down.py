"""`up` and `down`: bring an embedded AWS up with an app on it, and take it away."""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from constructs_lib.local.commands.options import PROGRAM, add_endpoint, other_endpoint, refuse_idle_options, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs_lib.local.deploy import DeployedStack
    from constructs_lib.local.endpoint import Endpoint
    from constructs_lib.local.session import LocalCloud


def add_up(commands: Any) -> None:
    """Add `up`."""
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
    up.add_argument(
        "--sync-poll-seconds",
        type=float,
        metavar="SECONDS",
        help="how often a .sync task looks whether what it waits for is over, 0.001 to 600 (default: 0.1; AWS polls "
        "across accounts every 60 seconds, and less often after ten minutes)",
    )
    up.add_argument(
        "--bedrock-replies",
        type=Path,
        metavar="FILE",
        help="canned replies of Bedrock's models, by model and by a pattern of the prompt (JSON; docs/local-cloud.md; "
        "default: each answer says that it is made up)",
    )
    add_endpoint(up, "deploy to this emulator instead of starting one")
    up.set_defaults(command=_up, interrupted="Interrupted; no process and no folder is left.")


def add_down(commands: Any) -> None:
    """Add `down`."""
    down = commands.add_parser(
        "down",
        help="stop the embedded AWS",
        description="Stops what `up` left running, its Lambda workers too, and removes its folder and all data in it.",
    )
    down.set_defaults(command=_down, interrupted="Interrupted; the local cloud was killed.")


def _up(options: argparse.Namespace) -> int:
    from constructs_lib.local import record
    from constructs_lib.local.deploy import Deployer, find_cdk, read_assembly
    from constructs_lib.local.session import LocalCloud

    refuse_idle_options(options)
    read_assembly(options.app)  # what is wrong with these two is said before anything starts
    find_cdk(options.cdk)
    if options.endpoint is not None:
        endpoint = other_endpoint(options)
        with tempfile.TemporaryDirectory(prefix="local-aws-") as home:
            stacks = Deployer(endpoint, Path(home)).deploy(options.app, cdk=options.cdk, on_line=say)
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

        with LocalCloud.start(
            options.port,
            options.folder,
            sync_poll_seconds=options.sync_poll_seconds,
            bedrock_replies=options.bedrock_replies,
            keep_open=(claim.descriptor,),
            on_process=write,
        ) as cloud:
            cloud.deploy(options.app, cdk=options.cdk, on_line=say)
            write(cloud)
            cloud.leave_running()
    _print_stacks(cloud.endpoint, cloud.stacks)
    print(f"\nTo stop it:\n  {PROGRAM} down")
    return 0


def _down(_: argparse.Namespace) -> int:
    from constructs_lib.local import record

    dead = record.clear_dead_session()
    if dead is not None:
        print(f"The local cloud at {dead.url} was already dead (process {dead.pid}); its folder is gone.")
        return 0
    session = record.stop_session()
    print(f"Stopped the local cloud at {session.url}; its processes and its folder are gone.")
    return 0


def _port(given: str) -> int:
    if not re.fullmatch(r"-?\d{1,9}", given):
        raise argparse.ArgumentTypeError(f"{given!r} isn't one. Allowed: 1 to 65535; omit it to take any free one")
    return int(given)


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
        print(f"\nTo run one:\n  {PROGRAM} start {machines[0][0]} --input '{{}}'")
    account = stacks[0].account if stacks else DEFAULT_ACCOUNT
    region = stacks[0].region if stacks else DEFAULT_REGION
    variables = {"AWS_ENDPOINT_URL": endpoint.url, "AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "local"}
    variables |= {"AWS_DEFAULT_REGION": region, "AWS_CONFIG_FILE": "/dev/null"}
    if endpoint.certificate is not None:
        variables["AWS_CA_BUNDLE"] = str(endpoint.certificate)
    exports = " ".join(f"{name}={value}" for name, value in variables.items())
    print(f"\nTo use the AWS CLI with it (the access key names the account):\n  export {exports}")
