"""What a load driver starts: executions that make state transitions, and executions that hold a map run open.

Standard state machines in JSONata; each says what one of its executions consumes, whatever the execution's input.
"""

import math

from aws_cdk import Duration
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib._checks import check_kind, is_whole_number, usage_error
from constructs_lib._lambda_task import jsonata
from constructs_lib._load_consumption import MAX_HOLD_SECONDS, MAX_TRANSITIONS, ExecutionLoad, TransitionShape
from constructs_lib._load_plan import HOLD_LABEL
from constructs_lib._state_machine_log import state_machine_log
from constructs_lib._state_machine_role import state_machine_role

# To be delayed by a quota is what a load may be for, so this has to be much longer than its transitions take.
_TRANSITIONS_TIMEOUT_SECONDS = 3600
_SLACK_SECONDS = 600


class _LoadTarget(Construct):
    """A state machine of a load, what an execution of it consumes, and its timeout: set by each load."""

    _state_machine: sfn.StateMachine
    _load: ExecutionLoad
    _timeout_seconds: int

    @property
    def state_machine(self) -> sfn.StateMachine:
        """Start an execution of it for each portion of the load."""
        return self._state_machine

    @property
    def execution_load(self) -> ExecutionLoad:
        """What an execution consumes."""
        return self._load

    @property
    def timeout(self) -> Duration:
        """Of an execution."""
        return Duration.seconds(self._timeout_seconds)


class StateTransitionLoad(_LoadTarget):
    """A state machine that makes state transitions: each execution enters exactly `transitions` states.

    It has loops of Pass and Choice, ten side by side, so that it makes most of them in parallel.

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        transitions: 1 to 10,000, which a history of 25,000 events has room for.

    Raises:
        ValueError: for another number.

    """

    def __init__(self, scope: Construct, construct_id: str, *, transitions: int) -> None:
        super().__init__(scope, construct_id)
        if not is_whole_number(transitions) or not 1 <= transitions <= MAX_TRANSITIONS:
            raise usage_error(
                self,
                "transitions",
                transitions,
                allowed=f"a whole number from 1 to {MAX_TRANSITIONS:,}",
                fix="An execution's history has room for 25,000 events: for more transitions start more executions.",
            )
        self._load = ExecutionLoad.of_transitions(transitions)
        self._timeout_seconds = _TRANSITIONS_TIMEOUT_SECONDS
        self._state_machine = load_state_machine(
            self,
            self._definition(TransitionShape.of(transitions)),
            comment=f"Enters {transitions:,} states.",
            timeout_seconds=self._timeout_seconds,
        )

    def _definition(self, shape: TransitionShape) -> sfn.IChainable:
        states: list[sfn.State] = [sfn.Pass.jsonata(self, f"Step {step + 1}") for step in range(shape.steps)]
        if shape.loops:
            # Not ten copies of an input that may be large.
            side_by_side = sfn.Parallel.jsonata(self, "Loops", arguments={}, outputs={})
            for number, rounds in enumerate(shape.loops, start=1):
                side_by_side.branch(self._loop(f"Loop {number}", rounds))
            states.append(side_by_side)
        chain = sfn.Chain.start(states[0])
        for state in states[1:]:
            chain = chain.next(state)
        return chain

    def _loop(self, name: str, rounds: int) -> sfn.IChainable:
        begin = sfn.Pass.jsonata(self, f"{name}: begin", assign={"left": rounds})
        count = sfn.Pass.jsonata(self, f"{name}: count", assign={"left": jsonata("$left - 1")})
        more = sfn.Choice.jsonata(self, f"{name}: more?")
        more.when(sfn.Condition.jsonata(jsonata("$left > 0")), count)
        more.otherwise(sfn.Pass.jsonata(self, f"{name}: end"))
        return begin.next(count).next(more)


class OpenMapRunLoad(_LoadTarget):
    """A state machine that holds a map run open: an execution has a Distributed Map whose one child waits for `hold`.

    An execution enters two states, one of them the child's.

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        hold: How long each map run stays open: whole seconds, a day at most.

    Raises:
        ValueError: for another time.

    """

    def __init__(self, scope: Construct, construct_id: str, *, hold: Duration) -> None:
        super().__init__(scope, construct_id)
        seconds = self._checked_seconds(hold)
        self._load = ExecutionLoad.of_open_map_run(seconds)
        self._timeout_seconds = seconds + _SLACK_SECONDS
        hold_open = sfn.DistributedMap.jsonata(
            self,
            "Hold a map run open",
            label=HOLD_LABEL,
            items=sfn.ProvideItems.json_array([{}]),
            # An Express child would end after five minutes.
            map_execution_type=sfn.StateMachineType.STANDARD,
            outputs={},
        )
        hold_open.item_processor(sfn.Wait.jsonata(self, "Hold", time=sfn.WaitTime.duration(hold)))
        self._state_machine = load_state_machine(
            self,
            hold_open,
            comment=f"Holds a map run open for {seconds:,} s.",
            timeout_seconds=self._timeout_seconds,
        )

    def _checked_seconds(self, hold: object) -> int:
        fix = "Use such as Duration.minutes(5)."
        check_kind(self, "hold", hold, Duration, fix=fix)
        assert isinstance(hold, Duration)  # noqa: S101 - it was checked
        seconds = math.nan if hold.is_unresolved() else hold.to_seconds(integral=False)
        if not 1 <= seconds <= MAX_HOLD_SECONDS or seconds % 1:
            given = "known at deployment only" if math.isnan(seconds) else f"{seconds:g} s"
            raise usage_error(
                self, "hold", given, allowed=f"a Duration of 1 to {MAX_HOLD_SECONDS:,} whole seconds", fix=fix
            )
        return int(seconds)


def load_state_machine(
    scope: Construct, definition: sfn.IChainable, *, comment: str, timeout_seconds: float
) -> sfn.StateMachine:
    """Return a state machine of a load, with a log of its errors."""
    # No more than errors, and no traces: the history of a Standard execution has each event for 90 days, and at level
    # ALL a load of a million transitions writes two million events, a gigabyte, that nobody reads.
    log = sfn.LogOptions(
        destination=state_machine_log(scope, "Logs", logs.RetentionDays.ONE_MONTH),
        level=sfn.LogLevel.ERROR,
        include_execution_data=False,
    )
    return sfn.StateMachine(
        scope,
        "StateMachine",
        comment=comment,
        definition_body=sfn.DefinitionBody.from_chainable(definition),
        query_language=sfn.QueryLanguage.JSONATA,
        timeout=Duration.seconds(timeout_seconds),
        logs=log,
        role=state_machine_role(scope),
    )
