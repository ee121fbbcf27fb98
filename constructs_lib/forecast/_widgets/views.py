"""One widget as the page shows it: what kind of drawing, its data for the script, and its text as HTML.

What can't be drawn is said in `refused`, in sentences; where that is the whole widget its kind is `refused`.
"""

from __future__ import annotations

import html
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from constructs_lib.forecast._widgets import markdown
from constructs_lib.forecast._widgets.figures import gauge, number
from constructs_lib.forecast._widgets.graphs import graph
from constructs_lib.forecast._widgets.lines import lines_of
from constructs_lib.forecast._widgets.properties import Properties, brief, shown
from constructs_lib.forecast._widgets.rows import read_rows
from constructs_lib.forecast._widgets.tables import table
from constructs_lib.forecast._widgets.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from constructs_lib.forecast._widgets.alarms import Alarms
    from constructs_lib.forecast._widgets.body import Widget
    from constructs_lib.forecast._widgets.reported import Reported
    from constructs_lib.forecast._widgets.rows import Line
    from constructs_lib.testing.readings import Readings

_STATES = ("ALARM", "INSUFFICIENT_DATA", "OK")


def view(widget: Widget, reported: Reported, alarms: Alarms, readings: Readings) -> View:
    """Return what the page shows in the widget's place."""
    refused: list[str] = []
    properties = Properties(widget.properties, refused)
    if widget.moved:
        properties.refuse("its place", "another widget's; it stands below that")
    match widget.type:
        case "text":
            drawn = _text(properties)
        case "alarm":
            drawn = _alarms(properties, alarms)
        case "metric":
            drawn = _metric(properties, reported, readings)
        case _:
            kind = brief(widget.type)
            title = properties.text("title") or f"{kind[:1].upper()}{kind[1:]} widget"
            return View(kind="refused", title=title, refused=(f"a widget of the type {kind} isn't drawn here",))
    if drawn.kind != "refused":
        properties.refuse_rest()
    return View(kind=drawn.kind, title=drawn.title, html=drawn.html, data=drawn.data, refused=tuple(refused))


def _text(properties: Properties) -> View:
    background = properties.choice("background", ("solid", "transparent"))
    text = markdown.render(properties.text("markdown"), properties.refused)
    return View(kind="text", title="", html=f'<div class="markdown {background}">{text}</div>')


def _alarms(properties: Properties, alarms: Alarms) -> View:
    title = properties.text("title", "Alarms")
    sort = properties.choice("sortBy", ("default", "stateUpdatedTimestamp", "timestamp"))
    wanted = properties.items("states")
    states = [each for each in _STATES if each in wanted]
    for each in wanted:
        if each not in _STATES:
            properties.refuse("states", f"{shown(each)}; allowed: {', '.join(_STATES)}")
    tiles, told = [], []
    for place, reference in enumerate(properties.items("alarms")):
        if not isinstance(reference, str):
            properties.refuse(f"alarms[{place}]", f"{shown(reference)}; allowed: an ARN")
            continue
        alarm = alarms.told(reference)
        if alarm.states is None:
            properties.refuse(alarm.path, alarm.about)
        told.append({"name": alarm.name, "states": None if alarm.states is None else _runs(alarm.states)})
        tiles.append(
            f'<li class="tile" title="{html.escape(alarm.path)}&#10;{html.escape(alarm.about)}">'
            f'<b>{_breakable(alarm.name)}</b><span class="state"></span></li>'
        )
    inner = f'<ul class="tiles">{"".join(tiles)}</ul><p class="empty" hidden></p>'
    return View(kind="alarms", title=title, html=inner, data={"alarms": told, "sort": sort, "only": states})


def _breakable(name: str) -> str:
    """A name of many words in one, which a line may break between them."""
    return "<wbr>".join(html.escape(word) for word in re.split(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[-_.:/])", name))


def _runs(states: Sequence[str]) -> list[list[Any]]:
    """The minutes in which a state begins, and the state."""
    return [[minute, state] for minute, state in enumerate(states) if minute == 0 or states[minute - 1] != state]


def _metric(properties: Properties, reported: Reported, readings: Readings) -> View:
    title = properties.text("title")
    kind = properties.take("view")
    views: dict[str | None, Callable[[Properties, str, list[Line]], View]] = {
        None: graph,
        "timeSeries": graph,
        "singleValue": number,
        "gauge": gauge,
        "table": partial(table, minutes=reported.minutes),
    }
    if not isinstance(kind, str | None) or kind not in views:
        properties.refuse(f"the view {shown(kind)}", "isn't drawn here; drawn: timeSeries, singleValue, gauge, table")
        return View(kind="refused", title=title)
    if properties.flag("liveData"):
        properties.refuse("liveData", "every minute is complete here")
    rows = read_rows(properties)
    lines = lines_of(properties, rows, reported, readings)
    return views[kind](properties, title, lines)
