"""Bars on a terminal for an execution's map runs: the items (objects) and the child executions (batches)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from rich.progress import TaskID

    from constructs_lib.local.execution import Counts, Progress


class ProgressBars:
    """Shows `Progress` on stderr while the `with` block runs; shows nothing where stderr isn't a terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]}", style="red"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._running = self._bars.add_task("execution", total=None, failed="")
        self._objects = self._bars.add_task("objects", total=None, failed="", visible=False)
        self._batches = self._bars.add_task("batches", total=None, failed="", visible=False)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show(self, progress: Progress) -> None:
        """Show how far the map runs are."""
        self._bars.update(self._running, visible=False)
        self._update(self._objects, progress.items)
        self._update(self._batches, progress.children)

    def _update(self, task: TaskID, counts: Counts) -> None:
        lost = counts.failed + counts.timed_out + counts.aborted
        self._bars.update(
            task,
            total=counts.total or None,
            completed=counts.done,
            failed=f"{lost} failed" if lost else "",
            visible=True,
        )
