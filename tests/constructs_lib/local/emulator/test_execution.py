"""Attempts of executions that begin, end and are stopped at the same moment."""

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent

from constructs_lib.local.emulator.execution import Running, begin_history
from constructs_lib.local.emulator.language import interruptions, iterations, limits, positions
from constructs_lib.local.emulator.tasks.task_tokens import Task

ARN = "arn:aws:states:us-east-1:111111111111:execution:jobs:one"


def a_record(**more: Any) -> dict[str, Any]:
    return {"executionArn": ARN, "redriveCount": 0, "events": [], "input": "{}", **more}


def test_should_not_begin_an_attempt_that_was_stopped_and_redriven_before() -> None:
    running, record = Running(), a_record()
    first, second = SimpleNamespace(), SimpleNamespace()
    assert running.halt(record) is None
    assert not running.enter(record, first, 0)

    record["redriveCount"] = 1
    del record["isHalted"]

    assert running.enter(record, second, 1)
    # Its thread comes late: StopExecution is to find the other one.
    assert not running.enter(record, first, 0)
    running.leave(record, first)
    assert running.find(ARN) is second


def test_should_wait_until_what_has_ended_is_closed() -> None:
    running, record, env = Running(), a_record(), SimpleNamespace()
    running.enter(record, env, 0)
    closing = threading.Timer(0.05, running.leave, (record, env))
    closing.start()
    started = time.monotonic()

    running.await_end(env, ARN)

    assert running.find(ARN) is None
    assert time.monotonic() - started < 5


def test_should_begin_the_history_of_what_is_stopped_before_it_has_begun() -> None:
    record = a_record()
    begin_history(record, "a role")
    record["redriveCount"] = 1
    begin_history(record, "a role")

    kinds = [(event["id"], event["previousEventId"], event["type"]) for event in record["events"]]
    assert kinds == [(1, 0, "ExecutionStarted"), (2, 1, "ExecutionRedriven")]
    assert record["events"][1]["executionRedrivenEventDetails"] == {"redriveCount": 1}


class Ending:
    """An environment of an execution that ends by itself, and needs a while to write that down."""

    execution_type = "EXPRESS"

    def __init__(self) -> None:
        self._state_mutex = threading.RLock()
        self.event_manager = SimpleNamespace()
        self.is_over = self.is_written = self.has_timed_out = False

    def is_frame(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self.is_over

    def set_timed_out(self) -> None:
        self.has_timed_out = self.is_over = True


def test_should_not_time_out_what_has_ended_at_the_last_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    late = threading.Event()

    def evaluate(_: Any, env: Ending) -> None:
        env.is_over = True
        late.wait(0.1)
        env.is_written = True

    monkeypatch.setattr(positions, "begin", lambda *_: None)
    monkeypatch.setattr(EvalComponent, "eval", evaluate)
    monkeypatch.setattr(limits, "EXPRESS_SECONDS", 0.02)
    env = Ending()

    limits._run(SimpleNamespace(timeout_seconds=None), env)

    assert (env.has_timed_out, env.is_written) == (False, True)


def test_should_fail_a_parallel_state_whose_branch_cannot_run() -> None:
    errors: list[dict[str, str]] = []
    env = SimpleNamespace(is_running=lambda: True, set_error=errors.append)
    branch = iterations._Branch(SimpleNamespace(eval=lambda _: 1 / 0), positions.Position())

    branch.eval(env)

    assert errors == [{"error": "States.Runtime", "cause": "ZeroDivisionError('division by zero')"}]


def test_should_take_no_answer_for_a_task_that_has_just_ended() -> None:
    task, ending = Task("a token"), interruptions.Ending()
    answers: list[bool] = []

    def is_there() -> bool:
        # What ends it, before the task's thread is awake.
        ending.set()
        answers.append(task.answer(None))
        return True

    task.wait_until(SimpleNamespace(program_state_event=ending, is_running=lambda: True), is_there)
    task.close()

    assert answers == [False]
