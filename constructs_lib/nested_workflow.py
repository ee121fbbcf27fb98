"""The states of a parent that run a child state machine and wait for it, and those of a child that reports to it.

All of them JSONata, with a timeout and with retries of throttled calls. Where the child is, in this account or in
another, is `ChildWorkflow`'s to say; through which role, `cross_account`'s. Times are `Duration`s. The integration:
https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib._checks import check_kind, usage_error
from constructs_lib._json_values import json_object
from constructs_lib._lambda_task import jsonata
from constructs_lib._nested_task import NestedTask, check_timeout
from constructs_lib._workflow_identity import (
    ChildWorkflow,
    WorkflowIdentity,
    check_role_name,
    default_role_name,
    role_arn,
)
from constructs_lib.retries import EXPRESS_SECONDS, RetryPolicy, RetryRule

NESTED_WORKFLOW_RETRIES = RetryPolicy(
    (
        # A refused call started nothing. The documentation has the first name only, the others are the API's as Step
        # Functions writes them: https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
        RetryRule(
            errors=(
                "StepFunctions.ExecutionLimitExceeded",
                "StepFunctions.ExecutionLimitExceededException",
                "StepFunctions.ThrottlingException",
                "Sfn.ExecutionLimitExceededException",
                "Sfn.ThrottlingException",
            ),
            max_attempts=10,
            attempt_seconds=0,
        ),
        # Any error that the API's model doesn't list, as it doesn't list throttling. Inferred: the calls of S3 and of
        # Batch fail so, and a solution of AWS's own retries its nested executions by this name:
        # https://github.com/aws-solutions/data-transfer-from-amazon-s3-glacier-vaults-to-amazon-s3
        # A denied call has it, too, and fails some seconds later for these retries.
        RetryRule(
            errors=("StepFunctions.AWSStepFunctionsException", "Sfn.SfnException"), max_attempts=3, attempt_seconds=0
        ),
        RetryRule(
            errors=("StepFunctions.SdkClientException", "Sfn.SdkClientException"), max_attempts=5, attempt_seconds=0
        ),
    )
)
"""The retries of every state here: of calls that are throttled or get no answer, never of a child that failed.

