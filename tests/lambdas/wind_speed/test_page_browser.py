"""The page in a real browser, opened from disk, with the network off."""

from __future__ import annotations

import random
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import pytest
from playwright.sync_api import expect

from lambdas.wind_speed.page import render
from tests.browser import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

Row = list[str | int | float | None]
Scheme = Literal["light", "dark"]
Motion = Literal["reduce", "no-preference"]

PROBES = Path(__file__).with_name("page_probes.js").read_text()
DESKTOP, TABLET, PHONE, SIDEWAYS = (1440, 900), (820, 1180), (360, 740), (740, 360)

SUMMARY: dict[str, object] = {
    "objects_listed": 2012,
    "objects_analysed": 2000,
    "objects_rejected": 9,
    "objects_failed": 3,
    "unit": "mph",
    "years": [1960, 2015, 2016, 2017],
    "duration_seconds": 12.5,
    "sample": False,
}


def station(number: int, name: str, latitude: float | None, longitude: float | None, mean: float | None) -> Row:
    days, maximum = (0, None) if mean is None else (1234, round(mean * 2.5, 3))
    dates = (None, None) if mean is None else ("2015-01-02", "2017-11-30")
    return [f"{number:011d}", name, latitude, longitude, 148.6, days, mean, maximum, *dates]


WEST = station(1, "WESTERN POINT", 10.0, -60.0, 2.0)
MIDDLE = station(2, "MIDDLE ISLAND, ÎLE DU MILIEU", 0.0, 0.0, 9.56)
EAST = station(3, "EASTERN CAPE", -10.0, 60.0, 20.0)
THREE = [WEST, MIDDLE, EAST]


@dataclass
class Opened:
    """A page with what it asked for and complained of."""

    page: Page
    requests: list[str]
    complaints: list[str]

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def dots(self) -> list[tuple[float, float, str]]:
        """Centres (CSS pixels in the window) and colours of the dots in view, from west to east."""
        found: list[tuple[float, float, str]] = [tuple(dot) for dot in self.page.evaluate("probes.dots()")]
        return sorted(found)

    def hover(self, x: float, y: float) -> str:
        self.page.mouse.move(x - 40, y - 40)
        self.page.mouse.move(x, y)
        return self.text("#tooltip")

    def settle(self) -> None:
        """Wait until the map stands still."""
        self.page.evaluate("probes.settle()")


class Show(Protocol):
    def __call__(
        self,
        stations: list[Row],
        *,
        size: tuple[int, int] = ...,
        scheme: Scheme = ...,
        motion: Motion = ...,
        **summary: object,
    ) -> Opened: ...


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Show]:
    """Open stations as a page; at the test's end, assert that it asked for nothing and complained of nothing."""
    opened: list[Opened] = []

    def show_stations(
        stations: list[Row],
        *,
        size: tuple[int, int] = DESKTOP,
        scheme: Scheme = "light",
        motion: Motion = "reduce",
        **summary: object,
    ) -> Opened:
        file = tmp_path / f"map{len(opened)}.html"
        file.write_bytes(render(stations, SUMMARY | summary))
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion=motion, offline=True
        )
        context.add_init_script(PROBES)
        page = context.new_page()
        view = Opened(page, [], [])
        page.on("request", lambda request: view.requests.append(request.url))
        page.on("console", lambda message: view.complaints.append(message.text))
        page.on("pageerror", lambda error: view.complaints.append(str(error)))
        page.goto(file.as_uri())
        view.settle()
        opened.append(view)
        return view

    yield show_stations
    for number, view in enumerate(opened):
        assert view.requests == [(tmp_path / f"map{number}.html").as_uri()]
        assert view.complaints == []
        view.page.context.close()


def test_it_opens_from_disk_without_a_request_and_says_what_it_shows(show: Show) -> None:
    view = show(THREE)
    assert view.text("h1") == "Mean wind speed, 1960, 2015\u20132017"
    assert view.page.title() == view.text("h1")
    facts = view.page.locator("#facts span").all_inner_texts()
    assert facts == [
        "3 weather stations",
        "in miles per hour",
        "2,012 objects listed: 2,000 analysed, 9 rejected, 3 failed",
    ]
    assert "NOAA" in view.text("#credits")
    expect(view.page.locator("#notice")).to_be_hidden()


