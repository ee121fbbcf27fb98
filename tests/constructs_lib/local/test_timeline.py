"""A history is read as what each state did."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.local.timeline import Timeline
from tests.constructs_lib.local.histories import START, Written

REQUEST = "10877eb4-322b-44fc-957d-27cba7624502"
RECORDINGS = Path(__file__).parents[4] / "shared" / "aws-recordings" / "cases.jsonl"


def told(timeline: Timeline) -> list[tuple[str, str]]:
    return [(run.label, run.status) for run in timeline.runs]


def test_states_one_after_the_other() -> None:
    history = Written()
    first = history.pass_through("First", 0)
    events = history.end("Succeeded", history.pass_through("Second", first))
    timeline = Timeline(events)
    assert told(timeline) == [("First", "SUCCEEDED"), ("Second", "SUCCEEDED")]
    assert timeline.runs[0].seconds == pytest.approx(0.1)
    assert (timeline.status, timeline.started) == ("SUCCEEDED", START)
    assert timeline.stopped == START + timedelta(seconds=0.5)
    assert timeline.transitions == {(None, "First", False), ("First", "Second", False)}


def test_retries_and_then_success() -> None:
    history = Written()
    failed = history.try_in_vain(history.enter("Task", "Work", 0), "Busy")
    started = history.invoke(history.try_in_vain(failed, "Busy"))
    history.end("Succeeded", history.exit("Task", "Work", history.event("TaskSucceeded", started)))
    [run] = Timeline(history.events).runs
    assert (run.status, run.retries, [f.error for f in run.failures]) == ("SUCCEEDED", 2, ["Busy", "Busy"])
    assert (run.resource, run.function) == ("lambda:invoke", "work")
    assert not run.is_failing


def test_tells_attempts_as_they_come() -> None:
    history = Written()
    entered = history.enter("Task", "Work", 0)
    failed = history.try_in_vain(entered, "Busy")
    seen = len(history.events)
    timeline = Timeline()
    assert [n.kind for n in timeline.add(history.events)] == ["entered", "failed"]
    assert timeline.runs[0].is_failing
    history.try_in_vain(failed, "Broken")
    history.end("Failed", len(history.events), error="Broken")
    assert [n.kind for n in timeline.add(history.events[seen:])] == ["retried", "failed", "ended"]
    assert told(timeline) == [("Work", "FAILED")]


def test_a_caught_failure() -> None:
    history = Written()
    exited = history.exit("Task", "Work", history.try_in_vain(history.enter("Task", "Work", 0), "Busy"))
    timeline = Timeline(history.end("Succeeded", history.pass_through("Instead", exited)))
    assert told(timeline) == [("Work", "CAUGHT"), ("Instead", "SUCCEEDED")]
    assert ("Work", "Instead", True) in timeline.transitions
    assert [run.caught for run in timeline.runs] == [None, timeline.runs[0]]
    assert timeline.failed_run is None


def test_a_fail_state_takes_what_the_execution_says() -> None:
    history = Written()
    timeline = Timeline(history.end("Failed", history.enter("Fail", "Give up", 0), error="No", cause="because"))
    [run] = timeline.runs
    assert timeline.failed_run is run
    assert (run.status, run.failures[0].error, run.failures[0].cause) == ("FAILED", "No", "because")


def test_a_map_that_failed_before_its_first_item() -> None:
    """Its MapStateFailed has no details, and there is nothing inside: the execution's error is its."""
    history = Written()
    failed = history.event("MapStateFailed", history.enter("Map", "Each", 0))
    timeline = Timeline(history.end("Failed", failed, error="States.Runtime", cause="no items"))
    [run] = timeline.runs
    assert (run.status, run.retries) == ("FAILED", 0)
    assert [(f.error, f.cause) for f in run.failures] == [("States.Runtime", "no items")]


