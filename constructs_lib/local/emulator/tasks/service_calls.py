"""The spelling of a task's parameters and results, and the names of its errors.

Step Functions writes every API's parameters in PascalCase (`StateMachineArn`), the services have spellings of their own
(`stateMachineArn`). moto's port of the interpreter has the conversion but left out the call of it; it is put back here,
with the services' models from botocore.
"""

import functools
import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import botocore.exceptions
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_dynamodb import (
    StateTaskServiceDynamoDB,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sqs import (
    StateTaskServiceSqs,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda
from moto.stepfunctions.parser.utils import camel_to_snake_case

from constructs_lib.local.emulator.definitions.task_resources import botocore_names
from constructs_lib.local.emulator.patches import replace, require
from constructs_lib.local.emulator.service_models import service_model
from constructs_lib.local.emulator.tasks.sdk_results import as_json
from constructs_lib.local.emulator.tasks.task_failure import service_failure


@functools.cache
def operation(service: str, action: str) -> Any:
    """The model of an operation by its name in Python; None when botocore has no such service or operation."""
    try:
        model = service_model(service)
    except botocore.exceptions.UnknownServiceError:
        return None
    for name in model.operation_names:
        if action in (botocore.xform_name(name), camel_to_snake_case(name)):
            return model.operation_model(name)
    return None


def _operation_of(state: Any, service: str | None, action: str | None) -> Any:
    return operation(state._get_boto_service_name(service), state._get_boto_service_action(action))


def _normalise_parameters(
    self: Any, parameters: Any, boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    """In the place of moto's empty method: parameters into the API's spelling, in place."""
    model = _operation_of(self, boto_service_name, service_action_name)
    if model is None or model.input_shape is None or not isinstance(parameters, dict):
        return
    self._to_boto_request(parameters, model.input_shape)
    for name, shape in model.input_shape.members.items():
        # To the SDK that calls for Step Functions, null is a member that isn't set; but a payload may be null.
        if parameters.get(name, shape) is None and shape.type_name != "blob":
            del parameters[name]


def _normalise_response(
    self: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None
) -> None:
    """In the place of moto's empty method: a result into Step Functions' spelling, in place."""
    model = _operation_of(self, boto_service_name, service_action_name)
    if model is None or model.output_shape is None or not isinstance(response, dict):
        return
    self._from_boto_response(response, model.output_shape)
    service = model.service_model.service_name
    for key, value in response.items():
        if service == "stepfunctions" and isinstance(value, datetime):
            response[key] = int(value.timestamp() * 1000)
        elif service == "bedrock-runtime" and key == "Body" and isinstance(value, str):
            response[key] = json.loads(value)
        else:
            response[key] = as_json(value)


def _lambda_error_cause(client_error: ClientError) -> tuple[str, str]:
    """In the place of moto's: an error that Invoke doesn't declare (a denied call) is `Lambda.AWSLambdaException`."""
    error, cause = _original_lambda_error_cause(client_error)
    declared = {shape.name for shape in operation("lambda", "invoke").error_shapes}
    if error.removeprefix("Lambda.") not in declared:
        error = "Lambda.AWSLambdaException"
    return error, cause


def _function_failure(self: Any, env: Any, ex: Exception) -> Any:
    """In the place of moto's `StateTaskLambda._from_error`, which names each refusal of Lambda's `Exception`.

    A function by its bare ARN fails with the names that `lambda:invoke` has for it.
    """
    if not isinstance(ex, ClientError):
        return _original_function_failure(self, env, ex)
    error, cause = _lambda_error_cause(ex)
    details = {"lambdaFunctionFailedEventDetails": {"error": error, "cause": cause}}
    return FailureEvent(env, CustomErrorName(error), HistoryEventType.LambdaFunctionFailed, details)


def _dynamodb_error_cause(client_error: ClientError) -> tuple[str, str]:
    """In the place of moto's: an error that DynamoDB's model hasn't got has the name of the SDK's exception for it."""
    error, cause = _original_dynamodb_error_cause(client_error)
    if error.removeprefix("DynamoDB.") not in _modelled_errors("dynamodb"):
        error = "DynamoDB.AmazonDynamoDBException"
    return error, cause


@functools.cache
def _modelled_errors(service: str) -> frozenset[str]:
    return frozenset(shape.name for shape in service_model(service).error_shapes)


def _send_to_queue(
    self: Any, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any], state_credentials: Any
) -> None:
    """In the place of moto's `StateTaskServiceSqs._eval_service_task`: AWS sends the request to the queue's own host.

    A host's name without a dot is in nobody's DNS; any other is taken for a queue of this cloud.
    """
    host = urlsplit(str(normalised_parameters.get("QueueUrl", ""))).hostname
    if host is not None and "." not in host and host != "localhost":
        cause = f"Unable to execute HTTP request: {host}: Name or service not known"
        raise FailureEventException(service_failure(self, env, "SQS.SdkClientException", cause))
    _original_send_to_queue(self, env, resource_runtime_part, normalised_parameters, state_credentials)


def _sqs_failure(self: Any, env: Any, ex: Exception) -> Any:
    """In the place of moto's `StateTaskServiceSqs._from_error`, which takes each refusal of SQS for a lost connection.

    The names are those that the SDK's first version has, as in a recorded failure of DynamoDB; none of SQS is recorded.
    """
    if not isinstance(ex, ClientError):
        return _original_sqs_failure(self, env, ex)
    modelled = type(ex).__name__
    error = "SQS.AmazonSQSException" if modelled == "ClientError" else f"SQS.{_java_exception(modelled)}"
    metadata = ex.response["ResponseMetadata"]
    cause = (
        f"{ex.response['Error']['Message']} (Service: AmazonSQS; Status Code: {metadata['HTTPStatusCode']}; "
        f"Error Code: {ex.response['Error']['Code']}; Request ID: {metadata['RequestId']}; Proxy: null)"
    )
    return service_failure(self, env, error, cause)


def _nested_failure(self: Any, env: Any, ex: Exception) -> Any:
    """In the place of moto's `StateTaskServiceSfn._from_error`: an error that isn't modelled has the SDK's own name.

    A denied or throttled StartExecution, that is. Inferred from what DynamoDB and Lambda do; AWS's own solutions retry
    `StepFunctions.AWSStepFunctionsException`.
    """
    failure = _original_nested_failure(self, env, ex)
    if not isinstance(ex, ClientError):
        return failure
    # Without the "Exception" of those whose names have it, which moto appends to all.
    code = ex.response["Error"]["Code"]
    if _modelled_errors("stepfunctions").isdisjoint({code, f"{code}Exception"}):
        error = "StepFunctions.AWSStepFunctionsException"
        return service_failure(self, env, error, failure.event_details["taskFailedEventDetails"]["cause"])
    return failure


def _sdk_service(self: Any, boto_service_name: str | None = None) -> str:
    """In the place of moto's `_get_boto_service_name` for AWS SDK integrations: they go by the Java SDK's packages."""
    name = boto_service_name or self.resource.api_name
    return botocore_names().get(name, name)


# How the code generator of the AWS SDK for Java tells the words of a name.
_WORDS = (
    (re.compile(r"[^A-Za-z0-9]+"), " "),
    (re.compile(r"([^a-z]{2,})v([0-9]+)"), r"\1 v\2 "),
    (re.compile(r"([^A-Z]{2,})V([0-9]+)"), r"\1 V\2 "),
    (re.compile(r"(?<=[a-z])(?=[A-Z][a-zA-Z0-9])"), " "),
    (re.compile(r"([A-Z]+)([A-Z][a-z])"), r"\1 \2"),
    (re.compile(r"([0-9])([a-zA-Z])"), r"\1 \2"),
)


def _java_name(name: str) -> str:
    """A name as a Java class has it: `EC2AccessDenied` is `Ec2AccessDenied`."""
    for pattern, replacement in _WORDS:
        name = pattern.sub(replacement, name)
    return "".join(word.capitalize() for word in name.split())


def _java_exception(shape: str) -> str:
    """The class of an error: `DBInstanceNotFoundFault` is `DbInstanceNotFoundException`."""
    return f"{_java_name(shape).removesuffix('Fault').removesuffix('Exception')}Exception"


@functools.cache
def _service_error_name(service_name: str) -> str:
    """In the place of moto's, which knows two services: the name of the Java SDK's client (`DynamoDb`, `Sfn`)."""
    model = service_model(botocore_names().get(service_name, service_name))
    name = _java_name(model.metadata.get("serviceId", service_name))
    return name.removeprefix("Amazon").removeprefix("Aws").removesuffix("Service")


def _exception_name(service_name: str, ex: Exception) -> str:
    """In the place of moto's, which keeps botocore's spelling: an error outside of the model is the service's own."""
    modelled = type(ex).__name__
    return f"{service_name}.{_java_exception(service_name if modelled == 'ClientError' else modelled)}"


_original_dynamodb_error_cause: Any = StateTaskServiceDynamoDB._error_cause_from_client_error
_original_send_to_queue: Any = StateTaskServiceSqs._eval_service_task
_original_sqs_failure: Any = StateTaskServiceSqs._from_error
_original_nested_failure: Any = StateTaskServiceSfn._from_error
_original_function_failure: Any = StateTaskLambda._from_error
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
    replace(StateTaskLambda, "_from_error", _function_failure)
    replace(StateTaskServiceDynamoDB, "_error_cause_from_client_error", staticmethod(_dynamodb_error_cause))
    replace(StateTaskServiceSqs, "_eval_service_task", _send_to_queue)
    replace(StateTaskServiceSqs, "_from_error", _sqs_failure)
    replace(StateTaskServiceSfn, "_from_error", _nested_failure)
    replace(StateTaskServiceAwsSdk, "_get_boto_service_name", _sdk_service)
    replace(StateTaskServiceAwsSdk, "_normalise_exception_name", staticmethod(_exception_name))
