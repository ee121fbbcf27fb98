"""A JSONata Task that calls Step Functions itself, and what such a task can't stand in."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jsii
from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IValidation

from constructs_lib._checks import check_kind, usage_error
from constructs_lib._json_values import json_object, json_value
from constructs_lib._states import every_state
from constructs_lib.retries import RetryPolicy

_WAITING = (".sync", ".sync:2", ".waitForTaskToken")


class NestedTask(sfn.CustomState):
    """Calls Step Functions with `arguments`, as the role of `credentials` if there is one, else as the machine's own.

    A CustomState: CDK's own task gives the machine's role permissions on the child as well, which are the target role's
    to have. The machine's role gets `sts:AssumeRole` on that one role, or else `statements`.

    At synth it refuses, by name, an Express state machine that would have to wait, a Distributed Map around a state
    with `Credentials`, and a state machine or role whose name CloudFormation makes up: no other account can trust it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        resource: str,
        arguments: Mapping[str, Any],
        output: Any,
        timeout: Duration,
        retry_policy: RetryPolicy,
        heartbeat: Duration | None = None,
        target_role_arn: str | None = None,
        statements: Sequence[iam.PolicyStatement] = (),
        assign: Mapping[str, Any] | None = None,
    ) -> None:
        where = f"{scope.node.path}/{construct_id}"
        state = {
            "Type": "Task",
            "QueryLanguage": "JSONata",
            "Resource": f"arn:{Stack.of(scope).partition}:states:::{resource}",
            "Arguments": arguments,
            "Credentials": None if target_role_arn is None else {"RoleArn": target_role_arn},
            "TimeoutSeconds": timeout.to_seconds(),
            "HeartbeatSeconds": None if heartbeat is None else heartbeat.to_seconds(),
            "Assign": None if assign is None else json_object(where, "assign", assign),
            "Output": json_value(where, "outputs", output),
        }
        super().__init__(
            scope, construct_id, state_json={name: value for name, value in state.items() if value is not None}
        )
        self._statements = list(statements)
        if target_role_arn is not None:
            self._statements.append(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[target_role_arn]))
        retry_policy.add_to(self)
        self.node.add_validation(_MachineValidation(self))

    def _when_bound_to_graph(self, graph: sfn.StateGraph) -> None:
        super()._when_bound_to_graph(graph)
        for statement in self._statements:
            graph.register_policy_statement(statement)


def check_timeout(where: str, argument: str, value: object, *, longest_seconds: int) -> None:
    """Raise ValueError unless `value` is a Duration of whole seconds that Step Functions takes."""
    fix = f"Use such as Duration.seconds({min(longest_seconds, 3600)}): without one a task waits for a year."
    check_kind(where, argument, value, Duration, fix=fix)
    assert isinstance(value, Duration)  # noqa: S101 - it was checked
    if value.is_unresolved():
        return
    seconds = value.to_seconds(integral=False)
    if seconds % 1 or not 1 <= seconds <= longest_seconds:
        allowed = f"a Duration of 1 to {longest_seconds:,} whole seconds"
        raise usage_error(where, argument, f"{seconds:g} s", allowed=allowed, fix=fix)


@jsii.implements(IValidation)
class _MachineValidation:
    """What a state can know of its state machine at synth only."""

    def __init__(self, state: NestedTask) -> None:
        self._state = state

    def validate(self) -> list[str]:
        stack = Stack.of(self._state)
        machines = [one for one in stack.node.find_all() if isinstance(one, sfn.CfnStateMachine)]
        return [problem for machine in machines for problem in _problems(stack, machine, self._state.state_id)]


def _problems(stack: Stack, machine: sfn.CfnStateMachine, state_name: str) -> Iterator[str]:
    """Yield why the state of this name can't do its work in a state machine; nothing when it isn't in there."""
    definition = _definition(stack, machine)
    for name, state, in_distributed_map in every_state(definition.get("States", {})):
        if name != state_name:
            continue
        if machine.state_machine_type == "EXPRESS" and str(state.get("Resource", "")).endswith(_WAITING):
            yield (
                f"{machine.node.path}: the state {state_name!r} waits for another execution; allowed: in a STANDARD "
                "state machine. Leave state_machine_type out, or make the child EXPRESS and use NestedExpressWorkflow."
            )
        if "Credentials" not in state:
            continue
        if in_distributed_map:
            yield (
                f"{machine.node.path}: the state {state_name!r} assumes a role of another account inside a Distributed "
                "Map; allowed: outside of it, because the external id of a map's child is nowhere documented. Run the "
                "child workflow before or after the map."
            )
        yield from _unnamed(stack, machine, state_name)


def _unnamed(stack: Stack, machine: sfn.CfnStateMachine, state_name: str) -> Iterator[str]:
    """Yield what the other account's trust can't name: the machine, and its role."""
    reason = (
        f"the state {state_name!r} assumes a role of another account, whose trust names the state machine and its role"
    )
    # CDK has a token that resolves to nothing in the place of a name that wasn't given.
    if stack.resolve(machine.state_machine_name) is None:
        yield f"{machine.node.path}: {reason}; allowed: a name of your choice. Give it a state_machine_name."
    reference = stack.resolve(machine.role_arn)
    made = reference.get("Fn::GetAtt", [None])[0] if isinstance(reference, Mapping) else None
    for role in stack.node.find_all():
        if (
            isinstance(role, iam.CfnRole)
            and stack.resolve(role.logical_id) == made
            and stack.resolve(role.role_name) is None
        ):
            yield f"{role.node.path}: {reason}; allowed: a name of your choice. Use a WorkflowRole."


def _definition(stack: Stack, machine: sfn.CfnStateMachine) -> dict[str, Any]:
    text = stack.resolve(machine.definition_string)
    if isinstance(text, Mapping):
        # A zero can stand both inside a string and in the place of a number.
        text = "".join(part if isinstance(part, str) else "0" for part in text.get("Fn::Join", ["", []])[1])
    parsed: dict[str, Any] = json.loads(text) if text else {}
    return parsed


def state_with_credentials(states: Mapping[str, Any]) -> str | None:
    """Return the name of a state that assumes a role, of these states and those inside them; None without any."""
    return next((name for name, state, _ in every_state(states) if "Credentials" in state), None)
