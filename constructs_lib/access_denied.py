"""AccessDeniedAlarm: says that a caller of a child state machine was denied, which the parent may keep to itself.

A parent in another account polls its child. A denied poll is no failure to it: it goes on waiting though the child has
finished. The child's account learns of it, by CloudTrail. EventBridge hands CloudTrail's read-only calls, such as
DescribeExecution, to rules in one state only, which the `Rule` of aws-cdk-lib can't have:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html.
"""

import json

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_sns as sns
from constructs import Construct

from constructs_lib._checks import check_topic
from constructs_lib._runbook import check_runbook

_CALLS = ("StartExecution", "DescribeExecution", "StopExecution")


class AccessDeniedAlarm(Construct):
    """An alarm in the child's account on denied calls of StartExecution, DescribeExecution and StopExecution.

    The topic gets two kinds of message: the alarm's, once, which says that something is wrong, and the rule's, for each
    denied call, which says who was denied what. A parent that waits in vain is denied once a minute, later less often.

    It covers every state machine of the account and Region: CloudTrail doesn't say that a denied call carries its
    request's parameters, so a rule narrowed down to one machine could stay silent.

    It works only with a CloudTrail trail in this account that logs read *and* write management events and whose logging
    is on. CloudTrail takes minutes to deliver, and doesn't promise to deliver all. The rule is tested with events as
    they are documented; that a denied call's is like them, only AWS can confirm.

    It can't see

    - a denied `sts:AssumeRole`: that call is the source account's, and fails the parent within seconds;
    - `StartSyncExecution`: CloudTrail counts it among the data events, and it fails the parent within seconds;
    - a caller whose permission was never used: nothing is denied before the first call.

    Example::

        AccessDeniedAlarm(self, "Denied", topic=AlarmTopic(self, "Alarms", email="oncall@example.com").topic)

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        topic: Must let CloudWatch and EventBridge publish, as that of an `AlarmTopic` does.
        runbook: Named in both messages: words, or an address. Omitted: none; they say what to do in a sentence.

    Raises:
        ValueError: for a `topic` that is none, or a runbook that isn't a line.

    """

    def __init__(self, scope: Construct, construct_id: str, *, topic: sns.ITopic, runbook: str | None = None) -> None:
        super().__init__(scope, construct_id)
        check_topic(self, "topic", topic)
        check_runbook(self, runbook)
        self._rule = events.CfnRule(
            self,
            "Rule",
            description="Step Functions calls that were denied, out of CloudTrail.",
            state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
            event_pattern={
                "source": ["aws.states"],
                "detail-type": ["AWS API Call via CloudTrail"],
                "detail": {
                    "eventSource": ["states.amazonaws.com"],
                    "eventName": list(_CALLS),
                    # The second for a child encrypted with a customer-managed key, whose caller needs kms:Decrypt.
                    "errorCode": [{"prefix": "AccessDenied"}, "KmsAccessDeniedException"],
                },
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="Topic",
                    arn=topic.topic_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map=_MESSAGE_PATHS,
                        # Text has to be quoted, line by line.
                        input_template="\n".join(json.dumps(line) for line in (*_MESSAGE, _what_to_do(runbook))),
                    ),
                )
            ],
        )
        self._alarm = cloudwatch.Alarm(
            self,
            "Alarm",
            alarm_description="A call of StartExecution, DescribeExecution or StopExecution was denied. A parent "
            "workflow in another account may wait for a child that has finished, or may have left one running. Look "
            "first at the message that came with this alarm: it names the role that was denied, and what. "
            + (_GIVE_BACK if runbook is None else f"Then follow {runbook}."),
            metric=cloudwatch.Metric(
                namespace="AWS/Events",
                metric_name="MatchedEvents",
                dimensions_map={"RuleName": self._rule.ref},
                statistic="Sum",
                period=Duration.minutes(1),
            ),
            threshold=1,
            # One denied call is enough; the alarm then lasts, instead of starting anew with each poll of the parent.
            evaluation_periods=15,
            datapoints_to_alarm=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # There is no point where no call was denied.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        # No message at its end: polls get rare, so a quiet quarter of an hour doesn't mean that anything was mended.
        self._alarm.add_alarm_action(actions.SnsAction(topic))

    @property
    def rule(self) -> events.CfnRule:
        """Matches each denied call and publishes its details."""
        return self._rule

    @property
    def alarm(self) -> cloudwatch.Alarm:
        """In alarm for a quarter of an hour after the last denied call."""
        return self._alarm


# A path that isn't in the event leaves nothing in its place:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
_MESSAGE_PATHS = {
    "account": "$.account",
    "region": "$.region",
    "time": "$.detail.eventTime",
    "call": "$.detail.eventName",
    "who": "$.detail.userIdentity.arn",
    # One of them, or, of a call that was denied before it was read, none: then the reason names it.
    "machine": "$.detail.requestParameters.stateMachineArn",
    "execution": "$.detail.requestParameters.executionArn",
    "code": "$.detail.errorCode",
    "reason": "$.detail.errorMessage",
}
_MESSAGE = (
    "<call> was denied in the account <account>, <region>, at <time>.",
    "Who: <who>",
    "On what: <machine><execution>",
    "Why: <code> <reason>",
    "A parent that may not describe its child waits on though the child has finished.",
    "A parent that may not stop its child leaves it running.",
)
_GIVE_BACK = "Give the permission back, then look which parents still wait, and which children nobody waits for."


def _what_to_do(runbook: str | None) -> str:
    return f"What to do: {_GIVE_BACK if runbook is None else runbook}"
