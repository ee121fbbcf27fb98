from __future__ import annotations

import re

import pytest
from aws_cdk import Stack
from aws_cdk import aws_sns as sns

from constructs_lib.quotas._rows import alarm_rows
from constructs_lib.quotas.alarms import QuotaAlarms
from constructs_lib.quotas.watched import WatchedWorkflow
from tests.cdk import JsonObject, make_app, only, resources
from tests.constructs_lib.quotas.dashboards import (
    ALL_QUOTAS,
    imported,
    marks_of,
    metrics_of,
    row_titled,
    rows_of,
    title_of_row,
    titled,
)
from tests.metric_names import MetricUse, lines_of, searched, uses_in_alarms


def test_should_answer_first_whether_anything_is_delayed(bodies: dict[str, JsonObject]) -> None:
    row = rows_of(bodies["own"])[0]
    assert title_of_row(row) == "Is anything delayed now?"
    assert [widget["properties"].get("title") for widget in row[1:]] == [
        "Alarms",
        "Backlog",
        "Throttled events",
        "Worst utilisation",
    ]
    assert {metric.name for metric in metrics_of(titled(row, "Backlog"))} == {"ApproximateMapRunBacklogSize"}
    assert lines_of(titled(row, "Backlog"))[0].expression == "FILL(m,0)"  # SUM of one series is one number
    throttled = titled(row, "Throttled events")
    assert {(metric.namespace, metric.name) for metric in metrics_of(throttled)} == {("AWS/States", "ThrottledEvents")}
    assert len(metrics_of(throttled)) == 9
    assert lines_of(throttled)[0].expression == "SUM(FILL([m0,m1,m2,m3,m4,m5,m6,m7,m8],0))"
    worst = titled(row, "Worst utilisation")
    assert worst["properties"]["view"] == "gauge"
    assert lines_of(worst)[0].expression == "MAX([u0,u1,u2,u3,u4,u5,u6,u7,u8,u9,u10])"
    assert marks_of(worst) == {"Warning": 70, "Critical": 90}
    bucket, level, *_ = (line.expression for line in lines_of(worst)[1:] if line.expression is not None)
    assert "FILL(used0,0)/PERIOD(used0)" in bucket
    assert "FILL(limit0,REPEAT)" in bucket
    assert "FILL(used1,0)" in level
    assert "PERIOD" not in level


def test_should_show_the_utilisation_of_an_only_quota_as_it_is(bodies: dict[str, JsonObject]) -> None:
    """MAX of one series is one number."""
    for row in rows_of(bodies["regions"])[:2]:
        expression = lines_of(titled(row, "Worst utilisation"))[0].expression
        assert expression == "100*(FILL(used0,0)/PERIOD(used0))/FILL(limit0,REPEAT)"


def test_should_show_the_newest_minute_of_what_happens_now(body: JsonObject) -> None:
    for widget in body["widgets"]:
        if widget["properties"].get("view") == "singleValue":
            assert "FILL(" in str(lines_of(widget)[0].expression)  # else it shows the last minute that had a point
            assert "setPeriodToTimeRange" not in widget["properties"]


def test_should_show_the_status_of_every_alarm(
    dashboard_templates: dict[str, JsonObject], bodies: dict[str, JsonObject]
) -> None:
    template = dashboard_templates["own"]
    composites, every = (
        {f"${{{logical_id}.Arn}}" for logical_id in resources(template, f"AWS::CloudWatch::{kind}")}
        for kind in ("CompositeAlarm", "Alarm")
    )
    first, second = (widget for widget in bodies["own"]["widgets"] if widget["type"] == "alarm")
    assert len(composites) == 3
    assert set(first["properties"]["alarms"]) == composites
    assert "states" not in first["properties"]
    assert set(second["properties"]["alarms"]) == every
    assert second["properties"]["states"] == ["ALARM"]
    assert all(len(widget["properties"]["alarms"]) <= 100 for widget in (first, second))


