"""What `start` and `redrive` show of an execution on stderr: states as they run, retries, the progress of its maps.

On a terminal the states that run and the maps' bars (items, batches) stay at the bottom, what has ended scrolls above.
Elsewhere, as in CI, it is plain lines, one a change worth knowing.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from constructs_lib.local.event_table import counted
from constructs_lib.local.execution import Counts, Progress
from constructs_lib.local.failure import describe
from constructs_lib.local.states import all_states, catches, next_delay
from constructs_lib.local.timeline import Notice, StateRun, Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from rich.progress import TaskID

    from constructs_lib.local.timeline import Event

_WIDEST_NAME = 32
_MOST_ROWS = 8
# Retries and failures inside a map's items: more of one state would hide the rest.
_MOST_ITEM_LINES = 20
_COUNTS_EVERY = 10.0  # seconds, where there are no bars
_STYLES = {"failed": "red", "aborted": "red", "caught": "yellow", "retrying": "yellow", "succeeded": "green"}


class Watch:
    """Shows one execution of `definition` while the `with` block runs: pass it what `execution.run` reports.

    `timeline` is what came of the events.
    """

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.timeline = Timeline()
        self._definition = {state.name: state for state in all_states(definition)}
        self._width = min(_WIDEST_NAME, max(map(len, self._definition)))
        self._item_lines: dict[str, int] = {}
        # The attempts at Maps and Parallels that are to come, and when: what failed in them was told before they fail.
        self._coming: dict[tuple[StateRun, int], str] = {}
        self._counts = Progress()
        self._counts_shown = time.monotonic()
        console = Console(stderr=True, highlight=False)
        self._screen = _Screen(console) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._screen is not None:
            self._screen.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._screen is not None:
            self._screen.live.stop()

    def known(self, events: Iterable[Event]) -> None:
        """Take in the events before a redrive, without showing them."""
        self.timeline.add(events)

    def events(self, events: Iterable[Event]) -> None:
        """Show what new events of the history tell."""
        notices = self.timeline.add(events)
        for notice in notices:
            text = self._text(notice)
            if text is not None:
                self._tell(notice.run, text, self._seconds(notice))
        for notice in notices:
            if notice.kind == "failed":
                self._tell_outer_retry(notice)
        if self._screen is not None:
            self._screen.show_states([run for run in self.timeline.runs if run.status == "RUNNING"], self._row)

    def progress(self, progress: Progress) -> None:
        """Show how far the execution's map runs are."""
        self._counts = progress
        if self._screen is not None:
            if progress.map_runs:
                self._screen.show_counts("objects", progress.items)
                self._screen.show_counts("batches", progress.children)
        elif progress.map_runs and time.monotonic() - self._counts_shown >= _COUNTS_EVERY:
            self._counts_shown = time.monotonic()
            told = f"objects {_of(progress.items)}, batches {_of(progress.children)}{_lost(progress.children)}"
            print(f"{'':>9}  {'':<{self._width}}  {told}", file=sys.stderr, flush=True)

    def _seconds(self, notice: Notice) -> float:
        return (notice.at - (self.timeline.redriven or self.timeline.started or notice.at)).total_seconds()

    def _line(self, name: str, text: str, seconds: float) -> None:
        line = f"{seconds:7.1f} s  {name:<{self._width}}  {text}"
        if self._screen is None:
            print(line, file=sys.stderr, flush=True)
        else:
            self._screen.print(line, _STYLES.get(text.partition(" ")[0], ""))

    def _tell(self, run: StateRun, text: str, seconds: float) -> None:
        """Show a line of a state; of one in a map's items only what went wrong, and not endlessly."""
        if _in_items(run):
            if text.startswith(("entered", "redriven", "succeeded", "aborted")):
                return
            shown = self._item_lines[run.name] = self._item_lines.get(run.name, 0) + 1
            if shown > _MOST_ITEM_LINES + 1:
                return
            if shown == _MOST_ITEM_LINES + 1:
                text = "further retries and failures in items aren't shown; `history` has them"
        self._line(run.label, text, seconds)

    def _text(self, notice: Notice) -> str | None:
        run = notice.run
        failures = run.failures[: notice.failures]
        last = failures[-1] if failures else None
        error = "" if last is None or last.error is None else f": {last.error}"
        if notice.kind in {"entered", "redriven"}:
            # What has ended by now is told then; on a terminal, what runs has a row.
            return None if run.status != "RUNNING" or self._screen is not None else f"{notice.kind} ({self._what(run)})"
        if notice.kind == "failed":
            if run.status != "RUNNING" and len(failures) == len(run.failures):
                return None  # it wasn't retried, as its end will tell
            wait = self._wait(run, [failure.error for failure in failures])
            if wait is None:
                return None
            self._coming[run, len(failures) + 1] = wait
            return f"retrying {wait}, attempt {len(failures) + 1}{error}"
        if notice.kind == "retried":
            is_known = run.type not in {"Map", "Parallel"} or (run, len(failures) + 1) in self._coming
            return None if is_known else f"retrying now, attempt {len(failures) + 1}{error}"
        if notice.kind in {"map run", "map run redriven"}:
            return f"{'started' if notice.kind == 'map run' else 'redriven'} {run.map_runs[-1]}"
        if notice.kind == "execution":
            return f"started {run.executions[-1]}"
        took = f"{run.status.lower()} after {_duration(run.seconds or 0.0)}{self._counted(run)}"
        if run.status == "SUCCEEDED":
            return took if run.retries == 0 else f"{took}, attempt {run.retries + 1}"
        attempt = f", attempt {len(run.failures)}" if len(run.failures) > 1 else ""
        return f"{took}{attempt}{error}" if run.status in {"FAILED", "CAUGHT"} else took

    def _tell_outer_retry(self, notice: Notice) -> None:
        """Tell that the Map or Parallel around a failed attempt waits for its own Retry: the history is silent then."""
        run = notice.run
        if run.superseded or not run.is_failing or notice.failures < len(run.failures):
            return  # the next attempt has begun
        errors = [failure.error for failure in run.failures]
        if self._wait(run, errors) is not None:
            return
        error, outer = errors[-1], run
        while outer.parent is not None and not self._is_caught(outer, error):
            outer = outer.parent
            attempt = outer.retries + 2
            if outer.status != "RUNNING" or (outer, attempt) in self._coming:
                return
            wait = self._wait(outer, [*(failure.error for failure in outer.failures[: outer.retries]), error])
            if wait is not None:
                self._coming[outer, attempt] = wait
                self._tell(outer, f"retrying {wait}, attempt {attempt}: {error}", self._seconds(notice))
                return

    def _is_caught(self, run: StateRun, error: str | None) -> bool:
        state = self._definition.get(run.name)
        return state is None or catches(state.fields, error)

    def _wait(self, run: StateRun, errors: Sequence[str | None]) -> str | None:
        """When a Retry makes the next attempt: `in 4 s`. The history doesn't tell: the definition does."""
        state = self._definition.get(run.name)
        delay = None if state is None else next_delay(state.fields, errors)
        return None if delay is None else f"in {delay}"

    def _what(self, run: StateRun) -> str:
        state = self._definition.get(run.name)
        if run.resource is None and state is not None and "Resource" in state.fields:
            return f"{run.type}, {str(state.fields['Resource']).removeprefix('arn:aws:states:::')}"
        return describe(run)

    def _counted(self, run: StateRun) -> str:
        if run.map_runs:
            counts = self._counts.by_run.get(run.map_runs[-1])
            if counts is None:
                return ""
            objects, batches = counted(counts[0].total, "object"), counted(counts[1].total, "batch", "batches")
            return f" ({objects} in {batches}{_lost(counts[1])})"
        return "" if run.items is None else f" ({counted(run.items, 'item')})"

    def _row(self, run: StateRun) -> str:
        """What a state that runs says at the bottom of a terminal."""
        attempt = run.retries + 1
        wait = self._coming.get((run, attempt + 1))
        if wait is not None:
            return f"{run.label} waits for attempt {attempt + 1}, {wait}"
        if run.is_failing:
            return run.label
        return f"{run.label} ({self._what(run)})" + (f", attempt {attempt}" if attempt > 1 else "")


