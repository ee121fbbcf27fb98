"""The stack WindSpeed: the workflow, alarms on it, a schedule when asked for, and outputs with stable names."""

from typing import cast

from aws_cdk import Acknowledgment, CfnElement, CfnOutput, Duration, Environment, Stack, Token
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from constructs_lib import AlarmTopic, ExecutionAlarms, GsodSource, WindSpeedWorkflow
from constructs_lib.wind_speed import NOAA_BUCKET, RESULT_FILES
from stacks.acknowledgements import acknowledge
from stacks.settings import RETENTION, Settings


class WindSpeedStack(Stack):
    """Everything that a run needs; an execution starts by hand, or on `settings.schedule`."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, env: Environment | None = None
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="Mean wind speed of every GSOD weather station, by a Step Functions Distributed Map.",
        )
        self.settings = settings
        retention = settings.results_retention_days
        self.workflow = WindSpeedWorkflow(
            self,
            "Workflow",
            source=self._source(settings),
            unit=settings.unit,
            years=settings.years,
            batch_size=settings.batch_size,
            max_concurrency=settings.max_concurrency,
            tolerated_failure_percentage=settings.tolerated_failure_percentage,
            results_retention=None if retention is None else Duration.days(retention),
            removal_policy=settings.removal_policy,
            log_retention=RETENTION[settings.log_retention_days],
            include_execution_data=settings.include_execution_data,
        )
        self.alarm_topic = AlarmTopic(self, "AlarmTopic", email=settings.alarm_email)
        ExecutionAlarms(self, "Alarms", state_machine=self.workflow.state_machine, topic=self.alarm_topic.topic)
        if settings.schedule is not None:
            scheduler.Schedule(
                self,
                "Schedule",
                description="Starts the wind-speed workflow with its defaults.",
                schedule=scheduler.ScheduleExpression.expression(settings.schedule),
                target=targets.StepFunctionsStartExecution(
                    self.workflow.state_machine, input=scheduler.ScheduleTargetInput.from_object({})
                ),
            )
        self._outputs()
        self._acknowledge()

    def _source(self, settings: Settings) -> GsodSource:
        if settings.source is None:
            return GsodSource.noaa(sample=settings.sample)
        key = settings.source_key_arn
        bucket = s3.Bucket.from_bucket_attributes(
            self,
            "Source",
            bucket_name=settings.source.bucket,
            region=settings.source_region,
            encryption_key=None if key is None else kms.Key.from_key_arn(self, "SourceKey", key),
        )
        return GsodSource.bucket(bucket, settings.source.prefix, sample=settings.sample)

    def _outputs(self) -> None:
        machine = self.workflow.state_machine.state_machine_arn
        bucket = self.workflow.results_bucket.bucket_name
        console = f"https://{self.region}.console.aws.amazon.com"
        outputs = {
            "StateMachineArn": (machine, "Start an execution of this."),
            "ResultsBucketName": (bucket, "Holds runs/<execution name>/."),
            "AlarmTopicArn": (self.alarm_topic.topic.topic_arn, "Subscribe to hear of failed executions."),
            "ConsoleUrl": (
                f"{console}/states/home?region={self.region}#/statemachines/view/{machine}",
                "The state machine in the console.",
            ),
            "ResultsConsoleUrl": (
                f"{console}/s3/buckets/{bucket}?region={self.region}&prefix=runs/",
                "The results in the console.",
            ),
        }
        for name, (value, description) in outputs.items():
            CfnOutput(self, name, value=value, description=description)

    def _acknowledge(self) -> None:
        """Acknowledge what cdk-nag finds, each finding by its exact id."""
        workflow = self.workflow
        results = f"<{self.get_logical_id(cast('CfnElement', workflow.results_bucket.node.default_child))}.Arn>"
        machine = self.get_logical_id(cast("CfnElement", workflow.state_machine.node.default_child))
        region = "<AWS::Region>" if Token.is_unresolved(self.region) else self.region
        account = "<AWS::AccountId>" if Token.is_unresolved(self.account) else self.account
        states = f"arn:<AWS::Partition>:states:{region}:{account}"
        name = f'{{"Fn::Select":[6,{{"Fn::Split":[":",{{"Ref":"{machine}"}}]}}]}}'
        source = self.settings.source
        objects = f"{NOAA_BUCKET}/*" if source is None else f"{source.bucket}/{source.prefix}*"

        one_run = "An execution writes under its own name, which isn't known before it starts."
        map_run = "Step Functions gives map runs and their executions ids of its own."
        resources = {
            "*": "X-Ray and the delivery of a state machine's logs have no narrower resource: "
            "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html, "
            "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy.",
            f"arn:<AWS::Partition>:s3:::{objects}": "The source's objects are what the functions are here to read.",
            f"{results}/runs/*/map/*": one_run,
            **{f"{results}/runs/*/{name}": one_run for name in RESULT_FILES},
            f"{states}:execution:{name}:*": map_run,
            f"{states}:execution:{name}/{workflow.map.label}:*": map_run,
        }
        if source is None:
            resources[f"{results}/runs/*/objects.csv"] = one_run
        else:
            resources[f"{states}:mapRun:<{machine}.Name>/{workflow.map.label}:*"] = map_run
        acknowledge(
            workflow,
            *(
                Acknowledgment(id=f"AwsSolutions-IAM5[Resource::{resource}]", reason=reason)
                for resource, reason in resources.items()
            ),
        )
        acknowledge(
            workflow.results_bucket,
            Acknowledgment(
                id="AwsSolutions-S1",
                reason="One state machine writes these results of public data; access logs would need a second bucket, "
                "which nobody reads and which outlives the stack. CloudTrail data events serve an audit.",
            ),
        )
