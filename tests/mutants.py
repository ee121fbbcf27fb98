"""IAM policies with one thing removed or widened: mutants that a matrix of requests has to tell from the original.

The operators are the functions' names. They leave out what AWS would refuse.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Document = dict[str, Any]
Statement = dict[str, Any]

_NOBODY = "arn:aws:iam::999999999999:root"


class Mutant(NamedTuple):
    """A changed policy; `name` is the operator and what it was applied to."""

    name: str
    document: Document


def mutants_of(document: Document) -> Iterator[Mutant]:
    """Each operator applied to each statement, one change at a time."""
    for index, statement in enumerate(_listed(document["Statement"])):
        for operator in OPERATORS:
            for what, changed in operator(copy.deepcopy(statement)):
                other = copy.deepcopy(document)
                other["Statement"] = _listed(other["Statement"])
                other["Statement"][index : index + 1] = [] if changed is None else [changed]
                name = operator.__name__.strip("_").replace("_", " ")
                yield Mutant(f"{index + 1}: {name} {what}".strip(), other)


def _drop_the_statement(_statement: Statement) -> Iterator[tuple[str, None]]:
    yield "", None


def _turn_into_a_deny(statement: Statement) -> Iterator[tuple[str, Statement]]:
    if statement["Effect"] == "Allow":
        yield "", statement | {"Effect": "Deny"}


def _drop_an_action(statement: Statement) -> Iterator[tuple[str, Statement]]:
    actions = _listed(statement["Action"])
    for action in actions if len(actions) > 1 else []:
        yield action, statement | {"Action": [other for other in actions if other != action]}


def _allow_every_action(statement: Statement) -> Iterator[tuple[str, Statement]]:
    service = _listed(statement["Action"])[0].partition(":")[0]
    yield f"of {service}", statement | {"Action": f"{service}:*"}


def _drop_a_resource(statement: Statement) -> Iterator[tuple[str, Statement]]:
    resources = _listed(statement.get("Resource", []))
    for resource in resources if len(resources) > 1 else []:
        yield resource, statement | {"Resource": [other for other in resources if other != resource]}


def _widen_a_resource(statement: Statement) -> Iterator[tuple[str, Statement]]:
    resources = _listed(statement.get("Resource", []))
    for resource in resources:
        others = [other for other in resources if other != resource]
        for wider in sorted({"*", _longer(resource), *_wider_arns(resource)} - {resource}):
            yield f"{resource} to {wider}", statement | {"Resource": [*others, wider]}


def _trust_everybody(statement: Statement) -> Iterator[tuple[str, Statement]]:
    if "Principal" in statement:
        yield "", statement | {"Principal": {"AWS": "*"}}


def _trust_somebody_else(statement: Statement) -> Iterator[tuple[str, Statement]]:
    if "Principal" in statement:
        yield "", statement | {"Principal": {"AWS": _NOBODY}}


def _drop_the_conditions(statement: Statement) -> Iterator[tuple[str, Statement]]:
    if statement.pop("Condition", None) is not None:
        yield "", statement


def _drop_a_condition(statement: Statement) -> Iterator[tuple[str, Statement]]:
    for operator, key, _ in _conditions(statement):
        changed = copy.deepcopy(statement)
        del changed["Condition"][operator][key]
        if not changed["Condition"][operator]:
            del changed["Condition"][operator]
        yield key, changed


def _match_what_is_missing(statement: Statement) -> Iterator[tuple[str, Statement]]:
    yield from _with_operator(statement, lambda operator: f"{operator}IfExists")


def _match_in_any_case(statement: Statement) -> Iterator[tuple[str, Statement]]:
    yield from _with_operator(
        statement, lambda operator: "StringEqualsIgnoreCase" if operator == "StringEquals" else None
    )


def _match_the_contrary(statement: Statement) -> Iterator[tuple[str, Statement]]:
    yield from _with_operator(
        statement, lambda operator: operator.replace("String", "StringNot").replace("Arn", "ArnNot")
    )


def _widen_a_condition(statement: Statement) -> Iterator[tuple[str, Statement]]:
    for operator, key, values in _conditions(statement):
        like = "ArnLike" if operator.startswith("Arn") else "StringLike"
        for value in values:
            others = [other for other in values if other != value]
            # An ARN's operators take no text that isn't one.
            wider = {_longer(value), *_wider_arns(value)} | (set() if like == "ArnLike" else {"*"})
            for text in sorted(wider - {value}):
                yield f"{key} to {text}", _replaced(statement, operator, key, like, [*others, text])


def _drop_a_value(statement: Statement) -> Iterator[tuple[str, Statement]]:
    for operator, key, values in _conditions(statement):
        for value in values if len(values) > 1 else []:
            others = [other for other in values if other != value]
            yield f"{value} of {key}", _replaced(statement, operator, key, operator, others)


OPERATORS: tuple[Callable[[Statement], Iterator[tuple[str, Statement | None]]], ...] = (
    _drop_the_statement,
    _turn_into_a_deny,
    _drop_an_action,
    _allow_every_action,
    _drop_a_resource,
    _widen_a_resource,
    _trust_everybody,
    _trust_somebody_else,
    _drop_the_conditions,
    _drop_a_condition,
    _match_what_is_missing,
    _match_in_any_case,
    _match_the_contrary,
    _widen_a_condition,
    _drop_a_value,
)


def _conditions(statement: Statement) -> Iterator[tuple[str, str, list[str]]]:
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            yield operator, key, _listed(values)


def _with_operator(statement: Statement, renamed: Callable[[str], str | None]) -> Iterator[tuple[str, Statement]]:
    for operator, key, values in _conditions(statement):
        other = renamed(operator)
        if other is not None:
            yield f"{key} by {other}", _replaced(statement, operator, key, other, values)


def _replaced(statement: Statement, operator: str, key: str, other: str, values: list[str]) -> Statement:
    changed = copy.deepcopy(statement)
    del changed["Condition"][operator][key]
    changed["Condition"].setdefault(other, {})[key] = values
    changed["Condition"] = {name: keys for name, keys in changed["Condition"].items() if keys}
    return changed


def _longer(value: str) -> str:
    return value if value.endswith("*") else f"{value}*"


def _wider_arns(value: str) -> Iterator[str]:
    """The ARN with a wildcard in the place of its Region, its account or its name."""
    parts = value.split(":")
    if len(parts) < 6:
        return
    for index in (3, 4):
        if parts[index] not in {"", "*"}:
            yield ":".join([*parts[:index], "*", *parts[index + 1 :]])
    kind, slash, _ = parts[5].partition("/")
    if slash:
        yield ":".join([*parts[:5], f"{kind}/*"])
    elif len(parts) > 6 and parts[6] != "*":
        yield ":".join([*parts[:6], "*", *parts[7:]])


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]
