"""Takes a statement away from a deployed app's role, for the time of a test."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from constructs_lib.local.endpoint import DEFAULT_REGION
from demo.wind_speed.run import STACK
from tests.stacks.iam_statements import Statement, every_statement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from constructs_lib.local import LocalCloud


@contextmanager
def without(
    statement: Statement, cloud: LocalCloud, assembly: Path, account: str, *, stack: str = STACK
) -> Iterator[None]:
    """A deployed stack with one statement less."""
    text = (assembly / f"{stack}.template.json").read_text()
    # As the table has it: for no Region in particular, and, where the stack is for no account, for none.
    text = text.replace(DEFAULT_REGION, "${AWS::Region}")
    template = json.loads(text.replace(f":{account}:", ":${AWS::AccountId}:") if stack == STACK else text)
    (place,) = (place for found, place in every_statement(template) if found == statement)
    assert place is not None
    policy = template["Resources"][place.policy]["Properties"]
    cloudformation, iam = cloud.client("cloudformation", account=account), cloud.client("iam", account=account)
    deployed = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    physical = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in deployed}
    names = {"RoleName": physical[policy["Roles"][0]["Ref"]], "PolicyName": policy["PolicyName"]}
    document = iam.get_role_policy(**names)["PolicyDocument"]
    less = [one for index, one in enumerate(document["Statement"]) if index != place.index]
    assert len(less) == len(document["Statement"]) - 1
    try:
        if less:
            iam.put_role_policy(**names, PolicyDocument=json.dumps(document | {"Statement": less}))
        else:
            iam.delete_role_policy(**names)
        yield
    finally:
        iam.put_role_policy(**names, PolicyDocument=json.dumps(document))


@contextmanager
def no_retries(cloud: LocalCloud, state_machine_arn: str) -> Iterator[None]:
    """The deployed state machine without its retries: Lambda's denials are retried for half a minute."""
    sfn = cloud.client("stepfunctions", account=state_machine_arn.split(":")[4])
    definition = sfn.describe_state_machine(stateMachineArn=state_machine_arn)["definition"]
    impatient = json.dumps(_without_retries(json.loads(definition)))
    try:
        sfn.update_state_machine(stateMachineArn=state_machine_arn, definition=impatient)
        yield
    finally:
        sfn.update_state_machine(stateMachineArn=state_machine_arn, definition=definition)


def _without_retries(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_retries(item) for key, item in value.items() if key != "Retry"}
    return [_without_retries(item) for item in value] if isinstance(value, list) else value


def assert_denied(statement: Statement, told: str) -> None:
    """`told`, all that an execution said, names one of the statement's own actions as not allowed."""
    assert any(f"not authorized to perform: {action} " in told for action in statement.actions), told[:2000]


def name_of(statement: Statement) -> str:
    """A short name for a test's id."""
    return f"{statement.holder}-{statement.actions[0]}-{statement.resources[0]}"
