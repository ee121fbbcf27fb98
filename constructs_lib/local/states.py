"""A definition's states, read off its Amazon States Language: all of them by name, what a Retry and a Catch take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

# What no Retry's or Catch's wildcard covers: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
_NEVER_ALL = frozenset({"States.DataLimitExceeded", "States.Runtime"})


@dataclass(frozen=True)
class State:
    """A state of a definition: `fields` as written, `parent` the Map or Parallel that it is in."""

    name: str
    fields: Mapping[str, Any]
    parent: str | None = None

    @property
    def type(self) -> str:
        """Its Type."""
        return str(self.fields.get("Type"))

    @property
    def is_distributed(self) -> bool:
        """Whether it is a Map whose items run as child executions."""
        return bool((processor(self.fields) or {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED")


@dataclass(frozen=True)
class Delay:
    """How long a Retry waits: `seconds`, or up to these when `jitter` says so."""

    seconds: float
    jitter: bool

    def __str__(self) -> str:
        return f"{'up to ' if self.jitter else ''}{self.seconds:g} s"


def processor(fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The machine inside a Map state, by its new name or its old one; None for another state."""
    found: Mapping[str, Any] | None = fields.get("ItemProcessor", fields.get("Iterator"))
    return found


def machines(fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The machines inside a state: a Map's one, a Parallel's branches."""
    inner = processor(fields)
    return [*fields.get("Branches", []), *([] if inner is None else [inner])]


def all_states(definition: Mapping[str, Any], parent: str | None = None) -> Iterator[State]:
    """Every state of a machine, those inside others too, the outer first."""
    for name, fields in definition["States"].items():
        yield State(name, fields, parent)
        for inner in machines(fields):
            yield from all_states(inner, name)


def child_definition(definition: Mapping[str, Any], label: str, first_state: str | None = None) -> Mapping[str, Any]:
    """The machine that the child executions of a Distributed Map run.

    `label` is the Map's Label, which AWS makes up where there is none: then `first_state`, the name of one of its
    states, tells which it is, or that there is one such Map only. Raises `LookupError` when that leaves it open.
    """
    maps = [state for state in all_states(definition) if state.is_distributed]
    inside = [m for state in maps if (m := processor(state.fields)) is not None and first_state in m["States"]]
    labelled = [
        m for state in maps if (m := processor(state.fields)) is not None and state.fields.get("Label") == label
    ]
    found = labelled or inside or [m for state in maps if (m := processor(state.fields)) is not None]
    if len(found) != 1:
        raise LookupError(label)
    return found[0]


def next_delay(state: Mapping[str, Any], errors: Sequence[str | None]) -> Delay | None:
    """How long the state's Retry waits after the last of its `errors`, those of all attempts so far; None: it doesn't.

    Each rule counts the errors that it was the first to match. A number left out is AWS's default: 3 attempts, 1 s,
    doubled each time.
    """
    rules = [_rule(state, error) for error in errors]
    rule = rules[-1]
    if rule is None:
        return None
    count = sum(other is rule for other in rules)
    if count > rule.get("MaxAttempts", 3):
        return None
    seconds = rule.get("IntervalSeconds", 1) * rule.get("BackoffRate", 2.0) ** (count - 1)
    return Delay(min(seconds, rule.get("MaxDelaySeconds", seconds)), rule.get("JitterStrategy") == "FULL")


def catches(state: Mapping[str, Any], error: str | None) -> bool:
    """Whether the state's Catch takes the error."""
    return any(takes(catcher["ErrorEquals"], error) for catcher in state.get("Catch", []))


def _rule(state: Mapping[str, Any], error: str | None) -> Mapping[str, Any] | None:
    """The first rule of the state's Retry that takes the error."""
    rules: list[Mapping[str, Any]] = state.get("Retry", [])
    return next((rule for rule in rules if takes(rule["ErrorEquals"], error)), None)


def takes(names: Collection[str], error: str | None) -> bool:
    """Whether an ErrorEquals of these names matches the error; wildcards match what AWS's do."""
    if error in names:
        return True
    if error in _NEVER_ALL:
        return False
    return "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")
