import pytest

from constructs_lib.local.emulator.definitions.task_resources import Action, action_of, botocore_names, resource_problem

STATES = "arn:aws:states:::"
UNKNOWN = "is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:lambda:us-east-1:111111111111:function:work",
        "arn:aws:lambda:us-east-1:111111111111:function:work:$LATEST",
        "arn:aws:states:us-east-1:111111111111:activity:by-hand",
        f"{STATES}lambda:invoke",
        f"{STATES}lambda:invoke.waitForTaskToken",
        f"{STATES}states:startExecution",
        f"{STATES}states:startExecution.sync:2",
        f"{STATES}states:startExecution.waitForTaskToken",
        f"{STATES}dynamodb:updateItem",
        f"{STATES}events:putEvents",
        f"{STATES}bedrock:invokeModel",
        f"{STATES}aws-sdk:s3:listObjectsV2",
        f"{STATES}aws-sdk:sfn:startSyncExecution",
        f"{STATES}aws-sdk:sqs:sendMessage.waitForTaskToken",
        f"{STATES}aws-sdk:cloudwatchlogs:putLogEvents",
        f"{STATES}aws-sdk:cognitoidentityprovider:adminGetUser",
        f"{STATES}aws-sdk:bedrockruntime:invokeModel",
        f"{STATES}aws-sdk:sesv2:sendEmail",
    ],
)
def test_should_know_what_runs(resource: str) -> None:
    assert resource_problem(resource, express=False) is None


@pytest.mark.parametrize(
    "resource",
    [
        f"{STATES}lambda:invokes",
        f"{STATES}lambda:invoke.sync",
        f"{STATES}dynamodb:putItem.waitForTaskToken",
        f"{STATES}dynamodb:query",
        f"{STATES}sqs:sendMessage.sync:2",
        f"{STATES}telepathy:send",
        f"{STATES}aws-sdk:telepathy:send",
        f"{STATES}aws-sdk:s3:getobject",
        f"{STATES}aws-sdk:s3:GetObject",
        f"{STATES}aws-sdk:s3:getObject.sync",
        f"{STATES}aws-sdk:logs:putLogEvents",
        f"{STATES}lambda",
        "arn:aws:lambda:us-east-1:111111111111:work",
    ],
)
def test_should_refuse_in_aws_words_what_step_functions_does_not_know(resource: str) -> None:
    assert resource_problem(resource, express=False) == f"The resource provided {resource} {UNKNOWN}"


def test_should_refuse_what_is_no_arn() -> None:
    assert resource_problem("work", express=False) == "Value is not a valid resource ARN"


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (f"{STATES}athena:startQueryExecution.sync", "the local cloud doesn't run athena:startQueryExecution"),
        (f"{STATES}apigateway:invoke", "the local cloud doesn't run apigateway:invoke"),
        (f"{STATES}http:invoke", "the local cloud doesn't run http:invoke"),
        (f"{STATES}ecs:runTask.sync", "the local cloud doesn't run ecs:runTask"),
        (f"{STATES}glue:startJobRun.sync", "the local cloud doesn't run glue:startJobRun"),
        (f"{STATES}batch:submitJob.sync", "the local cloud doesn't run batch:submitJob"),
        (f"{STATES}bedrock:createModelCustomizationJob.sync", "of bedrock it runs invokeModel"),
        (f"{STATES}bedrock:invokeModel.waitForTaskToken", "of bedrock it runs invokeModel"),
        (f"{STATES}aws-sdk:polly:synthesizeSpeech", "doesn't run aws-sdk:polly: MiniStack doesn't have this service"),
    ],
)
def test_should_refuse_what_only_aws_runs(resource: str, said: str) -> None:
    problem = resource_problem(resource, express=False)

    assert problem is not None
    assert said in problem


def test_should_know_the_parameters_that_an_integration_needs() -> None:
    sqs = action_of(f"{STATES}sqs:sendMessage.waitForTaskToken")
    assert sqs is not None
    assert sqs.required == ("QueueUrl", "MessageBody")
    assert action_of(f"{STATES}aws-sdk:s3:listBuckets") == Action()
    assert action_of("arn:aws:lambda:us-east-1:111111111111:function:work") is None


def test_should_name_services_as_botocore_does() -> None:
    names = botocore_names()

    assert {names[name] for name in ("sfn", "eventbridge", "cloudwatchlogs")} == {"stepfunctions", "events", "logs"}
    assert names["bedrockruntime"] == "bedrock-runtime"
    assert names["dynamodb"] == "dynamodb"
