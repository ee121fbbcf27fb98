"""What became of the alarms of a simulation: a state a minute, and whom they notified."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from constructs_lib.testing.alarm_states import AlarmState, next_state
from constructs_lib.testing.alarms import CompositeAlarm, MetricAlarm, UnreadableAlarm
from constructs_lib.testing.metric_functions import Range
from constructs_lib.testing.metrics import AGGREGATES, names_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_lib.testing.alarm_simulation import AlarmSimulation
    from constructs_lib.testing.alarms import Alarm
    from constructs_lib.testing.metric_functions import Series
    from constructs_lib.testing.metrics import Metric
    from constructs_lib.testing.readings import Readings


@dataclass(frozen=True, slots=True)
class Notification:
    """An action taken on a change of state: `alarm` is the alarm's path, `target` the action's ARN."""

    minute: int
    alarm: str
    before: AlarmState
    after: AlarmState
    target: str


class AlarmHistory:
    """What became of the alarms in one run, minute by minute."""

    def __init__(
        self,
        simulation: AlarmSimulation,
        series: Mapping[Metric, Series],
        minutes: int,
        start: AlarmState,
        delay: int,
        readings: Readings,
    ) -> None:
        self.simulation, self.minutes, self.start = simulation, minutes, start
        self._series = {metric: [*points, *[None] * (minutes - len(points))] for metric, points in series.items()}
        self._delay, self._readings = delay, readings
        self._states: dict[Alarm, tuple[AlarmState, ...]] = {}
        self._watched: dict[object, list[Series]] = {}

    def states(self, alarm: str | Alarm) -> tuple[AlarmState, ...]:
        """Return an alarm's state in each minute."""
        found = self._alarm(alarm)
        if found not in self._states:
            self._states[found] = tuple(self._find_states(found))
        return self._states[found]

    def series(self, alarm: str | Alarm) -> dict[str, Series]:
        """Return the points of each of an alarm's metrics, by the id that its expressions have for it."""
        alarm = self._metric_alarm(alarm)
        nothing: Series = [None] * self.minutes
        return {
            name: next((self._series[m] for m in names_of(metric, alarm.account) if m in self._series), nothing)
            for name, metric in alarm.metrics.items()
        }

    def values(self, alarm: str | Alarm) -> Series:
        """Return what an alarm watches, in each minute the newest point as it was seen."""
        alarm = self._metric_alarm(alarm)
        late = -(-self._delay // alarm.period_minutes)  # so many points can't have arrived, but FILL may make them
        return [
            points[-1] if points[-1] is not None or late >= len(points) else points[-1 - late]
            for points in self._ranges(alarm)
        ]

    @cached_property
    def notifications(self) -> tuple[Notification, ...]:
        """The actions taken by all alarms that can be evaluated, in the order of the minutes."""
        alarms = [a for a in self.simulation.alarms if not isinstance(a, UnreadableAlarm)]
        found = [notification for alarm in alarms for notification in self._notifications_of(alarm)]
        return tuple(sorted(found, key=lambda notification: notification.minute))

    def notifications_of(self, alarm: str | Alarm) -> tuple[Notification, ...]:
        """Return the actions taken by one alarm."""
        return tuple(self._notifications_of(self._alarm(alarm)))

    def _alarm(self, alarm: str | Alarm) -> Alarm:
        if isinstance(alarm, UnreadableAlarm):
            raise ValueError(f"the alarm {alarm.path} {alarm.condition}")
        # One that a composite alarm depends on may belong to a stack that isn't simulated.
        return self.simulation.alarm(alarm) if isinstance(alarm, str) else alarm

    def _metric_alarm(self, alarm: str | Alarm) -> MetricAlarm:
        found = self._alarm(alarm)
        if not isinstance(found, MetricAlarm):
            raise ValueError(f"the alarm {found.path} watches no metric; allowed: an alarm that isn't a composite one")
        return found

    def _notifications_of(self, alarm: Alarm) -> list[Notification]:
        states = self.states(alarm)
        return [
            Notification(minute, alarm.path, before, state, target)
            for minute, (before, state) in enumerate(pairwise((self.start, *states)))
            for target in alarm.actions.get(state, ())
            # Auto Scaling's actions are taken each minute, says the guide; all others on a change.
            if state is not before or ":autoscaling:" in target
        ]

    def _find_states(self, alarm: Alarm) -> list[AlarmState]:
        if isinstance(alarm, CompositeAlarm):
            children = {name: self.states(child) for name, child in alarm.children.items()}
            return [
                AlarmState.ALARM
                if alarm.rule.holds({name: states[minute] for name, states in children.items()})
                else AlarmState.OK
                for minute in range(self.minutes)
            ]
        found: list[AlarmState] = []
        alarm = self._metric_alarm(alarm)
        state, breaches = self.start, alarm.breaches
        for points in self._ranges(alarm):
            state = next_state(
                [None if point is None else breaches(point) for point in points],
                evaluation_periods=alarm.evaluation_periods,
                datapoints_to_alarm=alarm.datapoints_to_alarm,
                missing_data=alarm.missing_data,
                previous=state,
            )
            found.append(state)
        return found

    def _ranges(self, alarm: MetricAlarm) -> list[Series]:
        """The points of the evaluation range, oldest first, in each minute."""
        # A warning and a critical alarm often differ by the threshold only: what they watch is computed once.
        length = alarm.evaluation_periods + self._readings.extra_points
        watched = (
            tuple(alarm.metrics.items()),
            tuple((name, expression.text) for name, expression in alarm.expressions.items()),
            alarm.watched,
            alarm.account,
            alarm.period_minutes,
            length,
        )
        if watched not in self._watched:
            series = self.series(alarm)
            self._watched[watched] = [self._range(alarm, series, length, minute) for minute in range(self.minutes)]
        return self._watched[watched]

    def _range(self, alarm: MetricAlarm, series: Mapping[str, Series], length: int, minute: int) -> Series:
        period = alarm.period_minutes
        seen = length + (self._readings.history_points if alarm.expressions else 0)
        values = {
            name: self._window(points, alarm.metrics[name].statistic, seen, minute, period)
            for name, points in series.items()
        }
        over = Range(values, seen, 60 * period)
        for name, expression in alarm.expressions.items():
            values[name] = expression.evaluate(over)
        return values[alarm.watched][-length:]

    def _window(self, points: Series, statistic: str, length: int, minute: int, period: int) -> Series:
        """The last `length` periods up to a minute, as far as their points have arrived."""
        arrived = minute + 1 - self._delay
        first = minute + 1 - length * period
        if period == 1:
            known = points[max(first, 0) : max(arrived, 0)]
            return [None] * -min(first, 0) + known + [None] * (length + min(first, 0) - len(known))
        found: Series = []
        for begin in range(first, minute + 1, period):
            real = [p for p in points[max(begin, 0) : max(min(begin + period, arrived), 0)] if p is not None]
            found.append(AGGREGATES[statistic](real) if real else None)
        return found
