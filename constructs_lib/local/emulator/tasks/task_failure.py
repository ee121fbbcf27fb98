"""A task that has failed for no error of the service that it called: `States.TaskFailed`, with a cause."""

from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService


def task_failure(state: Any, env: Any, cause: str) -> FailureEventException:
    """What moto's state raises, for Retry, Catch and the history.

    Args:
        state: moto's.
        env: moto's environment of the attempt.
        cause: the cause.

    """
    failed = StatesErrorNameType.StatesTaskFailed
    details = {"error": failed.to_name(), "cause": cause}
    if isinstance(state, StateTaskService):
        details |= {"resource": state._get_sfn_resource(), "resourceType": state._get_sfn_resource_type()}
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=StatesErrorName(typ=failed),
            event_type=HistoryEventType.TaskFailed,
            event_details={"taskFailedEventDetails": details},
        )
    )
