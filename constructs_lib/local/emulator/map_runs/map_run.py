"""A Map Run: the items of a DISTRIBUTED Map state, each batch of them a child execution with a record of its own.

Takes the place of moto's `DistributedIterationComponent._eval_body`: the same events in the parent's history, but items
read with the role's session, batches, EXPRESS children, tolerated failure, the result writer, and a MapRun record in
MiniStack that DescribeMapRun, ListMapRuns and ListExecutions show while the run goes on.
"""

import json
from typing import TYPE_CHECKING, Any

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
from constructs_lib.local.emulator.language import map_items, positions
from constructs_lib.local.emulator.language.jsonata import evaluate_number
from constructs_lib.local.emulator.map_runs import (
    children,
    failure_threshold,
    item_batcher,
    item_reader,
    result_writer,
)
from constructs_lib.local.emulator.map_runs.children import COUNTS, Children
from constructs_lib.local.emulator.map_runs.failure_threshold import FailureThreshold
from constructs_lib.local.emulator.map_runs.item import Item, ItemReaderError
from constructs_lib.local.emulator.map_runs.item_batcher import Batch
from constructs_lib.local.emulator.patches import replace, require
from constructs_lib.local.emulator.tasks.role_sessions import AccessDeniedError

if TYPE_CHECKING:
    from constructs_lib.local.emulator.execution import Execution

# https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html#redrive-eligibility-map-run
MAX_REDRIVES = 1_000


