"""Each IAM statement of the review workflow's stacks: exercised, or documented by AWS; see `iam_statements`."""

from __future__ import annotations

from tests.stacks.iam_statements import EXERCISED, Statement

SOURCE_ACCOUNT = "111111111111"
TARGET_ACCOUNT = "222222222222"

_DOCS = "https://docs.aws.amazon.com"
_MACHINE_ROLE = f"{_DOCS}/step-functions/latest/dg/procedure-create-iam-role.html"
_MACHINE_LOGS = f"{_DOCS}/step-functions/latest/dg/cw-logs.html"
_MACHINE_XRAY = f"{_DOCS}/step-functions/latest/dg/concepts-xray-tracing.html"
_TOPIC = f"{_DOCS}/sns/latest/dg/sns-security-best-practices.html"
_TOPIC_KEY = f"{_DOCS}/sns/latest/dg/sns-key-management.html"
_ALARM = f"{_DOCS}/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html"
_RULE = f"{_DOCS}/eventbridge/latest/userguide/eb-use-resource-based.html"
_KEY = f"{_DOCS}/kms/latest/developerguide/key-policy-default.html"

_PUBLISH = ("sns:Publish",)
_USE_KEY = ("kms:Decrypt", "kms:GenerateDataKey*")


def _arn(service: str, account: str, resource: str) -> str:
    region = "" if service == "iam" else "${AWS::Region}"
    return f"arn:${{AWS::Partition}}:{service}:{region}:{account}:{resource}"


def _machine(role: str, account: str, name: str) -> dict[Statement, str]:
    """The role of a state machine that is logged and traced."""
    machine = _arn("states", account, f"stateMachine:{name}")
    return {
        Statement(
            role,
            ("sts:AssumeRole",),
            (),
            "states.amazonaws.com",
            (
                f"ArnLike aws:SourceArn {machine}",
                f"ArnLike aws:SourceArn {machine}/*",
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


def _topic(account: str) -> dict[Statement, str]:
    """The alarm topic and its key."""
    of_account = f"StringEquals aws:SourceAccount {account}"
    alarms, rules = _arn("cloudwatch", account, "alarm:*"), _arn("events", account, "rule/*")
    policy, key, topic = "AlarmTopicPolicy", "AlarmTopicKey", ("${AlarmTopic}",)
    return {
        Statement(policy, _PUBLISH, topic, "Deny *", ("Bool aws:SecureTransport false",)): _TOPIC,
        Statement(
            policy, _PUBLISH, topic, "cloudwatch.amazonaws.com", (f"ArnLike aws:SourceArn {alarms}", of_account)
        ): _ALARM,
        Statement(policy, _PUBLISH, topic, "events.amazonaws.com", (f"ArnLike aws:SourceArn {rules}",)): _RULE,
        Statement(key, ("kms:*",), ("*",), _arn("iam", account, "root")): _KEY,
        Statement(key, _USE_KEY, ("*",), "cloudwatch.amazonaws.com", (of_account,)): _TOPIC_KEY,
        Statement(key, _USE_KEY, ("*",), "events.amazonaws.com"): _TOPIC_KEY,
    }


_CHILD = _arn("states", TARGET_ACCOUNT, "stateMachine:review-classifier")
_EXECUTIONS = _arn("states", TARGET_ACCOUNT, "execution:review-classifier:*")
_TARGET_ROLE = _arn("iam", TARGET_ACCOUNT, "role/review-classifier-target-${AWS::Region}")
_PARENT = _arn("states", SOURCE_ACCOUNT, "stateMachine:review-intake")
_PARENT_ROLE = _arn("iam", SOURCE_ACCOUNT, "role/review-intake-${AWS::Region}")
_MODEL = "arn:${AWS::Partition}:bedrock:${AWS::Region}::foundation-model/amazon.nova-lite-v1:0"
_TABLE = _arn("dynamodb", TARGET_ACCOUNT, "table/${ClassifierFakeReviews}")

TARGET: dict[Statement, str] = {
    **_machine("ClassifierRole", TARGET_ACCOUNT, "review-classifier"),
    **_topic(TARGET_ACCOUNT),
    Statement("ClassifierRole", ("bedrock:InvokeModel",), (_MODEL,)): EXERCISED,
    Statement("ClassifierRole", ("dynamodb:PutItem",), (_TABLE,)): EXERCISED,
    Statement("ClassifierRole", _PUBLISH, ("${AlarmTopic}",)): EXERCISED,
    Statement("ClassifierRole", _USE_KEY, ("${AlarmTopicKey.Arn}",)): _TOPIC_KEY,
    # Its conditions are those of the trust matrix, in tests/stacks/test_trust.py.
    Statement(
        "TargetRole",
        ("sts:AssumeRole",),
        (),
        _arn("iam", SOURCE_ACCOUNT, "root"),
        (f"ArnEquals aws:PrincipalArn {_PARENT_ROLE}", f"StringEquals sts:ExternalId {_PARENT}"),
    ): f"{_DOCS}/step-functions/latest/dg/concepts-access-cross-acct-resources.html",
    Statement("TargetRole", ("states:StartExecution",), (_CHILD,)): EXERCISED,
    Statement("TargetRole", ("states:DescribeExecution", "states:StopExecution"), (_EXECUTIONS,)): EXERCISED,
}

SOURCE: dict[Statement, str] = {
    **_machine("IntakeRole", SOURCE_ACCOUNT, "review-intake"),
    **_topic(SOURCE_ACCOUNT),
    Statement("IntakeRole", ("sts:AssumeRole",), (_TARGET_ROLE,)): EXERCISED,
}
