"""Tasks that wait: `.waitForTaskToken` for an answer, `.sync` for the end of what they started.

In the place of moto's `_eval_integration_pattern`, which keeps one token for all attempts of a state (so that a Retry
would find the answer of the attempt before), waits in a thread of its own beside each `.sync` task, and sleeps between
two looks whatever happens.
"""

import json
from typing import Any, Protocol, runtime_checkable

from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import TimeoutSeconds
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task import StateTask
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackOutcome,
    CallbackOutcomeFailure,
    CallbackOutcomeFailureError,
    HeartbeatTimeoutError,
)

from constructs_lib.local.emulator.patches import replace, require
from constructs_lib.local.emulator.tasks.task_tokens import Task, find_task


@runtime_checkable
class Started(Protocol):
    """What a `.sync` task waits for, when it can be stopped."""

    def __call__(self) -> Any:
        """The result; None while it runs."""

    def stop(self) -> None:
        """The task is over before what it started: stop that, too, if the role may."""


class HeartbeatTimeout(StatesErrorName):  # type: ignore[misc]
    """A missed heartbeat: `States.Timeout` in the history, as on AWS, but `States.HeartbeatTimeout` matches, too."""

    aliases = frozenset({"States.HeartbeatTimeout"})

    def __init__(self) -> None:
        super().__init__(typ=StatesErrorNameType.StatesTimeout)


def answered(answer: CallbackOutcome) -> Any:
    """The value that an answer brings.

    Raises:
        CallbackOutcomeFailureError: moto's; the answer is a failure.

    """
    if isinstance(answer, CallbackOutcomeFailure):
        raise CallbackOutcomeFailureError(callback_outcome_failure=answer)
    return json.loads(answer.output)


def heartbeat_seconds(state: Any, env: Any) -> float | None:
    """The state's HeartbeatSeconds; None when it has none."""
    if not state.heartbeat:
        return None
    state.heartbeat.eval(env=env)
    seconds: float = env.stack.pop()
    return seconds


def _evaluate_with_token(self: Any, env: Any) -> None:
    """Each attempt with a token of its own, in its context object as long as it runs."""
    context = env.states.context_object
    if not self._is_integration_pattern():
        _original_evaluate(self, env)
        return
    self._assert_integration_pattern_is_supported()
    has_token = ResourceCondition.WaitForTaskToken in self._supported_integration_patterns
    task = Task(context.update_task_token() if has_token else None)
    try:
        _original_evaluate(self, env)
    finally:
        task.close()


def _evaluate_state(self: Any, env: Any) -> None:
    """In the place of moto's `StateTaskServiceCallback._eval_body`, which makes the token."""
    _original_state(self, env)
    env.states.context_object.context_object_data.pop("Task", None)


class _Waiting:
    def __init__(self, poll_seconds: float) -> None:
        self._poll_seconds = poll_seconds

    def result(
        self, state: Any, env: Any, resource_runtime_part: Any, normalised_parameters: Any, state_credentials: Any
    ) -> Any:
        """What the task's call was made for; None when the environment has ended before."""
        task = find_task(env) or Task(None)
        task.start_heartbeats()
        submitted = env.stack.pop()
        # A path's input is the top of the stack.
        heartbeat = heartbeat_seconds(state, env)
        if state.resource.condition == ResourceCondition.WaitForTaskToken:
            answer = task.wait(env, heartbeat_seconds=heartbeat)
            return None if answer is None else answered(answer)
        sync2 = state.resource.condition == ResourceCondition.Sync2
        build = state._build_sync2_resolver if sync2 else state._build_sync_resolver
        env.stack.append(submitted)
        started = build(
            env=env,
            resource_runtime_part=resource_runtime_part,
            normalised_parameters=normalised_parameters,
            state_credentials=state_credentials,
        )
        while env.is_running():
            result = started()
            if result is not None:
                return result
            answer = task.wait(env, heartbeat_seconds=heartbeat, seconds=self._poll_seconds)
            if answer is not None:
                return answered(answer)
        if isinstance(started, Started):
            started.stop()
        return None


def _from_error(self: Any, env: Any, ex: Exception) -> Any:
    """In the place of moto's `StateTask._from_error`, which tells no heartbeat from a timeout."""
    failure = _original_from_error(self, env, ex)
    if isinstance(ex, HeartbeatTimeoutError):
        failure.error_name = HeartbeatTimeout()
    return failure


def _read_properties(self: Any, state_props: Any) -> None:
    """In the place of moto's `ExecutionState.from_state_props`: a heartbeat doesn't make the timeout 60 seconds."""
    _original_properties(self, state_props)
    if isinstance(self.timeout, TimeoutSeconds) and self.timeout.is_default_value():
        self.timeout = TimeoutSeconds(TimeoutSeconds.DEFAULT_TIMEOUT_SECONDS)


_original_evaluate: Any = StateTaskServiceCallback._evaluate_with_timeout
_original_state: Any = StateTaskService._eval_body
_original_from_error: Any = StateTask._from_error
_original_properties: Any = ExecutionState.from_state_props


def install(poll_seconds: float) -> None:
    """Wait here.

    Args:
        poll_seconds: how often a `.sync` task looks whether what it waits for is over.

    """
    require(
        StateTaskServiceCallback,
        "_assert_integration_pattern_is_supported",
        "_is_integration_pattern",
        "_build_sync_resolver",
        "_build_sync2_resolver",
    )
    waiting = _Waiting(poll_seconds)

    def wait(self: Any, env: Any, **parts: Any) -> None:
        env.stack.append(waiting.result(self, env, **parts))

    replace(StateTaskServiceCallback, "_eval_integration_pattern", wait)
    replace(StateTaskServiceCallback, "_evaluate_with_timeout", _evaluate_with_token)
    replace(StateTaskServiceCallback, "_eval_body", _evaluate_state)
    replace(StateTask, "_from_error", _from_error)
    replace(ExecutionState, "from_state_props", _read_properties)
