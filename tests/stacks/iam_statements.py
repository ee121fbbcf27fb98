"""Each IAM statement of the app, in both of its shapes: exercised, or documented by AWS.

EXERCISED: taking the statement away makes an execution on the embedded AWS end in AccessDenied, as a test shows. Any
other proof is the page of AWS's documentation that asks for the statement: the embedded AWS doesn't need it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.cdk import resources, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

EXERCISED = "exercised"

DOCS = "https://docs.aws.amazon.com"
TOPIC_KEY = f"{DOCS}/sns/latest/dg/sns-key-management.html"
_GET_OBJECT = f"{DOCS}/AmazonS3/latest/API/API_GetObject.html"  # 404 or 403 for an object that isn't there
_SOURCE_KEY = f"{DOCS}/AmazonS3/latest/userguide/UsingKMSEncryption.html"
_MAP = f"{DOCS}/step-functions/latest/dg/iam-policies-eg-dist-map.html"
_LAMBDA_ROLE = f"{DOCS}/lambda/latest/dg/lambda-intro-execution-role.html"
_LAMBDA_XRAY = f"{DOCS}/lambda/latest/dg/services-xray.html"
_MACHINE_ROLE = f"{DOCS}/step-functions/latest/dg/procedure-create-iam-role.html"
_MACHINE_LOGS = f"{DOCS}/step-functions/latest/dg/cw-logs.html"
_MACHINE_XRAY = f"{DOCS}/step-functions/latest/dg/concepts-xray-tracing.html"
_TLS_BUCKET = f"{DOCS}/AmazonS3/latest/userguide/security-best-practices.html"
_EMPTIED = f"{DOCS}/AmazonS3/latest/userguide/empty-bucket.html"
_TOPIC = f"{DOCS}/sns/latest/dg/sns-security-best-practices.html"
_ALARM = f"{DOCS}/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html"
_RULE = f"{DOCS}/eventbridge/latest/userguide/eb-use-resource-based.html"
_KEY = f"{DOCS}/kms/latest/developerguide/key-policy-default.html"
_SCHEDULE = f"{DOCS}/scheduler/latest/UserGuide/setting-up.html"

PUBLISH = ("sns:Publish",)
USE_KEY = ("kms:Decrypt", "kms:GenerateDataKey*")
_WITHOUT_TLS = ("Bool aws:SecureTransport false",)

# Resource types whose policies `every_statement` reads, and those that carry none.
WITH_STATEMENTS = {
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
}
WITHOUT_STATEMENTS = {
    "AWS::CloudWatch::Alarm",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::Scheduler::Schedule",
    "AWS::StepFunctions::StateMachine",
    "Custom::S3AutoDeleteObjects",
}


@dataclass(frozen=True, order=True)
class Statement:
    """A statement of a role, a trust policy or a resource's policy; names are logical ids without CDK's hash.

    `holder` is the role, or the resource that has the policy; `principal` is empty in a role's policy. A condition is
    `<operator> <key> <value>`.
    """

    holder: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principal: str = ""
    conditions: tuple[str, ...] = ()


def _function(name: str) -> dict[Statement, str]:
    role = f"Workflow{name}Role"
    return {
        Statement(role, ("sts:AssumeRole",), (), "lambda.amazonaws.com"): _LAMBDA_ROLE,
        Statement(role, ("logs:CreateLogStream", "logs:PutLogEvents"), (f"${{Workflow{name}Logs.Arn}}",)): _LAMBDA_ROLE,
        Statement(role, ("xray:PutTelemetryRecords", "xray:PutTraceSegments"), ("*",)): _LAMBDA_XRAY,
    }


def machine_role(
    role: str, account: str = "${AWS::AccountId}", machines: tuple[str, ...] = ("stateMachine:*",)
) -> dict[Statement, str]:
    """The role of state machines that are logged; `machines` are those that its trust names."""
    return {
        Statement(
            role,
            ("sts:AssumeRole",),
            (),
            "states.amazonaws.com",
            (
                *(f"ArnLike aws:SourceArn {arn('states', account, machine)}" for machine in machines),
                f"StringEquals aws:SourceAccount {account}",
            ),
        ): _MACHINE_ROLE,
        Statement(
            role,
            (
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "logs:GetLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:UpdateLogDelivery",
            ),
            ("*",),
        ): _MACHINE_LOGS,
    }


def traced(role: str) -> dict[Statement, str]:
    """What the role of a state machine needs for X-Ray."""
    return {
        Statement(
            role,
            (
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ),
            ("*",),
        ): _MACHINE_XRAY,
    }


def alarm_topic(account: str = "${AWS::AccountId}") -> dict[Statement, str]:
    """The AlarmTopic of a stack, by that id, and its key."""
    of_account = f"StringEquals aws:SourceAccount {account}"
    alarms, rules = arn("cloudwatch", account, "alarm:*"), arn("events", account, "rule/*")
    policy, key, topic = "AlarmTopicPolicy", "AlarmTopicKey", ("${AlarmTopic}",)
    return {
        Statement(policy, PUBLISH, topic, "Deny *", _WITHOUT_TLS): _TOPIC,
        Statement(
            policy, PUBLISH, topic, "cloudwatch.amazonaws.com", (f"ArnLike aws:SourceArn {alarms}", of_account)
        ): _ALARM,
        Statement(policy, PUBLISH, topic, "events.amazonaws.com", (f"ArnLike aws:SourceArn {rules}",)): _RULE,
        Statement(key, ("kms:*",), ("*",), arn("iam", account, "root")): _KEY,
        Statement(key, USE_KEY, ("*",), "cloudwatch.amazonaws.com", (of_account,)): TOPIC_KEY,
        Statement(key, USE_KEY, ("*",), "events.amazonaws.com"): TOPIC_KEY,
    }


def arn(service: str, account: str, resource: str) -> str:
    """The ARN in the stack's Region."""
    region = "" if service == "iam" else "${AWS::Region}"
    return f"arn:${{AWS::Partition}}:{service}:{region}:{account}:{resource}"


