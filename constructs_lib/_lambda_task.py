"""A JSONata task that invokes one Lambda function: our retries, and permission for exactly that function."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

if TYPE_CHECKING:
    from constructs import Construct

    from constructs_lib.retries import RetryPolicy


def jsonata(expression: str) -> str:
    """Return `expression` as the value of an ASL field."""
    return f"{{% {expression} %}}"


class LambdaTask(tasks.LambdaInvoke):
    """Invokes `function` with `payload` (default: the state's input); its output is what the function returned."""

    def __init__(
        self,
        scope: "Construct",
        construct_id: str,
        *,
        function: lambda_.IFunction,
        retry_policy: "RetryPolicy",
        payload: Mapping[str, Any] | None = None,
        assign: Mapping[str, Any] | None = None,
    ) -> None:
        # Read by `_task_policies`, which jsii calls while the base class is being made.
        self._function = function
        super().__init__(
            scope,
            construct_id,
            lambda_function=function,
            payload=sfn.TaskInput.from_text(jsonata("$states.input"))
            if payload is None
            else sfn.TaskInput.from_object(dict(payload)),
            outputs=jsonata("$states.result.Payload"),
            assign=assign,
            query_language=sfn.QueryLanguage.JSONATA,
            # CDK's own retries have no jitter and leave throttling out; these would stand before ours.
            retry_on_service_exceptions=False,
        )
        retry_policy.add_to(self)

    @property
    def _task_policies(self) -> list[iam.PolicyStatement] | None:
        # CDK's grant also covers every version and alias (`<arn>:*`); the task invokes this one ARN.
        return [iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self._function.function_arn])]

    @_task_policies.setter
    def _task_policies(self, value: object) -> None:
        """Take no notice of the base class's grant."""
