"""The children of a map run: when each starts, works and ends, and what it waits for.

One pass in the order of the items. A child is dispatched when its items are known, the dispatcher has come to it and a
slot is free; it enters its states when the account has transitions left; its function runs when there is an
environment; it ends when its own work is done and S3 has granted its last GET. Times are seconds.
"""

from __future__ import annotations

from array import array
from math import ceil, floor, log2
from typing import TYPE_CHECKING

from constructs_lib.forecast.capacity import NOBODY, Environments, PacedServer, Slots, TokenBucket
from constructs_lib.forecast.job import Child, Source
from constructs_lib.forecast.work import batch_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs_lib.forecast.constants import Constants
    from constructs_lib.forecast.job import Job
    from constructs_lib.forecast.result import Case

FREELY = -1
"""A child's dispatch waited for its items only."""

IN_TURN = -2
"""A child's dispatch waited for the one before it."""

_STEPS = 100


class Children:
    """A number for each child, in the order of the items; a predecessor is another child's number, or NOBODY.

    available: its items are known; dispatched: it starts; `behind` is whose slot it got, FREELY or IN_TURN.
    entered: it has its state transitions; `throttled` where it waited for them.
    invoked: its function has an environment, that of `environment_of`; `made` where it is a new one, and `ramped`
    where Lambda's ramp-up and not its limit decided when. started: its own code runs.
    `s3_bound` where S3 answers its last GET after its own work, `s3_behind` whom it served before.
    left: its environment is free. ended: its slot is.
    `throttled_gets`, `wasted_gets` (read again by a retry), `retries` and `lambda_retries` are what throttling caused.
    """

    def __init__(self, job: Job) -> None:
        self.count = job.children
        self._batch_size = job.batch_size
        self._last_size = job.objects - (job.children - 1) * job.batch_size
        self.available, self.dispatched, self.entered, self.invoked = (array("d") for _ in range(4))
        self.started, self.left, self.ended = (array("d") for _ in range(3))
        self.behind, self.environment_of, self.s3_behind = (array("i") for _ in range(3))
        self.throttled, self.made, self.ramped, self.s3_bound = (bytearray() for _ in range(4))
        self.throttled_gets, self.wasted_gets, self.retries, self.lambda_retries = (array("i") for _ in range(4))

    def objects(self, child: int) -> int:
        """Return how many objects a child's batch has."""
        return self._batch_size if child < self.count - 1 else self._last_size