def test_should_share_alarms_among_widgets_of_a_hundred() -> None:
    stack = Stack(make_app(), "Stack")
    machine = imported(stack)
    workflows = [WatchedWorkflow(name=f"W{number}", state_machine=machine) for number in range(30)]
    alarms = QuotaAlarms(stack, "Alarms", topic=sns.Topic(stack, "Topic"), workflows=workflows)
    shares = [widget.to_json()[0]["properties"]["alarms"] for row in alarm_rows(alarms) for widget in row]
    assert [len(share) for share in shares] == [100, len(alarms.alarms) - 100]
    assert len({arn for share in shares for arn in share}) == len(alarms.alarms) > 100


def test_should_have_a_row_for_each_quota_with_alarms_and_alarms_for_each_row(
    dashboard_templates: dict[str, JsonObject], bodies: dict[str, JsonObject]
) -> None:
    in_alarms = uses_in_alarms(dashboard_templates["own"])
    in_rows: set[MetricUse] = set()
    for quota in ALL_QUOTAS:
        graphed = set[MetricUse]().union(*(metrics_of(widget) for widget in row_titled(bodies["own"], quota.title)))
        assert graphed & in_alarms, quota.title
        in_rows |= graphed
    for name in ("Wind speed", "Child"):
        graphed = metrics_of(titled(row_titled(bodies["own"], name), "Throttled"))
        assert graphed & in_alarms, name
        in_rows |= graphed
    assert in_alarms <= in_rows
    for alarm in resources(dashboard_templates["own"], "AWS::CloudWatch::Alarm"):
        keys = [*(quota.key for quota in ALL_QUOTAS), "Windspeed", "Child"]
        assert any(alarm.startswith(f"Alarms{key}") for key in keys), alarm


def test_should_show_a_bucket_by_the_second(bodies: dict[str, JsonObject]) -> None:
    row = row_titled(bodies["own"], "State transitions")
    used = titled(row, "Used against the limit")
    assert used["properties"]["yAxis"]["left"]["label"] == "Per second"
    assert [line.options["label"] for line in lines_of(used) if line.visible] == ["Used", "Refill", "Burst (bucket)"]
    utilisation = titled(row, "Utilisation")
    assert "FILL(used,0)/PERIOD(used)" in str(lines_of(utilisation)[0].expression)
    assert marks_of(utilisation) == {"Warning: 70 %": 70, "Critical: 95 %": 95}
    assert lines_of(titled(row, "Throttled"))[0].expression == "FILL(m,0)"
    assert "soft limit, in Service Quotas L-137B3F65 and L-AD9B4E93" in row[0]["properties"]["markdown"]


def test_should_show_a_level_by_its_count(bodies: dict[str, JsonObject]) -> None:
    row = row_titled(bodies["own"], "Open map runs")
    assert [widget["properties"].get("title") for widget in row[1:]] == [
        "Used against the limit",
        "Utilisation",
        "Backlog",
    ]
    used = titled(row, "Used against the limit")
    assert used["properties"]["yAxis"]["left"]["label"] == "Count"
    assert [line.options["label"] for line in lines_of(used)] == ["Used", "Limit"]
    assert lines_of(titled(row, "Backlog"))[0].expression == "FILL(m,0)"
    assert marks_of(titled(row, "Utilisation")) == {"Warning: 80 %": 80, "Critical: 90 %": 90}
    assert row[0]["properties"]["markdown"].endswith("· hard limit")
    redrive = row_titled(bodies["own"], "RedriveExecution calls")
    assert redrive[0]["properties"]["markdown"].endswith("· soft limit")


@pytest.mark.parametrize(
    ("title", "graphs"),
    [
        ("S3 503 SlowDown answers", ["Throttled"]),
        ("Bedrock invocations", ["Throttled"]),
        ("Lambda concurrency", ["Used", "Throttled"]),
    ],
)
def test_should_show_what_a_neighbour_has(bodies: dict[str, JsonObject], title: str, graphs: list[str]) -> None:
    row = row_titled(bodies["own"], title)
    assert [widget["properties"]["title"] for widget in row[1:]] == graphs


