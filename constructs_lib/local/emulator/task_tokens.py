"""Task tokens: SendTaskSuccess, SendTaskFailure and SendTaskHeartbeat reach the tasks of moto's interpreter."""

import weakref
from collections.abc import Callable
from typing import Any

from ministack.services import stepfunctions
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackOutcomeFailure,
    CallbackOutcomeSuccess,
    CallbackPoolManager,
)

from constructs_lib.local.emulator.answers import Response, done, refused
from constructs_lib.local.emulator.patches import replace, require

_pools: "weakref.WeakValueDictionary[str, Any]" = weakref.WeakValueDictionary()


def install() -> None:
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
                return refused("TaskTimedOut", cause)
            return done({})

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
