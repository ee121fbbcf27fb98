"""The child executions of a Map Run: one for each batch, with a record of its own in MiniStack.

When too many of them have failed, or their parent has ended, no other starts; STANDARD ones that run are stopped, and
EXPRESS ones, which can't be stopped, run to their end, which the Map Run waits for. That is documented of a parent that
was stopped or timed out (https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html), and recorded of
too many failures: https://github.com/radkawar/stackd/blob/9dc356f/testdata/aws/stepfunctions/redrive_map.json.

On a redrive the same Map Run takes up what was left: children that never started are started, STANDARD ones that were
unsuccessful are redriven, EXPRESS ones begin anew under their ARN, and the others stay as they are:
https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html. Which permission is asked for, and of whom,
is recorded: https://github.com/radkawar/stackd/blob/9dc356f/testdata/aws/stepfunctions/redrive_map.json.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from ministack.core import responses
from ministack.services import stepfunctions

from constructs_lib.local.emulator import redrive
from constructs_lib.local.emulator.execution import (
    Execution,
    begin_history,
    close_history,
    in_context,
    run_program,
    running,
)
from constructs_lib.local.emulator.language.positions import Position
from constructs_lib.local.emulator.machines import execution_arn
from constructs_lib.local.emulator.map_runs.item_batcher import Batch
from constructs_lib.local.emulator.patches import require
from constructs_lib.local.emulator.payload import as_json

COUNTS = (
    "pending", "running", "succeeded", "failed", "timedOut", "aborted", "total", "resultsWritten",
    "failuresNotRedrivable", "pendingRedrive",
)  # fmt: skip
_OUTCOMES = {"SUCCEEDED": "succeeded", "FAILED": "failed", "TIMED_OUT": "timedOut", "ABORTED": "aborted"}


class Children:
    """The children of one Map Run.

    Args:
        env: moto's environment of the Map state.
        program: the child machine.
        execution_type: STANDARD or EXPRESS.
        record: the Map Run's; its counts are kept up to date here.
        has_failed: whether too many children have failed; called with the lock.
        thread_limit: children that run at the same time, at most, whatever MaxConcurrency says.

    """

    def __init__(
        self,
        env: Any,
        program: Any,
        execution_type: str,
        record: dict[str, Any],
        has_failed: Callable[[], bool],
        thread_limit: int,
    ) -> None:
        self.batches: list[Batch] | None = None
        self.changed = threading.Condition()
        self._env = env
        self._execution: Execution = env.aws_execution_details
        self._program = program
        self._execution_type = execution_type
        self._record = record
        self._has_failed = has_failed
        self._thread_limit = thread_limit
        self._machine: str = record["_stateMachineArn"]
        self._records: list[dict[str, Any] | None] = []
        self._waiting: deque[int] = deque()
        self._under_way: set[int] = set()
        self._working = 0
        self._over = False

    def add(self, batches: list[Batch]) -> None:
        """Let a child for each batch wait to start.

        Raises:
            AccessDeniedError: the role may not start them.

        """
        self.batches, self._records = batches, [None] * len(batches)
        for counts, total in (("itemCounts", sum(batch.items for batch in batches)), ("executionCounts", len(batches))):
            self._record[counts].update(total=total, pending=total)
        self._may_start()
        self._waiting.extend(range(len(batches)))

    def take_up(self, earlier: "Children") -> None:
        """Let those of an earlier attempt of the run that didn't succeed, and can be redriven, wait to run again.

        Raises:
            AccessDeniedError: the role may not redrive or start them.

        """
        self.batches, self._records = earlier.batches, list(earlier._records)
        unsuccessful = [
            (index, child) for index, child in enumerate(self._records) if child and child["status"] != "SUCCEEDED"
        ]
        # This thread has no account of its own.
        context = self._execution.session.context.copy()
        again = [
            each for each in unsuccessful if context.run(redrive.redrive_status, each[1])[0] == "REDRIVABLE_BY_MAP_RUN"
        ]
        new = [index for index, child in enumerate(self._records) if child is None]
        if again and self._execution_type == "STANDARD":
            self._execution.session.check("states:RedriveExecution", again[0][1]["executionArn"])
        if new or (again and self._execution_type == "EXPRESS"):
            self._may_start()
        redrivable = {index for index, _ in again}
        lost = [index for index, _ in unsuccessful if index not in redrivable]
        self._record["itemCounts"].update(resultsWritten=0, failuresNotRedrivable=sum(map(self._items, lost)))
        self._record["executionCounts"].update(resultsWritten=0, failuresNotRedrivable=len(lost))
        for index, child in again:
            self._move(_OUTCOMES[child["status"]], "pendingRedrive", index)
            self._keep({**child, "status": "PENDING_REDRIVE"})
        self._waiting.extend(sorted([*redrivable, *new]))

    def run(self) -> None:
        """Run what waits, until too many have failed or the parent has ended; return when nothing runs any more."""
        with self._env.program_state_event.told_to(self.wake), self.changed:
            self.look()
            while self._env.is_running() and not self._over and self._working:
                self.changed.wait()
        if self._over or not self._env.is_running():
            self.stop()
        with self.changed:
            while self._under_way:
                self.changed.wait()

    def look(self) -> None:
        """Go by what the run's record says now; called with the lock."""
        self._over = self._over or self._has_failed() or not self._env.is_running()
        self.changed.notify_all()
        for _ in range(0 if self._over else min(self._width() - self._working, len(self._waiting))):
            self._working += 1
            in_context(self._execution.session, self._work)

    def stop(self) -> bool:
        """Start no child any more, and abort the STANDARD ones that run; return whether none runs now.

        A child that can't be interrupted goes on writing to its record, so that the run's is from now on a copy.
        """
        with self.changed:
            self._over = True
            for index in [] if self._execution_type == "EXPRESS" else list(self._under_way):
                self._abort(index)
            for index in self._waiting:
                if (waiting := self._records[index]) is not None:
                    self._keep(waiting)
                    self._move("pendingRedrive", _OUTCOMES[waiting["status"]], index)
            self._waiting.clear()
            self.changed.notify_all()
            return not self._under_way

    def wake(self) -> None:
        """Let who waits for a change look again."""
        with self.changed:
            self.changed.notify_all()

    def records(self) -> Iterable[dict[str, Any]]:
        """Each child's record, PENDING ones included."""
        for batch, child in zip(self.batches or [], self._records, strict=True):
            yield self._new_record(as_json(batch.input), "PENDING") if child is None else child

    def _may_start(self) -> None:
        session = self._execution.session
        session.check("states:StartExecution", session.state_machine_arn)

    def _width(self) -> int:
        """How many children may run at the same time, now."""
        return min(self._record["maxConcurrency"] or self._thread_limit, self._thread_limit)

    def _work(self) -> None:
        """A thread of the run: one child after the other, until none waits."""
        while (started := self._start()) is not None:
            self._run(*started)

    def _start(self) -> tuple[int, dict[str, Any]] | None:
        """The next child, recorded as RUNNING; None when this thread isn't needed any more."""
        with self.changed:
            if self._over or not self._waiting or self._working > self._width():
                self._working -= 1
                self.changed.notify_all()
                return None
            index = self._waiting.popleft()
            earlier = self._records[index]
            child = (
                self._new_record(as_json(self._batch(index).input), "RUNNING") if earlier is None else _again(earlier)
            )
            self._records[index] = child
            stepfunctions._executions[child["executionArn"]] = child
            self._under_way.add(index)
            self._move("pending" if earlier is None else "pendingRedrive", "running", index)
            return index, child

    def _run(self, index: int, child: dict[str, Any]) -> None:
        try:
            env = self._execution.environment(child, self._machine, self._batch(index).input)
            run_program(env, child, self._program, child["redriveCount"])
        except Exception as error:  # noqa: BLE001 - a child that can't run has failed, and the others go on
            child.update(error="States.Runtime", cause=repr(error), stopDate=responses.now_iso(), status="FAILED")
        with self.changed:
            if index not in self._under_way:
                # The run was stopped.
                return
            self._end(child, index)
            if child["status"] == "SUCCEEDED" and self._execution_type == "EXPRESS":
                # An Express child has no history on AWS; thousands of them would fill the memory.
                child["events"] = []
            self._over = self._over or self._has_failed()
            self.changed.notify_all()

    def _abort(self, index: int) -> None:
        begun = self._records[index] or {}
        env = running.halt(begun)
        with env._state_mutex if env else nullcontext():
            if begun["status"] != "RUNNING":
                # It was stopped alone, and its call is still under way.
                self._end(begun, index)
            elif env is None or env.is_running():
                child = {**begun, "stopDate": responses.now_iso(), "status": "ABORTED", "output": None}
                if env is None:
                    begin_history(child, self._execution.role_arn)
                # Whether AWS gives a reason isn't known.
                close_history(child, child["events"], "ExecutionAborted", {"executionAbortedEventDetails": {}})
                self._records[index] = child
                self._keep(child)
                self._end(child, index)
                if env:
                    env.set_stop(stop_date=None, cause=None, error=None)
            # Otherwise it has ended by itself, and its thread is about to say so.

    def _end(self, child: dict[str, Any], index: int) -> None:
        self._under_way.remove(index)
        self._move("running", _OUTCOMES.get(child["status"], "aborted"), index)

    def _new_record(self, input_text: str, status: str) -> dict[str, Any]:
        name = responses.new_uuid()
        return {
            "executionArn": execution_arn(self._machine, self._execution_type, name),
            "stateMachineArn": self._machine,
            "name": name,
            "status": status,
            "startDate": responses.now_iso() if status == "RUNNING" else None,
            "stopDate": None,
            "input": input_text,
            "inputDetails": {"included": True},
            "output": None,
            "outputDetails": {"included": True},
            "mapRunArn": self._record["mapRunArn"],
            "redriveCount": 0,
            **({"position": Position()} if self._execution_type == "STANDARD" else {}),
            "events": [],
            "mockAttempts": {},
        }

    def _batch(self, index: int) -> Batch:
        return (self.batches or [])[index]

    def _items(self, index: int) -> int:
        return self._batch(index).items

    def _move(self, source: str, target: str, index: int) -> None:
        moved = {}
        for name, number in (("itemCounts", self._items(index)), ("executionCounts", 1)):
            counts = self._record[name]
            moved[name] = {**counts, source: counts[source] - number, target: counts[target] + number}
        # At once, for who looks at them meanwhile.
        self._record.update(moved)

    def _keep(self, child: dict[str, Any]) -> None:
        """Have it in MiniStack's store, whichever thread this is."""
        context = self._execution.session.context.copy()
        context.run(stepfunctions._executions.__setitem__, child["executionArn"], child)


def _again(earlier: dict[str, Any]) -> dict[str, Any]:
    """The record of an unsuccessful child that runs again; the earlier one may still be written to."""
    child = dict(earlier)
    if "position" in child:
        redrive.take_up(child)
        return child
    # An Express child begins anew; that it has no redriveDate, and another startDate, is recorded.
    for name in ("error", "cause", "isHalted"):
        child.pop(name, None)
    count = earlier["redriveCount"] + 1
    return child | {"status": "RUNNING", "startDate": responses.now_iso(), "stopDate": None, "output": None} | {
        "redriveCount": count, "events": [],
    }  # fmt: skip


def install() -> None:
    """Check that MiniStack keeps what is written here."""
    require(stepfunctions, "_executions")
