"""QuotaAlarms: warns before a shared limit delays or refuses work, and when it does.

The alarms are the catalogue's. They take no action; three composite alarms do, so that a bad quarter of an hour is a
message or two. An alarm watches one account and Region, its own; an imported state machine of another account needs
that account's metrics to be shared with this one (`observability`), in the same Region.
"""

import re
from collections.abc import Iterator, Sequence
from typing import cast

from aws_cdk import CfnElement, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from constructs_lib._checks import check_topic, is_token, usage_error
from constructs_lib._runbook import check_runbook
from constructs_lib._workflow_identity import differ
from constructs_lib.quotas._metrics import cdk_expression, cdk_metric
from constructs_lib.quotas.catalogue import QUOTAS, WINDOW_MINUTES, AlarmRule, Metric, Quota, Severity
from constructs_lib.quotas.watched import WatchedWorkflow, check_watched

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html: a rule of ARNs is too
# long before it has the 100 alarms that it may have. What CloudFormation makes the alarms' names of is inferred.
_MAX_RULE = 10_240
_MAX_STACK_NAME = 128
_ALARM_IN_RULE = 'ALARM("arn:aws-us-gov:cloudwatch:us-gov-west-1:111111111111:alarm:") OR '
_RANDOM = "-ABCDEFGHIJKLM"


