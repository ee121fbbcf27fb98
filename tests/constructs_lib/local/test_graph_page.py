"""A machine is drawn, its states coloured by a run, on one page that needs no network."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from constructs_lib.local.graph_page import Run, draw, page
from constructs_lib.local.timeline import Event, Timeline
from tests.browser import chromium
from tests.constructs_lib.local.histories import Written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

WORK: dict[str, Any] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Retry": [{"ErrorEquals": ["Busy"]}],
    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Clean up"}],
    "Next": "Each",
}
LOOK = {"StartAt": "Look", "States": {"Look": {"Type": "Pass", "End": True}}}
DEFINITION: dict[str, Any] = {
    "StartAt": "Which way",
    "States": {
        "Which way": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericGreaterThan": 3, "Next": "Clean up"}],
            "Default": "Work",
        },
        "Work": WORK,
        "Each": {"Type": "Map", "ItemProcessor": LOOK, "End": True},
        "Clean up": {"Type": "Fail", "Error": "Dirty </script><b>"},
    },
}


def failing_run() -> list[Event]:
    """The Choice, then Work, which fails twice and is caught, then the Fail."""
    history = Written()
    chosen = history.exit("Choice", "Which way", history.enter("Choice", "Which way", 0))
    failed = history.try_in_vain(history.enter("Task", "Work", chosen, input='{"n": 1}'), "Busy", "first")
    failed = history.try_in_vain(failed, "Busy", '{"errorMessage": "no luck"}')
    entered = history.enter("Fail", "Clean up", history.exit("Task", "Work", failed, output='{"x": "<i>"}'))
    return history.end("Failed", entered, error="Dirty", cause="see above")


def run_of(events: list[Event], **more: Any) -> Run:
    timeline = Timeline(events)
    return Run("arn:run", timeline, timeline.status, **more)


def by_name(shown: dict[str, Any]) -> dict[str, Any]:
    return {told["name"]: {**told, "id": key} for key, told in shown.items()}


def edges(graph: dict[str, Any], shown: dict[str, Any]) -> dict[tuple[str, str], str]:
    """The class of each edge that is seen, by the names at its ends."""

    def name(end: str) -> str:
        key = re.sub("_(in|out)$", "", end)
        return str(shown[key]["name"]) if key in shown else key

    found = {(name(e["tail"]), name(e["head"])): e["attributes"]["class"] for e in graph["edges"]}
    return {ends: kind for ends, kind in found.items() if kind != "hidden"}


def test_draws_every_state_and_edge_without_a_run() -> None:
    graph, shown = draw(DEFINITION)
    assert sorted(by_name(shown)) == ["Clean up", "Each", "Look", "Which way", "Work"]
    assert {told["status"] for told in shown.values()} == {None}
    assert edges(graph, shown) == {
        ("start", "Which way"): "next",
        ("Which way", "Clean up"): "next",
        ("Which way", "Work"): "next",
        ("Work", "Each"): "next",
        ("Work", "Clean up"): "catch",
        ("Each", "Look"): "next",
        ("Each", "end"): "next",
    }
    labels = [e["attributes"].get("tooltip") for e in graph["edges"]]
    assert "$.n NumericGreaterThan 3" in labels
    [cluster] = graph["subgraphs"]
    assert cluster["graphAttributes"]["id"] == by_name(shown)["Each"]["id"]


def test_colours_the_states_and_the_way_that_a_run_took() -> None:
    graph, shown = draw(DEFINITION, run_of(failing_run()))
    assert {name: told["status"] for name, told in by_name(shown).items()} == {
        "Which way": "SUCCEEDED",
        "Work": "CAUGHT",
        "Clean up": "FAILED",
        "Each": "NOT_REACHED",
        "Look": "NOT_REACHED",
    }
    taken = {ends for ends, kind in edges(graph, shown).items() if "taken" in kind}
    assert taken == {("start", "Which way"), ("Which way", "Work"), ("Work", "Clean up")}
    work = by_name(shown)["Work"]
    assert (work["retries"], work["error"], work["function"]) == (1, "Busy", "work")
    assert json.loads(work["cause"]) == {"errorMessage": "no luck"}
    assert json.loads(work["input"]) == {"n": 1}


def test_of_a_states_many_runs_the_worst_counts() -> None:
    history = Written()
    started = history.event("MapStateStarted", history.enter("Map", "Each", 0), length=2)
    for index in range(2):
        entered = history.enter("Pass", "Look", history.event("MapIterationStarted", started, name="Each", index=index))
        if index == 0:
            history.event("MapIterationSucceeded", history.exit("Pass", "Look", entered), name="Each", index=0)
    look = by_name(draw(DEFINITION, run_of(history.events))[1])["Look"]
    assert (look["status"], look["runs"], look["label"]) == ("RUNNING", {"RUNNING": 1, "SUCCEEDED": 1}, "Look [1]")


def test_a_retry_of_a_map_replaces_what_it_did_before() -> None:
    history = Written()
    started = history.event("MapStateStarted", history.enter("Map", "Each", 0), length=1)
    entered = history.enter("Pass", "Look", history.event("MapIterationStarted", started, name="Each", index=0))
    history.event("MapIterationFailed", entered, name="Each", index=0)
    again = history.event("MapStateStarted", entered, length=1)
    entered = history.enter("Pass", "Look", history.event("MapIterationStarted", again, name="Each", index=0))
    history.event("MapIterationSucceeded", history.exit("Pass", "Look", entered), name="Each", index=0)
    assert by_name(draw(DEFINITION, run_of(history.events))[1])["Look"]["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("read", "begun", "status"), [(0, 3, "NOT_RECORDED"), (1, 3, "SUCCEEDED"), (0, 0, "NOT_REACHED")]
)
def test_child_executions_colour_the_states_of_their_map(read: int, begun: int, status: str) -> None:
    history = Written()
    history.enter("Map", "Each", 0)
    child = Written()
    child.end("Succeeded", child.pass_through("Look", 0))
    children = {"Each": [Timeline(child.events)] * read}
    run = run_of(history.events, children=children, child_counts={"Each": {"total": 3, "pending": 3 - begun}})
    look = by_name(draw(DEFINITION, run)[1])["Look"]
    assert look["status"] == status
    if read:
        assert look["recorded"] == (1, 3)


def test_a_text_too_long_for_a_page_is_cut() -> None:
    history = Written()
    history.enter("Choice", "Which way", 0, input="x" * 9_000)
    text = by_name(draw(DEFINITION, run_of(history.events))[1])["Which way"]["input"]
    assert text.endswith("\n… 1,000 more characters")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def opened(browser: Browser, file: Path, **context: Any) -> Page:
    """The page from disk, in a browser without a network; an error on it fails the test."""
    shown = browser.new_context(offline=True, **context).new_page()
    shown.on("pageerror", lambda error: pytest.fail(str(error)))
    asked: list[str] = []
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(file.as_uri())
    shown.wait_for_selector("svg .state")
    assert asked == [file.as_uri()]
    return shown


def contrast(shown: Page, selector: str) -> float:
    """WCAG's contrast of a state's name with its fill."""
    pair: list[list[float]] = shown.evaluate(
        """selector => {
            const rgb = (element) => getComputedStyle(element).fill.match(/[0-9.]+/g).slice(0, 3).map(Number);
            const state = document.querySelector(selector);
            return [rgb(state.querySelector("text")), rgb(state.querySelector("path, polygon"))];
        }""",
        selector,
    )

    def luminance(colour: list[float]) -> float:
        parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted(map(luminance, pair), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_tells_of_a_state_what_its_run_did(browser: Browser, tmp_path: Path, scheme: str) -> None:
    file = tmp_path / "page.html"
    file.write_text(page(DEFINITION, "Cleaner <1>", run_of(failing_run(), error="Dirty")), "utf-8")
    shown = opened(browser, file, color_scheme=scheme)
    assert shown.title() == "Cleaner <1>"
    assert "FAILED" in shown.locator("#run").inner_text()
    assert shown.locator("#legend li").all_inner_texts() == ["succeeded", "failed, caught", "failed", "not reached"]
    assert shown.locator("svg .state").count() == 5
    assert shown.locator("svg .cluster.state.not-reached").count() == 1
    assert "Fail Dirty </script><b>" in (shown.locator("svg .state.fail").text_content() or "")
    for status in ("succeeded", "caught", "failed"):
        assert contrast(shown, f"svg .node.state.{status}") >= 4.5
    shown.locator("svg .state.caught").click()
    details = shown.locator("#details")
    assert details.locator("h2").inner_text() == "Work"
    facts = details.locator("dl").inner_text()
    for fact in ("failed, caught", "Busy", "lambda:invoke", "work"):
        assert fact in facts
    assert [json.loads(text) for text in details.locator("pre").all_inner_texts()[:3]] == [
        {"errorMessage": "no luck"},
        {"n": 1},
        {"x": "<i>"},
    ]
    shown.keyboard.press("Escape")
    assert details.is_hidden()
    shown.get_by_role("button", name="Each, Map").focus()
    shown.keyboard.press("Enter")
    assert details.locator("h2").inner_text() == "Each"
    shown.locator("svg .state.choice").hover()
    assert "Which way\nType: Choice" in shown.locator("#hint").inner_text()


@pytest.mark.browser
def test_a_long_machine_opens_where_it_failed_at_a_size_that_can_be_read(browser: Browser, tmp_path: Path) -> None:
    states = {f"Step {n}": {"Type": "Pass", "Next": f"Step {n + 1}"} for n in range(45)}
    states["Step 45"] = {"Type": "Fail"}
    history = Written()
    last = 0
    for name in list(states)[:-1]:
        last = history.pass_through(name, last)
    history.end("Failed", history.enter("Fail", "Step 45", last), error="No")
    file = tmp_path / "page.html"
    file.write_text(page({"StartAt": "Step 0", "States": states}, "Long", run_of(history.events)), "utf-8")
    shown = opened(browser, file, viewport={"width": 1200, "height": 800})
    assert shown.locator("svg .state").count() == 46
    failed = shown.locator("svg .state.failed")
    box = failed.bounding_box()
    assert box is not None
    assert 0 < box["y"] < 800
    label = failed.locator("text").first.bounding_box()
    assert label is not None
    assert label["height"] >= 12
    shown.get_by_role("button", name="Fit").click()
    drawing = shown.locator("#drawing").evaluate("e => [e.scrollHeight, e.clientHeight]")
    assert drawing[0] <= drawing[1]
