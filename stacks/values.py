"""How a setting's value is read: text of the command line, or JSON of cdk.json. What isn't allowed is a ValueError."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

T = TypeVar("T")

ACCOUNT = r"[0-9]{12}"
"""Matches an AWS account."""


def boolean(value: object) -> bool:
    """Read true or false."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}[one_of(("true", "false"))(value)]


def one_of(allowed: tuple[T, ...]) -> Callable[[object], T]:
    """Return what reads one of `allowed`, which text may spell."""

    def parse(value: object) -> T:
        for choice in allowed:
            if not isinstance(value, bool) and str(value) == str(choice):
                return choice
        raise ValueError

    return parse


def whole(low: int, high: int) -> Callable[[object], int]:
    """Return what reads a whole number from `low` to `high`."""

    def parse(value: object) -> int:
        if isinstance(value, bool) or not re.fullmatch(r"\d{1,9}", str(value)) or not low <= int(str(value)) <= high:
            raise ValueError
        return int(str(value))

    return parse


def percentage(value: object) -> float:
    """Read a number from 0 to 100."""
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,3}(\.\d{1,6})?", str(value)) or float(str(value)) > 100:
        raise ValueError
    return float(str(value))


def threshold(value: object) -> float:
    """Read a number over 0, up to 100."""
    percent = percentage(value)
    if percent == 0:
        raise ValueError
    return percent


def dollars(value: object) -> float:
    """Read an amount over 0."""
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", str(value)) or float(str(value)) == 0:
        raise ValueError
    return float(str(value))


def moment(value: object) -> datetime:
    """Read a date and time with its time zone, in the manner of ISO 8601."""
    read = datetime.fromisoformat(str(value))
    if read.utcoffset() is None:
        raise ValueError
    return read


def matching(pattern: str) -> Callable[[object], str]:
    """Return what reads text that `pattern` matches whole."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError
        return value

    return parse


def each_once(pattern: str) -> Callable[[object], tuple[str, ...]]:
    """Return what reads names that `pattern` matches, one or more, each once: a list, or text with commas."""
    name = matching(pattern)

    def parse(value: object) -> tuple[str, ...]:
        items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
        names = tuple(name(item.strip() if isinstance(item, str) else item) for item in items)
        if not names or len(set(names)) < len(names):
            raise ValueError
        return names

    return parse
