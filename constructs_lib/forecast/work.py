"""How long the functions' own work takes, when nothing holds it up: a batch, the index, the reducer. Seconds."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from constructs_lib.forecast.constants import Constants
    from constructs_lib.forecast.job import Job
    from constructs_lib.forecast.result import Case


def batch_seconds(job: Job, objects: int, constants: Constants, case: Case) -> float:
    """Return how long a warm function takes for so many objects: many threads wait for S3, one CPU does the rest.

    Memory brings CPU up to one vCPU; more doesn't help, because Python runs one thread at a time. Of a job's own
    `batch_seconds`, fewer objects than a batch's take their share.
    """
    if job.batch_seconds is not None:
        return job.batch_seconds * objects / job.batch_size
    cpu = constants.get_cpu_seconds.at(case) + job.mean_bytes * constants.byte_cpu_seconds.at(case)
    slowness = constants.lambda_slowness.at(case)
    slowness *= max(1, constants.vcpu_memory_mb.at(case) / job.function_memory_mb)
    waiting = max(
        ceil(objects / constants.handler_threads.at(case)) * constants.s3_get_seconds.at(case),
        objects * job.mean_bytes / constants.lambda_bytes.at(case),
    )
    return _together(objects * cpu * slowness, waiting, constants, case)


def index_pages(job: Job, constants: Constants, case: Case) -> int:
    """Return how many list pages the index takes: each prefix is listed by itself."""
    prefixes = min(job.prefixes, job.objects)
    return prefixes * ceil(job.objects / prefixes / constants.list_page_keys.at(case))


def index_seconds(job: Job, constants: Constants, case: Case) -> float:
    """Return how long the index function takes: a thread a prefix lists page after page, one CPU reads them all."""
    pages, prefixes = index_pages(job, constants, case), min(job.prefixes, job.objects)
    cpu = pages * constants.index_page_cpu_seconds.at(case) + job.objects * constants.index_key_cpu_seconds.at(case)
    one_by_one = ceil(prefixes / constants.handler_threads.at(case)) * pages / prefixes
    waiting = max(
        # Its years are asked for first.
        (1 + one_by_one) * constants.list_page_seconds.at(case),
        pages * constants.list_page_bytes.at(case) / constants.lambda_bytes.at(case),
    )
    working = _together(cpu * constants.lambda_slowness.at(case), waiting, constants, case)
    return constants.cold_start_seconds.at(case) + working


def reduce_seconds(job: Job, constants: Constants, case: Case) -> float:
    """Return how long the reducer takes."""
    received = job.objects * constants.result_bytes.at(case) / constants.lambda_bytes.at(case)
    return (
        constants.cold_start_seconds.at(case)
        + job.objects * constants.reduce_cpu_seconds.at(case) * constants.lambda_slowness.at(case)
        + constants.reduce_wait_seconds.at(case)
        + received
    )


def writing_seconds(job: Job, constants: Constants, case: Case) -> float:
    """Return how long the map takes to write its results."""
    written = job.objects * constants.result_bytes.at(case)
    return constants.writer_seconds.at(case) + written / constants.writer_bytes.at(case)


def _together(cpu: float, waiting: float, constants: Constants, case: Case) -> float:
    return max(cpu, waiting) + (1 - constants.overlap.at(case)) * min(cpu, waiting)
