"""What the tests of waiting tasks share: roles in either account, and looking until something is so."""

import json
import time
from collections.abc import Callable
from typing import Any

from tests.constructs_lib.local.emulator.conftest import ACCOUNT, Cloud


def until(look: Callable[[], Any], seconds: float = 20) -> Any:
    """What `look` returns, once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.02)
    return found


def allow(action: str | list[str], resource: str | list[str] = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def put_policy(cloud: Cloud, role_arn: str, *statements: dict[str, Any], name: str = "policy") -> None:
    """In the place of the role's policy of that name."""
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    cloud.client("iam", role_arn.split(":")[4]).put_role_policy(
        RoleName=role_arn.rpartition("/")[2], PolicyName=name, PolicyDocument=json.dumps(document)
    )


def role_in(cloud: Cloud, account: str, trust: dict[str, Any], *statements: dict[str, Any]) -> str:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", **trust}
    arn: str = cloud.client("iam", account).create_role(
        RoleName=cloud.name("role"),
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]["Arn"]
    put_policy(cloud, arn, *statements)
    return arn


def machine_in(cloud: Cloud, account: str, states: dict[str, Any], **more: Any) -> str:
    """A machine whose role may do everything, in either account."""
    definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
    role = role_in(cloud, account, {"Principal": {"Service": "states.amazonaws.com"}}, allow("*"))
    arn: str = cloud.client("stepfunctions", account).create_state_machine(
        name=cloud.name("machine"), roleArn=role, definition=json.dumps(definition), **more
    )["stateMachineArn"]
    return arn


def status(cloud: Cloud, execution_arn: str) -> str:
    states = cloud.client("stepfunctions", execution_arn.split(":")[4])
    found: str = states.describe_execution(executionArn=execution_arn)["status"]
    return found


def executions(cloud: Cloud, machine_arn: str) -> list[str]:
    states = cloud.client("stepfunctions", machine_arn.split(":")[4])
    return [each["executionArn"] for each in states.list_executions(stateMachineArn=machine_arn)["executions"]]


def types(cloud: Cloud, execution_arn: str) -> list[str]:
    """The types of the events so far, of an execution of the first account."""
    assert execution_arn.split(":")[4] == ACCOUNT
    history = cloud.client("stepfunctions").get_execution_history(executionArn=execution_arn)
    return [event["type"] for event in history["events"]]
