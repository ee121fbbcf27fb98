"""Faults that a test asks for: in which order they are met, how often, and the control API's routes for them."""

import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from constructs_lib.local.emulator.control import RefusedError, Routes


class Fault(Protocol):
    """What fails.

    Args:
        times: how many meet it; None: all.
        thrown: how many have.

    """

    times: int | None
    thrown: int

    def described(self) -> dict[str, Any]:
        """As the control API shows it."""


_Fault = TypeVar("_Fault", bound=Fault)


class FaultList(Generic[_Fault]):
    """Faults of this cloud, in the order in which they were asked for; safe in many threads."""

    def __init__(self) -> None:
        self._faults: dict[int, _Fault] = {}
        self._last = 0
        self._lock = threading.Lock()

    def add(self, fault: _Fault) -> dict[str, Any]:
        """Add one; the answer holds its `id`, which is never given twice."""
        with self._lock:
            self._last += 1
            self._faults[self._last] = fault
            return {"id": self._last, **fault.described()}

    def take(self, is_met: Callable[[_Fault], bool]) -> _Fault | None:
        """The first fault that is met now and is left, which is counted; None: nothing fails."""
        with self._lock:
            for fault in self._faults.values():
                if is_met(fault) and (fault.times is None or fault.thrown < fault.times):
                    fault.thrown += 1
                    return fault
        return None

    def described(self) -> dict[str, Any]:
        """All of them, those that are used up, too."""
        with self._lock:
            return {"faults": [{"id": number, **fault.described()} for number, fault in self._faults.items()]}

    def clear(self) -> dict[str, Any]:
        """Forget all of them."""
        with self._lock:
            self._faults.clear()
        return {}

    def routes(self, path: str, read: Callable[[Any], _Fault]) -> Routes:
        """The control API: POST adds the fault that `read` makes of the body, GET lists them, DELETE forgets them."""
        return {
            ("POST", path): lambda body: self.add(read(body)),
            ("GET", path): lambda _: self.described(),
            ("DELETE", path): lambda _: self.clear(),
        }


def check_times(times: Any, of_what: str) -> None:
    """Raise RefusedError unless it is a number of attempts or requests, `of_what`, or None."""
    if times is not None and (type(times) is not int or times < 1):
        raise RefusedError(f"A fault's times is a whole number, 1 or more, or null for every {of_what}, not {times!r}.")
