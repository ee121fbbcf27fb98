"""The log group of a state machine, under the name that keeps it out of the account's log resource policy."""

from aws_cdk import Aws, Fn, Names, RemovalPolicy
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct


def state_machine_log(scope: Construct, construct_id: str, retention: logs.RetentionDays) -> logs.LogGroup:
    """Make the log group of the one state machine of `scope`; it goes with the stack."""
    return logs.LogGroup(
        scope,
        construct_id,
        # Outside /aws/vendedlogs each log group takes room in an account-wide policy of 5,120 characters. The last
        # segment of the stack's id keeps the name free for the next deployment of the same stack.
        log_group_name="-".join(
            [
                f"/aws/vendedlogs/states/{Names.unique_resource_name(scope, max_length=80)}",
                Fn.select(2, Fn.split("/", Aws.STACK_ID)),
            ]
        ),
        retention=retention,
        removal_policy=RemovalPolicy.DESTROY,
    )


def log_everything(log_group: logs.LogGroup, *, include_execution_data: bool) -> sfn.LogOptions:
    """Return the options that log every event; inputs and outputs only when asked for."""
    return sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=include_execution_data)
