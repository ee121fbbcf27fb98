"""A load test as numbers: what its two drivers start, and when. Plain data: no aws_cdk here.

The stack LoadTest deploys it, and the forecast simulates it. Errors are `ValueError`s of one line.
"""

from dataclasses import dataclass
from fractions import Fraction

from constructs_lib._load_consumption import MAX_HOLD_SECONDS, MAX_TRANSITIONS, ExecutionLoad
from constructs_lib._load_profile import LoadProfile

ROWS_LABEL = "Rows"
"""Of a driver's Distributed Map, whose children start the executions."""
HOLD_LABEL = "HoldOpen"
"""Of the Distributed Map by which an execution holds a map run open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A driver: its profile, what each execution that it starts consumes, and the states of its own execution.

    `driver` and `started` name it and what it starts: their construct ids in the stack. `first_states` is 1, or 2 for a
    driver with an `ends_at`.
    """

    driver: str
    started: str
    profile: LoadProfile
    target: ExecutionLoad
    first_states: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """State transitions and open map runs: each grows for `ramp_seconds` and then stays for `hold_seconds`.

    A map run stays open for both times, so that after the ramp all of them are. 0 leaves one of the two out.

    Raises:
        ValueError: for numbers that the stack LoadTest can't be deployed with.

    """

    transitions_per_second: int
    transitions_per_execution: int
    map_runs: int
    ramp_seconds: int
    hold_seconds: int

    def __post_init__(self) -> None:
        if not self.transitions_per_second and not self.map_runs:
            raise ValueError(
                "map_runs is 0; allowed: 1 or more where transitions_per_second is 0. Ask for one of the two."
            )
        if not 1 <= self.transitions_per_execution <= MAX_TRANSITIONS:
            raise ValueError(
                f"transitions_per_execution is {self.transitions_per_execution}; allowed: 1 to {MAX_TRANSITIONS:,}. "
                "A history has no room for more."
            )
        if not 1 <= self.map_run_seconds <= MAX_HOLD_SECONDS:
            raise ValueError(
                f"hold_seconds is {self.hold_seconds}; allowed: 1 to {MAX_HOLD_SECONDS:,} with the "
                f"{self.ramp_seconds:,} of ramp_seconds together. A load test lasts a day at most."
            )

    @property
    def map_run_seconds(self) -> int:
        """How long each map run stays open."""
        return self.ramp_seconds + self.hold_seconds

    @property
    def transitions(self) -> Load | None:
        """What makes state transitions."""
        if not self.transitions_per_second:
            return None
        profile = LoadProfile.ramp_and_hold(
            starts_per_second=Fraction(self.transitions_per_second, self.transitions_per_execution),
            ramp_seconds=self.ramp_seconds,
            hold_seconds=self.hold_seconds,
        )
        target = ExecutionLoad.of_transitions(self.transitions_per_execution)
        return Load(driver="TransitionDriver", started="Transitions", profile=profile, target=target)

    @property
    def open_map_runs(self) -> Load | None:
        """What holds map runs open."""
        if not self.map_runs:
            return None
        profile = LoadProfile.evenly(starts=self.map_runs, seconds=max(1, self.ramp_seconds))
        target = ExecutionLoad.of_open_map_run(self.map_run_seconds)
        return Load(driver="MapRunDriver", started="MapRuns", profile=profile, target=target)
