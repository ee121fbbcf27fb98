"""An incident: one action is taken from the role and given back, and one that goes otherwise is a failure."""

from __future__ import annotations

import copy
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from constructs_lib.local import ExecutionResult
from demo.__main__ import main
from demo.reviews import incident
from demo.reviews.incident import Permission

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.reviews.app import ReviewsApp

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "states:StartExecution", "Resource": "machine"},
        {"Effect": "Allow", "Action": ["states:DescribeExecution", "states:StopExecution"], "Resource": "executions"},
    ],
}


class Iam:
    """A role with one inline policy."""

    def __init__(self) -> None:
        self.document: Any = copy.deepcopy(POLICY)

    def list_role_policies(self, **_: str) -> dict[str, list[str]]:
        return {"PolicyNames": ["policy"]}

    def get_role_policy(self, **_: str) -> dict[str, Any]:
        return {"PolicyDocument": copy.deepcopy(self.document)}

    def put_role_policy(self, *, PolicyDocument: str, **_: str) -> None:  # noqa: N803 - boto3's name
        self.document = json.loads(PolicyDocument)


class StepFunctions:
    """Executions that are always as they are."""

    def __init__(self, statuses: dict[str, str]) -> None:
        self._statuses = statuses

    def start_execution(self, **_: str) -> dict[str, str]:
        return {"executionArn": "parent"}

    def get_execution_history(self, **_: str) -> dict[str, Any]:
        submitted = {"type": "TaskSubmitted", "taskSubmittedEventDetails": {"output": '{"ExecutionArn": "child"}'}}
        return {"events": [submitted]}

    def describe_execution(self, *, executionArn: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        return {"status": self._statuses[executionArn]}


class Cloud:
    """Runs each execution to the same end."""

    def __init__(self, status: str) -> None:
        self._status = status

    def run(self, *_: object) -> ExecutionResult:
        return ExecutionResult("parent", self._status, output={})


class App:
    """A deployed app whose executions are as given."""

    parent = "machine"
    target_role_name = "role"

    def __init__(self, parent: str = "RUNNING", child: str = "RUNNING") -> None:
        self.iam = Iam()
        self.cloud = Cloud(parent)
        self._clients = {"iam": self.iam, "stepfunctions": StepFunctions({"parent": parent, "child": child})}

    def client_in_source(self, service: str) -> object:
        return self._clients[service]

    client_in_target = client_in_source


@pytest.mark.parametrize("action", [one.action for one in incident.INCIDENTS.values()])
def test_should_take_one_action_away_and_give_it_back(action: str) -> None:
    app = App()
    permission = Permission(cast("ReviewsApp", app), action)
    permission.take_away()
    left = [(one["Action"], one["Resource"]) for one in app.iam.document["Statement"]]
    assert (
        left
        == {
            "states:StartExecution": [(["states:DescribeExecution", "states:StopExecution"], "executions")],
            "states:DescribeExecution": [
                (["states:StartExecution"], "machine"),
                (["states:StopExecution"], "executions"),
            ],
            "states:StopExecution": [
                (["states:StartExecution"], "machine"),
                (["states:DescribeExecution"], "executions"),
            ],
        }[action]
    )
    permission.give_back()
    assert app.iam.document == POLICY


@pytest.mark.parametrize(
    ("name", "parent", "child", "said"),
    [
        ("describe", "FAILED", "SUCCEEDED", "should be RUNNING and its child SUCCEEDED; they are FAILED and SUCCEEDED"),
        ("describe", "SUCCEEDED", "SUCCEEDED", "they are SUCCEEDED and SUCCEEDED"),
        ("describe", "RUNNING", "FAILED", "they are RUNNING and FAILED"),
        ("start", "SUCCEEDED", "SUCCEEDED", "it is SUCCEEDED"),
        ("start", "FAILED", "SUCCEEDED", "for want of states:StartExecution"),
        ("stop", "ABORTED", "ABORTED", "they are ABORTED and ABORTED"),
    ],
)
def test_should_end_with_1_when_it_goes_otherwise(
    name: str, parent: str, child: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def deployed(*_: object, **__: object) -> Iterator[App]:
        yield App(parent, child)

    monkeypatch.setattr(incident, "deployed", deployed)
    monkeypatch.setattr(incident, "PATIENCE_SECONDS", 1)
    assert main(["reviews", "--break", name]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: the parent should ")
    assert said in message
    assert message.count("\n") == 1
