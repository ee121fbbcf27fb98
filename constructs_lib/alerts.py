"""An encrypted alarm topic that CloudWatch and EventBridge can really publish to, and alarms on a state machine.

A topic with `enforce_ssl` has a policy of a single Deny, which shuts both services out; `alias/aws/sns` can't be opened
to them at all. What is granted here, and why the key has no source condition for EventBridge:
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services.
"""

import re
from collections.abc import Sequence

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib._checks import is_token, usage_error

EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s.]+"
"""Matches what may be an e-mail address: whether it is one, SNS finds out by a message."""


class AlarmTopic(Construct):
    """An SNS topic with a customer-managed key (about $1 a month), for its own account and Region.

    Example::

        alarms = AlarmTopic(self, "Alarms", email="oncall@example.com")
        alarm.add_alarm_action(actions.SnsAction(alarms.topic))

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        email: Gets every alarm, once its owner has followed the link that SNS mails at deployment. Omitted: no one
            is subscribed.

    Raises:
        ValueError: for an `email` that is none.

    """

    def __init__(self, scope: Construct, construct_id: str, *, email: str | None = None) -> None:
        super().__init__(scope, construct_id)
        if email is not None and not is_token(email) and not re.fullmatch(EMAIL, str(email)):
            raise usage_error(
                self, "email", email, allowed="an e-mail address", fix="Leave it out to subscribe no one."
            )
        self._key = kms.Key(
            self,
            "Key",
            description="Encrypts the alarm topic's messages.",
            enable_key_rotation=True,
            # Messages aren't kept, so nothing is lost with the key; kept, it would cost $1 a month for good.
            removal_policy=RemovalPolicy.DESTROY,
            pending_window=Duration.days(7),
        )
        self._topic = sns.Topic(self, "Topic", master_key=self._key, enforce_ssl=True)
        self._allow_service(
            "cloudwatch.amazonaws.com",
            source=self._arns("cloudwatch", "alarm", ArnFormat.COLON_RESOURCE_NAME),
            conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
        )
        # SNS doesn't hand EventBridge's source on to KMS: with a condition on it nothing would ever be delivered.
        self._allow_service(
            "events.amazonaws.com",
            source=self._arns("events", "rule", ArnFormat.SLASH_RESOURCE_NAME),
            conditions={},
        )
        if email is not None:
            self._topic.add_subscription(subscriptions.EmailSubscription(email))

    @property
    def topic(self) -> sns.Topic:
        """What alarms and rules publish to."""
        return self._topic

    @property
    def key(self) -> kms.Key:
        """Encrypts the messages."""
        return self._key

    def _arns(self, service: str, resource: str, arn_format: ArnFormat) -> str:
        return Stack.of(self).format_arn(service=service, resource=resource, resource_name="*", arn_format=arn_format)

    def _allow_service(self, service: str, *, source: str, conditions: dict[str, dict[str, str]]) -> None:
        principal = iam.ServicePrincipal(service)
        name = service.split(".", maxsplit=1)[0].title()
        self._topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid=f"{name}Publishes",
                principals=[principal],
                actions=["sns:Publish"],
                resources=[self._topic.topic_arn],
                conditions=conditions | {"ArnLike": {"aws:SourceArn": source}},
            )
        )
        self._key.add_to_resource_policy(
            iam.PolicyStatement(
                sid=f"{name}Encrypts",
                principals=[principal],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions=conditions,
            )
        )


class ExecutionAlarms(Construct):
    """Alarms on failed, timed-out and aborted executions of a state machine: one in a minute is enough.

    A Standard execution fails for good once its states' retries are used up, so each alarm means work not done.
    Failed child executions of a Distributed Map are not counted here: the map tolerates a share of them.

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        state_machine: The one to watch.
        topic: Hears of each alarm, and of its end.

    """

    def __init__(
        self, scope: Construct, construct_id: str, *, state_machine: sfn.IStateMachine, topic: sns.ITopic
    ) -> None:
        super().__init__(scope, construct_id)
        self._alarms = tuple(
            cloudwatch.Alarm(
                self,
                name,
                alarm_description=description,
                metric=cloudwatch.Metric(
                    namespace="AWS/States",
                    metric_name=f"Executions{name}",
                    dimensions_map={"StateMachineArn": state_machine.state_machine_arn},
                    statistic="Sum",
                    period=Duration.minutes(1),
                ),
                threshold=1,
                evaluation_periods=1,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                # There is no point where there was no execution.
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )
            for name, description in _DESCRIPTIONS.items()
        )
        for alarm in self._alarms:
            action = actions.SnsAction(topic)
            alarm.add_alarm_action(action)
            alarm.add_ok_action(action)

    @property
    def alarms(self) -> Sequence[cloudwatch.Alarm]:
        """The alarms: failed, timed out, aborted."""
        return self._alarms


_DESCRIPTIONS = {
    "Failed": "An execution failed: its work is not done. Look first at the execution's Error and Cause in the Step "
    "Functions console; they name what was given, or the state that gave up.",
    "TimedOut": "An execution ran into the state machine's time limit: its work is not done. Look first at which state "
    "it was in; for a map, at the map run's backlog and at Lambda's Throttles.",
    "Aborted": "Someone stopped an execution: its work is not done. Look first in CloudTrail for StopExecution, to "
    "learn who and why.",
}
