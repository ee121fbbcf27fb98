"""The bar: how much of several forecasts is done."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from constructs_lib.forecast import progress
from constructs_lib.forecast.progress import Bar

if TYPE_CHECKING:
    from collections.abc import Callable


class Shown:
    """Takes what a bar would show."""

    task_ids = (0,)

    def __init__(self) -> None:
        self.completed: list[float] = []
        self.stopped = False

    def update(self, _: int, *, completed: float, refresh: bool) -> None:
        assert refresh
        self.completed.append(completed)

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    found = Shown()
    monkeypatch.setattr(progress, "_started", lambda _: found)
    monkeypatch.setattr(progress, "_REFRESHED_EVERY_SECONDS", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    return found


def step(bar: Bar, index: int) -> Callable[[int, int], Any]:
    found = bar.of(index)
    assert found is not None
    return found


def test_should_show_the_share_of_all_forecasts(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SHOWN_AFTER_SECONDS", 0)
    with Bar(4) as bar:
        step(bar, 0)(1, 2)
        step(bar, 3)(3, 3)
    assert shown.completed == [0.125, 1]
    assert shown.stopped


def test_should_show_nothing_of_what_is_done_within_a_second(shown: Shown) -> None:
    with Bar(1) as bar:
        step(bar, 0)(1, 1)
    assert shown.completed == []


def test_should_show_nothing_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert Bar(1).of(0) is None
