"""Deploys a cloud assembly with the real CDK CLI: bootstraps each environment that it needs, then deploys its stacks.

The CLI runs in an environment built from nothing, once an account with that account's credentials. Environment-agnostic
stacks go to the default account and Region. Raises `UsageError` for what can't be deployed and `LocalCloudError`, with
the CLI's last relevant lines, when the CLI fails.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from constructs_lib.assembly import Assembly, NotAnAssembly, Stack
from constructs_lib.local.endpoint import DEFAULT_ACCOUNT, DEFAULT_REGION, Endpoint
from constructs_lib.local.errors import LocalCloudError, UsageError
from constructs_lib.local.folders import DEPLOY_PID_FILE
from constructs_lib.local.tools import run_tool

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

_FAILURE = re.compile(r"❌|\b\w+_FAILED\b|\b\w*Error\b|\berror\b|\bfailed\b", re.IGNORECASE)
_SHOWN_LINES = 15


@dataclass(frozen=True)
class DeployedStack:
    """A stack as CloudFormation describes it. `state_machines`: ARNs by logical id, those of nested stacks too."""

    name: str
    account: str
    region: str
    outputs: dict[str, str]
    state_machines: dict[str, str]


class Deployer:
    """Deploys assemblies to one endpoint; an environment is bootstrapped once in its lifetime.

    `home` is a folder to write in: the CLI's home, and `deploy.log` with everything that it printed.
    """

    def __init__(self, endpoint: Endpoint, home: Path) -> None:
        self._endpoint = endpoint
        self._home = home
        self._log = home / "deploy.log"
        self._bootstrapped: set[tuple[str, str, str]] = set()

    def deploy(
        self,
        path: Path,
        *,
        stacks: Collection[str] | None = None,
        cdk: Path | str | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> list[DeployedStack]:
        """Deploy the assembly at `path`; `on_line` is called with each line that the CLI prints.

        `stacks` are the ids of those to deploy, and no others: omitted, all of them. Omitting `cdk` takes the CLI from
        PATH.
        """
        chosen = []
        for stack in _chosen(path, stacks):
            if stack.resources():
                chosen.append(stack)
            elif on_line is not None:
                on_line(f"{stack.name}: it has no resources, so there is nothing to deploy")
        cli = find_cdk(cdk)
        self._home.joinpath("tmp").mkdir(parents=True, exist_ok=True)
        for account, group in itertools.groupby(chosen, key=_account):
            own = list(group)
            for qualifier, regions in self._to_bootstrap(own).items():
                names = [f"aws://{account}/{region}" for region in regions]
                self._run([cli, "bootstrap", *names, *_bootstrap_options(qualifier)], account, on_line)
                self._bootstrapped.update((account, region, qualifier) for region in regions)
            command = [cli, "deploy", "--app", str(path.resolve()), *(s.id for s in own), *_DEPLOY_OPTIONS]
            self._run(command, account, on_line)
        return [self._describe(stack) for stack in chosen]

    def _to_bootstrap(self, stacks: Iterable[Stack]) -> dict[str, list[str]]:
        """Return the Regions by qualifier that the stacks need and that aren't bootstrapped yet."""
        wanted: dict[str, list[str]] = {}
        for stack in stacks:
            qualifier, region = stack.bootstrap_qualifier, _region(stack)
            if qualifier is None or (_account(stack), region, qualifier) in self._bootstrapped:
                continue
            regions = wanted.setdefault(qualifier, [])
            if region not in regions:
                regions.append(region)
        return wanted

    def _run(self, command: list[str], account: str, on_line: Callable[[str], None] | None) -> None:
        """Run the CLI to its end, with all that it prints in the log."""
        relevant: deque[str] = deque(maxlen=_SHOWN_LINES)
        last: deque[str] = deque(maxlen=_SHOWN_LINES)
        with self._log.open("a", encoding="utf-8") as log:

            def take(line: str) -> None:
                log.write(line + "\n")
                if line:
                    last.append(line)
                    if _FAILURE.search(line):
                        relevant.append(line)
                    if on_line is not None:
                        on_line(line)

            # There is no cdk.json in the home.
            environment = _cli_environment(self._endpoint, self._home, account)
            pid_file = self._home / DEPLOY_PID_FILE
            code = run_tool([*command, *_QUIET_OPTIONS], self._home, environment, take, pid_file=pid_file)
        if code != 0:
            what = " ".join(["cdk", *command[1:2]])
            raise LocalCloudError(f"`{what}` ended with exit code {code}.", tuple(relevant or last))

    def _describe(self, stack: Stack) -> DeployedStack:
        client = self._endpoint.client("cloudformation", account=_account(stack), region=_region(stack))
        described = client.describe_stacks(StackName=stack.name)["Stacks"][0]
        return DeployedStack(
            name=stack.name,
            account=_account(stack),
            region=_region(stack),
            outputs={o["OutputKey"]: o["OutputValue"] for o in described.get("Outputs", [])},
            state_machines=physical_ids(client, stack.name, "AWS::StepFunctions::StateMachine"),
        )


