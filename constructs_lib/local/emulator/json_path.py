"""JSONPath as Step Functions has it: a path to one place yields its value, any other path yields an array.

moto's function goes by what was found: a path through an index yields an array there, one with a wildcard and a single
match yields no array. It also parses the path anew each time.
"""

import functools
from typing import Any

from jsonpath_ng.ext.parser import parse
from jsonpath_ng.jsonpath import Child, Fields, Index, Root, This
from moto.stepfunctions.parser.asl.utils import json_path as moto_json_path

from constructs_lib.local.emulator.patches import replace_everywhere, require


def _is_definite(path: Any) -> bool:
    """Whether a parsed path can point to one place only: no wildcard, slice, filter, union or descent in it."""
    if isinstance(path, Child):
        return _is_definite(path.left) and _is_definite(path.right)
    if isinstance(path, Fields):
        return len(path.fields) == 1 and path.fields[0] != "*"
    if isinstance(path, Index):
        return len(path.indices) == 1
    return isinstance(path, Root | This)


@functools.lru_cache(maxsize=2000)
def _parsed(path: str) -> tuple[Any, bool]:
    parsed = parse(path)
    return parsed, _is_definite(parsed)


def extract_json(path: str, data: Any) -> Any:
    """In the place of moto's function: the value at a definite path, an array of the values of another.

    Raises:
        NoSuchJsonPathError: moto's; a definite path points to nothing.

    """
    parsed, is_definite = _parsed(path)
    values = [match.value for match in parsed.find(data)]
    if not is_definite:
        return values
    if not values:
        raise moto_json_path.NoSuchJsonPathError(json_path=path, data=data)
    return values[0]


def install() -> None:
    """Evaluate every path here."""
    require(moto_json_path, "NoSuchJsonPathError")
    replace_everywhere("moto.stepfunctions", moto_json_path, "extract_json", extract_json)
