"""The fenced blocks of the documents: what their tests run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")])

_HEADING_OR_BLOCK = re.compile(
    r"^#+ (?P<heading>.*)$|^(?P<indent> *)```(?P<language>.*)\n(?P<text>(?s:.*?))^(?P=indent)```$", re.MULTILINE
)


@dataclass(frozen=True)
class Block:
    """A fenced block, with the heading that it stands under."""

    page: str
    heading: str
    language: str
    text: str

    @property
    def file_name(self) -> str | None:
        """The file that a block says it is, in a comment that is its first line."""
        found = re.match(r"# (\S+\.\w+)\n", self.text)
        return found and found[1]


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of a page in order, without Sphinx's directives, which the site's build runs."""
    heading = ""
    for found in _HEADING_OR_BLOCK.finditer(page.read_text()):
        if found["heading"] is not None:
            heading = found["heading"]
        elif not found["language"].startswith("{"):
            yield Block(page.relative_to(ROOT).as_posix(), heading, found["language"], dedent(found["text"]))
