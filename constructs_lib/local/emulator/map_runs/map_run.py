"""A Map Run: the items of a DISTRIBUTED Map state, each batch of them a child execution with a record of its own.

Takes the place of moto's `DistributedIterationComponent._eval_body`: the same events in the parent's history, but items
read with the role's session, batches, EXPRESS children, tolerated failure, the result writer, and a MapRun record in
MiniStack that DescribeMapRun, ListMapRuns and ListExecutions show while the run goes on.
"""

import json
import threading
from collections import deque
from typing import Any

from botocore.exceptions import ClientError
from ministack.core import responses
from ministack.services import stepfunctions
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import distributed_iteration_component
from moto.stepfunctions.parser.asl.component.state.exec.state_map.tolerated_failure import (
    ToleratedFailureCountStringJSONata,
    ToleratedFailurePercentageStringJSONata,
)
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from constructs_lib.local.emulator.definitions.definition import Template, evaluate_field
from constructs_lib.local.emulator.execution import Execution, in_context, run_program, running
from constructs_lib.local.emulator.language.jsonata import evaluate_number
from constructs_lib.local.emulator.machines import execution_arn
from constructs_lib.local.emulator.map_runs import failure_threshold, item_batcher, item_reader, result_writer
from constructs_lib.local.emulator.map_runs.failure_threshold import FailureThreshold
from constructs_lib.local.emulator.map_runs.item import Item, ItemReaderError
from constructs_lib.local.emulator.map_runs.item_batcher import Batch
from constructs_lib.local.emulator.patches import replace, require
from constructs_lib.local.emulator.payload import as_json
from constructs_lib.local.emulator.tasks.role_sessions import AccessDeniedError

_COUNTS = (
    "pending", "running", "succeeded", "failed", "timedOut", "aborted", "total", "resultsWritten",
    "failuresNotRedrivable", "pendingRedrive",
)  # fmt: skip
_OUTCOMES = {"SUCCEEDED": "succeeded", "FAILED": "failed", "TIMED_OUT": "timedOut", "ABORTED": "aborted"}
# How long a parent that was stopped or timed out may go unnoticed.
_POLL_SECONDS = 0.2


