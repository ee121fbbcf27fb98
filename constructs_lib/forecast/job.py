"""Job: the Distributed Map to forecast, and the account that it runs in. Errors are `ValueError`s of one line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from constructs_lib.quotas.catalogue import MAP_RUNS, STATE_TRANSITIONS

MAX_ITEMS = 100_000_000
MAX_BATCH_SIZE = 1_000
"""The wind-speed workflow's: what it returns of so many objects fits in 256 KiB."""

MAX_INPUT_BYTES = 256 * 1024
"""Of any state, and so of a batch."""

MAX_CONCURRENCY = 10_000
MAX_CHILDREN = 2_000_000
"""For more children than that the simulation takes too long, and too much memory."""

REGIONS = (
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
)
"""Those where botocore 1.43 finds an endpoint of Step Functions."""


class Child(StrEnum):
    """What a child execution of the map is."""

    EXPRESS = "express"
    STANDARD = "standard"


class Source(StrEnum):
    """Where the map's items come from.

    INDEX: a function lists the years side by side and writes the keys, spread over the years; the map reads that file.
    FILE: such a file that is there already, be it an inventory.
    LIST: the map's own reader lists the bucket page by page, in the order of the keys.
    """

    INDEX = "index"
    FILE = "file"
    LIST = "list"


class Reducer(StrEnum):
    """What adds up the results after the map: a function, or nothing."""

    FUNCTION = "function"
    NONE = "none"


class Bucket(StrEnum):
    """Whose bucket the objects are in: one's own, or a public one such as NOAA's, whose requests its owner pays for."""

    OWN = "own"
    PUBLIC = "public"


