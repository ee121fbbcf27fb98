"""What a forecast says: the likely run, what it takes, costs and runs into, and how far off that may be.

Times are seconds from the start of the execution. Series have a number for each second that began.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from statistics import quantiles
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_lib.forecast.job import Job


class Case(StrEnum):
    """Which value of each constant a run takes."""

    OPTIMISTIC = "optimistic"
    LIKELY = "likely"
    PESSIMISTIC = "pessimistic"


class Limit(StrEnum):
    """What a run can wait for. Each second of its critical path is one of these."""

    START = "start and end of the execution"
    INDEX = "index of the objects"
    LISTING = "item listing"
    ITEM_READING = "item reading"
    CHILD_DISPATCH = "dispatch of children"
    MAX_CONCURRENCY = "max_concurrency"
    STATE_TRANSITIONS = "state transitions"
    LAMBDA_CONCURRENCY = "Lambda concurrency"
    LAMBDA_RAMP_UP = "Lambda's ramp-up"
    S3_GETS = "S3 GETs of a prefix"
    WORK = "the batches' own work"
    RESULT_WRITING = "result writing"
    REDUCE = "reduce"


SERIES = (
    "objects_read",
    "gets",
    "throttled_gets",
    "children_running",
    "children_waiting",
    "transitions",
    "throttled_transitions",
    "lambda_concurrency",
)
"""The names of a run's series.

Counts of events in a second, but children_running, children_waiting (items listed, not yet started) and
lambda_concurrency, which are means over it.
"""


MAX_SERIES_SECONDS = 2 * 24 * 60 * 60
"""Series of longer runs would take too much memory."""


class NoSeries(Mapping[str, list[float]]):
    """In the place of a longer run's series: `ValueError` for whoever reads them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def _refuse(self, *_: object) -> NoReturn:
        raise ValueError(
            f"The run lasts {self._seconds:,.0f} s, too long for series; allowed: up to {MAX_SERIES_SECONDS:,} s. "
            "Fix: leave --series and --save-scenario out."
        )

    __getitem__ = __iter__ = __len__ = _refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """US dollars by service, of one run."""

    step_functions: float
    lambda_: float
    s3: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.step_functions + self.lambda_ + self.s3


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What is billed of one run, before prices: durations already rounded up as each service does."""

    transitions: int
    children: int
    express_gb_seconds: float
    lambda_gb_seconds: float
    lambda_requests: int
    gets: int
    puts_and_lists: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A part of a run, by name, from when to when."""

    name: str
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A limit on the run's critical path: for how many seconds in all it alone decided, and when first and last.

    The seconds of all of a run's bindings add up to its duration: what was taken away from one of them would come off.
    """

    limit: Limit
    first_second: float
    last_second: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run comes to.

    `transitions` are states entered by the parent and by Standard children, retries included: what is billed as such.
    `gets` are all GETs of the batches, `throttled_gets` those that S3 refused, which were asked again. `retries` are
    batches' tasks that Step Functions tried again.
    """

    duration_seconds: float
    transitions: int
    gets: int
    throttled_gets: int
    retries: int
    usage: Usage
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Outcome):
    """One reading of a job's future.

    `batch_seconds` is a batch's own work, when nothing holds it up; `longest_child_seconds` what the slowest child
    took. `bindings` come largest first, `phases` in their order.
    """

    job: Job
    case: Case
    phases: tuple[Phase, ...]
    children: int
    objects_read: int
    batch_seconds: float
    longest_child_seconds: float
    bindings: tuple[Binding, ...]
    series: Mapping[str, list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A job's run as is most likely, and how far off that may be.

    `draws` are outcomes with each constant somewhere in its range, by chance: see `Constants.drawn`. The range of a
    number is where nine of ten draws have it. `optimistic` and `pessimistic` are the extremes: with all constants at
    their best at once, and all at their worst.
    """

    job: Job
    optimistic: Run
    likely: Run
    pessimistic: Run
    draws: tuple[Outcome, ...]

    @property
    def runs(self) -> tuple[Run, Run, Run]:
        """Likely and extremes, the fastest first."""
        return self.optimistic, self.likely, self.pessimistic

    def range(self, number: Callable[[Outcome], float]) -> tuple[float, float]:
        """Return the range of a number of the outcome, its likely value included."""
        twentieths = quantiles(map(number, self.draws), n=20, method="inclusive")
        return min(twentieths[0], number(self.likely)), max(twentieths[-1], number(self.likely))
