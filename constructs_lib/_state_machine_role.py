"""The role of a state machine whose name CDK or CloudFormation chooses."""

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct


def state_machine_role(scope: Construct) -> iam.Role:
    """Make the role of the one state machine of `scope`: for machines of its own account and Region only.

    Without these conditions Step Functions would use the role for another account's machine, too. Not every version of
    CDK that is allowed makes them:
    https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
    """
    stack = Stack.of(scope)
    machines = stack.format_arn(
        service="states",
        resource="stateMachine",
        resource_name="*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    conditions = {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": machines}}
    return iam.Role(
        scope, "StateMachineRole", assumed_by=iam.ServicePrincipal("states.amazonaws.com", conditions=conditions)
    )
