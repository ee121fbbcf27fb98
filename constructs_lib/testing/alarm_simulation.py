"""What the alarms of a cloud assembly do while metrics take their course: a state a minute, and whom they notify.

A minute's state is the one after that minute's points were seen. A period longer than a minute slides with the minutes:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Self

from constructs_lib.assembly import DEFAULT_ACCOUNT, DEFAULT_REGION, Assembly, UnresolvableError
from constructs_lib.testing.alarm_states import AlarmState, next_state
from constructs_lib.testing.alarm_templates import Alarm, CompositeAlarm, MetricAlarm, UnreadableAlarm, read_alarms
from constructs_lib.testing.metric_functions import Range
from constructs_lib.testing.metrics import AGGREGATES, Metric
from constructs_lib.testing.names import goes_by, unknown
from constructs_lib.testing.readings import Readings
from constructs_lib.testing.series_notation import MOST_MINUTES, expand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from constructs_lib.assembly import Stack
    from constructs_lib.testing.metric_functions import Point, Series


@dataclass(frozen=True, slots=True)
class Notification:
    """An action taken on a change of state: `alarm` is the alarm's path, `target` the action's ARN."""

    minute: int
    alarm: str
    before: AlarmState
    after: AlarmState
    target: str


class AlarmSimulation:
    """The alarms of one cloud assembly, ready to be run over series of points.

    An alarm goes by its construct's path or the end of it, its logical id, its name and its ARN. Names that only a
    deployment knows are made up: `<stack>-<logical id>`.
    """

    def __init__(
        self, alarms: Sequence[Alarm], readings: Readings, targets: Mapping[str, Sequence[tuple[Stack, str]]]
    ) -> None:
        self._alarms, self._readings, self._targets = tuple(alarms), readings, targets

    @classmethod
    def read(
        cls,
        assembly: Assembly | Path | str,
        *,
        stack: str | None = None,
        account: str = DEFAULT_ACCOUNT,
        region: str = DEFAULT_REGION,
        readings: Readings | None = None,
    ) -> Self:
        """Read the alarms of an assembly, or of the folder that `cdk synth` wrote.

        `stack`, an id or a name, keeps to that stack's alarms. `account` and `region` are those of environment-agnostic
        stacks. Raises `ValueError` of one line for what is no assembly, and for an unknown stack.
        """
        read = assembly if isinstance(assembly, Assembly) else Assembly.read(assembly)
        readings = readings or Readings()
        alarms = read_alarms(read, account=account, region=region, readings=readings)
        if stack is not None:
            if not any(stack in {each.id, each.name} for each in read.stacks):
                raise unknown("the stack", stack, [each.id for each in read.stacks])
            alarms = tuple(a for a in alarms if a.stack.name == stack or f"{a.stack.id}/".startswith(f"{stack}/"))
        return cls(alarms, readings, _target_names(read, alarms, account=account, region=region))

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """The alarms in the templates' order, those that can't be evaluated too."""
        return self._alarms

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that the alarms ask for: what a series may be given for."""
        return tuple(dict.fromkeys(m for alarm in self._alarms for m in _asked_by(alarm)))

    def alarm(self, name: str) -> Alarm:
        """Return the alarm of that name; raises `ValueError` for none, several, and one that can't be evaluated."""
        found = [a for a in self._alarms if a.path == name] or [a for a in self._alarms if a.goes_by(name)]
        if not found:
            raise unknown("the alarm", name, [alarm.path for alarm in self._alarms])
        if len(found) > 1:
            raise ValueError(
                f"the alarm {name!r} could be any of {', '.join(a.path for a in found)}; allowed: one path"
            )
        if isinstance(found[0], UnreadableAlarm):
            raise ValueError(f"the alarm {found[0].path} {found[0].condition}")
        return found[0]

    def metric(self, text: str) -> Metric:
        """Return the metric of a series; raises `ValueError` for one that no alarm asks for."""
        metric = Metric.parse(text)
        allowed = {name for alarm in self._alarms for asked in _asked_by(alarm) for name in _names(asked, alarm)}
        if metric not in allowed:
            raise unknown("no alarm asks for it: the metric", str(metric), map(str, self.metrics))
        return metric

    def target(self, name: str) -> str:
        """Return the ARN of an action's target; raises `ValueError` for one that no alarm has, and for several."""
        found = [
            arn
            for arn, resources in self._targets.items()
            if name in {arn, arn.rpartition(":")[2]} or any(goes_by(name, *resource) for resource in resources)
        ]
        if not found:
            raise unknown("the target", name, self._targets)
        if len(found) > 1:
            raise ValueError(f"the target {name!r} could be any of {', '.join(found)}; allowed: one ARN")
        return found[0]

    def run(
        self,
        series: Mapping[str, str | Sequence[Point]],
        *,
        minutes: int | None = None,
        start: str = AlarmState.INSUFFICIENT_DATA,
        delay: int = 0,
    ) -> AlarmHistory:
        """Run the alarms over the series, a point a minute, by metric (`AWS/Lambda Errors Sum {FunctionName=orders}`).

        ::

            history = AlarmSimulation.read("cdk.out").run({"AWS/States ThrottledEvents Sum": "0x5 12 _ 0x9"})
            assert history.states("Throttled")[6] == "ALARM"

        A series is points, None where one is missing, or text: see `series_notation`. Before its begin, after its end
        and where none is given a metric has no point. `minutes` is by default how long the longest is; all alarms are
        in the state `start` before; points arrive `delay` minutes late. Raises `ValueError` of one line.
        """
        given: dict[Metric, Series] = {}
        for key, points in series.items():
            metric = self.metric(key)
            if metric in given:
                raise ValueError(f"the metric {metric} has two series; allowed: one")
            given[metric] = expand(points) if isinstance(points, str) else _checked(key, points)
        longest = max(map(len, given.values()), default=0)
        minutes = longest if minutes is None else minutes
        if not max(longest, 1) <= minutes <= MOST_MINUTES:
            allowed = f"{max(longest, 1)} (the longest series) to {MOST_MINUTES:,}"
            raise ValueError(f"minutes is {minutes}; allowed: {allowed}")
        if start not in list(AlarmState):
            raise ValueError(f"start is {start!r}; allowed: {', '.join(AlarmState)}")
        if not 0 <= delay < minutes:
            raise ValueError(f"delay is {delay}; allowed: 0 to {minutes - 1}, minutes")
        return AlarmHistory(self, given, minutes, AlarmState(start), delay, self._readings)


