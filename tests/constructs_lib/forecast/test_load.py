"""The simulation of load tests, second by second."""

from __future__ import annotations

from dataclasses import asdict, replace
from inspect import signature
from itertools import accumulate
from typing import Any

import pytest
from aws_cdk import Environment
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib import load_test as constructs
from constructs_lib._load_consumption import ExecutionLoad, consumption
from constructs_lib._load_plan import Load
from constructs_lib._load_profile import LoadProfile
from constructs_lib.forecast import load
from constructs_lib.forecast.load import LATE_SECONDS, LOAD_CONSTANTS, load_test, simulate_load
from constructs_lib.forecast.metrics import AccountLimits, AccountUse
from constructs_lib.forecast.result import Case
from constructs_lib.quotas.catalogue import DocumentedLimit
from stacks.load_test import LoadTestStack
from stacks.settings import LoadTestSetting
from tests.cdk import make_app

SMALL, LARGE = AccountLimits.documented_in("eu-central-1"), AccountLimits.documented_in("us-east-1")
WITHOUT_LIMITS = AccountLimits(
    state_transitions=DocumentedLimit(limit=1e9, bucket_size=1e9),
    start_execution=DocumentedLimit(limit=1e9, bucket_size=1e9),
    map_runs=1e9,
    open_executions=1e9,
)
TWO_STATES = ExecutionLoad(transitions=2, executions=1, map_runs=0, seconds=None)


def states(limit: float, bucket_size: float) -> AccountLimits:
    return replace(SMALL, state_transitions=DocumentedLimit(limit=limit, bucket_size=bucket_size))


def bursts(*rows: tuple[int, int], target: ExecutionLoad = TWO_STATES) -> tuple[Load, ...]:
    return (Load(driver="Driver", started="Target", profile=LoadProfile(rows), target=target),)


def counted(loads: tuple[Load, ...]) -> int:
    return sum(
        consumption(each.profile, each.target, first_states=each.first_states, retries_per_start=0).transitions
        for each in loads
    )


@pytest.mark.parametrize("limits", [SMALL, LARGE, WITHOUT_LIMITS])
@pytest.mark.parametrize("transitions_per_second", [100, 1000, 3000])
def test_should_enter_each_state_that_is_paid_for(transitions_per_second: int, limits: AccountLimits) -> None:
    loads = load_test(transitions_per_second=transitions_per_second, map_runs=1200)
    use = simulate_load(loads, limits)
    assert sum(use.transitions) == counted(loads)
    assert (use.map_runs[-1], use.open_executions[-1]) == (0, 0)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 60)), min_size=1, max_size=8).map(sorted),
    transitions=st.integers(1, 300),
    refill=st.integers(20, 900),
    case=st.sampled_from(list(Case)),
)
def test_should_never_enter_more_than_the_bucket_has(
    rows: list[tuple[int, int]], transitions: int, refill: int, case: Case
) -> None:
    loads = bursts(*rows, target=replace(TWO_STATES, transitions=transitions))
    use = simulate_load(loads, states(refill, 2 * refill), case=case)
    for second, entered in enumerate(accumulate(use.transitions), start=1):
        assert entered <= 2 * refill + refill * (second - 1)
    assert max(use.transitions) <= 2 * refill
    assert sum(use.states_throttled) <= sum(use.transitions)
    in_time = sum(use.starts) == 1 + sum(count for _, count in rows)
    assert (sum(use.transitions) == counted(loads)) is in_time


def test_should_count_a_state_that_waits_once_when_it_begins_to() -> None:
    # All in second 0: the driver's state, the row's three, 40 starts, two states each of 40 executions.
    use = simulate_load(bursts((0, 40)), states(10, 100))
    assert use.transitions == [100, 10, 10, 4]
    assert use.states_throttled == [24, 0, 0, 0]


def test_should_throttle_nothing_within_the_limit() -> None:
    use = simulate_load(load_test(transitions_per_second=600), SMALL)
    assert not any(use.states_throttled)
    assert not any(use.starts_throttled)
    # After the ramp six executions a second: their own states, the driver's start of each, two of the row.
    assert set(use.transitions[62:178]) == {600 + 2 + 6}


