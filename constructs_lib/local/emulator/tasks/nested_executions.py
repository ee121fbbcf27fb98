"""`states:startExecution.sync` and `.sync:2`: waiting for a child execution, in this account or in another.

On AWS a task of the same account is told by EventBridge when its child is over, and one with `Credentials` polls. Here
both look at the record that the server has of the child, every LOCAL_AWS_SYNC_POLL_MILLISECONDS, and call
DescribeExecution under the task's role once the child is over. A denied call isn't a failure: the task keeps waiting,
and goes on when the permission is there.
"""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from ministack.services import stepfunctions
from moto.stepfunctions.parser.api import DescribeExecutionOutput
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.utilities.collections import select_from_typed_dict

from constructs_lib.local.emulator.patches import replace, require
from constructs_lib.local.emulator.tasks.role_sessions import AccessDeniedError, AssumeRoleError, TaskCredentials, check
from constructs_lib.local.emulator.tasks.task_failure import task_failure
from constructs_lib.local.states import all_states

_RULE = "StepFunctionsGetEventsForStepFunctionsExecutionRule"
_RULE_ACTIONS = ("events:PutTargets", "events:PutRule", "events:DescribeRule")


class ChildExecution:
    """The execution that a task started and waits for.

    Args:
        state: moto's state.
        env: moto's environment of the attempt.
        credentials: the task's.
        arn: the child's.
        region: the child's.
        parses: `.sync:2`: input and output are values in the result, not JSON text.

    """

    def __init__(
        self, state: Any, env: Any, credentials: TaskCredentials, arn: str, region: str, *, parses: bool
    ) -> None:
        self._state = state
        self._env = env
        self._credentials = credentials
        self._arn = arn
        self._region = region
        self._parses = parses

    def __call__(self) -> dict[str, Any] | None:
        """The description of the child that has succeeded; None while it runs, or nobody may say so.

        Raises:
            FailureEventException: moto's; it has ended otherwise.
            botocore.exceptions.ClientError: the call failed, and not for want of a permission.

        """
        _, _, _, region, account, *_ = self._arn.split(":")
        record = stepfunctions._executions.get_scoped(account, region, self._arn)
        if record is not None and record["status"] == "RUNNING":
            return None
        try:
            # A client each time: the session of an assumed role expires before a long wait is over.
            client = self._credentials.client("stepfunctions", self._region)
            answer = client.describe_execution(executionArn=self._arn)
        except AssumeRoleError:
            return None
        except ClientError as error:
            if error.response["Error"]["Code"] == "AccessDenied":
                return None
            raise
        described: dict[str, Any] = select_from_typed_dict(DescribeExecutionOutput, answer)
        if self._parses:
            described |= {
                name: json.loads(described[name])
                for name in ("input", "output")
                if isinstance(described.get(name), str)
            }
        self._state._normalise_response(response=described, service_action_name="describe_execution")
        if described["Status"] != "SUCCEEDED":
            raise task_failure(self._state, self._env, to_json_str(described))
        return described

    def stop(self) -> None:
        """Stop the child; it runs on when the role may not."""
        try:
            self._credentials.client("stepfunctions", self._region).stop_execution(executionArn=self._arn)
        except (AssumeRoleError, ClientError, BotoCoreError):
            return


def _building(*, parses: bool) -> Any:
    def build(
        self: Any, env: Any, resource_runtime_part: Any, state_credentials: TaskCredentials, **_: Any
    ) -> ChildExecution:
        """In the place of moto's `_build_sync_resolver` and `_build_sync2_resolver`, which keep one client."""
        arn = env.stack.pop()["ExecutionArn"]
        return ChildExecution(self, env, state_credentials, arn, resource_runtime_part.region, parses=parses)

    return build


def managed_rule_refusal(data: dict[str, Any], state_machine_arn: str) -> str | None:
    """What AWS says when the EventBridge rule of a machine's `.sync` tasks can't be made; None when it can.

    AWS makes the rule with the machine's role, for the tasks that wait for a child of the same account; the ones with
    `Credentials` poll, and need none.

    Args:
        data: a request to create or update it; what it doesn't bring is the machine's.
        state_machine_arn: the machine's.

    """
    wanted = {**(stepfunctions._state_machines.get(state_machine_arn) or {}), **data}
    states = all_states(json.loads(wanted["definition"]))
    if any(_waits(state.fields) and "Credentials" not in state.fields for state in states):
        _, _, _, region, account, *_ = state_machine_arn.split(":")
        rule = f"arn:aws:events:{region}:{account}:rule/{_RULE}"
        try:
            for action in _RULE_ACTIONS:
                check(wanted["roleArn"], state_machine_arn, action, rule, {"events:ManagedBy": "states.amazonaws.com"})
        except AccessDeniedError:
            return f"'{wanted['roleArn']}' is not authorized to create managed-rule."
    return None


def _waits(state: Mapping[str, Any]) -> bool:
    resource = str(state.get("Resource", ""))
    return resource.endswith((":states:startExecution.sync", ":states:startExecution.sync:2"))


def install() -> None:
    """Wait for children here."""
    require(stepfunctions, "_executions", "_state_machines")
    replace(StateTaskServiceSfn, "_build_sync_resolver", _building(parses=False))
    replace(StateTaskServiceSfn, "_build_sync2_resolver", _building(parses=True))
