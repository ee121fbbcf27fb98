"""State machines run by moto's interpreter, behind one hook of MiniStack's Step Functions.

MiniStack keeps the records (state machines, executions, map runs) and answers the API; its `_run_execution` is replaced
by `run_execution` here, which hands the definition to moto's interpreter and copies what comes of it into the record.
The rest of this module is what is otherwise put right in moto.
"""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

import moto.stepfunctions.parser.utils as moto_utils
from ministack.services import stepfunctions
from moto.stepfunctions.parser.asl.component.common.error_name import custom_error_name
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.retry.max_attempts_decl import MaxAttemptsOutcome
from moto.stepfunctions.parser.asl.component.common.retry.retrier_outcome import RetrierOutcome
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.timestamp import Timestamp
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.parse import preprocessor

from constructs_lib.local.emulator.definitions.definition import compile_definition
from constructs_lib.local.emulator.execution import Execution, run_program
from constructs_lib.local.emulator.language import interruptions
from constructs_lib.local.emulator.language.interruptions import pause
from constructs_lib.local.emulator.patches import replace, replace_everywhere, require
from constructs_lib.local.emulator.tasks import activities, nested_executions, waiting_tasks
from constructs_lib.local.emulator.tasks.role_sessions import ClientFactory, RoleSession
from constructs_lib.local.states import takes

_log = logging.getLogger(__name__)


class _Unlisted(list[Any]):
    """In the place of moto's list of all threads ever started, which would keep each of them in memory."""

    def append(self, _: Any) -> None:
        pass


class Interpreter:
    """The hook: what MiniStack calls in the place of its own function."""

    def __init__(self, clients: ClientFactory) -> None:
        self._clients = clients
        replace(stepfunctions, "_run_execution", self.run_execution)

    def run_execution(self, execution_arn: str, attempt: int = 0) -> None:
        """Run an execution that MiniStack has recorded as RUNNING. Never raises.

        Args:
            execution_arn: the execution's.
            attempt: how often it was redriven when this was asked for.

        """
        record = stepfunctions._executions.get(execution_arn)
        if record is None:
            return
        try:
            machine = record["machine"]
            definition = compile_definition(machine.definition, machine.type)
            session = RoleSession(self._clients, machine.arn, machine.role_arn)
            execution = Execution(session, machine.name, definition, machine.logging)
            env = execution.environment(record, machine.arn, json.loads(record["input"]))
            ended = run_program(env, record, definition.program, attempt)
        except Exception as error:  # noqa: BLE001 - whatever it is, the execution has ended with it
            _log.exception("execution %s", execution_arn)
            if record["status"] == "RUNNING" and record["redriveCount"] == attempt:
                stepfunctions._fail_execution(record, "States.Runtime", f"{type(error).__name__}: {error}")
            return
        if ended:
            stepfunctions._emit_execution_status_event(record)


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
    pause(env, env.stack.pop())
    env.stack.append(RetrierOutcome.Executed)


def _matches(self: Any, env: Any) -> None:
    """In the place of moto's `ErrorEqualsDecl._eval_body`, whose wildcards match what AWS's don't."""
    reported = env.stack.pop()
    listed = {error.error_name for error in self.error_names}
    aliases = getattr(reported, "aliases", ())
    env.stack.append(takes(listed, reported.error_name) or not listed.isdisjoint(aliases))


def _seconds_until(self: Any, env: Any) -> float:
    """In the place of moto's `Timestamp._get_wait_seconds`, which takes UTC for the machine's local time."""
    self.string.eval(env=env)
    text = env.stack.pop()
    moment = self._from_timestamp_string(text) if isinstance(text, str) else None
    if moment is None:
        raise FailureEventException(self._create_failure_event(env, text))
    seconds: float = (moment - datetime.now(UTC)).total_seconds()
    return seconds


# RFC 3339 with an uppercase T, and an uppercase Z or an offset.
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII)


def _parse_timestamp(text: str) -> datetime | None:
    """In the place of moto's `Timestamp._from_timestamp_string`, which knows no offset and no fraction."""
    try:
        return datetime.fromisoformat(text) if _TIMESTAMP.fullmatch(text) else None
    except ValueError:
        return None


def _say_nothing(self: Any, **_: Any) -> None:
    """In the place of moto's logging of errors that are results."""


def install(clients: ClientFactory, sync_poll_seconds: float) -> None:
    """Put moto's interpreter behind MiniStack's Step Functions API."""
    require(
        stepfunctions,
        "_executions",
        "_fail_execution",
        "_emit_execution_status_event",
    )
    require(Environment, "set_stop", "is_running")
    replace_everywhere("moto.stepfunctions", moto_utils, "TMP_THREADS", _Unlisted())
    # A name that starts with "States." is legal inside a Map: a child's error is the map's.
    replace(custom_error_name, "ILLEGAL_CUSTOM_ERROR_PREFIX", "\0")
    replace(retrier_decl.RetrierDecl, "_eval_body", _retry)
    replace(ErrorEqualsDecl, "_eval_body", _matches)
    replace(Timestamp, "_get_wait_seconds", _seconds_until)
    replace(Timestamp, "_from_timestamp_string", staticmethod(_parse_timestamp))
    # moto logs each failed state once a nesting level, with the text of its whole component; the history says it all.
    for name in ("_log_failure_event_exception", "_log_exception"):
        replace(EvalComponent, name, _say_nothing)
    interruptions.install()
    waiting_tasks.install(sync_poll_seconds)
    nested_executions.install()
    activities.install()
    # It warns that tolerated failure has no effect, which here it has.
    logging.getLogger(preprocessor.__name__).setLevel(logging.ERROR)
    Interpreter(clients)
