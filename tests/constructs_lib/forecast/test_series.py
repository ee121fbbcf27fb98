"""Seconds made of intervals and moments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_lib.forecast.series import Series

TIMES = st.floats(0, 20, allow_nan=False)


def test_should_have_a_second_for_each_that_has_begun() -> None:
    assert Series(2.1).values() == [0, 0, 0]
    assert Series(0).values() == [0]


def test_should_give_a_second_the_mean_of_a_level() -> None:
    series = Series(4)
    series.add_level(0.25, 2.5, 8)
    series.add_level(2, 4)
    assert series.values() == [6, 8, 5, 1]


def test_should_spread_an_amount_evenly() -> None:
    series = Series(3)
    series.add_amount(0.5, 2.5, 10)
    series.add_amount(1, 1, 7)
    assert series.values() == [2.5, 12, 2.5]


def test_should_add_a_moment_to_its_second() -> None:
    series = Series(2)
    series.add_moment(0.99)
    series.add_moment(1, 4)
    series.add_moment(2, 5)  # the end of the last second is within it
    assert series.values() == [1, 9]


@given(st.lists(st.tuples(TIMES, TIMES, st.floats(0.5, 1e6)), max_size=20))
def test_should_lose_nothing(amounts: list[tuple[float, float, float]]) -> None:
    series = Series(20)
    for start, end, amount in amounts:
        series.add_amount(min(start, end), max(start, end), amount)
    assert sum(series.values()) == pytest.approx(sum(amount for *_, amount in amounts))
    assert min(series.values()) > -1e-6
