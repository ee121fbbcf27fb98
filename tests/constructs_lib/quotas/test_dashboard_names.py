from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.metric_names import KNOWN, MetricUse, missing_metrics, unknown_metrics, uses_in_dashboard

if TYPE_CHECKING:
    from tests.cdk import JsonObject

FACTS = Path(__file__).parents[3].parent / "shared" / "facts.md"


def test_should_have_every_metric_that_there_is_and_none_else(bodies: dict[str, JsonObject]) -> None:
    found = uses_in_dashboard(bodies["own"])
    assert unknown_metrics(found) == set()
    assert missing_metrics(found) == set()


def test_should_be_caught_when_a_record_misspells_a_metric(bodies: dict[str, JsonObject]) -> None:
    found = uses_in_dashboard(bodies["misspelt"])
    dimensions = (("ServiceMetric", "StateTransition"),)
    assert unknown_metrics(found) == {MetricUse("AWS/States", "ThrottledEvent", dimensions, "Sum")}
    assert ("ThrottledEvents", dimensions) in {(known.name, known.dimensions) for known in missing_metrics(found)}


@pytest.mark.parametrize(
    "use",
    [
        MetricUse("AWS/State", "OpenMapRunLimit", (), "Maximum"),
        MetricUse("AWS/States", "OpenMapRunLimit", (), "Average"),
        MetricUse("AWS/States", "OpenMapRunLimit", (("APIName", "StartExecution"),), "Maximum"),
        MetricUse("AWS/States", "ThrottledEvents", (("ApiName", "StartExecution"),), "Sum"),
        MetricUse("AWS/States", "ThrottledEvents", (("APIName", "StartExecutions"),), "Sum"),
        MetricUse("AWS/States", "ExecutionsStarted", (("StateMachineArn", "arn:stateMachine:x"),), "SampleCount"),
    ],
    ids=str,
)
def test_should_tell_a_metric_that_is_not_there(use: MetricUse) -> None:
    assert unknown_metrics([use]) == {use}


@pytest.mark.skipif(not FACTS.exists(), reason="../shared/facts.md is not beside this checkout")
def test_should_spell_the_metrics_as_the_notes_do() -> None:
    section = FACTS.read_text(encoding="utf-8").split("\n## ")[3]
    assert section.startswith("3. ")
    assert {known.name for known in KNOWN if f"{known.name}" not in section} == set()


def test_should_read_what_a_body_leaves_out() -> None:
    body = {
        "widgets": [
            {
                "properties": {
                    "stat": "Sum",
                    "metrics": [
                        ["A", "One", "Key", "first", "Other", "x"],
                        [".", "Two", ".", "second", ".", ".", {"stat": "p50"}],
                        ["...", "y"],
                        [{"expression": "SORT(SEARCH('{A,Key} MetricName=\"Three\"','Sum',60),SUM,DESC,10)"}],
                    ],
                }
            }
        ]
    }
    assert uses_in_dashboard(body) == {
        MetricUse("A", "One", (("Key", "first"), ("Other", "x")), "Sum"),
        MetricUse("A", "Two", (("Key", "second"), ("Other", "x")), "p50"),
        MetricUse("A", "Two", (("Key", "second"), ("Other", "y")), "Sum"),
        MetricUse("A", "Three", (("Key", "*"),), "Sum"),
    }
