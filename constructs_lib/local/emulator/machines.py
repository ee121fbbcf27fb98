"""The state machine that an ARN names: the current revision, a version of it, or an alias of versions."""

import random
from dataclasses import dataclass
from typing import Any

from ministack.core import responses
from ministack.services import stepfunctions

from constructs_lib.local.emulator.answers import RequestError
from constructs_lib.local.emulator.patches import require
from constructs_lib.local.emulator.validation import check_arn


@dataclass(frozen=True)
class Machine:
    """What an execution runs from its start to its end, whatever becomes of the state machine meanwhile.

    Args:
        arn: without a version or an alias.
        name: the state machine's.
        type: STANDARD or EXPRESS.
        definition: the text.
        role_arn: the execution role.
        logging: the LoggingConfiguration.
        encryption: the EncryptionConfiguration.
        version_arn: the version that runs; None: the current revision.
        alias_arn: the alias that chose the version; None: none did.

    """

    arn: str
    name: str
    type: str
    definition: str
    role_arn: str
    logging: dict[str, Any]
    encryption: dict[str, Any] | None
    version_arn: str | None = None
    alias_arn: str | None = None

    @property
    def is_express(self) -> bool:
        """Whether it is an Express state machine."""
        return self.type == "EXPRESS"


def type_of(execution_arn: str) -> str:
    """Whether an execution is STANDARD or EXPRESS."""
    return "EXPRESS" if execution_arn.split(":")[5] == "express" else "STANDARD"


def execution_arn(machine_arn: str, machine_type: str, name: str) -> str:
    """The ARN of an execution; an Express one's ends in an id of its own, so that names may repeat."""
    if machine_type == "EXPRESS":
        return f"{machine_arn.replace(':stateMachine:', ':express:')}:{name}:{responses.new_uuid()}"
    return f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}"


def find_machine(arn: str) -> Machine:
    """The machine that `arn` (of a state machine, a version or an alias) names; an alias draws one of its versions.

    Raises:
        RequestError: InvalidArn, or StateMachineDoesNotExist.

    """
    check_arn(arn, "stateMachine")
    alias = stepfunctions._state_machine_aliases.get(arn)
    version_arn = arn if alias is None else _draw(alias["routingConfiguration"])
    version = stepfunctions._state_machine_versions.get(version_arn)
    record = version or stepfunctions._state_machines.get(arn)
    if record is None:
        raise RequestError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
    return Machine(
        arn=record["stateMachineArn"],
        name=record["stateMachineArn"].split(":")[6],
        type=record["type"],
        definition=record["definition"],
        role_arn=record["roleArn"],
        logging=record["loggingConfiguration"],
        encryption=record.get("encryptionConfiguration"),
        version_arn=version and version_arn,
        alias_arn=alias and arn,
    )


def _draw(routes: list[dict[str, Any]]) -> str:
    """One of an alias's versions, by their weights."""
    (drawn,) = random.choices(routes, [route["weight"] for route in routes])  # noqa: S311 - no secret
    arn: str = drawn["stateMachineVersionArn"]
    return arn


def install() -> None:
    """Check that MiniStack keeps what is read here."""
    require(stepfunctions, "_state_machines", "_state_machine_versions", "_state_machine_aliases")
