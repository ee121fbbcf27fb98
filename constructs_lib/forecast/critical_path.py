"""What a run waited for: its critical path, walked back from its last child's end to the first item.

Every second of it belongs to one limit, the one that decided at that time. Work that held a slot for which the next
child waited counts as the wait for a slot: with one slot more, that work wouldn't have been waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_lib.forecast.capacity import NOBODY
from constructs_lib.forecast.children import FREELY, IN_TURN
from constructs_lib.forecast.job import Source
from constructs_lib.forecast.result import Binding, Limit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs_lib.forecast.children import Children
    from constructs_lib.forecast.job import Job

Segment = tuple[Limit, float, float]
"""A limit, from when to when."""


def bindings(segments: list[Segment]) -> tuple[Binding, ...]:
    """Add up segments by limit, the largest first."""
    seconds: dict[Limit, float] = {}
    first: dict[Limit, float] = {}
    last: dict[Limit, float] = {}
    for limit, start, end in segments:
        if end > start:
            seconds[limit] = seconds.get(limit, 0) + end - start
            first[limit] = min(start, first.get(limit, start))
            last[limit] = max(end, last.get(limit, end))
    found = [
        Binding(limit=limit, first_second=first[limit], last_second=last[limit], seconds=seconds[limit])
        for limit in seconds
    ]
    return tuple(sorted(found, key=lambda binding: -binding.seconds))


def walk_back(job: Job, children: Children, from_second: float) -> Iterator[Segment]:
    """Yield the segments of the map's critical path, the last first; they meet, and reach back to `from_second`."""
    child = max(range(children.count), key=children.ended.__getitem__)
    time, work = children.ended[child], Limit.WORK
    while True:
        yield work, children.left[child], time
        time = children.left[child]
        if children.s3_bound[child]:
            # S3 was busy without a pause since the first of these was started.
            while children.s3_behind[child] != NOBODY:
                child = children.s3_behind[child]
            yield Limit.S3_GETS, children.started[child], time
            work = Limit.WORK
        else:
            yield work, children.started[child], time
        time = children.started[child]
        if time > children.invoked[child]:
            # It waited for the first environment's cold start.
            yield work, children.invoked[0], time
            child, time = 0, children.invoked[0]
        elif time > children.entered[child]:
            limit = Limit.LAMBDA_RAMP_UP if children.ramped[child] else Limit.LAMBDA_CONCURRENCY
            if children.environment_of[child] != NOBODY:
                child, work = children.environment_of[child], limit
                time = children.left[child]
                continue
            # The ramp started with the first child.
            yield limit, children.entered[0], time
            child, time = 0, children.entered[0]
        while children.throttled[child]:
            child -= 1
            yield Limit.STATE_TRANSITIONS, children.entered[child], time
            time = children.entered[child]
        yield work, children.dispatched[child], time
        time = children.dispatched[child]
        while children.behind[child] == IN_TURN:
            child -= 1
            yield Limit.CHILD_DISPATCH, children.dispatched[child], time
            time = children.dispatched[child]
        if children.behind[child] == FREELY:
            reading = Limit.LISTING if job.source is Source.LIST else Limit.ITEM_READING
            yield reading, from_second, time
            return
        child, work = children.behind[child], Limit.MAX_CONCURRENCY
