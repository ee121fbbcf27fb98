"""An execution is started, followed with its map runs' progress, and its end is told."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from constructs_lib.local import Counts, Endpoint, ExecutionResult, LocalCloud, Progress, UsageError
from constructs_lib.local.execution import run

if TYPE_CHECKING:
    from pathlib import Path

    from constructs_lib.local.timeline import Event


@pytest.fixture(scope="module")
def arns(cloud: LocalCloud, assembly: Path, cdk_cli: Path) -> dict[str, str]:
    """The app's state machines by construct id."""
    cloud.deploy(assembly, cdk=cdk_cli)
    return {key[:-8]: arn for stack in cloud.stacks for key, arn in stack.state_machines.items()}


@pytest.mark.local
def test_reports_items_and_children_of_a_map_run(cloud: LocalCloud, arns: dict[str, str]) -> None:
    seen: list[Progress] = []
    result = cloud.run(arns["Numbers"], {"numbers": 12}, seen.append)
    assert result == ExecutionResult(
        execution_arn=result.execution_arn,
        status="SUCCEEDED",
        output=[[2, 4, 6, 8, 10], [12, 14, 16, 18, 20], [22, 24]],
    )
    assert result.succeeded
    last = seen[-1]
    assert last.map_runs == 1
    assert last.items == Counts(total=12, succeeded=12, results_written=last.items.results_written)
    assert last.children == Counts(total=3, succeeded=3, results_written=last.children.results_written)
    assert all(one != two for one, two in itertools.pairwise(seen))


@pytest.mark.local
def test_tells_the_error_and_the_cause(cloud: LocalCloud, arns: dict[str, str]) -> None:
    result = cloud.run(arns["Sulky"], {"fail": True}, name="sulk-1")
    assert (result.status, result.error, result.cause) == ("FAILED", "NotToday", "The input says so.")
    assert result.output is None
    assert not result.succeeded
    assert result.execution_arn.endswith(":execution:sulky:sulk-1")


@pytest.mark.parametrize("arn", ["sulky", "arn:aws:states:us-east-1:1:stateMachine:x", "arn:aws:sns:a:111111111111:x"])
def test_refuses_what_is_no_state_machines_arn(arn: str) -> None:
    with pytest.raises(UsageError, match="isn't a state machine's ARN"):
        run(Endpoint("http://127.0.0.1:1"), arn, {})


@pytest.mark.local
def test_reports_every_event_once(cloud: LocalCloud, arns: dict[str, str]) -> None:
    seen: list[Event] = []
    run(cloud.endpoint, arns["Numbers"], {"numbers": 3}, on_events=seen.extend)
    assert [event["id"] for event in seen] == list(range(1, len(seen) + 1))
    assert (seen[0]["type"], seen[-1]["type"]) == ("ExecutionStarted", "ExecutionSucceeded")
