"""JSONata for moto's interpreter, by jsonata-python; moto itself has only a stub.

`$states` and the variables are bound as values. moto would write them as JSON text in front of each expression, to be
parsed again each time: a hundred times slower with a large input. Step Functions' own functions (`$partition`,
`$range`, `$hash`, `$random`, `$uuid`, `$parse`) come from MiniStack, which has all of them.
"""

import functools
import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NoReturn

import moto.stepfunctions.parser.asl.jsonata.jsonata as moto_jsonata
from jsonata import Jsonata
from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.parser import Parser
from jsonata.utils import Utils
from ministack.services import stepfunctions
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.string import string_expression
from moto.stepfunctions.parser.asl.component.common.timeouts.heartbeat import HeartbeatSecondsJSONata
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import TimeoutSecondsJSONata
from moto.stepfunctions.parser.asl.component.state.exec.state_map.max_concurrency import MaxConcurrencyJSONata
from moto.stepfunctions.parser.asl.component.state.exec.state_map.tolerated_failure import (
    ToleratedFailureCountStringJSONata,
)
from moto.stepfunctions.parser.asl.component.state.fail.cause_decl import Cause
from moto.stepfunctions.parser.asl.component.state.fail.error_decl import Error
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.seconds import SecondsJSONata
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.timestamp import Timestamp
from moto.stepfunctions.parser.asl.eval import states, variable_store

from constructs_lib.local.emulator.language.state_failures import Unlogged, fail_at_run_time
from constructs_lib.local.emulator.patches import replace, require
from constructs_lib.local.emulator.payload import as_json

_KEPT_PER_EXPRESSION = 32
_KEPT_EXPRESSIONS = 2000
# The largest number of seconds that a definition may name.
_MOST_SECONDS = 99_999_999
# More than a Map Run can have; AWS names no limit.
_MOST_ITEMS = 100_000_000
_ERROR_CODE = re.compile(r"[A-Z]\d{4}")

_bindings = threading.local()


class _Expressions:
    """Parsed expressions, for one thread at a time: a Jsonata object keeps what it is evaluating in itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: dict[str, list[Any]] = defaultdict(list)

    def take(self, expression: str) -> Any:
        with self._lock:
            if free := self._free.get(expression):
                return free.pop()
        parsed = Jsonata(expression)
        stepfunctions._register_sfn_jsonata_functions(parsed)
        # Of JSONata's own functions, the one that Step Functions hasn't got: $parse takes its place.
        parsed.assign("eval", None)
        return parsed

    def give_back(self, expression: str, parsed: Any) -> None:
        with self._lock:
            if len(self._free) > _KEPT_EXPRESSIONS:
                self._free.clear()
            if len(self._free[expression]) < _KEPT_PER_EXPRESSION:
                self._free[expression].append(parsed)


_expressions = _Expressions()


class InvalidExpressionError(ValueError):
    """The expression can't stand in a definition; the message says why."""


# Parts of a parsed expression that are evaluated in its own context, and those that have another one.
_SAME_CONTEXT = (
    "expression", "expressions", "procedure", "arguments", "lhs", "rhs", "lhs_object", "condition", "then", "_else",
)  # fmt: skip
_INNER_CONTEXT = ("predicate", "stages", "group", "terms", "expr", "body", "pattern", "update", "delete")


def _variables(node: Any, *, top: bool = True, step: str = "") -> Iterator[tuple[str, bool]]:
    """Each variable below a parsed node, with the field that is taken from it; whether its context is the input's."""
    if isinstance(node, list | tuple):
        for element in node:
            yield from _variables(element, top=top)
        return
    if not isinstance(node, Parser.Symbol):
        return
    if node.type == "variable":
        yield f"${node.value}{step}", top
    for number, part in enumerate(node.steps or ()):
        following = node.steps[number + 1] if number + 1 < len(node.steps) else None
        taken = f".{following.value}" if following is not None and following.type == "name" else ""
        yield from _variables(part, top=top and number == 0, step=taken)
    for name in _SAME_CONTEXT:
        yield from _variables(getattr(node, name), top=top)
    for name in _INNER_CONTEXT:
        yield from _variables(getattr(node, name), top=False)


def check(expression: str) -> None:
    """Refuse what the States Language does: it gives an expression no input document for `$` and `$$` to refer to.

    `$` inside a predicate, a later step of a path or a function refers to what is there:
    https://states-language.net/#jsonata-restrictions

    Raises:
        InvalidExpressionError: it can't be parsed, or refers to the input document.

    """
    try:
        found = set(_variables(Jsonata(expression).ast))
    except Exception as error:
        raise InvalidExpressionError(f"The JSONata expression '{expression}' can't be parsed: {error}") from error
    names = {name.partition(".")[0] for name, top in found if top or name.startswith("$$")} & {"$", "$$"}
    if names:
        raise InvalidExpressionError(
            f"The JSONata expression '{expression}' refers to {min(names)}, its input, and has none: use $states.input"
        )


