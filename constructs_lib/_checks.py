"""How a construct refuses a wrong argument: one line with its path, the value, what is allowed, the fix.

A value that is a token is known at deployment only: most pass, and none stands in a message.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeGuard

from aws_cdk import RemovalPolicy, Token

if TYPE_CHECKING:
    from constructs import Construct


def usage_error(where: "Construct | str", argument: str, given: object, *, allowed: str, fix: str) -> ValueError:
    """Return the error to raise; `argument` is the keyword's name, `where` the construct, or else what takes it."""
    place = where if isinstance(where, str) else where.node.path
    return ValueError(f"{place}: {argument} is {_shown(given)}; allowed: {allowed}. {fix}")


def check_integer(where: "Construct | str", argument: str, value: int, *, low: int, high: int, fix: str) -> None:
    """Raise ValueError unless `value` is a whole number from `low` to `high`, or a token."""
    if not (is_whole_number(value) and low <= value <= high) and not is_token(value):
        raise usage_error(where, argument, value, allowed=f"a whole number from {low:,} to {high:,}", fix=fix)


def check_percentage(construct: "Construct", argument: str, value: float, *, fix: str) -> None:
    """Raise ValueError unless `value` is a number from 0 to 100; a token isn't one, nothing could check it."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and 0 <= value <= 100):
        raise usage_error(construct, argument, value, allowed="a number from 0 to 100", fix=fix)


def check_kind(where: "Construct | str", argument: str, value: object, kind: type, *, fix: str) -> None:
    """Raise ValueError unless `value` is a `kind`."""
    if not isinstance(value, kind):
        raise usage_error(where, argument, value, allowed=kind.__name__, fix=fix)


def check_bucket(where: "Construct | str", argument: str, value: object) -> None:
    """Raise ValueError unless `value` is a bucket."""
    # A jsii interface, which isinstance() can't tell.
    if not hasattr(value, "bucket_arn"):
        raise usage_error(where, argument, value, allowed="a bucket", fix="Use s3.Bucket, or one of its from_ methods.")


def check_removal_policy(construct: "Construct", value: object, *, fix: str) -> None:
    """Raise ValueError unless `removal_policy` is RETAIN or DESTROY: SNAPSHOT is for neither tables nor buckets."""
    if value not in (RemovalPolicy.RETAIN, RemovalPolicy.DESTROY):
        given = getattr(value, "name", value)
        raise usage_error(construct, "removal_policy", given, allowed="RETAIN, DESTROY", fix=fix)


def check_machine(where: "Construct | str", argument: str, value: object) -> None:
    """Raise ValueError unless `value` is a state machine."""
    # A jsii interface, which isinstance() can't tell.
    if not hasattr(value, "state_machine_arn"):
        raise usage_error(
            where, argument, value, allowed="a state machine", fix="Use sfn.StateMachine, or one of its from_ methods."
        )


def check_topic(construct: "Construct", argument: str, value: object) -> None:
    """Raise ValueError unless `value` is a topic."""
    # A jsii interface, which isinstance() can't tell.
    if not hasattr(value, "topic_arn"):
        raise usage_error(construct, argument, value, allowed="a topic", fix="Use AlarmTopic(…).topic.")


def is_whole_number(value: object) -> TypeGuard[int]:
    """Whether `value` is an int; True and False aren't numbers here."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_list(value: object) -> bool:
    """Whether `value` is a list, a tuple or a range."""
    return isinstance(value, Sequence) and not isinstance(value, str)


def is_expression(value: object) -> TypeGuard[str]:
    """Whether `value` is text that can be a JSONata expression, without the `{% %}` around it."""
    return isinstance(value, str) and bool(value.strip()) and not value.lstrip().startswith("{%")


def is_token(value: object) -> bool:
    """Whether `value` is known at deployment only."""
    # Nothing else can be sent to jsii, and at a number that isn't finite its process would end.
    texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
    finite = isinstance(value, int | float) and math.isfinite(value)
    known = isinstance(value, str) or texts or finite or hasattr(type(value), "__jsii_type__")
    return known and Token.is_unresolved(value)


def _shown(value: object) -> str:
    if value is not None and not isinstance(value, str | int | float | list | tuple | dict):
        return f"of type {type(value).__name__}"
    hidden = isinstance(value, str | int | float) and is_token(value)
    return "a value known at deployment only" if hidden else repr(value)
