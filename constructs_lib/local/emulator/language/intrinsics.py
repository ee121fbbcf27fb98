"""Intrinsic functions as they are written: `States.Format('Hello {}', $.name)`.

moto's grammar knows neither null nor escapes, takes each number for a whole one, and formats by Python's own rules. The
functions themselves are moto's, but for Format: https://states-language.net/spec.html#intrinsic-functions
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moto.stepfunctions.parser.asl.component.common.query_language import QueryLanguageMode
from moto.stepfunctions.parser.asl.component.common.string.string_expression import (
    StringIntrinsicFunction,
    StringVariableSample,
)
from moto.stepfunctions.parser.asl.component.intrinsic.argument.argument import (
    Argument,
    ArgumentContextPath,
    ArgumentFunction,
    ArgumentJsonPath,
    ArgumentList,
    ArgumentLiteral,
    ArgumentVar,
)
from moto.stepfunctions.parser.asl.component.intrinsic.function.statesfunction.factory import StatesFunctionFactory
from moto.stepfunctions.parser.asl.component.intrinsic.function.statesfunction.generic.string_format import StringFormat
from moto.stepfunctions.parser.asl.component.intrinsic.functionname.state_function_name_types import (
    StatesFunctionNameType,
)
from moto.stepfunctions.parser.asl.component.intrinsic.functionname.states_function_name import StatesFunctionName
from moto.stepfunctions.parser.asl.parse import preprocessor

from constructs_lib.local.emulator.patches import replace, require

_NAME = re.compile(r"States\.(\w+)\s*\(\s*")
_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_LITERAL = re.compile(r"(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?=\s*[,)])")
# A path ends where the argument does: at a comma or bracket that isn't inside of brackets or quotes of its own.
_PATH = re.compile(r"\$(?:[^\s,()\[\]']|\[(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\[\]'\"]|\[[^\[\]]*\])*\]|\(\))*")
_VARIABLE = re.compile(r"\$[^\W\d]")
_ESCAPE = re.compile(r"\\(['{}\\])")
_PLACE = re.compile(r"\\(['{}\\])|\{\}")


class IntrinsicError(ValueError):
    """The text isn't the call of an intrinsic function; the message says where."""


@dataclass(frozen=True)
class Path:
    """An argument that is a path or a variable."""

    text: str


class Text(str):
    """An argument between single quotes, its escapes still in it."""

    __slots__ = ()


@dataclass(frozen=True)
class Literal:
    """A number, true, false or null."""

    value: Any


@dataclass(frozen=True)
class Call:
    """A call: the function's name without `States.`, and its arguments."""

    name: str
    arguments: "tuple[Path | Text | Literal | Call, ...]"

    def paths(self) -> Iterator[str]:
        """Every path in the call, those of nested calls included."""
        for argument in self.arguments:
            if isinstance(argument, Path):
                yield argument.text
            elif isinstance(argument, Call):
                yield from argument.paths()


def parse(text: str) -> Call:
    """Read a call.

    Raises:
        IntrinsicError: it isn't one.

    """
    call, end = _call(text, 0)
    if text[end:].strip():
        raise IntrinsicError(f"{text!r} goes on behind its closing bracket, at character {end}")
    return call


def _call(text: str, start: int) -> tuple[Call, int]:
    found = _NAME.match(text, start)
    if found is None or found[1] not in StatesFunctionNameType.__members__:
        raise IntrinsicError(f"{text!r} has no intrinsic function at character {start}")
    arguments: list[Path | Text | Literal | Call] = []
    end = found.end()
    while text[end : end + 1] != ")":
        if arguments:
            if text[end : end + 1] != ",":
                raise IntrinsicError(f"{text!r} has neither a comma nor a closing bracket at character {end}")
            end = _skip(text, end + 1)
        argument, end = _argument(text, end)
        arguments.append(argument)
        end = _skip(text, end)
    return Call(found[1], tuple(arguments)), end + 1


def _argument(text: str, start: int) -> tuple[Path | Text | Literal | Call, int]:
    if found := _STRING.match(text, start):
        return Text(found[1]), found.end()
    if found := _LITERAL.match(text, start):
        return Literal(json.loads(found[0])), found.end()
    if found := _PATH.match(text, start):
        return Path(found[0]), found.end()
    return _call(text, start)


def _skip(text: str, start: int) -> int:
    return start + len(text[start:]) - len(text[start:].lstrip())


def _format(self: Any, env: Any) -> None:
    """In the place of moto's `StringFormat._eval_body`: `{}` and the escapes are all that there is to a template."""
    self.argument_list.eval(env=env)
    template, *values = env.stack.pop()
    if not isinstance(template, str):
        raise IntrinsicError(f"The template of States.Format must be a string, not {json.dumps(template)}")
    places = sum(found[1] is None for found in _PLACE.finditer(template))
    if places != len(values):
        raise IntrinsicError(f"The template has {places} {{}}, and there are {len(values)} arguments for them")
    texts = iter([StringFormat._to_str_repr(_plain(value)) for value in values])
    env.stack.append(_PLACE.sub(lambda found: found[1] or next(texts), template))


def _plain(value: Any) -> Any:
    return _ESCAPE.sub(r"\1", value) if isinstance(value, Text) else value


def to_function(call: Call) -> Any:
    """Moto's component for a call.

    Raises:
        Exception: moto's have no common class; the function doesn't take these arguments.

    """
    # Format's own literals keep their escapes, which tell a brace from a placeholder.
    keep = call.name == "Format"
    arguments = ArgumentList([_to_argument(argument, keep=keep) for argument in call.arguments])
    name = StatesFunctionName(function_type=StatesFunctionNameType[call.name])
    return StatesFunctionFactory.from_name(func_name=name, argument_list=arguments)


def _to_argument(argument: Path | Text | Literal | Call, *, keep: bool) -> Argument:
    match argument:
        case Call():
            return ArgumentFunction(function=to_function(argument))
        case Literal(value):
            return ArgumentLiteral(definition_value=value)
        case Text():
            return ArgumentLiteral(definition_value=argument if keep else _plain(argument))
        case Path(text):
            if text.startswith("$$"):
                return ArgumentContextPath(context_path=text)
            if _VARIABLE.match(text):
                sample = StringVariableSample(query_language_mode=QueryLanguageMode.JSONPath, expression=text)
                return ArgumentVar(string_variable_sample=sample)
            return ArgumentJsonPath(json_path=text)


def _read_call(self: Any, context: Any) -> Any:  # noqa: ARG001 - moto's signature
    """In the place of moto's `visitString_intrinsic_function`, which leaves JSON's escapes in the text, too."""
    text = json.loads(context.STRINGINTRINSICFUNC().getText(), strict=False)
    return StringIntrinsicFunction(intrinsic_function_derivation=text, function=to_function(parse(text)))


def install() -> None:
    """Read intrinsic functions here."""
    require(StringFormat, "_to_str_repr")
    replace(StringFormat, "_eval_body", _format)
    replace(preprocessor.Preprocessor, "visitString_intrinsic_function", _read_call)
