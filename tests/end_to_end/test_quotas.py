"""The stack Quotas, deployed. The local cloud reports no metric of Step Functions, so the alarms' states are set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cdk import synthesize_app

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_cloudwatch import CloudWatchClient

    from constructs_lib.local import LocalCloud

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def cloudwatch(cloud: LocalCloud, cdk_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> CloudWatchClient:
    cloud.deploy(synthesize_app(tmp_path_factory.mktemp("quotas"), {}), stacks=["Quotas"], cdk=cdk_cli)
    client: CloudWatchClient = cloud.client("cloudwatch")
    return client


def composites(cloudwatch: CloudWatchClient) -> dict[str, str]:
    """The states of the composite alarms, by what stands for them in their names."""
    found = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    return {
        kind: alarm["StateValue"]
        for kind in ("Delayed", "Warning", "Critical")
        for alarm in found
        if alarm["AlarmName"].startswith(f"QuotasAlarms{kind}")
    }


def test_should_have_a_dashboard(cloudwatch: CloudWatchClient) -> None:
    names = [entry["DashboardName"] for entry in cloudwatch.list_dashboards()["DashboardEntries"]]
    assert [name for name in names if name.startswith("Quotas-Dashboard")]


@pytest.mark.parametrize(
    ("alarm", "on"),
    [
        ("StateTransitionsThrottledWarning", {"Delayed", "Warning"}),
        ("DescribeExecutionThrottledWarning", {"Warning"}),
        ("MapRunsBacklogGrowsCritical", {"Critical"}),
    ],
)
def test_should_gather_what_is_on(cloudwatch: CloudWatchClient, alarm: str, on: set[str]) -> None:
    (name,) = (
        each["AlarmName"]
        for each in cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm"])["MetricAlarms"]
        if alarm in each["AlarmName"]
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="To see the composite alarms.")
    states = composites(cloudwatch)
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="They were seen.")
    assert {kind for kind, state in states.items() if state == "ALARM"} == on
    assert composites(cloudwatch) == {"Delayed": "OK", "Warning": "OK", "Critical": "OK"}
