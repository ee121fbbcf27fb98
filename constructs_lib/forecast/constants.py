"""The numbers that a forecast is made of: a record each, with its source, its date, and how sure it is.

DOCUMENTED: AWS says so at the address, or this project's code in the file. MEASURED: by `python -m bench`, or another
run of ours that `source` names, with its machine. ASSUMED: nobody says so; `source` gives the reason for the range. A
documented number has three equal values. Dates are those of reading or measuring. Errors are `ValueError`s of one line.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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

    def drawn(self, share: float) -> Constant:
        """Return the constant at one value, the one that so large a share of its range's triangle lies below."""
        low, high = sorted((self.optimistic, self.pessimistic))
        if low == high:
            return self
        rising = (self.likely - low) / (high - low)
        if share < rising:
            value = low + sqrt(share * (high - low) * (self.likely - low))
        else:
            value = high - sqrt((1 - share) * (high - low) * (high - self.likely))
        return replace(self, optimistic=value, likely=value, pessimistic=value)


_READ = "2026-11-21"
_MACHINE = "on two cores of a 2.6 GHz Xeon (Rocket Lake), Python 3.11"
_QUOTAS = "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"
_S3_PERFORMANCE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html"
_LAMBDA_SCALING = "https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html"
_LAMBDA_MEMORY = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"
_LAMBDA_PRICING = "https://aws.amazon.com/lambda/pricing/"
_STATES_PRICING = "https://aws.amazon.com/step-functions/pricing/"
_S3_PRICING = "https://aws.amazon.com/s3/pricing/"


def _documented(name: str, unit: str, value: float, source: str) -> Constant:
    return Constant(
        name=name,
        unit=unit,
        optimistic=value,
        likely=value,
        pessimistic=value,
        basis=Basis.DOCUMENTED,
        source=source,
        date=_READ,
    )


def _range(basis: Basis, name: str, unit: str, values: tuple[float, float, float], source: str) -> Constant:
    optimistic, likely, pessimistic = values
    return Constant(
        name=name,
        unit=unit,
        optimistic=optimistic,
        likely=likely,
        pessimistic=pessimistic,
        basis=basis,
        source=source,
        date=_READ,
    )


def _measured(name: str, unit: str, values: tuple[float, float, float], source: str) -> Constant:
    return _range(Basis.MEASURED, name, unit, values, source)