A call that is denied can't be told from a throttled one by its error's name: it is tried three times more, within 7 s.
"""

_ONE_HOUR = Duration.hours(1)
_YEAR_SECONDS = 31_536_000
_FIVE_MINUTES = Duration.minutes(5)

# A closed execution's name can't be used again for 90 days, so each attempt and each redrive has one of its own. The
# random part keeps those of a loop's rounds and a map's items apart: of a map in a map the context tells the inner
# index only. 50 + 16 characters and two numbers: under 80.
_EXECUTION_NAME = jsonata(
    "$substring($states.context.Execution.Name, 0, 50) & '-' & $substring($uuid(), 0, 13) & '-' & "
    "$states.context.Execution.RedriveCount & '-' & $states.context.State.RetryCount"
)
# By this name the console links the child to its parent.
_STARTED_BY = {"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "$states.context.Execution.Id"}
_TASK_TOKEN = {"TaskToken": "$states.context.Task.Token"}
_MANAGED_RULE = "StepFunctionsGetEventsForStepFunctionsExecutionRule"
# https://states-language.net/spec.html: longer ones are refused at deployment.
_MAX_STATE_NAME = 80

# Behind the construct's own name, those of the states that follow.
_OUTPUT, _SUCCEEDED, _FAILED = ": output", ": succeeded?", ": failed"
_REPORT_SUCCESS, _REPORT_FAILURE = ": report success", ": report failure"


class NestedWorkflow(NestedTask):
    """A state that starts a child, in this account or in another, and waits for it: `startExecution.sync:2`, JSONata.

    Across accounts Step Functions polls, every minute at first; the parent's role gets `sts:AssumeRole` on the target
    role, and nothing else for this state. In one account EventBridge tells it: the role gets the permissions on the
    child, and on the managed rule. A child that fails fails the state with `States.TaskFailed`; its own error and cause
    are in the Cause, where `ChildFailure` finds them.

    Example::

        classify = NestedWorkflow(
            self,
            "Classify review",
            child=ChildWorkflow.in_account(account="222222222222", state_machine_name="review-classifier"),
            timeout=Duration.minutes(15),
        )
        classify.add_catch(ChildFailure(self, "Not classified"))

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`; the state's name.
        child: Where the child is.
        input: The child's input, JSONata in its values. Omitted: the state's input, which must be an object. Either way
            `AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID` is added.
        timeout: Of the state, the wait included; the child is stopped then. One year at most.
        retry_policy: For calls that fail. Retrying `States.TaskFailed` starts the child again, by another name.
        outputs: The state's output, JSONata. Omitted: the child's output.
        assign: Variables, JSONata in their values. Omitted: none.

    Raises:
        ValueError: for an EXPRESS child, one of another Region or partition, a missing timeout, and a state's name of
            more than 80 characters.

    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        child: ChildWorkflow,
        input: Mapping[str, Any] | None = None,  # noqa: A002 - the service's word
        timeout: Duration = _ONE_HOUR,
        retry_policy: RetryPolicy = NESTED_WORKFLOW_RETRIES,
        outputs: Any = None,
        assign: Mapping[str, Any] | None = None,
    ) -> None:
        where = f"{scope.node.path}/{construct_id}"
        _check_names(where, construct_id)
        given = _checked_input(scope, where, child, input, sfn.StateMachineType.STANDARD)
        check_timeout(where, "timeout", timeout, longest_seconds=_YEAR_SECONDS)
        statements = []
        if child.account is None:
            rule = Stack.of(scope).format_arn(service="events", resource="rule", resource_name=_MANAGED_RULE)
            statements = [
                iam.PolicyStatement(actions=["states:StartExecution"], resources=[child.arn(scope)]),
                iam.PolicyStatement(
                    actions=["states:DescribeExecution", "states:StopExecution"],
                    resources=[child.executions_arn(scope)],
                ),
                iam.PolicyStatement(
                    actions=["events:DescribeRule", "events:PutRule", "events:PutTargets"], resources=[rule]
                ),
            ]
        super().__init__(
            scope,
            construct_id,
            resource="states:startExecution.sync:2",
            arguments={
                "StateMachineArn": child.arn(scope),
                "Name": _EXECUTION_NAME,
                "Input": _child_input(given, _STARTED_BY),
            },
            output=jsonata("$states.result.Output") if outputs is None else outputs,
            assign=assign,
            timeout=timeout,
            target_role_arn=child.target_role_arn(scope),
            statements=statements,
            retry_policy=retry_policy,
        )


class NestedWorkflowWithCallback(NestedTask):
    """A state that starts a child and waits until the child reports: `startExecution.waitForTaskToken`, JSONata.

    For a child that can be changed: it gets `TaskToken` in its input, and reports by `ReportedWork` and a
    `CallbackRole` (in one account by tasks of its own, with `grant_task_response`). The parent hears of it at once,
    where `NestedWorkflow` polls. A child that reports a failure fails the state with its own error and cause. One that
    is stopped, or ends without a report, is noticed by the heartbeat (`States.HeartbeatTimeout`) or the timeout; this
    state stops no child.

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`; the state's name.
        child: Where the child is. Its `TargetRole` needs integration_pattern WAIT_FOR_TASK_TOKEN.
        heartbeat: How long the child may be silent, shorter than `timeout`. A child whose work takes longer reports on
            its way, by `ReportHeartbeat`.
        input: As with `NestedWorkflow`; `TaskToken` is added, too.
        timeout: Of the state, one year at most.
        retry_policy: For calls that fail.
        outputs: The state's output, JSONata. Omitted: what the child reported.
        assign: Variables, JSONata in their values. Omitted: none.

    Raises:
        ValueError: as `NestedWorkflow`, and for a heartbeat that isn't shorter than the timeout.

    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        child: ChildWorkflow,
        heartbeat: Duration,
        input: Mapping[str, Any] | None = None,  # noqa: A002 - the service's word
        timeout: Duration = _ONE_HOUR,
        retry_policy: RetryPolicy = NESTED_WORKFLOW_RETRIES,
        outputs: Any = None,
        assign: Mapping[str, Any] | None = None,
    ) -> None:
        where = f"{scope.node.path}/{construct_id}"
        _check_names(where, construct_id)
        given = _checked_input(scope, where, child, input, sfn.StateMachineType.STANDARD)
        check_timeout(where, "timeout", timeout, longest_seconds=_YEAR_SECONDS)
        check_timeout(where, "heartbeat", heartbeat, longest_seconds=_YEAR_SECONDS)
        known = not heartbeat.is_unresolved() and not timeout.is_unresolved()
        if known and heartbeat.to_seconds() >= timeout.to_seconds():
            raise usage_error(
                where,
                "heartbeat",
                f"{heartbeat.to_seconds()} s",
                allowed=f"less than the timeout of {timeout.to_seconds()} s",
                fix="Shorten the heartbeat, or lengthen the timeout.",
            )
        super().__init__(
            scope,
            construct_id,
            resource="states:startExecution.waitForTaskToken",
            arguments={
                "StateMachineArn": child.arn(scope),
                "Name": _EXECUTION_NAME,
                "Input": _child_input(given, _STARTED_BY | _TASK_TOKEN),
            },
            output=jsonata("$states.result") if outputs is None else outputs,
            assign=assign,
            timeout=timeout,
            heartbeat=heartbeat,
            target_role_arn=child.target_role_arn(scope),
            statements=_start_statements(scope, child, "states:StartExecution"),
            retry_policy=retry_policy,
        )


