"""An order service, in JSONPath: what CDK writes when nothing else is asked for."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

PRICE = """
def handler(event, context):
    if event["quantity"] < 0:
        raise ValueError("quantity is negative")
    return {"sku": event["sku"], "amount": event["quantity"] * 5}
"""

APPROVE = """
import json
import boto3

def handler(event, context):
    states = boto3.client("stepfunctions")
    for record in event["Records"]:
        request = json.loads(record["body"])
        if request["total"] > 1000:
            states.send_task_failure(taskToken=request["token"], error="Orders.Rejected", cause="Too much")
        else:
            states.send_task_success(taskToken=request["token"], output=json.dumps({"approver": "Ada"}))
"""


class OrderService(cdk.Stack):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        orders = dynamodb.Table(
            self,
            "Orders",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        confirmed = sns.Topic(self, "Confirmed")
        inbox = sqs.Queue(self, "Inbox")
        confirmed.add_subscription(subscriptions.SqsSubscription(inbox, raw_message_delivery=True))
        approvals = sqs.Queue(self, "Approvals")

        price = self._function("Price", PRICE)
        approve = self._function("Approve", APPROVE)
        approve.add_event_source(event_sources.SqsEventSource(approvals, batch_size=1))

        price_item = tasks.LambdaInvoke(
            self,
            "Price item",
            lambda_function=price,
            result_selector={"sku.$": "$.Payload.sku", "amount.$": "$.Payload.amount"},
            retry_on_service_exceptions=False,
        )
        price_item.add_retry(
            errors=["Lambda.TooManyRequestsException"],
            interval=cdk.Duration.seconds(1),
            max_attempts=2,
            backoff_rate=1,
        )
        price_items = sfn.Map(
            self,
            "Price items",
            items_path="$.items",
            item_selector={
                "sku": sfn.JsonPath.string_at("$$.Map.Item.Value.sku"),
                "quantity": sfn.JsonPath.number_at("$$.Map.Item.Value.quantity"),
            },
            max_concurrency=2,
            result_path="$.priced",
        ).item_processor(price_item)

        add_up = sfn.Pass(
            self,
            "Add up",
            parameters={
                "id": sfn.JsonPath.string_at("$.id"),
                "total": sfn.JsonPath.math_add(
                    sfn.JsonPath.number_at("$.priced[0].amount"), sfn.JsonPath.number_at("$.priced[1].amount")
                ),
                "count": sfn.JsonPath.array_length(sfn.JsonPath.list_at("$.priced")),
                "skus": sfn.JsonPath.list_at("$.priced[*].sku"),
                "label": sfn.JsonPath.format("order {} of {}", sfn.JsonPath.string_at("$.id"), "shop"),
            },
        )
        put = tasks.DynamoPutItem(
            self,
            "Put order",
            table=orders,
            item={
                "id": tasks.DynamoAttributeValue.from_string(sfn.JsonPath.string_at("$.id")),
                "status": tasks.DynamoAttributeValue.from_string("NEW"),
                "total": tasks.DynamoAttributeValue.number_from_string(
                    sfn.JsonPath.format("{}", sfn.JsonPath.string_at("$.total"))
                ),
            },
            condition_expression="attribute_not_exists(id)",
            result_path=sfn.JsonPath.DISCARD,
        )
        ask = tasks.SqsSendMessage(
            self,
            "Ask for approval",
            queue=approvals,
            integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
            message_body=sfn.TaskInput.from_object(
                {"token": sfn.JsonPath.task_token, "total": sfn.JsonPath.number_at("$.total")}
            ),
            task_timeout=sfn.Timeout.duration(cdk.Duration.seconds(30)),
            result_path="$.approval",
        )
        own_approval = sfn.Pass(
            self, "Approve by itself", result=sfn.Result.from_object({"approver": "nobody"}), result_path="$.approval"
        )
        update = tasks.DynamoUpdateItem(
            self,
            "Mark as confirmed",
            table=orders,
            key={"id": tasks.DynamoAttributeValue.from_string(sfn.JsonPath.string_at("$.id"))},
            update_expression="SET #s = :s, approver = :a",
            expression_attribute_names={"#s": "status"},
            expression_attribute_values={
                ":s": tasks.DynamoAttributeValue.from_string("CONFIRMED"),
                ":a": tasks.DynamoAttributeValue.from_string(sfn.JsonPath.string_at("$.approval.approver")),
            },
            result_path=sfn.JsonPath.DISCARD,
        )
        get = tasks.DynamoGetItem(
            self,
            "Read it back",
            table=orders,
            key={"id": tasks.DynamoAttributeValue.from_string(sfn.JsonPath.string_at("$.id"))},
            consistent_read=True,
            result_selector={"status.$": "$.Item.status.S", "total.$": "States.StringToJson($.Item.total.N)"},
            result_path="$.stored",
        )
        publish = tasks.SnsPublish(
            self,
            "Tell",
            topic=confirmed,
            subject="Order",
            message=sfn.TaskInput.from_json_path_at("States.Format('{} is {}', $.id, $.stored.status)"),
            message_attributes={"total": tasks.MessageAttribute(value=sfn.JsonPath.string_at("$.label"))},
            result_path="$.published",
        )
        done = sfn.Pass(
            self,
            "Done",
            parameters={
                "id.$": "$.id",
                "status.$": "$.stored.status",
                "total.$": "$.stored.total",
                "approver.$": "$.approval.approver",
                "skus.$": "States.ArrayUnique($.skus)",
                "hasTea.$": "States.ArrayContains($.skus, 'tea')",
                "label.$": "$.label",
                "messages.$": "States.ArrayLength(States.Array($.published.MessageId))",
                "parts.$": "States.StringSplit($.label, ' ')",
                "chunks.$": "States.ArrayPartition(States.ArrayRange(1, 5, 2), 2)",
                "merged.$": "States.JsonMerge($.stored, $.approval, false)",
                "code.$": "States.Base64Encode($.id)",
            },
        )
        refuse = sfn.Fail(
            self,
            "Refuse",
            error_path=sfn.JsonPath.string_at("$.problem.Error"),
            cause_path=sfn.JsonPath.format("Order {}: {}", sfn.JsonPath.string_at("$.id"), "refused"),
        )
        duplicate = sfn.Succeed(self, "Known already", comment="An order is confirmed once", output_path="$.id")
        put.add_catch(duplicate, errors=["DynamoDB.ConditionalCheckFailedException"], result_path="$.problem")
        ask.add_catch(refuse, result_path="$.problem")
        price_items.add_catch(refuse, result_path="$.problem")

        confirm = update.next(get).next(publish).next(done)
        definition = (
            price_items.next(add_up)
            .next(put)
            .next(
                sfn.Choice(self, "Large?")
                .when(
                    sfn.Condition.and_(
                        sfn.Condition.is_present("$.total"), sfn.Condition.number_greater_than("$.total", 100)
                    ),
                    ask.next(confirm),
                )
                .otherwise(own_approval.next(confirm))
            )
        )
        machine = sfn.StateMachine(
            self,
            "Order",
            definition_body=sfn.DefinitionBody.from_chainable(definition),
            timeout=cdk.Duration.minutes(5),
        )
        machine.grant_task_response(approve)
        cdk.CfnOutput(self, "OrderArn", value=machine.state_machine_arn)

    def _function(self, construct_id: str, code: str) -> lambda_.Function:
        return lambda_.Function(
            self,
            construct_id,
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline(code),
            timeout=cdk.Duration.seconds(10),
        )


app = cdk.App()
OrderService(app, "OrderService")
app.synth()
