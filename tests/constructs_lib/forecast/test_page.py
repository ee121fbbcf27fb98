"""The synthesized dashboard of the stack Quotas on one page: every widget, every metric, and how the page works."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from constructs_lib.forecast.page import Page, render
from constructs_lib.testing import AlarmSimulation
from tests.browser import chromium
from tests.stacks.quotas_app import ACCOUNT, ORDERS, WATCHED, synthesize

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Position
    from playwright.sync_api import Page as Tab

    from constructs_lib.testing.alarm_history import AlarmHistory

MINUTES = 40
TRANSITIONS = "{ServiceMetric=StateTransition}"
# A burst of ten seconds at 1,600 a second: 8,000 states go through at once, 8,000 wait.
BURST = {
    f"AWS/States ConsumedCapacity Sum {TRANSITIONS}": "0x4 16000 0x33",
    f"AWS/States ProvisionedRefillRate Maximum {TRANSITIONS}": "800x39",
    f"AWS/States ThrottledEvents Sum {TRANSITIONS}": "0x4 8000 0x33",
}
WHO = {
    f"AWS/States ExecutionThrottled Sum {{StateMachineArn={ORDERS}}}": "0x4 7000 0x33",
    f"AWS/States ExecutionThrottled Sum {{StateMachineArn={ORDERS}/EachOrder}}": "0x4 1000 0x33",
    f"AWS/States ExecutionsStarted Sum {{StateMachineArn={ORDERS}}}": "2x39",
    "AWS/Lambda Throttles Sum {FunctionName=analyze}": "0x5 12 0x32",
}


@dataclass(frozen=True)
class Rendered:
    body: dict[str, Any]
    history: AlarmHistory
    page: Page

    @cached_property
    def data(self) -> dict[str, Any]:
        found = re.search(r'<script type="application/json" id="data">(.*?)</script>', self.page.html)
        assert found is not None
        return dict(json.loads(found[1]))

    def section(self, number: int) -> str:
        """The HTML in a widget's place."""
        [found] = re.findall(rf'<section class="widget [^"]*" data-widget="{number}">(.*?)</section>', self.page.html)
        return str(found)


@cache
def quotas(watched: bool) -> Rendered:
    assembly, _ = synthesize(WATCHED if watched else {})
    [stack] = (stack for stack in assembly.stacks if stack.id == "Quotas")
    [dashboard] = stack.resources("AWS::CloudWatch::Dashboard").values()
    body = json.loads(stack.resolve(dashboard["Properties"]["DashboardBody"]))
    history = AlarmSimulation.read(assembly, stack="Quotas").run(BURST, start="OK")
    page = render(body, BURST | WHO, title="Quotas", alarms=history)
    return Rendered(body, history, page)


@pytest.fixture(scope="module", params=[False, True], ids=["default", "watched"])
def rendered(request: pytest.FixtureRequest) -> Rendered:
    return quotas(watched=bool(request.param))


def named(rendered: Rendered, title: str) -> list[int]:
    return [n for n, widget in enumerate(rendered.body["widgets"]) if widget["properties"].get("title") == title]


def test_should_draw_every_widget_in_its_place_and_refuse_nothing(rendered: Rendered) -> None:
    assert rendered.page.refused == ()
    kinds = {"singleValue": "number", "gauge": "gauge", "table": "table", "timeSeries": "graph"}
    for number, widget in enumerate(rendered.body["widgets"]):
        properties = widget["properties"]
        section = rendered.section(number)
        expected = {"text": "text", "alarm": "alarms"}.get(widget["type"]) or kinds[properties["view"]]
        assert f'class="widget {expected}" data-widget="{number}"' in rendered.page.html
        if "title" in properties:
            assert f"<h2>{html.escape(properties['title'])}</h2>" in section
        style = re.search(rf"#w{number} {{ left: ([\d.]+)%; top: (\d+)px; width: ([\d.]+)%;", rendered.page.html)
        assert style is not None
        assert float(style[1]) == pytest.approx(widget["x"] / 24 * 100, abs=0.01)
        assert float(style[3]) == pytest.approx(widget["width"] / 24 * 100, abs=0.01)
        assert int(style[2]) == 50 * widget["y"]


def test_should_draw_every_visible_metric_of_the_body_with_its_label(rendered: Rendered) -> None:
    graphs = 0
    for number, widget in enumerate(rendered.body["widgets"]):
        if widget["properties"].get("view") not in {"timeSeries", "singleValue", "gauge"}:
            continue
        graphs += 1
        options = [row[-1] for row in widget["properties"]["metrics"]]
        visible = [option for option in options if option.get("visible", True)]
        lines = rendered.data["widgets"][str(number)]["lines"]
        assert [line["label"] for line in lines] == [option["label"] for option in visible]
        assert [line["color"] for line in lines] == [option["color"] for option in visible]
        for line in lines:
            assert html.escape(line["label"]) in rendered.section(number)
    assert graphs > 25


