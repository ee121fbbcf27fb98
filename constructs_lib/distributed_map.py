"""S3DistributedMap: objects or records in batches through a processor, in parallel, results to S3. For any job.

It is a state machine fragment: put it anywhere in a JSONata state machine's definition. Sizes are items or bytes,
times seconds. Limits are those of
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html; a value that Step Functions refuses at
deployment, or silently takes for another, is refused here, at construction.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from aws_cdk import Annotations, Duration, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib._checks import check_bucket, check_integer, check_kind, check_machine, check_percentage, usage_error
from constructs_lib._json_values import json_object
from constructs_lib._lambda_task import LambdaTask, jsonata
from constructs_lib._nested_task import state_with_credentials
from constructs_lib._query_language import jsonpath_in_chain, jsonpath_in_processor
from constructs_lib._run_limits import (
    warn_of_batch,
    warn_of_concurrency,
    warn_of_dispatch,
    warn_of_express_child,
    warn_of_transitions,
)
from constructs_lib.forecast.job import MAX_INPUT_BYTES
from constructs_lib.object_source import KeyExpression, ObjectSource, check_key, key_pattern, key_statements, key_value
from constructs_lib.retries import EXPRESS_SECONDS, LAMBDA_RETRIES, RetryPolicy
from constructs_lib.state_items import StateItems

if TYPE_CHECKING:
    from constructs import Construct

_MAX_LABEL = 40
_MAX_STATE_NAME = 80
_MAX_CONCURRENCY = 10_000
_MAX_BATCH_ITEMS = 100_000_000

_PROCESS, _REDUCE = ": process", ": reduce"
"""Behind the map's own name, those of the states that are made of functions."""

RETRIES_OUTLAST_CHILD = "step-functions-at-scale:retriesOutlastExpressChild"
"""Id of the warning about retries that an Express child has no time for."""


