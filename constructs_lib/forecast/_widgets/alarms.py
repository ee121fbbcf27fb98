"""The alarms of alarm status widgets, by every name that a body may have for them, and their states a minute."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from constructs_lib.assembly import UnresolvableError
from constructs_lib.testing.alarms import UnreadableAlarm

if TYPE_CHECKING:
    from constructs_lib.testing.alarm_history import AlarmHistory
    from constructs_lib.testing.alarm_states import AlarmState
    from constructs_lib.testing.alarms import Alarm


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the page tells of an alarm; `states` is None, and `about` says why, where they aren't known."""

    name: str
    path: str
    about: str
    states: tuple[AlarmState, ...] | None


class Alarms:
    """The alarms of a run, by ARN or by what stands for the ARN where only a deployment knows it."""

    def __init__(self, history: AlarmHistory | None, minutes: int) -> None:
        if history is not None and history.minutes != minutes:
            raise ValueError(
                f"the alarms were run over {history.minutes:,} minutes; allowed: {minutes:,}, as the series"
            )
        self._history = history
        self._known: dict[str, Alarm] = {}
        for alarm in () if history is None else history.simulation.alarms:
            self._known |= dict.fromkeys(_names(alarm), alarm)

    def told(self, reference: str) -> Told:
        """Return what is known of the alarm that a widget has under this ARN."""
        alarm = self._known.get(reference)
        name = reference.rpartition(":alarm:")[2].removesuffix(".Arn") or reference
        if self._history is None:
            return Told(name=name, path=name, about="no alarms were given", states=None)
        if alarm is None:
            return Told(name=name, path=name, about="it isn't among the alarms that were run", states=None)
        states = None if isinstance(alarm, UnreadableAlarm) else self._history.states(alarm)
        return Told(name=alarm.name, path=alarm.path, about=alarm.condition, states=states)


def _names(alarm: Alarm) -> list[str]:
    names = [alarm.arn]
    with suppress(UnresolvableError):
        token = {"Fn::GetAtt": [alarm.logical_id, "Arn"]}
        names.append(str(alarm.stack.resolve(token, account=alarm.account, region=alarm.region)))
    return names
