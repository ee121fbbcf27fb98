from __future__ import annotations

import json

from aws_cdk import Environment, Stack, Token

from constructs_lib.quotas.catalogue import API_CALLS, MAP_RUNS, OPEN_EXECUTIONS
from constructs_lib.quotas.dashboard import QuotaDashboard
from constructs_lib.quotas.metric_source import MetricSource
from tests.cdk import JsonObject, make_app, only, shown, template_of
from tests.constructs_lib.quotas.dashboards import (
    ALL_QUOTAS,
    OTHER,
    REGION,
    SOURCES,
    metrics_of,
    places_of,
    row_titled,
    rows_of,
    title_of_row,
)
from tests.metric_names import MetricUse, lines_of, missing_metrics


def test_should_take_the_metrics_of_the_stacks_own_account_by_default(bodies: dict[str, JsonObject]) -> None:
    for widget in bodies["plain"]["widgets"]:
        assert places_of(widget) <= {(None, None)}
        if widget["type"] == "metric":
            assert widget["properties"]["region"] == "${AWS::Region}"
            assert "AccountId" not in str(widget)


def test_should_take_a_workflows_metrics_from_its_account(bodies: dict[str, JsonObject]) -> None:
    # Left out, they would be the dashboard's own account's, which has none.
    row = row_titled(bodies["own"], "Child")
    assert {place for widget in row[1:] for place in places_of(widget)} == {(OTHER, REGION)}
    row = row_titled(bodies["regions"], "Child")
    assert {place for widget in row[1:] for place in places_of(widget)} == {(OTHER, "us-east-2")}


def test_should_have_every_row_for_each_source(bodies: dict[str, JsonObject]) -> None:
    rows = rows_of(bodies["several"])
    titles = [title_of_row(row) for row in rows]
    each = [*(quota.title for quota in ALL_QUOTAS), "Who: workflows", "Who: functions"]
    assert titles == [
        *(f"{source.label}: is anything delayed now?" for source in SOURCES),
        *(title for source in SOURCES for title in (source.label, *each)),
        "Child",
    ]
    assert not any(widget["type"] == "alarm" for row in rows for widget in row)
    assert all("The alarms are in the source's own account" in row[0]["properties"]["markdown"] for row in rows[:3])


def test_should_take_each_metric_from_its_source(bodies: dict[str, JsonObject]) -> None:
    rows = rows_of(bodies["several"])
    height = len(ALL_QUOTAS) + 3
    for number, source in enumerate(SOURCES):
        theirs = [rows[number], *rows[3 + number * height : 3 + (number + 1) * height]]
        widgets = [widget for row in theirs for widget in row if widget["type"] == "metric"]
        places = {place for widget in widgets for place in places_of(widget)}
        assert places == {(source.account, source.region)}
        assert {widget["properties"]["region"] for widget in widgets} == {source.region or "${AWS::Region}"}
        found = set[MetricUse]().union(*(metrics_of(widget) for widget in widgets))
        left_out = {known.name for known in missing_metrics(found)} - {"ExecutionTime", "ExecutionThrottled"}
        assert all(name.startswith("Executions") for name in left_out)
        account = source.account or "LOCAL"
        searches = [line for widget in widgets for line in lines_of(widget) if "SEARCH" in (line.expression or "")]
        assert len(searches) == 3
        for line in searches:
            assert f' :aws.AccountId="{account}"\'' in str(line.expression)
            assert line.options.get("region") == source.region


def test_should_search_one_account_without_naming_it(bodies: dict[str, JsonObject]) -> None:
    # Outside of a monitoring account, a search that names an account finds nothing.
    assert "AccountId" not in str(bodies["regions"]["widgets"]).replace("accountId", "")
    regions = [
        line.options["region"]
        for widget in bodies["regions"]["widgets"]
        for line in lines_of(widget)
        if "SEARCH" in (line.expression or "")
    ]
    assert regions == ["eu-west-1"] * 3 + ["us-east-2"] * 3


def test_should_search_no_account_where_there_is_only_its_own() -> None:
    stack = Stack(make_app(), "Stack", env=Environment(account=OTHER, region=REGION))
    sources = [MetricSource(label=region, account=OTHER, region=region) for region in (REGION, "eu-west-1")]
    QuotaDashboard(stack, "Dashboard", quotas=[MAP_RUNS], sources=sources)
    assert "AccountId" not in str(only(template_of(stack), "AWS::CloudWatch::Dashboard")).replace("accountId", "")


def test_should_take_a_source_that_is_known_at_deployment() -> None:
    source = MetricSource(label="A", account=Token.as_string({"Ref": "Account"}), region=Token.as_string({"Ref": "R"}))
    stack = Stack(make_app(), "Stack")
    QuotaDashboard(stack, "Dashboard", quotas=[MAP_RUNS, OPEN_EXECUTIONS, *API_CALLS], sources=[source])
    body = json.loads(shown(only(template_of(stack), "AWS::CloudWatch::Dashboard")["DashboardBody"]))
    assert {place for widget in body["widgets"] for place in places_of(widget)} == {("${Account}", "${R}")}
    assert "Documented" not in str(body)
