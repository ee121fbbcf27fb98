"""Nightly reports, in JSONata with variables: reads S3 and SSM, starts a child machine and tells an event bus."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

KEEP = """
import json
import os
import boto3

def handler(event, context):
    body = json.dumps({"source": event["source"], "report": event["detail"]["report"]})
    boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=event["detail"]["key"], Body=body)
"""


class Reports(cdk.Stack):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        data = s3.Bucket(self, "Data", removal_policy=cdk.RemovalPolicy.DESTROY, auto_delete_objects=True)
        unit = ssm.StringParameter(self, "Unit", parameter_name="/reports/unit", string_value="kg")
        bus = events.EventBus(self, "Bus")
        notices = sqs.Queue(self, "Notices")
        keep = lambda_.Function(
            self,
            "Keep",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline(KEEP),
            environment={"BUCKET": data.bucket_name},
        )
        data.grant_put(keep)
        events.Rule(
            self,
            "On report",
            event_bus=bus,
            event_pattern=events.EventPattern(source=["reports"], detail={"total": [{"numeric": [">", 0]}]}),
            targets=[
                targets.SqsQueue(notices, message=events.RuleTargetInput.from_event_path("$.detail")),
                targets.LambdaFunction(keep),
            ],
        )

        add = sfn.Pass.jsonata(
            self,
            "Add",
            assign={"total": "{% $sum($states.input.values) %}"},
            outputs={"total": "{% $sum($states.input.values) %}", "count": "{% $count($states.input.values) %}"},
        )
        too_many = sfn.Fail.jsonata(
            self,
            "Too many",
            error="Reports.TooMany",
            cause="{% 'Only 10 values, not ' & $string($count($states.input.values)) %}",
        )
        child = sfn.StateMachine(
            self,
            "Child",
            definition_body=sfn.DefinitionBody.from_chainable(
                sfn.Choice.jsonata(self, "Few enough?")
                .when(sfn.Condition.jsonata("{% $count($states.input.values) > 10 %}"), too_many)
                .otherwise(add)
            ),
            query_language=sfn.QueryLanguage.JSONATA,
        )

        remember = sfn.Pass.jsonata(
            self,
            "Remember",
            assign={
                "prefix": "{% $states.input.prefix %}",
                "bucket": data.bucket_name,
                "day": "{% $exists($states.input.day) ? $states.input.day : 'today' %}",
            },
        )
        read_unit = tasks.CallAwsService.jsonata(
            self,
            "Read the unit",
            service="ssm",
            action="getParameter",
            parameters={"Name": unit.parameter_name},
            iam_resources=[unit.parameter_arn],
            outputs="{% $states.result.Parameter.Value %}",
        )
        list_files = tasks.CallAwsService.jsonata(
            self,
            "List the files",
            service="s3",
            action="listObjectsV2",
            parameters={"Bucket": data.bucket_name, "Prefix": "{% $prefix %}"},
            iam_action="s3:ListBucket",
            iam_resources=[data.bucket_arn],
            outputs={"keys": "{% [$states.result.Contents.Key] %}"},
        )
        read_file = tasks.CallAwsService.jsonata(
            self,
            "Read a file",
            service="s3",
            action="getObject",
            parameters={"Bucket": "{% $bucket %}", "Key": "{% $states.input.key %}"},
            iam_resources=[data.arn_for_objects("*")],
            outputs="{% $parse($states.result.Body).weight %}",
        )
        read_file.add_retry(
            errors=["S3.S3Exception", "S3.NoSuchKeyException"],
            max_attempts=1,
            interval=cdk.Duration.seconds(1),
        )
        each_file = sfn.Map.jsonata(
            self,
            "Each file",
            items=sfn.ProvideItems.jsonata("{% $states.input.keys %}"),
            item_selector={"key": "{% $states.context.Map.Item.Value %}"},
            max_concurrency=3,
        ).item_processor(read_file)
        gather = sfn.Parallel.jsonata(
            self, "Gather", assign={"unit": "{% $states.result[0] %}", "weights": "{% $states.result[1] %}"}
        )
        gather.branch(read_unit, list_files.next(each_file))
        calculate = tasks.StepFunctionsStartExecution.jsonata(
            self,
            "Calculate",
            state_machine=child,
            integration_pattern=sfn.IntegrationPattern.RUN_JOB,
            input=sfn.TaskInput.from_object({"values": "{% $weights %}"}),
            assign={"sums": "{% $states.result.Output %}"},
        )
        tell = tasks.EventBridgePutEvents.jsonata(
            self,
            "Tell",
            entries=[
                tasks.EventBridgePutEventsEntry(
                    event_bus=bus,
                    source="reports",
                    detail_type="Report",
                    detail=sfn.TaskInput.from_object(
                        {
                            "report": "{% $string($sums.total) & ' ' & $unit %}",
                            "total": "{% $sums.total %}",
                            "key": "{% $prefix & 'report.json' %}",
                        }
                    ),
                )
            ],
            outputs={
                "day": "{% $day %}",
                "unit": "{% $unit %}",
                "sums": "{% $sums %}",
                "heaviest": "{% $max($weights) %}",
                "events": "{% $count($states.result.Entries) %}",
            },
        )
        give_up = sfn.Fail.jsonata(
            self, "Give up", error="Reports.NoReport", cause="{% 'After ' & $states.input.error.Error %}"
        )
        for task in (gather, calculate):
            task.add_catch(give_up, outputs={"error": "{% $states.errorOutput %}"})
        parent = sfn.StateMachine(
            self,
            "Nightly",
            definition_body=sfn.DefinitionBody.from_chainable(remember.next(gather).next(calculate).next(tell)),
            query_language=sfn.QueryLanguage.JSONATA,
            timeout=cdk.Duration.minutes(10),
        )
        cdk.CfnOutput(self, "DataBucket", value=data.bucket_name)
        cdk.CfnOutput(self, "NightlyArn", value=parent.state_machine_arn)


app = cdk.App()
Reports(app, "Reports")
app.synth()
