"""Each statement of the review workflow that the table calls exercised is needed: without it something named breaks."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from constructs_lib.local import LocalCloud
from tests.cdk import synthesize_app
from tests.end_to_end.permissions import name_of, no_retries, without
from tests.stacks.iam_statements import EXERCISED, Statement
from tests.stacks.review_statements import SOURCE, SOURCE_ACCOUNT, TARGET, TARGET_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.local

SOURCE_STACK, TARGET_STACK = f"ReviewsSource-{SOURCE_ACCOUNT}", "ReviewsTarget"
FAKE = {"ProductId": "kettle-1", "ReviewId": "r-1", "ReviewText": "The best toaster that I was ever paid to praise."}
REPLIES = {"replies": [{"reply": {"verdict": "fake", "confidence": 0.9, "reason": "It was paid for."}}]}
# What an execution of the parent says without the statement's first action.
TOLD = {
    "bedrock:InvokeModel": "not authorized to perform: bedrock:InvokeModel",
    "dynamodb:PutItem": "not authorized to perform: dynamodb:PutItem",
    "sns:Publish": "not authorized to perform: sns:Publish",
    "states:StartExecution": "not authorized to perform: states:StartExecution",
    "sts:AssumeRole": "is not authorized to assume the task state's role",
}
NEEDED = [
    (statement, stack, account)
    for table, stack, account in ((SOURCE, SOURCE_STACK, SOURCE_ACCOUNT), (TARGET, TARGET_STACK, TARGET_ACCOUNT))
    for statement, proof in sorted(table.items())
    if proof == EXERCISED
]


@dataclass(frozen=True)
class ReviewsApp:
    """The deployed stacks of both accounts."""

    cloud: LocalCloud
    assembly: Path
    outputs: Mapping[str, Mapping[str, str]]

    @property
    def parent(self) -> str:
        return self.outputs[SOURCE_STACK]["StateMachineArn"]

    @property
    def child(self) -> str:
        return self.outputs[TARGET_STACK]["StateMachineArn"]


@pytest.fixture(scope="module")
def app(cdk_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewsApp]:
    folder = tmp_path_factory.mktemp("reviews")
    accounts = json.dumps({"source": SOURCE_ACCOUNT, "target": TARGET_ACCOUNT})
    assembly = synthesize_app(folder, {"accounts": accounts})
    replies = folder / "replies.json"
    replies.write_text(json.dumps(REPLIES))
    with LocalCloud.start(bedrock_replies=replies) as cloud:
        deployed = ReviewsApp(cloud, assembly, cloud.deploy(assembly, stacks=[SOURCE_STACK, TARGET_STACK], cdk=cdk_cli))
        with no_retries(cloud, deployed.child):
            yield deployed


def test_should_run_with_all_of_them(app: ReviewsApp) -> None:
    result = app.cloud.run(app.parent, FAKE)
    assert result.succeeded
    assert result.output["Action"] == "HIDE"


@pytest.mark.parametrize(
    ("statement", "stack", "account"),
    [needed for needed in NEEDED if "states:DescribeExecution" not in needed[0].actions],
    ids=lambda value: name_of(value) if isinstance(value, Statement) else "",
)
def test_should_fail_by_name_without(app: ReviewsApp, statement: Statement, stack: str, account: str) -> None:
    with without(statement, app.cloud, app.assembly, account, stack=stack):
        result = app.cloud.run(app.parent, FAKE)
    assert result.status == "FAILED"
    assert TOLD[statement.actions[0]] in str(result.cause)


def test_should_wait_without_the_permission_to_describe_and_go_on_with_it(app: ReviewsApp) -> None:
    (needed,) = (needed for needed in NEEDED if "states:DescribeExecution" in needed[0].actions)
    statement, stack, account = needed
    sfn = app.cloud.client("stepfunctions", account=SOURCE_ACCOUNT)
    children = app.cloud.client("stepfunctions", account=TARGET_ACCOUNT)
    with without(statement, app.cloud, app.assembly, account, stack=stack):
        parent = sfn.start_execution(stateMachineArn=app.parent, input=json.dumps(FAKE))["executionArn"]
        deadline = time.monotonic() + 20
        name = parent.rpartition(":")[2]
        while not any(
            child["name"].startswith(name) and child["status"] == "SUCCEEDED"
            for child in children.list_executions(stateMachineArn=app.child)["executions"]
        ):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(0.5)  # some more polls, all of them denied
        assert sfn.describe_execution(executionArn=parent)["status"] == "RUNNING"
    while sfn.describe_execution(executionArn=parent)["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert sfn.describe_execution(executionArn=parent)["status"] == "SUCCEEDED"
