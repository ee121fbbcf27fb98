"""The items of a Map state out of its input: an array or, of a Distributed Map, an object whose pairs are the items.

An inline Map takes an array only, as AWS recorded and documents
(https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html). What selects an object:
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemspath.html, `Items` in JSONata likewise.
"""

from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.path.items_path import ItemsPath
from moto.stepfunctions.parser.asl.component.state.exec.state_map.items.items import ItemsArray, ItemsJSONata
from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from constructs_lib.local.emulator.definitions.definition import VALUE
from constructs_lib.local.emulator.language.state_failures import fail_at_run_time
from constructs_lib.local.emulator.patches import replace


class Pairs(list[tuple[str, Any]]):
    """The pairs of an object, where moto has a list of items."""


def _items(env: Any, value: Any) -> Any:
    """The value, or its pairs where it is an object and the state a Distributed Map."""
    is_distributed = env.next_state_name in env.aws_execution_details.definition.maps
    return Pairs(value.items()) if is_distributed and isinstance(value, dict) else value


def _run_map(self: Any, env: Any) -> None:
    """In the place of moto's `StateMap._eval_execution`, where the items are the state's input itself.

    moto names Python's class of an input that isn't an array, and leaves none of it for the ItemSelector.
    """
    if self.items is None and self.items_path is None and self.item_reader is None:
        items = _items(env, env.stack[-1])
        _check_items(env, items)
        # moto takes the items from the stack, and an iteration's ItemSelector looks for the state's input there.
        env.stack.append(items)
    _original_run_map(self, env)


def _check_items(env: Any, items: Any) -> None:
    if isinstance(items, list):
        return
    name = StatesErrorName(typ=StatesErrorNameType.StatesQueryEvaluationError)
    cause = f"Map state input must be an array but was: {to_json_str(items, separators=(',', ':'))}"
    details = {"evaluationFailedEventDetails": {"cause": cause, "error": name.error_name}}
    raise FailureEventException(FailureEvent(env, name, HistoryEventType.EvaluationFailed, details))


def _evaluate_items_path(self: Any, env: Any) -> None:
    """In the place of moto's `ItemsPath._eval_body`: what isn't an array is no failed query, as it would be in JSONata.

    The sentence is the one that users of AWS report; no recording confirms it.
    """
    _original_evaluate_items_path(self, env)
    env.stack[-1] = _items(env, env.stack[-1])
    if not isinstance(env.stack[-1], list):
        fail_at_run_time(env, f'Reference path "{self.string_sampler.literal_value}" must point to array.')


def _evaluate_items(self: Any, env: Any) -> None:
    """In the place of moto's `ItemsJSONata._eval_body`, which says what is wrong with anything but an array."""
    self.string_jsonata.eval(env=env)
    items = _items(env, env.stack.pop())
    if isinstance(items, Pairs):
        env.stack.append(items)
    else:
        _original_evaluate_items(self, env)


def _evaluate_array(self: Any, env: Any) -> None:
    """In the place of moto's `ItemsArray._eval_body`: an object stands in an array of its own, under a mark."""
    _original_evaluate_array(self, env)
    match env.stack[-1]:
        case [dict(marked)] if marked.keys() == {VALUE}:
            env.stack[-1] = Pairs(marked[VALUE].items())


_original_run_map: Any = StateMap._eval_execution
_original_evaluate_items_path: Any = ItemsPath._eval_body
_original_evaluate_items: Any = ItemsJSONata._eval_body
_original_evaluate_array: Any = ItemsArray._eval_body


def install() -> None:
    """Find the items here."""
    replace(StateMap, "_eval_execution", _run_map)
    replace(ItemsPath, "_eval_body", _evaluate_items_path)
    replace(ItemsJSONata, "_eval_body", _evaluate_items)
    replace(ItemsArray, "_eval_body", _evaluate_array)
