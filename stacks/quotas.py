"""The stack Quotas: a dashboard of the account's shared limits in this Region, and alarms on them."""

from collections.abc import Iterator
from dataclasses import replace

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib import AlarmTopic, QuotaAlarms, QuotaDashboard, WatchedWorkflow
from constructs_lib.quotas.catalogue import QUOTAS, S3_SLOW_DOWN, Quota, bedrock_throttles, lambda_concurrency
from stacks.settings import Settings

_RUNBOOK = "docs/runbook-quotas.md"


class QuotasStack(Stack):
    """One a Region and account; it needs no other stack, and watches every workflow by the account's own metrics."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, env: Environment | None = None
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="Dashboard and alarms of the limits that Step Functions workflows share.",
        )
        self.alarm_topic = AlarmTopic(self, "AlarmTopic", email=settings.alarm_email)
        self.alarms = QuotaAlarms(
            self,
            "Alarms",
            topic=self.alarm_topic.topic,
            quotas=[
                replace(
                    quota,
                    warning_percent=settings.quota_warning_percent,
                    critical_percent=settings.quota_critical_percent,
                )
                for quota in _watched_quotas(settings)
            ],
            workflows=[
                WatchedWorkflow(
                    name=workflow.name,
                    state_machine=sfn.StateMachine.from_state_machine_arn(
                        self, f"Workflow {workflow.name}", workflow.state_machine_arn
                    ),
                    map_labels=workflow.map_labels,
                )
                for workflow in settings.watched_workflows
            ],
            runbook=_RUNBOOK,
        )
        self.dashboard = QuotaDashboard(self, "Dashboard", alarms=self.alarms)
        CfnOutput(
            self,
            "DashboardUrl",
            value=f"https://{self.region}.console.aws.amazon.com/cloudwatch/home?region={self.region}"
            f"#dashboards/dashboard/{self.dashboard.dashboard.dashboard_name}",
            description="The dashboard in the console.",
        )
        CfnOutput(
            self,
            "AlarmTopicArn",
            value=self.alarm_topic.topic.topic_arn,
            description="Subscribe to hear of delayed executions and of limits that are near.",
        )


def _watched_quotas(settings: Settings) -> Iterator[Quota]:
    yield from QUOTAS
    yield S3_SLOW_DOWN
    for name in settings.watched_functions:
        yield lambda_concurrency(name, key=f"Lambda-{name}", title=f"Lambda function {name}")
    for model in settings.watched_models:
        yield bedrock_throttles(model, key=f"Bedrock-{model}", title=f"Bedrock model {model}")
