"""A run by the second: what happened in each, out of intervals and moments, without a step a second.

An interval adds its share to the seconds that it begins and ends in; of the whole ones between, only where its level
begins and ends is noted, and a sum over them runs once.
"""

from __future__ import annotations

from itertools import accumulate
from math import ceil


class Series:
    """A series of so many seconds in the making."""

    def __init__(self, seconds: float) -> None:
        self._length = max(1, ceil(seconds))
        self._parts = [0.0] * (self._length + 1)
        self._changes = [0.0] * (self._length + 1)

    def add_level(self, start: float, end: float, level: float = 1) -> None:
        """Add what is there from `start` to `end`: a second gets its mean."""
        first, last = int(start), int(end)
        if first == last:
            self._parts[first] += level * (end - start)
            return
        self._parts[first] += level * (first + 1 - start)
        self._parts[last] += level * (end - last)
        self._changes[first + 1] += level
        self._changes[last] -= level

    def add_amount(self, start: float, end: float, amount: float) -> None:
        """Spread an amount evenly from `start` to `end`: a second gets its part."""
        if int(start) == int(end):
            self.add_moment(start, amount)
        else:
            self.add_level(start, end, amount / (end - start))

    def add_moment(self, time: float, amount: float = 1) -> None:
        """Add an amount to the second of `time`."""
        self._parts[min(int(time), self._length - 1)] += amount

    def values(self) -> list[float]:
        """Return a number a second."""
        levels = accumulate(self._changes[: self._length])
        return [
            # What is left of adding and taking away the same is no amount.
            part if abs(level) < 1e-9 else level + part
            for level, part in zip(levels, self._parts[: self._length], strict=True)
        ]
