"""The app's stack in both of its shapes, each synthesized once a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from cdk_nag import AwsSolutionsChecks

from app import build
from constructs_lib.assembly import Assembly
from tests.cdk import make_app

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_lib.assembly import StateMachine

# Every optional part: a bucket of one's own with a key, a schedule, a subscriber, all of it removed on destroy.
FULL = {
    "source": "s3://own-bucket/gsod/",
    "source_key_arn": "arn:aws:kms:us-east-1:111111111111:key/own-key",
    "schedule": "rate(7 days)",
    "alarm_email": "oncall@example.com",
    "removal_policy": "destroy",
    "results_retention_days": "90",
}


@dataclass(frozen=True)
class Synthesized:
    """The template, the state machine as it is deployed, and what cdk-nag finds."""

    template: dict[str, Any]
    state_machine: StateMachine
    findings: list[str]


def synthesize(context: Mapping[str, object]) -> Synthesized:
    app = make_app(context)
    build(app)
    findings = [violation.rule_name for violation in AwsSolutionsChecks(app).validate_scope(app).violations]
    (stack,) = (stack for stack in Assembly.read(app.synth().directory).stacks if stack.id == "WindSpeed")
    (state_machine,) = stack.state_machines(account="111111111111", region="us-east-1")
    return Synthesized(dict(stack.template), state_machine, findings)


@pytest.fixture(scope="session", params=["default", "full"])
def shape(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def shapes() -> dict[str, Synthesized]:
    return {"default": synthesize({}), "full": synthesize(FULL)}


@pytest.fixture(scope="session")
def synthesized(shapes: dict[str, Synthesized], shape: str) -> Synthesized:
    return shapes[shape]


@pytest.fixture(scope="session")
def default(shapes: dict[str, Synthesized]) -> Synthesized:
    return shapes["default"]


@pytest.fixture(scope="session")
def full(shapes: dict[str, Synthesized]) -> Synthesized:
    return shapes["full"]
