"""The service's limits: sizes of payloads and variables, events in a history, an Express execution's time.

Sizes over their limit end in `States.DataLimitExceeded`. A task's own result over it (a Lambda function's response)
fails the task, and Retry and Catch see the error by its name. A state's output, and the result of a Map or a Parallel
whatever the state then makes of it, ends the execution: no Catch sees that.
"""

import functools
import threading
from typing import Any

from moto.stepfunctions.parser import quotas
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task import StateTask
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_activitiy import StateTaskActivity
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager

from constructs_lib.local.emulator.language import positions
from constructs_lib.local.emulator.patches import replace, replace_everywhere, require
from constructs_lib.local.emulator.payload import MAX_PAYLOAD_BYTES, fits, size

MAX_HISTORY_EVENTS = 25_000
MAX_VARIABLES_BYTES = 10 * 1024 * 1024
EXPRESS_SECONDS = 300

_LAST_EVENTS = {
    HistoryEventType.ExecutionSucceeded,
    HistoryEventType.ExecutionFailed,
    HistoryEventType.ExecutionAborted,
    HistoryEventType.ExecutionTimedOut,
}


def data_limit_error(env: Any, cause: str) -> Exception:
    """Moto's exception for a size over its limit."""
    kind = StatesErrorNameType.StatesStatesDataLimitExceeded
    details = {"taskFailedEventDetails": {"error": kind.to_name(), "cause": cause}}
    event = FailureEvent(env, StatesErrorName(typ=kind), HistoryEventType.TaskFailed, details)
    error: Exception = FailureEventException(event)
    return error


def _history_error() -> Exception:
    """Moto's exception for an event that the history has no room for."""
    kind = StatesErrorNameType.StatesRuntime
    cause = f"The execution reached the maximum number of history events ({MAX_HISTORY_EVENTS})."
    details = {"error": kind.to_name(), "cause": cause}
    # Not by its own constructor: that asks for the environment, which the history doesn't know.
    event = FailureEvent.__new__(FailureEvent)
    event.state_name, event.source_event_id = "", 0
    event.error_name, event.event_type = StatesErrorName(typ=kind), HistoryEventType.TaskFailed
    event.event_details = {"taskFailedEventDetails": details}
    error: Exception = FailureEventException(event)
    # moto would put a state's name in front of the cause.
    vars(error)["get_execution_failed_event_details"] = lambda: details
    return error


def timeout_seconds(program: Any, is_express: bool) -> int | None:
    """How long a machine may run; None: as long as it takes."""
    own: int | None = program.timeout_seconds.timeout_seconds if program.timeout_seconds else None
    if not is_express:
        return own
    return EXPRESS_SECONDS if own is None else min(own, EXPRESS_SECONDS)


def check_result(env: Any, state_name: str, value: Any) -> None:
    """Check the result of a Map or Parallel state.

    Raises:
        FailureEventException: moto's; it is over the limit.

    """
    if not fits(value):
        raise data_limit_error(
            env,
            f"The state/task '{state_name}' returned a result with a size exceeding the maximum number of bytes "
            "service limit.",
        )


def _bounded(original: Any) -> Any:
    def add_event(self: Any, context: Any, event_type: Any, **more: Any) -> Any:
        """In the place of moto's `EventManager.add_event`: a Standard history's last place is for its last event."""
        if self._event_id_gen._next_id >= MAX_HISTORY_EVENTS and event_type not in _LAST_EVENTS and self.is_bounded:
            raise _history_error()
        return original(self, context=context, event_type=event_type, **more)

    return add_event


def _run(self: Any, env: Any) -> None:
    """In the place of moto's `Program.eval`: with an Express execution's time, and a thread only where time ends."""
    is_express = env.execution_type == "EXPRESS"
    env.event_manager.is_bounded = not is_express
    positions.begin(env, self)
    # A branch or an iteration has the time of what it is in.
    seconds = None if env.is_frame() else timeout_seconds(self, is_express)
    evaluate = functools.partial(EvalComponent.eval, self, env)
    if seconds is None:
        evaluate()
        return
    thread = threading.Thread(target=evaluate, daemon=True)
    thread.start()
    thread.join(seconds)
    with env._state_mutex:
        if env.is_running():
            env.set_timed_out()
            return
    # It has ended by itself at the last moment, and still writes that down.
    thread.join()


def check_variables(env: Any, assigned: dict[str, Any]) -> None:
    """Check the sizes of the variables that a state assigns, and of all that there are with them.

    Raises:
        FailureEventException: moto's; a limit is exceeded.

    """
    sizes = {name: size(value) for name, value in assigned.items()}
    # Those over the limit each, or together. AWS's words aren't known.
    if sum(sizes.values()) > MAX_PAYLOAD_BYTES:
        raise data_limit_error(env, f"The variables {', '.join(sorted(sizes))} exceed {MAX_PAYLOAD_BYTES} bytes.")
    everything = {**env.variable_store._outer_scope, **env.variable_store._inner_scope, **assigned}
    # With fewer, each within its own limit, they can't be too large.
    many = len(everything) >= MAX_VARIABLES_BYTES // MAX_PAYLOAD_BYTES
    if many and sum(size(value) for value in everything.values()) > MAX_VARIABLES_BYTES:
        raise data_limit_error(env, f"The execution's variables exceed {MAX_VARIABLES_BYTES} bytes.")


def _check_parameters(original: Any) -> Any:
    def eval_parameters(self: Any, env: Any) -> Any:
        """In the place of moto's: what a task is scheduled with has the limit of a payload, too."""
        parameters = original(self, env)
        if not fits(parameters):
            # AWS's words aren't known; documented is only that this is reported.
            raise data_limit_error(
                env,
                f"The state/task '{self.name}' was scheduled with an input of a size exceeding the maximum number of "
                "bytes service limit.",
            )
        return parameters

    return eval_parameters


def install() -> None:
    """Let the limits hold."""
    require(FailureEventException, "get_execution_failed_event_details")
    replace_everywhere("moto.stepfunctions", quotas, "is_within_size_quota", fits)
    replace(EventManager, "add_event", _bounded(EventManager.add_event))
    # Until the program runs; ExecutionStarted comes before that.
    EventManager.is_bounded = False
    replace(Program, "eval", _run)
    for task in (StateTask, StateTaskActivity, StateTaskLambda):
        replace(task, "_eval_parameters", _check_parameters(task._eval_parameters))