class S3DistributedMap(sfn.StateMachineFragment):
    """A Distributed Map over what is in S3: source -> batches -> processor -> result files -> reducer.

    The map state is named `construct_id`. Each child execution gets `{"Items": [{"key": …}, …]}` (one item as it is,
    `{"key": …}`, when no batch size is given; the record itself where items aren't objects' names), with `BatchInput`
    beside `Items` if there is one, and its output is a line of the result files: JSON lines under
    `results_prefix/<id of the map run>/`, listed in `manifest.json`. The map state's output, and the reducer's input:
    `{"MapRunArn": …, "ResultWriterDetails": {"Bucket": …, "Key": "<results_prefix>/<id>/manifest.json"}}`.

    Example::

        scan = S3DistributedMap(
            self,
            "Scan images",
            source=ObjectSource.from_listing(images, prefix="2024/"),
            processor=scan_function,
            results_bucket=results,
            max_items_per_batch=100,
            tolerated_failure_percentage=5,
        )
        sfn.StateMachine(
            self,
            "Scanner",
            definition_body=sfn.DefinitionBody.from_chainable(scan.next(sfn.Succeed.jsonata(self, "Done"))),
            query_language=sfn.QueryLanguage.JSONATA,
        )

    The state machine's role gets permission to read the items, to write the results under their prefix, to invoke the
    functions and to run the map. The functions' own permissions on the objects are yours to grant.

    Settings that are certain to run into a limit are warned of at synth, each by an id to acknowledge: more children
    than Lambda runs or Step Functions starts, more state transitions than the Region has, a batch without room for its
    items, an Express child that needs over five minutes.

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`; the map state's name.
        source: What to iterate over: an `ObjectSource`, or `StateItems` of the state's input.
        processor: Gets each batch: a Lambda function, or a chain of JSONata states. A function becomes the state
            "<construct_id>: process".
        results_bucket: Gets the result files.
        results_prefix: Where in it, without a slash at either end. Omitted: the label.
        max_items_per_batch: Items a batch. Omitted, with `max_input_bytes_per_batch` omitted too: no batches.
        max_input_bytes_per_batch: Bytes of a batch's JSON, up to 262,144. Omitted: 262,144 when there are batches.
        max_concurrency: Child executions at a time, 1 to 10,000.
        tolerated_failure_percentage: Percentage of items that may fail before the map run does. Omitted: none may.
        tolerated_failure_count: Number of items that may fail before the map run does. Omitted: none may. With both,
            the map run fails as soon as one of them is passed.
        child_type: EXPRESS children end after 5 minutes and cost less; STANDARD ones may take a year.
        label: Names the children's metrics and ARNs; 40 characters. Omitted: the words of `construct_id`, each with a
            capital: "Scan images" is ScanImages.
        batch_input: What each batch gets beside its items, as `BatchInput`: JSON, with JSONata in its values and
            `{% null %}` for null. Omitted: nothing.
        item_selector: What an item is made of, JSONata in its values. Omitted: `{"key": <the object's key>}` where the
            source's items name objects, else the item as it is.
        retry_policy: For the tasks that are made of functions. Omitted: `LAMBDA_RETRIES`. A chain brings its own.
        reducer: Runs after the map: a Lambda function, or a chain of JSONata states. A function becomes the state
            "<construct_id>: reduce". Omitted: nothing does.

    Raises:
        ValueError: for a value that Step Functions would refuse or misread.

    """

    def __init__(
        self,
        scope: "Construct",
        construct_id: str,
        *,
        source: ObjectSource | StateItems,
        processor: lambda_.IFunction | sfn.IChainable,
        results_bucket: s3.IBucket,
        results_prefix: str | KeyExpression | None = None,
        max_items_per_batch: int | None = None,
        max_input_bytes_per_batch: int | None = None,
        batch_input: Mapping[str, Any] | None = None,
        max_concurrency: int = 200,
        tolerated_failure_percentage: float | None = None,
        tolerated_failure_count: int | None = None,
        child_type: sfn.StateMachineType = sfn.StateMachineType.EXPRESS,
        label: str | None = None,
        item_selector: Mapping[str, Any] | None = None,
        retry_policy: RetryPolicy | None = None,
        reducer: lambda_.IFunction | sfn.IChainable | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        # Without this flag CDK drops `result_writer_v2` in silence. A library can't count on its user's cdk.json.
        self.node.set_context("@aws-cdk/aws-stepfunctions:useDistributedMapResultWriterV2", True)

        self._check_names(construct_id, processor, reducer)
        self._label = self._checked_label(label, construct_id)
        check_bucket(self, "results_bucket", results_bucket)
        self._check_batch(max_items_per_batch, max_input_bytes_per_batch)
        check_integer(
            self, "max_concurrency", max_concurrency, low=1, high=_MAX_CONCURRENCY, fix="Step Functions runs no more."
        )
        if tolerated_failure_percentage is not None:
            check_percentage(
                self, "tolerated_failure_percentage", tolerated_failure_percentage, fix="Leave it out to tolerate none."
            )
        if tolerated_failure_count is not None:
            check_integer(
                self,
                "tolerated_failure_count",
                tolerated_failure_count,
                low=0,
                high=_MAX_BATCH_ITEMS,
                fix="Leave it out to tolerate none.",
            )
        if not isinstance(source, ObjectSource | StateItems):
            raise usage_error(
                self,
                "source",
                source,
                allowed="ObjectSource, StateItems",
                fix="Use ObjectSource.from_listing(…) or another of its from_ methods.",
            )
        source.check(self)
        item_selector = self._checked_template("item_selector", item_selector)
        batch_input = self._checked_template("batch_input", batch_input)
        check_kind(self, "child_type", child_type, sfn.StateMachineType, fix="Use sfn.StateMachineType.STANDARD.")
        if retry_policy is not None:
            check_kind(self, "retry_policy", retry_policy, RetryPolicy, fix="Use LAMBDA_RETRIES, or a RetryPolicy(…).")
        prefix = self._checked_prefix(self._label if results_prefix is None else results_prefix)
        if retry_policy is not None and not _is_function(processor) and not _is_function(reducer):
            raise usage_error(
                self,
                "retry_policy",
                "given",
                allowed="with a Lambda function as processor or reducer (a chain of states brings its own retries)",
                fix="Leave it out, and call retry_policy.add_to(task) on the tasks of your chain.",
            )
        retries = LAMBDA_RETRIES if retry_policy is None else retry_policy

        has_batches = max_items_per_batch is not None or max_input_bytes_per_batch is not None
        if batch_input is not None and not has_batches:
            raise usage_error(
                self,
                "batch_input",
                "given",
                allowed="with max_items_per_batch, max_input_bytes_per_batch or both",
                fix="Without batches, put it into each item: item_selector.",
            )
        only_key = item_selector is None and source.item_key is not None
        self._map = sfn.DistributedMap.jsonata(
            self,
            "Map",
            state_name=construct_id,
            label=self._label,
            item_reader=source if isinstance(source, ObjectSource) else None,
            items=source.provide() if isinstance(source, StateItems) else None,
            item_selector={"key": jsonata(str(source.item_key))} if only_key else item_selector,
            item_batcher=sfn.ItemBatcher(
                max_items_per_batch=max_items_per_batch,
                max_input_bytes_per_batch=max_input_bytes_per_batch,
                batch_input=batch_input,
            )
            if has_batches
            else None,
            max_concurrency=max_concurrency,
            # Zero is what Step Functions tolerates anyway, so it doesn't matter that CDK renders none for it.
            tolerated_failure_percentage=tolerated_failure_percentage,
            tolerated_failure_count=tolerated_failure_count,
            map_execution_type=child_type,
            result_writer_v2=_ResultWriter(results_bucket, prefix),
        )
        self._map.item_processor(self._states(f"{construct_id}{_PROCESS}", processor, retries))
        self._refuse_jsonpath("processor", jsonpath_in_processor(self._map))
        rendered: Mapping[str, Any] = self._map.to_state_json(sfn.QueryLanguage.JSONATA)
        self._refuse_credentials(rendered)
        function = processor if _is_function(processor) else None
        self._warn_of_children(rendered["ItemProcessor"], child_type, max_concurrency, function, retries)
        warn_of_batch(
            self,
            max_items_per_batch,
            max_input_bytes_per_batch,
            _least_item_bytes(rendered, only_key=only_key),
        )

        self._end_states: list[sfn.INextable] = list(self._map.end_states)
        if reducer is not None:
            reducer_states = self._states(f"{construct_id}{_REDUCE}", reducer, retries)
            self._refuse_jsonpath("reducer", jsonpath_in_chain(reducer_states.start_state))
            self._map.next(reducer_states)
            self._end_states = list(reducer_states.end_states)

    @property
    def start_state(self) -> sfn.State:
        """The map state."""
        return self._map

    @property
    def end_states(self) -> list[sfn.INextable]:
        """The reducer's open ends, or the map state where there is no reducer."""
        return self._end_states

    @property
    def map_state(self) -> sfn.DistributedMap:
        """The map state, for what this construct has no argument for."""
        return self._map

    @property
    def label(self) -> str:
        """Stands in the ARN of each map run and child execution, and in the children's metrics."""
        return self._label

    def metric_children(
        self, metric_name: str, *, state_machine: sfn.IStateMachine, period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Return a metric of the child executions, a sum a minute (or `period`).

        `metric_name` is one of AWS/States: ExecutionsStarted, ExecutionsSucceeded, ExecutionsFailed, …
        A failed child is a failed *batch*, after its retries; a rejected object is none.
        """
        check_machine(self, "state_machine", state_machine)
        return cloudwatch.Metric(
            namespace="AWS/States",
            metric_name=metric_name,
            dimensions_map={"StateMachineArn": f"{state_machine.state_machine_arn}/{self._label}"},
            statistic="Sum",
            period=Duration.minutes(1) if period is None else period,
        )

    def _states(self, name: str, step: lambda_.IFunction | sfn.IChainable, retries: RetryPolicy) -> sfn.IChainable:
        return (
            LambdaTask(self, name, function=step, retry_policy=retries)
            if _is_function(step)
            else cast("sfn.IChainable", step)
        )

    def _check_names(
        self,
        construct_id: str,
        processor: lambda_.IFunction | sfn.IChainable,
        reducer: lambda_.IFunction | sfn.IChainable | None,
    ) -> None:
        names = [construct_id]
        for argument, step, suffix in (("processor", processor, _PROCESS), ("reducer", reducer, _REDUCE)):
            if _is_function(step):
                names.append(construct_id + suffix)
            elif not is_chain(step) and not (argument == "reducer" and step is None):
                raise usage_error(
                    self,
                    argument,
                    step,
                    allowed="a Lambda function, or JSONata states",
                    fix="Use such as tasks.LambdaInvoke.jsonata(…), for a chain with .next(…).",
                )
        for name in names:
            if len(name) > _MAX_STATE_NAME:
                raise usage_error(
                    self,
                    "construct_id",
                    construct_id,
                    allowed=f"state names of at most {_MAX_STATE_NAME} characters",
                    fix=f"The state {name!r} would have {len(name)}. Choose a shorter one.",
                )

    def _checked_template(self, argument: str, template: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if template is None:
            return None
        checked = json_object(self, argument, template)
        example = "$states.context.Map.Item.Value" if argument == "item_selector" else "$states.input"
        for name in _names_in(checked):
            if name.endswith(".$"):
                raise usage_error(
                    self,
                    argument,
                    name,
                    allowed="names without the .$ of JSONPath",
                    fix=f'Use {{"{name[:-2]}": "{{% {example} %}}"}}, in JSONata.',
                )
        return checked

    def _refuse_jsonpath(self, argument: str, found: str | None) -> None:
        if found is not None:
            raise ValueError(
                f"{self.node.path}: {argument} has {found}; allowed: JSONata states. Make each state, nested ones too, "
                "by its class's .jsonata(…), such as sfn.Pass.jsonata(…)."
            )

    def _refuse_credentials(self, rendered: Mapping[str, Any]) -> None:
        found = state_with_credentials(rendered["ItemProcessor"]["States"])
        if found is not None:
            raise usage_error(
                self,
                "processor",
                f"a chain whose state {found!r} assumes a role of another account",
                allowed="states without Credentials: the external id of a map's child is nowhere documented",
                fix="Run the other account's workflow before or after the map.",
            )

    def _checked_label(self, label: str | None, construct_id: str) -> str:
        if label is not None and (not isinstance(label, str) or Token.is_unresolved(label)):
            raise usage_error(self, "label", label, allowed="plain text", fix="It is part of ARNs.")
        words = (word[:1].upper() + word[1:] for word in re.split(r"[\W_]+", construct_id))
        chosen = "".join(words) if label is None else label
        if not re.fullmatch(rf"[0-9A-Za-z_-]{{1,{_MAX_LABEL}}}", chosen):
            raise usage_error(
                self,
                "label",
                chosen,
                allowed=f"1 to {_MAX_LABEL} English letters, digits, hyphens and underscores",
                fix=f'This has {len(chosen)} characters. Choose another, such as label="Scan".',
            )
        return chosen

    def _check_batch(self, items: int | None, size: int | None) -> None:
        if items is not None:
            check_integer(
                self, "max_items_per_batch", items, low=1, high=_MAX_BATCH_ITEMS, fix="Leave it out for no batches."
            )
        if size is not None:
            check_integer(
                self,
                "max_input_bytes_per_batch",
                size,
                low=1,
                high=MAX_INPUT_BYTES,
                fix="A child's input can't be larger.",
            )

    def _checked_prefix(self, prefix: str | KeyExpression) -> str | KeyExpression:
        check_key(self, "results_prefix", prefix, fix="Leave it out for the label.")
        pattern = key_pattern(prefix)
        if not Token.is_unresolved(pattern) and pattern != pattern.strip("/"):
            raise usage_error(
                self,
                "results_prefix",
                pattern,
                allowed="a prefix without a slash at either end",
                fix="Step Functions puts the slash and the map run's id after it.",
            )
        return prefix

    def _warn_of_children(
        self,
        child: Mapping[str, Any],
        child_type: sfn.StateMachineType,
        max_concurrency: int,
        function: lambda_.IFunction | None,
        retries: RetryPolicy,
    ) -> None:
        if function is not None:
            warn_of_concurrency(self, function, max_concurrency)
            warn_of_dispatch(self, child_type, max_concurrency, function)
        if child_type is sfn.StateMachineType.STANDARD:
            warn_of_transitions(self, max_concurrency, child["States"], child["StartAt"])
        elif function is None or not self._warn_of_long_retries(function, retries):
            warn_of_express_child(self, child["States"], child["StartAt"], function)

    def _warn_of_long_retries(self, processor: lambda_.IFunction, retries: RetryPolicy) -> bool:
        # An imported function's timeout isn't known: then only the delays count.
        duration = processor.timeout if isinstance(processor, lambda_.Function) else None
        timeout = 0 if duration is None else duration.to_seconds()
        too_long = {error: s for error, s in retries.worst_case_seconds(timeout).items() if s >= EXPRESS_SECONDS}
        if not too_long:
            return False
        longest = ", ".join(f"{error} {seconds:.0f} s" for error, seconds in sorted(too_long.items()))
        Annotations.of(self).add_warning_v2(
            RETRIES_OUTLAST_CHILD,
            f"Retries can outlast an Express child, which ends after {EXPRESS_SECONDS} s: {longest}, with a function "
            f"timeout of {timeout:.0f} s. Retry less, lower the timeout, or use child_type STANDARD.",
        )
        return True


class _ResultWriter(sfn.ResultWriterV2):
    """Writes compact JSON lines; its permissions are for the prefix, where CDK's are for the whole bucket."""

    def __init__(self, bucket: s3.IBucket, prefix: str | KeyExpression) -> None:
        super().__init__(
            bucket=bucket,
            prefix=key_value(prefix),
            writer_config=sfn.WriterConfig(output_type=sfn.OutputType.JSONL, transformation=sfn.Transformation.COMPACT),
        )
        self._statements = [
            iam.PolicyStatement(
                actions=["s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"],
                resources=[bucket.arn_for_objects(f"{key_pattern(prefix)}/*")],
            ),
            *key_statements(bucket, "kms:GenerateDataKey", "kms:Decrypt"),
        ]

    def provide_policy_statements(self) -> list[iam.PolicyStatement]:
        return self._statements


def _least_item_bytes(rendered: Mapping[str, Any], *, only_key: bool) -> int:
    """How short an item's JSON can be: a character a value, but as many as the listed prefix has for a key."""
    if "ItemSelector" not in rendered:
        return 1
    if not only_key:
        return len(json.dumps(dict.fromkeys(rendered["ItemSelector"], 0), separators=(",", ":")))
    prefix = rendered["ItemReader"].get("Arguments", {}).get("Prefix", "")
    known = isinstance(prefix, str) and not Token.is_unresolved(prefix) and not prefix.startswith("{%")
    return len(
        json.dumps({"key": (prefix if known else "") or "k"}, separators=(",", ":"), ensure_ascii=False).encode()
    )


def _names_in(value: object) -> Iterator[str]:
    """Each name in a template, at any depth."""
    if isinstance(value, Mapping):
        yield from value
    for member in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _names_in(member)


def is_chain(step: object) -> TypeGuard[sfn.IChainable]:
    """Whether `step` is a state or a chain of states."""
    # Like a function, a jsii interface, which isinstance() can't tell.
    return hasattr(step, "start_state")


def _is_function(step: object) -> TypeGuard[lambda_.IFunction]:
    return hasattr(step, "function_arn")
