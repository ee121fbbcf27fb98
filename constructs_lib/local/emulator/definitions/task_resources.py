"""A Task's Resource: what it calls, and whether Step Functions and the local cloud know it.

Four kinds: a Lambda function's ARN, an activity's, an optimized integration (`arn:aws:states:::sqs:sendMessage`) and an
AWS SDK integration (`arn:aws:states:::aws-sdk:s3:getObject`). The last two may end in an integration pattern:
https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html
"""

import functools
import re
from dataclasses import dataclass

from constructs_lib.local.emulator.service_models import service_model, session

_SYNC, _SYNC_2, _TOKEN = "sync", "sync:2", "waitForTaskToken"

_LAMBDA = re.compile(r"arn:aws[\w-]*:lambda:[^:]+:[^:]+:function:[^:]+(:[^:]+)?")
_ACTIVITY = re.compile(r"arn:aws[\w-]*:states:[^:]+:[^:]+:activity:[^:]+")
_INTEGRATION = re.compile(r"arn:aws[\w-]*:states:::(aws-sdk:)?([^:.]+):([^:.]+)(?:\.(.+))?")


@dataclass(frozen=True)
class Action:
    """An optimized integration that runs here.

    Args:
        patterns: its integration patterns besides request and response.
        required: the parameters that it can't do without.
        not_run: the parameters that Step Functions knows and the local cloud doesn't.

    """

    patterns: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    not_run: tuple[str, ...] = ()


_RUN = {
    "lambda": {"invoke": Action((_TOKEN,), ("FunctionName",))},
    "states": {"startExecution": Action((_SYNC, _SYNC_2, _TOKEN), ("StateMachineArn",))},
    "dynamodb": {
        "getItem": Action(required=("TableName", "Key")),
        "putItem": Action(required=("TableName", "Item")),
        "updateItem": Action(required=("TableName", "Key")),
        "deleteItem": Action(required=("TableName", "Key")),
    },
    "sns": {"publish": Action((_TOKEN,), ("Message",))},
    "sqs": {"sendMessage": Action((_TOKEN,), ("QueueUrl", "MessageBody"))},
    "events": {"putEvents": Action((_TOKEN,), ("Entries",))},
    "bedrock": {"invokeModel": Action(required=("ModelId",), not_run=("Input", "Output"))},
}
# Optimized integrations of Step Functions that don't run here. MiniStack ends a job of Batch or Glue without running it
# and has no containers for ECS; moto has a part of apigateway's, which calls whatever host the definition names.
_NOT_RUN = {
    "apigateway", "athena", "batch", "bedrock-agentcore", "codebuild", "databrew", "ecs", "eks", "elasticmapreduce",
    "emr-containers", "emr-serverless", "glue", "http", "mediaconvert", "sagemaker",
}  # fmt: skip
# Patterns that Step Functions has and the local cloud doesn't.
_NOT_RUN_PATTERNS = {("bedrock", _SYNC), ("bedrock", _TOKEN)}

# The services whose name in Step Functions (that of the Java SDK's package) isn't botocore's without its hyphens.
_NAMES = {
    "applicationdiscovery": "discovery", "cloudwatchevents": "events", "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp", "costandusagereport": "cur", "costexplorer": "ce",
    "databasemigration": "dms", "directory": "ds", "directoryservicedata": "ds-data",
    "elasticloadbalancing": "elb", "elasticloadbalancingv2": "elbv2", "elasticsearch": "es", "eventbridge": "events",
    "iotdataplane": "iot-data", "iotjobsdataplane": "iot-jobs-data", "lexmodelbuilding": "lex-models",
    "lexmodelsv2": "lexv2-models", "lexruntime": "lex-runtime", "lexruntimev2": "lexv2-runtime",
    "marketplaceentitlement": "marketplace-entitlement", "marketplacemetering": "meteringmarketplace",
    "migrationhub": "mgh", "pinpointsmsvoice": "sms-voice", "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
}  # fmt: skip


@functools.cache
def botocore_names() -> dict[str, str]:
    """The name in botocore of each service by its name in an AWS SDK integration (`cloudwatchlogs`: `logs`)."""
    regular = {name.replace("-", ""): name for name in session().get_available_services()}
    other = set(_NAMES.values())
    return {key: name for key, name in regular.items() if name not in other} | _NAMES


def action_of(resource: str) -> Action | None:
    """The integration that a resource names; None when the resource takes any payload.

    Of an AWS SDK integration, as of one that isn't known, nothing is required here.
    """
    found = _INTEGRATION.fullmatch(resource)
    if found is None:
        return None
    sdk, service, action, _ = found.groups()
    known = None if sdk else _RUN.get(service, {}).get(action)
    return known or Action()


def is_activity(resource: str) -> bool:
    """Whether a resource is an activity, for a worker to poll."""
    return _ACTIVITY.fullmatch(resource) is not None


def resource_problem(resource: str, *, express: bool) -> str | None:
    """What keeps a resource from running, in a sentence; None when nothing does.

    Args:
        resource: a Task's `Resource`.
        express: the Task is in an EXPRESS machine, or in a Map's EXPRESS children.

    """
    if not resource.startswith("arn:"):
        return "Value is not a valid resource ARN"
    if is_activity(resource):
        return "Express state machine does not support Activity ARN" if express else None
    if _LAMBDA.fullmatch(resource):
        return None
    found = _INTEGRATION.fullmatch(resource)
    if found is None:
        return _unknown(resource)
    sdk, service, action, pattern = found.groups()
    problem = _sdk_problem(resource, service, action, pattern) if sdk else _problem(resource, service, action, pattern)
    if problem is None and express and pattern:
        if pattern == _TOKEN:
            # The blank at its end is AWS's.
            return f"Express state machine does not support '.{_TOKEN}' service integration "
        return f"Express state machine does not support '.{_SYNC}' service integration"
    return problem


def _unknown(resource: str) -> str:
    return (
        f"The resource provided {resource} is not recognized. The value is not a valid resource ARN, "
        "or the resource is not available in this region."
    )


def _problem(resource: str, service: str, action: str, pattern: str | None) -> str | None:
    if service in _NOT_RUN:
        return f"the local cloud doesn't run {service}:{action}; it runs {', '.join(_RUN)} and aws-sdk"
    actions = _RUN.get(service)
    if actions is None:
        return _unknown(resource)
    if service == "bedrock" and (action not in actions or (service, pattern) in _NOT_RUN_PATTERNS):
        name = action if pattern is None else f"{action}.{pattern}"
        return f"the local cloud doesn't run bedrock:{name}; of bedrock it runs {', '.join(actions)}"
    known = actions.get(action)
    if known is None or (pattern is not None and pattern not in known.patterns):
        return _unknown(resource)
    return None


def _sdk_problem(resource: str, service: str, action: str, pattern: str | None) -> str | None:
    name = botocore_names().get(service)
    if name is None or pattern not in (None, _TOKEN):
        return _unknown(resource)
    model = service_model(name)
    if action not in _actions(name):
        return _unknown(resource)
    if not {name, model.endpoint_prefix, model.signing_name} & _served():
        return f"the local cloud doesn't run aws-sdk:{service}: MiniStack doesn't have this service"
    return None


@functools.cache
def _actions(name: str) -> frozenset[str]:
    return frozenset(operation[0].lower() + operation[1:] for operation in service_model(name).operation_names)


@functools.cache
def _served() -> frozenset[str]:
    # Here and not above: the server's environment must be set before it is loaded.
    from ministack import app

    return frozenset(
        name for service, entry in app.SERVICE_REGISTRY.items() for name in (service, *entry.get("aliases", ()))
    )
