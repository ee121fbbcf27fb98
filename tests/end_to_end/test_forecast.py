"""The forecast against the embedded AWS: the same states entered, the same objects read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from constructs_lib.forecast.constants import LOCAL_CLOUD
from constructs_lib.forecast.job import Job
from constructs_lib.forecast.simulation import simulate
from demo.wind_speed.sample import sample_objects
from tests.end_to_end.conftest import BATCH_SIZE

if TYPE_CHECKING:
    from tests.end_to_end.conftest import WindSpeedApp

pytestmark = pytest.mark.local

YEAR = 1938
OBJECTS = 23


def test_should_forecast_transitions_children_and_objects_exactly(wind_speed: WindSpeedApp) -> None:
    body = next(iter(sample_objects(1))).body()
    wind_speed.put(YEAR, {f"{number:011}.csv": body for number in range(OBJECTS)})
    run = wind_speed.run(years=[YEAR])
    assert run.result.succeeded, run.result
    states = wind_speed.cloud.client("stepfunctions")
    pages = states.get_paginator("get_execution_history").paginate(executionArn=run.result.execution_arn)
    entered = [event for page in pages for event in page["events"] if event["type"].endswith("StateEntered")]
    map_run = states.list_map_runs(executionArn=run.result.execution_arn)["mapRuns"][0]
    counts = states.describe_map_run(mapRunArn=map_run["mapRunArn"])

    forecast = simulate(Job(objects=OBJECTS, batch_size=BATCH_SIZE), LOCAL_CLOUD, throttling_retries=False)
    assert forecast.transitions == len(entered)  # Express children make none
    assert forecast.children == counts["executionCounts"]["total"]
    assert forecast.objects_read == counts["itemCounts"]["total"]