_RESULTS = "${WorkflowResults.Arn}"
_NOAA = "arn:${AWS::Partition}:s3:::noaa-gsod-pds"
_OWN = "arn:${AWS::Partition}:s3:::own-bucket"
_PLACE = "${AWS::Region}:${AWS::AccountId}"
_STATES = f"arn:${{AWS::Partition}}:states:{_PLACE}"
_EXECUTION = f"{_STATES}:execution:${{6 of ${{WorkflowStateMachine}} by :}}"
_MACHINE = "WorkflowStateMachineRole"
_INVOKE = ("lambda:InvokeFunction",)
_OF_ACCOUNT = "StringEquals aws:SourceAccount ${AWS::AccountId}"

IN_BOTH: dict[Statement, str] = {
    **_function("Analyze"),
    **_function("Reduce"),
    Statement("WorkflowReduceRole", ("s3:GetObject",), (f"{_RESULTS}/runs/*/map/*",)): EXERCISED,
    Statement(
        "WorkflowReduceRole",
        ("s3:PutObject",),
        tuple(
            f"{_RESULTS}/runs/*/{name}"
            for name in ("stations.csv", "stations.geojson", "rejected.csv", "summary.json", "map.html")
        ),
    ): EXERCISED,
    **machine_role(_MACHINE),
    **traced(_MACHINE),
    Statement(_MACHINE, _INVOKE, ("${WorkflowAnalyze.Arn}",)): EXERCISED,
    Statement(_MACHINE, _INVOKE, ("${WorkflowReduce.Arn}",)): EXERCISED,
    Statement(
        _MACHINE,
        ("s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"),
        (f"{_RESULTS}/runs/*/map/*",),
    ): EXERCISED,
    Statement(_MACHINE, ("states:StartExecution",), ("${WorkflowStateMachine}",)): _MAP,
    Statement(_MACHINE, ("states:DescribeExecution", "states:StopExecution"), (f"{_EXECUTION}:*",)): _MAP,
    Statement(_MACHINE, ("states:RedriveExecution",), (f"{_EXECUTION}/AnalyzeObjects:*",)): _MAP,
    Statement("WorkflowResultsPolicy", ("s3:*",), (_RESULTS, f"{_RESULTS}/*"), "Deny *", _WITHOUT_TLS): _TLS_BUCKET,
    **alarm_topic(),
}

READS_EARLIER_RUN = Statement(
    "WorkflowIndexRole",
    ("s3:GetObject",),
    (f"{_RESULTS}/runs/*/rejected.csv", f"{_RESULTS}/runs/*/summary.json"),
)
"""What only a retry of an execution needs."""

