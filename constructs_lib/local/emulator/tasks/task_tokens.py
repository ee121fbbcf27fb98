"""Task tokens: each attempt of a waiting task has one, by which the SendTask calls find it.

A token says which state machine it was made for, so that IAM can compare a statement's resource with it, and is
signed: one that was never handed out is told from one whose task is over, without keeping all of them.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from ministack.core import responses
from ministack.services import stepfunctions
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackOutcome,
    CallbackOutcomeFailure,
    CallbackOutcomeSuccess,
    HeartbeatTimeoutError,
)
from moto.stepfunctions.parser.asl.eval.states import ContextObject

from constructs_lib.local.emulator.answers import Handler, Response, done, refused
from constructs_lib.local.emulator.patches import replace

_secret = secrets.token_bytes(16)
_tasks: "dict[str, Task]" = {}


class Task:
    """An attempt of a task that waits to be answered by its token.

    Args:
        token: None: nobody can answer it.

    """

    def __init__(self, token: str | None) -> None:
        self.token = token
        self._changed = threading.Condition()
        self._answer: CallbackOutcome | None = None
        self._beat = time.monotonic()
        self._over = False
        if token is not None:
            _tasks[token] = self

    def answer(self, answer: CallbackOutcome) -> bool:
        """End the wait; False when the task has been answered before, or is over."""
        with self._changed:
            if self._over or self._answer is not None:
                return False
            self._answer = answer
            self._changed.notify_all()
            return True

    def heartbeat(self) -> bool:
        """Let the heartbeat's time begin anew; False when the task is over."""
        with self._changed:
            self._beat = time.monotonic()
            self._changed.notify_all()
            return not self._over and self._answer is None

    def close(self) -> None:
        """The attempt is over: its token is good for nothing any more."""
        with self._changed:
            self._over = True
        if self.token is not None:
            _tasks.pop(self.token, None)

    def wait(
        self, env: Any, *, heartbeat_seconds: float | None = None, seconds: float | None = None
    ) -> CallbackOutcome | None:
        """The answer; None when the environment has ended or `seconds` are over without one.

        Raises:
            HeartbeatTimeoutError: moto's; for `heartbeat_seconds` there was no heartbeat.

        """
        self.wait_until(env, lambda: self._answer is not None, heartbeat_seconds=heartbeat_seconds, seconds=seconds)
        return self._answer

    def wait_until(
        self,
        env: Any,
        is_there: Callable[[], bool],
        *,
        heartbeat_seconds: float | None = None,
        seconds: float | None = None,
    ) -> None:
        """Like `wait`, until what is waited for is there."""
        deadline = None if seconds is None else time.monotonic() + seconds
        with env.program_state_event.told_to(self._end), self._changed:
            while not is_there() and env.is_running():
                now = time.monotonic()
                if heartbeat_seconds is not None and now >= self._beat + heartbeat_seconds:
                    raise HeartbeatTimeoutError
                if deadline is not None and now >= deadline:
                    return
                ends = [] if heartbeat_seconds is None else [self._beat + heartbeat_seconds]
                ends += [] if deadline is None else [deadline]
                self._changed.wait(min(ends) - now if ends else None)

    def start_heartbeats(self) -> None:
        """The heartbeat's time begins now."""
        with self._changed:
            self._beat = time.monotonic()

    def _end(self) -> None:
        """The environment has ended: who answers between this and `close` isn't to think that it is of use."""
        with self._changed:
            self._over = True
            self._changed.notify_all()


def find_task(env: Any) -> Task | None:
    """The task whose token stands in the environment's context object."""
    context = env.states.context_object.context_object_data.get("Task")
    return None if context is None else _tasks.get(context["Token"])


def _signature(text: str) -> str:
    return hmac.new(_secret, text.encode(), hashlib.sha256).hexdigest()[:32]


def make_token(state_machine_arn: str) -> str:
    """A token of a task of that state machine; AWS's, too, are Base64."""
    text = f"{state_machine_arn} {uuid.uuid4()}"
    return base64.b64encode(f"{text} {_signature(text)}".encode()).decode()


def state_machine_of(token: str) -> str | None:
    """The ARN of the state machine that the token was made for; None: no token of this server."""
    try:
        text, _, signature = base64.b64decode(token, validate=True).decode().rpartition(" ")
    except ValueError:
        return None
    return text.partition(" ")[0] if hmac.compare_digest(_signature(text).encode(), signature.encode()) else None


def _update_task_token(self: Any) -> str:
    """In the place of moto's `ContextObject.update_task_token`."""
    # A child of a Distributed Map has its Map Run's label behind the machine's name.
    token = make_token(self.context_object_data["StateMachine"]["Id"].partition("/")[0])
    self.context_object_data["Task"] = {"Token": token}
    return token


def _send(data: dict[str, Any], tell: Callable[[Task], bool]) -> Response:
    token = data["taskToken"]
    machine = state_machine_of(token)
    # Of another account's principal AWS's documentation says that the token "won't work"; the error is inferred.
    if machine is None or machine.split(":")[3:5] != [responses.get_region(), responses.get_account_id()]:
        return refused("InvalidToken", "Invalid Token: 'Invalid token'")
    # AWS looks at the token first. The name is AWS's; the sentence isn't in its documentation.
    if problem := _json_problem(data.get("output", "null")):
        return refused("InvalidOutput", f"Invalid Output: '{problem}'")
    task = _tasks.get(token)
    if task is None or not tell(task):
        return refused("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
    return done({})


def _json_problem(text: str) -> str | None:
    """Why a text isn't JSON; None when it is."""

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} isn't JSON")

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError as error:
        return str(error)
    return None


def _send_task_success(data: dict[str, Any]) -> Response:
    return _send(data, lambda task: task.answer(CallbackOutcomeSuccess(data["taskToken"], data["output"])))


def _send_task_failure(data: dict[str, Any]) -> Response:
    error, cause = data.get("error"), data.get("cause")
    return _send(data, lambda task: task.answer(CallbackOutcomeFailure(data["taskToken"], error, cause)))


def _send_task_heartbeat(data: dict[str, Any]) -> Response:
    return _send(data, Task.heartbeat)


def install() -> None:
    """Make the tokens here, and take the answers."""
    replace(ContextObject, "update_task_token", _update_task_token)
    handlers: dict[str, Handler] = {
        "_send_task_success": _send_task_success,
        "_send_task_failure": _send_task_failure,
        "_send_task_heartbeat": _send_task_heartbeat,
    }
    for name, handler in handlers.items():
        replace(stepfunctions, name, handler)