class QuotaAlarms(Construct):
    """Alarms on the quotas of one account and Region, and on the workflows that are watched.

    Each sign of a quota has a warning and a critical alarm: something was throttled, something waits, most of the limit
    is used. They stay in alarm for a quarter of an hour after the last bad minute, so that they don't flap. Three
    composite alarms publish to `topic` when they go off and when they end: `delayed` (executions wait, and don't fail),
    `warning` and `critical`. An alarm whose metric has no point is OK: none of these metrics is reported while nothing
    happens.

    What it costs: $0.10 a month for each metric of each alarm, $0.50 for each composite alarm.

    Example::

        topic = AlarmTopic(self, "AlarmTopic", email="oncall@example.com").topic
        QuotaAlarms(self, "Quotas", topic=topic)

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        topic: Must let CloudWatch publish, as that of an `AlarmTopic` does.
        quotas: Records of the catalogue; change a threshold by `dataclasses.replace`. Omitted: Step Functions' own.
        workflows: State machines whose own throttled states raise alarms. Omitted: none.
        runbook: Named in the descriptions: words, or an address, to which each alarm adds its quota's
            `runbook_section` where it has no anchor. Omitted: none; the descriptions say what to do in a sentence.

    Raises:
        ValueError: for a `topic` that is none, nothing to watch, two of one key, a topic or a state machine of another
            Region, more than a composite alarm can have, or a runbook that isn't a line.

    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        topic: sns.ITopic,
        quotas: Sequence[Quota] = QUOTAS,
        workflows: Sequence[WatchedWorkflow] = (),
        runbook: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        check_runbook(self, runbook)
        self._runbook = runbook
        check_topic(self, "topic", topic)
        check_watched(self, quotas, workflows)
        self._check_regions(topic, workflows)
        self._quotas, self._workflows = tuple(quotas), tuple(workflows)
        self._alarms = tuple(self._make_alarms())
        delaying = [alarm for rule, alarm in self._alarms if rule.delays]
        self._delayed = (
            self._composite("Delayed", "Executions are being delayed: they wait, and don't fail.", delaying)
            if delaying
            else None
        )
        self._warning, self._critical = (
            self._composite(
                severity.value,
                f"Step Functions' quotas: at least one {severity.value.lower()} alarm is on.",
                [alarm for rule, alarm in self._alarms if rule.severity is severity],
            )
            for severity in Severity
        )
        action = actions.SnsAction(topic)
        for composite in (self._delayed, self._warning, self._critical):
            if composite is not None:
                composite.add_alarm_action(action)
                composite.add_ok_action(action)

    @property
    def quotas(self) -> tuple[Quota, ...]:
        """What is watched."""
        return self._quotas

    @property
    def workflows(self) -> tuple[WatchedWorkflow, ...]:
        """The state machines that are watched."""
        return self._workflows

    @property
    def alarms(self) -> tuple[cloudwatch.Alarm, ...]:
        """Every alarm, those of the quotas first; add an action where a message of its own is wanted."""
        return tuple(alarm for _, alarm in self._alarms)

    @property
    def delayed(self) -> cloudwatch.CompositeAlarm | None:
        """In alarm while executions wait; None when nothing that is watched makes them wait."""
        return self._delayed

    @property
    def warning(self) -> cloudwatch.CompositeAlarm:
        """In alarm while a warning is."""
        return self._warning

    @property
    def critical(self) -> cloudwatch.CompositeAlarm:
        """In alarm while a critical alarm is."""
        return self._critical

    def _check_regions(self, topic: sns.ITopic, workflows: Sequence[WatchedWorkflow]) -> None:
        region = Stack.of(self).region
        if differ(topic.env.region, region):
            raise usage_error(
                self,
                "topic",
                f"a topic of Region {topic.env.region}",
                allowed=f"one of the stack's own Region, {region} (an alarm publishes to no other)",
                fix="Make an AlarmTopic in this stack.",
            )
        for workflow in workflows:
            if differ(workflow.region, region):
                raise usage_error(
                    self,
                    "workflows",
                    f"{workflow.name} of Region {workflow.region}",
                    allowed=f"state machines of the stack's own Region, {region} (an alarm watches no other)",
                    fix="Make the alarms in a stack of that Region.",
                )

    def _make_alarms(self) -> Iterator[tuple[AlarmRule, cloudwatch.Alarm]]:
        for quota in self._quotas:
            for rule in quota.alarms:
                yield rule, self._alarm(quota, rule, account=None)
        for workflow in self._workflows:
            for rule in workflow.quota.alarms:
                yield rule, self._alarm(workflow.quota, rule, account=workflow.account)

    def _alarm(self, quota: Quota, rule: AlarmRule, *, account: str | None) -> cloudwatch.Alarm:
        metric = (
            cdk_metric(rule.of, account=account)
            if isinstance(rule.of, Metric)
            else cdk_expression(rule.of, account=account)
        )
        return cloudwatch.Alarm(
            self,
            f"{quota.key}{rule.key}",
            alarm_description=f"{rule.happened} {quota.meaning} {quota.action}{self._runbook_of(quota)}",
            metric=metric,
            threshold=rule.threshold,
            evaluation_periods=WINDOW_MINUTES,
            datapoints_to_alarm=rule.minutes,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _runbook_of(self, quota: Quota) -> str:
        if self._runbook is None:
            return ""
        is_address = not is_token(self._runbook) and not re.search(r"[\s#]", self._runbook)
        return f" Runbook: {self._runbook}#{quota.runbook_section}" if is_address else f" Runbook: {self._runbook}"

    def _composite(
        self, construct_id: str, description: str, alarms: Sequence[cloudwatch.Alarm]
    ) -> cloudwatch.CompositeAlarm:
        length = sum(map(_length_in_rule, alarms))
        if length > _MAX_RULE:
            raise usage_error(
                self,
                "quotas",
                f"{len(alarms)} alarms in the composite alarm {construct_id}, a rule of {length:,} characters",
                allowed=f"up to {_MAX_RULE:,}, with the stack's name in each alarm's",
                fix="Make a second QuotaAlarms for some of them, or give the stack a shorter name.",
            )
        what_to_do = "their descriptions say what to do." if self._runbook is None else f"what to do: {self._runbook}"
        return cloudwatch.CompositeAlarm(
            self,
            construct_id,
            alarm_description=f"{description} The message names the alarms; {what_to_do}",
            alarm_rule=cloudwatch.AlarmRule.any_of(
                *(cloudwatch.AlarmRule.from_alarm(alarm, cloudwatch.AlarmState.ALARM) for alarm in alarms)
            ),
        )


def _length_in_rule(alarm: cloudwatch.Alarm) -> int:
    """How many characters of a rule the alarm may take: CloudFormation makes its name at deployment."""
    stack = Stack.of(alarm)
    stack_name = _MAX_STACK_NAME if is_token(stack.stack_name) else len(stack.stack_name)
    logical_id = stack.get_logical_id(cast("CfnElement", alarm.node.default_child))
    return len(_ALARM_IN_RULE) + stack_name + len(f"-{logical_id}{_RANDOM}")