def test_should_draw_every_text_with_headings_and_links(rendered: Rendered) -> None:
    texts = [number for number, widget in enumerate(rendered.body["widgets"]) if widget["type"] == "text"]
    assert len(texts) > 10
    for number in texts:
        given = rendered.body["widgets"][number]["properties"]["markdown"]
        section = rendered.section(number)
        seen = html.unescape(re.sub(r"<[^>]*>", " ", section))
        for word in re.findall(r"[\w']+", re.sub(r"\]\([^)]*\)", "]", given)):
            assert word in seen
        assert "<h3>" in section
        for address in re.findall(r"\]\((https:[^)]*)\)", given):
            assert f'<a href="{address}"' in section


def test_should_evaluate_what_a_graph_asks_for() -> None:
    rendered = quotas(watched=False)
    data = rendered.data["widgets"]
    used, utilisation, throttled = (
        next(data[str(n)]["lines"] for n in named(rendered, title)) for title in
        ("Used against the limit", "Utilisation", "Throttled")
    )  # fmt: skip
    minute = 5
    assert [line["points"][minute] for line in used] == [pytest.approx(16000 / 60), 800, None]
    assert utilisation[0]["points"][minute] == pytest.approx(100 * 16000 / 60 / 800)
    assert throttled[0]["points"] == [0] * 5 + [8000] + [0] * 34
    [total] = (data[str(n)]["lines"] for n in named(rendered, "Throttled events"))
    assert total[0]["points"][minute] == 8000
    [worst] = (data[str(n)] for n in named(rendered, "Worst utilisation"))
    assert worst["lines"][0]["points"][minute] == pytest.approx(33.3333333)
    assert [(mark["label"], mark["value"]) for mark in worst["marks"]] == [("Warning", 80), ("Critical", 90)]
    assert (worst["min"], worst["max"]) == (0, 100)


def test_should_rank_who_was_throttled_most() -> None:
    rendered = quotas(watched=False)
    [number] = named(rendered, "Throttled states")
    cells = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", rendered.section(number))
    assert [each for each in cells if each.startswith("arn:")] == [ORDERS, f"{ORDERS}/EachOrder"]
    assert [each for each in cells if re.fullmatch(r"[\d.k]+", each)] == ["7.00k", "1.00k"]
    [number] = named(rendered, "Throttled calls")
    assert {"Label", "Sum", "analyze", "12"} == set(
        re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", rendered.section(number))
    )


def test_should_know_the_state_of_every_alarm_in_every_minute(rendered: Rendered) -> None:
    told = {
        alarm["name"]: alarm["states"]
        for widget in rendered.data["widgets"].values()
        if widget["kind"] == "alarms"
        for alarm in widget["alarms"]
    }
    alarms = rendered.history.simulation.alarms
    assert told.keys() == {alarm.name for alarm in alarms}
    for alarm in alarms:
        states: list[str] = []
        for (begin, state), following in zip(told[alarm.name], [*told[alarm.name][1:], (MINUTES, "")], strict=True):
            states += [state] * (following[0] - begin)
        assert states == list(rendered.history.states(alarm))
        assert html.escape(alarm.path) in rendered.page.html


def test_should_hold_no_address_to_load_from_and_allow_itself_no_request(rendered: Rendered) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', rendered.page.html)
    assert policy is not None
    assert re.fullmatch(
        r"default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'",
        policy[1],
    )
    assert not re.findall(r"<(?:link|img|iframe|object|base)\b|\b(?:src|srcset)=|@import|url\(", rendered.page.html)
    assert "Leon Sorokin" in rendered.page.html


