"""An incident: the target role lacks one permission. What one sees then, and how it ends once it is given back.

An incident that goes otherwise than it should is a ``DemoError``.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from demo.console import step
from demo.errors import DemoError
from demo.reviews.app import ReviewsApp, deployed
from demo.reviews.review import MADE_UP_REPLIES, MADE_UP_REVIEWS, read_reviews
from demo.reviews.run import in_one_line, judge

if TYPE_CHECKING:
    from collections.abc import Callable

RUNBOOK = "docs/runbook-parent-still-runs.md"
BUSY_MODEL = Path(__file__).with_name("busy.json")
"""Its throttling is retried for minutes: a child that runs on."""

SYNC_POLL_SECONDS = 1.0
LOOKS = 4
"""How many seconds the trouble is watched for."""
PATIENCE_SECONDS = 30

_COLOURS = {"RUNNING": "yellow", "SUCCEEDED": "green", "FAILED": "red", "ABORTED": "red"}


@dataclass(frozen=True, kw_only=True)
class Incident:
    """``play`` shows what comes of ``action`` being denied, gives it back, and shows how that ends."""

    action: str
    play: Callable[[Console, ReviewsApp, Permission], None]
    replies: Path = MADE_UP_REPLIES


class Permission:
    """One action of the target role's policy, to take away and to give back."""

    def __init__(self, app: ReviewsApp, action: str) -> None:
        self._iam = app.client_in_target("iam")
        self._action = action
        (policy,) = self._iam.list_role_policies(RoleName=app.target_role_name)["PolicyNames"]
        self._name = {"RoleName": app.target_role_name, "PolicyName": policy}
        self._document = self._iam.get_role_policy(**self._name)["PolicyDocument"]

    def take_away(self) -> None:
        """Put a policy without the action in the place of the role's."""
        statements = []
        for statement in self._document["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            if left := [action for action in actions if action != self._action]:
                statements.append(statement | {"Action": left})
        self._put(self._document | {"Statement": statements})

    def give_back(self) -> None:
        """Put the role's own policy back."""
        self._put(self._document)

    def _put(self, document: object) -> None:
        self._iam.put_role_policy(**self._name, PolicyDocument=json.dumps(document))


class Watch:
    """One execution of the parent: a line with its and its child's status each time that one looks."""

    def __init__(self, console: Console, app: ReviewsApp) -> None:
        self._console = console
        self._source = app.client_in_source("stepfunctions")
        self._target = app.client_in_target("stepfunctions")
        review = read_reviews(MADE_UP_REVIEWS)[0]
        started = self._source.start_execution(stateMachineArn=app.parent, input=json.dumps(review))
        self.parent: str = started["executionArn"]
        self._begun = time.monotonic()
        console.print(f"\n  {'second':>6}  {'the parent':10}  its child")

    def child(self) -> str | None:
        """The child's ARN, as the parent's history has it; None before it is started."""
        history = self._source.get_execution_history(executionArn=self.parent)["events"]
        for event in history:
            if event["type"] == "TaskSubmitted":
                return str(json.loads(event["taskSubmittedEventDetails"]["output"])["ExecutionArn"])
        return None

    def look(self) -> tuple[str, str]:
        """The status of both, printed."""
        child_arn = self.child()
        # The child first: a parent that is over has seen its child's end.
        child = "-" if child_arn is None else str(self._target.describe_execution(executionArn=child_arn)["status"])
        parent = str(self._source.describe_execution(executionArn=self.parent)["status"])
        line = Text(f"  {time.monotonic() - self._begun:6.0f}  ")
        line.append(f"{parent:10}", _COLOURS.get(parent, "")).append("  ").append(child, _COLOURS.get(child, ""))
        self._console.print(line)
        return parent, child

    def wait_for(self, parent: str, child: str, *, looks: int = 1) -> None:
        """Look every second until both are as given, ``looks`` times. Raises ``DemoError`` when that doesn't come."""
        seen = 0
        for second in range(PATIENCE_SECONDS):
            if second:
                time.sleep(1)
            found = self.look()
            seen += found == (parent, child)
            if seen == looks:
                return
            if found[0] not in {parent, "RUNNING"}:
                break
        raise DemoError(f"the parent should be {parent} and its child {child}; they are {' and '.join(found)}")

    def abort(self) -> None:
        """Stop the parent, as an operator does."""
        self._source.stop_execution(executionArn=self.parent, error="Demo", cause="Stopped to see what its child does")


def run_incident(name: str, *, cdk: Path | None) -> int:
    """Play an incident; returns 0. Raises ``DemoError`` when it goes otherwise."""
    incident = INCIDENTS[name]
    console = Console(highlight=False)
    with deployed(console, replies=incident.replies, cdk=cdk, sync_poll_seconds=SYNC_POLL_SECONDS) as app:
        permission = Permission(app, incident.action)
        with step(console, f"Take {incident.action} from {app.target_role_name}"):
            permission.take_away()
        incident.play(console, app, permission)
    return 0


def _play_describe(console: Console, app: ReviewsApp, permission: Permission) -> None:
    watch = Watch(console, app)
    watch.wait_for("RUNNING", "SUCCEEDED", looks=LOOKS)
    _explain(
        console,
        "The child is over, and the parent can't see it: each look is denied, and a denied look is no failure.",
        f"It would wait until its own timeout, without a word. How to notice and mend it: {RUNBOOK}",
    )
    _give_back(console, permission)
    watch.wait_for("SUCCEEDED", "SUCCEEDED")
    executions = app.client_in_target("stepfunctions").list_executions(stateMachineArn=app.child)["executions"]
    if len(executions) != 1:
        raise DemoError(f"the child should have run once; it ran {len(executions)} times")
    _explain(console, "The next look was allowed: the parent has completed by itself, and its child ran only once.")


def _play_start(console: Console, app: ReviewsApp, permission: Permission) -> None:
    review = read_reviews(MADE_UP_REVIEWS)[0]
    result = judge(app, review).result
    told = in_one_line(result.cause or "")
    if result.status != "FAILED" or "states:StartExecution" not in told:
        raise DemoError(f"the parent should have failed for want of states:StartExecution; it is {result.status}")
    console.print(Text(f"\n  The parent FAILED: {result.error}: {told}", style="red"))
    _explain(
        console,
        "A denied start fails the parent within seconds, and its cause names what was denied: nothing waits, "
        "nothing runs.",
        f"Give the permission back, then start the parent again, or redrive it. More on that: {RUNBOOK}",
    )
    _give_back(console, permission)
    again = judge(app, review).result
    if not again.succeeded:
        raise DemoError(f"the parent should have succeeded; it is {again.status}: {in_one_line(again.cause or '')}")
    _explain(console, f"Started again, the parent SUCCEEDED: {again.output['Verdict']}, {again.output['Action']}")


def _play_stop(console: Console, app: ReviewsApp, permission: Permission) -> None:
    watch = Watch(console, app)
    watch.wait_for("RUNNING", "RUNNING", looks=2)
    watch.abort()
    watch.wait_for("ABORTED", "RUNNING", looks=LOOKS)
    _explain(
        console,
        "The parent was stopped, and its child runs on: stopping it was denied, and a denied stop is no failure.",
        f"Nobody waits for the child any more. How to find such children and stop them: {RUNBOOK}",
    )
    _give_back(console, permission)
    left_behind = watch.child()
    with step(console, "Stop the child by hand"):
        app.client_in_target("stepfunctions").stop_execution(executionArn=left_behind)
    watch.wait_for("ABORTED", "ABORTED")
    watch = Watch(console, app)
    watch.wait_for("RUNNING", "RUNNING", looks=2)
    watch.abort()
    watch.wait_for("ABORTED", "ABORTED")
    _explain(console, "With the permission, a parent that is stopped takes its child with it.")


def _explain(console: Console, *lines: str) -> None:
    console.print("\n".join(["", *lines, ""]), soft_wrap=True)


def _give_back(console: Console, permission: Permission) -> None:
    with step(console, "Give it back"):
        permission.give_back()


INCIDENTS = {
    "describe": Incident(action="states:DescribeExecution", play=_play_describe),
    "start": Incident(action="states:StartExecution", play=_play_start),
    "stop": Incident(action="states:StopExecution", play=_play_stop, replies=BUSY_MODEL),
}
