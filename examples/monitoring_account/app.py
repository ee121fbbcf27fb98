"""The quotas of two accounts in two Regions on one dashboard; each account has its own alarms.

CloudWatch's cross-account observability: the monitoring account has one sink a Region, and each source account links to
it. AWS chooses the end of a sink's ARN, so the sinks come first:

cdk deploy --app "python examples/monitoring_account/app.py" "Sink-*"
cdk deploy --app "python examples/monitoring_account/app.py" --all -c sinks='{"us-east-1": "<SinkArn>", "eu-west-1": …}'
"""

import json

from aws_cdk import App, CfnOutput, Environment, Stack

from constructs_lib import (
    AlarmTopic,
    MetricSource,
    MonitoringAccountSink,
    QuotaAlarms,
    QuotaDashboard,
    SourceAccountLink,
)

MONITORING_ACCOUNT = "999999999999"
SOURCE_ACCOUNTS = {"Shop": "111111111111", "Parcels": "222222222222"}
REGIONS = ("us-east-1", "eu-west-1")

app = App()
given = app.node.try_get_context("sinks") or {}
sink_arns = json.loads(given) if isinstance(given, str) else given

for region in REGIONS:
    monitoring = Stack(app, f"Sink-{region}", env=Environment(account=MONITORING_ACCOUNT, region=region))
    sink = MonitoringAccountSink(monitoring, "Sink", source_accounts=list(SOURCE_ACCOUNTS.values()))
    CfnOutput(monitoring, "SinkArn", value=sink.sink_arn)
    for name, account in SOURCE_ACCOUNTS.items():
        source = Stack(app, f"Quotas-{name}-{region}", env=Environment(account=account, region=region))
        QuotaAlarms(source, "Alarms", topic=AlarmTopic(source, "AlarmTopic", email="oncall@example.com").topic)
        if region in sink_arns:
            SourceAccountLink(source, "Link", sink_arn=sink_arns[region])

QuotaDashboard(
    Stack(app, "Dashboard", env=Environment(account=MONITORING_ACCOUNT, region=REGIONS[0])),
    "Dashboard",
    sources=[
        MetricSource(label=f"{name}, {region}", account=account, region=region)
        for name, account in SOURCE_ACCOUNTS.items()
        for region in REGIONS
    ],
)

app.synth()
