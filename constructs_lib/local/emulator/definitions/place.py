"""Where a value of a definition stands, what is wrong there, and the check of a JSON object by a table of its fields.

The sentences are AWS's where they are known (from CreateStateMachine and ValidateStateMachineDefinition); "the local
cloud doesn't run …" is ours.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

JSONATA = "JSONata"
JSONPATH = "JSONPath"


@dataclass(frozen=True)
class Problem:
    """One mistake in a definition, as ValidateStateMachineDefinition lists it.

    Args:
        code: `SCHEMA_VALIDATION_FAILED` or another of AWS's codes.
        message: what is wrong, and what is allowed.
        location: `/States/<name>/<field>`; None when there is none.

    """

    code: str
    message: str
    location: str | None

    def __str__(self) -> str:
        # AWS writes "at null" itself: 'MISSING_END_STATE: Workflow has no terminal state at null'.
        return f"{self.code}: {self.message} at {self.location or 'null'}"


@dataclass
class Names:
    """What has to be unique in the whole machine, as far as it was read."""

    states: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Place:
    """Where a value stands.

    Args:
        machine_language: of the machine; a state in a branch or processor has it too, unless it names its own.
        names: the machine's.
        location: `/States/<name>/<field>`; the machine itself is "".
        language: of the state around the value; empty when the definition contradicts itself there, and neither
            language's fields are reported.
        express: in an EXPRESS machine, or in the EXPRESS children of a Map.
        states_fields: what an expression finds in `$states` beside `input` and `context`.

    """

    machine_language: str
    names: Names
    location: str = ""
    language: str = JSONPATH
    express: bool = False
    states_fields: frozenset[str] = frozenset()

    def at(self, name: str) -> "Place":
        """The place of a field."""
        return replace(self, location=f"{self.location}/{name}")

    def item(self, index: int) -> "Place":
        """The place of an array's element."""
        return replace(self, location=f"{self.location}[{index}]")

    def problem(self, message: str, code: str = "SCHEMA_VALIDATION_FAILED") -> Problem:
        """A mistake here."""
        return Problem(code, message, self.location or "/")


Check = Callable[[Any, Place], Iterator[Problem]]


@dataclass(frozen=True)
class OnlyIn:
    """A field of one query language.

    Args:
        language: that language.
        check: of the field's value.

    """

    language: str
    check: Check


@dataclass(frozen=True)
class Schema:
    """The check of a JSON object.

    Args:
        fields: the check of each field that is allowed.
        required: those that must be there.
        exactly_one: groups of which one must be there.
        at_most_one: groups of which one may be there.
        not_run: fields that Step Functions has and the local cloud doesn't.
        rules: checks of the whole object, where fields depend on each other.

    """

    fields: Mapping[str, Check | OnlyIn]
    required: tuple[str, ...] = ()
    exactly_one: tuple[tuple[str, ...], ...] = ()
    at_most_one: tuple[tuple[str, ...], ...] = ()
    not_run: frozenset[str] = frozenset()
    rules: tuple[Check, ...] = ()

    def __call__(self, value: Any, place: Place) -> Iterator[Problem]:
        """The problems of `value`."""
        if not isinstance(value, dict):
            yield place.problem("Expected value of type Object")
            return
        for name, element in value.items():
            yield from self._field(name, element, place)
        if missing := [name for name in self.required if name not in value]:
            yield place.problem(f"These fields are required: [{', '.join(missing)}]")
        for group in self.exactly_one + self.at_most_one:
            found = sum(name in value for name in group)
            if found > 1:
                yield place.problem(f"There should only be one of the following fields: [{', '.join(group)}]")
            elif not found and group in self.exactly_one:
                message = f"This object should have only one of the following fields: [{', '.join(group)}]"
                yield place.problem(message)
        for rule in self.rules:
            yield from rule(value, place)

    def _field(self, name: str, value: Any, place: Place) -> Iterator[Problem]:
        check = self.fields.get(name)
        if isinstance(check, OnlyIn):
            if place.language not in (check.language, ""):
                message = f"The QueryLanguage is set to '{place.language}', but field '{name}' is only supported"
                yield place.problem(f"{message} for the '{check.language}' QueryLanguage")
                return
            check = check.check
        if check is not None:
            yield from check(value, place.at(name))
        elif name in self.not_run:
            runs = ", ".join(self.fields)
            yield place.at(name).problem(f"the local cloud doesn't run the field '{name}' here; it runs {runs}")
        else:
            yield place.problem(f"Field '{name}' is not supported")
