"""The names that CloudFormation gives to state machines: without the stack's, unlike those of other resources.

They are the logical id, cut after 27 characters, and twelve more: `ImportStateMachine-3ypO3dryEmXE`
(https://github.com/aws/aws-sam-cli/issues/2022). Policies rely on it: a machine with a Distributed Map may start itself
by `stateMachine:ImportStateMachine-*`, as its own ARN can't stand in its role.
"""

from typing import Any

from ministack.services import stepfunctions
from ministack.services.cloudformation import provisioners

from constructs_lib.local.emulator.patches import require

_LOGICAL_ID_CHARACTERS = 27
_SUFFIX_CHARACTERS = 12


def _name(stack: str, logical_id: str) -> str:
    suffix = provisioners._physical_name(stack, logical_id)[-_SUFFIX_CHARACTERS:]
    return f"{logical_id[:_LOGICAL_ID_CHARACTERS]}-{suffix}"


def install() -> None:
    """Name those that the template doesn't; once `cloudformation` has made its creator."""
    require(provisioners, "_RESOURCE_HANDLERS", "_physical_name")
    handler = provisioners._RESOURCE_HANDLERS["AWS::StepFunctions::StateMachine"]
    original_create, original_update = handler["create"], handler["update"]

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        return original_create(logical_id, {"StateMachineName": _name(stack, logical_id)} | properties, stack)

    def update(arn: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str | None = None) -> Any:
        given = "StateMachineName" in old or "StateMachineName" in new
        record = None if given else stepfunctions._state_machines.get(arn)
        name = _name(stack, logical_id or arn) if record is None else record["name"]
        return original_update(arn, old, {"StateMachineName": name} | new, stack, logical_id)

    handler["create"], handler["update"] = create, update
