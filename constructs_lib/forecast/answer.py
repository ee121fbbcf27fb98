"""Answer: a forecast with all that is told of it, be it as a table or as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from constructs_lib.forecast.verdict import failure, verdict

if TYPE_CHECKING:
    from constructs_lib.forecast.result import Forecast
    from constructs_lib.forecast.settings import Settings


@dataclass(frozen=True, slots=True)
class Answer:
    """A forecast, and where its job's values came from."""

    forecast: Forecast
    settings: Settings

    @property
    def verdict(self) -> str:
        """The forecast in a sentence."""
        return verdict(self.forecast)

    @property
    def may_fail(self) -> bool:
        """Whether the pessimistic run takes longer somewhere than it may."""
        return failure(self.forecast.pessimistic) is not None
