"""The runbook's commands, as they stand in it, on the incidents that it is for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.constructs_lib.local.emulator import conftest as emulator
from tests.constructs_lib.local.emulator.waiting import allow, executions, put_policy, status, types, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.constructs_lib.local.emulator.conftest import Cloud

pytestmark = pytest.mark.local

cloud = emulator.cloud
PAGE = (Path(__file__).parents[3] / "docs/runbook-parent-still-runs.md").read_text()
SOURCE, TARGET = "111111111111", "222222222222"
PARENT = f"arn:aws:states:us-east-1:{SOURCE}:stateMachine:review-intake"
CHILD = f"arn:aws:states:us-east-1:{TARGET}:stateMachine:review-classifier"
PARENT_ROLE = f"arn:aws:iam::{SOURCE}:role/review-intake-us-east-1"
TARGET_ROLE = f"arn:aws:iam::{TARGET}:role/review-classifier-target-us-east-1"
# The execution that the page names: the one thing that who reads it has to change.
EXAMPLE = "review-0001"
AWS_ONLY = "# AWS only: "


def blocks(heading: str) -> list[str]:
    """The commands under a heading, up to the next."""
    (section,) = re.findall(rf"^#+ {heading}$(.*?)(?=^## |^### |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    found: list[str] = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return found


def local(heading: str) -> list[str]:
    return [block for block in blocks(heading) if not block.startswith(AWS_ONLY)]


def all_blocks() -> list[str]:
    return re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def naming(execution: str, steps: list[str]) -> list[str]:
    return [step.replace(EXAMPLE, execution) for step in steps]


def json_documents(printed: str) -> list[Any]:
    found, rest = [], printed.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found


class Shell:
    """A shell with an AWS CLI, and the two profiles that the page asks for."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        self._environment = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "AWS_CONFIG_FILE": str(folder / "config"),
            "AWS_ENDPOINT_URL": f"https://127.0.0.1:{cloud.port}",
            "AWS_CA_BUNDLE": str(cloud.folder / "tmp" / "ministack-tls" / "server.crt"),
        }
        profiles = [
            f"[profile {name}]\nregion = us-east-1\naws_access_key_id = {account}\naws_secret_access_key = test\n"
            for name, account in (("source", SOURCE), ("target", TARGET))
        ]
        (folder / "config").write_text("".join(profiles))
        self._program(folder / "aws", f'exec {sys.executable} {Path(__file__).parent / "aws_cli.py"} "$@"')
        # The page's loop waits for AWS's polls.
        self._program(folder / "sleep", "exit 0")

    def _program(self, file: Path, line: str) -> None:
        file.write_text(f"#!/bin/sh\n{line}\n")
        file.chmod(0o755)

    def run(self, commands: list[str], **more: str) -> list[str]:
        """What each block prints, one after the other in one shell."""
        mark = "---- next block ----"
        script = f"\necho '{mark}'\n".join(commands)
        done = subprocess.run(
            ["bash", "-euc", script],
            env=self._environment | more,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{done.stdout}\n{done.stderr}"
        return done.stdout.split(f"{mark}\n")


@pytest.fixture(scope="module")
def shell(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("cli"), cloud)


@pytest.fixture(scope="module")
def pair(cloud: Cloud) -> Iterator[None]:
    """The parent and the child that the page names; the child waits when its input says so."""

    def role(arn: str, trust: dict[str, Any], *statements: dict[str, Any]) -> None:
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", **trust}]}
        cloud.client("iam", arn.split(":")[4]).create_role(
            RoleName=arn.rpartition("/")[2], AssumeRolePolicyDocument=json.dumps(document)
        )
        put_policy(cloud, arn, *statements)

    def machine(arn: str, role_arn: str, states: dict[str, Any]) -> None:
        definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
        cloud.client("stepfunctions", arn.split(":")[4]).create_state_machine(
            name=arn.rpartition(":")[2], roleArn=role_arn, definition=json.dumps(definition)
        )

    step_functions = {"Principal": {"Service": "states.amazonaws.com"}}
    role(PARENT_ROLE, step_functions, allow("sts:AssumeRole", TARGET_ROLE))
    trusted = {
        "Principal": {"AWS": f"arn:aws:iam::{SOURCE}:root"},
        "Condition": {"StringEquals": {"sts:ExternalId": PARENT}, "ArnEquals": {"aws:PrincipalArn": PARENT_ROLE}},
    }
    role(TARGET_ROLE, trusted, allow("states:StartExecution", CHILD))
    child_role = f"arn:aws:iam::{TARGET}:role/review-classifier"
    role(child_role, step_functions, allow("logs:*"))
    choice = {"Condition": "{% $states.input.slow %}", "Next": "Wait"}
    machine(
        CHILD,
        child_role,
        {
            "Slow": {"Type": "Choice", "Choices": [choice], "Default": "Verdict"},
            "Wait": {"Type": "Wait", "Seconds": 600, "Next": "Verdict"},
            "Verdict": {"Type": "Pass", "Output": {"verdict": "real"}, "End": True},
        },
    )
    nested = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Credentials": {"RoleArn": TARGET_ROLE},
        "Arguments": {"StateMachineArn": CHILD, "Input": "{% $states.input %}"},
        "Output": "{% $states.result.Output %}",
        "TimeoutSeconds": 600,
        "End": True,
    }
    machine(PARENT, PARENT_ROLE, {"Classify review": nested})
    yield
    for execution in executions(cloud, CHILD):
        if status(cloud, execution) == "RUNNING":
            cloud.client("stepfunctions", TARGET).stop_execution(executionArn=execution)