class MapRunError(Exception):
    """The Map Run fails with this error name and cause."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class MapRun:
    """One Map Run.

    Args:
        env: moto's environment of the Map state.
        evaluated: what moto evaluated of the state (`DistributedIterationComponentEvalInput`).
        program: the child machine.
        thread_limit: children that run at the same time, at most, whatever MaxConcurrency says.

    """

    def __init__(self, env: Any, evaluated: Any, program: Any, thread_limit: int) -> None:
        self._env = env
        self._evaluated = evaluated
        self._program = program
        self._thread_limit = thread_limit
        self._execution: Execution = env.aws_execution_details
        self._spec = self._execution.map_spec(evaluated.state_name)
        self.arn: str = evaluated.map_run_record.map_run_arn
        self._child_machine: str = evaluated.map_run_record.map_state_machine_arn
        self._threshold = FailureThreshold(
            count=int(evaluated.tolerated_failure_count) if self._spec.tolerates_count else None,
            percentage=float(evaluated.tolerated_failure_percentage) if self._spec.tolerates_percentage else None,
        )
        self._changed = threading.Condition()
        self._over = False
        self._working = 0
        self._waiting: deque[tuple[int, Batch]] = deque()
        self._children: list[dict[str, Any] | None] = []
        self._under_way: dict[int, Batch] = {}
        self._record = {
            "mapRunArn": self.arn,
            "executionArn": env.states.context_object.context_object_data["Execution"]["Id"],
            "status": "RUNNING",
            "startDate": responses.now_iso(),
            "maxConcurrency": evaluated.map_run_record.max_concurrency or 0,
            "toleratedFailurePercentage": self._threshold.percentage or 0.0,
            "toleratedFailureCount": self._threshold.count or 0,
            "itemCounts": dict.fromkeys(_COUNTS, 0),
            "executionCounts": dict.fromkeys(_COUNTS, 0),
            "redriveCount": 0,
            "_stateMachineArn": self._child_machine,
        }

    def run(self) -> Any:
        """Run it to its end; the value is the Map state's result.

        Raises:
            FailureEventException: moto's; the state fails, Retry and Catch see the error.

        """
        self._in_context(stepfunctions._map_runs.__setitem__, self.arn, self._record)
        self._add_event(HistoryEventType.MapRunStarted, {"mapRunStartedEventDetails": {"mapRunArn": self.arn}})
        self._execution.map_runs.append(self)
        try:
            result = self._run()
        except (MapRunError, FailureEventException) as error:
            self._close("FAILED")
            raise self._failure(error) from error
        except BaseException:
            self._close("FAILED")
            self._add_event(HistoryEventType.MapRunFailed, {"mapRunFailedEventDetails": {}})
            raise
        finally:
            self._execution.map_runs.remove(self)
        if self._env.is_running():
            self._close("SUCCEEDED")
            self._add_event(HistoryEventType.MapRunSucceeded, None)
        return result

    def update(self, changes: dict[str, Any]) -> None:
        """Change MaxConcurrency and what is tolerated, named as UpdateMapRun names them; it takes effect at once.

        Children that run already go on, also where they are more than the new concurrency.
        """
        with self._changed:
            self._record.update(changes)
            self._threshold = FailureThreshold(
                count=changes.get("toleratedFailureCount", self._threshold.count),
                percentage=changes.get("toleratedFailurePercentage", self._threshold.percentage),
            )
            self._over = self._over or self._exceeded()
            self._changed.notify_all()
            self._start_workers()

    def abort(self) -> None:
        """Stop the children and close the record as ABORTED."""
        self._stop_children()
        self._close("ABORTED")

    def _run(self) -> Any:
        session = self._execution.session
        try:
            session.check("states:StartExecution", session.state_machine_arn)
        except AccessDeniedError as error:
            # The name is inferred: the one that a startExecution task has for it.
            raise MapRunError("StepFunctions.AccessDeniedException", str(error)) from error
        items = self._select(self._read())
        batches = self._batch(items)
        self._children = [None] * len(batches)
        for counts, total in (("itemCounts", len(items)), ("executionCounts", len(batches))):
            self._counts(counts).update(total=total, pending=total)
        self._waiting.extend(enumerate(batches))
        self._run_children()
        if not self._env.is_running():
            self.abort()
            return []
        result = self._write()
        if self._exceeded():
            raise MapRunError(failure_threshold.ERROR, failure_threshold.CAUSE)
        return result

    # -- items ---------------------------------------------------------------------------------------------------------

    def _read(self) -> list[Item]:
        reader = self._spec.fields.get("ItemReader")
        if reader is None:
            return [Item(value) for value in self._evaluated.input_items]
        arguments = Template(self._spec.query_language, reader.get("Arguments", reader.get("Parameters", {})))
        config = reader.get("ReaderConfig", {})
        limit = evaluate_field(self._env, self._spec.query_language, config, "MaxItems")
        try:
            return item_reader.read_items(
                self._execution.session.client("s3"),
                reader["Resource"],
                arguments.evaluate(self._env),
                config,
                self._whole_number("ReaderConfig.MaxItems", limit),
            )
        except ItemReaderError as error:
            raise MapRunError("States.ItemReaderFailed", str(error)) from error

    def _select(self, items: list[Item]) -> list[Any]:
        selector = self._spec.fields.get("ItemSelector", self._spec.fields.get("Parameters"))
        if selector is None:
            return [item.input for item in items]
        template = Template(self._spec.query_language, selector)
        context = self._env.states.context_object.context_object_data
        selected = []
        for index, item in enumerate(items):
            context["Map"] = {"Item": item.context(index)}
            selected.append(template.evaluate(self._env))
        context.pop("Map", None)
        return selected

    def _batch(self, items: list[Any]) -> list[Batch]:
        batcher = self._spec.fields.get("ItemBatcher")
        language = self._spec.query_language
        try:
            if batcher is None:
                return item_batcher.single(items)
            most = evaluate_field(self._env, language, batcher, "MaxItemsPerBatch")
            size = evaluate_field(self._env, language, batcher, "MaxInputBytesPerBatch")
            return item_batcher.batch(
                items,
                max_items=self._whole_number("MaxItemsPerBatch", most),
                max_bytes=self._whole_number("MaxInputBytesPerBatch", size),
                batch_input=evaluate_field(self._env, language, batcher, "BatchInput"),
            )
        except item_batcher.ItemTooLargeError as error:
            raise MapRunError("States.DataLimitExceeded", str(error)) from error

    @staticmethod
    def _whole_number(field: str, value: Any) -> int | None:
        if value is None:
            return None
        if isinstance(value, str) and value.isdecimal():
            # Step Functions takes the digits of a path's text for a number.
            return int(value) or None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < 0:
            raise MapRunError(
                "States.Runtime", f"The {field} field must be a whole number, 0 or more, but was {value!r}"
            )
        return int(value) or None

    # -- children ------------------------------------------------------------------------------------------------------

    def _run_children(self) -> None:
        """Run what waits, and return when nothing runs any more, the threshold is exceeded or the parent ended."""
        with self._changed:
            self._start_workers()
            while self._env.is_running() and not self._over and self._working:
                self._changed.wait(_POLL_SECONDS)
        if self._over or not self._env.is_running():
            self._stop_children()

    def _width(self) -> int:
        """How many children may run at the same time, now."""
        return min(self._record["maxConcurrency"] or self._thread_limit, self._thread_limit)

    def _start_workers(self) -> None:
        """As many threads as may run and have something to do; called with the lock."""
        for _ in range(min(self._width() - self._working, len(self._waiting))):
            self._working += 1
            in_context(self._execution.session, self._work)

    def _work(self) -> None:
        """A thread of the run: one child after the other, until none waits."""
        while (started := self._start_child()) is not None:
            self._run_child(*started)

    def _start_child(self) -> tuple[int, dict[str, Any], Batch] | None:
        """The next child, recorded as RUNNING; None when this thread isn't needed any more."""
        with self._changed:
            if self._over or not self._waiting or self._working > self._width():
                self._working -= 1
                self._changed.notify_all()
                return None
            index, batch = self._waiting.popleft()
            child = self._children[index] = self._child_record(as_json(batch.input), "RUNNING")
            stepfunctions._executions[child["executionArn"]] = child
            self._under_way[index] = batch
            self._move("pending", "running", batch.items)
            return index, child, batch

    def _run_child(self, index: int, child: dict[str, Any], batch: Batch) -> None:
        try:
            env = self._execution.environment(child, self._child_machine, batch.input)
            run_program(env, child, self._program)
        except Exception as error:  # noqa: BLE001 - a child that can't run has failed, and the others go on
            child.update(error="States.Runtime", cause=repr(error), stopDate=responses.now_iso(), status="FAILED")
        with self._changed:
            if self._over:
                return
            self._move("running", _OUTCOMES.get(child["status"], "aborted"), batch.items)
            del self._under_way[index]
            if child["status"] == "SUCCEEDED" and self._spec.execution_type == "EXPRESS":
                # An Express child has no history on AWS; thousands of them would fill the memory.
                child["events"] = []
            self._over = self._exceeded()

    def _stop_children(self) -> None:
        """Abort the children that run; the waiting ones stay PENDING. Their threads end on their own.

        A child that can't be interrupted goes on writing to its record, so that the run's is from now on a copy.
        """
        with self._changed:
            self._over = True
            for index, batch in self._under_way.items():
                child = {**(self._children[index] or {}), "stopDate": responses.now_iso(), "status": "ABORTED"}
                child |= {"output": None, "events": list(child["events"])}
                self._children[index] = child
                self._in_context(stepfunctions._executions.__setitem__, child["executionArn"], child)
                self._move("running", "aborted", batch.items)
                if env := running.find(child["executionArn"]):
                    env.set_stop(stop_date=None, cause=None, error=None)
            self._under_way.clear()
            self._changed.notify_all()

    def _child_record(self, input_text: str, status: str) -> dict[str, Any]:
        name = responses.new_uuid()
        return {
            "executionArn": execution_arn(self._child_machine, self._spec.execution_type, name),
            "stateMachineArn": self._child_machine,
            "name": name,
            "status": status,
            "startDate": responses.now_iso() if status == "RUNNING" else None,
            "stopDate": None,
            "input": input_text,
            "inputDetails": {"included": True},
            "output": None,
            "outputDetails": {"included": True},
            "mapRunArn": self.arn,
            "redriveCount": 0,
            "events": [],
            "mockAttempts": {},
        }

    # -- result --------------------------------------------------------------------------------------------------------

    def _write(self) -> Any:
        """The state's result; with a writer's `Resource`, the files in S3 first."""
        children = [child for child in self._children if child is not None]
        children += [self._child_record(as_json(batch.input), "PENDING") for _, batch in self._waiting]
        writer = self._spec.fields.get("ResultWriter")
        if writer is None:
            return [json.loads(child["output"]) for child in children if child["status"] == "SUCCEEDED"]
        config = writer.get("WriterConfig", {})
        if "Resource" not in writer:
            succeeded = [child for child in children if child["status"] == "SUCCEEDED"]
            return result_writer.transform(succeeded, config.get("Transformation", "NONE"))
        destination = Template(self._spec.query_language, writer.get("Arguments", writer.get("Parameters", {})))
        try:
            result = result_writer.write_results(
                self._execution.session.client("s3"),
                map_run_arn=self.arn,
                children=children,
                destination=destination.evaluate(self._env),
                config=config,
            )
        except ClientError as error:
            raise MapRunError("States.ResultWriterFailed", str(error)) from error
        for counts in ("itemCounts", "executionCounts"):
            self._counts(counts)["resultsWritten"] = self._counts(counts)["succeeded"]
        return result

    # -- the run's record ----------------------------------------------------------------------------------------------

    def _counts(self, name: str) -> dict[str, int]:
        counts: dict[str, int] = self._record[name]
        return counts

    def _move(self, source: str, target: str, items: int) -> None:
        for name, number in (("itemCounts", items), ("executionCounts", 1)):
            counts = self._counts(name)
            counts[source] -= number
            counts[target] += number

    def _exceeded(self) -> bool:
        counts = self._counts("itemCounts")
        return self._threshold.exceeded(counts["failed"] + counts["timedOut"], counts["total"])

    def _close(self, status: str) -> None:
        if self._record["status"] == "RUNNING":
            self._record.update(status=status, stopDate=responses.now_iso())

    def _failure(self, error: MapRunError | FailureEventException) -> FailureEventException:
        """What the interpreter raises for a failed run, once the event is in the history."""
        if isinstance(error, MapRunError):
            details = {"error": error.error, "cause": error.cause}
        else:
            names = ("error", "cause")
            pair = error.extract_error_cause_pair() or ()
            details = {name: value for name, value in zip(names, pair, strict=False) if value}
        self._add_event(HistoryEventType.MapRunFailed, {"mapRunFailedEventDetails": details})
        if not isinstance(error, MapRunError):
            return error
        return FailureEventException(
            FailureEvent(
                env=self._env,
                error_name=ErrorName(error.error),
                event_type=HistoryEventType.MapRunFailed,
                event_details={"mapRunFailedEventDetails": details},
            )
        )

    def _add_event(self, kind: Any, details: dict[str, Any] | None) -> None:
        self._env.event_manager.add_event(
            context=self._env.event_history_context, event_type=kind, event_details=details
        )

    def _in_context(self, function: Any, *arguments: Any) -> None:
        self._execution.session.context.copy().run(function, *arguments)


