"""What `start` shows of a run: lines where nobody looks, rows and bars on a terminal."""

from __future__ import annotations

import re
from typing import Any

import pytest

from constructs_lib.local import Counts, Progress
from constructs_lib.local.progress import Watch
from tests.constructs_lib.local.histories import Written

RETRY = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 4, "MaxAttempts": 1, "JitterStrategy": "FULL"}]
WORK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Retry": RETRY, "End": True}
ASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
DEFINITION: dict[str, Any] = {
    "StartAt": "Work",
    "States": {
        "Work": WORK,
        "Both": {"Type": "Parallel", "Branches": [{"States": {"Ask": ASK}}], "Retry": RETRY},
        "Each": {"Type": "Map", "ItemProcessor": {"StartAt": "Look", "States": {"Look": WORK}}},
        "Many": {"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "States": {}}},
    },
}


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What was printed to stderr, spaces squeezed; nothing goes to stdout."""
    out, err = capsys.readouterr()
    assert out == ""
    return [re.sub(" +", " ", line).strip() for line in err.splitlines()]


def test_lines_for_states_as_they_run(capsys: pytest.CaptureFixture[str]) -> None:
    history = Written()
    with Watch(DEFINITION) as watch:
        entered = history.enter("Task", "Work", 0)
        watch.events(history.events)
        assert lines(capsys) == ["0.1 s Work entered (Task, lambda:invoke)"]
        begun = len(history.events)
        failed = history.try_in_vain(entered, "Busy")
        watch.events(history.events[begun:])
        assert lines(capsys) == ["0.4 s Work retrying in up to 4 s, attempt 2: Busy"]
        begun = len(history.events)
        history.end("Failed", history.try_in_vain(failed, "Busy"), error="Busy")
        watch.events(history.events[begun:])
    assert lines(capsys) == ["0.8 s Work failed after 0.6 s, attempt 2: Busy"]


def test_one_line_for_a_state_that_ends_between_two_looks(capsys: pytest.CaptureFixture[str]) -> None:
    history = Written()
    exited = history.exit("Task", "Work", history.try_in_vain(history.enter("Task", "Work", 0), "Other"))
    with Watch(DEFINITION) as watch:
        watch.events(history.end("Succeeded", exited))
    assert lines(capsys) == ["0.5 s Work caught after 0.4 s: Other"]


def test_each_attempt_is_told_as_it_was_then(capsys: pytest.CaptureFixture[str]) -> None:
    """All came between two looks, and the last wasn't retried, whatever the definition says."""
    history = Written()
    failed = history.try_in_vain(history.enter("Task", "Work", 0), "Busy")
    history.end("Failed", history.try_in_vain(failed, "Other"), error="Other")
    with Watch(DEFINITION) as watch:
        watch.events(history.events)
    assert lines(capsys) == [
        "0.4 s Work retrying in up to 4 s, attempt 2: Busy",
        "0.8 s Work failed after 0.6 s, attempt 2: Other",
    ]


def test_a_parallel_that_waits_for_its_retry(capsys: pytest.CaptureFixture[str]) -> None:
    """Its history says nothing before the next attempt: the definition does, once for all that failed in it."""
    history = Written()
    entered = history.enter("Parallel", "Both", 0)

    def attempt(previous: int, errors: tuple[str, ...]) -> int:
        started = history.event("ParallelStateStarted", previous)
        return [history.try_in_vain(history.enter("Task", "Ask", started), error) for error in errors][-1]

    with Watch(DEFINITION) as watch:
        failed = attempt(entered, ("Busy", "Busy"))
        watch.events(history.events)
        assert lines(capsys)[-1] == "0.6 s Both retrying in up to 4 s, attempt 2: Busy"
        begun = len(history.events)
        failed = attempt(failed, ("Busy",))
        watch.events(history.events[begun:])
        told = lines(capsys)
        assert [line.partition(" s ")[2] for line in told] == [
            "Ask failed after 0.3 s: Busy",
            "Ask entered (Task, lambda:invoke)",
        ]
        begun = len(history.events)
        history.end("Failed", history.event("ParallelStateFailed", failed), error="Busy")
        watch.events(history.events[begun:])
    assert lines(capsys)[-1].endswith("Both failed after 1.5 s, attempt 2: Busy")


def test_a_map_says_now_where_its_retry_was_not_seen_coming(capsys: pytest.CaptureFixture[str]) -> None:
    history = Written()
    started = history.event("ParallelStateStarted", history.enter("Parallel", "Both", 0))
    history.event("ParallelStateStarted", history.try_in_vain(history.enter("Task", "Ask", started), "Busy"))
    with Watch(DEFINITION) as watch:
        watch.events(history.events)
    assert lines(capsys)[-1] == "0.7 s Both retrying now, attempt 2: Busy"


@pytest.mark.parametrize("fields", [{"Catch": [{"ErrorEquals": ["Busy"], "Next": "Work"}]}, {"Retry": RETRY}])
def test_a_parallel_does_not_wait_for_what_the_state_itself_takes(
    capsys: pytest.CaptureFixture[str], fields: dict[str, Any]
) -> None:
    both = DEFINITION["States"]["Both"] | {"Branches": [{"States": {"Ask": ASK | fields}}]}
    history = Written()
    started = history.event("ParallelStateStarted", history.enter("Parallel", "Both", 0))
    history.try_in_vain(history.enter("Task", "Ask", started), "Busy")
    with Watch({"StartAt": "Both", "States": {"Both": both}}) as watch:
        watch.events(history.events)
    assert not [line for line in lines(capsys) if "Both retrying" in line]


def test_the_items_of_a_map_tell_their_failures_only(capsys: pytest.CaptureFixture[str]) -> None:
    history = Written()
    started = history.event("MapStateStarted", history.enter("Map", "Each", 0), length=40)
    for index in range(30):
        item = history.event("MapIterationStarted", started, name="Each", index=index)
        entered = history.enter("Task", "Look", item)
        failed = entered if index < 5 else history.try_in_vain(entered, "Busy")
        history.event("MapIterationSucceeded", history.exit("Task", "Look", failed), name="Each", index=index)
    history.exit("Map", "Each", history.event("MapStateSucceeded", started))
    with Watch(DEFINITION) as watch:
        watch.events(history.events)
    told = lines(capsys)
    assert told[0].endswith("Look [5] caught after 0.4 s: Busy")
    assert told[20].endswith("further retries and failures in items aren't shown; `history` has them")
    assert told[-1].endswith("Each succeeded after 19.8 s (40 items)")
    assert len(told) == 22


def test_names_what_a_state_started(capsys: pytest.CaptureFixture[str]) -> None:
    history = Written()
    entered = history.event("MapStateStarted", history.enter("Map", "Many", 0), length=0)
    history.event("MapRunStarted", entered, mapRunArn="arn:map-run")
    items, children = Counts(total=20, succeeded=20), Counts(total=4, succeeded=3, failed=1)
    counts = Progress(map_runs=1, items=items, children=children, by_run={"arn:map-run": (items, children)})
    with Watch(DEFINITION) as watch:
        watch.events(history.events)
        watch.progress(counts)
        begun = len(history.events)
        history.exit("Map", "Many", history.event("MapStateSucceeded", begun))
        watch.events(history.events[begun:])
    assert lines(capsys) == [
        "0.1 s Many entered (Map)",
        "0.3 s Many started arn:map-run",
        "0.5 s Many succeeded after 0.4 s (20 objects in 4 batches, 1 failed)",
    ]


def test_counts_from_time_to_time(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("constructs_lib.local.progress.time.monotonic", lambda: clock[0])
    with Watch(DEFINITION) as watch:
        for done in range(1, 31):
            clock[0] += 1
            items = Counts(total=3000, succeeded=100 * done)
            watch.progress(Progress(map_runs=1, items=items, children=Counts(total=30, succeeded=done - 1, failed=1)))
    assert lines(capsys) == [
        "objects 1,000/3,000, batches 10/30, 1 failed",
        "objects 2,000/3,000, batches 20/30, 1 failed",
        "objects 3,000/3,000, batches 30/30, 1 failed",
    ]


def on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, **show: Any) -> str:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Watch(DEFINITION) as watch:
        if "events" in show:
            watch.events(show["events"])
        if "progress" in show:
            watch.progress(show["progress"])
    out, err = capsys.readouterr()
    assert out == ""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", err)


def test_bars_for_objects_and_batches(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    items = Counts(total=1000, pending=300, succeeded=695, failed=3, timed_out=1, aborted=1)
    progress = Progress(map_runs=1, items=items, children=Counts(total=10, succeeded=7))
    screen = on_a_terminal(capsys, monkeypatch, progress=progress)
    for shown in ("objects", "700/1000", "3 failed, 1 timed out, 1 aborted", "batches", "7/10"):
        assert shown in screen


def test_rows_for_states_that_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    history = Written()
    history.try_in_vain(history.enter("Task", "Work", 0), "Busy")
    started = history.event("MapStateStarted", history.enter("Map", "Each", 0), length=3)
    item = history.event("MapIterationStarted", started, name="Each", index=0)
    history.event(
        "MapIterationSucceeded", history.exit("Task", "Look", history.enter("Task", "Look", item)), name="Each", index=0
    )
    history.try_in_vain(
        history.enter("Task", "Ask", history.event("ParallelStateStarted", history.enter("Parallel", "Both", 0))),
        "Busy",
    )
    screen = on_a_terminal(capsys, monkeypatch, events=history.events)
    assert "Both waits for attempt 2, in up to 4 s" in screen
    assert "Work waits for attempt 2, in up to 4 s" in screen
    assert "1/3" in screen
    assert "entered" not in screen
