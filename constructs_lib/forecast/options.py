"""The fields of a `Job` as options and as keys of `--compare`: how each is read from text, and what it is."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from constructs_lib.forecast.job import (
    MAX_CONCURRENCY,
    MAX_ITEMS,
    Bucket,
    Child,
    Handler,
    Job,
    Reducer,
    Source,
)
from constructs_lib.forecast.workflow import DEFAULT_OBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from enum import StrEnum

MAX_COMPARED = 50
"""Forecasts of one table: more than anybody reads."""

DEFAULTS: Mapping[str, Any] = {"objects": DEFAULT_OBJECTS} | {
    field.name: field.default for field in dataclasses.fields(Job) if field.default is not dataclasses.MISSING
}
"""What a job is made of where nothing else is given: the wind-speed workflow's own."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option: its placeholder, its help, and how it is read; reading raises `ValueError` with what is allowed.

    `unset` is what holds where its default is None.
    """

    metavar: str
    help: str
    read: Callable[[str], Any]
    unset: str = ""


def _plain(text: str) -> str:
    """Refuse what Python takes for a number and other programs don't: other scripts' digits, and `1_000`."""
    if not text.isascii() or "_" in text:
        raise ValueError
    return text


def _whole(allowed: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            return int(_plain(text))
        except ValueError:
            raise ValueError(allowed) from None

    return read


def _number(allowed: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            return float(_plain(text))
        except ValueError:
            raise ValueError(allowed) from None

    return read


def _one_of(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    def read(text: str) -> StrEnum:
        near = get_close_matches(text.lower(), list(kind), n=1)
        try:
            return kind(text.lower())
        except ValueError:
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ValueError(f"{', '.join(kind)}{hint}") from None

    return read


_COUNT = _whole("a whole number")

OPTIONS: Mapping[str, Option] = {
    "objects": Option("N", "objects that the map reads", _whole(f"a whole number from 1 to {MAX_ITEMS:,}")),
    "mean_bytes": Option("N", "an object's size", _COUNT),
    "batch_size": Option("N", "objects a child execution", _whole(f"a whole number from 1 to {MAX_ITEMS:,}")),
    "max_concurrency": Option(
        "N", "child executions at a time", _whole(f"a whole number from 1 to {MAX_CONCURRENCY:,}")
    ),
    "child": Option("express|standard", "what a child execution is", _one_of(Child)),
    "source": Option(
        "index|file|list",
        "a file of keys spread over the prefixes, which a function writes first, or which is there already, or the "
        "map's own list in key order",
        _one_of(Source),
    ),
    "reducer": Option("function|none", "what adds up the results after the map", _one_of(Reducer)),
    "bucket": Option(
        "own|public", "whose the objects' bucket is: a public one's requests are its owner's to pay", _one_of(Bucket)
    ),
    "handler": Option(
        "wind-speed|other", "whose functions run: others are taken to work like the wind-speed ones", _one_of(Handler)
    ),
    "batch_seconds": Option(
        "S",
        "how long your function takes for a batch, as you measured it, once it is warm",
        _number("a number"),
        unset="what the wind-speed handler would",
    ),
    "states_per_child": Option("N", "states that a child enters", _COUNT),
    "parent_states": Option("N", "states that the execution itself enters, the map included", _COUNT),
    "function_memory_mb": Option("MB", "of the function that reads a batch", _COUNT),
    "prefixes": Option("N", "that the keys are spread over, such as years", _COUNT),
    "region": Option("REGION", "whose limits hold", str.strip),
    "lambda_concurrency": Option("N", "executions that the account leaves free for the function", _COUNT),
    "other_transitions_per_second": Option(
        "N", "state transitions that the account's other workflows make meanwhile", _number("a number")
    ),
    "other_map_runs": Option("N", "map runs of theirs that are open", _COUNT),
    "state_transition_limit": Option(
        "N",
        "the account's own limit a second, where it isn't the Region's",
        _number("a number"),
        unset="the Region's",
    ),
}
"""By field, in the order of the help: the run, then the account."""

ACCOUNT = ("region", "lambda_concurrency", "other_transitions_per_second", "other_map_runs", "state_transition_limit")
"""Those that belong to the account."""


def compared(given: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the fields of each forecast to compare: every value of each key with every one of the others.

    `given` are texts such as `batch-size=50,100`.

    Raises:
        ValueError: for a key that isn't one or comes twice, for no values, and for too many forecasts.

    """
    axes: dict[str, list[Any]] = {}
    for each in given:
        key, _, values = each.partition("=")
        name = key.strip().replace("-", "_")
        if name not in OPTIONS:
            near = get_close_matches(name, OPTIONS, n=1)
            hint = f" Did you mean {near[0].replace('_', '-')}?" if near else ""
            allowed = ", ".join(other.replace("_", "-") for other in OPTIONS)
            raise ValueError(f"--compare {each!r}: {key!r} is unknown; allowed: {allowed}.{hint}")
        if name in axes:
            raise ValueError(f"--compare {key} is given twice. Fix: put all values into one, {key}=A,B.")
        axes[name] = list(dict.fromkeys(_value(key, OPTIONS[name], text) for text in values.split(",")))
    count = 1
    for found in axes.values():
        count *= len(found)
    if count > MAX_COMPARED:
        raise ValueError(
            f"--compare asks for {count:,} forecasts; allowed: {MAX_COMPARED} at most. Leave some values out."
        )
    for combination in itertools.product(*axes.values()):
        yield dict(zip(axes, combination, strict=True))


def _value(key: str, option: Option, text: str) -> Any:
    try:
        return option.read(text.strip())
    except ValueError as error:
        raise ValueError(f"--compare {key} has {text.strip()!r}; allowed: {error}.") from None