def run_children(
    job: Job,
    constants: Constants,
    case: Case,
    *,
    from_second: float,
    throttling_retries: bool,
    progress: Callable[[int, int], None] | None,
) -> Children:
    """Run the map's children from `from_second` on.

    Without `throttling_retries` whatever meets a limit waits in a queue for as long as it takes, and is never asked
    again. With them, throttled GETs are asked again (and counted), a batch whose GETs outlast the SDK's patience is
    tried again and reads again what it had read, and a throttled invocation is a retry.
    """
    children = Children(job)
    express = job.child is Child.EXPRESS
    dispatch = constants.express_dispatch if express else constants.standard_dispatch
    interval = 1 / dispatch.at(case)
    overhead = (constants.express_child_seconds if express else constants.standard_child_seconds).at(case)
    after = (job.states_per_child - 1) * constants.state_seconds.at(case)
    cold_start = constants.cold_start_seconds.at(case)
    full, last = job.batch_size, children.objects(children.count - 1)
    own_work = {size: batch_seconds(job, size, constants, case) for size in {full, last}}

    items = items_known(job, constants, case, from_second)
    limit, others = job.transitions_per_second, job.other_transitions_per_second
    transitions = TokenBucket(max(limit, job.states_per_child), limit - others)
    slots = Slots(job.max_concurrency)
    burst, ramp_up = constants.lambda_burst.at(case), constants.lambda_ramp_up.at(case)
    environments = Environments(job.lambda_concurrency, burst, ramp_up)
    prefixes = Prefixes(job, constants, case)
    patience, task_retries = constants.s3_patience_seconds.at(case), int(constants.task_retries.at(case))
    first_retry = constants.first_retry_seconds.at(case)

    turn, warm = from_second, 0.0
    step = max(1, children.count // _STEPS)
    final = children.count - 1
    for child in range(children.count):
        size = full if child < final else last
        available = items(child)
        ready, behind = slots.acquire(max(available, turn))
        if behind == NOBODY:
            behind = IN_TURN if turn > available else FREELY
        turn = ready + interval

        asked = ready + overhead
        entered = asked if express else transitions.take(asked, job.states_per_child)
        ramped = not environments.full
        invoked, environment_of, made = environments.acquire(entered)
        # Whatever environments are made later, others work meanwhile: only the first cold start holds up the run.
        warm = warm or invoked + cold_start
        started = max(invoked, warm)

        finished = started + own_work[size]
        granted, s3_behind = prefixes.serve(started, size, child)
        retries = wasted = throttled = lambda_retries = 0
        rest = 0.0
        late = granted - finished
        if throttling_retries:
            if late > 0:
                share = late / (granted - started)
                throttled = ceil(size * share) * _attempts(late / 2, first_retry)
            if late > patience:
                retries = min(task_retries, floor(late / patience))
                wasted = ceil(retries * size * min(1, (finished - started + patience) / (granted - started)))
                granted = prefixes.serve_again(granted, wasted, child)
                rest = first_retry * 2 ** (retries - 1)
            if invoked > entered:
                lambda_retries = _attempts(invoked - entered, first_retry)
        left = max(finished, granted) + rest
        ended = left + after
        environments.release(left, child)
        slots.release(ended, child)

        children.available.append(available)
        children.dispatched.append(ready)
        children.behind.append(behind)
        children.entered.append(entered)
        children.throttled.append(entered > asked)
        children.invoked.append(invoked)
        children.environment_of.append(environment_of)
        children.made.append(made)
        children.ramped.append(ramped)
        children.started.append(started)
        children.s3_bound.append(granted > finished)
        children.s3_behind.append(s3_behind)
        children.throttled_gets.append(throttled)
        children.wasted_gets.append(wasted)
        children.retries.append(retries)
        children.lambda_retries.append(lambda_retries)
        children.left.append(left)
        children.ended.append(ended)
        if progress is not None and (child + 1) % step == 0:
            progress(child + 1, children.count)
    if progress is not None:
        progress(children.count, children.count)
    return children


def items_known(job: Job, constants: Constants, case: Case, from_second: float) -> Callable[[int], float]:
    """Return the function that says when a child's last item is known: rows of a file, or pages of a listing."""
    batch_size, objects = job.batch_size, job.objects
    if job.source is not Source.LIST:
        rows = constants.item_rows.at(case)
        return lambda child: from_second + min((child + 1) * batch_size, objects) / rows
    keys, seconds = constants.list_page_keys.at(case), constants.list_page_seconds.at(case)
    return lambda child: from_second + ceil(min((child + 1) * batch_size, objects) / keys) * seconds


class Prefixes:
    """What S3 grants: so many GETs a second to each partition, which are of one size.

    A file of keys has every batch read from all of them alike. In the order of the keys a batch reads one after the
    other, and none again that a later batch has left behind.
    """

    def __init__(self, job: Job, constants: Constants, case: Case) -> None:
        self._partitions = partitions(job, constants, case)
        self._rate = constants.s3_gets.at(case)
        self._objects = job.objects
        self._begins = 0
        if job.source is not Source.LIST:
            self._rate *= self._partitions
            self._partitions = 1
        self._server, self._number = PacedServer(self._rate), 0
        self._until = self._end(0)

    def serve(self, time: float, objects: int, who: int) -> tuple[float, int]:
        """Return when the last GET of the next so many objects is granted, and behind whom."""
        granted = time, NOBODY
        begin, end = self._begins, self._begins + objects
        if end <= self._until:
            self._begins = end
            return self._server.serve(time, objects, who)
        first, last = self._partition(begin), self._partition(end - 1)
        # Those between the first and the last are read by this batch alone: one stands for them all.
        for number in sorted({first, min(first + 1, last), last}):
            if number != self._number:
                self._server, self._number = PacedServer(self._rate), number
            share = min(end, self._end(number)) - max(begin, self._end(number - 1))
            granted = max(granted, self._server.serve(time, share, who))
        self._begins, self._until = end, self._end(last)
        return granted

    def serve_again(self, time: float, gets: int, who: int) -> float:
        """Return when GETs that are made once more are granted, those of the last objects' partition."""
        return self._server.serve(time, gets, who)[0]

    def _partition(self, key: int) -> int:
        return ((key + 1) * self._partitions - 1) // self._objects

    def _end(self, partition: int) -> int:
        return (partition + 1) * self._objects // self._partitions


def partitions(job: Job, constants: Constants, case: Case) -> int:
    """Return how many of the prefixes' partitions S3 has."""
    return max(1, round(min(job.prefixes, job.objects) * constants.s3_partitioned.at(case)))


def _attempts(seconds: float, first_retry: float) -> int:
    """Return how many retries it takes to wait so long, each delay twice the one before."""
    return ceil(log2(seconds / first_retry + 1))