class NestedExpressWorkflow(sfn.StateMachineFragment):
    """States that run an EXPRESS child, in this account or in another, and wait for it in the same call.

    The call succeeds though the child failed: a Choice on its Status follows, and a Fail with the child's own Error and
    Cause. The call isn't in CloudTrail.

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`; the state's name, and the beginning of its followers' names.
        child: Where the child is; an EXPRESS one.
        input: As with `NestedWorkflow`.
        timeout: Of the call; 5 minutes at most, as long as an Express execution lasts.
        retry_policy: For calls that fail.
        on_failure: What follows on a child that failed or timed out, with `{"Error", "Cause", "Status",
            "ExecutionArn"}` for its input. Omitted: a Fail state with its Error and Cause.

    Raises:
        ValueError: for a STANDARD child, one of another Region or partition, a missing timeout, and a state's name of
            more than 80 characters.

    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        child: ChildWorkflow,
        input: Mapping[str, Any] | None = None,  # noqa: A002 - the service's word
        timeout: Duration = _FIVE_MINUTES,
        retry_policy: RetryPolicy = NESTED_WORKFLOW_RETRIES,
        on_failure: sfn.IChainable | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        where = self.node.path
        _check_names(where, construct_id, _OUTPUT, _SUCCEEDED, _FAILED)
        given = _checked_input(scope, where, child, input, sfn.StateMachineType.EXPRESS)
        check_timeout(where, "timeout", timeout, longest_seconds=EXPRESS_SECONDS)
        self._call = NestedTask(
            self,
            construct_id,
            resource="aws-sdk:sfn:startSyncExecution",
            arguments={
                "StateMachineArn": child.arn(scope),
                "Name": _EXECUTION_NAME,
                "Input": jsonata(f"$string({_expression(given, _STARTED_BY)})"),
            },
            output=jsonata("$states.result"),
            timeout=timeout,
            target_role_arn=child.target_role_arn(scope),
            statements=_start_statements(scope, child, "states:StartSyncExecution"),
            retry_policy=retry_policy,
        )
        succeeded = sfn.Pass.jsonata(self, f"{construct_id}{_OUTPUT}", outputs=jsonata("$parse($states.input.Output)"))
        failed = sfn.Fail(
            self,
            f"{construct_id}{_FAILED}",
            query_language=sfn.QueryLanguage.JSONATA,
            error=jsonata(f"$exists($states.input.Error) ? $states.input.Error : {_ERROR_OF_STATUS}"),
            cause=jsonata(f"$exists($states.input.Cause) ? $states.input.Cause : {_CAUSE_OF_STATUS}"),
        )
        status = sfn.Choice.jsonata(self, f"{construct_id}{_SUCCEEDED}")
        status.when(sfn.Condition.jsonata(jsonata("$states.input.Status = 'SUCCEEDED'")), succeeded)
        status.otherwise(failed if on_failure is None else on_failure)
        self._call.next(status)
        self._end_states: list[sfn.INextable] = [succeeded]

    @property
    def start_state(self) -> sfn.State:
        """The call."""
        return self._call

    @property
    def end_states(self) -> list[sfn.INextable]:
        """The state whose output is the child's."""
        return self._end_states

    @property
    def call(self) -> sfn.CustomState:
        """The call, to catch what fails of it: a child that couldn't be started, by its `add_catch`."""
        return self._call


# Of a child that ended without an error of its own: stopped, or out of time.
_ERROR_OF_STATUS = "($states.input.Status = 'TIMED_OUT' ? 'States.Timeout' : 'States.TaskFailed')"
_CAUSE_OF_STATUS = "'The child execution ' & $states.input.ExecutionArn & ' ended as ' & $states.input.Status & '.'"


