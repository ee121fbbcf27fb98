"""An execution under way: what moto's interpreter is handed, and the record of MiniStack that is kept up to date."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ministack.core import responses
from moto.stepfunctions.parser.api import HistoryEventType, StateMachineType
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError, ProgramRunning, ProgramStopped
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from constructs_lib.local.emulator.definitions.definition import Definition, MapSpec
from constructs_lib.local.emulator.execution_log import execution_log
from constructs_lib.local.emulator.machines import type_of
from constructs_lib.local.emulator.tasks.role_sessions import RoleSession

# Longer than it takes to write down an end, on a busy machine, too.
_CLOSING_SECONDS = 10


class MapRun(Protocol):
    """A Map Run under way, as StopExecution and UpdateMapRun see it."""

    arn: str

    def update(self, changes: dict[str, Any]) -> None:
        """Change MaxConcurrency and what is tolerated, named as UpdateMapRun names them."""

    def abort(self) -> None:
        """Stop the children, and close the run's record once none runs any more."""


@dataclass
class Execution:
    """One execution under way: what moto passes along as `env.aws_execution_details`.

    Args:
        session: the execution role.
        name: the state machine's name.
        definition: what runs.
        logging: the machine's LoggingConfiguration.
        map_runs: those of this execution that are under way.

    """

    session: RoleSession
    name: str
    definition: Definition
    logging: dict[str, Any]
    map_runs: list[MapRun] = field(default_factory=list)

    @property
    def account(self) -> str:
        """Read by moto."""
        return self.session.account

    @property
    def region(self) -> str:
        """Read by moto."""
        return self.session.region

    @property
    def role_arn(self) -> str:
        """Read by moto."""
        return self.session.role_arn

    def map_spec(self, state_name: str) -> MapSpec:
        """The DISTRIBUTED Map state of that name."""
        return self.definition.maps[state_name]

    def environment(self, record: dict[str, Any], state_machine_id: str, input_value: Any) -> Any:
        """Moto's environment for an execution of this machine, or for a child execution of one of its maps.

        Args:
            record: MiniStack's record of the execution.
            state_machine_id: `$states.context.StateMachine.Id`.
            input_value: the parsed input.

        """
        execution = {
            "Id": record["executionArn"],
            "Input": input_value,
            "Name": record["name"],
            "RoleArn": self.role_arn,
            "StartTime": record["startDate"],
            "RedriveCount": record["redriveCount"],
        }
        if "redriveDate" in record:
            execution["RedriveTime"] = record["redriveDate"]
        return Environment(
            aws_execution_details=self,
            execution_type=StateMachineType(type_of(record["executionArn"])),
            event_history_context=EventHistoryContext.of_program_start(),
            cloud_watch_logging_session=execution_log(self.logging, record["executionArn"], record["redriveCount"]),
            activity_store={},
            context={"Execution": execution, "StateMachine": {"Id": state_machine_id, "Name": self.name}},
        )


class Running:
    """The executions under way by their ARN, for StopExecution."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._environments: dict[str, Any] = {}

    def enter(self, record: dict[str, Any], env: Any, attempt: int) -> bool:
        """Let an attempt run, and be known under its ARN until `leave`.

        Args:
            record: MiniStack's.
            env: moto's environment of the attempt.
            attempt: the `redriveCount` that it was started for.

        Returns:
            False: it was stopped before it could begin, and perhaps redriven since.

        """
        with self._changed:
            if record.get("isHalted") or record["redriveCount"] != attempt:
                return False
            env._program_state = ProgramRunning()
            self._environments[record["executionArn"]] = env
            return True

    def leave(self, record: dict[str, Any], env: Any) -> None:
        """The attempt is over, and its record closed."""
        with self._changed:
            # A redrive may have begun meanwhile.
            if self._environments.get(record["executionArn"]) is env:
                del self._environments[record["executionArn"]]
                self._changed.notify_all()

    def halt(self, record: dict[str, Any]) -> Any:
        """Moto's environment of an execution; None when it isn't under way, and it won't begin any more."""
        with self._changed:
            record["isHalted"] = True
            return self._environments.get(record["executionArn"])

    def find(self, arn: str) -> Any:
        """Moto's environment of an execution; None when it isn't under way."""
        with self._changed:
            return self._environments.get(arn)

    def await_end(self, env: Any, arn: str) -> None:
        """Wait until an execution that has ended by itself is closed, which takes no call of anybody."""
        with self._changed:
            self._changed.wait_for(lambda: self._environments.get(arn) is not env, _CLOSING_SECONDS)

    def any(self) -> bool:
        """Whether one is under way."""
        return bool(self._environments)


