"""The state of one evaluation: every row of AWS's tables, each previous state, and what is between the rows.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

import itertools

import pytest

from constructs_lib.testing.alarm_states import AlarmState, MissingData, next_state

OK, ALARM, INSUFFICIENT_DATA = AlarmState
KEPT = None
POINTS = {"0": False, "X": True, "-": None}


def state(points: str, missing_data: MissingData, previous: AlarmState, *, m: int, n: int = 3) -> AlarmState:
    return next_state(
        [POINTS[point] for point in points.split()],
        evaluation_periods=n,
        datapoints_to_alarm=m,
        missing_data=missing_data,
        previous=previous,
    )


@pytest.mark.parametrize("previous", AlarmState)
@pytest.mark.parametrize(
    ("m", "points", "missing", "ignore", "breaching", "not_breaching"),
    [
        (3, "0 - X - X", OK, OK, OK, OK),
        (3, "0 - - - -", OK, OK, OK, OK),
        (3, "- - - - -", INSUFFICIENT_DATA, KEPT, ALARM, OK),
        (3, "0 X X - X", ALARM, ALARM, ALARM, ALARM),
        (3, "- - X - -", ALARM, KEPT, ALARM, OK),
        (2, "0 - X - X", ALARM, ALARM, ALARM, ALARM),
        (2, "0 0 X 0 X", ALARM, ALARM, ALARM, ALARM),
        (2, "0 - X - -", OK, OK, ALARM, OK),
        (2, "- - - - 0", OK, OK, ALARM, OK),
        (2, "- - - X -", ALARM, KEPT, ALARM, OK),
    ],
)
def test_should_follow_each_row_of_the_documented_tables(
    m: int,
    points: str,
    missing: AlarmState | None,
    ignore: AlarmState | None,
    breaching: AlarmState | None,
    not_breaching: AlarmState | None,
    previous: AlarmState,
) -> None:
    got = [state(points, treatment, previous, m=m) for treatment in MissingData]
    assert got == [previous if each is KEPT else each for each in (missing, ignore, breaching, not_breaching)]


@pytest.mark.parametrize("previous", [OK, INSUFFICIENT_DATA])
@pytest.mark.parametrize("points", ["- - - - X", "- - - X -"])
def test_should_wait_before_a_premature_alarm(points: str, previous: AlarmState) -> None:
    assert state(points, MissingData.MISSING, previous, m=3) is previous


@pytest.mark.parametrize("points", ["- - - X 0", "- - X - 0"])
def test_should_call_off_a_premature_alarm_that_the_next_point_refutes(points: str) -> None:
    assert state(points, MissingData.MISSING, INSUFFICIENT_DATA, m=3) is OK


@pytest.mark.parametrize("points", ["X - - - -", "- X - X -", "- - X - X"])
def test_should_go_off_with_few_points_once_the_oldest_is_as_old_as_m(points: str) -> None:
    assert state(points, MissingData.MISSING, OK, m=3) is ALARM


@pytest.mark.parametrize("missing_data", MissingData)
@pytest.mark.parametrize(
    ("m", "points", "expected"),
    [(3, "X X X 0 X", OK), (2, "X X 0 0 X", OK), (2, "X X 0 0 0", OK), (3, "0 0 X X X", ALARM), (1, "X - 0 0 0", OK)],
)
def test_should_only_count_the_newest_points_where_there_are_enough(
    m: int, points: str, expected: AlarmState, missing_data: MissingData
) -> None:
    assert state(points, missing_data, INSUFFICIENT_DATA, m=m) is expected


def test_should_never_keep_a_state_where_enough_points_are_real() -> None:
    for points in itertools.product("0X-", repeat=5):
        if points.count("-") > 2:
            continue
        for missing_data, m in itertools.product(MissingData, (1, 2, 3)):
            real = [point for point in points if point != "-"][-3:]
            expected = ALARM if real.count("X") >= m else OK
            got = {state(" ".join(points), missing_data, previous, m=m) for previous in AlarmState}
            assert got == {expected}


def test_should_go_off_no_later_when_missing_points_breach_than_when_they_do_not() -> None:
    for points in itertools.product("0X-", repeat=5):
        text = " ".join(points)
        if state(text, MissingData.NOT_BREACHING, OK, m=2) is ALARM:
            assert {state(text, each, OK, m=2) for each in MissingData} == {ALARM}
