"""Tasks that call services: the names of services and of errors."""

import pytest
from botocore.exceptions import ClientError

from constructs_lib.local.emulator.tasks import service_calls
from tests.constructs_lib.local.emulator.conftest import Cloud


# Those down to ssm are as Step Functions was seen to report them.
@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("dynamodb", "DynamoDb"),
        ("cloudwatchlogs", "CloudWatchLogs"),
        ("eventbridge", "EventBridge"),
        ("sfn", "Sfn"),
        ("s3", "S3"),
        ("ec2", "Ec2"),
        ("elasticache", "ElastiCache"),
        ("apigateway", "ApiGateway"),
        ("secretsmanager", "SecretsManager"),
        ("ssm", "Ssm"),
        ("elasticloadbalancingv2", "ElasticLoadBalancingV2"),
        ("databasemigration", "DatabaseMigration"),
        ("health", "Health"),
    ],
)
def test_should_name_a_service_as_the_sdk_for_java_does(service: str, name: str) -> None:
    assert service_calls._service_error_name(service) == name


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ("ConditionalCheckFailedException", "ConditionalCheckFailedException"),
        ("QueueDoesNotExist", "QueueDoesNotExistException"),
        ("NoSuchKey", "NoSuchKeyException"),
        ("DBInstanceNotFoundFault", "DbInstanceNotFoundException"),
        ("EC2AccessDeniedException", "Ec2AccessDeniedException"),
        ("KMSInvalidStateException", "KmsInvalidStateException"),
    ],
)
def test_should_name_an_error_as_the_sdk_for_java_does(shape: str, name: str) -> None:
    error = type(shape, (ClientError,), {})({"Error": {}}, "Call")

    assert service_calls._exception_name("Any", error) == f"Any.{name}"


@pytest.mark.parametrize("service", ["S3", "DynamoDb", "CloudWatchLogs", "ElasticLoadBalancingV2"])
def test_should_name_an_error_outside_of_the_model_after_the_service(service: str) -> None:
    assert service_calls._exception_name(service, ClientError({"Error": {}}, "Call")) == f"{service}.{service}Exception"


@pytest.mark.local
def test_should_call_a_service_by_its_name_in_step_functions(cloud: Cloud) -> None:
    group = cloud.name("group")
    cloud.client("logs").create_log_group(logGroupName=group)
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:cloudwatchlogs:describeLogGroups",
        "Arguments": {"LogGroupNamePrefix": group},
        "Output": "{% $states.result.LogGroups[0].LogGroupName %}",
        "End": True,
    }

    assert cloud.run({"Describe": task}).output == group


@pytest.mark.local
def test_should_see_a_time_in_an_expression(cloud: Cloud) -> None:
    cloud.bucket()
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets",
        "Arguments": {},
        "Output": "{% $toMillis($states.result.Buckets[0].CreationDate) > 0 %}",
        "End": True,
    }

    assert cloud.run({"List": task}).output is True


@pytest.mark.local
def test_should_name_a_child_that_may_not_be_started_or_is_not_there(cloud: Cloud) -> None:
    child = cloud.machine({"Pass": {"Type": "Pass", "End": True}})

    def started(machine: str, resource: str) -> str | None:
        task = {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution",
            "Arguments": {"StateMachineArn": machine},
            "End": True,
        }
        statement = {"Effect": "Allow", "Action": "states:StartExecution", "Resource": resource}
        return cloud.run({"Start": task}, role=cloud.role("states", statement)).error

    assert started(child, f"{child}-other") == "StepFunctions.AWSStepFunctionsException"
    assert started(f"{child}-gone", "*") == "StepFunctions.StateMachineDoesNotExistException"


@pytest.mark.local
def test_should_name_what_sqs_refuses(cloud: Cloud) -> None:
    queue = cloud.client("sqs").create_queue(QueueName=cloud.name("queue"))["QueueUrl"]
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Arguments": {"QueueUrl": f"{queue}-not", "MessageBody": "text"},
        "End": True,
    }

    ended = cloud.run({"Send": task})

    assert ended.error == "SQS.QueueDoesNotExistException"
    assert "(Service: AmazonSQS; Status Code: 400; Error Code: " in ended.cause


@pytest.mark.local
def test_should_name_the_error_of_a_function_that_is_not_there_by_its_bare_arn_too(cloud: Cloud) -> None:
    function = "arn:aws:lambda:us-east-1:111111111111:function:nobodys"

    ended = cloud.run({"Task": {"Type": "Task", "Resource": function, "End": True}})

    assert ended.error == "Lambda.ResourceNotFoundException"
    assert ended.cause.startswith(f"Function not found: {function} (Service: AWSLambda; Status Code: 404; ")
    assert ended.types()[-2:] == ["LambdaFunctionFailed", "ExecutionFailed"]