class ChildFailure(sfn.Fail):
    """Ends the parent with the child's own Error and Cause: catch what a nested workflow's state fails with by it.

    What isn't the child's (a denied call, a timeout of the state) keeps its name and its cause.

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`; the state's name.

    Raises:
        ValueError: for a name of more than 80 characters.

    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        _check_names(f"{scope.node.path}/{construct_id}", construct_id)
        # `.sync` puts the child's description, JSON, into the Cause; one that was cut short isn't read. What a child
        # reports by another name is its own, whatever its Cause looks like. A Cause need not be there.
        child = (
            "$cause := $states.input.Cause & ''; "
            "$child := $states.input.Error = 'States.TaskFailed' and "
            '$contains($cause, /^\\{.*"ExecutionArn".*\\}$/) ? $parse($cause); '
        )
        super().__init__(
            scope,
            construct_id,
            query_language=sfn.QueryLanguage.JSONATA,
            error=jsonata(
                f"({child}$exists($child.Error) ? $child.Error : "
                "$child.Status = 'TIMED_OUT' ? 'States.Timeout' : $states.input.Error)"
            ),
            cause=jsonata(
                f"({child}$exists($child.Cause) ? $child.Cause : $exists($child) ? "
                "'The child execution ' & $child.ExecutionArn & ' ended as ' & $child.Status & '.' : $cause)"
            ),
        )


class ReportHeartbeat(NestedTask):
    """A state of the child that tells the waiting parent that it is alive; its output is its input.

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`; the state's name.
        parent: The state machine that waits.
        callback_role_name: Of the `CallbackRole` in the parent's account. Omitted: its default.

    Raises:
        ValueError: for a name that can't be one, a role's or a state's.

    """

    def __init__(
        self, scope: Construct, construct_id: str, *, parent: WorkflowIdentity, callback_role_name: str | None = None
    ) -> None:
        where = f"{scope.node.path}/{construct_id}"
        _check_names(where, construct_id)
        super().__init__(
            scope, construct_id, **_report(scope, where, parent, callback_role_name, "sendTaskHeartbeat", {})
        )


class ReportedWork(sfn.StateMachineFragment):
    """States of the child that do its work and report the end, good or bad, to the parent that waits.

    The work's input is the child's, `TaskToken` included. When the work fails, the parent gets its error and cause, and
    the child ends with the same. What Step Functions lets no one catch (`States.Runtime`, `States.DataLimitExceeded`)
    and an execution that is stopped isn't reported: the parent's heartbeat ends its wait.

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`; the beginning of the states' names.
        work: JSONata states; the last one's output is the parent state's result.
        parent: The state machine that waits; it has a `CallbackRole` that names the child.
        callback_role_name: Of that role. Omitted: its default.

    Raises:
        ValueError: for work that is none, and a name that can't be one: a role's, or a state's.

    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        work: sfn.IChainable,
        parent: WorkflowIdentity,
        callback_role_name: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        where = self.node.path
        _check_names(where, construct_id, _REPORT_SUCCESS, _REPORT_FAILURE, _FAILED)
        if not hasattr(work, "start_state"):
            raise usage_error(
                where, "work", work, allowed="JSONata states", fix="Use a state, or a chain of some with .next(…)."
            )
        self._work = sfn.Parallel.jsonata(self, construct_id, outputs=jsonata("$states.result[0]"))
        self._work.branch(work)
        # JSON, of any value: $string leaves text as it is, so that the field's value is cut out of an object's.
        text = '$text := $string({"o": $states.input}); $substring($text, 5, $length($text) - 6)'
        output = {"Output": jsonata(f"({text})")}
        self._success = NestedTask(
            self,
            f"{construct_id}{_REPORT_SUCCESS}",
            **_report(self, where, parent, callback_role_name, "sendTaskSuccess", output),
        )
        # As much as the call takes, and a Cause need not be there.
        error = {
            "Error": jsonata("$substring($states.input.Error, 0, 256)"),
            "Cause": jsonata("$substring($states.input.Cause & '', 0, 32768)"),
        }
        failure = NestedTask(
            self,
            f"{construct_id}{_REPORT_FAILURE}",
            **_report(self, where, parent, callback_role_name, "sendTaskFailure", error),
        )
        self._work.add_catch(failure, errors=["States.ALL"])
        failure.next(
            sfn.Fail(
                self,
                f"{construct_id}{_FAILED}",
                query_language=sfn.QueryLanguage.JSONATA,
                error=jsonata("$states.input.Error"),
                cause=jsonata("$states.input.Cause & ''"),
            )
        )
        self._work.next(self._success)

    @property
    def start_state(self) -> sfn.State:
        """The work."""
        return self._work

    @property
    def end_states(self) -> list[sfn.INextable]:
        """The report of success; its output is the work's."""
        return [self._success]