def _assumed(name: str, unit: str, values: tuple[float, float, float], source: str) -> Constant:
    return _range(Basis.ASSUMED, name, unit, values, source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constants:
    """A set of all of them. Make another by `dataclasses.replace(CONSTANTS, s3_get_seconds=…)`.

    The quotas of state transitions and map runs aren't here: `constructs_lib.quotas.catalogue` has them, by Region.
    """

    express_dispatch: Constant
    standard_dispatch: Constant
    start_seconds: Constant
    state_seconds: Constant
    map_start_seconds: Constant
    express_child_seconds: Constant
    standard_child_seconds: Constant
    list_page_keys: Constant
    list_page_seconds: Constant
    list_page_bytes: Constant
    item_rows: Constant
    index_page_cpu_seconds: Constant
    index_key_cpu_seconds: Constant
    lambda_ramp_up: Constant
    lambda_burst: Constant
    vcpu_memory_mb: Constant
    lambda_slowness: Constant
    lambda_bytes: Constant
    cold_start_seconds: Constant
    handler_threads: Constant
    get_cpu_seconds: Constant
    byte_cpu_seconds: Constant
    overlap: Constant
    handler_seconds: Constant
    execution_seconds: Constant
    express_seconds: Constant
    lambda_seconds: Constant
    index_seconds: Constant
    reduce_seconds: Constant
    s3_get_seconds: Constant
    s3_gets: Constant
    s3_partitioned: Constant
    s3_patience_seconds: Constant
    task_retries: Constant
    first_retry_seconds: Constant
    result_bytes: Constant
    writer_seconds: Constant
    writer_bytes: Constant
    reduce_cpu_seconds: Constant
    reduce_wait_seconds: Constant
    transition_dollars: Constant
    child_start_transitions: Constant
    express_dollars: Constant
    express_gb_second_dollars: Constant
    express_memory_gb: Constant
    lambda_gb_second_dollars: Constant
    lambda_request_dollars: Constant
    get_dollars: Constant
    put_or_list_dollars: Constant
    other_puts: Constant

    def __iter__(self) -> Iterator[tuple[str, Constant]]:
        """Yield each field's name and constant, in the order of a run."""
        for field in fields(self):
            yield field.name, getattr(self, field.name)

    def drawn(self, count: int) -> Iterator[Constants]:
        """Yield sets with each constant somewhere in its range by chance, the same ones each time.

        Constants are drawn independently, from a triangle whose top is the likely value. Of each one's range every
        stretch that is as likely is drawn from once (a Latin hypercube), so that few draws are enough.
        """
        drawn = {}
        for name, constant in self:
            # By name, so that another constant more changes none of these.
            chance = random.Random(name)  # noqa: S311 - no secret
            shares = [(number + chance.random()) / count for number in range(count)]
            chance.shuffle(shares)
            drawn[name] = [constant.drawn(share) for share in shares]
        for number in range(count):
            yield Constants(**{name: values[number] for name, values in drawn.items()})


CONSTANTS = Constants(
    express_dispatch=_documented("Express children dispatched", "a second", 1_000, _QUOTAS),
    standard_dispatch=_documented("Standard children dispatched", "a second", 100, _QUOTAS),
    start_seconds=_assumed(
        "Start of an execution",
        "s",
        (0.1, 0.3, 1),
        "From StartExecution to the first state. AWS documents no time.",
    ),
    state_seconds=_assumed(
        "A state of the parent",
        "s",
        (0.02, 0.05, 0.15),
        "What Step Functions adds to a state's own work: tens of milliseconds in histories of Standard executions. AWS "
        "documents no time.",
    ),
    map_start_seconds=_assumed(
        "Start of a map run",
        "s",
        (0.3, 1, 3),
        "Until its first item is read. AWS documents no time.",
    ),
    express_child_seconds=_assumed(
        "Start and end of an Express child",
        "s",
        (0.02, 0.05, 0.15),
        "All of a child but its function. AWS documents no time.",
    ),
    standard_child_seconds=_assumed(
        "Start and end of a Standard child",
        "s",
        (0.05, 0.15, 0.5),
        "As above; each of its events is written to more than one place before it goes on.",
    ),
    list_page_keys=_documented(
        "Keys of a list page",
        "keys",
        1_000,
        "https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html",
    ),
    list_page_seconds=_assumed(
        "A list page of 1,000 keys",
        "s",
        (0.05, 0.1, 0.25),
        f"AWS says 100 to 200 ms of a small object ({_S3_PERFORMANCE}) and nothing of a list page, which is a third of "
        "a megabyte. That the map's reader asks for one page after the other, and that children start meanwhile, is "
        "assumed, too.",
    ),
    list_page_bytes=_measured(
        "Bytes of a list page of 1,000 keys",
        "bytes",
        (300e3, 310e3, 330e3),
        "The pages of python -m bench --only index, which have the fields that S3's have.",
    ),
    item_rows=_assumed(
        "Rows of an index that the map reads",
        "a second",
        (500_000, 200_000, 50_000),
        "AWS documents no rate. A row is some 30 bytes. Children are assumed to start meanwhile.",
    ),
    index_page_cpu_seconds=_measured(
        "CPU of a list page in the index function",
        "s",
        (0.0019, 0.0022, 0.0025),
        f"python -m bench --only index: 1.2 to 1.4 s for 600 pages; {_MACHINE}.",
    ),
    index_key_cpu_seconds=_measured(
        "CPU of a key, spread and written to the index",
        "s",
        (1.2e-6, 1.2e-6, 1.6e-6),
        f"python -m bench --only index: 0.72 to 0.95 s for 600,000 keys; {_MACHINE}.",
    ),
    lambda_ramp_up=_documented(
        "New environments of a function", "a second", 100, f"1,000 every 10 s: {_LAMBDA_SCALING}"
    ),
    lambda_burst=_documented("New environments at once", "environments", 1_000, _LAMBDA_SCALING),
    vcpu_memory_mb=_documented("Memory that brings one vCPU", "MB", 1_769, _LAMBDA_MEMORY),
    lambda_slowness=_assumed(
        "CPU time on Lambda (arm64, one vCPU)",
        "times that measured here",
        (1, 1.5, 2),
        "A Graviton core has a lower clock than the machine measured on; no run on Lambda says how much slower it is.",
    ),
    lambda_bytes=_assumed(
        "Bytes that an environment receives",
        "a second",
        (150e6, 75e6, 40e6),
        "AWS documents no bandwidth; users report about 600 Mbit/s.",
    ),
    cold_start_seconds=_assumed(
        "Cold start of a function",
        "s",
        (0.5, 0.9, 1.6),
        "From under 100 ms to over 1 s, says https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html;"
        f" imports and the S3 client take 0.3 s of CPU {_MACHINE}.",
    ),
    handler_threads=_documented(
        "Threads of the index and analyze functions", "threads", 64, "lambdas/wind_speed/s3.py"
    ),
    get_cpu_seconds=_measured(
        "CPU of a GET in the analyze function, its bytes apart",
        "s",
        (0.5e-3, 0.55e-3, 0.65e-3),
        f"The analyze benchmark with objects of 0.5 and of 71 KB: 0.30 and 0.44 to 0.55 s of CPU for 500; {_MACHINE}.",
    ),
    byte_cpu_seconds=_measured(
        "CPU of a byte in the analyze function",
        "s",
        (5e-9, 5.5e-9, 6.5e-9),
        f"As above: what 71 KB take more than 0.5 KB; {_MACHINE}.",
    ),
    overlap=_measured(
        "Share of the shorter of CPU and waiting that the longer one hides",
        "of 1",
        (0.75, 0.5, 0.25),
        "python -m bench --only handler, when it had 32 threads: 0.57 to 0.63 s for 500 objects, with 0.44 s of CPU "
        f"and 0.31 s of waiting at 20 ms a GET; {_MACHINE}.",
    ),
    handler_seconds=_documented(
        "Time that a batch has before it asks for a retry", "s", 40, "lambdas/wind_speed/analyze.py"
    ),
    execution_seconds=_documented("Time that a Standard execution has", "s", 365 * 24 * 60 * 60, f"A year: {_QUOTAS}"),
    express_seconds=_documented("Time that an Express child has", "s", 300, _QUOTAS),
    lambda_seconds=_documented(
        "Time that a function has at most",
        "s",
        900,
        "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
    ),
    index_seconds=_documented("Time that the index function has", "s", 600, "constructs_lib/wind_speed.py"),
    reduce_seconds=_documented("Time that the reducer has", "s", 300, "constructs_lib/wind_speed.py"),
    s3_get_seconds=_assumed(
        "A GET to the first byte",
        "s",
        (0.015, 0.03, 0.1),
        f"Roughly 100 to 200 ms, says {_S3_PERFORMANCE}; 20 ms at the 90th percentile from EC2, measures "
        "https://github.com/dvassallo/s3-benchmark.",
    ),
    s3_gets=_documented("GETs of a partitioned prefix", "a second", 5_500, f"At least so many: {_S3_PERFORMANCE}"),
    s3_partitioned=_assumed(
        "Prefixes that S3 has made a partition of their own",
        "of 1",
        (1, 1, 0.1),
        f"Ten prefixes scale to 55,000 GETs a second, says {_S3_PERFORMANCE}, and that S3 needs time for it. At worst "
        "here, ten years share a partition. A bucket that nobody has read much may be one partition as a whole: that "
        "is prefixes=1.",
    ),
    s3_patience_seconds=_assumed(
        "How long the SDK tries a throttled GET again",
        "s",
        (15, 7.5, 7.5),
        "Five attempts with random delays of up to 1, 2, 4 and 8 s between them: lambdas/wind_speed/s3.py, "
        "https://docs.aws.amazon.com/boto3/latest/guide/retries.html. Then the batch's task fails, and is tried again.",
    ),
    task_retries=_documented("Retries of a batch that S3 throttled", "retries", 5, "constructs_lib/retries.py"),
    first_retry_seconds=_documented(
        "Mean delay before a first retry, the SDK's or a task's",
        "s",
        0.5,
        "Random, up to 1 s, and twice as long each time: https://docs.aws.amazon.com/boto3/latest/guide/retries.html, "
        "constructs_lib/retries.py",
    ),
    result_bytes=_measured(
        "Bytes of result an object",
        "bytes",
        (41, 72, 72),
        "python -m bench --only reducer: 43 MB for 600,000 objects in batches of 500, each of another station; less "
        "where a batch has many objects of a station.",
    ),
    writer_seconds=_assumed(
        "Result writing, its bytes apart",
        "s",
        (0.5, 1.5, 6),
        "AWS documents no time. The writer gathers the children's results into files of some gigabytes. A user saw 6 s "
        "after the last of 100 children that did nothing: https://repost.aws/questions/QUn5oKgcnjRTemt39V9hdtyw.",
    ),
    writer_bytes=_assumed("Bytes of result written", "a second", (100e6, 60e6, 20e6), "AWS documents no rate."),
    reduce_cpu_seconds=_measured(
        "CPU of an object in the reducer",
        "s",
        (2.2e-6, 2.3e-6, 2.4e-6),
        f"python -m bench --only reducer: 1.34 to 1.45 s for 600,000 objects; {_MACHINE}.",
    ),
    reduce_wait_seconds=_measured(
        "Requests of the reducer",
        "s",
        (0.2, 0.3, 1),
        "Seven, one after the other, at 30 ms to 0.15 s; python -m bench --only reducer: 0.25 s of waiting.",
    ),
    transition_dollars=_documented(
        "A state transition", "$", 0.025e-3, f"us-east-1, $0.025 per 1,000: {_STATES_PRICING}"
    ),
    child_start_transitions=_assumed(
        "Transitions billed for starting a child",
        "transitions",
        (0, 0, 1),
        f"{_STATES_PRICING} has no example of a Distributed Map: that it bills no start is inferred.",
    ),
    express_dollars=_documented("An Express execution", "$", 1e-6, f"us-east-1, $1 a million: {_STATES_PRICING}"),
    express_gb_second_dollars=_documented(
        "A GB-second of an Express execution",
        "$",
        0.06 / 3_600,
        f"us-east-1, $0.06 an hour, for each 100 ms begun: {_STATES_PRICING}",
    ),
    express_memory_gb=_assumed(
        "Memory of an Express child",
        "GB",
        (0.0625, 0.0625, 0.125),
        f"Billed in steps of 64 MB ({_STATES_PRICING}); a small definition and a payload of some 20 KB fit in one.",
    ),
    lambda_gb_second_dollars=_documented(
        "A GB-second of Lambda, arm64",
        "$",
        0.0000133334,
        f"us-east-1, for each ms begun, initialization included: {_LAMBDA_PRICING}",
    ),
    lambda_request_dollars=_documented("A Lambda request", "$", 0.2e-6, f"us-east-1: {_LAMBDA_PRICING}"),
    get_dollars=_documented("A GET", "$", 0.4e-6, f"us-east-1, $0.0004 per 1,000: {_S3_PRICING}"),
    put_or_list_dollars=_documented("A PUT or LIST", "$", 5e-6, f"us-east-1, $0.005 per 1,000: {_S3_PRICING}"),
    other_puts=_assumed(
        "PUTs of index, results and files",
        "requests",
        (10, 20, 100),
        "Index, manifest, parts of the result file, five files of the reducer. Parts are of unknown size.",
    ),
)
"""AWS's."""

LOCAL_CONCURRENCY = 4
"""Children that the embedded AWS runs at a time on two cores."""


def _local(constant: Constant, optimistic: float, likely: float, pessimistic: float) -> Constant:
    return replace(
        constant,
        optimistic=optimistic,
        likely=likely,
        pessimistic=pessimistic,
        basis=Basis.MEASURED,
        source="python -m bench --only scale: 20,000 objects in about 23 s where nothing else runs, eight times what "
        f"2,000 take; how that is shared among the constants is a guess; {_MACHINE}.",
    )


LOCAL_CLOUD = replace(
    CONSTANTS,
    start_seconds=_local(CONSTANTS.start_seconds, 0.02, 0.05, 0.2),
    state_seconds=_local(CONSTANTS.state_seconds, 0.01, 0.02, 0.05),
    map_start_seconds=_local(CONSTANTS.map_start_seconds, 0.05, 0.1, 0.3),
    express_child_seconds=_local(CONSTANTS.express_child_seconds, 0.02, 0.05, 0.1),
    standard_child_seconds=_local(CONSTANTS.standard_child_seconds, 0.02, 0.05, 0.1),
    list_page_seconds=_local(CONSTANTS.list_page_seconds, 0.02, 0.05, 0.1),
    item_rows=_local(CONSTANTS.item_rows, 1e6, 500e3, 100e3),
    lambda_slowness=_local(CONSTANTS.lambda_slowness, 1, 1, 2),
    lambda_bytes=_local(CONSTANTS.lambda_bytes, 1e9, 500e6, 100e6),
    cold_start_seconds=_local(CONSTANTS.cold_start_seconds, 0.15, 0.25, 0.5),
    s3_get_seconds=_local(CONSTANTS.s3_get_seconds, 2e-3, 5e-3, 10e-3),
    s3_gets=_local(CONSTANTS.s3_gets, 1_300, 950, 700),
    s3_partitioned=_local(CONSTANTS.s3_partitioned, 0, 0, 0),
    s3_patience_seconds=_local(CONSTANTS.s3_patience_seconds, 1e9, 1e9, 1e9),
    writer_seconds=_local(CONSTANTS.writer_seconds, 0.05, 0.1, 0.3),
    reduce_wait_seconds=_local(CONSTANTS.reduce_wait_seconds, 0.05, 0.1, 0.3),
)
"""Those of the embedded AWS on the machine measured on, whose S3 is one process: a single partition that never refuses.

Its runs have `max_concurrency` LOCAL_CONCURRENCY at most.
"""