class Handler(StrEnum):
    """Whose functions run: the wind-speed workflow's, or others, which are taken to work like those."""

    WIND_SPEED = "wind-speed"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A run of the wind-speed workflow, or of a map like it: objects in batches, a Lambda function a batch.

    `mean_bytes` is an object's size. `batch_seconds` is how long a warm function takes for a whole batch when nothing
    holds it up; None is what the wind-speed handler takes. `prefixes` are those that the keys are spread over, alike in
    number: NOAA's years. `states_per_child` are those that a child enters, more than one where there is a `processor`
    after the batch; `parent_states` those that the execution itself enters, the map included.
    `lambda_concurrency` is what the account leaves free for this function. `other_transitions_per_second` is what other
    Standard workflows of the account make meanwhile, `other_map_runs` how many of theirs are open.
    `state_transition_limit` is the account's own refill a second where it isn't the documented one: None is the
    Region's.

    Raises:
        ValueError: for a number that Step Functions or Lambda doesn't take, and an unknown Region.

    """

    objects: int
    mean_bytes: int = 62_000
    batch_size: int = 500
    max_concurrency: int = 200
    child: Child = Child.EXPRESS
    source: Source = Source.INDEX
    reducer: Reducer = Reducer.FUNCTION
    bucket: Bucket = Bucket.PUBLIC
    handler: Handler = Handler.WIND_SPEED
    batch_seconds: float | None = None
    region: str = "us-east-1"
    prefixes: int = 97
    states_per_child: int = 1
    parent_states: int = 8
    function_memory_mb: int = 1_769
    lambda_concurrency: int = 1_000
    other_transitions_per_second: float = 0
    other_map_runs: int = 0
    state_transition_limit: float | None = None

    def __post_init__(self) -> None:
        self._kind("handler", Handler)
        self._whole("objects", 1, MAX_ITEMS, "Where there are more, start several map runs.")
        if self.handler is Handler.WIND_SPEED:
            self._whole("mean_bytes", 1, 8 * 1024**2, "The handler rejects a larger object.")
            self._whole("batch_size", 1, self.max_batch_size, "A child's output must fit in 256 KiB.")
        else:
            self._whole("mean_bytes", 1, 50 * 1024**4, "S3 has no larger object.")
            self._whole("batch_size", 1, self.max_batch_size, "A map run has no more items.")
        self._whole("max_concurrency", 1, MAX_CONCURRENCY, "Step Functions runs no more children of a map at a time.")
        self._whole("prefixes", 1, MAX_ITEMS, "Count the years, or whatever the keys begin with.")
        self._whole("states_per_child", 1, 1_000, "Count the states that a child enters.")
        self._whole("parent_states", 1, 1_000, "Count the states that the execution enters.")
        self._whole("function_memory_mb", 128, 10_240, "Lambda has no other sizes; 1,769 is one whole vCPU.")
        self._whole("lambda_concurrency", 1, 1_000_000, "1,000 is what an account has, unless it asked for more.")
        most = int(MAP_RUNS.documented.limit) - 1 if MAP_RUNS.documented else 999
        self._whole("other_map_runs", 0, most, "With one more, this run would wait until one of them ends.")
        self._kind("child", Child)
        self._kind("source", Source)
        self._kind("reducer", Reducer)
        self._kind("bucket", Bucket)
        if self.batch_seconds is not None and not (_is_number(self.batch_seconds) and 0 < self.batch_seconds <= 900):
            raise _error(
                "batch_seconds", self.batch_seconds, "a number over 0, up to 900", "Lambda ends a function then."
            )
        if self.region not in REGIONS:
            near = get_close_matches(str(self.region), REGIONS)
            hint = f"Did you mean {_any_of(near)}?" if near else "Use one such as us-east-1 or eu-central-1."
            raise _error("region", self.region, "a Region that has Step Functions", hint)
        if self.children > MAX_CHILDREN:
            raise _error(
                "batch_size",
                self.batch_size,
                f"what makes at most {MAX_CHILDREN:,} batches",
                f"For {self.objects:,} objects use {math.ceil(self.objects / MAX_CHILDREN)} or more.",
            )
        self._check_transitions()

    @property
    def max_batch_size(self) -> int:
        """How many objects a batch may have: what others' functions return may be small."""
        return MAX_BATCH_SIZE if self.handler is Handler.WIND_SPEED else MAX_ITEMS

    @property
    def children(self) -> int:
        """How many child executions the map starts."""
        return math.ceil(self.objects / self.batch_size)

    @property
    def transitions_per_second(self) -> float:
        """State transitions a second that the account's Standard workflows may make, this one and the others."""
        if self.state_transition_limit is not None:
            return self.state_transition_limit
        documented = STATE_TRANSITIONS.documented_in(self.region)
        assert documented is not None  # noqa: S101 - the catalogue has both kinds of Region
        return documented.limit

    def _check_transitions(self) -> None:
        limit = self.state_transition_limit
        if limit is not None and not (_is_number(limit) and limit >= 1):
            raise _error(
                "state_transition_limit", limit, "a number of 1 or more", "Leave it out for the documented one."
            )
        other = self.other_transitions_per_second
        if not (_is_number(other) and 0 <= other < self.transitions_per_second):
            raise _error(
                "other_transitions_per_second",
                other,
                f"a number from 0 to less than the limit, {self.transitions_per_second:,g}",
                "The other workflows would leave this one nothing.",
            )

    def _whole(self, name: str, low: int, high: int, fix: str) -> None:
        value = getattr(self, name)
        if not (isinstance(value, int) and not isinstance(value, bool) and low <= value <= high):
            raise _error(name, value, f"a whole number from {low:,} to {high:,}", fix)

    def _kind(self, name: str, kind: type[StrEnum]) -> None:
        value = getattr(self, name)
        if not isinstance(value, kind):
            members = ", ".join(f"{kind.__name__}.{member.name}" for member in kind)
            raise _error(name, value, members, "Choose one of these.")


def _any_of(names: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _error(name: str, given: object, allowed: str, fix: str) -> ValueError:
    return ValueError(f"forecast: {name} is {given!r}; allowed: {allowed}. {fix}")