def _counting(original: Any) -> Any:
    def visit(self: Any, context: Any) -> Any:
        """In the place of moto's method, which takes a JSONata ToleratedFailureCount for a percentage."""
        return ToleratedFailureCountStringJSONata(string_jsonata=original(self, context).string_jsonata)

    return visit


def _evaluate_percentage(self: Any, env: Any) -> float:
    """In the place of moto's method, which cuts a percentage's fraction off."""
    percentage: float = evaluate_number("ToleratedFailurePercentage", self.string_jsonata, env, 100, whole=False)
    return percentage


def install(thread_limit: int) -> None:
    """Run DISTRIBUTED maps here."""
    component = distributed_iteration_component.DistributedIterationComponent
    require(stepfunctions, "_map_runs", "_executions")
    require(component, "_get_iteration_program")

    def evaluate(self: Any, env: Any) -> None:
        evaluated = env.stack.pop()
        result = MapRun(env, evaluated, self._get_iteration_program(), thread_limit).run()
        env.stack.append(result)

    replace(component, "_eval_body", evaluate)
    count = "visitTolerated_failure_count_string_jsonata"
    replace(Preprocessor, count, _counting(getattr(Preprocessor, count)))
    replace(ToleratedFailurePercentageStringJSONata, "_eval_tolerated_failure_percentage", _evaluate_percentage)
