"""Where an execution is, so that a redrive can go on from there.

A machine, a branch of a Parallel and an iteration of an inline Map have each a `Position`: the state that was entered
last, with what it was entered with. A redrive begins at that state, without entering it anew: its events follow on the
entry's. What has ended inside a Map or Parallel keeps its output. That is what AWS documents
(https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html); which events it leaves out is recorded:
https://github.com/radkawar/stackd/blob/9dc356f/testdata/aws/stepfunctions/redrive_execution.json.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.state.fail.state_fail import StateFail
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.component.state.state_continue_with import ContinueWithEnd
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded

from constructs_lib.local.emulator import patches
from constructs_lib.local.emulator.language.state_failures import Unlogged

# A state that failed with it runs again as a whole.
_DATA_LIMIT = "States.DataLimitExceeded"
_STARTED = {
    HistoryEventType.MapStateStarted,
    HistoryEventType.ParallelStateStarted,
    HistoryEventType.MapIterationStarted,
}


class MapRun(Protocol):
    """The Map Run of a DISTRIBUTED Map."""

    @property
    def has_succeeded(self) -> bool:
        """Whether it has; what made the state fail came after it."""


@dataclass
class Attempt:
    """The last attempt of a Map or Parallel state.

    Args:
        started_id: the id of the event that it started by.
        parts: the branches, or an inline Map's iterations, by index; those that have begun.
        items: an inline Map's.
        map_run: a DISTRIBUTED Map's.

    """

    started_id: int
    parts: "dict[int, Position]" = field(default_factory=dict)
    items: list[Any] | None = None
    map_run: Any = None

    def part(self, index: int) -> "Position":
        """The position in a branch or an iteration."""
        return self.parts.setdefault(index, Position())


@dataclass
class Position:
    """How far a machine, a branch or an iteration has come.

    Args:
        state: the one entered last; None: none was.
        input: what it was entered with.
        variables: those of this scope, as they were then.
        entered_id: the id of the event.
        entered_time: `$states.context.State.EnteredTime`.
        attempt: a Map's or Parallel's.
        has_ended: the last state has been left.
        output: what it was left with.
        is_resumed: it goes on with `state`, and has not yet.

    """

    state: str | None = None
    input: Any = None
    variables: dict[str, Any] = field(default_factory=dict)
    entered_id: int = 0
    entered_time: str = ""
    attempt: Attempt | None = None
    has_ended: bool = False
    output: Any = None
    is_resumed: bool = False

    def resumed(self, error: str | None) -> "Position":
        """A copy to go on from; what may still run, as a call under way does, goes on writing to this one.

        Args:
            error: what the execution failed with.

        """
        attempt = self.attempt
        if attempt is not None:
            again = error == _DATA_LIMIT or (attempt.map_run is not None and attempt.map_run.has_succeeded)
            begun = {index: part for index, part in list(attempt.parts.items()) if part.state is not None}
            parts = {index: part.resumed(error) for index, part in begun.items()}
            attempt = None if again else replace(attempt, parts=parts)
        return replace(self, attempt=attempt, is_resumed=True)


def begin(env: Any, program: Any) -> None:
    """Let a machine, a branch or an iteration begin where its position says, or at its first state."""
    position: Position = getattr(env, "position", None) or Position()
    # First: an environment that has ended refuses it.
    env.next_state_name = position.state or program.start_at.start_at_name
    env.position = position
    position.is_resumed = position.state is not None
    if position.state is None:
        return
    env.states.reset(input_value=position.input)
    env.variable_store._inner_scope.update(position.variables)
    # What follows on the redrive of a Fail state is the execution's failure.
    if env.is_frame() or not isinstance(program.states.states[position.state], StateFail):
        env.event_history_context.source_event_id = position.entered_id


def open_attempt(env: Any, frame: Any) -> None:
    """Give the frame of an attempt of a Map or Parallel the state's position; a Retry's attempt starts anew."""
    position: Position = env.position
    if not position.is_resumed:
        position.attempt = None
    position.is_resumed = False
    frame.position = position
    if position.attempt is not None:
        frame.event_history_context.started_id = position.attempt.started_id


def attempt_of(frame: Any) -> Attempt:
    """The attempt that has started in a frame: the one to go on with, or a new one."""
    position: Position = frame.position
    if position.attempt is None:
        position.attempt = Attempt(frame.event_history_context.source_event_id)
    return position.attempt


def open_part(frame: Any, position: Position) -> None:
    """Give the frame of an iteration its position."""
    frame.position = position
    if position.state is not None:
        frame.event_history_context.started_id = position.entered_id


def _once(original: Any) -> Any:
    def add_event(self: Any, context: Any, event_type: Any, **more: Any) -> Any:
        """In the place of moto's `EventManager.add_event`: what is gone on with has started already."""
        started_id = getattr(context, "started_id", None)
        context.started_id = None
        if started_id is None or event_type not in _STARTED:
            return original(self, context=context, event_type=event_type, **more)
        context.source_event_id = started_id
        return started_id

    return add_event


def _entered_details(self: Any, env: Any) -> Any:
    """In the place of moto's `_get_state_entered_event_details`."""
    return Unlogged() if env.position.is_resumed else _original_entered_details(self, env)


def _take_input(self: Any, env: Any) -> None:
    """In the place of moto's `_eval_state_input`, the first that is done in a state."""
    position: Position = env.position
    state = env.states.context_object.context_object_data["State"]
    if position.is_resumed:
        state["EnteredTime"] = position.entered_time
    else:
        position.state, position.entered_time = self.name, state["EnteredTime"]
        position.input = env.states._states_data["input"]
        position.variables = dict(env.variable_store._inner_scope)
        position.entered_id = env.event_history_context.source_event_id
        position.attempt = None
    _original_take_input(self, env)


def _leaving(original: Any) -> Any:
    def exited_details(self: Any, env: Any) -> Any:
        """In the place of moto's `_get_state_exited_event_details`, where a state ends."""
        position: Position = env.position
        position.is_resumed = False
        # Not by Catch, and not because what it is in has ended.
        if isinstance(env._program_state, ProgramEnded) and isinstance(self.continue_with, ContinueWithEnd):
            position.has_ended, position.output = True, env.states._states_data["input"]
        return original(self, env)

    return exited_details


_original_entered_details: Any = CommonStateField._get_state_entered_event_details
_original_take_input: Any = CommonStateField._eval_state_input


def install() -> None:
    """Keep the positions; what ends a state, others look at, too."""
    patches.replace(EventManager, "add_event", _once(EventManager.add_event))
    patches.replace(CommonStateField, "_get_state_entered_event_details", _entered_details)
    patches.replace(CommonStateField, "_eval_state_input", _take_input)
    exited = "_get_state_exited_event_details"
    patches.replace(CommonStateField, exited, _leaving(getattr(CommonStateField, exited)))
