"""What is deployed, and which state machine, execution or function a name on the command line means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from constructs_lib.local.deploy import DeployedStack
    from constructs_lib.local.endpoint import Endpoint
    from constructs_lib.local.errors import UsageError

# A child execution's machine has `/` and its Map's label behind its name, an Express execution an id before its name.
_EXECUTION = re.compile(
    r"arn:[^:]+:states:[^:]+:\d{12}:"
    r"(execution:(?P<standard>[^:/]+)(/(?P<label>[^:]+))?|express:(?P<express>[^:/]+)(/[^:]+)?:[^:]+):[^:]+"
)


_RECENT = 5


@dataclass(frozen=True)
class Target:
    """The emulator that a command looks at. `stacks` is None for one that isn't ours: all that it has is looked at."""

    endpoint: Endpoint
    stacks: tuple[DeployedStack, ...] | None

    @classmethod
    def of(cls, options: argparse.Namespace) -> Target:
        """What --endpoint says, or else the session that `up` left running; raises `UsageError` when there is none."""
        from constructs_lib.local import record
        from constructs_lib.local.commands.options import other_endpoint, refuse_idle_options

        refuse_idle_options(options)
        if options.endpoint is not None:
            return cls(other_endpoint(options), None)
        session = record.running_session()
        return cls(session.endpoint, session.stacks)

    def client(self, service: str, arn: str) -> Any:
        """A client for the account and Region of what `arn` names."""
        _, _, _, region, account, *_ = arn.split(":")
        return self.endpoint.client(service, account=account, region=region)

    def machines(self) -> dict[str, set[str]]:
        """The names that each state machine goes by, by ARN; another emulator's: those of its default account."""
        if self.stacks is not None:
            return deployed_machines(self.stacks)
        pages = self.endpoint.client("stepfunctions").get_paginator("list_state_machines").paginate()
        return {m["stateMachineArn"]: {m["name"]} for page in pages for m in page["stateMachines"]}

    def execution(self, given: str | None) -> str:
        """The ARN of an execution: by ARN, by name, or the latest, see `latest_execution`.

        Raises `UsageError` when there is none of that name, more than one, or none at all.
        """
        machines = self.machines()
        if given is None:
            latest = self.latest_execution(machines)
            if latest is None:
                raise _refusal("There is no execution yet. Fix: python -m constructs_lib.local start")
            return latest
        named = [f"{machine.replace(':stateMachine:', ':execution:')}:{given}" for machine in machines]
        found = [arn for arn in ([given] if is_execution(given) else named) if self._exists(arn)]
        if len(found) == 1:
            return found[0]
        if found:
            raise _refusal(f"The execution {given!r} could be any of {', '.join(found)}. Fix: give the ARN.")
        recent = [listed["name"] for listed in self._executions(machines)[:_RECENT]]
        known = f"Allowed: an ARN, or a name; the last ones: {', '.join(recent)}." if recent else "None has run yet."
        raise _refusal(f"The execution {given!r} is unknown. {known}")

    def latest_execution(self, machines: dict[str, set[str]]) -> str | None:
        """The execution started last of these state machines by anyone but another of them; None when there is none."""
        executions = self._executions(machines)
        if not executions:
            return None
        latest = executions[0]
        while (starter := self._starter(latest, executions)) is not None:
            latest = starter
        return str(latest["executionArn"])

    def _starter(self, execution: dict[str, Any], others: list[dict[str, Any]]) -> dict[str, Any] | None:
        """Which of the others, those that ran when it was started, has a task that started it."""
        from constructs_lib.local.history import History
        from constructs_lib.local.timeline import Timeline

        arn, start = execution["executionArn"], execution["startDate"]
        for other in others:
            if other is execution or not other["startDate"] <= start <= other.get("stopDate", start):
                continue
            events = History(self.client("stepfunctions", other["executionArn"]), other["executionArn"]).new()
            if any(arn in run.executions for run in Timeline(events).runs):
                return other
        return None

    def _executions(self, machines: dict[str, set[str]]) -> list[dict[str, Any]]:
        """The last few executions of each machine as ListExecutions tells them, the latest first."""
        found: list[dict[str, Any]] = []
        for machine in machines:
            client = self.client("stepfunctions", machine)
            try:
                found += client.list_executions(stateMachineArn=machine, maxResults=_RECENT)["executions"]
            except (client.exceptions.StateMachineTypeNotSupported, client.exceptions.StateMachineDoesNotExist):
                continue  # Express machines have no list; another may have been deleted
        return sorted(found, key=lambda execution: execution["startDate"], reverse=True)

    def _exists(self, execution: str) -> bool:
        client = self.client("stepfunctions", execution)
        try:
            client.describe_execution(executionArn=execution)
        except (client.exceptions.ExecutionDoesNotExist, client.exceptions.InvalidArn):
            return False
        return True


def no_answer(options: argparse.Namespace, error: Exception) -> str:
    """Why a call wasn't answered, and the fix: most often the session was killed meanwhile."""
    from constructs_lib.local import record
    from constructs_lib.local.errors import UsageError

    if options.endpoint is not None:
        return f"{options.endpoint} doesn't answer any more ({error}). Fix: look what became of that emulator."
    try:
        session = record.running_session()
    except UsageError as ended:
        return str(ended)
    return f"The embedded AWS (process {session.pid}) doesn't answer ({error}). Fix: {record.DOWN}, then {record.UP}"


def is_execution(given: str) -> bool:
    """Whether it is an execution's ARN."""
    return _EXECUTION.fullmatch(given) is not None


def machine_of(execution_arn: str) -> tuple[str, str | None]:
    """The ARN of an execution's state machine, and the Map's label when it is a child execution."""
    parsed = _EXECUTION.fullmatch(execution_arn)
    if parsed is None:
        raise ValueError(execution_arn)
    prefix = ":".join(execution_arn.split(":")[:5])
    return f"{prefix}:stateMachine:{parsed['standard'] or parsed['express']}", parsed["label"]


def deployed_machines(stacks: Sequence[DeployedStack]) -> dict[str, set[str]]:
    """Return the names that each state machine goes by, by ARN.

    They are its name, its logical id with and without CDK's hash, and the stack outputs that are its ARN; each but the
    name also behind its stack's.
    """
    from constructs_lib.local.deploy import plain_id

    machines: dict[str, set[str]] = {}
    for stack in stacks:
        for logical_id, arn in stack.state_machines.items():
            names = {key for key, value in stack.outputs.items() if value == arn}
            names |= {logical_id, plain_id(logical_id)}
            machines[arn] = {arn.rpartition(":")[2], *names, *(f"{stack.name}.{name}" for name in names)}
    return machines


def chosen_machine(given: str | None, machines: dict[str, set[str]]) -> str:
    """The ARN of the state machine that goes by `given`, or of the only one; raises `UsageError` when it isn't one."""
    allowed = ", ".join(sorted(arn.rpartition(":")[2] for arn in machines)) or "none is deployed"
    if given is None:
        if len(machines) == 1:
            return next(iter(machines))
        raise _refusal(f"No state machine was given, and there isn't exactly one. Allowed: {allowed}.")
    if given in machines:
        return given
    found = [arn for arn, names in machines.items() if given in names]
    if len(found) == 1:
        return found[0]
    if found:
        raise _refusal(f"The state machine {given!r} could be any of {', '.join(found)}. Fix: give the ARN.")
    raise _refusal(f"The state machine {given!r} is unknown. Allowed: {allowed}.")


def _refusal(message: str) -> UsageError:
    from constructs_lib.local.errors import UsageError

    return UsageError(message)
