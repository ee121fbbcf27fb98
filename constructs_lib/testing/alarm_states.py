"""The state of a metric alarm at one evaluation: M of N, and what missing points count as.

A point is whether it breaches the threshold, None where it is missing. The rules, and the tables that the tests have:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class AlarmState(StrEnum):
    """The three states, which are text, too: `AlarmState.OK == "OK"`."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class MissingData(StrEnum):
    """What `TreatMissingData` may be."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


def next_state(
    points: Sequence[bool | None],
    *,
    evaluation_periods: int,
    datapoints_to_alarm: int,
    missing_data: MissingData,
    previous: AlarmState,
) -> AlarmState:
    """Return the state that the points of the evaluation range, oldest first, put an alarm in.

    The range is longer than `evaluation_periods`. With at least as many real points the newest of them count, and
    `missing_data` isn't asked; with fewer all of them do, and as few missing ones as are lacking.
    """
    real = [point for point in points if point is not None]
    breaching = sum(real[-evaluation_periods:])
    if missing_data is MissingData.BREACHING:
        breaching += max(evaluation_periods - len(real), 0)
    if breaching >= datapoints_to_alarm:
        return AlarmState.ALARM
    if len(real) >= evaluation_periods or missing_data in {MissingData.BREACHING, MissingData.NOT_BREACHING}:
        return AlarmState.OK
    if not real:
        return AlarmState.INSUFFICIENT_DATA if missing_data is MissingData.MISSING else previous
    if not all(real):
        return AlarmState.OK
    # "Premature alarm state": the few points there are all breach. The next may not, so the alarm waits until the
    # oldest is as old as `datapoints_to_alarm`. That it keeps its state while it waits is inferred.
    age = len(points) - next(i for i, point in enumerate(points) if point is not None)
    mature = missing_data is MissingData.MISSING and age >= datapoints_to_alarm
    return AlarmState.ALARM if mature else previous
