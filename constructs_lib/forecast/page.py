"""A dashboard before it is deployed: its synthesized body drawn with simulated series, as one HTML page.

The page needs nothing else, no network: its content security policy allows its own script and style by their hashes,
and no request. Laid out as CloudWatch does, with a slider over the minutes. What the body has from others (titles,
labels, Markdown) reaches the page escaped only. Lines are drawn by uPlot 1.6.32 (MIT), vendored beside the page.

What can't be drawn is named in the widget's place, and in `Page.refused`: nothing is left out silently.
"""

from __future__ import annotations

import html
import json
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from constructs_lib.assembly import DEFAULT_ACCOUNT
from constructs_lib.forecast._widgets.alarms import Alarms
from constructs_lib.forecast._widgets.body import COLUMNS, read_widgets
from constructs_lib.forecast._widgets.properties import Properties
from constructs_lib.forecast._widgets.reported import Reported
from constructs_lib.forecast._widgets.views import view
from constructs_lib.testing.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from constructs_lib.forecast._widgets.body import Widget
    from constructs_lib.forecast._widgets.view import View
    from constructs_lib.testing.alarm_history import AlarmHistory
    from constructs_lib.testing.metric_functions import Point

_ASSETS = files("constructs_lib.forecast") / "page_assets"
_ROW_PIXELS = 50  # what a row of the grid is high in the console, about


@dataclass(frozen=True, slots=True)
class Page:
    """The page, and what of the dashboard it can't show: a sentence each, first the widget."""

    html: str
    refused: tuple[str, ...]


def render(
    body: Mapping[str, Any],
    series: Mapping[str, str | Sequence[Point]],
    *,
    title: str,
    alarms: AlarmHistory | None = None,
    minutes: int | None = None,
    minute: int | None = None,
    account: str = DEFAULT_ACCOUNT,
    readings: Readings | None = None,
) -> Page:
    """Return the page of a dashboard.

    ::

        history = AlarmSimulation.read("cdk.out", stack="Quotas").run(series, start="OK")
        page = render(json.loads(stack.resolve(dashboard_body)), series, title="Quotas", alarms=history)

    Args:
        body: The parsed body, its tokens resolved.
        series: A point a minute, None where one is missing, by metric as alarm scenarios name it:
            `AWS/States ThrottledEvents Sum {ServiceMetric=StateTransition}`; or text in the scenarios' notation.
        title: What stands at the top.
        alarms: A run of the alarms over as many minutes. Omitted: their widgets say that the states aren't known.
        minutes: How long the series are. Omitted: as long as the longest.
        minute: The one that is shown first. Omitted: the first in which most alarms are on; without any, the last.
        account: Of the series that name none.
        readings: How metric math reads what the documentation leaves open.

    Raises:
        ValueError: of one line, for a body that isn't a dashboard's, for series that aren't, and for alarms of another
            number of minutes.

    """
    widgets = read_widgets(body)
    if minutes is None and alarms is not None:
        minutes = alarms.minutes
    reported = Reported(series, minutes, account=account, region=_region(widgets))
    if minute is not None and not 0 <= minute < reported.minutes:
        raise ValueError(f"minute is {minute}; allowed: 0 to {reported.minutes - 1}")
    known = Alarms(alarms, reported.minutes)
    views = [view(widget, reported, known, readings or Readings()) for widget in widgets]
    general = _general(body)
    values = {
        "title": html.escape(title),
        "minutes": f"{reported.minutes:,}",
        "last": str(reported.minutes - 1),
        "refused": _refused_list(widgets, views, general),
        "widgets": "".join(_section(widget, each) for widget, each in zip(widgets, views, strict=True)),
        "data": _json(
            {
                "minutes": reported.minutes,
                "minute": minute,
                "widgets": {w.number: each.data | {"kind": each.kind} for w, each in zip(widgets, views, strict=True)},
            }
        ),
    }
    refused = [
        *general,
        *(f"{_name(w, each)}: {why}" for w, each in zip(widgets, views, strict=True) for why in each.refused),
    ]
    return Page(_page(values, _places(widgets)), tuple(refused))


def _general(body: Mapping[str, Any]) -> list[str]:
    """What the whole dashboard asks for and doesn't get."""
    refused: list[str] = []
    properties = Properties(body, refused)
    properties.take("widgets")
    # How much of the time is shown at first: here it is all there is.
    properties.take("start")
    properties.take("end")
    if properties.choice("periodOverride", ("auto", "inherit")) == "auto":
        properties.refuse("periodOverride auto", "each metric is drawn with its own period")
    if not properties.items("variables"):
        properties.take("variables")
    else:
        properties.refuse("variables", "the widgets are drawn with the values that the body has")
    properties.refuse_rest()
    return refused


