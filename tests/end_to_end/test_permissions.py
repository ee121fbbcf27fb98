"""Each statement that the table calls exercised is needed: without it an execution ends in AccessDenied."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from demo.run import STACK
from demo.sample import sample_objects
from tests.stacks.iam_statements import EXERCISED, STATEMENTS, Place, Statement, every_statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.conftest import WindSpeedApp

pytestmark = pytest.mark.local

YEAR = 1938
NEEDED = sorted(statement for statement, proof in STATEMENTS["default"].items() if proof == EXERCISED)


def without_retries(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_retries(item) for key, item in value.items() if key != "Retry"}
    return [without_retries(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def app(wind_speed: WindSpeedApp) -> Iterator[WindSpeedApp]:
    """The deployed app, for the time of these tests without retries: Lambda's denials are retried for half a minute."""
    wind_speed.put(YEAR, {f"{obj.station}.csv": obj.body() for obj in sample_objects(4)})
    sfn, arn = wind_speed.cloud.client("stepfunctions"), wind_speed.outputs["StateMachineArn"]
    definition = sfn.describe_state_machine(stateMachineArn=arn)["definition"]
    sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(without_retries(json.loads(definition))))
    yield wind_speed
    sfn.update_state_machine(stateMachineArn=arn, definition=definition)


@pytest.fixture
def without(app: WindSpeedApp, statement: Statement) -> Iterator[None]:
    """The deployed app with one statement less."""
    template = json.loads((app.assembly / f"{STACK}.template.json").read_text())
    (place,) = (place for found, place in every_statement(template) if found == statement)
    assert isinstance(place, Place)
    policy = template["Resources"][place.policy]["Properties"]
    resources = app.cloud.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    physical = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    role, name = physical[policy["Roles"][0]["Ref"]], policy["PolicyName"]
    iam = app.cloud.client("iam")
    document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    assert isinstance(document, dict)
    less = [one for index, one in enumerate(document["Statement"]) if index != place.index]
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document | {"Statement": less}))
    yield
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def test_should_run_with_all_of_them(app: WindSpeedApp) -> None:
    assert app.run(years=[YEAR]).result.succeeded


@pytest.mark.parametrize("statement", NEEDED, ids=lambda s: f"{s.holder}-{s.actions[0]}-{s.resources[0]}")
def test_should_end_in_access_denied_without(app: WindSpeedApp, statement: Statement, without: None) -> None:
    run = app.run(years=[YEAR])
    assert run.result.status == "FAILED"
    told = f"{run.result.error} {run.result.cause} " + b" ".join(run.files.values()).decode()
    assert "AccessDenied" in told or "not authorized" in told, told[:2000]
