"""Each IAM statement of the review workflow's stacks: exercised, or documented by AWS; see `iam_statements`."""

from __future__ import annotations

from tests.stacks.iam_statements import (
    DOCS,
    EXERCISED,
    PUBLISH,
    TOPIC_KEY,
    USE_KEY,
    Statement,
    alarm_topic,
    arn,
    machine_role,
    traced,
)

SOURCE_ACCOUNT = "111111111111"
TARGET_ACCOUNT = "222222222222"


def _machine(role: str, account: str, name: str) -> dict[Statement, str]:
    """The role of one state machine, which is logged and traced."""
    return machine_role(role, account, (f"stateMachine:{name}", f"stateMachine:{name}/*")) | traced(role)


_CHILD = arn("states", TARGET_ACCOUNT, "stateMachine:review-classifier")
_EXECUTIONS = arn("states", TARGET_ACCOUNT, "execution:review-classifier:*")
_TARGET_ROLE = arn("iam", TARGET_ACCOUNT, "role/review-classifier-target-${AWS::Region}")
_PARENT = arn("states", SOURCE_ACCOUNT, "stateMachine:review-intake")
_PARENT_ROLE = arn("iam", SOURCE_ACCOUNT, "role/review-intake-${AWS::Region}")
_MODEL = "arn:${AWS::Partition}:bedrock:${AWS::Region}::foundation-model/amazon.nova-lite-v1:0"
_TABLE = arn("dynamodb", TARGET_ACCOUNT, "table/${ClassifierFakeReviews}")

TARGET: dict[Statement, str] = {
    **_machine("ClassifierRole", TARGET_ACCOUNT, "review-classifier"),
    **alarm_topic(TARGET_ACCOUNT),
    Statement("ClassifierRole", ("bedrock:InvokeModel",), (_MODEL,)): EXERCISED,
    Statement("ClassifierRole", ("dynamodb:PutItem",), (_TABLE,)): EXERCISED,
    Statement("ClassifierRole", PUBLISH, ("${AlarmTopic}",)): EXERCISED,
    Statement("ClassifierRole", USE_KEY, ("${AlarmTopicKey.Arn}",)): TOPIC_KEY,
    # Its conditions are those of the trust matrix, in tests/stacks/test_trust.py.
    Statement(
        "TargetRole",
        ("sts:AssumeRole",),
        (),
        arn("iam", SOURCE_ACCOUNT, "root"),
        (f"ArnEquals aws:PrincipalArn {_PARENT_ROLE}", f"StringEquals sts:ExternalId {_PARENT}"),
    ): f"{DOCS}/step-functions/latest/dg/concepts-access-cross-acct-resources.html",
    Statement("TargetRole", ("states:StartExecution",), (_CHILD,)): EXERCISED,
    Statement("TargetRole", ("states:DescribeExecution", "states:StopExecution"), (_EXECUTIONS,)): EXERCISED,
}

SOURCE: dict[Statement, str] = {
    **_machine("IntakeRole", SOURCE_ACCOUNT, "review-intake"),
    **alarm_topic(SOURCE_ACCOUNT),
    Statement("IntakeRole", ("sts:AssumeRole",), (_TARGET_ROLE,)): EXERCISED,
}
