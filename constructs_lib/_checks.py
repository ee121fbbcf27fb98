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
    if not (isinstance(value, int) and not isinstance(value, bool) and low <= value <= high) and not _is_token(value):
        raise usage_error(construct, argument, value, allowed=f"a whole number from {low:,} to {high:,}", fix=fix)


def check_percentage(construct: "Construct", argument: str, value: float, *, fix: str) -> None:
    """Raise ValueError unless `value` is a number from 0 to 100."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and 0 <= value <= 100) and not _is_token(value):
        raise usage_error(construct, argument, value, allowed="a number from 0 to 100", fix=fix)


def _is_token(value: object) -> bool:
    # A number that isn't finite can't be sent to jsii: its process would end.
    return not (isinstance(value, float) and not math.isfinite(value)) and Token.is_unresolved(value)
