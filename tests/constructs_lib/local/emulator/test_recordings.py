"""Executions that AWS recorded, run here: the same end, the same output or error.

The recordings aren't part of the project; without them this is skipped.
"""

import importlib.util
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from .conftest import ROOT, Cloud

pytestmark = pytest.mark.local

RECORDINGS = ROOT.parent / "shared" / "aws-recordings"
CATEGORIES = ("assign/", "context_object/", "evaluate_jsonata/", "outputdecl/", "query_language/", "scenarios/")
# What AWS does that this doesn't, by the end of the recording's id.
KNOWN = {
    "[BASE_EVALUATION_ORDER_PASS_STATE]": "the recording left the output out",
    "::test_max_concurrency_path_negative": "the recording ends with its first event",
    "::test_map_item_reader_base_list_objects_v2": "lists every object of a bucket that the recordings share",
    "::test_map_state_result_writer": "the recording's bucket is among its tokens",
}


def load_comparison(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("recordings_comparison", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings of AWS aren't beside the project")
def test_should_end_as_aws_did(cloud: Cloud) -> None:
    comparison = load_comparison(RECORDINGS / "compare.py")
    every = [json.loads(line) for line in (RECORDINGS / "cases.jsonl").read_text().splitlines()]
    cases = [case for case in every if case["id"].startswith(CATEGORIES)]
    role = cloud.role("states")
    states = cloud.client("stepfunctions")
    s3 = cloud.client("s3")
    for bucket in {file["bucket"] for case in cases for file in case["files"]}:
        s3.create_bucket(Bucket=bucket)

    def differences(number: int, case: dict[str, Any]) -> list[Any]:
        machine = states.create_state_machine(
            name=f"recorded-{number}", roleArn=role, definition=json.dumps(case["definition"]), type=case["type"]
        )["stateMachineArn"]
        ended = cloud.wait(cloud.start(machine, case["input"]))
        compared = comparison.compare_history({"events": case["recorded"]}, {"events": ended.events})
        found: list[Any] = compared["l1"]
        return found

    results = {}
    # Those with objects one after the other: they put different objects under the same keys.
    for number, case in enumerate(cases):
        if case["files"]:
            for file in case["files"]:
                body = file["body"] if isinstance(file["body"], str) else json.dumps(file["body"])
                s3.put_object(Bucket=file["bucket"], Key=file["key"], Body=body.encode())
            results[case["id"]] = differences(number, case)
    alone = [(number, case) for number, case in enumerate(cases) if not case["files"]]
    with ThreadPoolExecutor(8) as threads:
        found = threads.map(lambda pair: differences(*pair), alone)
        results |= {case["id"]: difference for (_, case), difference in zip(alone, found, strict=True)}

    unexpected = {name: found for name, found in results.items() if found and not name.endswith(tuple(KNOWN))}
    assert not unexpected
    assert len(results) > 120