STATEMENTS: dict[str, dict[Statement, str]] = {
    "default": {
        **IN_BOTH,
        **_function("Index"),
        Statement("WorkflowIndexRole", ("s3:ListBucket",), (_NOAA,)): EXERCISED,
        Statement("WorkflowIndexRole", ("s3:PutObject",), (f"{_RESULTS}/runs/*/objects.csv",)): EXERCISED,
        READS_EARLIER_RUN: EXERCISED,
        Statement("WorkflowAnalyzeRole", ("s3:GetObject",), (f"{_NOAA}/*",)): EXERCISED,
        Statement("WorkflowAnalyzeRole", ("s3:ListBucket",), (_NOAA,)): _GET_OBJECT,
        Statement(_MACHINE, _INVOKE, ("${WorkflowIndex.Arn}",)): EXERCISED,
        Statement(_MACHINE, ("s3:GetObject",), (f"{_RESULTS}/runs/*/objects.csv",)): EXERCISED,
    },
    "full": {
        **IN_BOTH,
        Statement("WorkflowAnalyzeRole", ("s3:GetObject",), (f"{_OWN}/gsod/*",)): EXERCISED,
        Statement("WorkflowAnalyzeRole", ("s3:ListBucket",), (_OWN,)): _GET_OBJECT,
        Statement(
            "WorkflowAnalyzeRole", ("kms:Decrypt",), ("arn:aws:kms:us-east-1:111111111111:key/own-key",)
        ): _SOURCE_KEY,
        Statement(_MACHINE, ("s3:ListBucket",), (_OWN,), conditions=("StringEquals s3:prefix gsod/",)): EXERCISED,
        Statement(
            _MACHINE, ("states:DescribeMapRun",), (f"{_STATES}:mapRun:${{WorkflowStateMachine.Name}}/AnalyzeObjects:*",)
        ): EXERCISED,
        Statement("SchedulerRoleForTarget", ("states:StartExecution",), ("${WorkflowStateMachine}",)): _SCHEDULE,
        Statement(
            "SchedulerRoleForTarget",
            ("sts:AssumeRole",),
            (),
            "scheduler.amazonaws.com",
            (
                _OF_ACCOUNT,
                f"StringEquals aws:SourceArn arn:${{AWS::Partition}}:scheduler:{_PLACE}:schedule-group/default",
            ),
        ): _SCHEDULE,
        # CDK's own, which empties the bucket on `cdk destroy`.
        Statement(
            "CustomS3AutoDeleteObjectsCustomResourceProviderRole", ("sts:AssumeRole",), (), "lambda.amazonaws.com"
        ): _EMPTIED,
        Statement(
            "WorkflowResultsPolicy",
            ("s3:DeleteObject*", "s3:GetBucket*", "s3:List*", "s3:PutBucketPolicy"),
            (_RESULTS, f"{_RESULTS}/*"),
            "${CustomS3AutoDeleteObjectsCustomResourceProviderRole.Arn}",
        ): _EMPTIED,
    },
}
"""Each statement's proof, by the shape of the app that has it (see conftest.py)."""


@dataclass(frozen=True)
class Place:
    """Where a statement of a role's policy stands in the template: the policy's logical id, and which one it is."""

    policy: str
    index: int


def every_statement(template: dict[str, Any]) -> Iterator[tuple[Statement, Place | None]]:
    """Each statement of the template, and its place when it is one of a role's policy."""
    for name, properties in resources(template, "AWS::IAM::Policy").items():
        for index, statement in enumerate(properties["PolicyDocument"]["Statement"]):
            (role,) = properties["Roles"]
            yield _statement(role["Ref"], statement), Place(name, index)
    for resource_type, document in (
        ("AWS::IAM::Role", "AssumeRolePolicyDocument"),
        ("AWS::S3::BucketPolicy", "PolicyDocument"),
        ("AWS::SNS::TopicPolicy", "PolicyDocument"),
        ("AWS::KMS::Key", "KeyPolicy"),
    ):
        for name, properties in resources(template, resource_type).items():
            assert "Policies" not in properties
            for statement in properties[document]["Statement"]:
                yield _statement(name, statement), None


def _statement(holder: str, statement: dict[str, Any]) -> Statement:
    text = shown(statement)
    assert set(text) <= {"Sid", "Effect", "Action", "Resource", "Principal", "Condition"}
    principal = text.get("Principal", "")
    if isinstance(principal, dict):
        (principal,) = principal.values()
    return Statement(
        _without_hash(holder),
        tuple(sorted(_listed(text["Action"]))),
        tuple(_without_hash(resource) for resource in _listed(text.get("Resource", []))),
        _without_hash(f"Deny {principal}" if text["Effect"] == "Deny" else principal),
        tuple(
            sorted(
                f"{operator} {key} {_without_hash(value)}"
                for operator, keys in text.get("Condition", {}).items()
                for key, values in keys.items()
                for value in _listed(values)
            )
        ),
    )


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _without_hash(text: str) -> str:
    # CDK's scheduler target puts a hash of its own into the id of its role, before the one of every logical id.
    return re.sub(r"(?:(?<=SchedulerRoleForTarget)[0-9a-f]{6}|(?<=[A-Za-z]))[0-9A-F]{8}\b", "", text)