def _region(widgets: Sequence[Widget]) -> str | None:
    """The Region that the series are of: the dashboard's own, which CDK gives to each widget; the most frequent one."""
    regions = [
        widget.properties["region"]
        for widget in widgets
        if isinstance(widget.properties, dict) and isinstance(widget.properties.get("region"), str)
    ]
    return max(regions, key=regions.count) if regions else None


def _name(widget: Widget, shown: View) -> str:
    return f"widget {widget.number + 1}" + (
        f" ({' '.join(shown.title.split())})" if shown.title else f" ({shown.kind})"
    )


def _section(widget: Widget, shown: View) -> str:
    heading = f"<h2>{html.escape(shown.title)}</h2>" if shown.title else ""
    notes = "".join(f"<li>{html.escape(why)}</li>" for why in shown.refused)
    if shown.kind == "refused":
        inner = f'<div class="unknown"><b>Can&rsquo;t be drawn here</b><ul>{notes}</ul></div>'
    else:
        inner = f'<div class="content">{shown.html}</div>'
        inner += f'<ul class="notes" aria-label="Not drawn here">{notes}</ul>' if notes else ""
    return (
        f'<div class="cell" id="w{widget.number}"><section class="widget {shown.kind}" data-widget="{widget.number}">'
        f"{heading}{inner}</section></div>"
    )


def _refused_list(widgets: Sequence[Widget], views: Sequence[View], general: Sequence[str]) -> str:
    items = [f"<li>{html.escape(why)}</li>" for why in general]
    items += [
        f'<li><a href="#w{widget.number}">{html.escape(_name(widget, each))}</a>: {html.escape(why)}</li>'
        for widget, each in zip(widgets, views, strict=True)
        for why in each.refused
    ]
    if not items:
        return ""
    what = "1 thing" if len(items) == 1 else f"{len(items):,} things"
    return (
        f'<details id="refused"><summary>{what} of this dashboard can&rsquo;t be drawn here</summary>'
        f"<ul>{''.join(items)}</ul></details>"
    )


def _places(widgets: Sequence[Widget]) -> str:
    """The style that puts each widget in its place on the grid; on a narrow screen they stand below each other."""
    rows = max((widget.y + widget.height for widget in widgets), default=0)
    rules = [f"#grid {{ height: {rows * _ROW_PIXELS}px; }}", *(_place(widget) for widget in widgets)]
    low = [f"#w{widget.number} {{ height: {widget.height * _ROW_PIXELS}px; }}" for widget in widgets]
    wide, narrow = "\n".join(rules), "\n".join(low)
    return f"@media (min-width: 1001px) {{\n{wide}\n}}\n@media (max-width: 1000px) {{\n{narrow}\n}}"


def _place(widget: Widget) -> str:
    left, width = (f"{100 * columns / COLUMNS:.5g}%" for columns in (widget.x, widget.width))
    top, height = (rows * _ROW_PIXELS for rows in (widget.y, widget.height))
    return f"#w{widget.number} {{ left: {left}; top: {top}px; width: {width}; height: {height}px; }}"


def _json(value: object) -> str:
    """JSON that can't end or change the element which holds it: in JSON `<` stands only in strings."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _page(values: Mapping[str, str], places: str) -> str:
    script = f"{_asset('uplot/uPlot.iife.min.js')}\n{_asset('page.js')}"
    style = f"{_asset('uplot/uPlot.min.css')}\n{_asset('page.css')}\n{places}"
    policy = (
        "default-src 'none'",
        f"script-src '{_hash(script)}'",
        f"style-src '{_hash(style)}'",
        "base-uri 'none'",
        "form-action 'none'",
    )
    everything = {
        **values,
        "policy": "; ".join(policy),
        "licence": _asset("uplot/LICENSE").replace("--", "- -"),
        "style": style,
        "script": script,
    }
    filled = "".join(_filled(_asset("page.html"), everything))
    return filled.encode("utf-8", "replace").decode("utf-8")  # JSON may have half a character, UTF-8 can't


def _filled(template: str, values: Mapping[str, str]) -> Iterator[str]:
    """In one pass: what is filled in isn't looked through again."""
    head, *parts = template.split("%%")
    yield head
    for place, part in enumerate(parts):
        yield part if place % 2 else values[part]


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text("utf-8")


def _hash(inline: str) -> str:
    """The source expression that lets the policy allow exactly this script or style."""
    return f"sha256-{b64encode(sha256(inline.encode()).digest()).decode()}"