@functools.lru_cache(maxsize=_KEPT_EXPRESSIONS)
def _references(expression: str) -> frozenset[str]:
    """In the place of moto's extraction by a regular expression, which takes what stands between divisions for text."""
    try:
        return frozenset(name for name, _ in _variables(Jsonata(expression).ast))
    except Exception:  # noqa: BLE001 - whatever the engine raises, the evaluation will raise it again, and be told of
        return frozenset()


def _make_string(self: Any, expression: str) -> None:
    """In the place of moto's `StringJSONata.__init__`."""
    check(expression)
    _original_make_string(self, expression)


def evaluate(expression: str) -> Any:
    """The JSON value of an expression, with the bindings that this thread's state has set.

    Raises:
        JSONataException: the expression can't be parsed or evaluated.

    """
    try:
        parsed = _expressions.take(expression)
        # The engine's own functions find the expression that they work for through this.
        Jsonata.CURRENT.jsonata = parsed
        bound = {name: _with_nulls(value) for name, value in getattr(_bindings, "values", {}).items()}
        result = json.loads(json.dumps(parsed.evaluate(None, bound), default=_not_json))
    except ZeroDivisionError as error:
        raise moto_jsonata.JSONataException("UNKNOWN", "D1001: Number out of range: Infinity") from error
    except Exception as error:
        # Whatever the engine raises is a failed evaluation of the user's expression.
        # AWS says JSONata's own code of the error first: T1006.
        code = f"{error.error}: " if isinstance(error, JException) and _ERROR_CODE.fullmatch(error.error) else ""
        raise moto_jsonata.JSONataException("UNKNOWN", f"{code}{error}") from error
    _expressions.give_back(expression, parsed)
    return result


def _not_json(_: Any) -> None:
    """A function has no JSON: `_check_output` then asks for the result's type and refuses it."""


def _with_nulls(value: Any) -> Any:
    """`value` with the engine's own null, which it tells from nothing (None)."""
    if value is None:
        return Utils.NULL_VALUE
    if isinstance(value, dict):
        return {key: _with_nulls(element) for key, element in value.items()}
    if isinstance(value, list):
        return [_with_nulls(element) for element in value]
    return value


def _parse(text: Any) -> Any:
    """In the place of MiniStack's `$parse`, whose null is nothing to the engine."""
    return _with_nulls(_original_parse(text))


def _bind_states(self: Any, variable_references: set[str] | None = None) -> str:
    """In the place of moto's `States.to_variable_declarations`: bind the parts of `$states` that are referred to."""
    data = self._states_data
    if variable_references is not None and "$states" not in variable_references:
        data = {key: value for key, value in data.items() if f"$states.{key}" in variable_references}
    _bindings.values = {"states": data}
    return ""


def _bind_variables(self: Any) -> str:
    """In the place of moto's `VariableStore.get_variable_declarations`, which comes after the states."""
    bound: dict[str, Any] = getattr(_bindings, "values", {})
    _bindings.values = {"states": bound.get("states", {}), **self._outer_scope, **self._inner_scope}
    return ""


def _no_functions(variable_references: set[str]) -> str:  # noqa: ARG001 - moto's signature
    """In the place of moto's declarations of Step Functions' functions: they are registered with the expression."""
    return ""


def _fail(env: Any, cause: str, location: str | None) -> NoReturn:
    """Record that an expression failed, and fail its state.

    Raises:
        FailureEventException: moto's.

    """
    name = StatesErrorName(typ=StatesErrorNameType.StatesQueryEvaluationError)
    details = {"cause": cause, "error": name.error_name, "location": location}
    failure = FailureEventException(
        FailureEvent(env, name, HistoryEventType.EvaluationFailed, Unlogged(evaluationFailedEventDetails=details))
    )
    env.event_manager.add_event(
        context=env.event_history_context,
        event_type=HistoryEventType.EvaluationFailed,
        event_details={"evaluationFailedEventDetails": failure.get_evaluation_failed_event_details()},
    )
    # A Map adds the event once more: what it asks for then is nothing to write down.
    vars(failure)["get_evaluation_failed_event_details"] = Unlogged
    raise failure


def _fail_expression(env: Any, expression: str, what: str) -> NoReturn:
    location = env.aws_execution_details.definition.location_of(env.next_state_name, expression)
    where = f" specified for the field '{location}'" if location else ""
    _fail(env, f"The JSONata expression '{expression}'{where} {what}", location)


def fail_type(env: Any, expression: str, wanted: str, value: Any) -> NoReturn:
    """Fail a state whose expression has a value of another type than its field takes.

    The sentence is the one that AWS recorded of a Map's `Items`; that others have it, too, is inferred.

    Args:
        env: moto's environment.
        expression: without `{%` and `%}`.
        wanted: JSONata's name of the type: `boolean`, `number`.
        value: what the expression yields.

    Raises:
        FailureEventException: moto's.

    """
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", dict: "object", list: "array"}
    kind = kinds.get(type(value), "null")
    what = f"returned an unexpected result type. Expected '{wanted}', but was '{kind}' for value: {as_json(value)}"
    _fail_expression(env, expression, what)


