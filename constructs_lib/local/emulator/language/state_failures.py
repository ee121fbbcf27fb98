"""How a state fails, where moto says it otherwise than AWS: the words, and which events are in the history."""

from collections.abc import Callable
from typing import Any, NoReturn

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.assign.assign_template_binding import (
    AssignTemplateBindingStringExpressionSimple,
)
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.payload.payloadvalue.payloadbinding.payload_binding import (
    PayloadBindingStringExpressionSimple,
)
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringIntrinsicFunction
from moto.stepfunctions.parser.asl.component.common.timeouts.heartbeat import HeartbeatSecondsPath
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import TimeoutSecondsPath
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

from constructs_lib.local.emulator.patches import replace, require
from constructs_lib.local.emulator.payload import as_json

# AWS's timer counts seconds in 32 bits: 24,855 days are accepted, 24,856 aren't.
_LONGEST_WAIT_SECONDS = 2**31 - 1


class Unlogged(dict[str, Any]):
    """Details of a failure for which its state adds no event: it is in the history, or the execution's end says it."""


def _unless_unlogged(original: Any) -> Any:
    """What stands for `EventManager.add_event`: others take its place, too, so that it isn't read at import."""

    def add_event(self: Any, *arguments: Any, event_details: Any = None, **more: Any) -> Any:
        """A task adds an event for each of its failures."""
        if any(isinstance(details, Unlogged) for details in (event_details, *(event_details or {}).values())):
            return None
        return original(self, *arguments, event_details=event_details, **more)

    return add_event


def fail_at_run_time(env: Any, cause: str, kind: HistoryEventType = HistoryEventType.ExecutionFailed) -> NoReturn:
    """Fail a state, and with it the execution, with `States.Runtime`; the history has no other event of it.

    Args:
        env: moto's environment.
        cause: a sentence; where it was is put in front of it.
        kind: what fails; with another than ExecutionFailed, a Map around it fails by an event of its own.

    Raises:
        FailureEventException: moto's.

    """
    name = StatesErrorName(typ=StatesErrorNameType.StatesRuntime)
    details = Unlogged(executionFailedEventDetails={"error": name.error_name, "cause": cause})
    raise FailureEventException(FailureEvent(env, name, kind, details))


def _unlogged(env: Any, event: Any) -> FailureEventException:
    """The same failure, with no event of its own."""
    return FailureEventException(FailureEvent(env, event.error_name, event.event_type, Unlogged(event.event_details)))


def _at_state(env: Any, cause: str) -> str:
    """A cause as AWS writes it: where it was in front."""
    name = env.next_state_name
    entry = _entry(env, name)
    return f"An error occurred while executing the state '{name}' (entered at the event id #{entry}). {cause}"


def _without_event(original: Callable[[Any, Any], Any], field: str) -> Callable[[Any, Any], int]:
    """In the place of moto's `_eval_seconds` of a path: ExecutionFailed comes once, at the end, not from the state."""

    def evaluate_seconds(self: Any, env: Any) -> int:
        try:
            seconds = original(self, env)
        except FailureEventException as error:
            raise _unlogged(env, error.failure_event) from error
        except (TypeError, ValueError):  # moto's own check of it
            self.string_sampler.eval(env=env)
            seconds = env.stack.pop()
        # Said as of SecondsPath; AWS's words for these fields aren't known.
        shown = f"{self.string_sampler.literal_value} == {seconds}"
        if isinstance(seconds, bool) or not isinstance(seconds, int):
            fail_at_run_time(env, f"The {field} parameter cannot be parsed as a long value: {shown}")
        if seconds <= 0:
            fail_at_run_time(env, f"The {field} parameter references a value that isn't positive: {shown}")
        return seconds

    return evaluate_seconds


def _make_failure(self: Any, env: Any, *arguments: Any, **named: Any) -> None:
    """In the place of moto's `FailureEvent.__init__`, whose causes name the event before the failure as the entry."""
    _original_make_failure(self, env, *arguments, **named)
    self.source_event_id = _entry(env, self.state_name)


def _entry(env: Any, state_name: str) -> int:
    """The id of the event by which a state was entered; the last event's when that is unknown."""
    events = env.event_manager._history_event_list
    last: int = env.event_history_context.source_event_id
    event_id = last
    while 0 < event_id <= len(events):
        event = events[event_id - 1]
        if event.get("stateEnteredEventDetails", {}).get("name") == state_name:
            return event_id
        event_id = event["previousEventId"]
    return last


def _execution_failed(self: Any) -> Any:
    """In the place of moto's `get_execution_failed_event_details`, which says of a Map or Parallel, too, where it was.

    The cause of what failed in it has said so.
    """
    error, cause = self.extract_error_cause_pair() or (None, None)
    if cause is not None and cause.startswith("An error occurred while executing the state '"):
        return {"error": error, "cause": cause}
    return _original_execution_failed(self)