def permit(cloud: Cloud, *actions: str) -> None:
    """Let the target role start the child, and do these to its executions."""
    runs = [f"{CHILD.replace(':stateMachine:', ':execution:')}:*"]
    more = [allow(f"states:{action}", runs) for action in actions]
    put_policy(cloud, TARGET_ROLE, allow("states:StartExecution", CHILD), *more)


def start(cloud: Cloud, name: str, **given: Any) -> tuple[str, str]:
    """The executions of the parent and of its child."""
    before = executions(cloud, CHILD)
    parent = cloud.client("stepfunctions", SOURCE).start_execution(
        stateMachineArn=PARENT, name=name, input=json.dumps({"slow": False} | given)
    )["executionArn"]
    until(lambda: "TaskSubmitted" in types(cloud, parent))
    (child,) = set(executions(cloud, CHILD)) - set(before)
    return parent, child


def test_should_let_a_waiting_parent_look_again(cloud: Cloud, shell: Shell, pair: None) -> None:
    permit(cloud, "StopExecution")
    _, child = start(cloud, EXAMPLE)
    until(lambda: status(cloud, child) == "SUCCEEDED")

    steps = [*local("Look"), *local("The parent waits"), local("The parent timed out")[0]]
    where, which, child_is, may, says, stopgap, after, undone, result = shell.run(steps)

    assert json.loads(where)[0] == "RUNNING"
    assert which == f"child: {child}\nrole: {TARGET_ROLE}\n"
    assert json.loads(child_is)[0] == "SUCCEEDED"
    assert may == "states:DescribeExecution\timplicitDeny\nstates:StopExecution\tallowed\n"
    trust, policy, attached = json_documents(says)
    assert trust["Statement"][0]["Condition"]["StringEquals"] == {"sts:ExternalId": PARENT}
    assert "states:DescribeExecution" not in str(policy)
    assert attached == []
    assert (stopgap, undone) == ("", "")
    assert json.loads(after) == ["SUCCEEDED", '{"verdict":"real"}', None]
    policies = cloud.client("iam", TARGET).list_role_policies(RoleName=TARGET_ROLE.rpartition("/")[2])
    assert policies["PolicyNames"] == ["policy"]
    assert json.loads(result) == {"verdict": "real"}


