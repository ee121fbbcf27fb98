"""A definition checked as AWS checks it when a state machine is created, and for what the local cloud doesn't run.

Step Functions refuses a field that a state doesn't have, a state that nobody reaches, a `.sync` task in an EXPRESS
machine; so that nothing passes here and fails there, the same is refused, all problems at once and each by state and
field. What isn't refused by AWS and can't run here is refused too, in words that say so.
"""

import functools
import json
import math
from typing import Any

from constructs_lib.local.emulator.definitions import fields
from constructs_lib.local.emulator.definitions.place import JSONPATH, Names, Place, Problem

LONGEST_DEFINITION = 1_048_576


def _no_number(word: str) -> Any:
    """Python's parser takes NaN and Infinity, which JSON doesn't have and moto can't read."""
    raise ValueError(f"{word} isn't a finite number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


@functools.lru_cache(maxsize=512)
def check_definition(text: str, machine_type: str = "STANDARD") -> tuple[Problem, ...]:
    """The problems of a definition in the order in which they stand in it; none when it can be created.

    Args:
        text: the definition's JSON.
        machine_type: STANDARD or EXPRESS.

    """
    if len(text) > LONGEST_DEFINITION:
        message = f"The definition has {len(text)} characters, at most {LONGEST_DEFINITION} are allowed"
        return (Problem("SCHEMA_VALIDATION_FAILED", message, None),)
    try:
        definition = json.loads(text, parse_constant=_no_number, parse_float=_finite) if text else None
    except json.JSONDecodeError as error:
        location = f"[Source: (String); line: {error.lineno}, column: {error.colno}]"
        return (Problem("INVALID_JSON_DESCRIPTION", error.msg, location),)
    except ValueError as error:
        return (Problem("INVALID_JSON_DESCRIPTION", str(error), None),)
    except RecursionError:
        return (Problem("TOO_DEEPLY_NESTED", "The definition is too deeply nested", None),)
    if not isinstance(definition, dict):
        return (Problem("SCHEMA_VALIDATION_FAILED", "Definition must be a valid JSON object", None),)
    language = fields.language_of(definition, JSONPATH)
    root = Place(language, Names(), language=language, express=machine_type == "EXPRESS")
    return tuple(fields.machine(definition, root))
