"""What a load consumes: transitions, map runs, open executions and dollars, all of it computed before anything runs.

Plain arithmetic: no aws_cdk here. A transition is a state entered or retried. How many retries there will be can't be
known before, only how many there can be. That a bill counts states entered is inferred from "a state transition each
time a step of your workflow is executed", retries included: https://aws.amazon.com/step-functions/pricing/
"""

from collections import Counter
from dataclasses import dataclass
from itertools import accumulate

from constructs_lib._load_profile import ROWS_PER_SECOND, LoadProfile

DOLLARS_PER_MILLION_TRANSITIONS = 25
"""us-east-1, as read in November 2026 from https://aws.amazon.com/step-functions/pricing/; São Paulo takes 37.5."""

MAX_TRANSITIONS = 10_000
"""An execution's: at two events each and a few more, far enough from the 25,000 that a history may have."""

MAX_HOLD_SECONDS = 86_400
"""A day: a map run that somebody forgot closes by itself."""

_LOOPS = 10
_LEAST_IN_A_LOOP = 4


@dataclass(frozen=True, slots=True)
class TransitionShape:
    """The states of an execution that enters so many, and not one more.

    First `steps`, one after the other; then, where there are any, `loops` side by side in a Parallel. A loop begins,
    goes its rounds of two states each (one that counts, one that asks whether there are more), and ends.
    """

    steps: int
    loops: tuple[int, ...]
    """The rounds of each."""

    @classmethod
    def of(cls, transitions: int) -> "TransitionShape":
        """Return the shape of exactly so many: as much as possible of it in ten loops."""
        if transitions <= _LEAST_IN_A_LOOP:
            return cls(transitions, ())
        # The Parallel itself is one; a loop's are even in number, so that a step makes up for an odd rest.
        pairs, steps = divmod(transitions - 1, 2)
        loops = min(_LOOPS, pairs * 2 // _LEAST_IN_A_LOOP)
        each, more = divmod(pairs, loops)
        return cls(steps, tuple(each + (number < more) - 1 for number in range(loops)))

    @property
    def transitions(self) -> int:
        """The states that are entered."""
        return self.steps + (1 + sum(2 * rounds + 2 for rounds in self.loops) if self.loops else 0)

    @property
    def events(self) -> int:
        """The events of the history: two a state, two of the Parallel's own, the execution's first and last."""
        return 2 * self.transitions + (2 if self.loops else 0) + 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionLoad:
    """What one execution of a load's target consumes.

    `seconds` is how long it stays open; None: as long as its transitions take, which depends on the account's quotas.
    """

    transitions: int
    executions: int
    """Those that are open: itself, and the child of its map run."""
    map_runs: int
    seconds: int | None

    @classmethod
    def of_transitions(cls, transitions: int) -> "ExecutionLoad":
        """Return that of an execution that enters so many states."""
        return cls(transitions=transitions, executions=1, map_runs=0, seconds=None)

    @classmethod
    def of_open_map_run(cls, seconds: int) -> "ExecutionLoad":
        """Return that of an execution whose map run has one child, which waits for so long: a state each."""
        return cls(transitions=2, executions=2, map_runs=1, seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumption:
    """What a driver and all that it starts consume, when nothing is retried or delayed.

    `retries` is how many there can be on top, when each start is retried as often as it may be. Step Functions bills
    them as transitions, too.

    `peak_transitions_per_second` counts an execution's transitions in the second that it starts in: of a rate that is
    held for longer than an execution takes, it is what CloudWatch shows. `map_runs` and `open_executions` are the most
    at the same time; where it isn't known how long an execution takes, all of them are taken to be open. That the
    children of a map run count among an account's open executions is inferred. `duration_seconds` lasts from the
    driver's start to the last execution's, and until that is over where it is known.
    """

    starts: int
    driver_transitions: int
    target_transitions: int
    retries: int
    peak_transitions_per_second: int
    driver_map_runs: int
    target_map_runs: int
    open_executions: int
    duration_seconds: int

    @property
    def transitions(self) -> int:
        """The driver's own and its targets'."""
        return self.driver_transitions + self.target_transitions

    @property
    def map_runs(self) -> int:
        """The driver's own and its targets', at the same time."""
        return self.driver_map_runs + self.target_map_runs

    @property
    def dollars(self) -> float:
        """The price of the transitions. Not in it: logs of errors, requests to S3 (one a run), the free tier."""
        return _price(self.transitions)

    @property
    def most_dollars(self) -> float:
        """The same with all of the retries: what a ceiling has to hold."""
        return _price(self.transitions + self.retries)

    def __str__(self) -> str:
        return (
            f"{_counted(self.starts, 'execution')} in {_counted(self.duration_seconds, 'second')}; "
            f"{_counted(self.transitions, 'state transition')} "
            f"({self.peak_transitions_per_second:,} a second at the peak), {self.driver_transitions:,} of them the "
            f"driver's own; at most {_counted(self.map_runs, 'open map run')}, the driver's own included, "
            f"and {_counted(self.open_executions, 'open execution')}; {_money(self.dollars)} "
            f"(with every possible retry {_money(self.most_dollars)}) at ${DOLLARS_PER_MILLION_TRANSITIONS} a million "
            "transitions"
        )


def consumption(
    profile: LoadProfile, target: ExecutionLoad, *, first_states: int, retries_per_start: int
) -> Consumption:
    """Return what a driver of this profile consumes; `first_states` are those of its own execution."""
    per_second = Counter({0: first_states})
    for number, (offset, count) in enumerate(profile.rows):
        per_second[number // ROWS_PER_SECOND] += _STATES_BEFORE
        per_second[offset] += _STATES_WITHIN + count * (1 + target.transitions)
    starts, rows = profile.starts, len(profile.rows)
    open_targets = starts if target.seconds is None else _most_at_once(profile, target.seconds)
    return Consumption(
        starts=starts,
        driver_transitions=first_states + rows * (_STATES_BEFORE + _STATES_WITHIN) + starts,
        target_transitions=starts * target.transitions,
        retries=starts * retries_per_start,
        peak_transitions_per_second=max(per_second.values()),
        driver_map_runs=1,
        target_map_runs=open_targets * target.map_runs,
        open_executions=1 + rows + open_targets * target.executions,
        duration_seconds=profile.last_offset_seconds + (target.seconds or 0),
    )


# A row's child: it waits, then asks whether it is in time and enters its Map, which has a state for each start.
_STATES_BEFORE, _STATES_WITHIN = 1, 2


def _most_at_once(profile: LoadProfile, seconds: int) -> int:
    """Return how many are open in the worst second, those included that end in it."""
    changes: Counter[int] = Counter()
    for offset, count in profile.rows:
        changes[offset] += count
        changes[offset + seconds + 1] -= count
    return max(accumulate(changes[second] for second in sorted(changes)))


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _price(transitions: int) -> float:
    return transitions * DOLLARS_PER_MILLION_TRANSITIONS / 1_000_000


def _money(dollars: float) -> str:
    return f"about ${dollars:,.2f}" if dollars >= 0.01 else "less than $0.01"
