"""`orders`: a CDK app in JSONPath, with DynamoDB, SNS, and a task token that a queue's consumer answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.apps.conftest import eventually

if TYPE_CHECKING:
    from constructs_lib.testing import LocalApp

pytestmark = pytest.mark.local

THROTTLED = "Lambda.TooManyRequestsException"


def order(order_id: str, tea: int = 3, cups: int = 2) -> dict[str, Any]:
    return {"id": order_id, "items": [{"sku": "tea", "quantity": tea}, {"sku": "cup", "quantity": cups}]}


def stored(local_app: LocalApp, order_id: str) -> dict[str, Any]:
    table = local_app.resource("OrderService.Orders")
    found = local_app.cloud.client("dynamodb").get_item(TableName=table, Key={"id": {"S": order_id}})
    return dict(found.get("Item", {}))


def test_confirms_a_small_order_by_itself(local_app: LocalApp, local_prefix: str) -> None:
    execution = local_app.run("Order", order(local_prefix))
    assert execution.output == {
        "id": local_prefix,
        "status": "CONFIRMED",
        "total": 25,
        "approver": "nobody",
        "skus": ["tea", "cup"],
        "hasTea": True,
        "label": f"order {local_prefix} of shop",
        "messages": 1,
        "parts": ["order", local_prefix, "of", "shop"],
        "chunks": [[1, 3], [5]],
        "merged": {"status": "CONFIRMED", "total": 25, "approver": "nobody"},
        "code": execution.output["code"],
    }
    assert execution.states == (
        *("Price items", "Price item", "Price item", "Add up", "Put order", "Large?"),
        *("Approve by itself", "Mark as confirmed", "Read it back", "Tell", "Done"),
    )
    assert stored(local_app, local_prefix)["total"] == {"N": "25"}

    sqs, queue = local_app.cloud.client("sqs"), local_app.resource("Inbox")

    def told() -> bool:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return f"{local_prefix} is CONFIRMED" in [message["Body"] for message in messages]

    assert eventually(told)


def test_waits_for_the_approval_of_a_large_order(local_app: LocalApp, local_prefix: str) -> None:
    execution = local_app.run("Order", order(local_prefix, tea=30))
    assert execution.succeeded, execution
    assert (execution.output["approver"], execution.output["total"]) == ("Ada", 160)
    assert stored(local_app, local_prefix)["approver"] == {"S": "Ada"}


def test_refuses_what_is_not_approved(local_app: LocalApp, local_prefix: str) -> None:
    execution = local_app.run("Order", order(local_prefix, tea=300))
    assert (execution.status, execution.error) == ("FAILED", "Orders.Rejected")
    assert execution.cause == f"Order {local_prefix}: refused"
    assert stored(local_app, local_prefix)["status"] == {"S": "NEW"}


def test_takes_an_order_once(local_app: LocalApp, local_prefix: str) -> None:
    assert local_app.run("Order", order(local_prefix)).succeeded
    again = local_app.run("Order", order(local_prefix))
    assert (again.output, again.states[-1]) == (local_prefix, "Known already")


def test_retries_a_throttled_function_in_the_map(local_app: LocalApp, local_prefix: str) -> None:
    fault = local_app.fail_task("Price item", error=THROTTLED, times=2)
    execution = local_app.run("Order", order(local_prefix))
    assert execution.succeeded
    assert execution.attempts("Price item") == 2 + 2
    assert fault.thrown == 2


def test_refuses_when_the_retries_are_used_up(local_app: LocalApp, local_prefix: str) -> None:
    local_app.fail_task("Price item", error=THROTTLED, times=None)
    execution = local_app.run("Order", order(local_prefix))
    assert (execution.error, execution.states[-1]) == (THROTTLED, "Refuse")
    assert stored(local_app, local_prefix) == {}


def test_does_not_retry_the_handlers_own_error(local_app: LocalApp, local_prefix: str) -> None:
    execution = local_app.run("Order", order(local_prefix, tea=-1))
    assert execution.error == "ValueError"
    assert execution.attempts("Price item") <= 2


def test_refuses_when_nobody_answers(local_app: LocalApp, local_prefix: str) -> None:
    local_app.fail_task("Ask for approval", error="States.Timeout")
    execution = local_app.run("Order", order(local_prefix, tea=30))
    assert (execution.error, execution.states[-2:]) == ("States.Timeout", ("Ask for approval", "Refuse"))
    assert [event["type"] for event in execution.events].count("TaskTimedOut") == 1
