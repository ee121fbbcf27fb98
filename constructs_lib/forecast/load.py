"""What a load test does to an account, second by second: a simulation of `LoadDriver`s and of the limits they run into.

A state that finds no token in the account's bucket waits and is entered later, first come, first served; over the limit
of map runs the next waits until one ends; a call of StartExecution that finds no token is made again, which is a
transition more. All of it is counted in whole states, so that nothing is lost. Not simulated: executions that take
longer than their timeout, and drivers that give up after the last retry.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from constructs_lib._load_consumption import TransitionShape
from constructs_lib._load_plan import HOLD_LABEL, ROWS_LABEL, Load, LoadPlan
from constructs_lib._load_profile import ROWS_PER_SECOND
from constructs_lib.forecast.constants import Basis, Constant
from constructs_lib.forecast.metrics import AccountUse, WorkflowUse
from constructs_lib.forecast.result import Case

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from constructs_lib._load_consumption import ExecutionLoad
    from constructs_lib.forecast.metrics import AccountLimits
    from constructs_lib.quotas.catalogue import DocumentedLimit

LATE_SECONDS = 300
"""A row that comes later than that starts nothing."""

_MOST_SECONDS = 14 * 86_400  # no alarm looks at more


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadConstants:
    """What the simulation of a load test has to assume: the pace of one branch of an execution, and of retries."""

    states_per_second: Constant
    retry_seconds: Constant


LOAD_CONSTANTS = LoadConstants(
    states_per_second=Constant(
        name="states that one branch of a Standard execution enters",
        unit="a second",
        optimistic=50,
        likely=25,
        pessimistic=10,
        basis=Basis.ASSUMED,
        source="Nobody publishes it: 20 to 100 ms a state.",
        date="2026-11-21",
    ),
    retry_seconds=Constant(
        name="time until a throttled call of StartExecution is made again",
        unit="seconds",
        optimistic=2,
        likely=5,
        pessimistic=10,
        basis=Basis.ASSUMED,
        source="The mean of full jitter in a task's ten retries: 0.5 s before the first, 10 s from the sixth on.",
        date="2026-11-21",
    ),
)


def load_test(
    *,
    transitions_per_second: int = 100,
    transitions_per_execution: int = 100,
    map_runs: int = 10,
    ramp_seconds: int = 60,
    hold_seconds: int = 120,
) -> tuple[Load, ...]:
    """Return the drivers of the stack LoadTest with these settings, to be started in the same second.

    Raises:
        ValueError: for settings that the stack can't be deployed with.

    """
    plan = LoadPlan(
        transitions_per_second=transitions_per_second,
        transitions_per_execution=transitions_per_execution,
        map_runs=map_runs,
        ramp_seconds=ramp_seconds,
        hold_seconds=hold_seconds,
    )
    return tuple(load for load in (plan.transitions, plan.open_map_runs) if load is not None)


def simulate_load(
    loads: Iterable[Load],
    limits: AccountLimits,
    *,
    case: Case = Case.LIKELY,
    constants: LoadConstants = LOAD_CONSTANTS,
) -> AccountUse:
    """Return what drivers that are started in the same second do to an account of these limits.

    Raises:
        ValueError: for no load, and for one that takes longer than two weeks.

    """
    simulation = _Simulation(limits, constants, case)
    for load in loads:
        simulation.start(load)
    return simulation.run()


class _Bucket:
    """Whole tokens out of a bucket that is refilled every second."""

    def __init__(self, limit: DocumentedLimit) -> None:
        assert limit.bucket_size is not None  # noqa: S101 - AccountLimits checks it
        self.size, self.refill, self.level = limit.bucket_size, limit.limit, limit.bucket_size

    def refilled(self) -> None:
        self.level = min(self.size, self.level + self.refill)

    def take(self, wanted: int) -> int:
        taken = min(wanted, int(self.level))
        self.level -= taken
        return taken


@dataclass(eq=False, slots=True)
class _Driver:
    """The driver's own execution; its map run is open until all of its rows have ended."""

    name: str
    started: str
    target: ExecutionLoad
    path: Sequence[int]
    rows: int

    @property
    def rows_name(self) -> str:
        return f"{self.name}/{ROWS_LABEL}"

    @property
    def held_name(self) -> str:
        return f"{self.started}/{HOLD_LABEL}"


