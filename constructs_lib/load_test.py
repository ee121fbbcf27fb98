"""Load generators: executions that make state transitions or hold map runs open, and the driver that starts them.

For trying out quotas, dashboards and alarms on an account that may feel it. All are Standard state machines in JSONata.
A driver states what a run of it will consume before it is deployed, and is refused when that can cost more than its
ceiling. To stop a load, stop the driver's execution: its map run, that one's children and every execution that they
started end with it, by AWS's best effort: https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html

Errors of use are `ValueError`s at construction. Don't redrive a driver: what was under way when it was stopped would
start again at once. Only what waited for its time doesn't, once that is five minutes past.
"""

import math
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib._checks import check_kind, usage_error
from constructs_lib._lambda_task import jsonata
from constructs_lib._load_consumption import Consumption, consumption
from constructs_lib._load_plan import ROWS_LABEL
from constructs_lib._load_profile import MAX_STARTS_PER_ROW, LoadProfile
from constructs_lib._load_targets import OpenMapRunLoad, StateTransitionLoad, load_state_machine
from constructs_lib._workflow_identity import ChildWorkflow
from constructs_lib.nested_workflow import NESTED_WORKFLOW_RETRIES, NestedWorkflow
from constructs_lib.object_source import ObjectSource

__all__ = ["Consumption", "LoadDriver", "LoadProfile", "OpenMapRunLoad", "StateTransitionLoad"]

# Beyond the last start and the target's own timeout: for the calls of StartExecution that are tried again.
_SLACK_SECONDS = 1200
_LATE_SECONDS = 300
_RETRIES_PER_START = sum(rule.max_attempts for rule in NESTED_WORKFLOW_RETRIES.rules)


