from __future__ import annotations

import ast
from typing import Any

import pytest

from constructs_lib.forecast.job import MAX_CHILDREN, REGIONS, Child, Handler, Job
from constructs_lib.quotas.catalogue import LARGE_REGIONS


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"objects": 0}, "objects is 0; allowed: a whole number from 1 to 100,000,000."),
        ({"objects": 100_000_001}, "objects is 100000001; allowed: a whole number from 1 to 100,000,000."),
        ({"objects": 1.5}, "objects is 1.5; allowed: a whole number"),
        ({"objects": True}, "objects is True; allowed: a whole number"),
        ({"batch_size": 0}, "batch_size is 0; allowed: a whole number from 1 to 1,000."),
        (
            {"handler": Handler.OTHER, "batch_size": 100_000_001},
            "batch_size is 100000001; allowed: a whole number from 1 to 100,000,000.",
        ),
        (
            {"handler": Handler.OTHER, "mean_bytes": 50 * 1024**4 + 1},
            "mean_bytes is 54975581388801; allowed: a whole number from 1 to 54,975,581,388,800. S3 has no",
        ),
        ({"batch_size": 1_001}, "batch_size is 1001; allowed: a whole number from 1 to 1,000."),
        ({"max_concurrency": 0}, "max_concurrency is 0; allowed: a whole number from 1 to 10,000."),
        ({"max_concurrency": 10_001}, "max_concurrency is 10001; allowed: a whole number from 1 to 10,000."),
        ({"mean_bytes": 0}, "mean_bytes is 0; allowed: a whole number from 1 to 8,388,608."),
        ({"prefixes": 0}, "prefixes is 0; allowed: a whole number from 1"),
        ({"states_per_child": 0}, "states_per_child is 0; allowed: a whole number from 1"),
        ({"parent_states": 0}, "parent_states is 0; allowed: a whole number from 1"),
        ({"function_memory_mb": 127}, "function_memory_mb is 127; allowed: a whole number from 128 to 10,240."),
        ({"lambda_concurrency": 0}, "lambda_concurrency is 0; allowed: a whole number from 1"),
        ({"other_map_runs": 1_000}, "other_map_runs is 1000; allowed: a whole number from 0 to 999."),
        ({"child": "express"}, "child is 'express'; allowed: Child.EXPRESS, Child.STANDARD."),
        ({"source": "index"}, "source is 'index'; allowed: Source.INDEX, Source.FILE, Source.LIST."),
        ({"handler": "other"}, "handler is 'other'; allowed: Handler.WIND_SPEED, Handler.OTHER."),
        ({"batch_seconds": 0}, "batch_seconds is 0; allowed: a number over 0, up to 900. Lambda ends a function then."),
        ({"batch_seconds": 900.5}, "batch_seconds is 900.5; allowed: a number over 0, up to 900."),
        ({"batch_seconds": float("nan")}, "batch_seconds is nan; allowed: a number over 0, up to 900."),
        ({"bucket": "own"}, "bucket is 'own'; allowed: Bucket.OWN, Bucket.PUBLIC."),
        ({"reducer": None}, "reducer is None; allowed: Reducer.FUNCTION, Reducer.NONE."),
        (
            {"region": "eu-central-9"},
            "region is 'eu-central-9'; allowed: a Region that has Step Functions. Did you mean eu-",
        ),
        ({"region": "us-est-1"}, "Step Functions. Did you mean us-west-1, us-east-1 or us-west-2?"),
        ({"region": "af-soth-1"}, "Step Functions. Did you mean af-south-1"),
        (
            {"region": ""},
            "region is ''; allowed: a Region that has Step Functions. Use one such as us-east-1 or eu-cen",
        ),
        ({"region": "mars-1"}, "allowed: a Region that has Step Functions. Use one such as us-east-1 or eu-central-1."),
        ({"state_transition_limit": 0}, "state_transition_limit is 0; allowed: a number of 1 or more."),
        ({"state_transition_limit": 1e-320}, "state_transition_limit is 1e-320; allowed: a number of 1 or more."),
        ({"other_transitions_per_second": -1}, "other_transitions_per_second is -1; allowed: a number from 0"),
        (
            {"other_transitions_per_second": 800, "region": "eu-central-1"},
            "other_transitions_per_second is 800; allowed: a number from 0 to less than the limit, 800.",
        ),
        (
            {"objects": 100_000_000, "batch_size": 10},
            "batch_size is 10; allowed: what makes at most 2,000,000 batches. For 100,000,000 objects use 50 or more.",
        ),
    ],
)
def test_should_refuse_what_no_run_can_have_in_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="forecast: ") as error:
        Job(**{"objects": 600_000} | given)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "given",
    [
        {"objects": 1},
        {"objects": 100_000_000, "batch_size": 100_000_000 // MAX_CHILDREN},
        {"batch_size": 1_000, "max_concurrency": 10_000},
        {"other_transitions_per_second": 4_999.9, "region": "us-east-1"},
        {"other_map_runs": 999},
        {"batch_seconds": 900},
        {"state_transition_limit": 1},
        {"handler": Handler.OTHER, "batch_size": 100_000_000, "mean_bytes": 50 * 1024**4},
    ],
)
def test_should_take_everything_up_to_the_limits(given: dict[str, Any]) -> None:
    assert Job(**{"objects": 600_000} | given)


def test_should_have_the_smaller_buckets_in_most_regions() -> None:
    limits = {region: Job(objects=1, region=region).transitions_per_second for region in REGIONS}
    assert {region for region, limit in limits.items() if limit == 5_000} == set(LARGE_REGIONS)
    assert {limit for region, limit in limits.items() if region not in LARGE_REGIONS} == {800}
    assert Job(objects=1, state_transition_limit=100).transitions_per_second == 100


def test_should_count_the_last_batch_though_it_is_short() -> None:
    assert [Job(objects=objects, batch_size=500).children for objects in (1, 500, 501, 600_000)] == [1, 1, 2, 1_200]


def test_should_be_an_express_run_of_the_app_by_default() -> None:
    """The defaults are those of the construct, whose keywords aren't imported here: that would load CDK."""
    from pathlib import Path

    tree = ast.parse((Path(__file__).parents[3] / "constructs_lib/wind_speed.py").read_text())
    keywords = {
        argument.arg: ast.literal_eval(default)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if isinstance(default, ast.Constant)
    }
    job = Job(objects=1)
    assert (job.batch_size, job.max_concurrency) == (keywords["batch_size"], keywords["max_concurrency"])
    assert job.child is Child.EXPRESS
