"""Each statement that the table calls exercised is needed: without it an execution ends in AccessDenied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from constructs_lib.local.endpoint import DEFAULT_ACCOUNT
from demo.wind_speed.sample import sample_objects
from tests.end_to_end.permissions import assert_denied, name_of, no_retries, without
from tests.stacks.iam_statements import EXERCISED, STATEMENTS, Statement

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


def test_should_run_with_all_of_them(app: WindSpeedApp) -> None:
    assert app.run(years=[YEAR]).result.succeeded


@pytest.mark.parametrize("statement", NEEDED, ids=name_of)
def test_should_end_in_access_denied_without(app: WindSpeedApp, statement: Statement) -> None:
    with without(statement, app.cloud, app.assembly, DEFAULT_ACCOUNT):
        run = app.run(years=[YEAR])
    assert run.result.status == "FAILED"
    # A child's error stands in the files of its map run.
    told = f"{run.result.error} {run.result.cause} " + b" ".join(run.files.values()).decode()
    assert_denied(statement, told)
