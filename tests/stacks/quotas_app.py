"""The stack Quotas, as it is and with everything watched that can be."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from cdk_nag import AwsSolutionsChecks

import app
from constructs_lib.assembly import Assembly
from tests.cdk import make_app

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCOUNT, REGION = "111111111111", "us-east-1"
ORDERS = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:orders"

WATCHED: dict[str, object] = {
    "alarm_email": "oncall@example.com",
    "watched_workflows": {
        "Orders": {"arn": ORDERS, "map_labels": ["EachOrder"]},
        "Parcels": ORDERS.replace(ACCOUNT, "222222222222"),
    },
    "watched_functions": "analyze,reduce",
    "watched_models": "amazon.nova-lite-v1:0",
}


def synthesize(context: Mapping[str, object]) -> tuple[Assembly, list[str]]:
    """The app, and what cdk-nag finds in the stack Quotas; with the paths that the CDK CLI asks for.

    Once for each context: several modules look at the same.
    """
    return _synthesized(json.dumps(context, sort_keys=True))


@cache
def _synthesized(context: str) -> tuple[Assembly, list[str]]:
    root = make_app({"aws:cdk:enable-path-metadata": True, **json.loads(context)})
    app.build(root)
    quotas = root.node.find_child("Quotas")
    findings = [violation.rule_name for violation in AwsSolutionsChecks(root).validate_scope(quotas).violations]
    return Assembly.read(root.synth().directory), findings
