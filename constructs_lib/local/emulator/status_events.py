"""The events that EventBridge gets when a Standard execution's status changes, those of redrives among them.

In the place of MiniStack's `_emit_execution_status_event`, which knows no redrive, version or alias. The fields are
those of https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html.
"""

import json
import logging
from datetime import datetime
from typing import Any

from ministack.services import eventbridge, stepfunctions

from constructs_lib.local.emulator import redrive
from constructs_lib.local.emulator.patches import replace, require

_log = logging.getLogger(__name__)
# What of an input or output is larger is left out.
_MAX_PAYLOAD = 248 * 1024


def emit(record: dict[str, Any]) -> None:
    """Put an execution's status on the default bus; Express executions have none."""
    if record.get("sync"):
        return
    succeeded = record["status"] == "SUCCEEDED"
    status, reason = redrive.redrive_status(record)
    detail = {
        **{name: record[name] for name in ("executionArn", "stateMachineArn", "name", "status", "redriveCount")},
        **{name: _milliseconds(record.get(name)) for name in ("startDate", "stopDate", "redriveDate")},
        **{name: record.get(name) for name in ("stateMachineVersionArn", "stateMachineAliasArn", "error", "cause")},
        "redriveStatus": status,
        "redriveStatusReason": reason,
        **_payload("input", record["input"]),
        **_payload("output", record["output"] if succeeded else None),
    }
    entry = {
        "Source": "aws.states",
        "DetailType": "Step Functions Execution Status Change",
        "Detail": json.dumps(detail),
        "Resources": [record["executionArn"]],
    }
    try:
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    except Exception:  # noqa: BLE001 - a rule's target that fails is no failure of the execution
        _log.exception("status event of %s", record["executionArn"])


def _milliseconds(moment: str | None) -> int | None:
    return None if moment is None else int(datetime.fromisoformat(moment).timestamp() * 1000)


def _payload(name: str, text: str | None) -> dict[str, Any]:
    if text is None:
        return {name: None, f"{name}Details": None}
    included = len(json.dumps(text)) <= _MAX_PAYLOAD
    return {name: text if included else None, f"{name}Details": {"included": included}}


def install() -> None:
    """Emit the events here."""
    require(eventbridge, "_put_events")
    replace(stepfunctions, "_emit_execution_status_event", emit)
