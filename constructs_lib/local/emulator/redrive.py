"""Redrives: an execution that failed, was stopped or timed out goes on where it was, under the same ARN.

The words of the refusals, and that a token is looked at first, are recorded:
https://github.com/radkawar/stackd/blob/9dc356f/testdata/aws/stepfunctions/redrive_execution.json.
"""

import contextvars
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from ministack.core import responses
from ministack.services import stepfunctions

from constructs_lib.local.emulator import redrive_eligibility
from constructs_lib.local.emulator.answers import RequestError
from constructs_lib.local.emulator.machines import type_of
from constructs_lib.local.emulator.patches import require

# https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html
_TOKENS = 10
_TOKEN_PERIOD = timedelta(minutes=15)


def redrive(record: dict[str, Any], token: str | None) -> str:
    """Let an execution go on; return when that was asked for first with this token.

    Raises:
        RequestError: ExecutionNotRedrivable.

    """
    now = datetime.now(UTC)
    tokens = [known for known in record.get("redriveTokens", []) if now - known[1] < _TOKEN_PERIOD]
    for known, _, date in tokens:
        if known == token:
            return str(date)
    reason = _refusal(record)
    if reason is not None:
        message = f"Execution {record['executionArn']} invalid for redrive as: {reason}"
        raise RequestError("ExecutionNotRedrivable", message)
    take_up(record)
    if token is not None:
        record["redriveTokens"] = [*tokens, (token, now, record["redriveDate"])][-_TOKENS:]
    stepfunctions._emit_execution_status_event(record)
    # MiniStack's account and Region go along; looked up by name, because the interpreter has replaced it.
    arguments = (stepfunctions._run_execution, record["executionArn"], record["redriveCount"])
    threading.Thread(target=contextvars.copy_context().run, args=arguments, daemon=True).start()
    return str(record["redriveDate"])


def take_up(record: dict[str, Any]) -> None:
    """Make a Standard execution's record one that runs, from where it was."""
    # First: the attempt before may not have begun yet, and must not any more.
    record["redriveCount"] += 1
    position = record["position"].resumed(record.get("error"))
    for name in ("error", "cause", "isHalted"):
        record.pop(name, None)
    record.update(stopDate=None, position=position, redriveDate=responses.now_iso(), status="RUNNING")


def described(record: dict[str, Any]) -> dict[str, Any]:
    """What DescribeExecution says of redrives."""
    told = {"redriveCount": record["redriveCount"]}
    if "redriveDate" in record:
        told["redriveDate"] = record["redriveDate"]
    status, reason = redrive_status(record)
    return told | {"redriveStatus": status} | ({} if reason is None else {"redriveStatusReason": reason})


def redrive_status(record: dict[str, Any]) -> tuple[str, str | None]:
    """An execution's `redriveStatus`, and the reason where it can't be redriven."""
    reason = _refusal(record)
    if reason is not None:
        return "NOT_REDRIVABLE", reason
    return ("REDRIVABLE_BY_MAP_RUN" if record.get("mapRunArn") else "REDRIVABLE"), None


def _refusal(record: dict[str, Any]) -> str | None:
    is_express = type_of(record["executionArn"]) == "EXPRESS"
    if is_express and not record.get("mapRunArn"):
        return "Execution is EXPRESS and cannot be redriven"
    if record["stateMachineArn"].partition("/")[0] not in stepfunctions._state_machines:
        return "State machine is in DELETING status"
    reason = redrive_eligibility.refusal(
        status=record["status"],
        started=record["startDate"],
        stopped=record["stopDate"],
        # An Express child starts anew.
        events=0 if is_express else len(record["events"]),
    )
    if reason is None and not is_express and "position" not in record:
        return "the local cloud doesn't know where it was"
    return reason


def install() -> None:
    """Check that MiniStack keeps what is read here."""
    require(stepfunctions, "_state_machines", "_run_execution", "_emit_execution_status_event")
