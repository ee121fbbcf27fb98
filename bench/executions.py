"""Executions a second on the embedded AWS: a machine of ten states, started over the API until all have succeeded."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from bench.measure import Benchmark, Measure, at_least
from constructs_lib.local import LocalCloud

if TYPE_CHECKING:
    from collections.abc import Sequence

EXECUTIONS = 1_000
CLIENT_THREADS = 4
BAR = 50
TABLE = "orders"
_ROLE = "runs-orders"
_POLL_SECONDS = 0.1

# An order as a user would write it: every kind of state but Fail, expressions in each, a variable, and one call of a
# service (with the role's session, IAM evaluated, over HTTPS), because a machine that calls nothing is no machine.
# An execution runs all but "Nothing to do", "Price line" three times: eleven states entered, eleven left.
DEFINITION = {
    "QueryLanguage": "JSONata",
    "StartAt": "Check order",
    "States": {
        "Check order": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $count($states.input.lines) > 0 %}", "Next": "Prepare"}],
            "Default": "Nothing to do",
        },
        "Prepare": {
            "Type": "Pass",
            "Assign": {"order": "{% $states.context.Execution.Name %}", "rate": 0.2},
            "Output": {"lines": "{% $states.input.lines[quantity > 0] %}"},
            "Next": "Price lines",
        },
        "Price lines": {
            "Type": "Map",
            "Items": "{% $states.input.lines %}",
            "ItemProcessor": {
                "StartAt": "Price line",
                "States": {
                    "Price line": {
                        "Type": "Pass",
                        "Output": "{% $states.input.quantity * $states.input.price %}",
                        "End": True,
                    }
                },
            },
            "Next": "Add up",
        },
        "Add up": {
            "Type": "Parallel",
            "Branches": [
                {
                    "StartAt": "Tax",
                    "States": {"Tax": {"Type": "Pass", "Output": "{% $sum($states.input) * $rate %}", "End": True}},
                },
                {
                    "StartAt": "Total",
                    "States": {"Total": {"Type": "Pass", "Output": "{% $sum($states.input) %}", "End": True}},
                },
            ],
            "Output": "{% $sum($states.result) %}",
            "Next": "Settle",
        },
        "Settle": {"Type": "Wait", "Seconds": 0, "Next": "Save"},
        "Save": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:putItem",
            "Arguments": {
                "TableName": TABLE,
                "Item": {"id": {"S": "{% $order %}"}, "total": {"N": "{% $string($states.input) %}"}},
            },
            "Output": {"order": "{% $order %}", "total": "{% $states.input %}"},
            "End": True,
        },
        "Nothing to do": {"Type": "Succeed"},
    },
}
INPUT = {"lines": [{"sku": f"sku-{number}", "quantity": number, "price": 9.5} for number in range(4)]}


def executions() -> Sequence[Measure]:
    """Start them from a few threads; the time is from the first start until the last has succeeded."""
    with LocalCloud.start() as cloud:
        machine = _deploy(cloud)
        _run(cloud, machine, 20)  # clients, sessions and parsed definitions are made once
        seconds = _run(cloud, machine, EXECUTIONS)
    return [at_least(f"executions: {EXECUTIONS:,} of a ten-state machine", EXECUTIONS / seconds, "/s", BAR)]


def _deploy(cloud: LocalCloud) -> str:
    cloud.client("dynamodb").create_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": f"arn:aws:dynamodb:*:*:table/{TABLE}"}
    iam = cloud.client("iam")
    role = iam.create_role(RoleName=_ROLE, AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=_ROLE, PolicyName="save", PolicyDocument=_policy(allowed))
    created = cloud.client("stepfunctions").create_state_machine(
        name="orders", roleArn=role, definition=json.dumps(DEFINITION)
    )
    arn: str = created["stateMachineArn"]
    return arn


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _run(cloud: LocalCloud, machine: str, number: int) -> float:
    states = cloud.client("stepfunctions")
    before = _count(states, machine)
    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENT_THREADS) as pool:
        for _ in pool.map(
            lambda _: states.start_execution(stateMachineArn=machine, input=json.dumps(INPUT)), range(number)
        ):
            pass
    while states.list_executions(stateMachineArn=machine, statusFilter="RUNNING", maxResults=1)["executions"]:
        time.sleep(_POLL_SECONDS)
    seconds = time.perf_counter() - started
    succeeded = _count(states, machine) - before
    if succeeded != number:
        raise RuntimeError(f"{succeeded:,} of {number:,} executions succeeded")
    return seconds


def _count(states: Any, machine: str) -> int:
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="SUCCEEDED")
    return sum(len(page["executions"]) for page in pages)


BENCHMARKS = [Benchmark("executions", f"{EXECUTIONS:,} executions of a ten-state machine", executions)]
