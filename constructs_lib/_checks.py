"""How a construct refuses a wrong argument: one line with its path, the value, what is allowed, the fix.

A value that is a token is known at deployment only: it passes, and never stands in a message.
"""

import math
from typing import TYPE_CHECKING

from aws_cdk import Token

if TYPE_CHECKING:
    from constructs import Construct


def usage_error(construct: "Construct", argument: str, given: object, *, allowed: str, fix: str) -> ValueError:
    """Return the error to raise; `argument` is the keyword's name."""
    return ValueError(f"{construct.node.path}: {argument} is {given!r}; allowed: {allowed}. {fix}")


def check_integer(construct: "Construct", argument: str, value: int, *, low: int, high: int, fix: str) -> None:
    """Raise ValueError unless `value` is a whole number from `low` to `high`."""
    if Token.is_unresolved(value):
        return
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise usage_error(construct, argument, value, allowed=f"a whole number from {low:,} to {high:,}", fix=fix)


def check_percentage(construct: "Construct", argument: str, value: float, *, fix: str) -> None:
    """Raise ValueError unless `value` is a number from 0 to 100."""
    if Token.is_unresolved(value):
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not 0 <= value <= 100:
        raise usage_error(construct, argument, value, allowed="a number from 0 to 100", fix=fix)
