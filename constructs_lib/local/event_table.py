"""A history as rows of text: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_lib.local.timeline import Timeline, details

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs_lib.local.timeline import Event

Row = tuple[str, str, str, str, str]

HEADER: Row = ("ID", "SECONDS", "TYPE", "STATE", "DETAIL")
_WIDEST = 120
# What tells most about an event, the first that it has.
_TELLING = ("error", "mapRunArn", "output", "input", "parameters", "resource", "cause", "length", "workerName")


def rows(events: Sequence[Event]) -> list[Row]:
    """A row an event, under `HEADER`: id, seconds since the first event, type, state, and the most telling detail."""
    timeline = Timeline(events)
    table = []
    for event in events:
        run = timeline.state_of(event)
        seconds = (event["timestamp"] - events[0]["timestamp"]).total_seconds()
        state = "" if run is None else run.label
        table.append((str(event["id"]), f"{seconds:.3f}", event["type"], state, detail(event)))
    return table


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number of things in words: `1 item`, `2,000 items`; omitting `many` adds an s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def detail(event: Event) -> str:
    """The most telling of an event's details, on one line, cut to 120 characters."""
    told = details(event)
    if event["type"].startswith("MapIteration"):
        text = f"item {told['index']}"
    elif event["type"] == "ExecutionRedriven":
        text = f"redrive {told['redriveCount']}"
    else:
        name = next((name for name in _TELLING if told.get(name) not in {None, ""}), None)
        text = "" if name is None else str(told[name])
        if name == "error" and told.get("cause"):
            text += f": {told['cause']}"
        elif name == "length":
            text = counted(told["length"], "item")
    line = " ".join(text.split())
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 1]}…"
