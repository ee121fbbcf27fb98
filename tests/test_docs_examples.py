"""The examples in public docstrings work, in a stack that has what they take for granted."""

from __future__ import annotations

import inspect
import re
from textwrap import dedent
from typing import Any

import pytest
from aws_cdk import CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

import constructs_lib
from constructs_lib import WorkflowIdentity
from tests.cdk import make_app, template_of

HERE, THERE = "111111111111", "222222222222"
# What is another account's than HERE.
ELSEWHERE = {"ReviewClassifier", "SourceAccountLink", "TargetRole"}
EXAMPLE = re.compile(r"^Example::\n\n((?: {4}.*\n|\n)+)", re.MULTILINE)
EXAMPLES = {
    name: dedent(found[1])
    for name in constructs_lib.__all__
    if inspect.isclass(value := getattr(constructs_lib, name))
    and (found := EXAMPLE.search(f"{inspect.getdoc(value)}\n"))
}


def given(stack: Stack) -> dict[str, Any]:
    """What the examples take for granted: CDK's names, and what their readers have."""
    function = lambda_.Function.from_function_arn(stack, "F", f"arn:aws:lambda:us-east-1:{HERE}:function:f")
    metric = cloudwatch.Metric(namespace="Mine", metric_name="Failed")
    child = sfn.StateMachine(
        stack,
        "Child",
        state_machine_name="child",
        definition_body=sfn.DefinitionBody.from_chainable(sfn.Pass.jsonata(stack, "Pass")),
    )
    return {name: getattr(constructs_lib, name) for name in constructs_lib.__all__} | {
        "CfnOutput": CfnOutput,
        "Duration": Duration,
        "actions": actions,
        "sfn": sfn,
        "tasks": tasks,
        "self": stack,
        "alarm": cloudwatch.Alarm(stack, "Alarm", metric=metric, threshold=1, evaluation_periods=1),
        "callers": [WorkflowIdentity(account=HERE, state_machine_name="review-intake")],
        "child": child,
        "function": function,
        "images": s3.Bucket.from_bucket_name(stack, "Images", "images"),
        "operator": iam.Role.from_role_name(stack, "Operator", "operator"),
        "reader": iam.Role.from_role_name(stack, "Reader", "reader"),
        "results": s3.Bucket.from_bucket_name(stack, "Results", "results"),
        "scan_function": function,
        "topic": sns.Topic(stack, "Topic"),
    }


def test_should_have_examples() -> None:
    assert {"NestedWorkflow", "QuotaAlarms", "S3DistributedMap", "WindSpeedWorkflow"} <= EXAMPLES.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_should_show_an_example_that_works(name: str) -> None:
    account = THERE if name in ELSEWHERE else HERE
    stack = Stack(make_app(), "Stack", env=Environment(account=account, region="us-east-1"))
    exec(compile(EXAMPLES[name], name, "exec"), given(stack))
    assert template_of(stack)["Resources"]
