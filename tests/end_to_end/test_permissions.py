"""Each statement that the table calls exercised is needed: without it an execution ends in AccessDenied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from constructs_lib.local.endpoint import DEFAULT_ACCOUNT
from demo.wind_speed.sample import sample_objects
from tests.end_to_end.permissions import assert_denied, name_of, no_retries, without
from tests.stacks.iam_statements import EXERCISED, READS_EARLIER_RUN, STATEMENTS, Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.conftest import WindSpeedApp

pytestmark = pytest.mark.local

YEAR = 1938
NEEDED = sorted(statement for statement, proof in STATEMENTS["default"].items() if proof == EXERCISED)


@pytest.fixture(scope="module")
def app(wind_speed: WindSpeedApp) -> Iterator[WindSpeedApp]:
    wind_speed.put(YEAR, {f"{obj.station}.csv": obj.body() for obj in sample_objects(4)})
    with no_retries(wind_speed.cloud, wind_speed.outputs["StateMachineArn"]):
        yield wind_speed


@pytest.fixture(scope="module")
def whole_run(app: WindSpeedApp) -> str:
    """The name of an execution with every permission."""
    result = app.run(years=[YEAR]).result
    assert result.succeeded
    return result.execution_arn.rsplit(":", 1)[1]


def test_should_find_an_earlier_run_with_all_of_them(app: WindSpeedApp, whole_run: str) -> None:
    assert app.run(retry_of=whole_run).result.error == "NothingToRetry"


@pytest.mark.parametrize("statement", NEEDED, ids=name_of)
def test_should_end_in_access_denied_without(app: WindSpeedApp, whole_run: str, statement: Statement) -> None:
    with without(statement, app.cloud, app.assembly, DEFAULT_ACCOUNT):
        run = app.run(retry_of=whole_run) if statement == READS_EARLIER_RUN else app.run(years=[YEAR])
    assert run.result.status == "FAILED"
    # A child's error stands in the files of its map run.
    told = f"{run.result.error} {run.result.cause} " + b" ".join(run.files.values()).decode()
    assert_denied(statement, told)
