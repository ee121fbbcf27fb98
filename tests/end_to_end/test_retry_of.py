"""A retry of an execution on the embedded AWS: it reads what was lost, and its results are a whole run's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from constructs_lib.testing import faults
from demo.wind_speed.sample import sample_objects
from tests.end_to_end.conftest import BATCH_SIZE

if TYPE_CHECKING:
    from tests.end_to_end.conftest import WindSpeedApp, WindSpeedRun

pytestmark = pytest.mark.local

BROKEN = b"not a GSOD object"
GOOD = {
    f"{copy}-{sample.station}-{sample.year}.csv": sample.body() for copy in range(7) for sample in sample_objects(20)
}
NAMES = sorted(GOOD)
FILES = ("stations.csv", "stations.geojson", "rejected.csv")


def counts(run: WindSpeedRun) -> tuple[int, int, int, int]:
    listed, analysed, rejected, failed = (
        run.summary[f"objects_{kind}"] for kind in ("listed", "analysed", "rejected", "failed")
    )
    return listed, analysed, rejected, failed


def indexed(run: WindSpeedRun) -> set[str]:
    return {key.partition("/")[2] for key in run.files["objects.csv"].decode().split()[1:]}


def test_should_read_only_what_was_rejected_and_equal_a_whole_run_byte_for_byte(wind_speed: WindSpeedApp) -> None:
    """5 % of the objects are rejected, then mended."""
    lost = NAMES[::20]
    wind_speed.put(1940, GOOD | dict.fromkeys(lost, BROKEN))
    first = wind_speed.run(years=[1940], unit="mph")
    assert first.result.succeeded, first.result
    assert counts(first) == (140, 133, 7, 0)
    wind_speed.put(1940, {name: GOOD[name] for name in lost})

    again = wind_speed.run(retry_of=first.name)

    assert again.result.succeeded, again.result
    assert indexed(again) == set(lost)
    assert counts(again) == (140, 140, 0, 0)
    assert (again.summary["unit"], again.summary["years"]) == ("mph", [1940])
    clean = wind_speed.run(years=[1940], unit="mph")
    assert {name: again.files[name] for name in FILES} == {name: clean.files[name] for name in FILES}
    nothing = wind_speed.run(retry_of=again.name)
    assert nothing.result.error == "NothingToRetry"
    assert again.name in str(nothing.result.cause)


def test_should_retry_a_retry_of_too_many_rejected_and_of_failed_batches(wind_speed: WindSpeedApp) -> None:
    lost, still = NAMES[5:15], NAMES[5:8]
    wind_speed.put(1941, GOOD | dict.fromkeys(lost, BROKEN))
    machine = wind_speed.outputs["StateMachineArn"]
    fault = faults.add(
        wind_speed.cloud.endpoint, machine, "Analyze batch", error="NotRetried", cause="The test's.", times=1
    )
    first = wind_speed.run(years=[1941])
    assert fault.thrown == 1
    assert first.result.error == "TooManyRejectedObjects"
    listed, analysed, rejected, failed = counts(first)
    assert (listed, failed) == (140, BATCH_SIZE)
    assert analysed + rejected == 140 - BATCH_SIZE
    failed_names = {row["key"][5:] for row in first.rows("rejected.csv") if row["reason"].startswith("failed: ")}
    wind_speed.put(1941, {name: GOOD[name] for name in set(lost) - set(still)})

    second = wind_speed.run(retry_of=first.name)

    # Three of some fifteen are more than 5 %, but not of the whole.
    assert second.result.succeeded, second.result
    assert indexed(second) == set(lost) | failed_names
    assert counts(second) == (140, 137, 3, 0)
    wind_speed.put(1941, {name: GOOD[name] for name in still})
    third = wind_speed.run(retry_of=second.name)
    assert indexed(third) == set(still)
    clean = wind_speed.run(years=[1941])
    assert {name: third.files[name] for name in FILES} == {name: clean.files[name] for name in FILES}
    assert third.summary["retry_of"] == second.name
    assert len(third.summary["manifests"]) == 3


def test_should_say_that_there_is_no_such_run(wind_speed: WindSpeedApp) -> None:
    result = wind_speed.run(retry_of="never-ran").result
    assert (result.status, result.error) == ("FAILED", "UnknownRun")
    assert "retry_of is 'never-ran'" in str(result.cause)
