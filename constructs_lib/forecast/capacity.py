"""What limits are made of: a token bucket, a server of a fixed rate, slots, and Lambda's execution environments.

Each answers at what time a demand is met, given those before it; nothing ticks. The answers are sums and maxima of
times, so that a later demand is never met earlier, and neither is one that meets a smaller limit. Demands come in the
order of the children. Times are seconds, rates are per second.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import inf

NOBODY = -1
"""In the place of a predecessor's number: there was none to wait for."""


class TokenBucket:
    """Holds `size` tokens and gets `refill` a second. It starts full, and whoever comes first is served first."""

    def __init__(self, size: float, refill: float) -> None:
        self._size = size
        self._refill = refill
        self._full_at = 0.0

    def when(self, time: float, tokens: float = 1) -> float:
        """Return when so many tokens could be taken."""
        return max(time, max(time, self._full_at) + (tokens - self._size) / self._refill)

    def take(self, time: float, tokens: float = 1) -> float:
        """Take tokens, and return when the last of them is there."""
        granted = self.when(time, tokens)
        self._full_at = max(time, self._full_at) + tokens / self._refill
        return granted


class PacedServer:
    """Serves one demand after the other, `rate` units of work a second."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self.free_at = 0.0
        self.last = NOBODY

    def serve(self, time: float, work: float, who: int) -> tuple[float, int]:
        """Return when the work is done, and behind whom it had to wait."""
        before = self.last if self.free_at > time else NOBODY
        self.free_at = max(time, self.free_at) + work / self._rate
        self.last = who
        return self.free_at, before


class Slots:
    """So many may run at the same time."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._ends: list[tuple[float, int]] = []

    def acquire(self, time: float) -> tuple[float, int]:
        """Return from when there is a slot, and whose it was."""
        if self._free:
            self._free -= 1
            return time, NOBODY
        end, whose = heappop(self._ends)
        return (end, whose) if end > time else (time, NOBODY)

    def release(self, end: float, who: int) -> None:
        """Give a slot back at `end`."""
        heappush(self._ends, (end, who))


class Environments:
    """A function's execution environments: at most `limit`, of which `burst` at once and `ramp_up` more a second.

    The ramp starts with the first request. Environments are alike; when none is free a new one is made.
    """

    def __init__(self, limit: int, burst: float, ramp_up: float) -> None:
        self._limit = limit
        self._burst = burst
        self._ramp_up = ramp_up
        self._since = 0.0
        self.made = 0
        self._ends: list[tuple[float, int]] = []

    def acquire(self, time: float) -> tuple[float, int, bool]:
        """Return from when there is an environment, whose it was, and whether it is a new one."""
        if not self.made:
            self._since = time
        new_at = self._new_at(time)
        if self._ends and self._ends[0][0] <= max(time, new_at):
            end, whose = heappop(self._ends)
            return (end, whose, False) if end > time else (time, NOBODY, False)
        self.made += 1
        return new_at, NOBODY, True

    def release(self, end: float, who: int) -> None:
        """Let the next one have it at `end`."""
        heappush(self._ends, (end, who))

    @property
    def full(self) -> bool:
        """Whether there can't be another one."""
        return self.made == self._limit

    def _new_at(self, time: float) -> float:
        if self.full:
            return inf
        return max(time, self._since + (self.made + 1 - self._burst) / self._ramp_up)