def test_should_stop_a_child_that_was_left_behind(cloud: Cloud, shell: Shell, pair: None) -> None:
    permit(cloud, "DescribeExecution")
    parent, child = start(cloud, "review-0002", slow=True)
    _, another = start(cloud, "review-0003", slow=True)
    cloud.client("stepfunctions", SOURCE).stop_execution(executionArn=parent)

    steps = [*local("Look"), *local("The child was left behind")]
    where, which, child_is, may, _, stopped, others = shell.run(naming("review-0002", steps))

    assert json.loads(where)[0] == "ABORTED"
    assert which == f"child: {child}\nrole: {TARGET_ROLE}\n"
    assert json.loads(child_is)[0] == "RUNNING"
    assert may == "states:DescribeExecution\tallowed\nstates:StopExecution\timplicitDeny\n"
    *_, described = json_documents(stopped)
    assert described == ["ABORTED", "ParentEnded", "Its parent was stopped and may not stop it."]
    assert [line.split("\t")[0] for line in others.splitlines()] == [another]


def test_should_redrive_a_parent_that_ended_before_it_saw_the_result(cloud: Cloud, shell: Shell, pair: None) -> None:
    permit(cloud, "StopExecution")
    parent, child = start(cloud, "review-0004")
    cloud.client("stepfunctions", SOURCE).stop_execution(executionArn=parent)
    permit(cloud, "DescribeExecution", "StopExecution")
    before = executions(cloud, CHILD)

    result, redrive = local("The parent timed out")
    where, told, _ = shell.run(naming("review-0004", [local("Look")[0], f"CHILD={child}\n{result}", redrive]))

    assert json.loads(where)[0] == "ABORTED"
    assert json.loads(told) == {"verdict": "real"}
    until(lambda: status(cloud, parent) == "SUCCEEDED")
    assert len(executions(cloud, CHILD)) == len(before) + 1


@pytest.mark.parametrize("missing", ["start", "trust"])
def test_should_find_why_a_parent_failed_at_once(cloud: Cloud, shell: Shell, pair: None, missing: str) -> None:
    if missing == "start":
        put_policy(cloud, TARGET_ROLE, allow("states:DescribeExecution"))
        put_policy(cloud, PARENT_ROLE, allow("sts:AssumeRole", TARGET_ROLE))
    else:
        put_policy(cloud, PARENT_ROLE, allow("sts:AssumeRole", f"{TARGET_ROLE}-other"))
    parent = cloud.client("stepfunctions", SOURCE).start_execution(
        stateMachineArn=PARENT, name=f"review-{missing}", input='{"slow": false}'
    )["executionArn"]
    until(lambda: status(cloud, parent) == "FAILED")

    where, which = shell.run(naming(f"review-{missing}", local("Look")[:2]))

    ended, _, error, cause = json.loads(where)
    assert ended == "FAILED"
    assert error == "States.TaskFailed" or error.startswith("StepFunctions.")
    assert "is not authorized to" in cause
    assert which == f"child: \nrole: {TARGET_ROLE}\n"


def test_should_show_commands_that_aws_knows(shell: Shell) -> None:
    denied, trail = [block for block in all_blocks() if block.startswith(AWS_ONLY)]
    printed = shell.run([denied, trail], CHECK_ONLY="1", PARENT=PARENT)
    assert [text.split() for text in printed] == [["checked"], ["checked", "checked"]]


def test_should_run_each_command_of_the_page() -> None:
    """That isn't marked as AWS's only: by the tests above, which take these headings whole."""
    headings = ("Look", "The parent waits", "The child was left behind", "The parent timed out")
    run = [block for heading in headings for block in local(heading)]
    assert run == [block for block in all_blocks() if not block.startswith(AWS_ONLY)]
    assert len(run) == 12
