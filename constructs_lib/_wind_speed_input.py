"""The execution input of the wind-speed state machine, as JSONata: what is refused, with which words; what it becomes.

Every condition is total: it has a value for any JSON at all, because an expression that fails ends the execution with
`States.QueryEvaluationError` and no word of help. They stand in an order in which each may rely on those before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Unit = Literal["knots", "mph", "kmh", "mps"]
UNITS: tuple[Unit, ...] = get_args(Unit)

FIRST_YEAR = 1929
MAX_OBJECTS = 100_000_000
FIELDS = ("years", "stations", "unit", "max_objects", "retry_of")

# A knot is 1,852 m an hour and a mile 1,609.344 m, both exactly.
_FACTORS = "{'knots': 1, 'mph': 1852 / 1609.344, 'kmh': 1.852, 'mps': 1852 / 3600}"
_INPUT = "$states.input"
_THIS_YEAR = "$number($substring($now(), 0, 4))"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputCheck:
    """`condition` is true for an input to refuse; `problem` then says what was given and what is allowed."""

    condition: str
    problem: str


def _shown(value: str) -> str:
    """Return the expression of the JSON value `value` as text, quoted when it is one, cut at 200 characters."""
    text = f"""'"' & $substring({value}, 0, 200) & '"'"""
    return f"($type({value}) = 'string' ? {text} : $substring($string({value}), 0, 200))"


def _quoted(names: Sequence[str]) -> str:
    return "[" + ", ".join(f"'{name}'" for name in names) + "]"


def _is_whole_number(value: str, low: str, high: str) -> str:
    return f"($type({value}) = 'number' ? $floor({value}) = {value} and {value} >= {low} and {value} <= {high} : false)"


_UNKNOWN_FIELDS = f"$filter($keys({_INPUT}), function($field) {{ $not($field in {_quoted(FIELDS)}) }})"
_IS_YEAR = _is_whole_number("$v", str(FIRST_YEAR), _THIS_YEAR)
_IS_STATION = (
    "($type($v) = 'string' ? $length($v) >= 1 and $length($v) <= 40 and $not($contains($v, /[^0-9A-Za-z_-]/)) : false)"
)


def _is_no_list(field: str) -> str:
    value = f"{_INPUT}.{field}"
    return f"$exists({value}) and ($type({value}) = 'array' ? $count({value}) = 0 : true)"


def _has_others(field: str, is_good: str) -> str:
    # Counts the good ones: a null among the others is no value at all to some implementations of $count.
    value = f"{_INPUT}.{field}"
    return f"$count($filter({value}, function($v) {{ {is_good} }})) != $count({value})"


def _shown_list(field: str, is_good: str) -> str:
    # The whole list as long as it is short; then what is wrong in it.
    value = f"{_INPUT}.{field}"
    others = f"[$filter({value}, function($v) {{ $not({is_good}) }})]"
    return f"($length($string({value})) <= 200 ? $string({value}) : $substring($string({others}), 0, 200))"


NOT_AN_OBJECT = InputCheck(
    condition=f"$type({_INPUT}) != 'object'",
    problem=f"'The execution input is ' & {_shown(_INPUT)} "
    """& '; allowed: a JSON object such as {"years": [2024]}.'""",
)

UNKNOWN_UNIT = f"$exists({_INPUT}.unit) and $not({_INPUT}.unit in {_quoted(UNITS)})"
UNKNOWN_UNIT_CAUSE = (
    f"'unit is ' & {_shown(f'{_INPUT}.unit')} & '; allowed: {', '.join(UNITS)}. Leave it out for the default.'"
)

UNKNOWN_FIELD = InputCheck(
    condition=f"$count({_UNKNOWN_FIELDS}) > 0",
    problem=f"'The execution input has the unknown field ' & $substring($join({_UNKNOWN_FIELDS}, ', '), 0, 200) "
    f"& '; allowed: {', '.join(FIELDS)}. Correct its name, or leave it out.'",
)

CHOOSES_OBJECTS = f"$exists({_INPUT}.years) or $exists({_INPUT}.stations) or $exists({_INPUT}.retry_of)"

CHOICE_CHECKS = (
    InputCheck(
        condition=_is_no_list("years"),
        problem=f"'years is ' & {_shown(f'{_INPUT}.years')} "
        "& '; allowed: a list of years such as [2023, 2024]. Leave it out for the default.'",
    ),
    InputCheck(
        condition=_has_others("years", _IS_YEAR),
        problem=f"'years is ' & {_shown_list('years', _IS_YEAR)} "
        f"& '; allowed: a list of whole numbers from {FIRST_YEAR} to ' & {_THIS_YEAR} & '. Leave the others out.'",
    ),
    InputCheck(
        condition=_is_no_list("stations"),
        problem=f"'stations is ' & {_shown(f'{_INPUT}.stations')} "
        """& '; allowed: a list of station ids such as ["72429793812"]. Leave it out for every station.'""",
    ),
    InputCheck(
        condition=_has_others("stations", _IS_STATION),
        problem=f"'stations is ' & {_shown_list('stations', _IS_STATION)} "
        "& '; allowed: a list of texts of 1 to 40 letters, digits, hyphens and underscores. "
        "Leave the others out.'",
    ),
)

MAX_OBJECTS_CHECK = InputCheck(
    condition=f"$exists({_INPUT}.max_objects) and "
    f"$not({_is_whole_number(f'{_INPUT}.max_objects', '1', str(MAX_OBJECTS))})",
    problem=f"'max_objects is ' & {_shown(f'{_INPUT}.max_objects')} "
    f"& '; allowed: a whole number from 1 to {MAX_OBJECTS}. Leave it out for every object.'",
)

# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html has what no name has.
_IS_EXECUTION_NAME = (
    f"($type({_INPUT}.retry_of) = 'string' ? $length({_INPUT}.retry_of) >= 1 and $length({_INPUT}.retry_of) <= 80 "
    rf"""and $not($contains({_INPUT}.retry_of, /[\s<>{{}}\[\]?*"#%\\^|~`$&,;:\/]/)) : false)"""
)
RETRY_CHECKS = (
    InputCheck(
        condition=f"$exists({_INPUT}.retry_of) and $count($keys({_INPUT})) > 1",
        problem=f"'The execution input has retry_of and ' & $join($filter($keys({_INPUT}), "
        "function($field) { $field != 'retry_of' }), ', ') "
        "& '; allowed: retry_of alone. Leave the others out: they are those of the execution that it names.'",
    ),
    InputCheck(
        condition=f"$exists({_INPUT}.retry_of) and $not({_IS_EXECUTION_NAME})",
        problem=f"'retry_of is ' & {_shown(f'{_INPUT}.retry_of')} "
        "& '; allowed: the name of an execution of this state machine. It is the end of its ARN.'",
    ),
)


def unit_or(default: Unit) -> str:
    """Return the expression of the unit: the input's, else `default`."""
    return f"$exists({_INPUT}.unit) ? {_INPUT}.unit : '{default}'"


def factor_of(unit: str) -> str:
    """Return the expression of what a speed in knots is multiplied by, for the expression of a unit."""
    return f"$lookup({_FACTORS}, {unit})"


def years_or(default: Sequence[int] | None) -> str:
    """Return the expression of the list of years, each once: the input's, else `default`; null for every year."""
    otherwise = "null" if default is None else "[" + ", ".join(str(year) for year in default) + "]"
    # 2024.0 is a whole number too, and the name of no folder: from here on it is 2024.
    given = f"[$distinct($map({_INPUT}.years, function($year) {{ $floor($year) }}))]"
    return f"$exists({_INPUT}.years) ? {given} : {otherwise}"


RETRY_OF = f"$exists({_INPUT}.retry_of) ? {_INPUT}.retry_of : null"
STATIONS = f"$exists({_INPUT}.stations) ? [$distinct({_INPUT}.stations)] : null"
MAX_OBJECTS_OR_NULL = f"$exists({_INPUT}.max_objects) ? $floor({_INPUT}.max_objects) : null"
MAX_OBJECTS_OR_ALL = f"$exists({_INPUT}.max_objects) ? $floor({_INPUT}.max_objects) : {MAX_OBJECTS}"