def test_should_start_nothing_that_is_late() -> None:
    # The first row's executions have 400 states waiting, ten each.
    loads = bursts((0, 40), (600, 1), target=replace(TWO_STATES, transitions=100))
    in_time, late = simulate_load(loads, states(2, 2)), simulate_load(loads, states(1, 1))
    assert (sum(in_time.starts), sum(in_time.transitions)) == (1 + 41, counted(loads))
    # "Not started" instead of the row's Map: no start, and none of the execution's states.
    assert (sum(late.starts), sum(late.transitions)) == (1 + 40, counted(loads) - 1 - 100)
    assert late.open_executions[-1] == 0


def test_should_take_a_row_for_late_from_the_limit_on(monkeypatch: pytest.MonkeyPatch) -> None:
    # A state a second: the driver's own, two rows that wait; then each asks whether it is in time, in seconds 3 and 4.
    monkeypatch.setattr(load, "LATE_SECONDS", 4)
    assert sum(simulate_load(bursts((0, 1), (0, 1)), states(1, 1)).starts) == 1 + 1


def test_should_begin_a_hundred_rows_a_second() -> None:
    use = simulate_load(bursts(*((1, 1),) * 120), WITHOUT_LIMITS)
    # The driver's state and the rows' waits; then the other rows' waits, and what all of them do when they are due.
    assert use.transitions == [1 + 100, 20 + 120 * (2 + 1 + 2)]
    assert use.open_executions[0] == 1 + 100


def test_should_let_map_runs_wait_over_the_limit_and_hold_each_as_long() -> None:
    loads = load_test(transitions_per_second=0, map_runs=12, ramp_seconds=0, hold_seconds=30)
    use = simulate_load(loads, replace(SMALL, map_runs=5))
    # The driver's own is one of five; the others come in three lots of four.
    assert max(use.map_runs) == 5
    assert use.map_runs_waiting[:30] == [8] * 30
    assert use.map_runs_waiting[30:60] == [4] * 30
    assert not any(use.map_runs_waiting[60:])
    assert len(use.map_runs) == 3 * 30 + 1
    assert sum(use.map_runs) == 12 * 30 + 90


def test_should_have_the_open_executions_that_the_driver_states() -> None:
    loads = load_test(transitions_per_second=0, map_runs=950)
    (driver,) = loads
    stated = consumption(driver.profile, driver.target, first_states=1, retries_per_start=0)
    use = simulate_load(loads, SMALL)
    assert (max(use.open_executions), max(use.map_runs)) == (stated.open_executions, stated.map_runs)
    assert len(use.transitions) == stated.duration_seconds + 1


def test_should_call_again_what_was_refused_for_a_transition_more() -> None:
    loads = bursts(*((0, 40),) * 50, target=replace(TWO_STATES, transitions=1))
    use = simulate_load(loads, replace(WITHOUT_LIMITS, start_execution=SMALL.start_execution))
    assert sum(use.starts) == 1 + 50 * 40
    assert use.starts[0] == 800
    assert use.starts_throttled[0] == 2_001 - 800
    assert sum(use.transitions) == counted(loads) + sum(use.starts_throttled)
    # Those refused in second 0 come back after five, with what the bucket has been refilled by.
    assert use.starts[1:5] == [0] * 4
    assert use.starts[5] == 5 * 150


@pytest.mark.parametrize(("case", "seconds"), [(Case.OPTIMISTIC, 2), (Case.PESSIMISTIC, 10)])
def test_should_call_again_as_soon_as_is_assumed(case: Case, seconds: int) -> None:
    limits = replace(WITHOUT_LIMITS, start_execution=DocumentedLimit(limit=5, bucket_size=10))
    use = simulate_load(bursts((0, 40)), limits, case=case)
    assert use.starts[: seconds + 1] == [10, *[0] * (seconds - 1), min(10, 5 * seconds)]


def test_should_take_longer_for_executions_at_a_slower_pace() -> None:
    loads = bursts((0, 1), target=replace(TWO_STATES, transitions=10_000))
    fast, likely, slow = (len(simulate_load(loads, LARGE, case=case).transitions) for case in Case)
    # 10 loops side by side, of some 1,000 states each.
    assert fast == 1_000 // 50 + 1
    assert likely == 1_000 // 25 + 1
    assert slow == 1_000 // 10 + 1


def test_should_run_drivers_side_by_side() -> None:
    transitions, map_runs = load_test()
    both, one, other = (simulate_load(loads, LARGE) for loads in ((transitions, map_runs), (transitions,), (map_runs,)))
    for name in ("transitions", "starts", "map_runs", "open_executions"):
        first, second = getattr(one, name), getattr(other, name)
        longest = [*first, *[0] * (len(second) - len(first))]
        assert getattr(both, name) == [a + b for a, b in zip(longest, second, strict=True)], name


