"""The CSV files that the functions write, and the one that they read: any text comes back as it was written."""

from __future__ import annotations

import csv
import io
from types import SimpleNamespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a file of lines that end in a line feed; cells are quoted where they need it."""
    lines: list[str] = []
    # A carriage return that isn't quoted would end a line, too. Python before 3.11.9 and 3.12.3 quotes one only if the
    # line terminator has it, as the writer's own does: https://github.com/python/cpython/issues/67044
    writer = csv.writer(SimpleNamespace(write=lines.append))
    writer.writerow(header)
    writer.writerows(rows)
    return "".join([f"{line[:-2]}\n" for line in lines]).encode()


def column(file: bytes, name: str) -> list[str]:
    """Return the cells of one column."""
    return [row[name] for row in csv.DictReader(io.StringIO(file.decode(), newline=""))]
