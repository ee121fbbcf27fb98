from __future__ import annotations

import json

import pytest

from tests.cdk import JsonObject, make_app, only, shown, template_of
from tests.constructs_lib.quotas.dashboards import GOOD, MAKERS


@pytest.fixture(scope="session")
def dashboard_templates() -> dict[str, JsonObject]:
    app = make_app()
    stacks = {name: make(app) for name, make in MAKERS.items()}
    return {name: template_of(stack) for name, stack in stacks.items()}


@pytest.fixture(scope="session")
def bodies(dashboard_templates: dict[str, JsonObject]) -> dict[str, JsonObject]:
    return {
        name: json.loads(shown(only(template, "AWS::CloudWatch::Dashboard")["DashboardBody"]))
        for name, template in dashboard_templates.items()
    }


@pytest.fixture(params=GOOD)
def body(request: pytest.FixtureRequest, bodies: dict[str, JsonObject]) -> JsonObject:
    """Each dashboard in turn."""
    return bodies[request.param]
