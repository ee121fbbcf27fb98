"""What a demo shows while it runs: a line for each step, on a terminal with a spinner and bars."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console


@contextmanager
def step(console: Console, title: str) -> Iterator[Progress]:
    """A line for a step: a spinner (and the bars that are added) while it runs, a tick and its seconds after."""
    begun = time.monotonic()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        spinner = progress.add_task(title, total=None)
        try:
            yield progress
        except BaseException:
            console.print(f"[red]✗[/] {title}")
            raise
        progress.remove_task(spinner)
    console.print(f"[green]✓[/] {title}  [dim]{time.monotonic() - begun:.1f} s[/]")