def test_map_items_in_one_anothers_midst() -> None:
    history = Written()
    started = history.event("MapStateStarted", history.enter("Map", "Each", 0), length=2)
    items = [history.event("MapIterationStarted", started, name="Each", index=i) for i in range(2)]
    entered = [history.enter("Pass", "Look", item) for item in items]
    exited = [history.exit("Pass", "Look", number) for number in reversed(entered)]
    done = [history.event("MapIterationSucceeded", number, name="Each", index=i) for i, number in enumerate(exited)]
    left = history.exit("Map", "Each", history.event("MapStateSucceeded", done[-1]))
    timeline = Timeline(history.end("Succeeded", history.pass_through("After", left)))
    assert told(timeline) == [
        ("Each", "SUCCEEDED"),
        ("Look [0]", "SUCCEEDED"),
        ("Look [1]", "SUCCEEDED"),
        ("After", "SUCCEEDED"),
    ]
    each, look, _, after = timeline.runs
    assert (each.items, each.items_done, each.items_failed) == (2, 2, 0)
    assert look.parent is each
    assert after.parent is None


def failing_map(history: Written, previous: int) -> tuple[int, int]:
    """A Map of two items whose second fails while a third state still waits: the ids of its start and its failure."""
    started = history.event("MapStateStarted", previous, length=2)
    first, second = (history.event("MapIterationStarted", started, name="Each", index=i) for i in range(2))
    history.enter("Wait", "Slow", first)
    failed = history.try_in_vain(history.enter("Task", "Work", second), "Busy", "too much")
    history.event("MapIterationFailed", failed, name="Each", index=1)
    return started, failed


def test_a_failed_item_fails_its_map_and_aborts_the_others() -> None:
    history = Written()
    _, failed = failing_map(history, history.enter("Map", "Each", 0))
    timeline = Timeline(history.end("Failed", history.event("MapStateFailed", failed), error="Busy"))
    assert told(timeline) == [("Each", "FAILED"), ("Slow [0]", "ABORTED"), ("Work [1]", "FAILED")]
    each = timeline.runs[0]
    assert each.failed_by is timeline.runs[2]
    assert [(f.error, f.cause) for f in each.failures] == [("Busy", "too much")]
    assert each.items_failed == 1


def test_a_retried_map_starts_over() -> None:
    """Its history has no MapStateFailed before the last attempt."""
    history = Written()
    _, failed = failing_map(history, history.enter("Map", "Each", 0))
    again = history.event("MapStateStarted", failed, length=0)
    history.end("Succeeded", history.exit("Map", "Each", history.event("MapStateSucceeded", again)))
    timeline = Timeline()
    notices = timeline.add(history.events)
    each = timeline.runs[0]
    assert (each.status, each.retries, each.failures[0].error) == ("SUCCEEDED", 1, "Busy")
    assert [run.superseded for run in timeline.runs] == [False, True, True]
    assert ("retried", each) in [(n.kind, n.run) for n in notices]


def test_a_caught_parallel() -> None:
    history = Written()
    started = history.event("ParallelStateStarted", history.enter("Parallel", "Both", 0))
    history.enter("Wait", "Slow", started)
    failing = history.event("ParallelStateFailed", history.enter("Fail", "No", started))
    timeline = Timeline(
        history.end("Succeeded", history.pass_through("After", history.exit("Parallel", "Both", failing)))
    )
    assert told(timeline) == [("Both", "CAUGHT"), ("Slow", "ABORTED"), ("No", "FAILED"), ("After", "SUCCEEDED")]


def test_a_parallel_inside_a_parallel_fails_with_it() -> None:
    history = Written()
    outer = history.event("ParallelStateStarted", history.enter("Parallel", "Outer", 0))
    inner = history.event("ParallelStateStarted", history.enter("Parallel", "Inner", outer))
    failed = history.event("ParallelStateFailed", history.try_in_vain(history.enter("Task", "Work", inner), "Busy"))
    timeline = Timeline(history.end("Failed", history.event("ParallelStateFailed", failed), error="Busy"))
    assert told(timeline) == [("Outer", "FAILED"), ("Inner", "FAILED"), ("Work", "FAILED")]
    assert [run.failures[0].error for run in timeline.runs] == ["Busy"] * 3
    assert timeline.runs[0].failed_by is timeline.runs[1]
    assert timeline.runs[1].failed_by is timeline.runs[2]