running = Running()


def run_program(env: Any, record: dict[str, Any], program: Any, attempt: int) -> bool:
    """Run an execution, or a child execution, to its end in this thread; keep `record` up to date.

    The record's `events` is the interpreter's own list: GetExecutionHistory shows it while it grows. With a `position`
    in the record the execution goes on from there.

    Args:
        env: moto's environment.
        record: MiniStack's.
        program: moto's.
        attempt: the `redriveCount` that this was started for.

    Returns:
        Whether it has ended by itself; False: it was stopped.

    """
    try:
        # Who stops it waits until its history is open.
        with env._state_mutex:
            if not running.enter(record, env, attempt):
                return False
            events = _open_history(env, record)
            env.position = record.get("position")
        program.eval(env)
        return _close(env, record, events)
    finally:
        running.leave(record, env)


def _close(env: Any, record: dict[str, Any], events: list[dict[str, Any]]) -> bool:
    """Write down how an execution has ended; False: it was stopped."""
    state = env._program_state
    # Its history isn't this one any more: it was stopped, and has perhaps been redriven since.
    if record["events"] is not events or record["status"] != "RUNNING" or isinstance(state, ProgramStopped):
        return False
    status = "TIMED_OUT"
    if isinstance(state, ProgramEnded):
        record["output"] = to_json_str(env.states.get_input(), separators=(",", ":"))
        status = "SUCCEEDED"
        record.pop("position", None)
    elif isinstance(state, ProgramError):
        failure = state.error or {}
        record["error"], record["cause"] = failure.get("error"), failure.get("cause")
        status = "FAILED"
    else:
        record["error"] = "States.Timeout"
        close_history(record, events, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
    record["stopDate"] = responses.now_iso()
    # Last: who polls the status then finds the rest.
    record["status"] = status
    return True


def _open_history(env: Any, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Begin a history, or go on with the one that a redriven execution has."""
    manager, context = env.event_manager, env.event_history_context
    written: list[dict[str, Any]] = manager._history_event_list
    if record["events"]:
        written.extend(record["events"])
        last_id = written[-1]["id"]
        manager._event_id_gen._next_id = last_id + 1
        context.source_event_id = last_id
    kind, details = first_event(record, env.aws_execution_details.role_arn)
    manager.add_event(
        context=context, event_type=kind, update_source_event_id=bool(record["events"]), event_details=details
    )
    record["events"] = written
    return written


def first_event(record: dict[str, Any], role_arn: str) -> tuple[HistoryEventType, dict[str, Any]]:
    """What an attempt's history begins with, and its details: a start or, where there are events already, a redrive."""
    if record["events"]:
        details = {"redriveCount": record["redriveCount"]}
        return HistoryEventType.ExecutionRedriven, {"executionRedrivenEventDetails": details}
    started = {"input": record["input"], "inputDetails": {"truncated": False}, "roleArn": role_arn}
    return HistoryEventType.ExecutionStarted, {"executionStartedEventDetails": started}


def begin_history(record: dict[str, Any], role_arn: str) -> None:
    """Write what the history of an attempt begins with, where it is stopped before it has begun."""
    kind, details = first_event(record, role_arn)
    events = record["events"]
    event = {"id": len(events) + 1, "previousEventId": len(events), "timestamp": responses.now_iso(), "type": kind}
    record["events"] = [*events, event | details]


def close_history(record: dict[str, Any], events: list[dict[str, Any]], last: str, details: dict[str, Any]) -> None:
    """End a history that a task which can't be interrupted may go on writing to."""
    closed = list(events)
    if closed[-1]["type"] == last:
        closed.pop()
    event = {"id": len(closed) + 1, "previousEventId": 0, "timestamp": responses.now_iso(), "type": last, **details}
    record["events"] = [*closed, event]


def in_context(session: RoleSession, function: Callable[..., None], *arguments: Any) -> threading.Thread:
    """Start a thread that sees the account and Region of the execution; daemonic, so that none holds the server up."""
    thread = threading.Thread(target=session.context.copy().run, args=(function, *arguments), daemon=True)
    thread.start()
    return thread
