"""What services answer to tasks, and the name that a task's error gets from it."""

import re
from typing import Any

import pytest

from tests.constructs_lib.local.emulator.conftest import Cloud

pytestmark = pytest.mark.local


def task(resource: str, **arguments: Any) -> dict[str, Any]:
    return {
        "Call": {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Arguments": arguments, "End": True},
    }


def test_should_get_an_object_as_s3_describes_it(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    # boto3 sends a checksum along, which S3 keeps, and Step Functions doesn't ask for.
    cloud.client("s3").put_object(Bucket=bucket, Key="text", Body=b"text data")

    ended = cloud.run(task("aws-sdk:s3:getObject", Bucket=bucket, Key="text"))

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", ended.output.pop("LastModified"))
    assert ended.output == {
        "AcceptRanges": "bytes",
        "Body": "text data",
        "ContentLength": 9,
        "ContentType": "binary/octet-stream",
        "ETag": '"332eec544317a6d340b8e77da7fe54ad"',
        "Metadata": {},
        "ServerSideEncryption": "AES256",
    }


def test_should_keep_the_type_that_an_object_was_given(cloud: Cloud) -> None:
    bucket = cloud.bucket()
    cloud.client("s3").put_object(Bucket=bucket, Key="text", Body=b"text data", ContentType="text/plain")

    ended = cloud.run(task("aws-sdk:s3:getObject", Bucket=bucket, Key="text"))

    assert ended.output["ContentType"] == "text/plain"


def test_should_name_the_host_in_an_error_of_s3(cloud: Cloud) -> None:
    ended = cloud.run(task("aws-sdk:s3:getObject", Bucket=cloud.bucket(), Key="nothing"))

    assert ended.error == "S3.NoSuchKeyException"
    assert ended.cause.startswith("The specified key does not exist. (Service: S3, Status Code: 404, Request ID: ")
    assert ", Extended Request ID: " in ended.cause


def test_should_refuse_a_secrets_name(cloud: Cloud) -> None:
    ended = cloud.run(task("aws-sdk:secretsmanager:createSecret", Name="in valid", SecretString="x"))

    assert ended.error == "SecretsManager.SecretsManagerException"
    assert ended.cause.startswith("Invalid name. Must be a valid name containing alphanumeric characters, or any of")
    made = cloud.client("secretsmanager").create_secret(Name="team/valid_name+1=.@!-", SecretString="x")
    assert made["Name"] == "team/valid_name+1=.@!-"


def test_should_say_which_member_dynamodb_misses(cloud: Cloud) -> None:
    ended = cloud.run(task("dynamodb:putItem", TableName="table", Item="{% null %}"))

    assert ended.error == "DynamoDB.AmazonDynamoDBException"
    assert ended.cause.startswith(
        "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null "
        "(Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException; Request ID: "
    )


def test_should_keep_the_name_of_an_error_that_dynamodbs_model_has(cloud: Cloud) -> None:
    ended = cloud.run(task("dynamodb:putItem", TableName="nothing", Item={"id": {"S": "1"}}))

    assert ended.error == "DynamoDB.ResourceNotFoundException"


def test_should_say_which_members_dynamodb_misses(cloud: Cloud) -> None:
    ended = cloud.run(task("aws-sdk:dynamodb:getItem"))

    assert ended.error == "DynamoDb.DynamoDbException"
    problem = "Value null at '{}' failed to satisfy constraint: Member must not be null"
    assert ended.cause.startswith(
        f"2 validation errors detected: {problem.format('tableName')}; {problem.format('key')} (Service: DynamoDb, "
    )


def test_should_send_a_message_to_the_queues_own_host(cloud: Cloud) -> None:
    lost = cloud.run(task("sqs:sendMessage", QueueUrl="http://no-such-queue", MessageBody="text"))
    queue = cloud.client("sqs").create_queue(QueueName=cloud.name("queue"))["QueueUrl"]
    sent = cloud.run(task("sqs:sendMessage", QueueUrl=queue, MessageBody="text"))

    assert lost.error == "SQS.SdkClientException"
    assert lost.cause == "Unable to execute HTTP request: no-such-queue: Name or service not known"
    assert sent.status == "SUCCEEDED"
    assert sent.output["MD5OfMessageBody"] == "1cb251ec0d568de6a929b520c4aed8d1"