def test_made_up_observations_are_said_to_be(show: Show) -> None:
    view = show(THREE, sample=True)
    assert view.text("#notice") == "Made-up observations at real airports\u2019 coordinates"
    assert "NOAA" not in view.text("#credits")


def test_every_year_is_named_by_the_first_and_the_last_day(show: Show) -> None:
    assert show(THREE, years=None).text("h1") == "Mean wind speed, 2015\u20132017"


@pytest.mark.parametrize(
    ("unit", "short", "long"),
    [
        ("knots", "kn", "knots"),
        ("mph", "mph", "miles per hour"),
        ("kmh", "km/h", "kilometres per hour"),
        ("mps", "m/s", "metres per second"),
    ],
)
def test_the_unit_is_said_everywhere(show: Show, unit: str, short: str, long: str) -> None:
    view = show(THREE, unit=unit)
    assert f"in {long}" in view.text("#facts")
    assert view.text("#legend h2") == f"Mean wind speed, {short}"
    _, (x, y, _), _ = view.dots()
    assert f"9.6 {short}" in view.hover(x, y)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_dot_a_station_where_it_stands_coloured_by_its_speed(show: Show, scheme: Scheme) -> None:
    view = show(THREE, scheme=scheme)
    west, middle, east = view.dots()
    assert west[0] < middle[0] < east[0]
    assert west[1] < middle[1] < east[1]
    assert middle[0] - west[0] == pytest.approx(east[0] - middle[0], abs=3)
    assert len({west[2], middle[2], east[2]}) == 3


def test_the_legends_colours_are_the_dots_colours(show: Show) -> None:
    view = show(THREE)
    west, _, east = view.dots()
    ramp = view.page.evaluate("getComputedStyle(document.querySelector('.ramp')).backgroundImage")
    colours = [part.split(")")[0].replace(",", "") for part in ramp.split("rgb(")[1:]]
    assert [colours[0], colours[-1]] == [west[2], east[2]]
    ticks = [float(tick) for tick in view.page.locator(".ticks span").all_inner_texts()]
    assert ticks == [5, 10, 15, 20]


def test_one_broken_anemometer_does_not_flatten_the_colours(show: Show) -> None:
    rows = [station(i, f"N{i}", 0.0, i / 2, 5 + i / 20) for i in range(100)]
    rows.append(station(200, "BROKEN", 20.0, 0.0, 500.0))
    view = show(rows)
    assert max(float(tick) for tick in view.page.locator(".ticks span").all_inner_texts()) < 11
    assert "above 9.9" in view.text("#legend")


def test_hover_tells_name_id_mean_and_days(show: Show) -> None:
    view = show(THREE)
    told = [view.hover(x, y) for x, y, _ in view.dots()]
    assert told == [
        "WESTERN POINT\n00000000001\n2.0 mph mean of 1,234 days",
        "MIDDLE ISLAND, ÎLE DU MILIEU\n00000000002\n9.6 mph mean of 1,234 days",
        "EASTERN CAPE\n00000000003\n20.0 mph mean of 1,234 days",
    ]
    box = view.page.locator("#map").bounding_box()
    assert box is not None
    view.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.9)
    expect(view.page.locator("#tooltip")).to_be_hidden()


def test_the_legend_points_at_the_hovered_stations_speed(show: Show) -> None:
    view = show(THREE)
    lefts = []
    for x, y, _ in view.dots():
        view.hover(x, y)
        lefts.append(view.page.locator(".pointer").evaluate("pointer => parseFloat(pointer.style.left)"))
    assert lefts == [pytest.approx(0), pytest.approx(42, abs=0.1), pytest.approx(100)]