def _report(
    scope: Construct,
    where: str,
    parent: WorkflowIdentity,
    callback_role_name: str | None,
    action: str,
    arguments: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what a task is made of that reports to a parent."""
    check_kind(where, "parent", parent, WorkflowIdentity, fix="Use WorkflowIdentity(…), the one that waits.")
    if callback_role_name is not None:
        check_role_name(where, "callback_role_name", callback_role_name)
    name = callback_role_name or default_role_name(scope, parent.state_machine_name, "-callback")
    return {
        "resource": f"aws-sdk:sfn:{action}",
        "arguments": {"TaskToken": jsonata("$states.context.Execution.Input.TaskToken"), **arguments},
        "output": jsonata("$states.input"),
        "timeout": Duration.minutes(1),
        "target_role_arn": role_arn(scope, parent.account, name),
        "retry_policy": NESTED_WORKFLOW_RETRIES,
    }


def _check_names(where: str, construct_id: str, *endings: str) -> None:
    """Raise ValueError for a name that AWS would refuse: the construct's own, or one that it begins."""
    longest = max((f"{construct_id}{ending}" for ending in ("", *endings)), key=len)
    if len(longest) > _MAX_STATE_NAME:
        raise usage_error(
            where,
            "construct_id",
            construct_id,
            allowed=f"state names of at most {_MAX_STATE_NAME} characters",
            fix=f"The state {longest!r} would have {len(longest)}. Choose a shorter one.",
        )


def _checked_input(
    scope: Construct,
    where: str,
    child: ChildWorkflow,
    given: Mapping[str, Any] | None,
    child_type: sfn.StateMachineType,
) -> dict[str, Any] | None:
    """Return the input, where the child is one that can be called."""
    check_kind(where, "child", child, ChildWorkflow, fix="Use ChildWorkflow.in_account(…) or .in_this_account(…).")
    if child.child_type is not child_type:
        fix = (
            "Use NestedExpressWorkflow: nothing can wait for an Express execution that was started on its own."
            if child_type is sfn.StateMachineType.STANDARD
            else "Use NestedWorkflow; or say child_type=EXPRESS if the child is."
        )
        raise usage_error(
            where, "child", f"of type {child.child_type.name}", allowed=f"of type {child_type.name}", fix=fix
        )
    child.check_place(scope, where)
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise usage_error(
            where, "input", given, allowed="an object, JSONata in its values", fix="Leave it out for the state's input."
        )
    for name in given:
        if not isinstance(name, str) or name.endswith(".$") or name in _STARTED_BY | _TASK_TOKEN:
            raise usage_error(
                where,
                "input",
                name,
                allowed="names as text without the .$ of JSONPath, other than those that are added",
                fix='Use {"review": "{% $states.input.review %}"}, in JSONata.',
            )
    return json_object(where, "input", given)


def _child_input(given: Mapping[str, Any] | None, added: Mapping[str, str]) -> Any:
    """Return the child's input as an ASL field."""
    if given is None:
        return jsonata(_expression(None, added))
    return {**given, **{name: jsonata(expression) for name, expression in added.items()}}


def _expression(given: Mapping[str, Any] | None, added: Mapping[str, str]) -> str:
    """Return the child's input as one expression."""
    ours = "{" + ", ".join(f"{json.dumps(name)}: {expression}" for name, expression in added.items()) + "}"
    return f"$merge([{'$states.input' if given is None else _literal(given)}, {ours}])"


def _literal(value: Any) -> str:
    """Return a value with JSONata in it as one expression."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)}: {_literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    expression = re.fullmatch(r"\{%(.*)%\}", value, re.DOTALL) if isinstance(value, str) else None
    return json.dumps(value, ensure_ascii=False) if expression is None else f"({expression[1].strip()})"


def _start_statements(scope: Construct, child: ChildWorkflow, action: str) -> list[iam.PolicyStatement]:
    """Return what the parent's own role needs to start a child: nothing where it assumes the target role."""
    if child.account is not None:
        return []
    return [iam.PolicyStatement(actions=[action], resources=[child.arn(scope)])]