class LoadDriver(Construct):
    """A state machine that starts executions of `target` by `profile`, and waits for them.

    It reads the profile, a CSV object of the deployment's own bucket, with a Distributed Map: a child execution a row
    waits for its time and starts that row's executions. An execution's output says how many were started, and how many
    rows weren't, because they were late or `ends_at` had come. When an execution of the target fails, the driver does.

    The account's quotas of StartExecution hold for it, too: a call that is throttled is tried again, up to ten times,
    within three minutes; when none of them gets through, the driver fails, and ends all that it has started. What a run
    will consume is in the stack's outputs. Each execution of the driver is a run, also of two at the same time.

    Example::

        LoadDriver(
            self,
            "Driver",
            target=StateTransitionLoad(self, "Load", transitions=500),
            profile=LoadProfile.ramp_and_hold(starts_per_second=5, ramp_seconds=60, hold_seconds=120),
        )

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        target: What is started.
        profile: When, and how many.
        max_dollars: The most that a run may cost by `consumption`, retries included, at the price of us-east-1.
        ends_at: From then on neither the driver (it fails with EndTimeInThePast) nor a row of it is started; a call
            that is being tried again by then may still get through. Omitted: no such time.

    Raises:
        ValueError: for another kind of target or profile, a load over `max_dollars`, and an `ends_at` that is in the
            past or in no time zone.

    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        target: StateTransitionLoad | OpenMapRunLoad,
        profile: LoadProfile,
        max_dollars: float = 10,
        ends_at: datetime | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        if not isinstance(target, StateTransitionLoad | OpenMapRunLoad):
            raise usage_error(
                self,
                "target",
                target,
                allowed="a StateTransitionLoad or an OpenMapRunLoad",
                fix="What another state machine would consume isn't known here.",
            )
        check_kind(self, "profile", profile, LoadProfile, fix="Use such as LoadProfile.ramp_and_hold(…).")
        self._target = target
        self._ends = None if ends_at is None else self._checked_end(ends_at)
        self._consumption = consumption(
            profile,
            target.execution_load,
            first_states=1 if self._ends is None else 2,
            retries_per_start=_RETRIES_PER_START,
        )
        self._check_dollars(max_dollars)
        self._state_machine = load_state_machine(
            self,
            self._definition(self._profile_object(profile)),
            comment=f"Starts {profile.starts:,} executions.",
            timeout_seconds=profile.last_offset_seconds + target.timeout.to_seconds() + _SLACK_SECONDS,
        )
        CfnOutput(
            self,
            "Consumption",
            value=f"{self._consumption}",
            description=f"What a run of {self.node.path} consumes; the ceiling is ${max_dollars:,.2f}.",
        )

    @property
    def state_machine(self) -> sfn.StateMachine:
        """Start one execution of it for a run; stop that execution to stop all of it."""
        return self._state_machine

    @property
    def consumption(self) -> Consumption:
        """What a run consumes."""
        return self._consumption

    def _checked_end(self, ends_at: object) -> str:
        check_kind(self, "ends_at", ends_at, datetime, fix="Use such as datetime(2027, 1, 31, 12, tzinfo=UTC).")
        assert isinstance(ends_at, datetime)  # noqa: S101 - it was checked
        if ends_at.utcoffset() is None:
            raise usage_error(
                self,
                "ends_at",
                ends_at.isoformat(),
                allowed="a time with its time zone",
                fix="Add it: ends_at.replace(tzinfo=UTC).",
            )
        if ends_at <= datetime.now(tz=UTC):
            raise usage_error(
                self,
                "ends_at",
                ends_at.isoformat(),
                allowed="a time to come",
                fix="Choose a later one, or destroy the stack: the load test is over.",
            )
        try:
            return ends_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        except OverflowError:
            raise usage_error(
                self, "ends_at", ends_at.isoformat(), allowed="a time up to the year 9999 in UTC", fix="Leave it out."
            ) from None

    def _check_dollars(self, most: float) -> None:
        number = isinstance(most, int | float) and not isinstance(most, bool)
        if not number or not 0 < most < math.inf:
            raise usage_error(
                self, "max_dollars", most, allowed="a number over 0", fix="It is the most that a run may cost."
            )
        if self._consumption.most_dollars > most:
            raise usage_error(
                self,
                "profile",
                f"one of {self._consumption.transitions:,} transitions and up to {self._consumption.retries:,} retries "
                f"for ${self._consumption.most_dollars:,}",
                allowed=f"up to max_dollars, ${most:,.2f}",
                fix="Start fewer, or smaller, executions for a shorter time, or raise max_dollars.",
            )

    def _profile_object(self, profile: LoadProfile) -> ObjectSource:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "profile.csv"
            path.write_text(profile.to_csv())
            # Made here and copied at once: what runs is what was counted.
            asset = s3_assets.Asset(self, "Profile", path=str(path))
        return ObjectSource.from_csv(asset.bucket, key=asset.s3_object_key, column="offset_seconds")

    def _definition(self, source: ObjectSource) -> sfn.IChainable:
        due = (
            "$toMillis($states.context.Execution.StartTime) + "
            "$number($states.context.Map.Item.Value.offset_seconds) * 1000"
        )
        if self._ends is not None:
            # So that no row waits for a time at which it will start nothing.
            due = f"$min([{due}, $toMillis('{self._ends}')])"
        rows = sfn.DistributedMap.jsonata(
            self,
            "Start by the profile",
            label=ROWS_LABEL,
            item_reader=source,
            item_selector={
                "at": jsonata(f"$fromMillis({due})"),
                "count": jsonata("$number($states.context.Map.Item.Value.count)"),
            },
            # Each row's child waits from the start on, maybe for hours.
            map_execution_type=sfn.StateMachineType.STANDARD,
            outputs={
                "executions_started": jsonata("$sum($states.result)"),
                "rows_not_started": jsonata("$count($states.result[$ = 0])"),
            },
        )
        rows.item_processor(self._row())
        if self._ends is None:
            return rows
        over = sfn.Fail(
            self,
            "EndTimeInThePast",
            error="EndTimeInThePast",
            cause=f"This driver starts nothing from {self._ends} on. Deploy it with a later ends_at, or destroy it.",
            query_language=sfn.QueryLanguage.JSONATA,
        )
        in_time = sfn.Choice.jsonata(self, "Before the end?")
        in_time.when(sfn.Condition.jsonata(jsonata(self._before_end())), rows)
        return in_time.otherwise(over)

    def _row(self) -> sfn.IChainable:
        start = sfn.Map.jsonata(
            self,
            "Start this row's executions",
            items=sfn.ProvideItems.jsonata(jsonata("[1..$states.input.count]")),
            max_concurrency=MAX_STARTS_PER_ROW,
            outputs=jsonata("$count($states.result)"),
        )
        start.item_processor(
            NestedWorkflow(
                self,
                "Start and wait",
                child=ChildWorkflow.in_this_account(self._target.state_machine),
                input={},
                timeout=self._target.timeout.plus(Duration.minutes(1)),
                outputs=jsonata("1"),
            )
        )
        # A redriven driver doesn't make up for what it has missed.
        conditions = [f"$millis() < $toMillis($states.input.at) + {_LATE_SECONDS * 1000}"]
        if self._ends is not None:
            conditions.append(self._before_end())
        in_time = sfn.Choice.jsonata(self, "In time?")
        in_time.when(sfn.Condition.jsonata(jsonata(" and ".join(conditions))), start)
        in_time.otherwise(sfn.Pass.jsonata(self, "Not started", outputs=jsonata("0")))
        wait = sfn.Wait.jsonata(
            self, "Wait for this row's time", time=sfn.WaitTime.timestamp(jsonata("$states.input.at"))
        )
        return wait.next(in_time)

    def _before_end(self) -> str:
        return f"$millis() < $toMillis('{self._ends}')"
