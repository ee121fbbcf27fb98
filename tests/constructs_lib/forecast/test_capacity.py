from __future__ import annotations

from fractions import Fraction
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_lib.forecast.capacity import NOBODY, Environments, PacedServer, Slots, TokenBucket

ARRIVALS = st.lists(st.integers(0, 50), min_size=1, max_size=40).map(sorted)


def test_should_serve_a_burst_from_a_full_bucket_and_then_at_its_rate() -> None:
    bucket = TokenBucket(size=3, refill=2)
    assert [bucket.take(10) for _ in range(6)] == [10, 10, 10, 10.5, 11, 11.5]
    assert [bucket.take(100) for _ in range(4)] == [100, 100, 100, 100.5]


def test_should_wait_for_the_last_of_several_tokens() -> None:
    bucket = TokenBucket(size=3, refill=2)
    assert bucket.take(0, 5) == 1
    assert bucket.when(0) == 1.5
    assert bucket.when(0) == 1.5  # asking takes nothing


@given(ARRIVALS, st.integers(1, 5), st.integers(1, 5))
def test_should_never_grant_more_than_size_and_refill(arrivals: list[int], size: int, refill: int) -> None:
    bucket = TokenBucket(size, refill)
    granted = [Fraction(bucket.take(time)).limit_denominator(60) for time in arrivals]
    assert all(grant >= time for grant, time in zip(granted, arrivals, strict=True))
    for first in range(len(granted)):
        for last in range(first, len(granted)):
            assert last - first + 1 <= size + refill * (granted[last] - granted[first]), (first, last)


@given(ARRIVALS, st.integers(1, 5), st.integers(1, 5))
def test_should_hold_up_nobody_while_there_are_tokens(arrivals: list[int], size: int, refill: int) -> None:
    """Whoever waited found the bucket as empty as its rate allows: the tokens before it leave no room."""
    bucket = TokenBucket(size, refill)
    granted = [Fraction(bucket.take(time)).limit_denominator(60) for time in arrivals]
    for number, (time, grant) in enumerate(zip(arrivals, granted, strict=True)):
        if grant > time:
            assert any(
                number - first + 1 > size + refill * (grant - Fraction(1, 60) - arrivals[first])
                for first in range(number + 1)
            )


def test_should_serve_one_after_the_other_and_say_who_was_before() -> None:
    server = PacedServer(rate=10)
    assert server.serve(0, 5, who=0) == (0.5, NOBODY)
    assert server.serve(0.2, 5, who=1) == (1.0, 0)
    assert server.serve(3, 10, who=2) == (4.0, NOBODY)


def test_should_give_the_slot_that_gets_free_first() -> None:
    slots = Slots(2)
    assert [slots.acquire(1) for _ in range(2)] == [(1, NOBODY), (1, NOBODY)]
    slots.release(9, who=0)
    slots.release(4, who=1)
    assert slots.acquire(2) == (4, 1)
    slots.release(5, who=2)
    assert slots.acquire(7) == (7, NOBODY)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), min_size=1, max_size=40), st.integers(1, 5))
def test_should_never_run_more_than_there_are_slots(children: list[tuple[int, int]], count: int) -> None:
    slots, times, turn = Slots(count), [], 0.0
    for who, (arrival, work) in enumerate(children):
        turn, _ = slots.acquire(max(turn, arrival))
        slots.release(turn + work, who)
        times.append((turn, turn + work))
    for start, _ in times:
        assert sum(begun <= start < end for begun, end in times) <= count


def test_should_make_environments_as_fast_as_the_ramp_allows() -> None:
    environments = Environments(limit=5, burst=2, ramp_up=0.5)
    assert [environments.acquire(10) for _ in range(4)] == [
        (10, NOBODY, True),
        (10, NOBODY, True),
        (12, NOBODY, True),
        (14, NOBODY, True),
    ]
    assert environments.made == 4
    environments.release(13, who=0)
    assert environments.acquire(12) == (13, 0, False)
    assert environments.acquire(20) == (20, NOBODY, True)
    assert environments.full


def test_should_prefer_an_environment_that_is_there() -> None:
    environments = Environments(limit=10, burst=10, ramp_up=1)
    environments.acquire(0)
    environments.release(1, who=0)
    assert environments.acquire(2) == (2, NOBODY, False)
    assert environments.made == 1


def test_should_wait_for_an_environment_at_the_limit() -> None:
    environments = Environments(limit=1, burst=1, ramp_up=inf)
    environments.acquire(0)
    environments.release(5, who=7)
    assert environments.acquire(1) == (5, 7, False)


@pytest.mark.parametrize("size", [1, 3])
def test_should_meet_a_demand_no_earlier_with_a_smaller_limit(size: int) -> None:
    small, large = TokenBucket(size, 2), TokenBucket(size + 1, 3)
    assert all(large.take(time) <= small.take(time) for time in (0, 0, 0, 1, 1, 2, 5, 5, 5, 5, 5))
