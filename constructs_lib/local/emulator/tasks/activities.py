"""Activities: GetActivityTask hands out the tasks of running state machines, and waits for one as AWS does.

MiniStack keeps the activities; the tasks are here, since those of moto's interpreter never reach it. SendTaskSuccess,
SendTaskFailure and SendTaskHeartbeat find a task by its token (`task_tokens`).

A worker that goes away while it waits may be handed a task that nobody then works on, for which AWS tells workers to
wait for more than 60 seconds: the state's HeartbeatSeconds or TimeoutSeconds end it.
"""

import asyncio
import functools
import re
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from ministack.services import stepfunctions
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_activitiy import StateTaskActivity
from moto.stepfunctions.parser.asl.eval.callback.callback import HeartbeatTimeoutError
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from constructs_lib.local.emulator.answers import Handler, Response, done, refused
from constructs_lib.local.emulator.language.state_failures import fail_at_run_time
from constructs_lib.local.emulator.patches import replace, require
from constructs_lib.local.emulator.tasks.task_tokens import Task
from constructs_lib.local.emulator.tasks.waiting_tasks import HeartbeatTimeout, answered, heartbeat_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_SECONDS = 60
_NAME = re.compile(r"""[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}""")


class ActivityTask(Task):
    """A task of an activity.

    Args:
        token: what it is answered by.
        input_text: JSON.

    """

    def __init__(self, token: str, input_text: str) -> None:
        super().__init__(token)
        self.input_text = input_text
        self.worker_name: str | None = None
        self.is_started = False

    def start(self, worker_name: str | None) -> bool:
        """A worker takes it; False when it is over."""
        with self._changed:
            if self._over:
                return False
            self.worker_name, self.is_started = worker_name, True
            self._changed.notify_all()
        self.start_heartbeats()
        return True


class TaskQueues:
    """The tasks that wait for a worker, by the activity's ARN; and the workers that wait for a task."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks: dict[str, deque[ActivityTask]] = {}
        self._workers: dict[str, set[Callable[[], object]]] = {}

    def schedule(self, activity_arn: str, task: ActivityTask) -> None:
        """Offer a task, from any thread."""
        with self._lock:
            self._tasks.setdefault(activity_arn, deque()).append(task)
            workers = list(self._workers.get(activity_arn, ()))
        for wake in workers:
            wake()

    async def take(self, activity_arn: str, worker_name: str | None, seconds: float) -> ActivityTask | None:
        """The oldest task, which has started with it; None when none has come within `seconds`."""
        scheduled = asyncio.Event()
        wake = functools.partial(asyncio.get_running_loop().call_soon_threadsafe, scheduled.set)
        with self._lock:
            self._workers.setdefault(activity_arn, set()).add(wake)
        try:
            async with asyncio.timeout(seconds):
                while (task := self._next(activity_arn, worker_name)) is None:
                    await scheduled.wait()
                    scheduled.clear()
                return task
        except TimeoutError:
            return None
        finally:
            with self._lock:
                self._workers[activity_arn].discard(wake)

    def _next(self, activity_arn: str, worker_name: str | None) -> ActivityTask | None:
        with self._lock:
            tasks = self._tasks.get(activity_arn, deque())
            while tasks:
                task = tasks.popleft()
                if task.start(worker_name):
                    return task
        return None


_queues = TaskQueues()


# -- the state -----------------------------------------------------------------------------------------------------


def _run_activity(self: Any, env: Any) -> None:
    """In the place of moto's `StateTaskActivity._eval_execution`."""
    if self.parargs:
        self.parargs.eval(env=env)
    input_text = to_json_str(env.stack.pop())
    arn: str = self.resource.resource_arn
    _, _, _, region, account, *_ = arn.split(":")
    if not stepfunctions._activities.contains_scoped(account, region, arn):
        fail_at_run_time(env, f"The activity {arn} does not exist.")
    heartbeat = heartbeat_seconds(self, env)
    scheduled = {"resource": arn, "input": input_text, "inputDetails": {"truncated": False}}
    if not self.timeout.is_default_value():
        self.timeout.eval(env=env)
        scheduled["timeoutInSeconds"] = env.stack.pop()
    if heartbeat is not None:
        scheduled["heartbeatInSeconds"] = heartbeat
    _add_event(env, HistoryEventType.ActivityScheduled, activityScheduledEventDetails=scheduled)
    task = ActivityTask(env.states.context_object.update_task_token(), input_text)
    try:
        env.stack.append(_outcome(env, arn, task, heartbeat))
    finally:
        task.close()


