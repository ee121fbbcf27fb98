"""A workflow of one account that runs a workflow of another, waits for it and goes on with its result.

cdk synth --app "python examples/cross_account/app.py"

Each side needs the other's names and nothing else: `cdk deploy Source` and `cdk deploy Target`, in any order, each with
its own account's credentials.
"""

from aws_cdk import App, Duration, Environment, Stack
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import ChildFailure, ChildWorkflow, NestedWorkflow, TargetRole, WorkflowIdentity, WorkflowRole

REGION = "eu-west-1"
PARENT = WorkflowIdentity(account="111111111111", state_machine_name="orders")
CHILD_ACCOUNT, CHILD = "222222222222", "credit-check"

app = App()

source = Stack(app, "Source", env=Environment(account=PARENT.account, region=REGION))
check = NestedWorkflow(
    source,
    "Check credit",
    # To move the child into this account, only this argument changes: ChildWorkflow.in_this_account(state_machine).
    child=ChildWorkflow.in_account(account=CHILD_ACCOUNT, state_machine_name=CHILD),
    input={"customer": "{% $states.input.customer %}", "amount": "{% $states.input.amount %}"},
    timeout=Duration.minutes(15),
)
check.add_catch(ChildFailure(source, "Not checked"))
sfn.StateMachine(
    source,
    "Orders",
    state_machine_name=PARENT.state_machine_name,
    role=WorkflowRole(source, "OrdersRole", identity=PARENT),
    definition_body=sfn.DefinitionBody.from_chainable(check),
    query_language=sfn.QueryLanguage.JSONATA,
)

target = Stack(app, "Target", env=Environment(account=CHILD_ACCOUNT, region=REGION))
credit_check = sfn.StateMachine(
    target,
    "CreditCheck",
    state_machine_name=CHILD,
    definition_body=sfn.DefinitionBody.from_chainable(
        sfn.Pass.jsonata(target, "Decide", outputs={"granted": "{% $states.input.amount < 1000 %}"})
    ),
    query_language=sfn.QueryLanguage.JSONATA,
)
TargetRole(target, "TargetRole", child=credit_check, callers=[PARENT])

app.synth()
