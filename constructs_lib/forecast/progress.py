"""A bar on stderr for forecasts that take a while: none where stderr is no terminal, or where rich isn't installed."""

from __future__ import annotations

import importlib.util
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from rich.progress import Progress

_SHOWN_AFTER_SECONDS = 1.0
_REFRESHED_EVERY_SECONDS = 0.1


class Bar:
    """Shows how many of `total` forecasts are done while the `with` block runs, from its second second on."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._next = time.monotonic() + _SHOWN_AFTER_SECONDS
        self._shown: Progress | None = None
        self._wanted = sys.stderr.isatty() and importlib.util.find_spec("rich") is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown is not None:
            self._shown.stop()
            if error is not None:
                _give_back_the_line()

    def of(self, index: int) -> Callable[[int, int], None] | None:
        """Return what takes the progress of one forecast, so much done of so much; None where nothing is shown."""
        return (lambda done, of: self._show(index + done / of)) if self._wanted else None

    def _show(self, done: float) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _REFRESHED_EVERY_SECONDS
        if self._shown is None:
            self._shown = _started("Forecast" if self._total == 1 else f"{self._total} forecasts")
        self._shown.update(self._shown.task_ids[0], completed=done / self._total, refresh=True)


def _started(title: str) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    progress = Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        # Without a thread, which Ctrl-C could meet before it runs.
        auto_refresh=False,
        # What is said after Ctrl-C must not wait for a console that was interrupted.
        redirect_stdout=False,
        redirect_stderr=False,
    )
    progress.add_task(title, total=1.0)
    try:
        progress.start()
    except BaseException:  # Ctrl-C: what has half started can't be stopped
        _give_back_the_line()
        raise
    return progress


def _give_back_the_line() -> None:
    """Clear the line and show the cursor, whatever the console was doing when Ctrl-C came."""
    sys.stderr.write("\r\x1b[2K\x1b[?25h")
    sys.stderr.flush()