def _outcome(env: Any, arn: str, task: ActivityTask, heartbeat: float | None) -> Any:
    """What the worker sends; None when the environment has ended before, by a timeout say."""
    _queues.schedule(arn, task)
    task.wait_until(env, lambda: task.is_started)
    if not task.is_started:
        return None
    started = {} if task.worker_name is None else {"workerName": task.worker_name}
    _add_event(env, HistoryEventType.ActivityStarted, activityStartedEventDetails=started)
    answer = task.wait(env, heartbeat_seconds=heartbeat)
    if answer is None:
        return None
    value = answered(answer)
    succeeded = {"output": to_json_str(value), "outputDetails": {"truncated": False}}
    _add_event(env, HistoryEventType.ActivitySucceeded, activitySucceededEventDetails=succeeded)
    return value


def _add_event(env: Any, kind: HistoryEventType, **details: dict[str, Any]) -> None:
    env.event_manager.add_event(context=env.event_history_context, event_type=kind, event_details=details)


def _from_error(self: Any, env: Any, ex: Exception) -> FailureEvent:
    """In the place of moto's `StateTaskActivity._from_error`.

    It raises a failure anew, past Retry and Catch, and tells no heartbeat from a timeout.
    """
    if isinstance(ex, FailureEventException):
        return ex.failure_event
    failure: FailureEvent = _original_from_error(self, env, ex)
    if isinstance(ex, HeartbeatTimeoutError):
        failure.error_name = HeartbeatTimeout()
    return failure


# -- the API -------------------------------------------------------------------------------------------------------


def _create_activity(data: dict[str, Any]) -> Response:
    """In the place of MiniStack's CreateActivity: idempotent, and strict about the name."""
    name = data["name"]
    if not _NAME.fullmatch(name):
        return refused("InvalidName", f"Invalid Name: '{name}'")
    existing = next((each for each in stepfunctions._activities.values() if each["name"] == name), None)
    if existing is None:
        return _original_create(data)
    return done({"activityArn": existing["activityArn"], "creationDate": existing["creationDate"]})


def _describe_activity(data: dict[str, Any]) -> Response:
    """In the place of MiniStack's DescribeActivity."""
    return _no_such_activity(data) or _original_describe(data)


def _delete_activity(data: dict[str, Any]) -> Response:
    """In the place of MiniStack's DeleteActivity: to delete one twice is no error."""
    return done({}) if _no_such_activity(data) else _original_delete(data)


async def _get_activity_task(data: dict[str, Any]) -> Response:
    """In the place of MiniStack's GetActivityTask."""
    refusal = _no_such_activity(data)
    if refusal is not None:
        return refusal
    task = await _queues.take(data["activityArn"], data.get("workerName"), POLL_SECONDS)
    return done({"taskToken": None} if task is None else {"taskToken": task.token, "input": task.input_text})


def _no_such_activity(data: dict[str, Any]) -> Response | None:
    arn = data.get("activityArn", "")
    if arn in stepfunctions._activities:
        return None
    return refused("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")


_original_create: Handler = stepfunctions._create_activity
_original_describe: Handler = stepfunctions._describe_activity
_original_delete: Handler = stepfunctions._delete_activity
_original_from_error: Any = StateTaskActivity._from_error


def install() -> None:
    """Hand the tasks out here."""
    require(stepfunctions, "_activities")
    require(StateTaskActivity, "_eval_execution")
    replace(StateTaskActivity, "_eval_execution", _run_activity)
    replace(StateTaskActivity, "_from_error", _from_error)
    replace(stepfunctions, "_create_activity", _create_activity)
    replace(stepfunctions, "_describe_activity", _describe_activity)
    replace(stepfunctions, "_delete_activity", _delete_activity)
    replace(stepfunctions, "_get_activity_task", _get_activity_task)
