"""What a state's template may hold: JSON, with values among it that are known at deployment only.

jsii and CDK would leave out a None, round a number over 2^53 and end their process at one that isn't finite.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_cdk import Token

from constructs_lib._checks import is_token, is_whole_number, usage_error

if TYPE_CHECKING:
    from constructs import Construct

_MAX_INTEGER = 2**53 - 1
_ALLOWED = f"text, True, False, finite numbers, whole ones up to {_MAX_INTEGER:,}, and lists and mappings of them"


def json_object(where: "Construct | str", argument: str, value: object) -> dict[str, Any]:
    """Return `value`, a mapping of names to JSON values, as jsii takes it.

    Raises:
        ValueError: for anything else, with the place where it stands: `batch_input['unit'][0]`.

    """
    if not isinstance(value, Mapping):
        fix = 'Use such as {"unit": "mph"}, or leave it out.'
        raise usage_error(where, argument, value, allowed="a mapping of names to JSON values", fix=fix)
    return {
        _name(where, argument, name): json_value(where, f"{argument}[{name!r}]", each) for name, each in value.items()
    }


def json_value(where: "Construct | str", argument: str, value: object) -> object:
    """Return any JSON value as jsii takes it; raises ValueError for anything else."""
    if isinstance(value, Mapping):
        return json_object(where, argument, value)
    if isinstance(value, list | tuple):
        return [json_value(where, f"{argument}[{index}]", each) for index, each in enumerate(value)]
    whole = is_whole_number(value) and abs(value) <= _MAX_INTEGER
    finite = isinstance(value, float) and math.isfinite(value)
    if isinstance(value, str | bool) or whole or finite:
        return value
    if is_token(value):
        # As an object it would become the text of jsii's reference to it; the string gives what it stands for.
        return Token.as_string(value)
    fix = "Leave it out, or use '{% null %}'." if value is None else "Give it as one of these, such as text."
    raise usage_error(where, argument, value, allowed=_ALLOWED, fix=fix)


def _name(where: "Construct | str", argument: str, name: object) -> str:
    if not isinstance(name, str):
        raise usage_error(where, f"a name in {argument}", name, allowed="text", fix=f"Use {str(name)!r}.")
    return name
