"""What a forecast says: runs at three readings of the constants, each with what it takes, costs and runs into.

Times are seconds from the start of the execution. Series have a number for each second that began.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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
class Run:
    """One reading of a job's future.

    `transitions` are states entered by the parent and by Standard children, retries included: what is billed as such.
    `gets` are all GETs of the batches, `throttled_gets` those that S3 refused, which were asked again. `retries` are
    batches' tasks that Step Functions tried again. `batch_seconds` is a batch's own work, when nothing holds it up;
    `longest_child_seconds` what the slowest child took. `bindings` come largest first, `phases` in their order.
    """

    job: Job
    case: Case
    duration_seconds: float
    phases: tuple[Phase, ...]
    children: int
    transitions: int
    objects_read: int
    gets: int
    throttled_gets: int
    retries: int
    batch_seconds: float
    longest_child_seconds: float
    usage: Usage
    cost: Cost
    bindings: tuple[Binding, ...]
    series: Mapping[str, list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The range: a job's run with all constants at their best, as is most likely, and at their worst."""

    job: Job
    optimistic: Run
    likely: Run
    pessimistic: Run

    @property
    def runs(self) -> tuple[Run, Run, Run]:
        """All three, the fastest first."""
        return self.optimistic, self.likely, self.pessimistic
