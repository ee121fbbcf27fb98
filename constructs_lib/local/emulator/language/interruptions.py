"""The end of an execution, a branch or a state: it wakes who waits in it, at once, and what goes on leaves no trace.

Moto sets an environment's `program_state_event` and clears it right away, so that who is about to wait misses it, and
who waits for something else (a task token) never hears of it. And a task that can't be interrupted (a call under way)
would go on writing to a history whose state, branch or iteration is over.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager

from constructs_lib.local.emulator.patches import replace, require


class Ending(threading.Event):
    """In the place of an environment's `program_state_event`: set once it has ended, for good."""

    def __init__(self) -> None:
        super().__init__()
        self._listeners: set[Callable[[], None]] = set()
        self._listeners_lock = threading.Lock()

    def set(self) -> None:
        """Wake who waits, and tell who listens."""
        super().set()
        with self._listeners_lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def clear(self) -> None:
        """Nothing: an environment that has ended doesn't go on."""

    @contextmanager
    def told_to(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call `listener` if the end comes while the block runs."""
        with self._listeners_lock:
            self._listeners.add(listener)
        try:
            yield
        finally:
            with self._listeners_lock:
                self._listeners.discard(listener)


def pause(env: Any, seconds: float) -> None:
    """Wait that long, or until the environment has ended."""
    if seconds > 0 and env.is_running():
        env.program_state_event.wait(seconds)


def _make_environment(self: Any, *arguments: Any, **named: Any) -> None:
    """In the place of moto's `Environment.__init__`."""
    _original_make_environment(self, *arguments, **named)
    self.program_state_event = Ending()


def _silence(env: Any) -> None:
    """Take no event any more of what a frame, and all that was opened in it, still does."""
    env.event_history_context.is_silent = True
    for frame in list(env._frames):
        _silence(frame)


def _open_frame(self: Any, *arguments: Any, **named: Any) -> Any:
    """In the place of moto's `Environment.open_frame`: an attempt of a state runs in it, never a program."""
    frame = _original_open_frame(self, *arguments, **named)
    frame.is_attempt = True
    return _heir(self, frame)


def _open_inner_frame(self: Any, *arguments: Any, **named: Any) -> Any:
    """In the place of moto's `Environment.open_inner_frame`."""
    return _heir(self, _original_open_inner_frame(self, *arguments, **named))


def _heir(env: Any, frame: Any) -> Any:
    """The frame, silent if what it was opened in is: a worker may open one after the end, for the next iteration."""
    if getattr(env.event_history_context, "is_silent", False):
        _silence(frame)
    return frame


def _close_frame(self: Any, frame: Any) -> None:
    """In the place of moto's `Environment.close_frame`."""
    _original_close_frame(self, frame)
    _silence(frame)


def _set_ended(self: Any) -> None:
    """In the place of moto's `Environment.set_ended`: who is woken in an attempt that is over writes nothing more."""
    if getattr(self, "is_attempt", False):
        _silence(self)
    _original_set_ended(self)


def _silencing(original: Any) -> Any:
    """An end from outside: moto's method, once the frames are silent."""

    def end(self: Any, *arguments: Any, **named: Any) -> None:
        with self._state_mutex:
            for frame in list(self._frames):
                _silence(frame)
        original(self, *arguments, **named)

    return end


def _heeding(original: Any) -> Any:
    """Moto's `EventManager.add_event`, or what stands in its place, unless the context is silent."""

    def add_event(self: Any, context: Any, *arguments: Any, **named: Any) -> Any:
        # Dozens of iterations wait here for their turn; what they are in may be over when it comes.
        with self.turn:
            if getattr(context, "is_silent", False):
                return context.last_published_event_id
            return original(self, context, *arguments, **named)

    return add_event


def _make_event_manager(self: Any, *arguments: Any, **named: Any) -> None:
    """In the place of moto's `EventManager.__init__`."""
    _original_make_event_manager(self, *arguments, **named)
    self.turn = threading.RLock()


def _wait_interval(_: Any, env: Any, wait_seconds: float) -> None:
    """In the place of moto's `WaitFunction._wait_interval`, which counts in whole seconds."""
    pause(env, wait_seconds)


_original_make_environment: Any = Environment.__init__
_original_make_event_manager: Any = EventManager.__init__
_original_open_frame: Any = Environment.open_frame
_original_open_inner_frame: Any = Environment.open_inner_frame
_original_close_frame: Any = Environment.close_frame
_original_set_ended: Any = Environment.set_ended


def install() -> None:
    """Let an end be noticed."""
    require(Environment, "set_error", "is_running")
    replace(Environment, "__init__", _make_environment)
    replace(Environment, "open_frame", _open_frame)
    replace(Environment, "open_inner_frame", _open_inner_frame)
    replace(Environment, "close_frame", _close_frame)
    # `set_ended` and `set_error` are also what a branch does by itself, and then it writes its last events.
    replace(Environment, "set_ended", _set_ended)
    for name in ("set_stop", "set_timed_out"):
        replace(Environment, name, _silencing(getattr(Environment, name)))
    replace(EventManager, "__init__", _make_event_manager)
    replace(EventManager, "add_event", _heeding(EventManager.add_event))
    replace(WaitFunction, "_wait_interval", _wait_interval)