_DEPLOY_OPTIONS = ("--exclusively", "--method", "direct", "--require-approval", "never", "--progress", "events")
_QUIET_OPTIONS = ("--no-color", "--no-notices", "--no-version-reporting", "--ci")


def find_cdk(cdk: Path | str | None = None, *, option: str = "--cdk ") -> str:
    """Return the path of the CDK CLI: `cdk` when given, else the one on PATH.

    Raises `UsageError` with the fix, in which `option` is how the caller takes another.
    """
    found = shutil.which("cdk" if cdk is None else cdk)
    if found is not None:
        return str(Path(found).absolute())
    given = "no `cdk` is on PATH" if cdk is None else f"{str(cdk)!r} can't be run"
    raise UsageError(
        f"The CDK CLI is needed and {given}. Fix: npm install aws-cdk@2, then {option}node_modules/.bin/cdk"
    )


def read_assembly(path: Path) -> list[Stack]:
    """Return the stacks of an assembly in an order that deploys; raises `UsageError` when it can't be deployed."""
    try:
        assembly = Assembly.read(path)
        has_resources = any(stack.resources() for stack in assembly.stacks)
    except NotAnAssembly as error:
        raise UsageError(str(error)) from None
    if not has_resources:
        raise UsageError(f"{str(path)!r} has no stack with resources, so there is nothing to deploy.")
    if assembly.missing:
        raise UsageError(
            f"{str(path)!r} lacks values that have to be looked up in an account ({', '.join(assembly.missing)}). "
            "Fix: run `cdk synth` where it can look them up, and keep cdk.context.json."
        )
    return assembly.stacks


def _chosen(path: Path, ids: Collection[str] | None) -> list[Stack]:
    """Return the stacks of these ids, or all of them, in an order that deploys."""
    stacks = read_assembly(path)
    if ids is None:
        return stacks
    known = [stack.id for stack in stacks]
    if unknown := [one for one in ids if one not in known]:
        raise UsageError(f"{str(path)!r} has no stack {unknown[0]!r}. Allowed: {', '.join(known)}.")
    return [stack for stack in stacks if stack.id in ids]


def _account(stack: Stack) -> str:
    return DEFAULT_ACCOUNT if stack.account is None else stack.account


def _region(stack: Stack) -> str:
    return DEFAULT_REGION if stack.region is None else stack.region


def _bootstrap_options(qualifier: str) -> list[str]:
    if qualifier == "hnb659fds":
        return []
    return ["--qualifier", qualifier, "--toolkit-stack-name", f"CDKToolkit-{qualifier}"]


def _cli_environment(endpoint: Endpoint, home: Path, account: str) -> dict[str, str]:
    environment = endpoint.environment(home, account=account) | {
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_DISABLE_VERSION_CHECK": "1",
    }
    # `node` may stand beside the Python that runs this, as it does in a checkout's .venv.
    environment["PATH"] += os.pathsep + str(Path(sys.executable).parent)
    return environment


def physical_ids(client: Any, stack_name: str, resource_type: str) -> dict[str, str]:
    """Return what a deployed stack's resources of a type are really called, by logical id; nested stacks' too."""
    return {
        logical_id: physical_id
        for kind, logical_id, physical_id in resources(client, stack_name)
        if kind == resource_type
    }


def resources(client: Any, stack_name: str) -> Iterator[tuple[str, str, str]]:
    """Yield the type, the logical and the physical id of a deployed stack's resources; nested stacks' too."""
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack_name):
        for resource in page["StackResourceSummaries"]:
            if "PhysicalResourceId" in resource:
                yield resource["ResourceType"], resource["LogicalResourceId"], resource["PhysicalResourceId"]
                if resource["ResourceType"] == "AWS::CloudFormation::Stack":
                    yield from resources(client, resource["PhysicalResourceId"])


def plain_id(logical_id: str) -> str:
    """Return a logical id without the hash that CDK puts at its end."""
    return re.sub("[0-9A-F]{8}$", "", logical_id)
