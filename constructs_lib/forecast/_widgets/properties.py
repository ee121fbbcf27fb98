"""Properties: a JSON object, read key by key. What is odd in it, and what nobody read, is said in words.

So nothing that a widget asks for can be passed over: a key that no reader takes is named by `refuse_rest`.
"""

from __future__ import annotations

import math
import re
from reprlib import Repr
from typing import Any

_LONGEST = 80
_MOST = 1e300
_REPR = Repr()
_REPR.maxlevel, _REPR.maxstring, _REPR.maxother = 3, _LONGEST, _LONGEST
_COLOR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


def shown(value: object) -> str:
    """Return a value as one short line of a message."""
    return brief(_REPR.repr(value))


def brief(text: str) -> str:
    """Return a text as one short line."""
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def is_number(value: object) -> bool:
    """Whether it is a number that can be drawn; JSON's true and false aren't."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < _MOST if isinstance(value, int) else math.isfinite(value)


class Properties:
    """One object; `refused` are the sentences on what can't be drawn, one list for it and the objects inside it."""

    def __init__(self, given: object, refused: list[str], where: str = "") -> None:
        self.refused, self._where = refused, where
        if not isinstance(given, dict):
            self.refuse(where or "properties", f"{shown(given)}; allowed: an object")
            given = {}
        self._given: dict[str, Any] = given
        self._taken: set[str] = set()

    def refuse(self, what: str, why: str) -> None:
        """Note that something can't be drawn."""
        self.refused.append(f"{what}: {why}")

    def has(self, name: str) -> bool:
        """Whether it has the key, be it null."""
        return name in self._given

    def take(self, name: str) -> Any:
        """Return a value as it is, None where there is none."""
        self._taken.add(name)
        return self._given.get(name)

    def text(self, name: str, default: str = "") -> str:
        """Return a text."""
        value = self.take(name)
        if value is None or isinstance(value, str):
            return default if value is None else value
        self._refuse_value(name, value, "text")
        return default

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """Return one of the words allowed; the first is what a missing one means."""
        value = self.take(name)
        if value is None or value in allowed:
            return allowed[0] if value is None else str(value)
        self._refuse_value(name, value, ", ".join(allowed))
        return allowed[0]

    def number(self, name: str) -> float | None:
        """Return a finite number, None where there is none."""
        value = self.take(name)
        if value is None or is_number(value):
            return None if value is None else float(value)
        self._refuse_value(name, value, "a number")
        return None

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return true or false."""
        value = self.take(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self._refuse_value(name, value, "true, false")
        return default

    def color(self, name: str = "color") -> str | None:
        """Return a colour as #rrggbb, None where there is none."""
        value = self.take(name)
        if value is None or (isinstance(value, str) and _COLOR.fullmatch(value)):
            return value
        self._refuse_value(name, value, "a colour such as #1f77b4")
        return None

    def items(self, name: str) -> list[Any]:
        """Return a list, an empty one where there is none."""
        value = self.take(name)
        if value is None or isinstance(value, list):
            return value or []
        self._refuse_value(name, value, "a list")
        return []

    def inside(self, name: str) -> Properties:
        """Return the object under a key, an empty one where there is none."""
        value = self.take(name)
        return Properties({} if value is None else value, self.refused, self._path(name))

    def refuse_rest(self) -> None:
        """Name each key that nobody took, unless its value is false or null: what it would ask for isn't wanted."""
        for name, value in self._given.items():
            if name not in self._taken and value is not None and value is not False:
                self.refuse(self._path(name), "isn't drawn here")

    def _path(self, name: str) -> str:
        short = brief(name)
        return f"{self._where}.{short}" if self._where else short

    def _refuse_value(self, name: str, value: object, allowed: str) -> None:
        self.refuse(self._path(name), f"{shown(value)}; allowed: {allowed}")