def test_should_say_whose_states_wait() -> None:
    # In second 0: the driver's state, the row's three, 40 starts. The executions' first states take four seconds more.
    use = simulate_load(bursts((0, 40)), states(10, 44))
    throttled = {name: list(its.states_throttled) for name, its in use.workflows.items()}
    assert throttled == {"Driver": [0] * 9, "Driver/Rows": [0] * 9, "Target": [40, 0, 0, 0, 40, 0, 0, 0, 0]}
    use = simulate_load(bursts((0, 40)), states(1, 1))
    assert {name: next(iter(its.states_throttled)) for name, its in use.workflows.items()} == {
        "Driver": 0,
        "Driver/Rows": 1,
        "Target": 0,
    }


@pytest.mark.parametrize("limits", [SMALL, replace(SMALL, map_runs=20), states(30, 30)])
def test_should_leave_nothing_that_waits_or_starts_without_a_name(limits: AccountLimits) -> None:
    transitions, map_runs = loads = load_test(transitions_per_second=1000, map_runs=60, ramp_seconds=20)
    use = simulate_load(loads, limits)
    waiting = [its.states_throttled for its in use.workflows.values()]
    assert [sum(second) for second in zip(*waiting, strict=True)] == list(use.states_throttled)
    started = {name: sum(its.executions_started) for name, its in use.workflows.items()}
    rows = {each.driver: len(each.profile.rows) for each in loads}
    starts = {each.started: sum(count for _, count in each.profile.rows) for each in loads}
    assert started == {
        "TransitionDriver": 1,
        "TransitionDriver/Rows": rows[transitions.driver],
        "Transitions": starts[transitions.started],
        "MapRunDriver": 1,
        "MapRunDriver/Rows": rows[map_runs.driver],
        "MapRuns": starts[map_runs.started],
        "MapRuns/HoldOpen": starts[map_runs.started],
    }


def test_should_be_what_the_stack_deploys() -> None:
    fields: dict[str, Any] = {
        "transitions_per_second": 70,
        "transitions_per_execution": 30,
        "map_runs": 7,
        "ramp_seconds": 11,
        "hold_seconds": 13,
    }
    setting = LoadTestSetting(account="111111111111", **fields)
    stack = LoadTestStack(make_app(), "LoadTest", settings=setting, env=Environment(account=setting.account))
    drivers = (stack.transition_driver, stack.map_run_driver)
    for expected, driver in zip(load_test(**fields), drivers, strict=True):
        assert driver is not None
        assert {expected.driver, expected.started} <= {child.node.id for child in stack.node.children}
        retries = driver.consumption.retries // driver.consumption.starts
        stated = consumption(expected.profile, expected.target, first_states=1, retries_per_start=retries)
        assert stated == driver.consumption
    assert LATE_SECONDS == constructs._LATE_SECONDS


def test_should_have_the_stacks_defaults() -> None:
    settings = asdict(LoadTestSetting(account="111111111111"))
    for name, parameter in signature(load_test).parameters.items():
        assert parameter.default == settings[name]


def test_should_leave_out_what_is_none() -> None:
    assert [each.target.map_runs for each in load_test(map_runs=0)] == [0]
    assert [each.target.map_runs for each in load_test(transitions_per_second=0)] == [1]


def test_should_be_sure_of_no_constant() -> None:
    for constant in (LOAD_CONSTANTS.states_per_second, LOAD_CONSTANTS.retry_seconds):
        assert constant.basis == "assumed"
        assert constant.optimistic != constant.pessimistic


def test_should_refuse_no_load() -> None:
    with pytest.raises(ValueError, match=r"^loads is empty; allowed: one load or more\. Say such as load_test"):
        simulate_load([], SMALL)


def test_should_refuse_one_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "_MOST_SECONDS", 1000)
    # The driver's own map run is the only one that may be open.
    with pytest.raises(ValueError, match=r"^the load takes over two weeks; allowed: less\. Start less, or raise"):
        simulate_load(load_test(transitions_per_second=0), replace(SMALL, map_runs=1))


def test_should_be_as_long_as_its_longest_series() -> None:
    assert AccountUse(starts=[1], map_runs=[1, 1]).seconds == 2
