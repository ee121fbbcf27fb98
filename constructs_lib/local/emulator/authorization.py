"""What MiniStack's IAM doesn't look at: the resource of every Step Functions call."""

import json
from typing import Any

from ministack.core import iam_actions

from constructs_lib.local.emulator.patches import replace

# Of the requests that MiniStack takes for requests on everything.
_STATES_RESOURCES = ("mapRunArn", "stateMachineAliasArn", "stateMachineVersionArn", "resourceArn")


def _resource_arn(
    service: str, method: str, path: str, headers: Any, body: bytes, params: Any, region: str, account: str
) -> str:
    """In the place of MiniStack's `extract_resource_arn`: the ARN that the statements' resources are compared with."""
    found: str = _original_resource_arn(service, method, path, headers, body, params, region, account)
    if service != "states" or found != "*":
        return found
    try:
        request = json.loads(body)
    except ValueError:  # refused later on, whoever asks
        return found
    return next((str(request[name]) for name in _STATES_RESOURCES if name in request), found)


_original_resource_arn: Any = iam_actions.extract_resource_arn


def install() -> None:
    """Let IAM look."""
    replace(iam_actions, "extract_resource_arn", _resource_arn)
