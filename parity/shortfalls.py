"""The cases that the documentation says fall short: the rows of one table in docs/local-cloud.md."""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[1] / "docs" / "local-cloud.md"
HEADING = "## What AWS does and this doesn't"
_ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def read() -> list[str]:
    """Return the ids that the document lists."""
    return documented(DOCUMENT.read_text("utf-8"))


def documented(text: str) -> list[str]:
    """Return the ids in the table's first column, in its order.

    Raises `ValueError` when the text has no such section, or a case twice.
    """
    _, heading, rest = text.partition(f"{HEADING}\n")
    if not heading:
        raise ValueError(
            f"The section {HEADING!r} is missing. Fix: write it, with a row for each case that falls short."
        )
    found: list[str] = _ROW.findall(rest.partition("\n## ")[0])
    if twice := sorted({name for name in found if found.count(name) > 1}):
        raise ValueError(f"These cases have two rows: {', '.join(twice)}. Fix: keep one of each.")
    return found