@pytest.mark.parametrize(("kind", "status"), [("Aborted", "ABORTED"), ("TimedOut", "TIMED_OUT")])
def test_what_runs_when_the_execution_ends_is_aborted(kind: str, status: str) -> None:
    history = Written()
    history.enter("Wait", "Slow", 0)
    timeline = Timeline(history.end(kind, 0))
    assert (timeline.status, told(timeline)) == (status, [("Slow", "ABORTED")])
    assert timeline.failed_run is None
    assert timeline.last_running() == timeline.runs


def test_names_nested_executions_and_map_runs() -> None:
    history = Written()
    scheduled = history.event(
        "TaskScheduled", history.enter("Task", "Nest", 0), resourceType="states", resource="startExecution.sync:2"
    )
    submitted = history.event("TaskSubmitted", scheduled, output=json.dumps({"ExecutionArn": "arn:child"}))
    left = history.exit("Task", "Nest", submitted)
    history.event("MapRunStarted", history.enter("Map", "Many", left), mapRunArn="arn:map-run")
    timeline = Timeline()
    kinds = [(n.kind, n.run.name) for n in timeline.add(history.events)]
    assert ("execution", "Nest") in kinds
    assert ("map run", "Many") in kinds
    assert timeline.runs[0].executions == ["arn:child"]
    assert timeline.runs[1].map_runs == ["arn:map-run"]


@pytest.mark.parametrize(
    ("cause", "request_id"),
    [
        (json.dumps({"errorMessage": "x", "requestId": REQUEST}), REQUEST),
        (f"RequestId: {REQUEST} Error: Task timed out", REQUEST),
        ("the input says so", None),
        ("", None),
    ],
)
def test_the_invocation_that_failed(cause: str, request_id: str | None) -> None:
    history = Written()
    history.try_in_vain(history.enter("Task", "Work", 0), "Busy", cause)
    assert Timeline(history.events).runs[0].failures[0].request_id == request_id


def test_a_timeout_has_its_name_where_the_event_has_none() -> None:
    history = Written()
    history.event("TaskTimedOut", history.invoke(history.enter("Task", "Work", 0)), resource="invoke")
    assert Timeline(history.events).runs[0].failures[0].error == "States.Timeout"


def recordings() -> list[Any]:
    if not RECORDINGS.exists():
        return []
    cases = [json.loads(line) for line in RECORDINGS.read_text("utf-8").splitlines()]
    # Where branches ran side by side, an event's number is a list of what it may be.
    return [case for case in cases if all(isinstance(event["id"], int) for event in case["recorded"])]


def as_events(recorded: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Recorded events with times, and their JSON as text again."""
    events: list[dict[str, Any]] = json.loads(json.dumps(recorded))
    for event in events:
        event["timestamp"] = START + timedelta(seconds=event["id"])
        for key, value in event.items():
            for name in ("input", "output", "parameters", "cause") if key.endswith("EventDetails") else ():
                if name in value and not isinstance(value[name], str):
                    value[name] = json.dumps(value[name])
    return events


@pytest.mark.skipif(not RECORDINGS.exists(), reason="the recordings aren't part of the checkout")
def test_reads_what_aws_recorded() -> None:
    """Each state that AWS says was left has ended; none runs on; a failed execution has a failed state."""
    cases = recordings()
    assert len(cases) > 190
    for case in cases:
        events = as_events(case["recorded"])
        timeline = Timeline(events)
        left = sorted(e["stateExitedEventDetails"]["name"] for e in events if "stateExitedEventDetails" in e)
        ended = sorted(run.name for run in timeline.runs if run.status in {"SUCCEEDED", "CAUGHT"})
        assert ended == left, case["id"]
        if events[-1]["type"].startswith("Execution"):
            assert "RUNNING" not in {run.status for run in timeline.runs}, case["id"]
        if events[-1]["type"] == "ExecutionFailed":
            assert "FAILED" in {run.status for run in timeline.runs}, case["id"]
            assert timeline.failed_run is not None, case["id"]
        one_by_one = Timeline()
        for event in events:
            one_by_one.add([event])
        assert told(one_by_one) == told(timeline), case["id"]
