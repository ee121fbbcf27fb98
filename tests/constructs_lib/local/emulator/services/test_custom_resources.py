"""Custom resources: an answer that comes, one that doesn't, and buckets that are emptied before they go."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.constructs_lib.local.emulator.conftest import Cloud

pytestmark = pytest.mark.local

ANSWER = """
import json, urllib.request

def handler(event, context):
    answer = {
        "Status": "SUCCESS", "PhysicalResourceId": "made", "Data": {"Greeting": "hello"},
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request, timeout=5)
"""
LATER = """
import json, boto3

def handler(event, context):
    if "later" not in event:
        function = context.invoked_function_arn
        payload = json.dumps({**event, "later": True})
        boto3.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=payload)
        return
    import time
    time.sleep(7)
    answer(event, context)
""" + ANSWER.replace("def handler", "def answer")


def deploy(cloud: Cloud, resources: dict[str, Any], **more: Any) -> str:
    cloudformation = cloud.client("cloudformation")
    name = cloud.name("stack")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources, **more}))
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    return name


def delete(cloud: Cloud, name: str) -> None:
    cloudformation = cloud.client("cloudformation")
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=name)
    waiter = cloudformation.get_waiter("stack_delete_complete")
    waiter.wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 20})


def reasons(cloud: Cloud, stack: str) -> str:
    events = cloud.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return " ".join(event.get("ResourceStatusReason", "") for event in events)


@pytest.mark.parametrize("code", [ANSWER, LATER], ids=["at once", "by another invocation"])
def test_should_take_the_answer_of_the_function(cloud: Cloud, code: str) -> None:
    resource = {"Type": "Custom::Greeter", "Properties": {"ServiceToken": cloud.function(code)}}

    name = deploy(cloud, {"Greeter": resource}, Outputs={"Said": {"Value": {"Fn::GetAtt": ["Greeter", "Greeting"]}}})

    stack = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    assert [output["OutputValue"] for output in stack["Outputs"]] == ["hello"]


@pytest.mark.parametrize(
    ("code", "settings", "said"),
    [
        ("import nothing_of_that_name", {}, "No module named 'nothing_of_that_name'"),
        ("def handler(event, context): raise KeyError('BucketName')", {}, "KeyError: 'BucketName'"),
        ("def handler(event, context): pass", {}, "the function ended and no answer came"),
        (
            'exports.handler = async () => { require("@aws-sdk/client-of-nothing") }',
            {"runtime": "nodejs22.x", "handler": "index.handler"},
            "the function failed",
        ),
    ],
    ids=["import", "error", "no answer", "JavaScript"],
)
def test_should_fail_in_seconds_when_no_answer_can_come(
    cloud: Cloud, code: str, settings: dict[str, Any], said: str
) -> None:
    function = cloud.function(code, **settings)
    started = time.monotonic()

    with pytest.raises(WaiterError) as failed:
        deploy(cloud, {"Broken": {"Type": "Custom::Broken", "Properties": {"ServiceToken": function}}})

    assert time.monotonic() - started < 20
    response: Any = failed.value.last_response
    told = reasons(cloud, response["Stacks"][0]["StackName"])
    assert f"{function.rpartition(':')[2]}: " in told
    assert said in told


def bucket_with_auto_delete(role: str, **tags: str) -> dict[str, Any]:
    """What CDK makes of a bucket with `auto_delete_objects=True`."""
    code = 'require("@aws-sdk/client-s3"); exports.handler = async () => {}'
    return {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
                "VersioningConfiguration": {"Status": "Enabled"},
            },
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Code": {"ZipFile": code},
                "Handler": "index.handler",
                "Role": role,
                "Runtime": "nodejs22.x",
            },
        },
        "AutoDelete": {
            "Type": "Custom::S3AutoDeleteObjects",
            "Properties": {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}, "BucketName": {"Ref": "Bucket"}},
        },
    }


def fill(cloud: Cloud, stack: str) -> str:
    resource = cloud.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId="Bucket")
    bucket: str = resource["StackResourceDetail"]["PhysicalResourceId"]
    s3 = cloud.client("s3")
    for body in (b"one", b"two"):
        s3.put_object(Bucket=bucket, Key="object", Body=body)
    s3.put_object(Bucket=bucket, Key="deleted", Body=b"")
    s3.delete_object(Bucket=bucket, Key="deleted")
    return bucket


def test_should_empty_a_bucket_before_it_is_deleted(cloud: Cloud) -> None:
    name = deploy(cloud, bucket_with_auto_delete(cloud.role("lambda"), **{"aws-cdk:auto-delete-objects": "true"}))
    bucket = fill(cloud, name)

    delete(cloud, name)

    with pytest.raises(ClientError, match="404"):
        cloud.client("s3").head_bucket(Bucket=bucket)


def test_should_leave_a_bucket_without_the_tag_as_it_is(cloud: Cloud) -> None:
    name = deploy(cloud, bucket_with_auto_delete(cloud.role("lambda"), team="wind"))
    bucket = fill(cloud, name)

    with pytest.raises(WaiterError):
        delete(cloud, name)

    assert cloud.read(bucket, "object") == b"two"


def test_should_empty_a_bucket_with_the_rights_of_the_function(cloud: Cloud) -> None:
    read = {"Effect": "Allow", "Action": ["s3:GetBucketTagging", "s3:ListBucketVersions"], "Resource": "*"}
    role = cloud.role("lambda", read)
    name = deploy(cloud, bucket_with_auto_delete(role, **{"aws-cdk:auto-delete-objects": "true"}))
    fill(cloud, name)

    with pytest.raises(WaiterError):
        delete(cloud, name)

    assert "AccessDenied" in reasons(cloud, name)