class _Screen:
    """The rows at the bottom of a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._states = Bars(SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        self._bars = Bars(
            TextColumn("  {task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]}", style="red"),
            TimeElapsedColumn(),
        )
        self._rows: dict[StateRun, TaskID] = {}
        self._maps: dict[object, TaskID] = {}
        self.live = Live(Group(self._states, self._bars), console=console, transient=True, refresh_per_second=10)

    def print(self, line: str, style: str) -> None:
        """Print a line above the rows."""
        self._console.print(Text(line, style=style), soft_wrap=True)

    def show_states(self, running: list[StateRun], row: Any) -> None:
        """Show these as the ones that run: those inside a map's items by its bar only."""
        shown = [run for run in running if not _in_items(run)][-_MOST_ROWS:]
        for run in [run for run in self._rows if run not in shown]:
            self._states.remove_task(self._rows.pop(run))
        for run in shown:
            if run not in self._rows:
                self._rows[run] = self._states.add_task("", total=None)
            self._states.update(self._rows[run], description=row(run))
            if run.items is not None and not run.map_runs:
                counts = Counts(total=run.items, succeeded=run.items_done - run.items_failed, failed=run.items_failed)
                self.show_counts(run.name, counts)

    def show_counts(self, name: str, counts: Counts) -> None:
        """Show a bar of that name."""
        if name not in self._maps:
            self._maps[name] = self._bars.add_task(name, total=None, failed="")
        failed = _lost(counts).removeprefix(", ")
        self._bars.update(self._maps[name], total=counts.total or None, completed=counts.done, failed=failed)


def _in_items(run: StateRun) -> bool:
    """Whether it is inside an item of an inline Map."""
    return run.iteration is not None or (run.parent is not None and _in_items(run.parent))


def _of(counts: Counts) -> str:
    return f"{counts.done:,}/{counts.total:,}"


def _lost(counts: Counts) -> str:
    lost = {"failed": counts.failed, "timed out": counts.timed_out, "aborted": counts.aborted}
    return "".join(f", {number:,} {how}" for how, number in lost.items() if number)


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"
