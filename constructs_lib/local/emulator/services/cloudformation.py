"""What MiniStack's CloudFormation lacks: activities, some alarms, buckets as S3 has them, the check of a definition.

MiniStack's CloudWatch takes both kinds of alarm through its API; only the template's resources don't reach them. A
template's values are text where the API has numbers, so they are converted on the way. An alarm on metric math deploys
so, and stays in INSUFFICIENT_DATA: nothing here computes its expression.

A template's bucket gets its tags, and isn't deleted while there is an object in it.
"""

import json
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from ministack.core import responses
from ministack.services import cloudwatch, s3, stepfunctions
from ministack.services.cloudformation import provisioners

from constructs_lib.local.emulator.definitions.definition import InvalidDefinitionError, compile_definition
from constructs_lib.local.emulator.patches import replace, require
from constructs_lib.local.emulator.services.api import state_machine_arn
from constructs_lib.local.emulator.services.authorization import function_arn, refusal
from constructs_lib.local.emulator.tasks.nested_executions import managed_rule_refusal

_BOOLEANS = ("ReturnData", "ActionsEnabled")
_INTEGERS = ("Period", "EvaluationPeriods", "DatapointsToAlarm")

Create = Callable[[str, dict[str, Any], Any], Any]


def _typed(value: Any, name: str | None = None) -> Any:
    if isinstance(value, dict):
        return {key: _typed(element, key) for key, element in value.items()}
    if isinstance(value, list):
        return [_typed(element, name) for element in value]
    if name in _BOOLEANS:
        return str(value).lower() == "true"
    if name in _INTEGERS:
        return int(value)
    return float(value) if name == "Threshold" else value


def _alarm_creator(put: Callable[..., Any]) -> Create:
    """A creator of alarms by one of CloudWatch's own calls."""

    def create(logical_id: str, properties: dict[str, Any], stack: Any) -> tuple[str, dict[str, str]]:
        name = properties.get("AlarmName") or provisioners._physical_name(stack, logical_id, max_len=255)
        alarm = {key: value for key, value in _typed(properties).items() if key != "Tags"} | {"AlarmName": name}
        status, _, body = put({}, alarm, False, True)
        if status >= 400:
            raise ValueError(f"alarm {name}: {body!r}")
        arn = f"arn:aws:cloudwatch:{responses.get_region()}:{responses.get_account_id()}:alarm:{name}"
        return name, {"Arn": arn}

    return create


def _checked(original: Create) -> Create:
    """A creator of state machines that refuses, as CreateStateMachine does, what can't run."""

    def create(logical_id: str, properties: dict[str, Any], stack: Any) -> Any:
        name = properties.get("StateMachineName") or provisioners._physical_name(stack, logical_id, max_len=80)
        definition, role = provisioners._sfn_definition(properties), properties.get("RoleArn", "")
        try:
            compile_definition(definition, properties.get("StateMachineType", "STANDARD"))
        except InvalidDefinitionError as error:
            raise ValueError(f"{error} (Service: AWSStepFunctions; Error Code: InvalidDefinition)") from error
        arn = state_machine_arn(name)
        request = {"definition": definition, "roleArn": role}
        if message := refusal("states", role, arn) or managed_rule_refusal(request, arn):
            raise ValueError(f"{message} (Service: AWSStepFunctions; Error Code: AccessDeniedException)")
        arn, attributes = original(logical_id, properties, stack)
        # The template's spelling isn't the API's, which DescribeStateMachine answers in.
        record = stepfunctions._state_machines[arn]
        record["loggingConfiguration"] = _lower_first(record["loggingConfiguration"])
        return arn, attributes

    return create


def _checked_function(original: Create) -> Create:
    """A creator of functions that refuses, as CreateFunction does, a role that can't be assumed."""

    def create(logical_id: str, properties: dict[str, Any], stack: Any) -> Any:
        name = properties.get("FunctionName") or provisioners._physical_name(stack, logical_id, max_len=64)
        if message := refusal("lambda", properties.get("Role", ""), function_arn(name)):
            raise ValueError(f"{message} (Service: Lambda; Error Code: InvalidParameterValueException)")
        return original(logical_id, properties, stack)

    return create


def _create_activity(_: str, properties: dict[str, Any], __: Any) -> tuple[str, dict[str, str]]:
    tags = [{"key": tag["Key"], "value": tag["Value"]} for tag in properties.get("Tags", [])]
    status, _, body = stepfunctions._create_activity({"name": properties["Name"], "tags": tags})
    if status >= 400:
        raise ValueError(f"activity {properties['Name']}: {body.decode()}")
    arn = json.loads(body)["activityArn"]
    return arn, {"Arn": arn, "Name": properties["Name"]}


def _delete_activity(arn: str, _: Any) -> None:
    stepfunctions._delete_activity({"activityArn": arn})


def _tagging(tags: list[dict[str, str]]) -> bytes:
    pairs = (f"<Tag><Key>{escape(tag['Key'])}</Key><Value>{escape(tag['Value'])}</Value></Tag>" for tag in tags)
    return f"<Tagging><TagSet>{''.join(pairs)}</TagSet></Tagging>".encode()


def _delete_bucket(name: str, _: Any) -> None:
    status, _, body = s3._delete_bucket(name)
    if status not in (204, 404):
        raise ValueError(f"bucket {name}: {body.decode()}")


def _lower_first(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _lower_first(element) for key, element in value.items()}
    if isinstance(value, list):
        return [_lower_first(element) for element in value]
    # Every value of CloudFormation's is text.
    return value == "true" if value in ("true", "false") else value


def install() -> None:
    """Add to MiniStack's handlers of template resources."""
    require(provisioners, "_RESOURCE_HANDLERS", "_physical_name", "_sfn_definition")
    require(cloudwatch, "_put_metric_alarm", "_put_composite_alarm", "_composite_alarms")
    require(stepfunctions, "_state_machines", "_create_activity", "_delete_activity")
    handlers = provisioners._RESOURCE_HANDLERS
    alarm, machine = handlers["AWS::CloudWatch::Alarm"], handlers["AWS::StepFunctions::StateMachine"]
    simple, with_metrics = alarm["create"], _alarm_creator(cloudwatch._put_metric_alarm)
    alarm["create"] = lambda logical_id, properties, stack: (with_metrics if properties.get("Metrics") else simple)(
        logical_id, properties, stack
    )
    handlers["AWS::StepFunctions::Activity"] = {"create": _create_activity, "delete": _delete_activity}
    handlers["AWS::CloudWatch::CompositeAlarm"] = {
        "create": _alarm_creator(cloudwatch._put_composite_alarm),
        "delete": lambda name, _: cloudwatch._composite_alarms.pop(name, None),
    }
    machine["create"] = _checked(machine["create"])
    function = handlers["AWS::Lambda::Function"]
    function["create"] = _checked_function(function["create"])
    require(s3, "_delete_bucket", "_put_bucket_tagging", "_delete_bucket_tagging")
    tags = ("Tags", _tagging, s3._put_bucket_tagging, s3._delete_bucket_tagging)
    replace(provisioners, "_S3_BUCKET_CONFIGURATIONS", [*provisioners._S3_BUCKET_CONFIGURATIONS, tags])
    handlers["AWS::S3::Bucket"]["delete"] = _delete_bucket
