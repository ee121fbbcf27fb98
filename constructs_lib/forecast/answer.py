"""Answer: a forecast with all that is told of it, be it as a table or as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from constructs_lib.forecast.cost import PRICED_REGION
from constructs_lib.forecast.job import MAX_BATCH_SIZE, MAX_INPUT_BYTES, Handler, Reducer, Source
from constructs_lib.forecast.simulation import DRAWS
from constructs_lib.forecast.verdict import failure, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    def notes(self) -> tuple[str, ...]:
        """What else to know before believing it, a line each."""
        return tuple(_notes(self.forecast))

    @property
    def may_fail(self) -> bool:
        """Whether the pessimistic run takes longer somewhere than it may."""
        return failure(self.forecast.pessimistic) is not None


def _notes(forecast: Forecast) -> Iterator[str]:
    job, draws = forecast.job, len(forecast.draws)
    if job.handler is Handler.OTHER:
        taken = []
        if job.batch_seconds is None:
            taken.append(
                "the one for a batch GETs its objects with 64 threads (measure yours, and give --batch-seconds)"
            )
        if job.source is Source.INDEX:
            taken.append("the one before the map lists the bucket")
        if job.reducer is Reducer.FUNCTION:
            taken.append("the one after it adds up the results")
        if taken:
            yield f"This app's functions are taken to work as the wind-speed workflow's do: {', '.join(taken)}."
    if job.batch_size > MAX_BATCH_SIZE:
        yield (
            f"A batch's input has room for 256 KiB: of items over {MAX_INPUT_BYTES // job.batch_size:,} bytes Step "
            f"Functions makes batches of fewer than {job.batch_size:,}."
        )
    if job.region != PRICED_REGION:
        yield f"Prices are those of {PRICED_REGION}; in {job.region} they may be others."
    if draws < DRAWS:
        yield f"The ranges are of {draws} draws, not of {DRAWS}: {job.children:,} children take long to simulate."
