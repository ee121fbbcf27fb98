"""Metrics by the minute: of a forecast's run, and of whatever happens in an account."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from constructs_lib.forecast.job import Child, Job
from constructs_lib.forecast.metrics import AccountLimits, AccountUse, WorkflowUse, limits_of, metrics_of, use_of
from constructs_lib.forecast.result import Case
from constructs_lib.forecast.simulation import simulate
from constructs_lib.quotas.catalogue import DocumentedLimit
from constructs_lib.testing.metrics import Metric
from tests.metric_names import KNOWN, MetricUse, unknown_metrics

if TYPE_CHECKING:
    from constructs_lib.forecast.result import Run

SMALL = AccountLimits.documented_in("eu-central-1")
CONSUMED = "AWS/States ConsumedCapacity Sum {ServiceMetric=StateTransition}"
THROTTLED = "AWS/States ThrottledEvents Sum {ServiceMetric=StateTransition}"
BACKLOG = "AWS/States ApproximateMapRunBacklogSize Maximum"
OPEN = "AWS/States OpenExecutionCount Maximum"
LAMBDA = "AWS/Lambda ConcurrentExecutions Maximum"


def run(**changes: object) -> Run:
    job = Job(**{"objects": 60_000, "batch_size": 100, "region": "eu-central-1", "child": Child.STANDARD, **changes})  # type: ignore[arg-type]
    return simulate(job, case=Case.LIKELY)


@pytest.fixture(scope="module")
def standard() -> Run:
    return run(other_transitions_per_second=10, other_map_runs=3)


def test_should_be_metrics_that_there_are(standard: Run) -> None:
    keys = metrics_of(replace(use_of(standard), map_runs_waiting=[1]), SMALL)
    parsed = [Metric.parse(key) for key in keys]
    uses = set()
    for each in parsed:
        namespace, name, statistic = each.head.split(" ")
        uses.add(MetricUse(namespace, name, each.dimensions, statistic))
    assert len(uses) == len(keys) == 15
    assert unknown_metrics(uses, KNOWN) == set()
    assert [str(each) for each in parsed] == list(keys)


def test_should_have_each_transition_of_a_run_in_a_minute(standard: Run) -> None:
    series = metrics_of(use_of(standard), limits_of(standard))
    minutes = len(series[CONSUMED])
    assert {len(points) for points in series.values()} == {minutes}
    own = [point - 10 * 60 for point in series[CONSUMED] if point is not None]
    assert sum(own) == pytest.approx(sum(standard.series["transitions"]))
    assert sum(own) == pytest.approx(standard.transitions)
    assert own[:5] == [0] * 5
    assert own[5] > 0
    assert series["AWS/States ApproximateOpenMapRunCount Maximum"][4:6] == [3, 4]
    assert series["AWS/States ConsumedCapacity Sum {APIName=StartExecution}"][4:7] == [0, 1, 0]
    assert series["AWS/States ProvisionedRefillRate Maximum {ServiceMetric=StateTransition}"] == [800] * minutes
    assert max(filter(None, series[LAMBDA])) == max(standard.series["lambda_concurrency"])
    assert BACKLOG not in series


def test_should_have_what_is_throttled_as_long_as_it_is() -> None:
    throttled = run(objects=40_000, batch_size=10, max_concurrency=1_000, state_transition_limit=50)
    series = metrics_of(use_of(throttled), limits_of(throttled), start_second=0)
    assert sum(filter(None, series[THROTTLED])) == pytest.approx(sum(throttled.series["throttled_transitions"]))
    assert sum(filter(None, series[THROTTLED])) > 0
    assert series["AWS/States ProvisionedRefillRate Maximum {ServiceMetric=StateTransition}"][0] == 50


def test_should_count_the_answers_of_s3_that_slow_it_down() -> None:
    throttled = run(child=Child.EXPRESS, prefixes=1, max_concurrency=1_000)
    series = metrics_of(use_of(throttled), limits_of(throttled))
    assert sum(filter(None, series["StepFunctionsAtScale SlowDown Sum"])) == pytest.approx(throttled.throttled_gets)
    assert throttled.throttled_gets > 0


def test_should_count_standard_children_alone_as_open_executions() -> None:
    standard = run()
    assert max(use_of(standard).open_executions) == 1 + max(standard.series["children_running"]) > 10
    assert max(use_of(run(child=Child.EXPRESS)).open_executions) == 1


def test_should_put_each_second_into_its_minute() -> None:
    use = AccountUse(transitions=[1] * 90, map_runs=[1, 7, *[2] * 88], open_executions=[9_999] * 60 + [10_000] * 30)
    series = metrics_of(use, SMALL, start_second=100)
    assert series[CONSUMED][:5] == [0, 20, 60, 10, 0]
    assert series["AWS/States ApproximateOpenMapRunCount Maximum"][:5] == [0, 7, 2, 2, 0]
    # 60 seconds later, 160, is within minute 2.
    assert series[OPEN][:5] == [0, 0, 10_000, 10_000, 0]
    assert len(series[CONSUMED]) == 4 + 25
    assert len(metrics_of(use, SMALL, start_second=0, minutes=2)[CONSUMED]) == 2


def test_should_have_a_point_of_the_backlog_only_while_there_is_one() -> None:
    waiting = [0] * 60 + [5] * 30 + [0] * 120 + [2]
    series = metrics_of(AccountUse(map_runs_waiting=waiting), SMALL, start_second=0, minutes=5)
    assert series[BACKLOG] == [None, 5, None, 2, None]
    assert LAMBDA not in series
    assert series["AWS/States OpenMapRunLimit Maximum"] == [1_000] * 5
    assert series["AWS/States OpenExecutionLimit Maximum"] == [1_000_000] * 5


def test_should_count_what_other_workflows_make_in_every_minute() -> None:
    series = metrics_of(AccountUse(always={"transitions": 2, "map_runs": 4}), SMALL, minutes=7)
    assert series[CONSUMED] == [120] * 7
    assert series["AWS/States ApproximateOpenMapRunCount Maximum"] == [4] * 7


def test_should_name_whose_it_is_where_that_is_known() -> None:
    use = AccountUse(starts=[2], workflows={"Load/Rows": WorkflowUse(executions_started=[2], states_throttled=[0, 3])})
    series = metrics_of(use, SMALL, start_second=59, minutes=2)
    assert series["AWS/States ExecutionsStarted Sum {StateMachineArn=Load/Rows}"] == [2, 0]
    assert series["AWS/States ExecutionThrottled Sum {StateMachineArn=Load/Rows}"] == [0, 3]


def test_should_know_the_documented_limits() -> None:
    large = AccountLimits.documented_in("us-east-1")
    assert large.state_transitions == DocumentedLimit(limit=5_000, bucket_size=5_000)
    assert large.start_execution == DocumentedLimit(limit=300, bucket_size=1_300)
    assert SMALL.start_execution == DocumentedLimit(limit=150, bucket_size=800)
    assert (SMALL.map_runs, SMALL.open_executions) == (1_000, 1_000_000)


def test_should_have_a_limit_of_one_a_second() -> None:
    slow = run(objects=1_000, state_transition_limit=1)
    series = metrics_of(use_of(slow), limits_of(slow))
    assert series["AWS/States ProvisionedRefillRate Maximum {ServiceMetric=StateTransition}"][0] == 1
    assert series["AWS/States ProvisionedBucketSize Maximum {ServiceMetric=StateTransition}"][0] == 1


@pytest.mark.parametrize("name", ["states_throttled", "starts_throttled", "lambda_concurrency", "slow_downs"])
def test_should_last_until_its_last_second(name: str) -> None:
    # The run begins with minute 5 and lasts two; 25 more follow.
    series = metrics_of(AccountUse(**{name: [0] * 119 + [3]}), SMALL)  # type: ignore[arg-type]
    assert {len(points) for points in series.values()} == {5 + 2 + 25}
    assert [points[6] for points in series.values() if points[6] == 3] == [3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"map_runs": 0}, r"AccountLimits: map_runs is 0; allowed: 1 or more\. Leave it as documented_in has it\."),
        ({"open_executions": float("nan")}, r"AccountLimits: open_executions is nan; allowed: 1 or more\."),
        (
            {"state_transitions": DocumentedLimit(limit=800)},
            r"AccountLimits: state_transitions is .*; allowed: a refill",
        ),
        (
            {"start_execution": DocumentedLimit(limit=0, bucket_size=9)},
            r"AccountLimits: start_execution is .*; allowed",
        ),
    ],
)
def test_should_refuse_limits_that_cannot_be(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as error:
        replace(SMALL, **changes)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start_second": -1}, r"start_second is -1; allowed: a whole number, 0 or more\. Use 300 for minute 5\."),
        ({"start_second": 1.5}, r"start_second is 1\.5; allowed: a whole number"),
        ({"minutes": 5}, r"minutes is 5; allowed: 6 or more, to the run's end\. Leave it out\."),
    ],
)
def test_should_refuse_times_that_cannot_be(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        metrics_of(AccountUse(transitions=[1]), SMALL, **arguments)
