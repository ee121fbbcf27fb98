"""A forecast as JSON: keys that stay, numbers as they were computed, times in seconds, money in US dollars."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from constructs_lib.forecast.answer import Answer
    from constructs_lib.forecast.constants import Constants
    from constructs_lib.forecast.result import Run


def forecast_document(answer: Answer, *, series: bool) -> dict[str, Any]:
    """Return a forecast, its verdict and where its settings came from; `series` adds what happens in each second.

    `ranges` are where nine of ten draws are; of `runs` the optimistic and the pessimistic one are the extremes.
    """
    job = answer.forecast.job
    return {
        "job": {**dataclasses.asdict(job), "children": job.children},
        "settings": {
            name: {"value": setting.value, "from": setting.origin.value, "where": setting.place}
            for name, setting in answer.settings.items()
        },
        "notes": answer.notes,
        "verdict": answer.verdict,
        "may_fail": answer.may_fail,
        "ranges": {
            "duration_seconds": answer.forecast.range(lambda outcome: outcome.duration_seconds),
            "dollars": answer.forecast.range(lambda outcome: outcome.cost.total),
            "gets": answer.forecast.range(lambda outcome: outcome.gets),
            "retries": answer.forecast.range(lambda outcome: outcome.retries),
        },
        "runs": {run.case.value: _run(run, series=series) for run in answer.forecast.runs},
    }


def constants_document(chosen: Constants) -> dict[str, Any]:
    """Return each constant by its field's name, with all that its record has."""
    return {name: dataclasses.asdict(constant) for name, constant in chosen}


def _run(run: Run, *, series: bool) -> dict[str, Any]:
    document = {
        "duration_seconds": run.duration_seconds,
        "children": run.children,
        "transitions": run.transitions,
        "objects_read": run.objects_read,
        "gets": run.gets,
        "throttled_gets": run.throttled_gets,
        "retries": run.retries,
        "batch_seconds": run.batch_seconds,
        "longest_child_seconds": run.longest_child_seconds,
        "dollars": {
            "step_functions": run.cost.step_functions,
            "lambda": run.cost.lambda_,
            "s3": run.cost.s3,
            "total": run.cost.total,
        },
        "usage": dataclasses.asdict(run.usage),
        "phases": [dataclasses.asdict(phase) for phase in run.phases],
        "bindings": [dataclasses.asdict(binding) for binding in run.bindings],
    }
    if series:
        document["series"] = {name: list(values) for name, values in run.series.items()}
    return document
