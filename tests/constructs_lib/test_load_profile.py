from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib._load_profile import MAX_ROWS, MAX_STARTS_PER_ROW, LoadProfile

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 200)), min_size=1, max_size=20).map(
    lambda rows: tuple(sorted(rows))
)


def per_second(profile: LoadProfile) -> dict[int, int]:
    counts: dict[int, int] = {}
    for offset, count in profile.rows:
        counts[offset] = counts.get(offset, 0) + count
    return counts


def test_should_grow_evenly_and_then_stay() -> None:
    profile = LoadProfile.ramp_and_hold(starts_per_second=10, ramp_seconds=5, hold_seconds=3)
    assert per_second(profile) == {0: 1, 1: 3, 2: 5, 3: 7, 4: 9, 5: 10, 6: 10, 7: 10}
    assert profile.starts == 10 * 5 / 2 + 10 * 3
    assert profile.last_offset_seconds == 7


def test_should_lose_no_start_by_rounding() -> None:
    assert LoadProfile.ramp_and_hold(starts_per_second=0.29, ramp_seconds=0, hold_seconds=100).starts == 29
    third = LoadProfile.ramp_and_hold(starts_per_second=Fraction(1, 3), ramp_seconds=0, hold_seconds=9)
    assert third.rows == ((2, 1), (5, 1), (8, 1))


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(1, 500))
def test_should_spread_starts_evenly(starts: int, seconds: int) -> None:
    profile = LoadProfile.evenly(starts=starts, seconds=seconds)
    assert profile.starts == starts
    counts = per_second(profile)
    each = [counts.get(second, 0) for second in range(seconds)]
    assert max(each) - min(each) <= 1


@settings(deadline=None)
@given(ROWS)
def test_should_split_rows_that_no_inline_map_runs_at_once(rows: tuple[tuple[int, int], ...]) -> None:
    profile = LoadProfile(rows)
    assert all(1 <= count <= MAX_STARTS_PER_ROW for _, count in profile.rows)
    expected: dict[int, int] = {}
    for offset, count in rows:
        expected[offset] = expected.get(offset, 0) + count
    assert per_second(profile) == expected


@settings(deadline=None)
@given(ROWS)
def test_should_be_the_same_after_a_trip_through_csv(rows: tuple[tuple[int, int], ...]) -> None:
    profile = LoadProfile(rows)
    assert LoadProfile.from_csv(profile.to_csv()) == profile


def test_should_read_what_spreadsheets_write() -> None:
    assert LoadProfile.from_csv("\ufeffoffset_seconds, count\r\n0, 1\r\n60,5\r\n").rows == ((0, 1), (60, 5))
    assert LoadProfile(((0, 1), (60, 5))).to_csv() == "offset_seconds,count\n0,1\n60,5\n"


def test_should_take_as_much_as_a_driver_keeps_up_with() -> None:
    assert len(LoadProfile(((0, 40 * 100), (1, 40 * 100))).rows) == 200
    assert len(LoadProfile(((99, MAX_ROWS * MAX_STARTS_PER_ROW),)).rows) == MAX_ROWS
    assert LoadProfile(((86_400, 1),)).last_offset_seconds == 86_400


def ramp(**changes: Any) -> LoadProfile:
    return LoadProfile.ramp_and_hold(**{"starts_per_second": 1, "ramp_seconds": 1, "hold_seconds": 1} | changes)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: LoadProfile(()), "rows is empty; allowed: one row or more"),
        (lambda: LoadProfile("0,1"), "rows is '0,1'; allowed: rows of (offset_seconds, count)"),  # type: ignore[arg-type]
        (lambda: LoadProfile(((0, 1), (5, 0))), "count of row 2 is 0; allowed: 1 or more"),
        (lambda: LoadProfile(((0, -3),)), "count of row 1 is -3; allowed: 1 or more"),
        (lambda: LoadProfile(((-1, 3),)), "offset_seconds of row 1 is -1; allowed: 0 to 86,400, a day"),
        (lambda: LoadProfile(((86_401, 3),)), "offset_seconds of row 1 is 86401; allowed: 0 to 86,400, a day"),
        (lambda: LoadProfile(((5, 1), (4, 1))), "offset_seconds of row 2 is 4, after 5; allowed: rows by their offset"),
        (lambda: LoadProfile(((0, True),)), "row 1 is (0, True); allowed: two whole numbers"),
        (lambda: LoadProfile(((0, 1.5),)), "row 1 is (0, 1.5); allowed: two whole numbers"),  # type: ignore[arg-type]
        (lambda: LoadProfile(((0, 1, 2),)), "row 1 is (0, 1, 2); allowed: two whole numbers"),  # type: ignore[arg-type]
        (lambda: LoadProfile(((500, 400_001),)), "rows are 10,001, each of up to 40 starts; allowed: at most 10,000"),
        (
            lambda: LoadProfile(((0, 40 * 100 + 1),)),
            "row 101 of 101 is due after 0 s; allowed: at most 100 rows, each of up to 40 starts, for each second",
        ),
        (lambda: LoadProfile.from_csv(""), "line 1 is ''; allowed: offset_seconds,count"),
        (lambda: LoadProfile.from_csv("when,count\n0,1\n"), "line 1 is 'when,count'; allowed: offset_seconds,count"),
        (lambda: LoadProfile.from_csv("offset_seconds,count\n"), "rows is empty"),
        (lambda: LoadProfile.from_csv("offset_seconds,count\n0,1\n5,many\n"), "line 3 is '5,many'; allowed: two whole"),
        (
            lambda: LoadProfile.from_csv("offset_seconds,count\n0,1\n\n9,1\n"),
            "line 3 is ''; allowed: two whole numbers",
        ),
        (
            lambda: LoadProfile.from_csv("offset_seconds,count\n0,1,2\n"),
            "line 2 is '0,1,2'; allowed: two whole numbers",
        ),
        (lambda: ramp(starts_per_second=0), "starts_per_second is 0; allowed: a number over 0"),
        (lambda: ramp(starts_per_second=True), "starts_per_second is True; allowed: a number over 0"),
        (lambda: ramp(starts_per_second=float("nan")), "starts_per_second is nan; allowed: a number over 0"),
        (lambda: ramp(starts_per_second=float("inf")), "starts_per_second is inf; allowed: a number over 0"),
        (lambda: ramp(starts_per_second="5"), "starts_per_second is '5'; allowed: a number over 0"),
        (lambda: ramp(ramp_seconds=-1), "ramp_seconds is -1; allowed: a whole number from 0 to 86,400"),
        (lambda: ramp(hold_seconds=1.5), "hold_seconds is 1.5; allowed: a whole number from 0 to 86,400"),
        (lambda: ramp(starts_per_second=0.1), "starts_per_second is 0.1, for 2 s; allowed: a rate and times that give"),
        (lambda: ramp(ramp_seconds=0, hold_seconds=0), "starts_per_second is 1, for 0 s; allowed: a rate and times"),
        (lambda: LoadProfile.evenly(starts=0, seconds=1), "starts is 0; allowed: a whole number, 1 or more"),
        (lambda: LoadProfile.evenly(starts=1, seconds=0), "seconds is 0; allowed: a whole number, 1 or more"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_should_refuse_in_one_line(make: Callable[[], LoadProfile], told: str) -> None:
    with pytest.raises(ValueError, match=f"^LoadProfile: {re.escape(told)}") as refused:
        make()
    assert "\n" not in str(refused.value)
