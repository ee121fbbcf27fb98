"""Every item source run from its template, under exactly the permissions that the construct grants."""

import json
from typing import Any

import pytest

from constructs_lib import StateItems
from constructs_lib.local.emulator.payload import as_json
from tests.cdk import template_of
from tests.constructs_lib.item_sources import BATCH_BYTES, MOST, SOURCES, stack_of
from tests.constructs_lib.local.emulator.conftest import Cloud, Execution

pytestmark = pytest.mark.local

STATE_ITEMS = "state items"


@pytest.fixture(scope="module")
def machines(cloud: Cloud) -> dict[str, str]:
    """The stack deployed and its buckets filled: the ARN of each source's machine."""
    pytest.importorskip("pyarrow")
    makes: dict[str, Any] = {name: source.make for name, source in SOURCES.items()}
    makes[STATE_ITEMS] = lambda data, other: StateItems("$states.context.Execution.Input.items", max_items=MOST)
    template = template_of(stack_of(makes))
    s3, cloudformation = cloud.client("s3"), cloud.client("cloudformation")
    templates = cloud.bucket()
    s3.put_object(Bucket=templates, Key="item-sources.json", Body=json.dumps(template))
    url = f"https://127.0.0.1:{cloud.port}/{templates}/item-sources.json"
    cloudformation.create_stack(StackName="item-sources", TemplateURL=url, Capabilities=["CAPABILITY_IAM"])
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="item-sources", WaiterConfig={"Delay": 0.2, "MaxAttempts": 150}
    )
    for source in SOURCES.values():
        for key, body in source.objects.items():
            bucket = "other-bucket" if key.startswith("/") else "data-bucket"
            s3.put_object(Bucket=bucket, Key=key.removeprefix("/"), Body=body())
    pages = cloud.client("stepfunctions").get_paginator("list_state_machines").paginate()
    arns = {found["name"]: found["stateMachineArn"] for page in pages for found in page["stateMachines"]}
    return {name: arns[name.replace(" ", "-")] for name in makes}


def run(cloud: Cloud, machine: str, **given: Any) -> Execution:
    return cloud.wait(cloud.start(machine, given))


def batches(cloud: Cloud, ended: Execution, label: str) -> list[Any]:
    """What the children of the map run with that label got, in the order of their first items."""
    runs = cloud.client("stepfunctions").list_map_runs(executionArn=ended.arn)["mapRuns"]
    (run_id,) = (found["mapRunArn"].rpartition(":")[2] for found in runs if f"/{label}:" in found["mapRunArn"])
    body = cloud.read("results-bucket", f"{label}/{run_id}/SUCCEEDED_0.jsonl")
    return [json.loads(line) for line in body.splitlines()]


def filled(items: list[Any]) -> list[list[Any]]:
    """The items in batches of as many as their bytes allow."""
    found: list[list[Any]] = [[]]
    for item in items:
        if found[-1] and len(as_json({"Items": [*found[-1], item]}).encode()) > BATCH_BYTES:
            found.append([])
        found[-1].append(item)
    return found


def check(cloud: Cloud, ended: Execution, items: list[Any], sources: list[str]) -> None:
    assert ended.status == "SUCCEEDED", ended.cause
    selected = [{"source": source, "index": index} for index, source in enumerate(sources)]
    by_count = sorted(batches(cloud, ended, "ByCount"), key=lambda batch: int(batch["Items"][0]["index"]))
    assert by_count == [
        {"BatchInput": {"most": 3, "fixed": [1]}, "Items": selected[:2]},
        {"BatchInput": {"most": 3, "fixed": [1]}, "Items": selected[2:]},
    ]
    by_bytes = [batch["Items"] for batch in batches(cloud, ended, "ByBytes")]
    assert sorted(map(as_json, by_bytes)) == sorted(map(as_json, filled(items)))
    assert len(by_bytes) > 1


@pytest.mark.parametrize("name", SOURCES)
def test_should_read_the_items_in_batches_by_count_and_by_bytes(
    cloud: Cloud, machines: dict[str, str], name: str
) -> None:
    source = SOURCES[name]
    ended = run(cloud, machines[name], key=source.read, most=3)
    check(cloud, ended, source.items[:3], source.sources[:3])


def test_should_read_the_items_of_the_states_input(cloud: Cloud, machines: dict[str, str]) -> None:
    items = [{"n": 1}, "x" * 40, [3], {"n": 4}]
    ended = run(cloud, machines[STATE_ITEMS], items=items, most=3)
    check(cloud, ended, items[:3], ["STATE_DATA"] * 3)


@pytest.mark.parametrize("name", SOURCES)
def test_should_read_nothing_else(cloud: Cloud, machines: dict[str, str], name: str) -> None:
    ended = run(cloud, machines[name], key=SOURCES[name].denied, most=3)
    assert (ended.status, ended.error) == ("FAILED", "States.ItemReaderFailed")
    assert "Error Code: AccessDenied" in ended.cause
