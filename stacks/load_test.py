"""The stack LoadTest: load on the account's quotas of state transitions and of open map runs, each with its driver.

Nothing runs until somebody starts a driver's execution: the outputs have the commands to start and to stop it, and what
it will consume. The account that the load is meant for is named by the deployer, and is the only one it deploys to.
"""

import math
from typing import cast

from aws_cdk import Acknowledgment, CfnElement, CfnOutput, Duration, Environment, Stack, Token
from constructs import Construct

from constructs_lib._checks import usage_error
from constructs_lib._load_plan import Load, LoadPlan
from constructs_lib.load_test import LoadDriver, OpenMapRunLoad, StateTransitionLoad
from stacks.acknowledgements import acknowledge
from stacks.settings import LoadTestSetting


class LoadTestStack(Stack):
    """A driver that makes state transitions, and one that holds map runs open."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: LoadTestSetting, env: Environment) -> None:
        super().__init__(
            scope, construct_id, env=env, description="Load on Step Functions' quotas, to see dashboard and alarms by."
        )
        self.settings = settings
        self._check()
        plan = self._plan()
        self.transition_driver = self._transition_driver(plan.transitions)
        self.map_run_driver = self._map_run_driver(plan.open_map_runs, Duration.seconds(plan.map_run_seconds))
        self._check_dollars()
        for name, driver in (("Transition", self.transition_driver), ("MapRun", self.map_run_driver)):
            if driver is not None:
                self._outputs(name, driver)

    def _check(self) -> None:
        settings = self.settings
        if self.account != settings.account:
            raise usage_error(
                self,
                "account",
                settings.account,
                allowed="the 12 digits of the account that this is deployed to",
                fix="A load is felt by everything in its account: name the one that it is meant for.",
            )

    def _plan(self) -> LoadPlan:
        settings = self.settings
        try:
            return LoadPlan(
                transitions_per_second=settings.transitions_per_second,
                transitions_per_execution=settings.transitions_per_execution,
                map_runs=settings.map_runs,
                ramp_seconds=settings.ramp_seconds,
                hold_seconds=settings.hold_seconds,
            )
        except ValueError as error:
            raise ValueError(f"{self.node.path}: {error}") from None

    def _check_dollars(self) -> None:
        drivers = [driver for driver in (self.transition_driver, self.map_run_driver) if driver is not None]
        dollars = sum(driver.consumption.most_dollars for driver in drivers)
        if dollars > self.settings.max_dollars:
            raise usage_error(
                self,
                "max_dollars",
                self.settings.max_dollars,
                allowed=f"{math.ceil(dollars * 100) / 100:,.2f} or more, what both drivers can cost together",
                fix="Ask for less load, or for a shorter one, or raise max_dollars.",
            )

    def _transition_driver(self, load: Load | None) -> LoadDriver | None:
        if load is None:
            return None
        return self._driver(load, StateTransitionLoad(self, load.started, transitions=load.target.transitions))

    def _map_run_driver(self, load: Load | None, hold: Duration) -> LoadDriver | None:
        if load is None:
            return None
        return self._driver(load, OpenMapRunLoad(self, load.started, hold=hold))

    def _driver(self, load: Load, target: StateTransitionLoad | OpenMapRunLoad) -> LoadDriver:
        settings = self.settings
        driver = LoadDriver(
            self,
            load.driver,
            target=target,
            profile=load.profile,
            max_dollars=settings.max_dollars,
            ends_at=settings.ends_at,
        )
        self._acknowledge(target, driver)
        return driver

    def _outputs(self, name: str, driver: LoadDriver) -> None:
        machine = driver.state_machine.state_machine_arn
        cli = f"aws stepfunctions --region {self.region}"
        CfnOutput(self, f"{name}DriverArn", value=machine, description="Start one execution of this for a run.")
        CfnOutput(
            self,
            f"{name}Start",
            value=f"{cli} start-execution --state-machine-arn {machine}",
            description="Starts the load.",
        )
        CfnOutput(
            self,
            f"{name}Stop",
            value=f"{cli} list-executions --state-machine-arn {machine} --status-filter RUNNING "
            "--query 'executions[].executionArn' --output text | xargs -n 1 "
            f"{cli} stop-execution --execution-arn",
            description="Stops the load, all that it has started included.",
        )

    def _acknowledge(self, target: StateTransitionLoad | OpenMapRunLoad, driver: LoadDriver) -> None:
        """Acknowledge what cdk-nag finds, each finding by its exact id."""
        region = "<AWS::Region>" if Token.is_unresolved(self.region) else self.region
        executions = f"arn:<AWS::Partition>:states:{region}:{self.account}:execution:"
        children = "Step Functions gives a map run's executions ids of its own."
        started = "The names of the executions that are started aren't known before."

        def named(construct: StateTransitionLoad | OpenMapRunLoad | LoadDriver) -> str:
            machine = self.get_logical_id(cast("CfnElement", construct.state_machine.node.default_child))
            return f'{{"Fn::Select":[6,{{"Fn::Split":[":",{{"Ref":"{machine}"}}]}}]}}'

        resources = {
            driver: {
                f"{named(driver)}:*": children,
                f"{named(driver)}/Rows:*": children,
                f"{named(target)}:*": started,
            },
            target: {f"{named(target)}:*": children, f"{named(target)}/HoldOpen:*": children}
            if isinstance(target, OpenMapRunLoad)
            else {},
        }
        for construct, wildcards in resources.items():
            acknowledge(
                construct,
                Acknowledgment(
                    id="AwsSolutions-SF1",
                    reason="Errors are logged. Every event of a load is two million lines for a million transitions, "
                    "and the history of a Standard execution has them all for 90 days.",
                ),
                Acknowledgment(
                    id="AwsSolutions-SF2",
                    reason="A trace of thousands of empty states shows nothing.",
                ),
                Acknowledgment(
                    id="AwsSolutions-IAM5[Resource::*]",
                    reason="The delivery of a state machine's logs has no narrower resource: "
                    "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy.",
                ),
                *(
                    Acknowledgment(id=f"AwsSolutions-IAM5[Resource::{executions}{resource}]", reason=reason)
                    for resource, reason in wildcards.items()
                ),
            )
