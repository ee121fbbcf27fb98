"""The warnings at synth about what a map's settings run into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Annotations, Duration, Environment, Stack, Token
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import GsodSource, ObjectSource, RetryPolicy, S3DistributedMap, WindSpeedWorkflow
from constructs_lib._run_limits import BATCH, DISPATCH, EXPRESS_CHILD, LAMBDA_CONCURRENCY, TRANSITIONS
from tests.cdk import make_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from constructs import IConstruct

STANDARD = sfn.StateMachineType.STANDARD
SMALL, LARGE = "eu-central-1", "us-east-1"


def warnings(root: IConstruct) -> list[str]:
    # Not by aws_cdk.assertions: see test_distributed_map.py.
    return [
        str(entry.data)
        for construct in root.node.find_all()
        for entry in construct.node.metadata
        if entry.type == "aws:cdk:warning"
    ]


class Job:
    """A stack with a bucket, in which to make maps."""

    def __init__(self, region: str | None = LARGE) -> None:
        env = None if region is None else Environment(account="111111111111", region=region)
        self.stack = Stack(make_app(), "Jobs", env=env)
        self.bucket = s3.Bucket(self.stack, "Bucket")

    def function(self, *, timeout: float = 60, **kwargs: Any) -> lambda_.Function:
        return lambda_.Function(
            self.stack,
            "Process",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline("def handler(event, context): return event"),
            timeout=Duration.seconds(timeout),
            **kwargs,
        )

    def chain(self, states: int) -> sfn.Chain:
        chain = sfn.Chain.start(sfn.Pass.jsonata(self.stack, "Step 1"))
        for number in range(2, states + 1):
            chain = chain.next(sfn.Pass.jsonata(self.stack, f"Step {number}"))
        return chain

    def wait(self, seconds: int, name: str = "Wait") -> sfn.Wait:
        return sfn.Wait.jsonata(self.stack, name, time=sfn.WaitTime.duration(Duration.seconds(seconds)))

    def map(self, *, prefix: str = "", **kwargs: Any) -> S3DistributedMap:
        defaults: dict[str, Any] = {
            "source": ObjectSource.from_listing(self.bucket, prefix=prefix),
            "results_bucket": self.bucket,
        }
        if "processor" not in kwargs:
            kwargs["processor"] = self.function()
        return S3DistributedMap(self.stack, "Scan", **(defaults | kwargs))


def looping(job: Job) -> sfn.IChainable:
    """A way of 4 states and one of 11, and back to the first."""
    first = sfn.Pass.jsonata(job.stack, "First")
    choice = sfn.Choice.jsonata(job.stack, "Which?")
    again = sfn.Pass.jsonata(job.stack, "Again")
    choice.when(sfn.Condition.jsonata("{% $states.input.a %}"), again.next(first))
    side_by_side = sfn.Parallel.jsonata(job.stack, "Side by side").branch(job.chain(7), job.wait(1))
    return first.next(choice.otherwise(side_by_side))


# Each with the id of what is warned of; the second is as much as just fits.
CASES: list[tuple[str, str, Callable[[Job], dict[str, Any]], Callable[[Job], dict[str, Any]]]] = [
    (
        "over the function's reserved concurrency",
        LAMBDA_CONCURRENCY,
        lambda job: {"max_concurrency": 51, "processor": job.function(reserved_concurrent_executions=50)},
        lambda job: {"max_concurrency": 50, "processor": job.function(reserved_concurrent_executions=50)},
    ),
    (
        "over the account's concurrency",
        LAMBDA_CONCURRENCY,
        lambda _: {"max_concurrency": 1_001},
        lambda _: {"max_concurrency": 1_000},
    ),
    (
        "Standard children that end before the last is started",
        DISPATCH,
        lambda job: {"max_concurrency": 201, "child_type": STANDARD, "processor": job.function(timeout=2)},
        lambda job: {"max_concurrency": 200, "child_type": STANDARD, "processor": job.function(timeout=2)},
    ),
    (
        "Standard children of a function that ends after three seconds because nobody said otherwise",
        DISPATCH,
        lambda job: {"max_concurrency": 301, "child_type": STANDARD, "processor": without_timeout(job)},
        lambda job: {"max_concurrency": 300, "child_type": STANDARD, "processor": without_timeout(job)},
    ),
    (
        "more items than have room",
        BATCH,
        lambda _: {"max_items_per_batch": 21_846},
        lambda _: {"max_items_per_batch": 21_845},
    ),
    (
        "more items than the room that was asked for",
        BATCH,
        lambda _: {"max_items_per_batch": 10, "max_input_bytes_per_batch": 118},
        lambda _: {"max_items_per_batch": 10, "max_input_bytes_per_batch": 119},
    ),
    (
        "items with a long prefix",
        BATCH,
        lambda _: {"max_items_per_batch": 262, "prefix": f"{'p' * 989}/"},
        lambda _: {"max_items_per_batch": 260, "prefix": f"{'p' * 989}/"},
    ),
    (
        "items of several values",
        BATCH,
        lambda _: {"max_items_per_batch": 16_385, "item_selector": {"key": "{% 1 %}", "b": "{% 2 %}"}},
        lambda _: {"max_items_per_batch": 16_384, "item_selector": {"key": "{% 1 %}", "b": "{% 2 %}"}},
    ),
    (
        "an Express child whose wait is too long",
        EXPRESS_CHILD,
        lambda job: {"processor": job.wait(300)},
        lambda job: {"processor": job.wait(299)},
    ),
    (
        "an Express child whose waits are too long together",
        EXPRESS_CHILD,
        lambda job: {"processor": sfn.Chain.start(job.wait(200)).next(job.wait(100, "Wait again"))},
        lambda job: {"processor": sfn.Chain.start(job.wait(200)).next(job.wait(99, "Wait again"))},
    ),
    (
        "an Express child whose function may take too long, though it isn't retried",
        EXPRESS_CHILD,
        lambda job: {"processor": job.function(timeout=300), "retry_policy": RetryPolicy(())},
        lambda job: {"processor": job.function(timeout=299), "retry_policy": RetryPolicy(())},
    ),
]


def without_timeout(job: Job) -> lambda_.Function:
    code = lambda_.Code.from_inline("def handler(event, context): return event")
    runtime = lambda_.Runtime.PYTHON_3_14
    return lambda_.Function(job.stack, "Process", runtime=runtime, handler="index.handler", code=code)


@pytest.mark.parametrize(("warning", "over", "within"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_should_warn_over_a_limit_only(
    warning: str, over: Callable[[Job], dict[str, Any]], within: Callable[[Job], dict[str, Any]]
) -> None:
    job = Job()
    job.map(**over(job))
    (found,) = warnings(job.stack)
    assert f"[ack: {warning}]" in found
    assert "\n" not in found
    Annotations.of(job.stack).acknowledge_warning(warning, "it is known")
    assert warnings(job.stack) == []

    job = Job()
    job.map(**within(job))
    assert warnings(job.stack) == []


@pytest.mark.parametrize(
    ("region", "states", "max_concurrency", "warns"),
    [
        (SMALL, 9, 200, True),
        (SMALL, 8, 200, False),
        # Each state takes a while: so few children don't enter 800 a second.
        (SMALL, 9, 5, False),
        (LARGE, 9, 200, False),
        (LARGE, 51, 200, True),
        (None, 51, 200, False),
    ],
)
def test_should_warn_of_the_regions_transitions(
    region: str | None, states: int, max_concurrency: int, *, warns: bool
) -> None:
    job = Job(region)
    job.map(processor=job.chain(states), child_type=STANDARD, max_concurrency=max_concurrency)
    found = warnings(job.stack)
    assert [TRANSITIONS in each for each in found] == ([True] if warns else [])
    if warns:
        assert f"up to {states} states each, which makes up to {100 * states:,} state transitions a second" in found[0]
        Annotations.of(job.stack).acknowledge_warning(TRANSITIONS)
        assert warnings(job.stack) == []


def test_should_count_the_states_of_the_longest_way_once() -> None:
    job = Job(SMALL)
    job.map(processor=looping(job), child_type=STANDARD)
    (found,) = warnings(job.stack)
    # First, Which?, Side by side with its 7 and 1.
    assert "up to 11 states each, which makes up to 1,100 state transitions a second, but an account has 800" in found


def test_should_not_warn_express_children_of_transitions() -> None:
    job = Job(SMALL)
    job.map(processor=job.chain(60))
    assert warnings(job.stack) == []


def test_should_not_warn_standard_children_of_five_minutes() -> None:
    job = Job()
    job.map(processor=job.wait(3600), child_type=STANDARD)
    assert warnings(job.stack) == []


def test_should_warn_of_an_inner_wait_and_a_tasks_timeout() -> None:
    job = Job()
    task = sfn.CustomState(
        job.stack,
        "Task",
        state_json={
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sfn:listStateMachines",
            "TimeoutSeconds": 100,
        },
    )
    inner = sfn.Parallel.jsonata(job.stack, "Inner").branch(job.wait(200), job.wait(10, "Short"))
    job.map(processor=sfn.Chain.start(task).next(inner))
    (found,) = warnings(job.stack)
    assert "its waits and timeouts add up to 300 s" in found


def test_should_warn_of_express_dispatch() -> None:
    job = Job()
    job.map(processor=job.function(timeout=5, reserved_concurrent_executions=10_000), max_concurrency=5_001)
    (found,) = warnings(job.stack)
    assert DISPATCH in found
    assert "starts 1,000 EXPRESS children a second" in found


def test_should_say_nothing_of_what_is_known_at_deployment_only() -> None:
    job = Job(None)
    name = lambda_.Function.from_function_name(job.stack, "Imported", "process")
    job.map(processor=name, max_concurrency=Token.as_number({"Ref": "Concurrency"}), child_type=STANDARD)
    assert warnings(job.stack) == []


def test_should_not_know_an_imported_functions_reserved_concurrency_nor_its_timeout() -> None:
    job = Job()
    imported = lambda_.Function.from_function_name(job.stack, "Imported", "process")
    job.map(processor=imported, max_concurrency=1_000, child_type=STANDARD)
    assert warnings(job.stack) == []


def test_should_warn_the_wind_speed_workflow() -> None:
    stack = Stack(make_app(), "Stack", env=Environment(account="111111111111", region=LARGE))
    WindSpeedWorkflow(stack, "Default", source=GsodSource.noaa())
    assert warnings(stack) == []
    busy = WindSpeedWorkflow(stack, "Busy", source=GsodSource.noaa(), max_concurrency=1_001)
    (found,) = warnings(stack)
    assert LAMBDA_CONCURRENCY in found
    Annotations.of(busy).acknowledge_warning(LAMBDA_CONCURRENCY)
    assert warnings(stack) == []
    waits = sfn.Wait.jsonata(stack, "Wait", time=sfn.WaitTime.duration(Duration.minutes(5)))
    bucket = s3.Bucket(stack, "Bucket")
    long = f"{'p' * 200}/"
    WindSpeedWorkflow(stack, "Long", source=GsodSource.bucket(bucket, long), batch_size=1_000, processor=waits)
    assert [BATCH in each or EXPRESS_CHILD in each for each in warnings(stack)] == [True, True]