def test_click_shows_everything_and_zooms(show: Show) -> None:
    view = show(THREE, motion="no-preference")
    _, (x, y, _), (east_x, _, _) = view.dots()
    view.page.mouse.click(x, y)
    view.settle()
    details = view.page.locator("#details")
    assert details.locator("h2").inner_text() == "MIDDLE ISLAND, ÎLE DU MILIEU"
    assert details.locator(".id").inner_text() == "00000000002"
    assert details.locator(".mean").inner_text().split() == ["9.6", "mph", "mean"]
    assert details.locator(".rank").inner_text() == "Windier than 33 % of the stations"
    terms = details.locator("dt").all_inner_texts()
    values = details.locator("dd").all_inner_texts()
    assert dict(zip(terms, values, strict=True)) == {
        "Highest day": "23.9 mph",
        "Days measured": "1,234",
        "First day": "2015-01-02",
        "Last day": "2017-11-30",
        "Position": "0.000° N, 0.000° E",
        "Elevation": "149 m",
    }
    ((now_x, now_y, _),) = view.dots()  # the neighbours are out of view now
    box = view.page.locator("#map").bounding_box()
    assert box is not None
    assert now_x == pytest.approx(box["x"] + box["width"] / 2, abs=2)
    assert now_y == pytest.approx(box["y"] + box["height"] / 2, abs=2)
    assert east_x < box["x"] + box["width"]


def test_a_click_on_the_sea_closes_the_details(show: Show) -> None:
    view = show(THREE)
    _, (x, y, _), _ = view.dots()
    view.page.mouse.click(x, y)
    view.settle()
    view.page.mouse.click(x + 300, y + 200)
    expect(view.page.locator("#details")).to_be_hidden()


def test_stations_at_one_place_are_all_reachable(show: Show) -> None:
    twin = [*station(4, "MIDDLE ISLAND 2", 0.0, 0.0, 12.0)]
    view = show([*THREE, twin])
    _, (x, y, _), _ = view.dots()
    view.page.mouse.click(x, y)
    assert view.text("#details h2") == "MIDDLE ISLAND 2"
    view.page.get_by_role("button", name="MIDDLE ISLAND, ÎLE DU MILIEU, 00000000002: 9.6 mph").click()
    assert view.text("#details h2") == "MIDDLE ISLAND, ÎLE DU MILIEU"


@pytest.mark.parametrize("text", ["middle isl", "00000000002", "ile milieu", "island MIDDLE"])
def test_search_finds_by_name_and_by_id(show: Show, text: str) -> None:
    view = show(THREE)
    view.page.get_by_role("combobox", name="Find a station by name or id").fill(text)
    options = view.page.get_by_role("option")
    assert options.all_inner_texts() == ["MIDDLE ISLAND, ÎLE DU MILIEU\n00000000002\n9.6 mph"]
    options.click()
    assert view.text("#details h2") == "MIDDLE ISLAND, ÎLE DU MILIEU"
    view.settle()
    assert len(view.dots()) == 1  # zoomed to it