def test_should_fit_in_a_mail() -> None:
    assert len(quotas(watched=True).page.html) < 300_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def opened(browser: Browser, folder: Path, page: Page, *, hash_: str = "", **context: Any) -> Tab:
    """The page from disk, without a network; an error or a message on its console fails the test."""
    file = folder / "dashboard.html"
    file.write_text(page.html, "utf-8")
    tab = browser.new_context(offline=True, viewport={"width": 1400, "height": 1000}, **context).new_page()
    tab.on("pageerror", lambda error: pytest.fail(str(error)))
    tab.on("console", lambda message: pytest.fail(message.text))
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(file.as_uri() + hash_)
    assert [url.partition("#")[0] for url in asked] == [file.as_uri()]
    return tab


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_should_show_every_widget_in_chromium(browser: Browser, tmp_path: Path, scheme: Any) -> None:
    rendered = quotas(watched=True)
    tab = opened(browser, tmp_path, rendered.page, color_scheme=scheme)
    boxes = tab.evaluate(
        "[...document.querySelectorAll('.widget')].map((each) => ({number: Number(each.dataset.widget),"
        " lines: each.uplot?.series.length - 1, ...each.getBoundingClientRect().toJSON(),"
        " plot: each.querySelector('canvas')?.getBoundingClientRect().toJSON(),"
        " legend: [...each.querySelectorAll('.legend li')].map((item) => item.innerText.trim()),"
        " labels: [...each.querySelectorAll('.mark span')].map((label) => label.getBoundingClientRect().toJSON()),"
        " marks: [...each.querySelectorAll('.mark:not([hidden])')].map((mark) => mark.innerText)}))"
    )
    assert len(boxes) == len(rendered.body["widgets"])
    unit = (1400 - 2 * 16) / 24
    for box in boxes:
        widget = rendered.body["widgets"][box["number"]]
        properties = widget["properties"]
        # 5 pixels of each side are the gap between two; a scroll bar may take some of the width.
        assert box["width"] == pytest.approx(widget["width"] * unit - 10, abs=12)
        assert box["height"] == pytest.approx(widget["height"] * 50 - 10, abs=1)
        if properties.get("view") != "timeSeries":
            continue
        visible = [row[-1] for row in properties["metrics"] if row[-1].get("visible", True)]
        assert box["lines"] == len(visible)
        assert box["legend"] == [options["label"] for options in visible]
        assert box["marks"] == [mark["label"] for mark in properties.get("annotations", {}).get("horizontal", [])]
        assert box["plot"]["width"] > 0.8 * box["width"]
        assert box["plot"]["height"] > 130
        labels = sorted((each["top"], each["bottom"]) for each in box["labels"])
        assert all(upper[1] <= lower[0] + 1 for upper, lower in pairwise(labels)), widget
    assert tab.evaluate("document.documentElement.scrollWidth") <= 1400


@pytest.mark.browser
def test_should_sort_alarms_as_the_widget_asks(browser: Browser, tmp_path: Path) -> None:
    history = quotas(watched=False).history
    alarms = history.simulation.alarms
    orders = (None, "stateUpdatedTimestamp", "timestamp")
    widgets = [
        {"type": "alarm", "properties": {"alarms": [alarm.arn for alarm in alarms], "sortBy": by}} for by in orders
    ]
    tab = opened(
        browser, tmp_path, render({"widgets": widgets, "periodOverride": "inherit"}, BURST, title="A", alarms=history)
    )
    minute = int(tab.get_by_role("slider").input_value())

    def since(name: str) -> tuple[str, int]:
        states = history.states(next(alarm for alarm in alarms if alarm.name == name))
        state = states[minute]
        return state, next((m + 1 for m in range(minute, -1, -1) if states[m] != state), 0)

    given, by_state, newest = (
        tab.evaluate(
            f"[...document.querySelectorAll('#w{number} .tile')].sort((a, b) => a.style.order - b.style.order)"
            ".map((tile) => tile.querySelector('b').textContent)"
        )
        for number in range(3)
    )
    place = {name: number for number, name in enumerate(given)}
    rank = {"ALARM": 0, "INSUFFICIENT_DATA": 1, "OK": 2}
    assert given == [alarm.name for alarm in alarms]
    assert by_state == sorted(given, key=lambda name: (rank[since(name)[0]], -since(name)[1], place[name]))
    assert newest == sorted(given, key=lambda name: (-since(name)[1], place[name]))
    assert len({tuple(given), tuple(by_state)}) == 2


def reading(tab: Tab, title: str) -> str:
    return tab.locator(".widget", has=tab.get_by_role("heading", name=title, exact=True)).locator(".value").inner_text()


@pytest.mark.browser
def test_should_show_the_minute_that_the_slider_chooses(browser: Browser, tmp_path: Path) -> None:
    tab = opened(browser, tmp_path, quotas(watched=False).page)
    slider = tab.get_by_role("slider", name="Minute")
    # At first the minute in which most alarms are on.
    assert slider.input_value() == "5"
    assert reading(tab, "Throttled events") == "8.00k"
    tiles = tab.locator(".widget", has=tab.get_by_role("heading", name="Alarms", exact=True)).locator(".tile")
    states = {tile.locator("b").inner_text(): tile.locator(".state").inner_text() for tile in tiles.all()}
    assert {name: text for name, text in states.items() if "Critical" in name} == {
        name: "OK" for name in states if "Critical" in name
    }
    assert sorted(states.values()) == ["In alarm since 00:05", "In alarm since 00:05", "OK"]
    on = tab.locator(".widget", has=tab.get_by_role("heading", name="Alarms that are on"))
    assert on.locator(".tile:visible").count() == 1
    assert tab.locator("#alarms-on").inner_text() == "3 alarms on"
    places = tab.evaluate("[...document.querySelectorAll('.graph .now')].map((mark) => mark.style.left)")
    slider.fill("30")
    assert reading(tab, "Throttled events") == "0"
    assert {tile.locator(".state").inner_text() for tile in tiles.all()} == {"OK"}
    assert on.locator(".tile:visible").count() == 0
    assert on.locator(".empty").inner_text().startswith("None of")
    moved = tab.evaluate("[...document.querySelectorAll('.graph .now')].map((mark) => mark.style.left)")
    assert len(places) > 25
    assert all(float(after[:-2]) > float(before[:-2]) + 50 for before, after in zip(places, moved, strict=True))


