"""A run by the second: what happened in each, out of intervals and moments, without a step a second.

An interval adds its share to the seconds that it covers, the first and the last in part; a sum over them runs once.
"""

from __future__ import annotations

from itertools import accumulate
from math import ceil


class Series:
    """A series of so many seconds in the making."""

    def __init__(self, seconds: float) -> None:
        self._length = max(1, ceil(seconds))
        self._changes = [0.0] * (self._length + 2)
        self._moments = [0.0] * self._length

    def add_level(self, start: float, end: float, level: float = 1) -> None:
        """Add what is there from `start` to `end`: a second gets its mean."""
        self._step(start, level)
        self._step(end, -level)

    def add_amount(self, start: float, end: float, amount: float) -> None:
        """Spread an amount evenly from `start` to `end`: a second gets its part."""
        if end > start:
            self.add_level(start, end, amount / (end - start))
        else:
            self.add_moment(start, amount)

    def add_moment(self, time: float, amount: float = 1) -> None:
        """Add an amount to the second of `time`."""
        self._moments[min(int(time), self._length - 1)] += amount

    def values(self) -> list[float]:
        """Return a number a second."""
        return [
            # What is left of adding and taking away the same is no amount.
            0.0 if abs(level) < 1e-9 else level
            for level in map(sum, zip(accumulate(self._changes[: self._length]), self._moments, strict=True))
        ]

    def _step(self, time: float, level: float) -> None:
        # The end of the last second is a second's beginning that the series doesn't have.
        second = int(time)
        if second >= self._length:
            second = self._length - 1
        missed = level * (time - second)
        self._changes[second] += level - missed
        self._changes[second + 1] += missed
