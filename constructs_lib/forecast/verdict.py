"""What a forecast comes to, in a sentence or two: what may fail, what binds, from when, and what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_lib.forecast.children import partitions
from constructs_lib.forecast.constants import CONSTANTS
from constructs_lib.forecast.job import MAX_CONCURRENCY, Child, Handler, Source
from constructs_lib.forecast.result import Limit

if TYPE_CHECKING:
    from constructs_lib.forecast.constants import Constant, Constants
    from constructs_lib.forecast.result import Forecast, Run


def verdict(forecast: Forecast, constants: Constants = CONSTANTS) -> str:
    """Return what fails in the pessimistic run, where something does, and what binds in the likely one."""
    sentences = (failure(forecast.pessimistic, constants), binding(forecast.likely, constants))
    return " ".join(sentence for sentence in sentences if sentence is not None)


def failure(run: Run, constants: Constants = CONSTANTS) -> str | None:
    """Return what takes longer than it may, and what to change; None where nothing does."""
    seconds = {phase.name: phase.seconds for phase in run.phases}
    smaller = f"lower batch_size from {run.job.batch_size:,}"
    express = run.job.child is Child.EXPRESS

    def given(ours: Constant) -> Constant:
        return ours if run.job.handler is Handler.WIND_SPEED else constants.lambda_seconds

    checks = (
        (run.batch_seconds, given(constants.handler_seconds), "a batch's own work", smaller),
        (
            run.longest_child_seconds if express else 0,
            constants.express_seconds,
            "an Express child",
            _shorter_children(run),
        ),
        (
            seconds.get("index", 0),
            given(constants.index_seconds),
            "the index of the objects",
            "give an execution fewer objects, such as some of the years",
        ),
        (
            seconds.get("reduce", 0),
            given(constants.reduce_seconds),
            "the reducer",
            "give an execution fewer objects, such as some of the years",
        ),
    )
    for taken, allowed, what, change in checks:
        if taken > allowed.at(run.case):
            return f"At worst {what} takes {taken:,.0f} s and has {allowed.at(run.case):,.0f}: {change}."
    return None


def _shorter_children(run: Run) -> str:
    job = run.job
    if run.bindings[0].limit is Limit.LAMBDA_CONCURRENCY and job.lambda_concurrency < job.max_concurrency:
        return f"lower max_concurrency to {job.lambda_concurrency:,}, as many as Lambda runs at a time"
    return "lower max_concurrency or batch_size, or use Standard children"


def binding(run: Run, constants: Constants = CONSTANTS) -> str:
    """Return what the run waits for longest, from which second, and what to change."""
    most = run.bindings[0]
    what = f"{_capitalized(most.limit)} {_bind(most.limit)}"
    when = f"from second {most.first_second:.0f}, for {most.seconds:,.0f} of {run.duration_seconds:,.0f} s"
    return f"{what} {when}: {_change(run, constants)}."


def _capitalized(text: str) -> str:
    # An argument's name stays as it is.
    return text if "_" in text else text[0].upper() + text[1:]


def _bind(limit: Limit) -> str:
    return "bind" if limit in {Limit.START, Limit.S3_GETS, Limit.STATE_TRANSITIONS} else "binds"


def _change(run: Run, constants: Constants) -> str:
    job, limit = run.job, run.bindings[0].limit
    granted = batches_granted(run, constants)
    if limit is Limit.S3_GETS:
        lower = f"lower max_concurrency to {granted:,}, which S3 grants without throttling"
        return f"spread the objects over the prefixes by an index, or {lower}" if job.source is Source.LIST else lower
    if limit is Limit.MAX_CONCURRENCY:
        most = min(granted, job.lambda_concurrency, job.children, MAX_CONCURRENCY)
        if most > job.max_concurrency:
            return f"raise max_concurrency to {most:,}"
        if most == granted and job.source is Source.LIST:
            return "spread the objects over the prefixes by an index, and raise max_concurrency"
        return "ask Lambda for more concurrency" if most == job.lambda_concurrency else "nothing else would be faster"
    if limit is Limit.CHILD_DISPATCH and job.child is Child.STANDARD:
        return "use Express children" + (", or larger batches" if job.batch_size < job.max_batch_size else "")
    if (
        limit is Limit.WORK
        and job.batch_seconds is None
        and job.function_memory_mb < constants.vcpu_memory_mb.at(run.case)
    ):
        return f"give the function {constants.vcpu_memory_mb.at(run.case):,.0f} MB, or use smaller batches"
    return _CHANGES[limit]


def batches_granted(run: Run, constants: Constants = CONSTANTS) -> int:
    """Return how many children at a time S3 grants as many GETs as they ask for; in the order of keys, one prefix's."""
    job = run.job
    gets = constants.s3_gets.at(run.case)
    if job.source is not Source.LIST:
        gets *= partitions(job, constants, run.case)
    express = job.child is Child.EXPRESS
    around = (constants.express_child_seconds if express else constants.standard_child_seconds).at(run.case)
    return max(1, int(gets * (run.batch_seconds + around) / min(job.batch_size, job.objects)))


_CHANGES = {
    Limit.START: "it is Step Functions' own time, which no setting changes",
    Limit.INDEX: "list in several functions at once, each some of the years, or keep the index for the next execution",
    Limit.LISTING: "use an index, whose function lists the prefixes side by side",
    Limit.ITEM_READING: "give the objects to several executions, which read side by side",
    Limit.CHILD_DISPATCH: "use larger batches",
    Limit.STATE_TRANSITIONS: "use Express children, which take none, or ask for a higher refill rate",
    Limit.LAMBDA_CONCURRENCY: "ask Lambda for more concurrency; a lower max_concurrency takes as long, without retries",
    Limit.LAMBDA_RAMP_UP: "lower max_concurrency, or provision the function's concurrency",
    Limit.WORK: "use smaller batches",
    Limit.RESULT_WRITING: "it is Step Functions' own time, which no setting changes",
    Limit.REDUCE: "give an execution fewer objects, such as some of the years",
}
