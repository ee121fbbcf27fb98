"""A history as a table."""

from __future__ import annotations

import json

from constructs_lib.local.event_table import detail, rows
from tests.constructs_lib.local.histories import Written


def test_a_row_an_event() -> None:
    history = Written()
    failed = history.try_in_vain(history.enter("Task", "Work", 0, input='{"n":\n 1}'), "Busy", "too\nmuch")
    history.end("Failed", failed, error="Busy", cause="too\nmuch")
    assert rows(history.events) == [
        ("1", "0.000", "ExecutionStarted", "", "{}"),
        ("2", "0.100", "TaskStateEntered", "Work", '{"n": 1}'),
        ("3", "0.200", "TaskScheduled", "Work", json.dumps({"FunctionName": "work"})),
        ("4", "0.300", "TaskStarted", "Work", ""),
        ("5", "0.400", "TaskFailed", "Work", "Busy: too much"),
        ("6", "0.500", "ExecutionFailed", "", "Busy: too much"),
    ]


def test_items_and_map_runs() -> None:
    history = Written()
    started = history.event("MapStateStarted", history.enter("Map", "Each", 0), length=2)
    item = history.event("MapIterationStarted", started, name="Each", index=1)
    history.enter("Pass", "Look", item, input="x" * 500)
    history.event("MapRunStarted", history.enter("Map", "Many", 0), mapRunArn="arn:map-run")
    table = rows(history.events)
    assert [(row[3], row[4]) for row in table[2:4]] == [("Each", "2 items"), ("Each", "item 1")]
    lengths = [{"type": "MapStateStarted", "mapStateStartedEventDetails": {"length": n}} for n in (0, 1, 2000)]
    assert [detail(event) for event in lengths] == ["0 items", "1 item", "2,000 items"]
    assert table[4][3] == "Look [1]"
    assert len(table[4][4]) == 120
    assert table[-1][4] == "arn:map-run"
