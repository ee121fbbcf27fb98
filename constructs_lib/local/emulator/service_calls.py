"""The spelling of a task's parameters and results, and the names of its errors.

Step Functions writes every API's parameters in PascalCase (`StateMachineArn`), the services have spellings of their own
(`stateMachineArn`). moto's port of the interpreter has the conversion but left out the call of it; it is put back here,
with the services' models from botocore.
"""

import functools
import json
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.utils import camel_to_snake_case

from constructs_lib.local.emulator.patches import replace, require

_models = botocore.session.get_session()


@functools.cache
def _operation(service: str, action: str) -> Any:
    """The model of an operation by its name in Python; None when botocore has no such service or operation."""
    try:
        model = _models.get_service_model(service)
    except botocore.exceptions.UnknownServiceError:
        return None
    for name in model.operation_names:
        if action in (botocore.xform_name(name), camel_to_snake_case(name)):
            return model.operation_model(name)
    return None


def _operation_of(state: Any, service: str | None, action: str | None) -> Any:
    return _operation(state._get_boto_service_name(service), state._get_boto_service_action(action))


def _normalise_parameters(
    self: Any, parameters: Any, boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    """In the place of moto's empty method: parameters into the API's spelling, in place."""
    operation = _operation_of(self, boto_service_name, service_action_name)
    if operation is not None and operation.input_shape is not None and isinstance(parameters, dict):
        self._to_boto_request(parameters, operation.input_shape)


def _normalise_response(
    self: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    """In the place of moto's empty method: a result into Step Functions' spelling, in place."""
    operation = _operation_of(self, boto_service_name, service_action_name)
    if operation is None or operation.output_shape is None or not isinstance(response, dict):
        return
    self._from_boto_response(response, operation.output_shape)
    service = operation.service_model.service_name
    for key, value in response.items():
        if service == "stepfunctions" and hasattr(value, "timestamp"):
            response[key] = int(value.timestamp() * 1000)
        if service == "bedrock-runtime" and key == "Body" and isinstance(value, str):
            response[key] = json.loads(value)


def _lambda_error_cause(client_error: ClientError) -> tuple[str, str]:
    """In the place of moto's: an error that Invoke doesn't declare (a denied call) is `Lambda.AWSLambdaException`."""
    error, cause = _original_lambda_error_cause(client_error)
    declared = {shape.name for shape in _operation("lambda", "invoke").error_shapes}
    if error.removeprefix("Lambda.") not in declared:
        error = "Lambda.AWSLambdaException"
    return error, cause


# Names of services as they stand in front of an aws-sdk task's errors.
_ERROR_NAMES = {
    "cloudwatch": "CloudWatch",
    "cloudwatchlogs": "CloudWatchLogs",
    "dynamodb": "DynamoDb",
    "eventbridge": "EventBridge",
    "secretsmanager": "SecretsManager",
}


def _service_error_name(service_name: str) -> str:
    """In the place of moto's, which knows two services."""
    return _ERROR_NAMES.get(service_name.lower(), service_name[:1].upper() + service_name[1:])


_original_lambda_error_cause: Any = StateTaskServiceLambda._error_cause_from_client_error


def install() -> None:
    """Put the conversions back."""
    require(
        StateTaskService,
        "_to_boto_request",
        "_from_boto_response",
        "_get_boto_service_name",
        "_get_boto_service_action",
    )
    require(StateTaskService, "_SERVICE_NAME_SFN_TO_BOTO_OVERRIDES")
    StateTaskService._SERVICE_NAME_SFN_TO_BOTO_OVERRIDES["bedrock"] = "bedrock-runtime"
    replace(StateTaskService, "_normalise_parameters", _normalise_parameters)
    replace(StateTaskService, "_normalise_response", _normalise_response)
    replace(StateTaskServiceAwsSdk, "_normalise_service_error_name", staticmethod(_service_error_name))
    replace(StateTaskServiceLambda, "_error_cause_from_client_error", staticmethod(_lambda_error_cause))
