"""What may go wrong in a run, and what becomes of it: nothing is lost or doubled in any, and its end is a whole run.

A fault is planted, the app runs, and after what mends it (nothing, a redrive, or a retry) the files are compared with
those of a run without faults, byte for byte. `make faults` runs this table, and kills the emulator, too.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from constructs_lib.local import execution
from constructs_lib.local.endpoint import DEFAULT_ACCOUNT, DEFAULT_REGION
from constructs_lib.testing import faults
from demo.wind_speed.sample import sample_objects
from demo.wind_speed.sources import NOAA_BUCKET
from tests.end_to_end.conftest import BATCH_SIZE, OUTCOME
from tests.end_to_end.permissions import no_retries

if TYPE_CHECKING:
    from constructs_lib.local.endpoint import Endpoint
    from tests.end_to_end.conftest import WindSpeedApp, WindSpeedRun

pytestmark = pytest.mark.local

RUNBOOK = Path(__file__).parents[2] / "docs/runbook-failed-run.md"
AWS_CLI = Path(__file__).parents[1] / "constructs_lib/local/aws_cli.py"

YEAR = 1942
OBJECTS = {f"{copy}-{one.station}-{one.year}.csv": one.body() for copy in range(5) for one in sample_objects(20)}
ONE, FIFTH, EVERY = f"{YEAR}/{sorted(OBJECTS)[42]}", f"{YEAR}/3-*", f"{YEAR}/*"
FILES = ("stations.csv", "stations.geojson", "rejected.csv")

ANALYZE, INDEX, REDUCE = "Analyze batch", "Index objects", "Reduce results"
INDEX_FILE, MAP_FILES, REJECTED = "runs/*/objects.csv", "runs/*/map/*", "runs/*/rejected.csv"
THROTTLED, BROKEN, DENIED = "Lambda.TooManyRequestsException", "Lambda.Unknown", "AccessDenied"

SUCCEEDED = "SUCCEEDED"
MAP_FAILED, UNREADABLE = "States.ExceedToleratedFailureThreshold", "States.ItemReaderFailed"
TOO_MANY = "TooManyRejectedObjects"

NOTHING, RETRY_OF, REDRIVE = "nothing", "retry_of", "redrive"


@dataclass(frozen=True)
class Ground:
    """Where faults are planted."""

    app: WindSpeedApp

    @property
    def machine(self) -> str:
        return self.app.outputs["StateMachineArn"]

    def run(self) -> execution.ExecutionResult:
        return self.app.cloud.run(self.machine, {"years": [YEAR]})

    def redrive(self, run: WindSpeedRun) -> WindSpeedRun:
        """Redrive an execution to its end."""
        return self.app.ended(execution.redrive(self.app.cloud.endpoint, run.result.execution_arn))

    def stop(self) -> WindSpeedRun:
        """Start an execution, and stop it as soon as its map runs."""
        sfn = self.app.cloud.client("stepfunctions")
        arn = sfn.start_execution(stateMachineArn=self.machine, input=json.dumps({"years": [YEAR]}))["executionArn"]
        while not sfn.list_map_runs(executionArn=arn)["mapRuns"]:
            time.sleep(0.01)
        sfn.stop_execution(executionArn=arn, error="Stopped")
        return self.app.ended(self.end(arn))

    def end(self, arn: str) -> execution.ExecutionResult:
        """Wait for an execution's end."""
        sfn = self.app.cloud.client("stepfunctions")
        while (described := sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
            time.sleep(0.05)
        return execution.ExecutionResult(
            arn, described["status"], error=described.get("error"), cause=described.get("cause")
        )


Plant = Callable[[Ground], AbstractContextManager[Callable[[], bool]]]
"""Plants a fault for the time of a block, and says whether anybody ran into it."""


def task(state: str, error: str, times: int | None = None) -> Plant:
    """A task's next attempts end in an error."""
    return _planted(lambda g: faults.add(_at(g), g.machine, state, error=error, cause="On purpose", times=times))


def source(operation: str, key: str, error: str, times: int | None = None) -> Plant:
    """NOAA's bucket answers with an error."""
    return _planted(lambda g: faults.add_s3(_at(g), operation, NOAA_BUCKET, key, error=error, times=times))


def results(operation: str, key: str, error: str, times: int | None = None) -> Plant:
    """The bucket of the results answers with an error."""
    return _planted(
        lambda g: faults.add_s3(_at(g), operation, g.app.outputs["ResultsBucketName"], key, error=error, times=times)
    )


def _at(ground: Ground) -> Endpoint:
    return ground.app.cloud.endpoint


def _planted(add: Callable[[Ground], faults.Fault | faults.S3Fault]) -> Plant:
    @contextmanager
    def plant(ground: Ground) -> Iterator[Callable[[], bool]]:
        fault = add(ground)
        try:
            yield lambda: fault.thrown > 0
        finally:
            faults.clear(_at(ground))

    return plant


def crash(key: str) -> Plant:
    """The analyze function's process ends at once when it is to read this object."""
    crashing = f"""
import os
from wind_speed import analyze

def handler(event, context):
    if any(item["key"] == {key!r} for item in event["Items"]):
        os._exit(1)
    return analyze.handler(event, context)
"""

    @contextmanager
    def plant(ground: Ground) -> Iterator[Callable[[], bool]]:
        client, handler = ground.app.cloud.client("lambda"), "wind_speed.analyze.handler"
        functions = client.list_functions()["Functions"]
        (name,) = (found["FunctionName"] for found in functions if found["Handler"] == handler)
        (code,) = (folder for folder in ground.app.assembly.glob("asset.*") if (folder / "wind_speed").is_dir())
        client.update_function_code(FunctionName=name, ZipFile=_zipped(code, {"crashing.py": crashing}))
        client.update_function_configuration(FunctionName=name, Handler="crashing.handler")
        try:
            yield lambda: True
        finally:
            client.update_function_configuration(FunctionName=name, Handler=handler)
            client.update_function_code(FunctionName=name, ZipFile=_zipped(code, {}))

    return plant


def _zipped(folder: Path, more: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
        for name, text in more.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@dataclass(frozen=True)
class Case:
    """A fault, how the first execution ends (an error's name, or SUCCEEDED), how many objects it lost, what mends it.

    What mends itself runs with the machine's own retries; the others without, so that they don't take a minute.
    """

    fault: str
    plant: Plant
    ends: str
    lost: int
    mended_by: str


CASES = [
    Case("S3 throttles GETs for a moment", source("GetObject", EVERY, "SlowDown", 9), SUCCEEDED, 0, NOTHING),
    Case("S3 fails at GETs for a moment", source("GetObject", EVERY, "InternalError", 9), SUCCEEDED, 0, NOTHING),
    Case("S3 fails at list pages for a moment", source("ListObjectsV2", "", "InternalError", 2), SUCCEEDED, 0, NOTHING),
    Case("S3 throttles one object for good", source("GetObject", ONE, "SlowDown"), SUCCEEDED, BATCH_SIZE, RETRY_OF),
    Case("an object may not be read", source("GetObject", ONE, DENIED), SUCCEEDED, BATCH_SIZE, RETRY_OF),
    Case("an object vanishes after the index", source("GetObject", ONE, "NoSuchKey"), SUCCEEDED, 1, RETRY_OF),
    Case("too many objects vanish", source("GetObject", FIFTH, "NoSuchKey"), TOO_MANY, 20, RETRY_OF),
    Case("the handler crashes on one object", crash(ONE), SUCCEEDED, BATCH_SIZE, RETRY_OF),
    Case("Lambda throttles batches for a moment", task(ANALYZE, THROTTLED, 3), SUCCEEDED, 0, NOTHING),
    Case("Lambda fails for a moment", task(ANALYZE, "Lambda.ServiceException", 3), SUCCEEDED, 0, NOTHING),
    Case("Lambda throttles a batch for good", task(ANALYZE, THROTTLED, 1), SUCCEEDED, BATCH_SIZE, RETRY_OF),
    Case("a child times out", task(ANALYZE, "States.Timeout", 1), SUCCEEDED, BATCH_SIZE, RETRY_OF),
    Case("too many batches fail", task(ANALYZE, BROKEN, 4), MAP_FAILED, 0, REDRIVE),
    Case("every batch fails", task(ANALYZE, BROKEN), MAP_FAILED, 0, REDRIVE),
    Case("the index function is throttled", task(INDEX, THROTTLED, 1), SUCCEEDED, 0, NOTHING),
    Case("the index function fails", task(INDEX, BROKEN), BROKEN, 0, REDRIVE),
    Case("the index can't be written", results("PutObject", INDEX_FILE, DENIED), DENIED, 0, REDRIVE),
    Case("the map can't read the index", results("GetObject", INDEX_FILE, DENIED), UNREADABLE, 0, REDRIVE),
    Case("the reducer is throttled", task(REDUCE, THROTTLED, 1), SUCCEEDED, 0, NOTHING),
    Case("the reducer fails", task(REDUCE, BROKEN), BROKEN, 0, REDRIVE),
    Case("the reducer dies between its files", results("PutObject", REJECTED, DENIED), DENIED, 0, REDRIVE),
    Case("the reducer can't read a result file", results("GetObject", MAP_FILES, DENIED), DENIED, 0, REDRIVE),
]


@pytest.fixture(scope="module")
def ground(wind_speed: WindSpeedApp) -> Ground:
    wind_speed.put(YEAR, OBJECTS)
    return Ground(wind_speed)


@pytest.fixture(scope="module")
def clean(ground: Ground) -> WindSpeedRun:
    """A run without a fault."""
    run = ground.app.ended(ground.run())
    assert run.result.succeeded, run.result
    return run


def assert_nothing_lost(run: WindSpeedRun, lost: int) -> None:
    """Every object listed is analysed, rejected or failed, once."""
    summary = run.summary
    listed, analysed, rejected, failed = (
        summary[f"objects_{kind}"] for kind in ("listed", "analysed", "rejected", "failed")
    )
    assert listed == analysed + rejected + failed == len(OBJECTS)
    assert rejected + failed == lost
    named = [row["key"] for row in run.rows("rejected.csv")]
    assert len(named) == len(set(named)) == lost


def assert_whole(run: WindSpeedRun, clean: WindSpeedRun) -> None:
    assert run.result.succeeded, run.result
    assert_nothing_lost(run, 0)
    assert {name: run.files[name] for name in FILES} == {name: clean.files[name] for name in FILES}
    assert b"</html>" in run.files["map.html"][-20:]


def mend(ground: Ground, case: Case, first: WindSpeedRun) -> WindSpeedRun:
    if case.mended_by == REDRIVE:
        return ground.redrive(first)
    if case.mended_by == RETRY_OF:
        again = ground.app.run(retry_of=first.name)
        assert len(again.files["objects.csv"].split()) - 1 == case.lost
        return again
    return first


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.fault)
def test_should_lose_nothing_and_end_in_a_whole_run(
    ground: Ground, clean: WindSpeedRun, case: Case, record_property: Callable[[str, object], None]
) -> None:
    retries = nullcontext() if case.mended_by == NOTHING else no_retries(ground.app.cloud, ground.machine)
    with retries, case.plant(ground) as somebody_ran_into_it:
        result = ground.run()
        assert somebody_ran_into_it()
    first = ground.app.ended(result)
    assert (result.error or result.status) == case.ends, result
    if "summary.json" in first.files:
        assert_nothing_lost(first, case.lost)
    else:
        # What stands under its final name is whole, also of a reducer that died.
        assert all(first.files[name] == clean.files[name] for name in FILES if name in first.files)
    mended = mend(ground, case, first)
    assert_whole(mended, clean)
    lost = f"{case.lost} of {len(OBJECTS)}"
    analysed = f"{mended.summary['objects_analysed']} of {mended.summary['objects_listed']}"
    record_property(OUTCOME, (case.fault, result.error or result.status, lost, case.mended_by, analysed, "as clean"))


def test_should_go_on_where_an_operator_stopped_it(ground: Ground, clean: WindSpeedRun) -> None:
    stopped = ground.stop()
    assert stopped.result.status == "ABORTED"
    assert "stations.csv" not in stopped.files
    assert_whole(ground.redrive(stopped), clean)


def test_should_redrive_a_retry_of_so_few_objects_that_one_batch_is_too_much(
    ground: Ground, clean: WindSpeedRun
) -> None:
    with source("GetObject", ONE, "NoSuchKey")(ground):
        lossy = ground.app.ended(ground.run())
    with no_retries(ground.app.cloud, ground.machine), task(ANALYZE, BROKEN, 1)(ground):
        again = ground.app.run(retry_of=lossy.name)
    assert again.result.error == MAP_FAILED
    assert_whole(ground.redrive(again), clean)


def test_should_be_mended_by_the_runbooks_commands(ground: Ground, clean: WindSpeedRun, tmp_path: Path) -> None:
    look, redrive, retry = re.findall(r"```sh\n(.*?)```", RUNBOOK.read_text(), re.DOTALL)
    with no_retries(ground.app.cloud, ground.machine):
        with task(REDUCE, BROKEN)(ground):
            failed = ground.run().execution_arn
        with source("GetObject", ONE, "NoSuchKey")(ground):
            lossy = ground.run().execution_arn
    shell = _shell(ground, tmp_path)

    def on(execution: str, commands: str) -> str:
        script = re.sub(r"(?m)^EXECUTION=.*", f"EXECUTION={execution}", look) + commands
        done = subprocess.run(["bash", "-euc", script], env=shell, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert BROKEN in on(failed, redrive)
    assert_whole(ground.app.ended(ground.end(failed)), clean)
    again = on(lossy, retry).split()[-1]
    assert_whole(ground.app.ended(ground.end(again)), clean)


def _shell(ground: Ground, folder: Path) -> dict[str, str]:
    """The environment of a shell with an AWS CLI whose account is the local cloud's."""
    aws = folder / "aws"
    aws.write_text(f'#!/bin/sh\nexec {sys.executable} {AWS_CLI} "$@"\n')
    aws.chmod(0o755)
    endpoint = _at(ground)
    return {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_CA_BUNDLE": str(endpoint.certificate),
        "AWS_ACCESS_KEY_ID": DEFAULT_ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": DEFAULT_REGION,
    }


def test_should_write_the_same_bytes_again(ground: Ground, clean: WindSpeedRun) -> None:
    assert_whole(ground.app.ended(ground.run()), clean)
