"""Tasks that fail on purpose, so that a test can prove a Retry and a Catch.

A fault names a state machine, a Task state in it (in a Map, a Parallel or a Distributed Map's children, too: the names
are unique in a machine), an error, a cause and how many times. It is thrown in the place of the task's call, through
moto's mocked mode: the history then has what it has when the service itself answers with that error.
"""

from dataclasses import dataclass
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_task import mock_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_api_gateway import (
    StateTaskServiceApiGateway,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_dynamodb import (
    StateTaskServiceDynamoDB,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.mocking.mock_config import MockedResponseThrow

from constructs_lib.local.emulator.control import RefusedError, Routes
from constructs_lib.local.emulator.fault_list import FaultList, check_times
from constructs_lib.local.emulator.patches import replace, require


@dataclass
class Fault:
    """One fault.

    Args:
        state_machine_arn: the machine's ARN, without a version or an alias.
        state: the name of a Task state.
        error: the error's name.
        cause: its cause.
        times: how many of the state's attempts fail; None: all.
        thrown: how many have.

    """

    state_machine_arn: str
    state: str
    error: str
    cause: str
    times: int | None
    thrown: int = 0

    def described(self) -> dict[str, Any]:
        """As the control API shows it."""
        return {
            "stateMachineArn": self.state_machine_arn,
            "state": self.state,
            "error": self.error,
            "cause": self.cause,
            "times": self.times,
            "thrown": self.thrown,
        }


_faults: FaultList[Fault] = FaultList()


def routes() -> Routes:
    """The control API's for faults of tasks."""
    return _faults.routes("/_local/faults", _fault)


def _fault(body: Any) -> Fault:
    names = ("stateMachineArn", "state", "error", "cause")
    if not isinstance(body, dict) or set(body) != {*names, "times"}:
        raise RefusedError(f"A fault is {', '.join(names)} and times; given: {str(body)[:200]}.")
    values = [body[name] for name in names]
    if not all(isinstance(value, str) for value in values) or not all(values[:3]):
        raise RefusedError(f"A fault's {', '.join(names)} are texts; given: {str(body)[:200]}.")
    if body["error"] == "States.ALL":
        raise RefusedError("States.ALL stands for every error in a Retry or a Catch, and is none. Fix: give an error.")
    check_times(body["times"], "attempt")
    arn, state, error, cause = values
    return Fault(arn, state, error, cause, body["times"])


# Where an attempt keeps its fault: moto gives each attempt an environment, and each of those a `heap`, of its own.
_KEY = "local-cloud-fault"


def _current(env: Any) -> Fault | None:
    """The fault of this attempt. moto asks several times an attempt; all get the same answer."""
    if _KEY not in env.heap:
        machine = env.aws_execution_details.session.state_machine_arn
        asked = machine, env.next_state_name
        env.heap[_KEY] = _faults.take(lambda fault: (fault.state_machine_arn, fault.state) == asked)
    fault: Fault | None = env.heap[_KEY]
    return fault


def _is_mocked(self: Any) -> bool:
    """In the place of moto's `Environment.is_mocked_mode`."""
    return _current(self) is not None


def _mocked_response(self: Any) -> MockedResponseThrow:
    """In the place of moto's `Environment.get_current_mocked_response`."""
    fault = _current(self)
    if fault is None:
        raise RuntimeError("moto asks for a mocked response where there is none")
    return MockedResponseThrow(0, 0, fault.error, fault.cause)


def _throw(env: Any, mocked_response: MockedResponseThrow) -> None:
    """In the place of moto's, whose event is always TaskFailed, and without the resource.

    What fails is what the history says has started: a service integration's task or a function by its bare ARN.
    """
    started = next(
        event
        for event in reversed(env.event_manager._history_event_list)
        if event["id"] == env.event_history_context.source_event_id
    )
    timed_out = mocked_response.error in {"States.Timeout", "States.HeartbeatTimeout"}
    prefix = "LambdaFunction" if started["type"] == HistoryEventType.LambdaFunctionStarted else "Task"
    kind = HistoryEventType(f"{prefix}{'TimedOut' if timed_out else 'Failed'}")
    details = {"error": mocked_response.error, "cause": mocked_response.cause}
    if "taskStartedEventDetails" in started:
        details |= {name: started["taskStartedEventDetails"][name] for name in ("resourceType", "resource")}
    raise FailureEventException(
        FailureEvent(
            env=env,
            error_name=_error_name(mocked_response.error),
            event_type=kind,
            event_details={f"{kind[0].lower()}{kind[1:]}EventDetails": details},
        )
    )


def _error_name(error: str) -> ErrorName:
    """Moto tells AWS's own names from others by their class: `States.TaskFailed` matches all but those."""
    for kind in StatesErrorNameType:
        if kind.to_name() == error:
            return StatesErrorName(kind)
    return CustomErrorName(error)


def _let_failures_pass(task: Any) -> None:
    """Let a task's `_from_error`, which takes all that isn't boto's for an error of its own, know a failure."""
    original: Any = task._from_error

    def from_error(self: Any, env: Any, ex: Exception) -> FailureEvent:
        failure: FailureEvent = ex.failure_event if isinstance(ex, FailureEventException) else original(self, env, ex)
        return failure

    replace(task, "_from_error", from_error)


def install() -> None:
    """Ask for a fault before each attempt of a task."""
    require(StatesErrorNameType, "to_name")
    replace(Environment, "is_mocked_mode", _is_mocked)
    replace(Environment, "get_current_mocked_response", _mocked_response)
    replace(mock_eval_utils, "_eval_mocked_response_throw", _throw)
    for task in (StateTaskServiceApiGateway, StateTaskServiceDynamoDB):
        _let_failures_pass(task)