def _target_names(
    assembly: Assembly, alarms: Sequence[Alarm], *, account: str, region: str
) -> dict[str, list[tuple[Stack, str]]]:
    """The targets of the alarms' actions, by ARN, and the resources that have it."""
    targets: dict[str, list[tuple[Stack, str]]] = {
        arn: [] for alarm in alarms for arns in alarm.actions.values() for arn in arns
    }
    stacks = list(assembly.stacks)
    for stack in stacks:
        stacks += stack.nested.values()
        for logical_id in stack.resources():
            for token in ({"Ref": logical_id}, {"Fn::GetAtt": [logical_id, "Arn"]}):
                with suppress(UnresolvableError, KeyError):
                    arn = stack.resolve(token, account=account, region=region)
                    if arn in targets and (stack, logical_id) not in targets[arn]:
                        targets[arn].append((stack, logical_id))
    return targets


def _asked_by(alarm: Alarm) -> tuple[Metric, ...]:
    return tuple(alarm.metrics.values()) if isinstance(alarm, MetricAlarm) else ()


def _names(metric: Metric, alarm: Alarm) -> tuple[Metric, ...]:
    """What an alarm's metric may be called, the exact first: with its account, and without if that is the alarm's."""
    exact = Metric(metric.head, metric.dimensions, metric.account or alarm.account)
    return (exact, metric) if metric.account is None else (exact,)


def _checked(key: str, points: Sequence[Point]) -> Series:
    for point in points:
        number = isinstance(point, int | float) and not isinstance(point, bool)
        if point is not None and not (number and math.isfinite(point)):
            raise ValueError(f"the series of {key} has {point!r}; allowed: a finite number, or None")
    return [None if point is None else float(point) for point in points]


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
        found = self.simulation.alarm(alarm) if isinstance(alarm, str) else alarm
        if found not in self._states:
            self._states[found] = tuple(self._find_states(found))
        return self._states[found]

    def series(self, alarm: MetricAlarm) -> dict[str, Series]:
        """Return the points of each of an alarm's metrics, by the id that its expressions have for it."""
        nothing: Series = [None] * self.minutes
        return {
            name: next((self._series[m] for m in _names(metric, alarm) if m in self._series), nothing)
            for name, metric in alarm.metrics.items()
        }

    def values(self, alarm: MetricAlarm) -> Series:
        """Return what an alarm watches, in each minute the newest point as it was seen."""
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
        return tuple(self._notifications_of(self.simulation.alarm(alarm) if isinstance(alarm, str) else alarm))

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
        if not isinstance(alarm, MetricAlarm):
            raise ValueError(f"the alarm {alarm.path} {alarm.condition}")
        found: list[AlarmState] = []
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