@pytest.mark.parametrize(
    ("name", "source", "documented"),
    [("own", 0, 800), ("plain", 0, None), ("several", 0, 5000), ("several", 1, 5000), ("several", 2, 800)],
)
def test_should_draw_the_documented_limit_where_the_region_is_known(
    bodies: dict[str, JsonObject], name: str, source: int, documented: float | None
) -> None:
    rows = [row for row in rows_of(bodies[name]) if title_of_row(row) == "State transitions"]
    marks = marks_of(titled(rows[source], "Used against the limit"))
    assert marks == ({} if documented is None else {f"Documented: {documented:,.0f}": documented})


def test_should_find_who_over_every_state_machine_and_function(bodies: dict[str, JsonObject]) -> None:
    workflows, functions = (row_titled(bodies["own"], f"Who: {who}") for who in ("workflows", "functions"))
    for widget, found in (
        (titled(workflows, "Throttled states"), ("AWS/States", "ExecutionThrottled", "StateMachineArn")),
        (titled(workflows, "Started executions"), ("AWS/States", "ExecutionsStarted", "StateMachineArn")),
        (titled(functions, "Throttled calls"), ("AWS/Lambda", "Throttles", "FunctionName")),
    ):
        (line,) = lines_of(widget)
        namespace, name, dimension = found
        assert line.expression == (
            f"SORT(SEARCH('{{{namespace},{dimension}}} MetricName=\"{name}\"','Sum',60),SUM,DESC,10)"
        )
        assert searched(line.expression) == [MetricUse(namespace, name, ((dimension, "*"),), "Sum")]
        assert widget["properties"]["view"] == "table"
        assert widget["properties"]["table"]["summaryColumns"] == ["SUM"]


def test_should_show_how_a_watched_workflow_and_its_children_do(bodies: dict[str, JsonObject]) -> None:
    row = row_titled(bodies["own"], "Wind speed")
    executions = metrics_of(titled(row, "Executions"))
    assert {metric.name for metric in executions} == {
        f"Executions{outcome}" for outcome in ("Started", "Succeeded", "Failed", "TimedOut", "Aborted")
    }
    assert {metric.statistic for metric in executions} == {"Sum"}
    duration = metrics_of(titled(row, "Duration"))
    assert {(metric.name, metric.statistic) for metric in duration} == {
        ("ExecutionTime", "p50"),
        ("ExecutionTime", "p99"),
    }
    throttled = metrics_of(titled(row, "Throttled"))
    ((_, arn),) = {dimension for metric in executions | duration | throttled for dimension in metric.dimensions}
    (machine,) = re.fullmatch(r"\$\{(\w+)\}", arn).groups()  # type: ignore[union-attr]
    assert machine.startswith("Machine")
    first, second = (row for row in rows_of(bodies["own"]) if title_of_row(row) == "Wind speed: children")
    assert [widget["properties"]["title"] for widget in (*first[1:], *second[1:])] == ["Analyze", "B", "C", "D"]
    for widget in (*first[1:], *second[1:]):
        assert {metric.dimensions for metric in metrics_of(widget)} == {
            (("StateMachineArn", f"{arn}/{widget['properties']['title']}"),)
        }


def test_should_have_no_children_where_no_label_is_given(bodies: dict[str, JsonObject]) -> None:
    assert "Child: children" not in [title_of_row(row) for row in rows_of(bodies["own"])]


def test_should_have_the_name_that_is_given(dashboard_templates: dict[str, JsonObject]) -> None:
    assert only(dashboard_templates["plain"], "AWS::CloudWatch::Dashboard")["DashboardName"] == "quotas"
    assert "DashboardName" not in only(dashboard_templates["own"], "AWS::CloudWatch::Dashboard")
