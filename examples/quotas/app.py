"""Quotas in an app of one's own: a workflow with its alarms, some thresholds of one's own, and a dashboard of it all.

cdk synth --app "python examples/quotas/app.py"
python -m constructs_lib.testing alarms cdk.out examples/quotas/scenarios.yaml
"""

from dataclasses import replace

from aws_cdk import App, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import AlarmTopic, ObjectSource, QuotaAlarms, QuotaDashboard, S3DistributedMap, WatchedWorkflow
from constructs_lib.quotas.catalogue import MAP_RUNS, STATE_TRANSITIONS

app = App()
stack = Stack(app, "Orders")
orders = s3.Bucket(stack, "OrderFiles", enforce_ssl=True)

each_file = S3DistributedMap(
    stack,
    "Each file",
    source=ObjectSource.from_listing(orders, prefix="new/"),
    processor=sfn.Pass.jsonata(stack, "Check", outputs="{% $states.input.key %}"),
    results_bucket=orders,
    results_prefix="checked",
    max_concurrency=50,
)
machine = sfn.StateMachine(
    stack,
    "Machine",
    definition_body=sfn.DefinitionBody.from_chainable(each_file),
    query_language=sfn.QueryLanguage.JSONATA,
)

alarms = QuotaAlarms(
    stack,
    "Alarms",
    topic=AlarmTopic(stack, "AlarmTopic", email="oncall@example.com").topic,
    # Two of the catalogue's quotas; the first warns earlier than by default.
    quotas=[replace(STATE_TRANSITIONS, warning_percent=60), MAP_RUNS],
    workflows=[WatchedWorkflow(name="Orders", state_machine=machine, map_labels=[each_file.label])],
)
QuotaDashboard(stack, "Dashboard", alarms=alarms)

app.synth()
