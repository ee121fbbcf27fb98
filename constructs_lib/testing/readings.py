"""How the evaluation of alarms reads what CloudWatch's documentation leaves open."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Readings:
    """One place for every choice that is ours, so that another can be tried.

    `extra_points`: the evaluation range has that many points more than `EvaluationPeriods`. AWS's example has 5 for 3;
    "the exact number depends on the length of the alarm period", and the rule isn't published.

    `history_points`: metric math sees that many points before the evaluation range, so far does `FILL(m, REPEAT)` reach
    back and `DIFF(m)` look. Nothing is published.

    `fill_empty`: whether `FILL(m, 0)` fills a series that hasn't a single point in the range. Nothing is published. By
    default it doesn't: then `TreatMissingData` decides, and no test passes only because an alarm was thought to see
    zeros.

    `missing_is_zero`: in arithmetic on two series a point that only one of them has counts as 0 in the other. So the
    documentation says of `+ - * / ^`; some reports contradict it: with False the result has no point there.
    """

    extra_points: int = 2
    history_points: int = 0
    fill_empty: bool = False
    missing_is_zero: bool = True
