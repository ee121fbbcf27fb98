"""A load test as numbers."""

from __future__ import annotations

from typing import Any

import pytest

from constructs_lib._load_consumption import ExecutionLoad
from constructs_lib._load_plan import Load, LoadPlan
from constructs_lib._load_profile import LoadProfile

NUMBERS: dict[str, Any] = {
    "transitions_per_second": 6,
    "transitions_per_execution": 3,
    "map_runs": 4,
    "ramp_seconds": 2,
    "hold_seconds": 5,
}


def test_should_grow_for_the_ramp_and_then_stay() -> None:
    plan = LoadPlan(**NUMBERS)
    # Two starts a second after the ramp, on whose way there are two in two seconds.
    assert plan.transitions == Load(
        driver="TransitionDriver",
        started="Transitions",
        profile=LoadProfile(((1, 2), *((second, 2) for second in range(2, 7)))),
        target=ExecutionLoad(transitions=3, executions=1, map_runs=0, seconds=None),
    )
    # All four are open from the ramp's end until the first closes.
    assert plan.open_map_runs == Load(
        driver="MapRunDriver",
        started="MapRuns",
        profile=LoadProfile(((0, 2), (1, 2))),
        target=ExecutionLoad(transitions=2, executions=2, map_runs=1, seconds=7),
    )


def test_should_leave_out_what_is_none() -> None:
    assert LoadPlan(**NUMBERS | {"map_runs": 0}).open_map_runs is None
    assert LoadPlan(**NUMBERS | {"transitions_per_second": 0}).transitions is None


def test_should_open_all_map_runs_at_once_without_a_ramp() -> None:
    load = LoadPlan(**NUMBERS | {"ramp_seconds": 0}).open_map_runs
    assert load is not None
    assert (load.profile.rows, load.target.seconds) == (((0, 4),), 5)


@pytest.mark.parametrize(("ramp", "hold"), [(0, 1), (1, 0), (60, 86_340)])
def test_should_last_up_to_a_day(ramp: int, hold: int) -> None:
    plan = LoadPlan(**NUMBERS | {"transitions_per_second": 0, "ramp_seconds": ramp, "hold_seconds": hold})
    assert plan.map_run_seconds == ramp + hold


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"map_runs": 0, "transitions_per_second": 0}, "map_runs is 0; allowed: 1 or more where transitions_per_sec"),
        ({"transitions_per_execution": 0}, "transitions_per_execution is 0; allowed: 1 to 10,000. A history has no r"),
        ({"transitions_per_execution": 10_001}, "transitions_per_execution is 10001; allowed: 1 to 10,000. "),
        ({"ramp_seconds": 0, "hold_seconds": 0}, "hold_seconds is 0; allowed: 1 to 86,400 with the 0 of ramp_seconds"),
        ({"hold_seconds": 86_399}, "hold_seconds is 86399; allowed: 1 to 86,400 with the 2 of ramp_seconds together."),
    ],
)
def test_should_refuse_in_one_line(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as refused:
        LoadPlan(**NUMBERS | changed)
    assert "\n" not in str(refused.value)
