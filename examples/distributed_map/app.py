"""A Distributed Map for a job of one's own: count the lines of every log file, tolerate 1 % of failures, add them up.

cdk synth --app "python examples/distributed_map/app.py"
"""

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import ObjectSource, S3DistributedMap

COUNT_LINES = """
import os
import boto3

s3 = boto3.client("s3")

def handler(event, context):
    bucket = os.environ["BUCKET"]
    bodies = (s3.get_object(Bucket=bucket, Key=item["key"])["Body"] for item in event["Items"])
    return {"files": len(event["Items"]), "lines": sum(1 for body in bodies for _ in body.iter_lines())}
"""

ADD_UP = """
import json
import boto3

s3 = boto3.client("s3")

def handler(event, context):
    bucket, manifest = event["ResultWriterDetails"]["Bucket"], event["ResultWriterDetails"]["Key"]
    files = json.load(s3.get_object(Bucket=bucket, Key=manifest)["Body"])["ResultFiles"]["SUCCEEDED"]
    bodies = (s3.get_object(Bucket=bucket, Key=file["Key"])["Body"] for file in files)
    counts = [json.loads(line) for body in bodies for line in body.iter_lines()]
    return {name: sum(count[name] for count in counts) for name in ("files", "lines")}
"""

app = App()
stack = Stack(app, "LineCount")
logs = s3.Bucket(stack, "Logs", enforce_ssl=True)
results = s3.Bucket(stack, "Results", enforce_ssl=True)


def function(name: str, code: str, timeout: Duration) -> lambda_.Function:
    """Return a function with its code in the template."""
    return lambda_.Function(
        stack,
        name,
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline(code),
        environment={"BUCKET": logs.bucket_name},
        timeout=timeout,
    )


count_lines = function("CountLines", COUNT_LINES, Duration.seconds(60))
add_up = function("AddUp", ADD_UP, Duration.minutes(5))
logs.grant_read(count_lines)
results.grant_read(add_up)

count = S3DistributedMap(
    stack,
    "Count lines",
    source=ObjectSource.from_listing(logs, prefix="2024/"),
    processor=count_lines,
    results_bucket=results,
    max_items_per_batch=100,
    max_concurrency=50,
    tolerated_failure_percentage=1,
    reducer=add_up,
)
sfn.StateMachine(
    stack,
    "LineCounter",
    definition_body=sfn.DefinitionBody.from_chainable(count.next(sfn.Succeed.jsonata(stack, "Counted"))),
    query_language=sfn.QueryLanguage.JSONATA,
)

app.synth()
