"""The numbers that a forecast is made of: a record each, with its source, its date, and how sure it is.

DOCUMENTED: AWS says so at the address. MEASURED: by `python -m bench` or another run of ours, on the machine that
`source` names. ASSUMED: nobody says so; `source` gives the reason for the range. A documented number has three equal
values. The dates are those of reading or measuring. Errors are `ValueError`s of one line.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from constructs_lib.forecast.result import Case


class Basis(StrEnum):
    """How sure a constant is."""

    DOCUMENTED = "documented"
    MEASURED = "measured"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A number that a forecast uses, as a range.

    `optimistic` is the value that makes a run fast and cheap, be it the smallest or the largest.

    Raises:
        ValueError: when `likely` isn't between the other two, or a documented number is a range.

    """

    name: str
    unit: str
    optimistic: float
    likely: float
    pessimistic: float
    basis: Basis
    source: str
    date: str

    def __post_init__(self) -> None:
        low, high = sorted((self.optimistic, self.pessimistic))
        if not low <= self.likely <= high:
            raise ValueError(
                f"{self.name}: likely is {self.likely:g}; allowed: from {low:g} to {high:g}, between optimistic and "
                "pessimistic. Change one of the three."
            )
        if self.basis is Basis.DOCUMENTED and low != high:
            raise ValueError(
                f"{self.name}: {low:g} to {high:g} is a range; allowed: one value of what is documented. "
                "Use Basis.MEASURED or Basis.ASSUMED for a range."
            )

    def at(self, case: Case) -> float:
        """Return the value in this case."""
        value: float = getattr(self, case.value)
        return value
