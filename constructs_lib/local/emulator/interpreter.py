"""State machines run by moto's interpreter, behind one hook of MiniStack's Step Functions.

MiniStack keeps the records (state machines, executions, map runs) and answers the API; its `_run_execution` is replaced
by `run_execution` here, which hands the definition to moto's interpreter and copies what comes of it into the record.
The rest of this module is what the hook needs: definitions checked when they are created, StopExecution, and task
tokens that reach the interpreter.
"""

import json
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import moto.stepfunctions.parser.utils as moto_utils
from ministack.core import responses
from ministack.services import stepfunctions
from moto.stepfunctions.parser.api import HistoryEventType, StateMachineType
from moto.stepfunctions.parser.asl.component.common.error_name import custom_error_name
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.retry.max_attempts_decl import MaxAttemptsOutcome
from moto.stepfunctions.parser.asl.component.common.retry.retrier_outcome import RetrierOutcome
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_callback
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackOutcomeFailure,
    CallbackOutcomeSuccess,
    CallbackPoolManager,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError, ProgramStopped
from moto.stepfunctions.parser.asl.parse import preprocessor
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from constructs_lib.local.emulator import authorization
from constructs_lib.local.emulator.definition import (
    Definition,
    InvalidDefinitionError,
    MapSpec,
    compile_definition,
)
from constructs_lib.local.emulator.patches import replace, replace_everywhere, require
from constructs_lib.local.emulator.role_sessions import ClientFactory, RoleSession

_log = logging.getLogger(__name__)

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[dict[str, Any]], Response]


class _Unlisted(list[Any]):
    """In the place of moto's list of all threads ever started, which would keep each of them in memory."""

    def append(self, _: Any) -> None:
        pass


class MapRun(Protocol):
    """A Map Run under way, as StopExecution sees it."""

    def abort(self) -> None:
        """Stop the children and close the run's record, at once."""


@dataclass
class Execution:
    """One execution under way: what moto passes along as `env.aws_execution_details`.

    Args:
        session: the execution role.
        name: the state machine's name.
        definition: what runs.
        map_runs: those of this execution that are under way.

    """

    session: RoleSession
    name: str
    definition: Definition
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
            "RedriveCount": 0,
        }
        return Environment(
            aws_execution_details=self,
            execution_type=StateMachineType.STANDARD,
            event_history_context=EventHistoryContext.of_program_start(),
            cloud_watch_logging_session=None,
            activity_store={},
            context={"Execution": execution, "StateMachine": {"Id": state_machine_id, "Name": self.name}},
        )


class Running:
    """The executions under way by their ARN, for StopExecution."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._environments: dict[str, Any] = {}

    @contextmanager
    def entered(self, arn: str, env: Any) -> Iterator[None]:
        """Known under `arn` while the block runs."""
        with self._lock:
            self._environments[arn] = env
        try:
            yield
        finally:
            with self._lock:
                del self._environments[arn]

    def find(self, arn: str) -> Any:
        """Moto's environment of an execution; None when it isn't under way."""
        with self._lock:
            return self._environments.get(arn)

    def any(self) -> bool:
        """Whether one is under way."""
        return bool(self._environments)


running = Running()


def run_program(env: Any, record: dict[str, Any], program: Any) -> None:
    """Run an execution, or a child execution, to its end in this thread; keep `record` up to date.

    The record's `events` is the interpreter's own list: GetExecutionHistory shows it while it grows.
    """
    details: Execution = env.aws_execution_details
    events = record["events"] = env.event_manager._history_event_list
    env.event_manager.add_event(
        context=env.event_history_context,
        event_type=HistoryEventType.ExecutionStarted,
        update_source_event_id=False,
        event_details={
            "executionStartedEventDetails": {
                "input": record["input"],
                "inputDetails": {"truncated": False},
                "roleArn": details.role_arn,
            }
        },
    )
    with running.entered(record["executionArn"], env):
        program.eval(env)
    state = env._program_state
    if record["status"] != "RUNNING" or isinstance(state, ProgramStopped):
        return
    status = "TIMED_OUT"
    if isinstance(state, ProgramEnded):
        record["output"] = to_json_str(env.states.get_input(), separators=(",", ":"))
        status = "SUCCEEDED"
    elif isinstance(state, ProgramError):
        failure = state.error or {}
        record["error"], record["cause"] = failure.get("error"), failure.get("cause")
        status = "FAILED"
    else:
        record["error"] = "States.Timeout"
        _close_history(record, events, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
    record["stopDate"] = responses.now_iso()
    # Last: who polls the status then finds the rest.
    record["status"] = status


def _close_history(record: dict[str, Any], events: list[dict[str, Any]], last: str, details: dict[str, Any]) -> None:
    """End a history that a task which can't be interrupted may go on writing to."""
    closed = [event for event in list(events) if event["type"] != last]
    event = {"id": len(closed) + 1, "previousEventId": 0, "timestamp": responses.now_iso(), "type": last, **details}
    record["events"] = [*closed, event]


