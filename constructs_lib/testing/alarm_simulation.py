"""What the alarms of a cloud assembly do while metrics take their course: a state a minute, and whom they notify.

A minute's state is the one after that minute's points were seen. A period longer than a minute slides with the minutes:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Self

from constructs_lib.assembly import DEFAULT_ACCOUNT, DEFAULT_REGION, Assembly, UnresolvableError
from constructs_lib.testing.alarm_history import AlarmHistory
from constructs_lib.testing.alarm_states import AlarmState
from constructs_lib.testing.alarm_templates import read_alarms
from constructs_lib.testing.alarms import CompositeAlarm, MetricAlarm, UnreadableAlarm
from constructs_lib.testing.metrics import Metric, names_of
from constructs_lib.testing.names import goes_by, unknown
from constructs_lib.testing.readings import Readings
from constructs_lib.testing.series_notation import MOST_MINUTES, by_metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from constructs_lib.assembly import Stack
    from constructs_lib.testing.alarms import Alarm
    from constructs_lib.testing.metric_functions import Point


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
            chosen = tuple(f"{each.id}/" for each in read.stacks if stack in {each.id, each.name})
            if not chosen:
                raise unknown("the stack", stack, [each.id for each in read.stacks])
            alarms = tuple(alarm for alarm in alarms if f"{alarm.stack.id}/".startswith(chosen))
        return cls(alarms, readings, _target_names(read, alarms, account=account, region=region))

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """The alarms in the templates' order, those that can't be evaluated too."""
        return self._alarms

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that the alarms ask for: what a series may be given for."""
        return tuple(dict.fromkeys(m for alarm in _metric_alarms(self._alarms) for m in alarm.metrics.values()))

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
        if metric not in self._series_keys:
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
        given = by_metric(series, self.metric)
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

    @cached_property
    def _series_keys(self) -> frozenset[Metric]:
        alarms = _metric_alarms(self._alarms)
        return frozenset(key for a in alarms for metric in a.metrics.values() for key in names_of(metric, a.account))


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


def _metric_alarms(alarms: Iterable[Alarm]) -> Iterator[MetricAlarm]:
    """The alarms on metrics, those that composite ones depend on too, wherever they are."""
    for alarm in alarms:
        if isinstance(alarm, MetricAlarm):
            yield alarm
        elif isinstance(alarm, CompositeAlarm):
            yield from _metric_alarms(alarm.children.values())
