"""The failure of a task, as Retry, Catch and the history see it: an event with error, cause and resource."""

from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService


def service_failure(state: Any, env: Any, error: str, cause: str) -> FailureEvent:
    """The failure of a call by the service's own error.

    Args:
        state: moto's.
        env: moto's environment of the attempt.
        error: the error's name.
        cause: the cause.

    """
    return _failure(state, env, CustomErrorName(error), error, cause)


def task_failure(state: Any, env: Any, cause: str) -> FailureEventException:
    """What a task raises that has failed for no error of the service that it called: `States.TaskFailed`."""
    failed = StatesErrorNameType.StatesTaskFailed
    return FailureEventException(_failure(state, env, StatesErrorName(typ=failed), failed.to_name(), cause))


def _failure(state: Any, env: Any, name: Any, error: str, cause: str) -> FailureEvent:
    details = {"error": error, "cause": cause}
    if isinstance(state, StateTaskService):
        details |= {"resource": state._get_sfn_resource(), "resourceType": state._get_sfn_resource_type()}
    return FailureEvent(env, name, HistoryEventType.TaskFailed, {"taskFailedEventDetails": details})