class Interpreter:
    """The hook: what MiniStack calls in the place of its own functions."""

    def __init__(self, clients: ClientFactory) -> None:
        self._clients = clients
        self._stop: Handler = replace(stepfunctions, "_stop_execution", self.stop_execution)
        self._create: Handler = replace(stepfunctions, "_create_state_machine", self.create_state_machine)
        self._update: Handler = replace(stepfunctions, "_update_state_machine", self.update_state_machine)
        replace(stepfunctions, "_run_execution", self.run_execution)
        replace(stepfunctions, "_validate_state_machine_definition", _validate_definition)
        # MiniStack would answer these with its own interpreter, or by taking note of them only.
        for name, action in (("_test_state", "TestState"), ("_update_map_run", "UpdateMapRun")):
            replace(stepfunctions, name, _refuse(action))

    def run_execution(self, execution_arn: str) -> None:
        """Run an execution that MiniStack has recorded as RUNNING. Never raises."""
        record = stepfunctions._executions.get(execution_arn)
        if record is None:
            return
        try:
            machine = stepfunctions._state_machines.get(record["stateMachineArn"])
            if machine is None:
                stepfunctions._fail_execution(record, "StateMachineDeleted", "State machine no longer exists")
                return
            definition = compile_definition(machine["definition"])
            session = RoleSession(self._clients, record["stateMachineArn"], machine["roleArn"])
            execution = Execution(session, machine["name"], definition)
            env = execution.environment(record, record["stateMachineArn"], json.loads(record["input"]))
            run_program(env, record, definition.program)
        except Exception as error:  # noqa: BLE001 - whatever it is, the execution has ended with it
            _log.exception("execution %s", execution_arn)
            if record["status"] == "RUNNING":
                stepfunctions._fail_execution(record, "States.Runtime", f"{type(error).__name__}: {error}")
            return
        if record["status"] != "ABORTED":
            stepfunctions._emit_execution_status_event(record)

    def create_state_machine(self, data: dict[str, Any]) -> Response:
        """CreateStateMachine: refuse a definition that can't run, and a role that can't be assumed."""
        arn = state_machine_arn(data.get("name", ""))
        return _definition_error(data) or _role_error(data, arn) or self._create(data)

    def update_state_machine(self, data: dict[str, Any]) -> Response:
        """UpdateStateMachine: the same checks of what it brings."""
        return _definition_error(data) or _role_error(data, data.get("stateMachineArn", "")) or self._update(data)

    def stop_execution(self, data: dict[str, Any]) -> Response:
        """StopExecution: abort the record, its map runs and their children, then the interpreter."""
        env = running.find(data.get("executionArn", ""))
        if env is None:
            return self._stop(data)
        record = stepfunctions._executions[data["executionArn"]]
        maps = list(env.aws_execution_details.map_runs)
        for map_run in maps:
            map_run.abort()
        # A copy: a task that can't be interrupted may go on writing to the interpreter's list.
        record["events"] = list(record["events"])
        for kind in ("MapRunAborted", "MapStateAborted") if maps else ():
            previous = record["events"][-1]["id"]
            record["events"].append(
                {"id": previous + 1, "previousEventId": previous, "timestamp": responses.now_iso(), "type": kind}
            )
        answer = self._stop(data)
        record["events"][-1].setdefault("previousEventId", 0)
        env.set_stop(stop_date=datetime.now(UTC), cause=data.get("cause"), error=data.get("error"))
        return answer


def _validate_definition(data: dict[str, Any]) -> Response:
    """ValidateStateMachineDefinition, by the check that CreateStateMachine makes."""
    diagnostics = []
    try:
        compile_definition(data.get("definition", ""))
    except InvalidDefinitionError as error:
        diagnostics.append({"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": str(error)})
    answer: Response = responses.json_response({"result": "FAIL" if diagnostics else "OK", "diagnostics": diagnostics})
    return answer


def _refuse(action: str) -> Handler:
    def refuse(_: dict[str, Any]) -> Response:
        message = f"the local cloud doesn't run {action}"
        answer: Response = responses.error_response_json("ValidationException", message, 400)
        return answer

    return refuse


def _definition_error(data: dict[str, Any]) -> Response | None:
    if "definition" not in data:
        return None
    try:
        compile_definition(data["definition"])
    except InvalidDefinitionError as error:
        answer: Response = responses.error_response_json("InvalidDefinition", str(error), 400)
        return answer
    return None


