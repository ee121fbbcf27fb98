"""What MiniStack's IAM doesn't look at: the resource of every Step Functions call, and whom a service's role trusts.

And what it names otherwise than AWS: the actions and resources of Bedrock's calls.
"""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from ministack.core import iam_actions, iam_evaluator, responses
from ministack.services import iam, lambda_svc

from constructs_lib.local.emulator.patches import replace, require
from constructs_lib.local.emulator.tasks.task_tokens import state_machine_of

# Of the requests that MiniStack takes for requests on everything.
_STATES_RESOURCES = ("mapRunArn", "stateMachineAliasArn", "stateMachineVersionArn", "resourceArn")


# Converse has no action of its own: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
_BEDROCK_ACTIONS = {
    "bedrock:Converse": "bedrock:InvokeModel",
    "bedrock:ConverseStream": "bedrock:InvokeModelWithResponseStream",
}
# https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
_INFERENCE_PROFILE = r"/model/((?:us|us-gov|eu|apac|au|ca|jp|global)\.[^/]+)/"


def _iam_action(service: str, method: str, path: str, headers: Any, body: bytes, params: Any) -> str | None:
    """In the place of MiniStack's `extract_iam_action`."""
    action: str | None = _original_iam_action(service, method, path, headers, body, params)
    return action and _BEDROCK_ACTIONS.get(action, action)


def _resource_arn(
    service: str, method: str, path: str, headers: Any, body: bytes, params: Any, region: str, account: str
) -> str:
    """In the place of MiniStack's `extract_resource_arn`: the ARN that the statements' resources are compared with."""
    found: str = _original_resource_arn(service, method, path, headers, body, params, region, account)
    if service == "bedrock-runtime" and (profile := re.match(_INFERENCE_PROFILE, unquote(path))):
        # AWS also asks for the model, in each Region that the profile reaches; which those are, nobody here knows.
        return f"arn:aws:bedrock:{region}:{account}:inference-profile/{profile[1]}"
    if service != "states" or found != "*":
        return found
    try:
        request = json.loads(body)
    except ValueError:  # refused later on, whoever asks
        return found
    if isinstance(token := request.get("taskToken"), str):
        # CDK's `grant_task_response` allows it on the machine. IAM's reference knows no resource for these, but AWS's
        # denials name the machine's ARN.
        return state_machine_of(token) or found
    return next((str(request[name]) for name in _STATES_RESOURCES if name in request), found)


def refusal(service: str, role_arn: str, source_arn: str) -> str | None:
    """What AWS says when a role's trust policy doesn't let a service assume it; None when it does.

    Args:
        service: `states` or `lambda`.
        role_arn: None, too, when there is no such role: MiniStack says that by itself.
        source_arn: what the service assumes the role for (`aws:SourceArn`).

    """
    role = iam._roles.get(role_arn.rpartition("/")[2])
    if role is None:
        return None
    account, region = responses.get_account_id(), responses.get_region()
    names = {f"{service}.amazonaws.com", f"{service}.{region}.amazonaws.com"}
    document = role["AssumeRolePolicyDocument"]
    statements = (json.loads(document) if isinstance(document, str) else document)["Statement"]
    trusting = [
        # MiniStack's evaluator knows no services, but does know everybody.
        {**statement, "Principal": "*"}
        for statement in ([statements] if isinstance(statements, dict) else statements)
        if _names_any(statement.get("Principal"), names)
    ]
    context = iam_evaluator.EvalContext(
        principal_arn=min(names),
        principal_type="Service",
        principal_account=account,
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=region,
        service_context={"aws:sourceaccount": account, "aws:sourcearn": source_arn},
    )
    if iam_evaluator.evaluate_trust_policy({"Statement": trusting}, min(names), context):
        return None
    return _REFUSALS[service]


_REFUSALS = {
    "lambda": "The role defined for the function cannot be assumed by Lambda.",
    "states": "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume "
    "the provided role.",
}


def _names_any(principal: Any, services: set[str]) -> bool:
    if not isinstance(principal, dict):
        return bool(principal == "*")
    named = principal.get("Service", [])
    return not services.isdisjoint([named] if isinstance(named, str) else named)


def function_arn(name: str) -> str:
    """The ARN of a function of the request's account and Region."""
    return f"arn:aws:lambda:{responses.get_region()}:{responses.get_account_id()}:function:{name}"


def _function_refusal(name: str, data: dict[str, Any]) -> Any:
    message = refusal("lambda", data["Role"], function_arn(name)) if "Role" in data else None
    return message and responses.error_response_json("InvalidParameterValueException", message, 400)


def _create_function(data: dict[str, Any]) -> Any:
    """In the place of MiniStack's CreateFunction."""
    return _function_refusal(data.get("FunctionName", ""), data) or _original_create_function(data)


def _update_function(name: str, data: dict[str, Any]) -> Any:
    """In the place of MiniStack's UpdateFunctionConfiguration."""
    return _function_refusal(name, data) or _original_update_function(name, data)


def _condition_key(key: str, context: Any) -> Any:
    """In the place of MiniStack's `_resolve_condition_key`: of a session, `aws:PrincipalArn` is the role's ARN."""
    found = _original_condition_key(key, context)
    if key.lower() != "aws:principalarn" or ":assumed-role/" not in str(found):
        return found
    name = found.split("/")[-2]
    role = iam._roles.get_scoped(found.split(":")[4], None, name) or {}
    return role.get("Arn", found)


_original_condition_key: Any = iam_evaluator._resolve_condition_key
_original_iam_action: Any = iam_actions.extract_iam_action
_original_resource_arn: Any = iam_actions.extract_resource_arn
_original_create_function: Callable[..., Any] = lambda_svc._create_function
_original_update_function: Callable[..., Any] = lambda_svc._update_config


def install() -> None:
    """Let IAM look."""
    require(iam, "_roles")
    require(iam_evaluator, "EvalContext", "evaluate_trust_policy")
    replace(iam_evaluator, "_resolve_condition_key", _condition_key)
    replace(iam_actions, "extract_iam_action", _iam_action)
    replace(iam_actions, "extract_resource_arn", _resource_arn)
    replace(lambda_svc, "_create_function", _create_function)
    replace(lambda_svc, "_update_config", _update_function)
