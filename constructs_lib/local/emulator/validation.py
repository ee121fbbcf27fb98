"""What AWS checks of a Step Functions request before it looks anything up: its members, its ARNs, names and input.

The sentences are AWS's own where they were recorded or reported; where none is known, a comment says so.
"""

import json
import re
from typing import Any

from botocore.model import OperationModel, Shape

from constructs_lib.local.emulator.answers import RequestError
from constructs_lib.local.emulator.payload import MAX_PAYLOAD_BYTES
from constructs_lib.local.emulator.service_models import service_model

# AWS lists these values in an order of its own.
_ENUM_ORDER = {"ExecutionStatus": ("SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING")}
# Whitespace, brackets, wildcards, special and control characters.
_ILLEGAL_IN_NAME = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")


def operations() -> dict[str, OperationModel]:
    """Step Functions' operations by name, as botocore describes them."""
    model = service_model("stepfunctions")
    return {name: model.operation_model(name) for name in model.operation_names}


def check_members(operation: OperationModel, data: dict[str, Any]) -> None:
    """Compare a request's own members (not what is in them) with the constraints of the operation's model.

    Raises:
        RequestError: ValidationException, with a sentence for each constraint that isn't met.

    """
    shape = operation.input_shape
    if shape is None:
        return
    broken = [
        sentence
        for name, member in shape.members.items()
        for sentence in _broken_constraints(name, member, data.get(name), name in shape.required_members)
    ]
    if broken:
        errors = "errors" if len(broken) > 1 else "error"
        raise RequestError("ValidationException", f"{len(broken)} validation {errors} detected: {'; '.join(broken)}")


def _broken_constraints(name: str, shape: Shape, value: Any, required: bool) -> list[str]:
    if value is None:
        return [f"Value null at '{name}' failed to satisfy constraint: Member must not be null"] if required else []
    constraint = _broken_constraint(shape, value)
    if constraint is None:
        return []
    shown = "" if "sensitive" in shape.metadata else f" '{value}'"
    return [f"Value{shown} at '{name}' failed to satisfy constraint: Member must {constraint}"]


def _broken_constraint(shape: Shape, value: Any) -> str | None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if isinstance(value, str):
        allowed = _ENUM_ORDER.get(shape.name, shape.metadata.get("enum", ()))
        if allowed and value not in allowed:
            return f"satisfy enum value set: [{', '.join(allowed)}]"
        if shape.name == "SensitiveData":
            too_large = len(value.encode()) > MAX_PAYLOAD_BYTES
            return f"have size less than or equal to {MAX_PAYLOAD_BYTES} bytes in UTF-8 encoding" if too_large else None
        pattern = shape.metadata.get("pattern", "")
        # Java's classes, as in \\p{ASCII}, Python hasn't got.
        if pattern and "\\p" not in pattern and value and not re.fullmatch(pattern, value):
            return f"satisfy regular expression pattern: {pattern}"
        measured: float = len(value)
        noun = "length"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        measured, noun = value, "value"
    else:
        return None
    if high is not None and measured > high:
        return f"have {noun} less than or equal to {high}"
    if low is not None and measured < low:
        return f"have {noun} greater than or equal to {low}"
    return None


def check_arn(arn: str, *types: str) -> str:
    """The type of resource that an ARN of Step Functions names (`stateMachine`, `execution`, …).

    Raises:
        RequestError: InvalidArn; it is no ARN, of another service, or of another type than `types`.

    """
    parts = arn.split(":", 6)
    if parts[0] != "arn":
        raise RequestError("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
    if len(parts) < 7 or parts[2] != "states" or not all((parts[1], *parts[3:])):
        # AWS's words aren't known.
        raise RequestError("InvalidArn", f"Invalid Arn: 'Invalid ARN: {arn}'")
    if parts[5] not in types:
        raise RequestError("InvalidArn", f"Invalid Arn: 'Resource type not valid in this context: {parts[5].lower()}'")
    return parts[5]


def check_name(name: str) -> None:
    """Check the name of a state machine or an execution.

    Raises:
        RequestError: InvalidName.

    """
    if _ILLEGAL_IN_NAME.search(name):
        raise RequestError("InvalidName", f"Invalid Name: '{name}'")


def check_input(text: str) -> None:
    """Check that an execution's input is JSON.

    Raises:
        RequestError: InvalidExecutionInput.

    """
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        message = f"Invalid State Machine Execution Input: '{_json_mistake(text, error)}'"
        raise RequestError("InvalidExecutionInput", message) from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"Non-standard token '{name}'")


def _json_mistake(text: str, error: ValueError) -> str:
    """What is wrong, as AWS's parser says it in the cases that were recorded."""
    if not text.strip():
        return "Invalid execution input."
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    rest = text[error.pos :]
    token = re.match(r"[^\W\d]\w*", rest)
    if error.msg == "Expecting value" and token:
        expected = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        return f"Unrecognized token '{token[0]}': was expecting {expected}"
    if error.msg.startswith("Expecting property name") and rest:
        return (
            f"Unexpected character ('{rest[0]}' (code {ord(rest[0])})): was expecting double-quote to start field name"
        )
    return str(error)