def test_search_by_keyboard_alone(show: Show) -> None:
    rows = [station(i, f"PORT {i:02d}", i - 15.0, 10.0 * i - 150, 5.0 + i) for i in range(30)]
    view = show(rows)
    page = view.page
    page.keyboard.press("Tab")
    page.keyboard.type("port")
    box = page.locator("#query")
    assert page.get_by_role("option").count() == 8
    assert view.text("#found-note") == "8 of 30 stations: type more to narrow"
    assert box.get_attribute("aria-expanded") == "true"
    marked = page.locator("[role=option][aria-selected=true]")
    for key, name in [("Down", "00"), ("Down", "01"), ("Up", "00"), ("Up", "07"), ("Down", "00")]:
        page.keyboard.press(f"Arrow{key}")
        assert marked.locator(".name").all_inner_texts() == [f"PORT {name}"]
        assert box.get_attribute("aria-activedescendant") == marked.get_attribute("id")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert view.text("#details h2") == "PORT 01"
    assert box.get_attribute("aria-expanded") == "false"
    assert page.evaluate("document.activeElement.id") == "details"
    page.keyboard.press("Escape")
    expect(page.locator("#details")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "query"


def test_search_says_that_nothing_matches(show: Show) -> None:
    view = show(THREE)
    view.page.locator("#query").fill("atlantis")
    assert view.text("#found-note") == "No station matches “atlantis”"
    assert view.page.locator("#query").get_attribute("aria-expanded") == "false"
    assert view.page.locator("#spoken").text_content() == "No station matches “atlantis”"
    view.page.keyboard.press("Escape")
    expect(view.page.locator("#found")).to_be_hidden()


def test_everything_is_reached_by_keyboard(show: Show) -> None:
    view = show(THREE)
    page = view.page
    reached = []
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
        width = page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
        assert width >= 2, f"focus on {reached[-1]} can't be seen"
    assert reached == ["query", "map", "zoom-in", "zoom-out", "zoom-all"]
    before = positions(view)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert view.text("#details h2") == "MIDDLE ISLAND, ÎLE DU MILIEU"  # the nearest to the centre
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "map"
    page.keyboard.press("ArrowRight")
    view.settle()
    ((moved, _),) = positions(view)
    assert before[1][0] - moved > 50
    page.keyboard.press("Tab")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # show all stations
    view.settle()
    for (x, y), (x_before, y_before) in zip(positions(view), before, strict=True):
        assert abs(x - x_before) + abs(y - y_before) <= 3


def test_zoom_buttons_zoom(show: Show) -> None:
    view = show(THREE)

    def spread() -> float:
        dots = view.dots()
        return dots[-1][0] - dots[0][0]

    view.page.set_viewport_size({"width": 1440, "height": 600})
    view.page.get_by_role("button", name="Zoom out").click()
    view.settle()
    narrow = spread()
    view.page.get_by_role("button", name="Zoom in").click()
    view.settle()
    assert spread() > 1.5 * narrow


def test_a_hostile_name_is_only_text(show: Show) -> None:
    name = "</script><img src=x onerror=\"document.title='taken'\"><b>bold</b>"
    view = show([station(7, name, 0.0, 0.0, 5.0), *THREE[::2]])
    _, (x, y, _), _ = view.dots()
    assert view.hover(x, y).startswith(name)
    view.page.mouse.click(x, y)
    assert view.text("#details h2") == name
    view.page.locator("#query").fill("onerror")
    assert view.page.locator("[role=option] .name").all_inner_texts() == [name]
    assert view.page.title() != "taken"
    assert view.page.locator("img, b").count() == 0


def test_stations_that_cannot_be_drawn_are_counted_and_found(show: Show) -> None:
    nowhere, silent = station(8, "NOWHERE", None, None, 7.0), station(9, "SILENT ROCK", 5.0, 5.0, None)
    view = show([*THREE, nowhere, silent])
    assert len(view.dots()) == 3
    assert view.text(".undrawn") == "Not on the map: 1 without coordinates, 1 without a wind speed. Search finds them."
    for name, shown in [("nowhere", "not given: not on the map"), ("silent", "5.000° N, 5.000° E")]:
        view.page.locator("#query").fill(name)
        view.page.keyboard.press("Enter")
        assert shown in view.page.locator("#details dd").all_inner_texts()
    assert "No wind speed" in view.text("#details")


def test_a_station_without_a_name_goes_by_its_id(show: Show) -> None:
    view = show([station(5, "", 0.0, 0.0, 5.0)])
    ((x, y, _),) = view.dots()
    assert view.hover(x, y).startswith("00000000005")


def test_no_station_at_all_is_said(show: Show) -> None:
    view = show([], years=None)
    assert view.text("#empty") == (
        "No station to show. 2,012 objects listed: 2,000 analysed, 9 rejected, 3 failed; rejected.csv says why."
    )
    expect(view.page.locator("#legend")).to_be_hidden()


def test_only_stations_that_cannot_be_drawn_is_said(show: Show) -> None:
    view = show([station(8, "NOWHERE", None, None, 7.0)])
    assert view.text("#empty") == "None of 1 station has both coordinates and a wind speed. Search finds them."


def test_stations_at_the_poles_and_the_date_line_are_drawn(show: Show) -> None:
    rows = [
        station(1, "SOUTH POLE", -90.0, 0.0, 3.0),
        station(2, "ALERT", 82.5, -62.3, 9.0),
        station(3, "FIJI", -17.0, 180.0, 6.0),
        station(4, "SAMOA", -14.0, -180.0, 12.0),
    ]
    view = show(rows)
    told = {view.hover(x, y).split("\n")[0] for x, y, _ in view.dots()}
    assert told == {"ALERT", "FIJI", "SAMOA", "SOUTH POLE"}


def test_dark_and_light_follow_the_system_at_once(show: Show) -> None:
    view = show(THREE)
    luminance = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    light, light_dots = view.page.evaluate(luminance), view.dots()
    view.page.emulate_media(color_scheme="dark")
    view.settle()
    dark, dark_dots = view.page.evaluate(luminance), view.dots()
    assert min(light[:3]) > 200
    assert max(dark[:3]) < 50
    assert len(dark_dots) == len(light_dots) == 3
    assert dark_dots[2][2] != light_dots[2][2]


def test_reduced_motion_jumps(show: Show) -> None:
    view = show(THREE, motion="reduce")
    view.page.locator("#query").fill("middle")
    view.page.keyboard.press("Enter")
    assert len(view.dots()) == 1  # at once: no waiting


def positions(view: Opened) -> list[tuple[float, float]]:
    return [(round(x), round(y)) for x, y, _ in view.dots()]


def everything_open(view: Opened) -> None:
    """Bring every text of the page on the screen: results, tooltip and details at once."""
    view.page.locator("#query").fill("a")
    view.page.keyboard.press("Enter")
    view.settle()
    for x, y, _ in view.dots():
        view.hover(x, y)
        if view.page.locator("#tooltip").is_visible():
            break
    view.page.locator("#query").fill("a")


LONG = "SAINT-BARTHÉLEMY-SUR-LA-TRÈS-LONGUE-RIVIÈRE INTERNATIONAL AND LLANFAIRPWLLGWYNGYLLGOGERYCHWYRNDROBWLL"
CROWD = [
    *(station(i, f"HARBOUR {i}", 40 + i / 10, i / 10, 3 + i / 7) for i in range(80)),
    station(90, LONG, 41.0, 1.0, 7.0),
    station(91, LONG, 41.0, 1.0, 7.5),
    station(92, "NOWHERE", None, None, 7.0),
    station(93, "SILENT ROCK", 5.0, 5.0, None),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, TABLET, PHONE, SIDEWAYS], ids=["desktop", "tablet", "phone", "sideways"])
