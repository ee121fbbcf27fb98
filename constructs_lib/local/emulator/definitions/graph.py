"""The ways from state to state: targets that don't exist, states that nobody reaches, a machine without an end."""

from collections.abc import Iterator
from typing import Any

from constructs_lib.local.emulator.definitions.place import Place, Problem


def transitions(scope: dict[str, Any], place: Place, *, is_machine: bool) -> Iterator[Problem]:
    """The problems of a machine's, branch's or processor's ways; a state is reached from its own scope only.

    Args:
        scope: has `StartAt` and `States`.
        place: of the scope.
        is_machine: not a branch or processor; only the machine itself has to have a terminal state.

    """
    states = {name: state for name, state in scope["States"].items() if isinstance(state, dict)}
    targets = {name: list(_targets(state, place.at("States").at(name))) for name, state in states.items()}
    starts = list(_named(scope, "StartAt", place))
    for target, at in (*starts, *(way for ways in targets.values() for way in ways)):
        if target not in scope["States"]:
            # AWS says 'Next' whichever field it is.
            yield at.problem(f"Missing 'Next' target: {target}", "MISSING_TRANSITION_TARGET")
    if is_machine and not any(map(_is_terminal, states.values())):
        # AWS leaves the unreachable states out then.
        yield Problem("MISSING_END_STATE", "Workflow has no terminal state", None)
        return
    reached: set[str] = set()
    pending = [target for target, _ in starts]
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending.extend(target for target, _ in targets.get(name, ()))
    for name in scope["States"]:
        if name not in reached:
            message = f'State "{name}" is not reachable.'
            yield place.at("States").at(name).problem(message, "MISSING_TRANSITION_TARGET")


def _is_terminal(state: dict[str, Any]) -> bool:
    return state.get("End") is True or state.get("Type") in ("Succeed", "Fail")


def _targets(state: dict[str, Any], place: Place) -> Iterator[tuple[str, Place]]:
    yield from _named(state, "Next", place)
    for field in ("Choices", "Catch"):
        ways = state.get(field)
        for index, way in enumerate(ways if isinstance(ways, list) else ()):
            if isinstance(way, dict):
                yield from _named(way, "Next", place.at(field).item(index))
    yield from _named(state, "Default", place)


def _named(holder: dict[str, Any], field: str, place: Place) -> Iterator[tuple[str, Place]]:
    if isinstance(holder.get(field), str):
        yield holder[field], place.at(field)