def evaluate_number(field: str, string_jsonata: Any, env: Any, most: int, *, whole: bool = True) -> Any:
    """The number that a field's expression yields: from 0 to `most`, and unless `whole` is false, a whole one.

    Raises:
        FailureEventException: moto's; it is something else.

    """
    string_jsonata.eval(env=env)
    number = env.stack.pop()
    if isinstance(number, bool) or not isinstance(number, int | float):
        fail_type(env, string_jsonata.literal_value, "number", number)
    # AWS's words for these two aren't known.
    if whole and number != int(number):
        _fail(env, f"The {field} field cannot be parsed as an integer: {number}", field)
    if not 0 <= number <= most:
        _fail(env, f"{field} must be between 0 and {most} but was: {number}", field)
    return int(number) if whole else float(number)


def _evaluating(field: str, most: int) -> Any:
    def evaluate_field(self: Any, env: Any) -> Any:
        """In the place of moto's methods, which cut a fraction off and fail in Python's own words, or not at all."""
        return evaluate_number(field, self.string_jsonata, env, most)

    return evaluate_field


def _evaluating_text(original: Any) -> Any:
    def evaluate_text(self: Any, env: Any) -> None:
        """In the place of moto's evaluation of a Fail state's Error or Cause, which takes anything for a string."""
        original(self, env)
        text, written = env.stack[-1], self.string_expression
        if isinstance(text, str):
            return
        if isinstance(written, string_expression.StringJSONata):
            fail_type(env, written.literal_value, "string", text)
        # AWS's words aren't known.
        fail_at_run_time(env, f"The {type(self).__name__} field must refer to a string, but was: {as_json(text)}")

    return evaluate_text


def _evaluate_string(self: Any, env: Any) -> None:
    """In the place of moto's `StringJSONata._eval_body`: what the engine refuses is `States.QueryEvaluationError`."""
    try:
        _original_evaluate_string(self, env)
    except moto_jsonata.JSONataException as error:
        _fail_expression(env, self.expression, f"threw an error during evaluation. {error.details}")


def _check_output(env: Any, expression: str, evaluated: str, result: Any) -> None:
    """In the place of moto's `validate_jsonata_expression_output`, which doesn't say where the expression stands."""
    if result is not None:
        return
    kind = evaluate(f"$type({evaluated})")
    if kind is None:
        _fail_expression(env, expression, "returned nothing (undefined).")
    if kind != "null":
        _fail_expression(env, expression, "returned an unsupported result type.")


def _refuse_timestamp(self: Any, env: Any, text: str) -> Any:
    """In the place of moto's `Timestamp._create_failure_event`: of an expression, it is the evaluation that failed."""
    if isinstance(self.string, string_expression.StringJSONata):
        cause = f"The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {text}"
        _fail(env, cause, "Timestamp")
    return _original_refuse_timestamp(self, env, text)


_original_parse: Any = stepfunctions._sfn_jsonata_parse
_original_make_string: Any = string_expression.StringJSONata.__init__
_original_evaluate_string: Any = string_expression.StringJSONata._eval_body
_original_refuse_timestamp: Any = Timestamp._create_failure_event


class _Encoder(Functions.Encoder):  # type: ignore[misc] # jsonata-python has no types
    """JSON as `$string` of the reference writes it: jsonata-python escapes every letter that isn't ASCII."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"ensure_ascii": False})


def install() -> None:
    """Replace moto's stub."""
    require(stepfunctions, "_register_sfn_jsonata_functions")
    require(Jsonata, "CURRENT")
    require(Parser, "Symbol")
    replace(Functions, "Encoder", _Encoder)
    replace(stepfunctions, "_sfn_jsonata_parse", _parse)
    replace(moto_jsonata, "_eval_jsonata", evaluate)
    replace(string_expression, "extract_jsonata_variable_references", _references)
    replace(string_expression.StringJSONata, "__init__", _make_string)
    replace(string_expression.StringJSONata, "_eval_body", _evaluate_string)
    replace(string_expression, "validate_jsonata_expression_output", _check_output)
    replace(Timestamp, "_create_failure_event", _refuse_timestamp)
    replace(SecondsJSONata, "_get_wait_seconds", _evaluating("Seconds", _MOST_SECONDS))
    replace(TimeoutSecondsJSONata, "_eval_seconds", _evaluating("TimeoutSeconds", _MOST_SECONDS))
    replace(HeartbeatSecondsJSONata, "_eval_seconds", _evaluating("HeartbeatSeconds", _MOST_SECONDS))
    for text in (Error, Cause):
        replace(text, "_eval_body", _evaluating_text(text._eval_body))
    # A negative one would let no iteration start, and the map wait for good.
    replace(MaxConcurrencyJSONata, "_eval_max_concurrency", _evaluating("MaxConcurrency", _MOST_ITEMS))
    count = _evaluating("ToleratedFailureCount", _MOST_ITEMS)
    replace(ToleratedFailureCountStringJSONata, "_eval_tolerated_failure_count", count)
    replace(states.States, "to_variable_declarations", _bind_states)
    replace(variable_store.VariableStore, "get_variable_declarations", _bind_variables)
    replace(string_expression, "get_intrinsic_functions_declarations", _no_functions)