def test_every_text_can_be_read(show: Show, size: tuple[int, int], scheme: Scheme) -> None:
    view = show(CROWD, size=size, scheme=scheme, sample=True)
    at_rest = view.page.evaluate("probes.texts()")
    everything_open(view)
    opened = view.page.evaluate("probes.texts()")
    assert len(opened) > len(at_rest) > 10
    for text in [*at_rest, *opened]:
        assert text["size"] >= 11, text
        assert not text["clipped"], text
        assert text["contrast"] >= 4.5, text
    root = view.page.locator(":root")
    assert root.evaluate("root => [root.scrollWidth, root.scrollHeight]") == list(size)


def test_28000_stations_stay_smooth(show: Show) -> None:
    chance = random.Random(28_000)
    places = [(chance.uniform(-60, 75), chance.uniform(-180, 180)) for _ in range(28_000)]
    rows = [station(i, f"STATION {i}", *place, chance.uniform(1, 30)) for i, place in enumerate(places)]
    view = show(rows, motion="no-preference")
    mouse = view.page.mouse
    view.page.evaluate("probes.recordFrames()")
    told = set()
    for step in range(60):
        mouse.move(300 + 14 * step, 300 + 3 * step)
        told.add(view.page.locator("#tooltip").text_content())
    assert len(told) > 30  # it did hover
    hovering = view.page.evaluate("probes.frames()")
    before = view.page.evaluate("document.querySelector('#map canvas').style.transform")
    mouse.wheel(0, -300)
    view.settle()
    view.page.evaluate("probes.frames()")
    mouse.move(1200, 500)
    mouse.down()
    for step in range(60):
        mouse.move(1200 - 14 * step, 500 - 3 * step)
    mouse.up()
    panning = view.page.evaluate("probes.frames()")
    assert view.page.evaluate("document.querySelector('#map canvas').style.transform") != before
    assert min(len(hovering), len(panning)) >= 55
    medians = statistics.median(hovering), statistics.median(panning)
    print(f"median frame: hover {medians[0]:.1f} ms, pan {medians[1]:.1f} ms, worst {max(hovering + panning):.0f} ms")
    assert max(medians) <= 50