@pytest.mark.browser
def test_should_move_by_keys_and_play(browser: Browser, tmp_path: Path) -> None:
    tab = opened(browser, tmp_path, quotas(watched=False).page, hash_="#minute=7")
    now = tab.locator("#now")

    def at(minute: int) -> None:
        assert now.inner_text().split() == [f"00:{minute:02}", "minute", str(minute)]

    at(7)
    tab.keyboard.press("ArrowRight")
    at(8)
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowLeft")
    at(6)
    tab.get_by_role("slider", name="Minute").focus()
    for key, minute in {"PageDown": 16, "ArrowRight": 17, "End": 39, "Home": 0, "ArrowLeft": 0, "PageUp": 0}.items():
        tab.keyboard.press(key)
        at(minute)
    tab.keyboard.press("Space")
    pause = tab.get_by_role("button", name="Pause")
    pause.wait_for()
    expect(tab.get_by_role("slider")).to_have_value(re.compile("[2-9]|[1-3][0-9]"))
    pause.click()
    stopped = now.inner_text()
    tab.wait_for_timeout(500)
    assert now.inner_text() == stopped
    assert tab.get_by_role("button", name="Play").count() == 1


@pytest.mark.browser
def test_should_tell_the_values_under_the_pointer_and_choose_a_minute_by_a_click(
    browser: Browser, tmp_path: Path
) -> None:
    tab = opened(browser, tmp_path, quotas(watched=False).page, hash_="#minute=39")
    plot = tab.locator(".graph .u-over").first
    box = plot.bounding_box()
    assert box is not None
    at: Position = {"x": box["width"] * 5.5 / MINUTES, "y": box["height"] / 2}
    plot.hover(position=at)
    told = tab.get_by_role("tooltip").inner_text()
    assert "Minute 5" in told
    assert "266.6667" in told
    plot.click(position=at)
    assert tab.get_by_role("slider").input_value() == "5"


def test_should_be_as_long_as_the_alarms_were_run() -> None:
    rendered = quotas(watched=False)
    short = {f"AWS/States ThrottledEvents Sum {TRANSITIONS}": "0x4 8000"}
    assert f"{MINUTES} minutes" in render(rendered.body, short, title="Quotas", alarms=rendered.history).html


def test_should_know_alarms_by_their_arns_only() -> None:
    """As CloudWatch does, which refuses a body with a name in the place of an ARN."""
    history = quotas(watched=False).history
    alarm = history.simulation.alarms[0]
    widget = {"type": "alarm", "properties": {"alarms": [alarm.name, alarm.arn]}}
    page = render({"widgets": [widget], "periodOverride": "inherit"}, BURST, title="Quotas", alarms=history)
    assert page.refused == (f"widget 1 (Alarms): {alarm.name}: it isn't among the alarms that were run",)


def test_should_say_that_no_alarms_were_given() -> None:
    rendered = quotas(watched=False)
    page = render(rendered.body, BURST, title="Quotas")
    assert len(page.refused) >= 3
    assert all("no alarms were given" in why for why in page.refused)


def test_should_refuse_another_account_and_other_minutes() -> None:
    rendered = quotas(watched=False)
    other = {f"222222222222 {metric}": points for metric, points in BURST.items()}
    page = render(rendered.body, other, title="Quotas", alarms=rendered.history)
    [number] = named(rendered, "Throttled events")
    assert f'"{number}":' in page.html
    assert "8000" not in page.html.partition('id="data">')[2]
    own = {f"{ACCOUNT} {metric}": points for metric, points in BURST.items()}
    assert "8000" in render(rendered.body, own, title="Quotas").html.partition('id="data">')[2]
    with pytest.raises(ValueError, match="alarms were run over 40 minutes; allowed: 50, as the series"):
        render(rendered.body, BURST, title="Quotas", alarms=rendered.history, minutes=50)
