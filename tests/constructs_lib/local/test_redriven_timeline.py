"""The history of a redriven execution is read on: what had failed runs again, what had succeeded stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_lib.local.progress import Watch
from constructs_lib.local.timeline import Timeline
from tests.constructs_lib.local.histories import Written
from tests.constructs_lib.local.test_progress import DEFINITION, _no_terminal, lines  # noqa: F401 - a fixture

if TYPE_CHECKING:
    import pytest


def told(timeline: Timeline) -> list[tuple[str, str]]:
    return [(run.label, run.status) for run in timeline.runs]


def redriven(history: Written) -> int:
    """The events of a redrive's beginning."""
    return history.event("ExecutionRedriven", len(history.events), redriveCount=1)


def test_a_task_that_is_redriven() -> None:
    history = Written()
    entered = history.enter("Task", "Work", history.pass_through("First", 0))
    history.end("Failed", history.try_in_vain(history.try_in_vain(entered, "Busy"), "Busy"), error="Busy")
    redriven(history)

    timeline = Timeline(history.events)
    assert (timeline.status, timeline.stopped, timeline.failed_run) == ("RUNNING", None, None)
    assert told(timeline) == [("First", "SUCCEEDED"), ("Work", "RUNNING")]

    begun = len(history.events)
    exited = history.exit("Task", "Work", history.event("TaskSucceeded", history.invoke(entered)))
    history.end("Succeeded", exited)
    assert [notice.kind for notice in timeline.add(history.events[begun:])] == ["ended"]
    _, work = timeline.runs
    assert (work.status, work.retries, work.failures) == ("SUCCEEDED", 0, [])
    assert work.redriven is not None
    assert work.ended is not None
    assert work.seconds == (work.ended - work.redriven).total_seconds()
    assert timeline.status == "SUCCEEDED"


def test_only_the_branches_of_a_parallel_that_did_not_succeed() -> None:
    history = Written()
    started = history.event("ParallelStateStarted", history.enter("Parallel", "Both", 0))
    history.pass_through("Fine", started)
    work, wait = history.enter("Task", "Work", started), history.enter("Wait", "Pause", started)
    failed = history.try_in_vain(work, "Busy")
    history.end("Failed", history.event("ParallelStateFailed", failed), error="Busy")
    timeline = Timeline(history.events)
    assert told(timeline) == [("Both", "FAILED"), ("Fine", "SUCCEEDED"), ("Work", "FAILED"), ("Pause", "ABORTED")]

    begun = len(history.events)
    redriven(history)
    notices = timeline.add(history.events[begun:])
    assert [(notice.kind, notice.run.name) for notice in notices] == [
        ("redriven", "Both"), ("redriven", "Work"), ("redriven", "Pause"),
    ]  # fmt: skip

    begun = len(history.events)
    history.exit("Task", "Work", history.event("TaskSucceeded", history.invoke(work)))
    left = history.exit("Wait", "Pause", wait)
    history.end("Succeeded", history.exit("Parallel", "Both", history.event("ParallelStateSucceeded", left)))
    timeline.add(history.events[begun:])
    assert {status for _, status in told(timeline)} == {"SUCCEEDED"}


def test_a_fail_state_that_fails_again() -> None:
    history = Written()
    history.end("Failed", history.enter("Fail", "No", 0), error="Never")
    history.end("Failed", redriven(history), error="Never")

    timeline = Timeline(history.events)

    assert told(timeline) == [("No", "FAILED")]
    assert timeline.failed_run is timeline.runs[0]
    assert [failure.error for failure in timeline.runs[0].failures] == ["Never"]


def test_the_items_of_a_map_are_counted_on() -> None:
    history = Written()
    started = history.event("MapStateStarted", history.enter("Map", "Each", 0), length=2)
    first = history.event("MapIterationStarted", started, name="Each", index=0)
    history.event("MapIterationSucceeded", history.pass_through("Look", first), name="Each", index=0)
    look = history.enter("Task", "Look", history.event("MapIterationStarted", started, name="Each", index=1))
    failed = history.try_in_vain(look, "Busy")
    history.event("MapIterationFailed", failed, name="Each", index=1)
    history.end("Failed", history.event("MapStateFailed", failed), error="Busy")
    redriven(history)

    each = Timeline(history.events).runs[0]

    assert (each.items, each.items_done, each.items_failed) == (2, 1, 0)


def test_lines_of_what_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    history = Written()
    entered = history.enter("Task", "Work", 0)
    history.end("Failed", history.try_in_vain(entered, "Other"), error="Other")
    with Watch(DEFINITION) as watch:
        watch.known(history.events)
        assert lines(capsys) == []
        begun = len(history.events)
        redriven(history)
        watch.events(history.events[begun:])
        assert lines(capsys) == ["0.0 s Work redriven (Task, lambda:invoke)"]
        begun = len(history.events)
        history.exit("Task", "Work", history.event("TaskSucceeded", history.invoke(entered)))
        watch.events(history.events[begun:])
    assert lines(capsys) == ["0.4 s Work succeeded after 0.4 s"]