def _wait(self: Any, env: Any) -> None:
    """In the place of moto's `WaitFunction._eval_body`: there is a longest wait."""
    seconds = self._get_wait_seconds(env=env)
    if seconds > _LONGEST_WAIT_SECONDS:
        fail_at_run_time(env, "Wait state delay is too long.")
    self._wait_interval(env=env, wait_seconds=seconds)


def _naming_its_field(original: Any, name: str) -> Any:
    """What stands for the evaluation of a template's `field.$`, whose name is in the attribute `name`.

    In a Task, moto takes a path to nothing for a failure of the call, with an event and for Retry and Catch to see.
    """

    def evaluate(self: Any, env: Any) -> Any:
        try:
            return original(self, env)
        except NoSuchJsonPathError as error:
            fail_at_run_time(
                env,
                f"The JSONPath '{error.json_path}' specified for the field '{getattr(self, name)}.$' could not be "
                f"found in the input '{as_json(error.data)}'",
                HistoryEventType.TaskFailed,
            )
        except FailureEventException as error:
            # A path into the context object, which fails as a task does.
            event = error.failure_event
            if event.event_type != HistoryEventType.TaskFailed:
                raise
            raise _unlogged(env, event) from error

    return evaluate


def _place_result(self: Any, env: Any) -> None:
    """In the place of moto's `ResultPath._eval_body`, which drops a result that has no place in the input.

    The name is documented; the sentence is inferred.
    """
    given = env.states.get_input()
    result = env.stack[-1]
    path = self.result_path_src
    try:
        _original_place_result(self, env)
        placed = path in (None, "$") or result in [each.value for each in result_path.parse(path).find(env.stack[-1])]
    except TypeError:  # a text's "field"
        placed = False
    if not placed:
        name = StatesErrorName(typ=StatesErrorNameType.StatesResultPathMatchFailure)
        cause = _at_state(env, f"Unable to apply ReferencePath {path} to input {as_json(given)}")
        details = Unlogged(executionFailedEventDetails={"error": name.error_name, "cause": cause})
        raise FailureEventException(FailureEvent(env, name, HistoryEventType.TaskFailed, details))


def _evaluate_intrinsic(self: Any, env: Any) -> None:
    """In the place of moto's `StringIntrinsicFunction._eval_body`, which lets Python's own exceptions out.

    The name is documented; the sentence's form is the one that users of AWS report, what went wrong is Python's.
    """
    try:
        _original_evaluate_intrinsic(self, env)
    except FailureEventException:
        raise
    except NoSuchJsonPathError as error:
        # Another name than for what else goes wrong in a function, as users of AWS report it.
        fail_at_run_time(
            env,
            f"The function '{self.intrinsic_function_derivation}' had the following error: The JsonPath argument for "
            f"the field '{error.json_path}' could not be found in the input '{as_json(error.data)}'",
            HistoryEventType.TaskFailed,
        )
    except Exception as error:
        # Whatever a function raises is the failure of it.
        name = StatesErrorName(typ=StatesErrorNameType.StatesIntrinsicFailure)
        function = self.intrinsic_function_derivation
        cause = _at_state(env, f"The function '{function}' had the following error: {error}")
        details = Unlogged(executionFailedEventDetails={"error": name.error_name, "cause": cause})
        raise FailureEventException(FailureEvent(env, name, HistoryEventType.ExecutionFailed, details)) from error


_original_make_failure: Any = FailureEvent.__init__
_original_execution_failed: Any = FailureEventException.get_execution_failed_event_details
_original_place_result: Any = result_path.ResultPath._eval_body
_original_evaluate_intrinsic: Any = StringIntrinsicFunction._eval_body


def install() -> None:
    """Fail as AWS does."""
    require(WaitFunction, "_get_wait_seconds", "_wait_interval")
    replace(EventManager, "add_event", _unless_unlogged(EventManager.add_event))
    for path in (TimeoutSecondsPath, HeartbeatSecondsPath):
        replace(path, "_eval_seconds", _without_event(path._eval_seconds, path.__name__))
    replace(WaitFunction, "_eval_body", _wait)
    for binding, evaluate, name in (
        (PayloadBindingStringExpressionSimple, "_eval_val", "field"),
        (AssignTemplateBindingStringExpressionSimple, "_eval_value", "identifier"),
    ):
        replace(binding, evaluate, _naming_its_field(getattr(binding, evaluate), name))
    replace(FailureEvent, "__init__", _make_failure)
    replace(FailureEventException, "get_execution_failed_event_details", _execution_failed)
    replace(result_path.ResultPath, "_eval_body", _place_result)
    replace(StringIntrinsicFunction, "_eval_body", _evaluate_intrinsic)
