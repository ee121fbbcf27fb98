"""What the load generators do on the embedded AWS, counted from the histories, is what they state."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, CfnOutput, Duration, Environment, Stack
from botocore.exceptions import ClientError

from constructs_lib.load_test import LoadDriver, LoadProfile, OpenMapRunLoad, StateTransitionLoad
from constructs_lib.local.endpoint import DEFAULT_ACCOUNT, DEFAULT_REGION
from constructs_lib.testing.execution import RunningExecution
from stacks.load_test import LoadTestStack
from stacks.settings import LoadTestSetting
from tests.end_to_end.cross_account_app import eventually
from tests.end_to_end.permissions import assert_denied, name_of, without
from tests.stacks.iam_statements import EXERCISED, Statement, every_statement
from tests.stacks.load_statements import ACCOUNT, STATEMENTS, in_the_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from constructs_lib.load_test import Consumption
    from constructs_lib.local import LocalCloud
    from constructs_lib.testing.execution import CompletedExecution

pytestmark = pytest.mark.local

STACK = "LoadGenerators"
TRANSITIONS = (1, 4, 6, 23, 1000)
# Of the app: one start a driver, over within a second.
SETTING = LoadTestSetting(
    account=DEFAULT_ACCOUNT,
    transitions_per_second=4,
    transitions_per_execution=4,
    map_runs=1,
    ramp_seconds=0,
    hold_seconds=1,
)
TARGETS = {"TransitionDriver": "Transitions", "MapRunDriver": "MapRuns"}
NEEDED = sorted(statement for statement, proof in STATEMENTS.items() if proof == EXERCISED)
STARTED_BY = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
ENDS_AT = datetime.now(tz=UTC).replace(microsecond=0) + timedelta(days=1)


class Generators(Stack):
    """Loads, drivers of some of them, and an output with the ARN of each."""

    def __init__(self, app: App) -> None:
        super().__init__(app, STACK, env=Environment(account=DEFAULT_ACCOUNT, region=DEFAULT_REGION))
        enter = {number: StateTransitionLoad(self, f"Enter{number}", transitions=number) for number in TRANSITIONS}
        hold = OpenMapRunLoad(self, "HoldForAnHour", hold=Duration.hours(1))
        drivers = {
            # More than 40 at once: a row that is split.
            "Transitions": LoadDriver(self, "Transitions", target=enter[23], profile=LoadProfile(((0, 3), (0, 42)))),
            "ForAnHour": LoadDriver(self, "ForAnHour", target=hold, profile=LoadProfile(((0, 2), (1, 3)))),
            "Ending": LoadDriver(
                self,
                "Ending",
                target=enter[1],
                profile=LoadProfile(((0, 2), (3600, 1), (7200, 1))),
                ends_at=ENDS_AT,
            ),
        }
        self.consumption = {name: driver.consumption for name, driver in drivers.items()}
        loads = {f"Enter{number}": load for number, load in enter.items()} | {"HoldForAnHour": hold}
        for name, construct in (*loads.items(), *((f"Drive{name}", driver) for name, driver in drivers.items())):
            CfnOutput(self, f"Arn{name}", value=construct.state_machine.state_machine_arn)


@dataclass(frozen=True)
class Load:
    """The deployed stack."""

    cloud: LocalCloud
    client: Any
    assembly: Path
    outputs: Mapping[str, str]
    machines: Mapping[str, str]
    """Of the stack LoadTest, by construct."""
    stated: Mapping[str, Consumption]
    """By driver; those of the stack LoadTest included."""

    def start(self, name: str) -> RunningExecution:
        return self.start_arn(self.outputs[f"Arn{name}"])

    def start_arn(self, arn: str) -> RunningExecution:
        started = self.client.start_execution(stateMachineArn=arn, input='{"any": "input"}')
        return RunningExecution(started["executionArn"], self.client)

    def started_by(self, driver: RunningExecution, target_arn: str) -> list[RunningExecution]:
        """The executions of a target that an execution of a driver has started, by what they say in their input."""
        rows = {
            arn
            for run in self.client.list_map_runs(executionArn=driver.execution_arn)["mapRuns"]
            for arn in self.executions(mapRunArn=run["mapRunArn"])
        }
        return [
            RunningExecution(arn, self.client)
            for arn in self.executions(stateMachineArn=target_arn)
            if json.loads(self.client.describe_execution(executionArn=arn)["input"]).get(STARTED_BY) in rows
        ]

    def executions(self, **filters: str) -> list[str]:
        """The ARNs that ListExecutions gives."""
        pages = self.client.get_paginator("list_executions").paginate(**filters)
        return [one["executionArn"] for page in pages for one in page["executions"]]

    @contextmanager
    def without(self, statement: Statement) -> Iterator[None]:
        """The stack LoadTest with one statement of the table less."""
        template = (self.assembly / "LoadTest.template.json").read_text().replace(DEFAULT_REGION, "${AWS::Region}")
        (raw,) = (found for found, _ in every_statement(json.loads(template)) if in_the_table(found) == statement)
        with without(raw, self.cloud, self.assembly, ACCOUNT, stack="LoadTest"):
            yield

    def map_runs(self, execution_arn: str) -> list[str]:
        runs = self.client.list_map_runs(executionArn=execution_arn)["mapRuns"]
        return [self.client.describe_map_run(mapRunArn=run["mapRunArn"])["status"] for run in runs]

    @contextmanager
    def ending_at(self, end: datetime) -> Iterator[None]:
        """The driver Ending with another end."""
        arn = self.outputs["ArnDriveEnding"]
        before = self.client.describe_state_machine(stateMachineArn=arn)["definition"]
        form = "%Y-%m-%dT%H:%M:%SZ"
        after = before.replace(ENDS_AT.strftime(form), end.strftime(form))
        assert after != before
        try:
            self.client.update_state_machine(stateMachineArn=arn, definition=after)
            yield
        finally:
            self.client.update_state_machine(stateMachineArn=arn, definition=before)


@pytest.fixture(scope="module")
def load(cloud: LocalCloud, cdk_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Load:
    assembly = tmp_path_factory.mktemp("load") / "cdk.out"
    app = App(outdir=str(assembly))
    stack = Generators(app)
    environment = Environment(account=DEFAULT_ACCOUNT, region=DEFAULT_REGION)
    load_test = LoadTestStack(app, "LoadTest", settings=SETTING, env=environment)
    assert load_test.transition_driver is not None
    assert load_test.map_run_driver is not None
    stated = stack.consumption | {
        "TransitionDriver": load_test.transition_driver.consumption,
        "MapRunDriver": load_test.map_run_driver.consumption,
    }
    app.synth()
    outputs = cloud.deploy(assembly, cdk=cdk_cli)[STACK]
    resources = cloud.client("cloudformation").describe_stack_resources(StackName="LoadTest")["StackResources"]
    machines = {
        resource["LogicalResourceId"].partition("StateMachine")[0]: resource["PhysicalResourceId"]
        for resource in resources
        if resource["ResourceType"] == "AWS::StepFunctions::StateMachine"
    }
    return Load(cloud, cloud.client("stepfunctions"), assembly, outputs, machines, stated)


def transitions(execution: CompletedExecution) -> int:
    """States entered and retried: of the execution, and of the children of its map runs."""
    retried = sum(execution.attempts(state) - times for state, times in Counter(tasks(execution)).items())
    return len(execution.states) + retried + sum(map(transitions, execution.children))


def tasks(execution: CompletedExecution) -> Iterator[str]:
    return (
        event["stateEnteredEventDetails"]["name"] for event in execution.events if event["type"] == "TaskStateEntered"
    )


def most_at_once(executions: list[CompletedExecution]) -> int:
    """How many map runs were open at the same time, by the events of the executions that opened them."""
    changes = sorted(
        (event["timestamp"], 1 if event["type"] == "MapRunStarted" else -1)
        for execution in executions
        for event in execution.events
        if event["type"] in {"MapRunStarted", "MapRunSucceeded"}
    )
    return max(accumulate((change for _, change in changes), initial=0))


@pytest.mark.parametrize("number", TRANSITIONS)
def test_should_enter_as_many_states_as_stated(load: Load, number: int) -> None:
    execution = load.start(f"Enter{number}").wait()

    assert execution.succeeded
    assert len(execution.states) == transitions(execution) == number
    assert len(execution.events) <= 2 * number + 4


def assert_as_stated(load: Load, driver: RunningExecution, stated: Consumption, target_arn: str) -> None:
    """A driver that ran to its end made what it states, as the histories tell it."""
    ended = driver.wait()
    assert ended.output == {"executions_started": stated.starts, "rows_not_started": 0}
    targets = [target.wait() for target in load.started_by(driver, target_arn)]
    assert len(targets) == stated.starts
    assert transitions(ended) == stated.driver_transitions
    assert sum(map(transitions, targets)) == stated.target_transitions
    assert most_at_once([ended]) == stated.driver_map_runs
    assert most_at_once(targets) == stated.target_map_runs


def test_should_make_the_transitions_that_the_driver_states(load: Load) -> None:
    driver = load.start("DriveTransitions")
    assert load.stated["Transitions"].starts == 45
    assert_as_stated(load, driver, load.stated["Transitions"], load.outputs["ArnEnter23"])
    assert len(driver.wait().children) == 3


def test_should_hold_the_map_runs_that_the_driver_states_and_stop_all_of_it_with_the_driver(load: Load) -> None:
    stated = load.stated["ForAnHour"]
    driver = load.start("DriveForAnHour")

    def open_map_runs() -> list[RunningExecution]:
        targets = load.started_by(driver, load.outputs["ArnHoldForAnHour"])
        return targets if [load.map_runs(one.execution_arn) for one in targets] == [["RUNNING"]] * 5 else []

    targets = eventually(open_map_runs)
    assert load.map_runs(driver.execution_arn) == ["RUNNING"]
    assert stated.map_runs == 5 + 1

    stopped = driver.stop()

    assert stopped.status == "ABORTED"
    assert transitions(stopped) == stated.driver_transitions
    assert sum(transitions(target.wait()) for target in targets) == stated.target_transitions
    assert load.map_runs(driver.execution_arn) == ["ABORTED"]
    eventually(lambda: all(target.status == "ABORTED" for target in targets))
    assert [load.map_runs(target.execution_arn) for target in targets] == [["ABORTED"]] * 5
    assert {child.status for target in targets for child in target.wait().children} == {"ABORTED"}
    assert {child.status for child in stopped.children} == {"ABORTED"}


def test_should_start_nothing_from_its_end_on(load: Load) -> None:
    with load.ending_at(datetime.now(tz=UTC) + timedelta(seconds=3)):
        driver = load.start("DriveEnding")
        ended = driver.wait()
        late = load.start("DriveEnding").wait()

    assert ended.output == {"executions_started": 2, "rows_not_started": 2}
    assert transitions(ended) == load.stated["Ending"].driver_transitions - 2
    assert (late.status, late.error) == ("FAILED", "EndTimeInThePast")
    assert late.states == ("Before the end?", "EndTimeInThePast")
    assert len(load.started_by(driver, load.outputs["ArnEnter1"])) == 2


@pytest.mark.parametrize("driver", TARGETS)
def test_should_run_with_all_of_its_permissions(load: Load, driver: str) -> None:
    started = load.start_arn(load.machines[driver])
    assert_as_stated(load, started, load.stated[driver], load.machines[TARGETS[driver]])


def needed(action: str) -> pytest.MarkDecorator:
    """Each statement that the table calls exercised, and that has this action."""
    statements = [statement for statement in NEEDED if action in statement.actions]
    return pytest.mark.parametrize("statement", statements, ids=name_of)


def holder(statement: Statement) -> str:
    return statement.holder.removesuffix("StateMachineRole")


def look_and_stop(driver: str) -> Statement:
    (statement,) = (one for one in NEEDED if "states:StopExecution" in one.actions and holder(one) == driver)
    return statement


def test_should_exercise_each_statement_of_the_table() -> None:
    actions = {"s3:GetObject", "states:StartExecution", "states:DescribeExecution", "events:PutRule"}
    assert all(actions & set(statement.actions) for statement in NEEDED)


@needed("s3:GetObject")
def test_should_fail_without_the_permission_to_read_its_profile(load: Load, statement: Statement) -> None:
    with load.without(statement):
        ended = load.start_arn(load.machines[holder(statement)]).wait()
    assert (ended.status, ended.error) == ("FAILED", "States.ItemReaderFailed")
    assert_denied(statement, str(ended.cause))


@needed("states:StartExecution")
def test_should_fail_without_the_permission_to_start(load: Load, statement: Statement) -> None:
    with load.without(statement):
        ended = load.start_arn(load.machines[holder(statement)]).wait()
    assert ended.status == "FAILED"
    assert_denied(statement, " ".join(str(one.cause) for one in (ended, *ended.children)))


def test_should_not_hear_of_its_targets_without_the_permission_to_look(load: Load) -> None:
    driver = "TransitionDriver"
    with load.without(look_and_stop(driver)):
        started = load.start_arn(load.machines[driver])
        (target,) = eventually(lambda: load.started_by(started, load.machines[TARGETS[driver]]))
        assert target.wait().succeeded
        time.sleep(0.5)  # some more polls, all of them denied
        assert started.status == "RUNNING"
    assert started.wait().succeeded


def test_should_not_stop_its_targets_without_the_permission_to_stop(load: Load) -> None:
    driver = "MapRunDriver"
    with load.without(look_and_stop(driver)):
        started = load.start_arn(load.machines[driver])
        (target,) = eventually(lambda: load.started_by(started, load.machines[TARGETS[driver]]))
        assert started.stop().status == "ABORTED"
        assert target.wait().succeeded


@needed("events:PutRule")
def test_should_not_be_made_without_the_permission_on_the_managed_rule(load: Load, statement: Statement) -> None:
    arn = load.machines[holder(statement)]
    definition = load.client.describe_state_machine(stateMachineArn=arn)["definition"]
    with load.without(statement), pytest.raises(ClientError, match=r"not authorized to create managed-rule"):
        load.client.update_state_machine(stateMachineArn=arn, definition=definition)
    load.client.update_state_machine(stateMachineArn=arn, definition=definition)
