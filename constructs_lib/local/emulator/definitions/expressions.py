"""Whether the expressions in a definition can be read: JSONata, JSONPath and intrinsic functions.

Nothing is evaluated. The JSONata parser is the one that evaluates later on; AWS's own is of the same family, and gives
the same sentences: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

import functools
import re
from collections.abc import Iterator
from typing import Any

from jsonata import Jsonata
from jsonata.parser import Parser

from constructs_lib.local.emulator.language import intrinsics

# Parts of a parsed expression that are evaluated in its own context, and those that have another one.
_SAME_CONTEXT = (
    "expression", "expressions", "procedure", "arguments", "lhs", "rhs", "lhs_object", "condition", "then", "_else",
)  # fmt: skip
_INNER_CONTEXT = ("predicate", "stages", "group", "terms", "expr", "pattern", "update", "delete")
_INPUT_NODES = ("name", "wildcard", "descendant")

_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_PATH = re.compile(
    r"\$(?:\$|[^\W\d]\w*)?"  # the input, the context object, a variable
    r"(?:"
    r"\.{1,2}(?:\*|[^\s.\[\]()]+(?:\(\))?)"
    r"|(?:\.\.)?\[(?:"
    rf"\*|\s*(?:{_QUOTED})(?:\s*,\s*(?:{_QUOTED}))*\s*"
    r"|-?\d+(?:\s*,\s*-?\d+)*|-?\d*:-?\d*(?::\d+)?|\?\s*\(.*?\)|\(.*?\)"
    r")\])*"
)
_MANY = re.compile(r"[*?@,:]|\.\.|\(")


def is_path(value: Any) -> bool:
    """Whether a value is a JSONPath into the input, the context object or a variable."""
    return isinstance(value, str) and _PATH.fullmatch(value) is not None


def is_reference_path(path: str) -> bool:
    """Whether a JSONPath can find one node only."""
    return not _MANY.search(re.sub(_QUOTED, "", path))


def is_path_of_input(path: str) -> bool:
    """Whether a JSONPath starts from the input, not from the context object (`$$`) or a variable."""
    return path == "$" or path.startswith(("$.", "$["))


def is_path_or_intrinsic(value: Any) -> bool:
    """Whether a value is a JSONPath or the call of an intrinsic function."""
    return is_path(value) or (isinstance(value, str) and value.startswith("States.") and _is_intrinsic(value))


@functools.lru_cache(maxsize=4096)
def _is_intrinsic(text: str) -> bool:
    try:
        call = intrinsics.parse(text)
        intrinsics.to_function(call)
    except Exception:  # noqa: BLE001 - moto has no common class for a function that doesn't take its arguments
        return False
    return all(is_path(path) for path in call.paths())


@functools.lru_cache(maxsize=4096)
def jsonata_problem(expression: str, states_fields: frozenset[str]) -> tuple[str, str] | None:
    """What keeps a JSONata expression out of a definition: AWS's code and sentence; None when nothing does.

    Args:
        expression: without `{%` and `%}`.
        states_fields: what `$states` has here beside `input` and `context`.

    """
    try:
        parsed = Jsonata(expression).ast
    except Exception as error:  # noqa: BLE001 - whatever the parser raises, the expression can't be read
        code = getattr(error, "error", None) or ""
        return "INVALID_JSONATA_EXPRESSION", str(error).removesuffix(f" {code}").strip()
    for message in _unsupported(parsed, states_fields):
        return "UNSUPPORTED_JSONATA_EXPRESSION", message
    return None


def _unsupported(parsed: Any, states_fields: frozenset[str]) -> Iterator[str]:
    known = {"input", "context", *states_fields}
    for node, taken, name_at_top, input_at_top in _references(parsed):
        if node.type in _INPUT_NODES:
            if name_at_top:
                yield f"Reference to '{node.value}' at the top level is not supported."
        elif node.value in ("", "$"):
            # `$$` is the input everywhere, `$` at the top level only: there is no input document for them to be.
            if node.value or input_at_top:
                yield f"Reference to '${node.value}' is not supported."
        elif node.value == "states" and taken and taken not in known:
            yield f"Field '$states.{taken}' does not exist."


def _references(
    node: Any, *, name_at_top: bool = True, input_at_top: bool = True, taken: str = ""
) -> Iterator[tuple[Any, str, bool, bool]]:
    """Each variable and name below a parsed node.

    With the field that is taken from it, whether a name would be read from the input there, and whether `$` would be
    the input: within a function, the first is so and the second isn't.
    """
    if isinstance(node, list | tuple):
        for element in node:
            yield from _references(element, name_at_top=name_at_top, input_at_top=input_at_top)
        return
    if not isinstance(node, Parser.Symbol):
        return
    if node.type == "variable" or node.type in _INPUT_NODES:
        yield node, taken, name_at_top, input_at_top
    for index, part in enumerate(node.steps or ()):
        following = node.steps[index + 1] if index + 1 < len(node.steps) else None
        field = following.value if following is not None and following.type == "name" else ""
        first = index == 0
        yield from _references(
            part, name_at_top=name_at_top and first, input_at_top=input_at_top and first, taken=field
        )
    for attribute in _SAME_CONTEXT:
        yield from _references(getattr(node, attribute), name_at_top=name_at_top, input_at_top=input_at_top)
    yield from _references(node.body, name_at_top=name_at_top, input_at_top=False)
    for attribute in _INNER_CONTEXT:
        yield from _references(getattr(node, attribute), name_at_top=False, input_at_top=False)
