"""JSONPath as Step Functions has it: a path to one place yields its value, any other path yields an array.

moto's function goes by what was found: a path through an index yields an array there, one with a wildcard and a single
match yields no array. It also parses the path anew each time.
"""

import functools
import json
import re
from collections.abc import Callable
from statistics import fmean
from typing import Any

from jsonpath_ng.ext.parser import parse
from jsonpath_ng.jsonpath import Child, Fields, Index, Root, This
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.utils import json_path as moto_json_path

from constructs_lib.local.emulator.patches import replace, replace_everywhere, require

_KEPT_PATHS = 2000

_OF_NUMBERS: dict[str, Callable[[list[float]], float]] = {"min": min, "max": max, "sum": sum, "avg": fmean}
_FUNCTION = re.compile(rf"(\$.*)\.(length|{'|'.join(_OF_NUMBERS)})\(\)", re.DOTALL)


def _is_definite(path: Any) -> bool:
    """Whether a parsed path can point to one place only: no wildcard, slice, filter, union or descent in it."""
    if isinstance(path, Child):
        return _is_definite(path.left) and _is_definite(path.right)
    if isinstance(path, Fields):
        return len(path.fields) == 1 and path.fields[0] != "*"
    if isinstance(path, Index):
        return len(path.indices) == 1
    return isinstance(path, Root | This)


@functools.lru_cache(maxsize=_KEPT_PATHS)
def _parsed(path: str) -> tuple[Any, bool]:
    parsed = parse(path)
    return parsed, _is_definite(parsed)


def _call(function: str, value: Any) -> Any:
    """One of the Java library's functions at the end of a path. Of numbers, its results are fractions."""
    if function == "length":
        if not isinstance(value, dict | list):
            raise ValueError(f"length() takes an array or an object, not {json.dumps(value)}")
        return len(value)
    numbers = [entry for entry in value if _is_number(entry)] if isinstance(value, list) else []
    if not numbers:
        raise ValueError(f"{function}() takes an array with numbers, not {json.dumps(value)}")
    return float(_OF_NUMBERS[function](numbers))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def extract_json(path: str, data: Any) -> Any:
    """In the place of moto's function: the value at a definite path, an array of the values of another.

    Raises:
        NoSuchJsonPathError: moto's; a definite path points to nothing.

    """
    if path.endswith("()") and (found := _FUNCTION.fullmatch(path)):
        return _call(found[2], extract_json(found[1], data))
    parsed, is_definite = _parsed(path)
    values = [match.value for match in parsed.find(data)]
    if not is_definite:
        return values
    if not values:
        raise moto_json_path.NoSuchJsonPathError(json_path=path, data=data)
    return values[0]


def install() -> None:
    """Evaluate every path here, and parse each once: a parsed path has no state.

    For the default `$` of a ResultPath alone, parsing takes a sixth of an execution of small states.
    """
    require(moto_json_path, "NoSuchJsonPathError")
    replace_everywhere("moto.stepfunctions", moto_json_path, "extract_json", extract_json)
    replace(result_path, "parse", functools.lru_cache(maxsize=_KEPT_PATHS)(result_path.parse))
