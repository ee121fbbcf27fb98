"""Each IAM statement of the load generators' stack: exercised, or documented by AWS; see `iam_statements`."""

from __future__ import annotations

import re
from dataclasses import replace

from tests.stacks.iam_statements import DOCS, EXERCISED, Statement, arn, machine_role

ACCOUNT = "111111111111"

_MAP = f"{DOCS}/step-functions/latest/dg/iam-policies-eg-dist-map.html"
_RULE = "StepFunctionsGetEventsForStepFunctionsExecutionRule"
_LOOK_AND_STOP = ("states:DescribeExecution", "states:StopExecution")


def _executions(construct: str, label: str = "") -> tuple[str, ...]:
    return (arn("states", ACCOUNT, f"execution:${{6 of ${{{construct}StateMachine}} by :}}{label}:*"),)


def _map_run(construct: str, label: str) -> dict[Statement, str]:
    """What a state machine needs to run its Distributed Map."""
    role = f"{construct}StateMachineRole"
    return {
        Statement(role, ("states:StartExecution",), (f"${{{construct}StateMachine}}",)): EXERCISED,
        Statement(role, _LOOK_AND_STOP, _executions(construct)): _MAP,
        Statement(role, ("states:RedriveExecution",), _executions(construct, f"/{label}")): _MAP,
    }


def _driver(construct: str, target: str) -> dict[Statement, str]:
    """What a driver needs to read its profile, and to run and stop its targets."""
    role = f"{construct}StateMachineRole"
    profile = f"cdk-hnb659fds-assets-{ACCOUNT}-${{AWS::Region}}/<profile>.csv"
    return {
        **machine_role(role, ACCOUNT),
        **_map_run(construct, "Rows"),
        Statement(role, ("s3:GetObject",), (f"arn:${{AWS::Partition}}:s3:::{profile}",)): EXERCISED,
        Statement(role, ("states:StartExecution",), (f"${{{target}StateMachine}}",)): EXERCISED,
        Statement(role, _LOOK_AND_STOP, _executions(target)): EXERCISED,
        Statement(
            role,
            ("events:DescribeRule", "events:PutRule", "events:PutTargets"),
            (arn("events", ACCOUNT, f"rule/{_RULE}"),),
        ): EXERCISED,
    }


STATEMENTS: dict[Statement, str] = {
    **machine_role("TransitionsStateMachineRole", ACCOUNT),
    **_driver("TransitionDriver", "Transitions"),
    **machine_role("MapRunsStateMachineRole", ACCOUNT),
    **_map_run("MapRuns", "HoldOpen"),
    **_driver("MapRunDriver", "MapRuns"),
}


def in_the_table(statement: Statement) -> Statement:
    """A template's statement as the table has it: without a profile's hash, and the place of CDK's assets as text."""
    bare = (re.sub(r"\{'Fn::Sub': '(.*)'\}", r"\1", resource) for resource in statement.resources)
    return replace(statement, resources=tuple(re.sub(r"/[0-9a-f]{64}\.csv", "/<profile>.csv", one) for one in bare))
