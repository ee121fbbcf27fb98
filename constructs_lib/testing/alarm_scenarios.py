"""Scenarios: series of points, and what the alarms shall make of them; judged by `AlarmSimulation`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from constructs_lib.testing.alarm_picture import picture
from constructs_lib.testing.alarm_states import AlarmState
from constructs_lib.testing.alarms import UnreadableAlarm

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from constructs_lib.testing.alarm_history import AlarmHistory
    from constructs_lib.testing.alarm_simulation import AlarmSimulation
    from constructs_lib.testing.alarms import Alarm
    from constructs_lib.testing.metric_functions import Point


_MOST_PICTURES = 3


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What one alarm shall do.

    `states`: from which minute on it is in which state, from minute 0 to the end. `at` and `state`: its state in one
    minute. `notifies`: all minutes in which it takes actions, with the targets of these (an ARN, its last part, or the
    logical id or path of a resource), or None for any.
    """

    alarm: str
    states: Mapping[int, str] | None = None
    at: int | None = None
    state: str | None = None
    notifies: Mapping[int, Sequence[str] | None] | None = None


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One course of the metrics, and what is expected of the alarms.

    `series`, `minutes`, `start` and `delay` are the arguments of `AlarmSimulation.run`; `others` is the state that all
    alarms have in each minute of which `alarms` says nothing.
    """

    name: str
    series: Mapping[str, str | Sequence[Point]] = field(default_factory=dict)
    alarms: Sequence[Expectation] = ()
    others: str | None = None
    about: str | None = None
    start: str = AlarmState.INSUFFICIENT_DATA
    minutes: int | None = None
    delay: int = 0


@dataclass(frozen=True)
class Difference:
    """Where an alarm first does something else than expected, in words."""

    alarm: Alarm
    minute: int
    text: str


@dataclass(frozen=True)
class ScenarioResult:
    """How a scenario went: true when it passed. `report` has a picture of each alarm that differs."""

    scenario: Scenario
    history: AlarmHistory
    differences: tuple[Difference, ...]
    expected: Mapping[Alarm, Sequence[str | None]]

    def __bool__(self) -> bool:
        return not self.differences

    @property
    def report(self) -> str:
        """What differs, a line each, then pictures of the first; empty when it passed."""
        pictured = dict(reversed([(each.alarm, each) for each in self.differences]))  # of each alarm the first
        pictures = [
            f"{alarm.path}\n{picture(self.history, alarm, self.expected.get(alarm), pictured[alarm].minute)}"
            for alarm in list(dict.fromkeys(each.alarm for each in self.differences))[:_MOST_PICTURES]
        ]
        return "\n\n".join(["\n".join(each.text for each in self.differences), *pictures] if pictures else [])

    @property
    def pictures(self) -> str:
        """A picture of every alarm that the scenario names."""
        named = dict.fromkeys(self.history.simulation.alarm(each.alarm) for each in self.scenario.alarms)
        return "\n\n".join(f"{alarm.path}\n{picture(self.history, alarm, self.expected.get(alarm))}" for alarm in named)


def judge(scenario: Scenario, simulation: AlarmSimulation) -> ScenarioResult:
    """Run a scenario and compare; raises `ValueError` of one line for what can't be: a name, a series, a minute."""
    history = simulation.run(scenario.series, minutes=scenario.minutes, start=scenario.start, delay=scenario.delay)
    expected: dict[Alarm, list[str | None]] = {}
    for expectation in scenario.alarms:
        known = expected.setdefault(simulation.alarm(expectation.alarm), [None] * history.minutes)
        for minute, state in enumerate(expected_states(expectation, history.minutes)):
            if None not in (state, known[minute]) and state != known[minute]:
                raise ValueError(f"{expectation.alarm} shall be {known[minute]} and {state} in minute {minute}")
            known[minute] = state or known[minute]
    if scenario.others is not None:
        for alarm in simulation.alarms:
            if isinstance(alarm, UnreadableAlarm):
                raise ValueError(f"others asks for {alarm.path}, which {alarm.condition}")
            expected.setdefault(alarm, [_state(scenario.others)] * history.minutes)
    differences = [each for alarm, states in expected.items() for each in _in_states(history, alarm, states)]
    for expectation in scenario.alarms:
        differences += _in_notifications(history, simulation.alarm(expectation.alarm), expectation)
    return ScenarioResult(scenario, history, tuple(differences), expected)


def expected_states(expectation: Expectation, minutes: int) -> list[str | None]:
    """Return the state expected in each minute, None for any; raises `ValueError` for minutes that there aren't."""
    for minute in (*(expectation.states or ()), *(expectation.notifies or ()), expectation.at or 0):
        if not 0 <= minute < minutes:
            raise ValueError(
                f"minute {minute} of {expectation.alarm} isn't among the {minutes}; allowed: 0 to {minutes - 1}"
            )
    if (expectation.at is None) is not (expectation.state is None):
        raise ValueError(f"{expectation.alarm} has one of `at` and `state`; allowed: both, or `states`")
    if expectation.states is None and expectation.at is None and expectation.notifies is None:
        raise ValueError(f"nothing is expected of {expectation.alarm}; allowed: states, at and state, notifies")
    found: list[str | None] = [None] * minutes
    if expectation.states is not None:
        changes = sorted(expectation.states.items())
        if not changes or changes[0][0] != 0:
            raise ValueError(f"states of {expectation.alarm} doesn't begin with minute 0; allowed: {{0: OK, 7: ALARM}}")
        for minute, state in changes:
            found[minute:] = [_state(state)] * (minutes - minute)
    if expectation.at is not None and expectation.state is not None:
        before, state = found[expectation.at], _state(expectation.state)
        if before not in {None, state}:
            raise ValueError(f"{expectation.alarm} shall be {before} and {state} in minute {expectation.at}")
        found[expectation.at] = state
    return found


def _state(given: str) -> str:
    if given not in list(AlarmState):
        raise ValueError(f"the state {given!r} is unknown; allowed: {', '.join(AlarmState)}")
    return given


def _in_states(history: AlarmHistory, alarm: Alarm, expected: Sequence[str | None]) -> Iterator[Difference]:
    """The first minute in which an alarm is in another state."""
    for minute, (wanted, state) in enumerate(zip(expected, history.states(alarm), strict=True)):
        if wanted not in {None, state}:
            yield Difference(alarm, minute, f"{alarm.path} is {state} in minute {minute}; expected: {wanted}")
            return


def _in_notifications(history: AlarmHistory, alarm: Alarm, expectation: Expectation) -> Iterator[Difference]:
    """The first minute in which an alarm takes other actions."""
    if expectation.notifies is None:
        return
    sent: dict[int, list[str]] = {}
    for notification in history.notifications_of(alarm):
        sent.setdefault(notification.minute, []).append(notification.target)
    for minute in sorted({*sent, *expectation.notifies}):
        wanted = expectation.notifies.get(minute, ())
        targets = None if wanted is None else sorted(map(history.simulation.target, wanted))
        got = sorted(sent.get(minute, ()))
        if (not got) if targets is None else got != targets:
            shown = "anyone" if targets is None else ", ".join(targets) or "no one"
            text = f"{alarm.path} notifies {', '.join(got) or 'no one'} in minute {minute}; expected: {shown}"
            yield Difference(alarm, minute, text)
            return
