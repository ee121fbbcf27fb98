from __future__ import annotations

import pytest

from constructs_lib._load_consumption import MAX_TRANSITIONS, Consumption, ExecutionLoad, TransitionShape, consumption
from constructs_lib._load_profile import LoadProfile

MAX_EVENTS = 25_000


def state(profile: LoadProfile, load: ExecutionLoad, *, first_states: int = 1) -> Consumption:
    return consumption(profile, load, first_states=first_states, retries_per_start=15)


def enter(shape: TransitionShape) -> int:
    """The states that an execution of the shape enters, gone through one by one."""
    entered = shape.steps
    if shape.loops:
        entered += 1  # the Parallel
    for rounds in shape.loops:
        entered += 1  # begin
        left = rounds
        while True:
            entered += 1  # count
            left -= 1
            entered += 1  # more?
            if left <= 0:
                break
        entered += 1  # end
    return entered


def test_should_have_a_shape_of_exactly_each_number_of_transitions() -> None:
    for number in range(1, MAX_TRANSITIONS + 1):
        shape = TransitionShape.of(number)
        assert shape.transitions == number
        assert shape.events <= MAX_EVENTS
        # A chain of ten thousand would take its time: nearly all of it is side by side, in parts alike.
        assert shape.steps <= 1 or number <= 4
        assert len(shape.loops) <= 10
        assert not shape.loops or 1 <= min(shape.loops) <= max(shape.loops) <= min(shape.loops) + 1


@pytest.mark.parametrize("number", [*range(1, 60), 999, 1000, 1001, 4999, 9999, 10_000])
def test_should_enter_what_the_formula_says(number: int) -> None:
    assert enter(TransitionShape.of(number)) == number


def test_should_count_the_drivers_own_transitions() -> None:
    profile = LoadProfile(((0, 3), (10, 50)))
    stated = state(profile, ExecutionLoad(transitions=7, executions=1, map_runs=0, seconds=None), first_states=2)
    assert profile.rows == ((0, 3), (10, 40), (10, 10))
    # Two of its own; of each row a Wait, a Choice and a Map; a Task a start.
    assert stated.driver_transitions == 2 + 3 * 3 + 53
    assert stated.target_transitions == 53 * 7
    assert stated.transitions == 2 + 9 + 53 + 371
    assert stated.dollars == pytest.approx(435 / 1000 * 0.025)
    # Fifteen more of each Task.
    assert stated.retries == 53 * 15
    assert stated.most_dollars == pytest.approx((435 + 53 * 15) / 1000 * 0.025)
    # After ten seconds: Choice and Map of two rows, 50 Tasks, 50 executions.
    assert stated.peak_transitions_per_second == 2 * 2 + 50 + 50 * 7
    assert (stated.driver_map_runs, stated.target_map_runs, stated.map_runs) == (1, 0, 1)
    # Any of the transitions can be delayed, so all of the executions can be open.
    assert stated.open_executions == 1 + 3 + 53
    assert stated.duration_seconds == 10


def test_should_count_the_waits_that_begin_in_the_first_second() -> None:
    stated = state(
        LoadProfile.evenly(starts=250, seconds=1000),
        ExecutionLoad(transitions=1, executions=1, map_runs=0, seconds=None),
    )
    assert stated.peak_transitions_per_second == 1 + 100


@pytest.mark.parametrize(
    ("rows", "hold", "held"),
    [
        (((0, 5),), 10, 5),
        (((0, 5), (9, 5)), 10, 10),
        # One that ends while another starts.
        (((0, 5), (10, 5)), 10, 10),
        (((0, 5), (11, 5)), 10, 5),
        (((0, 1), (1, 1), (2, 1), (3, 1)), 2, 3),
        (((0, 100), (50, 1)), 10, 100),
    ],
)
def test_should_count_the_map_runs_that_are_open_at_the_same_time(
    rows: tuple[tuple[int, int], ...], hold: int, held: int
) -> None:
    profile = LoadProfile(rows)
    stated = state(profile, ExecutionLoad(transitions=2, executions=2, map_runs=1, seconds=hold))
    assert (stated.target_map_runs, stated.map_runs) == (held, held + 1)
    assert stated.open_executions == 1 + len(profile.rows) + 2 * held
    assert stated.duration_seconds == profile.last_offset_seconds + hold


def test_should_say_it_in_words() -> None:
    load = ExecutionLoad(transitions=2000, executions=1, map_runs=0, seconds=None)
    profile = LoadProfile(((0, 1), (60, 1199)))
    assert str(state(profile, load)) == (
        "1,200 executions in 60 seconds; 2,401,294 state transitions (2,399,259 a second at the peak), 1,294 of them "
        "the driver's own; at most 1 open map run, the driver's own included, and 1,232 open executions; about $60.03 "
        "(with every possible retry about $60.48) at $25 a million transitions"
    )
    held = ExecutionLoad(transitions=2, executions=2, map_runs=1, seconds=1)
    assert str(state(LoadProfile(((0, 1),)), held)) == (
        "1 execution in 1 second; 7 state transitions (7 a second at the peak), 5 of them the driver's own; at most 2 "
        "open map runs, the driver's own included, and 4 open executions; less than $0.01 (with every possible retry "
        "less than $0.01) at $25 a million transitions"
    )