@dataclass(eq=False, slots=True)
class _Row:
    """A child of the driver's map run: it waits, asks whether it is in time, and starts its executions."""

    driver: _Driver
    due: int
    unstarted: int
    running: int = 0


@dataclass(eq=False, slots=True)
class _Executions:
    """Executions of a target that a row started in the same second; `paced` counts their steps within `second`."""

    row: _Row
    number: int
    second: int = -1
    paced: int = 0


@dataclass(eq=False, slots=True)
class _Step:
    """States to enter side by side: the `place`-th step of a row or of executions, or those of a driver's own."""

    of: _Driver | _Row | _Executions
    place: int
    states: int
    waits: bool = False

    @property
    def workflow(self) -> str:
        """Whose states these are."""
        match self.of:
            case _Driver(name=name):
                return name
            case _Row(driver=driver):
                return driver.rows_name
            case _Executions(row=row):
                driver = row.driver
                held = driver.target.map_runs and self.place == len(driver.path) - 1
                return driver.held_name if held else driver.started


_WAIT, _IN_TIME, _MAP, _START, _NOT_STARTED = range(5)


class _Simulation:
    def __init__(self, limits: AccountLimits, constants: LoadConstants, case: Case) -> None:
        self.states, self.calls = _Bucket(limits.state_transitions), _Bucket(limits.start_execution)
        self.most_map_runs = int(limits.map_runs)
        self.pace = max(1, round(constants.states_per_second.at(case)))
        self.retry_seconds = max(1, round(constants.retry_seconds.at(case)))
        self.second = self.drivers = self.map_runs = self.executions = 0
        self.later: defaultdict[int, list[_Step | _Executions]] = defaultdict(list)
        self.ready: deque[_Step] = deque()
        self.unopened: deque[_Executions] = deque()
        self.series: defaultdict[str, list[float]] = defaultdict(list)
        self.counts: Counter[str] = Counter()
        self.started: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.throttled: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def start(self, load: Load) -> None:
        rows = load.profile.rows
        path = tuple(_widths(load.target.transitions))
        driver = _Driver(load.driver, load.started, load.target, path, len(rows))
        self.drivers += 1
        self.map_runs += 1
        self.executions += 1
        self.counts["starts"] += self.calls.take(1)
        self.started[driver.name][0] += 1
        self.later[0].append(_Step(driver, 0, load.first_states))
        for number, (due, count) in enumerate(rows):
            self.later[number // ROWS_PER_SECOND].append(_Step(_Row(driver, due, count), _WAIT, 1))

    def run(self) -> AccountUse:
        if not self.drivers:
            raise ValueError("loads is empty; allowed: one load or more. Say such as load_test(map_runs=10).")
        while self.drivers or self.ready:
            if self.second > _MOST_SECONDS:
                raise ValueError("the load takes over two weeks; allowed: less. Start less, or raise the limits.")
            self.pass_second()
        series = self.series
        return AccountUse(
            transitions=series["transitions"],
            states_throttled=series["states_throttled"],
            starts=series["starts"],
            starts_throttled=series["starts_throttled"],
            map_runs=series["map_runs"],
            map_runs_waiting=series["map_runs_waiting"],
            open_executions=series["open_executions"],
            workflows={
                name: WorkflowUse(
                    executions_started=[started[second] for second in range(self.second)],
                    states_throttled=[self.throttled[name][second] for second in range(self.second)],
                )
                for name, started in self.started.items()
            },
        )

    def pass_second(self) -> None:
        for arrived in self.later.pop(self.second, ()):
            if isinstance(arrived, _Executions):
                self.end(arrived)
            else:
                self.make_ready(arrived)
        self.open_map_runs()
        while self.ready and (entered := self.states.take(self.ready[0].states)):
            step = self.ready[0]
            self.counts["transitions"] += entered
            step.states -= entered
            if step.place == _START and isinstance(step.of, _Row):
                self.call(step.of, entered)
            if not step.states:
                self.ready.popleft()
                self.go_on(step)
        for step in self.ready:
            if not step.waits:
                self.counts["states_throttled"] += step.states
                self.throttled[step.workflow][self.second] += step.states
                step.waits = True
        self.record()
        self.second += 1
        self.states.refilled()
        self.calls.refilled()

    def record(self) -> None:
        for name in ("transitions", "states_throttled", "starts", "starts_throttled"):
            self.series[name].append(self.counts[name])
        self.counts.clear()
        self.series["map_runs"].append(self.map_runs)
        self.series["map_runs_waiting"].append(len(self.unopened))
        self.series["open_executions"].append(self.executions)

    def make_ready(self, step: _Step) -> None:
        if step.place == _WAIT and isinstance(step.of, _Row):
            self.executions += 1
            self.started[step.workflow][self.second] += 1
        self.ready.append(step)

    def go_on(self, step: _Step) -> None:
        if isinstance(step.of, _Row):
            self.go_on_in_row(step.of, step.place)
        elif isinstance(step.of, _Executions):
            self.go_on_in_executions(step.of, step.place)

    def go_on_in_row(self, row: _Row, place: int) -> None:
        if place == _WAIT:
            step = _Step(row, _IN_TIME, 1)
            if row.due > self.second:
                self.later[row.due].append(step)
            else:
                self.ready.append(step)
        elif place == _IN_TIME:
            late = self.second - row.due >= LATE_SECONDS
            row.unstarted = 0 if late else row.unstarted
            self.ready.append(_Step(row, _NOT_STARTED if late else _MAP, 1))
        elif place == _MAP:
            self.ready.append(_Step(row, _START, row.unstarted))
        self.end_row_if_done(row, place)

    def call(self, row: _Row, number: int) -> None:
        """StartExecution, so often."""
        started = self.calls.take(number)
        self.counts["starts"] += started
        self.counts["starts_throttled"] += number - started
        if started < number:
            self.later[self.second + self.retry_seconds].append(_Step(row, _START, number - started))
        row.unstarted -= started
        row.running += started
        self.executions += started
        self.started[row.driver.started][self.second] += started
        # Each map run opens by itself.
        parts = [1] * started if row.driver.target.map_runs else [started] if started else []
        for part in parts:
            self.ready.append(_Step(_Executions(row, part), 0, part * row.driver.path[0]))

    def go_on_in_executions(self, executions: _Executions, place: int) -> None:
        target, path = executions.row.driver.target, executions.row.driver.path
        if target.map_runs and place == len(path) - 2:
            self.unopened.append(executions)
            self.open_map_runs()
        elif place + 1 < len(path):
            self.enter(executions, place + 1)
        elif target.seconds is None:
            self.end(executions)
        else:
            self.later[self.second + target.seconds].append(executions)

    def enter(self, executions: _Executions, place: int) -> None:
        if executions.second != self.second:
            executions.second, executions.paced = self.second, 0
        executions.paced += 1
        step = _Step(executions, place, executions.number * executions.row.driver.path[place])
        if executions.paced < self.pace:
            self.ready.append(step)
        else:
            self.later[self.second + 1].append(step)

    def open_map_runs(self) -> None:
        while self.unopened and self.map_runs < self.most_map_runs:
            executions = self.unopened.popleft()
            self.map_runs += 1
            driver = executions.row.driver
            children = driver.target.executions - 1
            self.executions += children
            self.started[driver.held_name][self.second] += children
            self.enter(executions, len(driver.path) - 1)

    def end(self, executions: _Executions) -> None:
        row = executions.row
        target = row.driver.target
        self.map_runs -= target.map_runs
        self.executions -= executions.number * target.executions
        row.running -= executions.number
        self.end_row_if_done(row, _START)

    def end_row_if_done(self, row: _Row, place: int) -> None:
        if place < _START or row.unstarted or row.running:
            return
        self.executions -= 1
        row.driver.rows -= 1
        if not row.driver.rows:
            self.drivers -= 1
            self.map_runs -= 1
            self.executions -= 1


def _widths(transitions: int) -> Iterator[int]:
    """How many states an execution enters side by side, step by step."""
    shape = TransitionShape.of(transitions)
    yield from (1,) * shape.steps
    if shape.loops:
        yield 1
        lengths = [2 * rounds + 2 for rounds in shape.loops]
        for step in range(max(lengths)):
            yield sum(length > step for length in lengths)