class MapRunError(Exception):
    """The Map Run fails with this error name and cause."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class MapRun:
    """One Map Run, or one redrive of it.

    Args:
        env: moto's environment of the Map state.
        evaluated: what moto evaluated of the state (`DistributedIterationComponentEvalInput`).
        program: the child machine.
        thread_limit: children that run at the same time, at most, whatever MaxConcurrency says.
        earlier: what is redriven; None: it is a new run.

    """

    def __init__(
        self, env: Any, evaluated: Any, program: Any, thread_limit: int, earlier: "MapRun | None" = None
    ) -> None:
        self._env = env
        self._evaluated = evaluated
        self._execution: Execution = env.aws_execution_details
        self._spec = self._execution.map_spec(evaluated.state_name)
        if earlier is None:
            self._threshold = FailureThreshold(
                count=int(evaluated.tolerated_failure_count) if self._spec.tolerates_count else None,
                percentage=float(evaluated.tolerated_failure_percentage) if self._spec.tolerates_percentage else None,
            )
            self._record = self._new_record()
        else:
            # What UpdateMapRun changed stays so.
            self._threshold = earlier._threshold
            self._record = earlier._redriven_record()
        self.arn: str = self._record["mapRunArn"]
        self._earlier = earlier
        self._has_ended = False
        self._children = Children(env, program, self._spec.execution_type, self._record, self._exceeded, thread_limit)

    @property
    def has_succeeded(self) -> bool:
        """Whether it has; a redrive of the state then makes a new one."""
        return bool(self._record["status"] == "SUCCEEDED")

    def run(self) -> Any:
        """Run it to its end; the value is the Map state's result.

        Raises:
            FailureEventException: moto's; the state fails, Retry and Catch see the error.

        """
        try:
            return self._run_recorded()
        finally:
            with self._children.changed:
                self._has_ended = True
                self._children.changed.notify_all()

    def has_ended(self, env: Any) -> bool:
        """Whether it has, Express children and results included; waits for it as long as `env`, a redrive's, runs."""
        self.abort()
        with env.program_state_event.told_to(self._children.wake), self._children.changed:
            while not self._has_ended and env.is_running():
                self._children.changed.wait()
        return self._has_ended

    def _run_recorded(self) -> Any:
        self._execution.session.context.copy().run(stepfunctions._map_runs.__setitem__, self.arn, self._record)
        if self._earlier is None:
            self._add_event(HistoryEventType.MapRunStarted, {"mapRunStartedEventDetails": {"mapRunArn": self.arn}})
        else:
            details = {"mapRunArn": self.arn, "redriveCount": self._record["redriveCount"]}
            self._add_event(HistoryEventType.MapRunRedriven, {"mapRunRedrivenEventDetails": details})
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
        with self._children.changed:
            self._record.update(changes)
            self._threshold = FailureThreshold(
                count=changes.get("toleratedFailureCount", self._threshold.count),
                percentage=changes.get("toleratedFailurePercentage", self._threshold.percentage),
            )
            self._children.look()

    def abort(self) -> None:
        """Stop the children and, once none runs any more, close the record as ABORTED, unless it has ended."""
        if self._children.stop():
            self._close("ABORTED")

    def _run(self) -> Any:
        if self._record["redriveCount"] > MAX_REDRIVES:
            # The name is documented, the sentence isn't.
            raise MapRunError("States.Runtime", f"The Map Run was redriven more than {MAX_REDRIVES:,} times.")
        try:
            if self._earlier is None or self._earlier._children.batches is None:
                self._children.add(self._batch(self._select(self._read())))
            else:
                self._children.take_up(self._earlier._children)
        except AccessDeniedError as error:
            # The name is recorded: https://github.com/radkawar/stackd/blob/9dc356f/testdata/aws/stepfunctions/redrive_map.json
            raise MapRunError("States.Runtime", str(error)) from error
        finally:
            self._earlier = None
        self._children.run()
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
            items = self._evaluated.input_items
            if isinstance(items, map_items.Pairs):
                return [Item(value, key=key) for key, value in items]
            return [Item(value) for value in items]
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

    # -- result --------------------------------------------------------------------------------------------------------

    def _write(self) -> Any:
        """The state's result; with a writer's `Resource`, the files in S3 first."""
        children = list(self._children.records())
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

    def _new_record(self) -> dict[str, Any]:
        started = self._evaluated.map_run_record
        return {
            "mapRunArn": started.map_run_arn,
            "executionArn": self._env.states.context_object.context_object_data["Execution"]["Id"],
            "status": "RUNNING",
            "startDate": responses.now_iso(),
            "maxConcurrency": started.max_concurrency or 0,
            "toleratedFailurePercentage": self._threshold.percentage or 0.0,
            "toleratedFailureCount": self._threshold.count or 0,
            "itemCounts": dict.fromkeys(COUNTS, 0),
            "executionCounts": dict.fromkeys(COUNTS, 0),
            "redriveCount": 0,
            "_stateMachineArn": started.map_state_machine_arn,
        }

    def _redriven_record(self) -> dict[str, Any]:
        """What a redrive begins with; this run may still write to its own."""
        copied = {name: value for name, value in self._record.items() if name != "stopDate"}
        return copied | {
            "status": "RUNNING",
            "itemCounts": dict(self._counts("itemCounts")),
            "executionCounts": dict(self._counts("executionCounts")),
            "redriveCount": self._record["redriveCount"] + 1,
            "redriveDate": responses.now_iso(),
        }

    def _counts(self, name: str) -> dict[str, int]:
        counts: dict[str, int] = self._record[name]
        return counts

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
    children.install()
    map_items.install()
    component = distributed_iteration_component.DistributedIterationComponent
    require(stepfunctions, "_map_runs")
    require(component, "_get_iteration_program")

    def evaluate(self: Any, env: Any) -> None:
        evaluated = env.stack.pop()
        attempt = positions.attempt_of(env)
        if attempt.map_run is not None and not attempt.map_run.has_ended(env):
            env.stack.append([])
            return
        run = MapRun(env, evaluated, self._get_iteration_program(), thread_limit, attempt.map_run)
        attempt.map_run = run
        env.stack.append(run.run())

    replace(component, "_eval_body", evaluate)
    count = "visitTolerated_failure_count_string_jsonata"
    replace(Preprocessor, count, _counting(getattr(Preprocessor, count)))
    replace(ToleratedFailurePercentageStringJSONata, "_eval_tolerated_failure_percentage", _evaluate_percentage)