def state_machine_arn(name: str) -> str:
    """The ARN of a state machine of the request's account and Region."""
    return f"arn:aws:states:{responses.get_region()}:{responses.get_account_id()}:stateMachine:{name}"


def _role_error(data: dict[str, Any], arn: str) -> Response | None:
    message = authorization.refusal("states", data["roleArn"], arn) if "roleArn" in data else None
    if message is None:
        return None
    answer: Response = responses.error_response_json("AccessDeniedException", message, 400)
    return answer


_pools: "weakref.WeakValueDictionary[str, Any]" = weakref.WeakValueDictionary()


def _install_task_tokens() -> None:
    """Let SendTaskSuccess, SendTaskFailure and SendTaskHeartbeat reach the interpreter's waiting tasks."""
    add: Any = CallbackPoolManager.add

    def add_callback(self: Any, callback_id: str) -> Any:
        _pools[callback_id] = self
        return add(self, callback_id)

    def sender(name: str, tell: Callable[[Any, str, dict[str, Any]], None]) -> None:
        original: Any = getattr(stepfunctions, name)

        def send(data: dict[str, Any]) -> Response:
            token = data.get("taskToken", "")
            pool = _pools.get(token)
            if pool is None:
                unknown: Response = original(data)
                return unknown
            try:
                tell(pool, token, data)
            except Exception:  # noqa: BLE001 - moto has no common class for a callback that is over
                cause = "Task Timed Out: 'Provided task does not exist anymore'"
                gone: Response = responses.error_response_json("TaskTimedOut", cause, 400)
                return gone
            done: Response = responses.json_response({})
            return done

        replace(stepfunctions, name, send)

    require(stepfunctions, "_send_task_success", "_send_task_failure", "_send_task_heartbeat")
    replace(CallbackPoolManager, "add", add_callback)
    sender(
        "_send_task_success",
        lambda pool, token, data: pool.notify(token, CallbackOutcomeSuccess(token, data["output"])),
    )
    sender(
        "_send_task_failure",
        lambda pool, token, data: pool.notify(
            token, CallbackOutcomeFailure(token, data.get("error"), data.get("cause"))
        ),
    )
    sender("_send_task_heartbeat", lambda pool, token, _: pool.heartbeat(token))


def _retry(self: Any, env: Any) -> None:
    """In the place of moto's `RetrierDecl._eval_body`: the same steps, but a stop ends the wait."""
    self.error_equals.eval(env)
    if not env.stack.pop():
        env.stack.append(RetrierOutcome.Skipped)
        return
    self.max_attempts.eval(env=env)
    if env.stack.pop() == MaxAttemptsOutcome.EXHAUSTED:
        env.stack.append(RetrierOutcome.Failed)
        return
    # Each takes the interval from the stack and puts its own there.
    for step in (self.interval_seconds, self.backoff_rate, self.max_delay_seconds, self.jitter_strategy):
        step.eval(env=env)
    over = time.monotonic() + env.stack.pop()
    while env.is_running() and (left := over - time.monotonic()) > 0:
        env.program_state_event.wait(min(left, 1))
    env.stack.append(RetrierOutcome.Executed)


def _say_nothing(self: Any, **_: Any) -> None:
    """In the place of moto's logging of errors that are results."""


def install(clients: ClientFactory, sync_poll_seconds: float) -> Interpreter:
    """Put moto's interpreter behind MiniStack's Step Functions API."""
    require(
        stepfunctions,
        "_executions",
        "_state_machines",
        "_fail_execution",
        "_emit_execution_status_event",
    )
    require(Environment, "set_stop", "is_running")
    replace_everywhere("moto.stepfunctions", moto_utils, "TMP_THREADS", _Unlisted())
    # A name that starts with "States." is legal inside a Map: a child's error is the map's.
    replace(custom_error_name, "ILLEGAL_CUSTOM_ERROR_PREFIX", "\0")
    replace(state_task_service_callback, "_DELAY_SECONDS_SYNC_CONDITION_CHECK", sync_poll_seconds)
    replace(retrier_decl.RetrierDecl, "_eval_body", _retry)
    # moto logs each failed state once a nesting level, with the text of its whole component; the history says it all.
    for name in ("_log_failure_event_exception", "_log_exception"):
        replace(EvalComponent, name, _say_nothing)
    # It warns that tolerated failure has no effect, which here it has.
    logging.getLogger(preprocessor.__name__).setLevel(logging.ERROR)
    _install_task_tokens()
    return Interpreter(clients)


def in_context(session: RoleSession, function: Callable[..., None], *arguments: Any) -> threading.Thread:
    """Start a thread that sees the account and Region of the execution; daemonic, so that none holds the server up."""
    thread = threading.Thread(target=session.context.copy().run, args=(function, *arguments), daemon=True)
    thread.start()
    return thread
