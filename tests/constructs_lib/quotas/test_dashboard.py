from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Environment, Stack, Token
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib.quotas._rows import alarm_rows
from constructs_lib.quotas.alarms import QuotaAlarms
from constructs_lib.quotas.catalogue import (
    API_CALLS,
    MAP_RUNS,
    OPEN_EXECUTIONS,
    QUOTAS,
    S3_SLOW_DOWN,
    STATE_TRANSITIONS,
    Metric,
    bedrock_throttles,
    lambda_concurrency,
)
from constructs_lib.quotas.dashboard import QuotaDashboard
from constructs_lib.quotas.metric_source import MetricSource
from constructs_lib.quotas.watched import WatchedWorkflow
from tests.cdk import JsonObject, make_app, only, resources, shown, template_of
from tests.metric_names import (
    KNOWN,
    MetricUse,
    lines_of,
    missing_metrics,
    searched,
    unknown_metrics,
    uses_in_alarms,
    uses_in_dashboard,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FACTS = Path(__file__).parents[3].parent / "shared" / "facts.md"
ACCOUNT, REGION, OTHER = "111111111111", "eu-central-1", "222222222222"
ALL_QUOTAS = (*QUOTAS, S3_SLOW_DOWN, lambda_concurrency("analyze"), bedrock_throttles("model"))
MISSPELT = replace(
    STATE_TRANSITIONS,
    throttled=Metric(
        namespace="AWS/States",
        name="ThrottledEvent",
        statistic="Sum",
        dimensions=(("ServiceMetric", "StateTransition"),),
    ),
)
SOURCES = (
    MetricSource(label="Orders, Ireland", account=OTHER, region="eu-west-1"),
    MetricSource(label="Orders, Virginia", account=OTHER, region="us-east-1"),
    MetricSource(label="Here"),
)


def imported(stack: Stack, account: str = OTHER, region: str = REGION) -> sfn.IStateMachine:
    arn = f"arn:aws:states:{region}:{account}:stateMachine:child"
    return sfn.StateMachine.from_state_machine_arn(stack, f"Child{account}{region}", arn)


def make_own(app: App) -> Stack:
    stack = Stack(app, "Own", env=Environment(account=ACCOUNT, region=REGION))
    machine = sfn.StateMachine(
        stack, "Machine", definition_body=sfn.DefinitionBody.from_chainable(sfn.Pass(stack, "Nothing"))
    )
    alarms = QuotaAlarms(
        stack,
        "Alarms",
        topic=sns.Topic(stack, "Topic"),
        quotas=[replace(ALL_QUOTAS[0], warning_percent=70, critical_percent=95), *ALL_QUOTAS[1:]],
        workflows=[
            WatchedWorkflow(name="Wind speed", state_machine=machine, map_labels=["Analyze", "B", "C", "D"]),
            WatchedWorkflow(name="Child", state_machine=imported(stack)),
        ],
    )
    QuotaDashboard(stack, "Dashboard", alarms=alarms)
    return stack


def make_plain(app: App) -> Stack:
    stack = Stack(app, "Plain")
    QuotaDashboard(stack, "Dashboard", dashboard_name="quotas")
    return stack


def make_several(app: App) -> Stack:
    stack = Stack(app, "Several", env=Environment(account=ACCOUNT, region=REGION))
    QuotaDashboard(
        stack,
        "Dashboard",
        quotas=ALL_QUOTAS,
        sources=SOURCES,
        workflows=[WatchedWorkflow(name="Child", state_machine=imported(stack))],
    )
    return stack


def make_regions(app: App) -> Stack:
    stack = Stack(app, "Regions")
    sources = [MetricSource(label="Ireland", region="eu-west-1"), MetricSource(label="Ohio", region="us-east-2")]
    QuotaDashboard(
        stack,
        "Dashboard",
        quotas=[STATE_TRANSITIONS],
        sources=sources,
        workflows=[WatchedWorkflow(name="Child", state_machine=imported(stack, region="us-east-2"))],
    )
    return stack


def make_misspelt(app: App) -> Stack:
    stack = Stack(app, "Misspelt")
    QuotaDashboard(stack, "Dashboard", quotas=[MISSPELT, *ALL_QUOTAS[1:]])
    return stack


MAKERS: dict[str, Callable[[App], Stack]] = {
    "own": make_own,
    "plain": make_plain,
    "several": make_several,
    "regions": make_regions,
    "misspelt": make_misspelt,
}
GOOD = [name for name in MAKERS if name != "misspelt"]


@pytest.fixture(scope="module")
def templates() -> dict[str, JsonObject]:
    app = make_app()
    stacks = {name: make(app) for name, make in MAKERS.items()}
    return {name: template_of(stack) for name, stack in stacks.items()}


@pytest.fixture(scope="module")
def bodies(templates: dict[str, JsonObject]) -> dict[str, JsonObject]:
    return {
        name: json.loads(shown(only(template, "AWS::CloudWatch::Dashboard")["DashboardBody"]))
        for name, template in templates.items()
    }


@pytest.fixture(params=GOOD)
def body(request: pytest.FixtureRequest, bodies: dict[str, JsonObject]) -> JsonObject:
    return bodies[request.param]


def rows_of(body: JsonObject) -> list[list[JsonObject]]:
    """The widgets of each row, from left to right."""
    widgets = sorted(body["widgets"], key=lambda widget: (widget["y"], widget["x"]))
    return [list(row) for _, row in groupby(widgets, key=lambda widget: widget["y"])]


def row_titled(body: JsonObject, title: str) -> list[JsonObject]:
    (row,) = (row for row in rows_of(body) if title_of_row(row) == title)
    return row


def title_of_row(row: list[JsonObject]) -> str:
    first = row[0]["properties"]
    return re.sub(r"^#+ ", "", first["markdown"].split("\n")[0]) if "markdown" in first else first["title"]


def titled(row: list[JsonObject], title: str) -> JsonObject:
    (widget,) = (widget for widget in row if widget["properties"].get("title") == title)
    return widget


def graphs_of(body: JsonObject) -> Iterator[JsonObject]:
    for widget in body["widgets"]:
        if widget["properties"].get("view") == "timeSeries":
            yield widget


def metrics_of(widget: JsonObject) -> set[MetricUse]:
    return {line.metric for line in lines_of(widget) if line.metric is not None}


def marks_of(widget: JsonObject) -> dict[str, float]:
    marks = widget["properties"].get("annotations", {}).get("horizontal", [])
    return {mark["label"]: mark["value"] for mark in marks}


# Names


def test_should_have_every_metric_that_there_is_and_none_else(bodies: dict[str, JsonObject]) -> None:
    found = uses_in_dashboard(bodies["own"])
    assert unknown_metrics(found) == set()
    assert missing_metrics(found) == set()


def test_should_be_caught_when_a_record_misspells_a_metric(bodies: dict[str, JsonObject]) -> None:
    found = uses_in_dashboard(bodies["misspelt"])
    dimensions = (("ServiceMetric", "StateTransition"),)
    assert unknown_metrics(found) == {MetricUse("AWS/States", "ThrottledEvent", dimensions, "Sum")}
    assert ("ThrottledEvents", dimensions) in {(known.name, known.dimensions) for known in missing_metrics(found)}


@pytest.mark.parametrize(
    "use",
    [
        MetricUse("AWS/State", "OpenMapRunLimit", (), "Maximum"),
        MetricUse("AWS/States", "OpenMapRunLimit", (), "Average"),
        MetricUse("AWS/States", "OpenMapRunLimit", (("APIName", "StartExecution"),), "Maximum"),
        MetricUse("AWS/States", "ThrottledEvents", (("ApiName", "StartExecution"),), "Sum"),
        MetricUse("AWS/States", "ThrottledEvents", (("APIName", "StartExecutions"),), "Sum"),
        MetricUse("AWS/States", "ExecutionsStarted", (("StateMachineArn", "arn:stateMachine:x"),), "SampleCount"),
    ],
    ids=str,
)
def test_should_tell_a_metric_that_is_not_there(use: MetricUse) -> None:
    assert unknown_metrics([use]) == {use}


@pytest.mark.skipif(not FACTS.exists(), reason="../shared/facts.md is not beside this checkout")
def test_should_spell_the_metrics_as_the_notes_do() -> None:
    section = FACTS.read_text(encoding="utf-8").split("\n## ")[3]
    assert section.startswith("3. ")
    assert {known.name for known in KNOWN if f"{known.name}" not in section} == set()


def test_should_read_what_a_body_leaves_out() -> None:
    body = {
        "widgets": [
            {
                "properties": {
                    "stat": "Sum",
                    "metrics": [
                        ["A", "One", "Key", "first", "Other", "x"],
                        [".", "Two", ".", "second", ".", ".", {"stat": "p50"}],
                        ["...", "y"],
                        [{"expression": "SORT(SEARCH('{A,Key} MetricName=\"Three\"','Sum',60),SUM,DESC,10)"}],
                    ],
                }
            }
        ]
    }
    assert uses_in_dashboard(body) == {
        MetricUse("A", "One", (("Key", "first"), ("Other", "x")), "Sum"),
        MetricUse("A", "Two", (("Key", "second"), ("Other", "x")), "p50"),
        MetricUse("A", "Two", (("Key", "second"), ("Other", "y")), "Sum"),
        MetricUse("A", "Three", (("Key", "*"),), "Sum"),
    }


# Layout


def test_should_fill_the_grid_without_an_overlap(body: JsonObject) -> None:
    bottom = 0
    for row in rows_of(body):
        (height,) = {widget["height"] for widget in row}
        assert {widget["y"] for widget in row} == {bottom}
        assert [widget["x"] for widget in row] == [
            sum(each["width"] for each in row[:place]) for place in range(len(row))
        ]
        assert sum(widget["width"] for widget in row) == 24
        bottom += height


def test_should_run_out_of_widgets_before_it_runs_out_of_metrics(body: JsonObject) -> None:
    # CloudWatch takes 500 widgets, 500 metrics in one and 2,500 in all; only the widgets are counted at construction.
    counts = [len(widget["properties"].get("metrics", ())) for widget in body["widgets"]]
    assert sum(counts) <= 5 * len(counts)
    assert max(counts) <= len(counts)


def test_should_have_short_titles_each_once_in_a_row(body: JsonObject) -> None:
    for row in rows_of(body):
        titles = [widget["properties"]["title"] for widget in row if widget["type"] != "text"]
        assert len(titles) == len(set(titles))
        assert all(len(title) <= 30 for title in titles)


def test_should_say_what_each_row_means_what_to_do_and_where_to_read_on(body: JsonObject) -> None:
    texts = [widget["properties"]["markdown"] for widget in body["widgets"] if widget["type"] == "text"]
    for text in texts:
        if text.startswith("## "):
            continue  # a source's heading
        title, meaning, action, links = text.split("\n\n")
        assert title.startswith("### ")
        assert len(meaning) <= 300
        assert re.fullmatch(r"\*\*Do:\*\* .{10,200}\.", action)
        assert re.search(r"\[[^]]+\]\(https://docs\.aws\.amazon\.com/\S+\)", links)
    assert len(texts) == len([row for row in rows_of(body) if row[0]["type"] == "text"])


def test_should_draw_a_point_a_minute_whatever_time_is_shown(body: JsonObject) -> None:
    assert (body["start"], body["periodOverride"]) == ("-PT3H", "inherit")
    for widget in body["widgets"]:
        if widget["type"] == "metric":
            assert widget["properties"]["period"] == 60
            assert {line.options["period"] for line in lines_of(widget)} == {60}


def test_should_name_the_unit_of_each_graph_and_start_at_0(body: JsonObject) -> None:
    units = {"Per second", "Per minute", "Count", "Percent", "Milliseconds"}
    for widget in graphs_of(body):
        left = widget["properties"]["yAxis"]["left"]
        assert left["label"] in units
        assert left["min"] == 0
        assert not any(line.options.get("yAxis") == "right" for line in lines_of(widget))


def test_should_define_each_id_of_an_expression_once_and_use_it(body: JsonObject) -> None:
    for widget in body["widgets"]:
        lines = lines_of(widget)
        ids = [line.options["id"] for line in lines if "id" in line.options]
        used = {
            name
            for line in lines
            if line.expression is not None and "SEARCH" not in line.expression
            for name in re.findall(r"\b[a-z]\w*", line.expression)
        }
        assert len(ids) == len(set(ids))
        assert set(ids) == used
        # What has an id feeds an expression and isn't drawn itself.
        assert all(line.visible == ("id" not in line.options) for line in lines)


def test_should_not_draw_a_sum_of_a_minute_beside_a_rate(body: JsonObject) -> None:
    for widget in graphs_of(body):
        per_second = widget["properties"]["yAxis"]["left"]["label"] == "Per second"
        for line in lines_of(widget):
            if line.metric is not None and line.visible and per_second:
                assert line.metric.statistic == "Maximum"
            if line.metric is not None and line.metric.name == "ConsumedCapacity":
                assert not line.visible
        if per_second:
            (expression,) = (line.expression for line in lines_of(widget) if line.expression is not None)
            assert expression == "FILL(used,0)/PERIOD(used)"


def test_should_label_and_colour_alike_what_means_the_same(body: JsonObject) -> None:
    colours: dict[str, set[str]] = {}
    for widget in graphs_of(body):
        for line in lines_of(widget):
            if line.visible:
                colours.setdefault(line.options["label"], set()).add(line.options["color"])
    assert all(len(each) == 1 for each in colours.values())
    assert colours["Used"] != colours["Refill"] != colours["Throttled"] != colours["Used"]


# The rows


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
    throttled = titled(row, "Throttled events")
    assert {(metric.namespace, metric.name) for metric in metrics_of(throttled)} == {("AWS/States", "ThrottledEvents")}
    assert len(metrics_of(throttled)) == 9
    assert lines_of(throttled)[0].expression == "SUM(FILL([m0,m1,m2,m3,m4,m5,m6,m7,m8],0))"
    worst = titled(row, "Worst utilisation")
    assert worst["properties"]["view"] == "gauge"
    assert lines_of(worst)[0].expression == "MAX([u0,u1,u2,u3,u4,u5,u6,u7,u8,u9,u10])"
    assert marks_of(worst) == {"Warning": 70, "Critical": 90}
    utilisations = [line.expression for line in lines_of(worst)[1:] if line.expression is not None]
    assert "100*(FILL(used0,0)/PERIOD(used0))/FILL(limit0,REPEAT)" in utilisations
    assert "100*(FILL(used1,0))/FILL(limit1,REPEAT)" in utilisations


def test_should_show_the_newest_minute_of_what_happens_now(body: JsonObject) -> None:
    for widget in body["widgets"]:
        if widget["properties"].get("view") == "singleValue":
            assert "FILL(" in str(lines_of(widget)[0].expression)  # else it shows the last minute that had a point
            assert "setPeriodToTimeRange" not in widget["properties"]


def test_should_show_the_status_of_every_alarm(templates: dict[str, JsonObject], bodies: dict[str, JsonObject]) -> None:
    template = templates["own"]
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
    templates: dict[str, JsonObject], bodies: dict[str, JsonObject]
) -> None:
    in_alarms = uses_in_alarms(templates["own"])
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
    for alarm in resources(templates["own"], "AWS::CloudWatch::Alarm"):
        keys = [*(quota.key for quota in ALL_QUOTAS), "Windspeed", "Child"]
        assert any(alarm.startswith(f"Alarms{key}") for key in keys), alarm


def test_should_show_a_bucket_by_the_second(bodies: dict[str, JsonObject]) -> None:
    row = row_titled(bodies["own"], "State transitions")
    used = titled(row, "Used against the limit")
    assert used["properties"]["yAxis"]["left"]["label"] == "Per second"
    assert [line.options["label"] for line in lines_of(used) if line.visible] == ["Used", "Refill", "Burst (bucket)"]
    utilisation = titled(row, "Utilisation")
    assert lines_of(utilisation)[0].expression == "100*(FILL(used,0)/PERIOD(used))/FILL(limit,REPEAT)"
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
    assert marks_of(titled(row, "Utilisation")) == {"Warning: 80 %": 80, "Critical: 90 %": 90}
    assert row[0]["properties"]["markdown"].endswith("· hard limit")


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
    ((_, arn),) = {dimension for metric in executions | duration for dimension in metric.dimensions}
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


# Accounts and Regions


def places_of(widget: JsonObject) -> set[tuple[str | None, str | None]]:
    return {
        (line.options.get("accountId"), line.options.get("region"))
        for line in lines_of(widget)
        if line.metric is not None
    }


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


def test_should_have_the_name_that_is_given(templates: dict[str, JsonObject]) -> None:
    assert only(templates["plain"], "AWS::CloudWatch::Dashboard")["DashboardName"] == "quotas"
    assert "DashboardName" not in only(templates["own"], "AWS::CloudWatch::Dashboard")


# Bad input


@pytest.fixture(scope="module")
def bad_stack() -> Stack:
    return Stack(make_app(), "Stack", env=Environment(account=ACCOUNT, region=REGION))


@pytest.fixture(scope="module")
def bad_alarms(bad_stack: Stack) -> QuotaAlarms:
    return QuotaAlarms(bad_stack, "Alarms", topic=sns.Topic(bad_stack, "Topic"))


def refusal(stack: Stack, **arguments: Any) -> str:
    construct_id = f"Bad{len(stack.node.children)}"
    with pytest.raises(ValueError, match=r"; allowed: ") as caught:
        QuotaDashboard(stack, construct_id, **arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert "Token[" not in message
    assert message.startswith(f"Stack/{construct_id}: ")
    return message.partition(": ")[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"quotas": []}, "quotas is []; allowed: one Quota or more"),
        ({"quotas": [STATE_TRANSITIONS, STATE_TRANSITIONS]}, "quotas is ['StateTransitions']; allowed: each key once"),
        ({"quotas": ["StateTransitions"]}, "quotas is ['StateTransitions']; allowed: a list of Quota"),
        ({"workflows": ["child"]}, "workflows is ['child']; allowed: a list of WatchedWorkflow"),
        ({"alarms": "alarms"}, "alarms is 'alarms'; allowed: QuotaAlarms"),
        ({"sources": ["eu-west-1"]}, "sources is ['eu-west-1']; allowed: a list of MetricSource"),
        (
            {"sources": [MetricSource(label="A"), MetricSource(label="A", region="us-east-1")]},
            "sources is ['A']; allowed: each label once",
        ),
        (
            {"sources": [MetricSource(label="A"), MetricSource(label="B", account=ACCOUNT, region=REGION)]},
            "sources is ['A', 'B']; allowed: each account and Region once",
        ),
        (
            {"sources": [MetricSource(label=str(number), account=f"{number:012}") for number in range(10)]},
            "sources is '530 widgets'; allowed: at most 500",
        ),
        ({"dashboard_name": "my quotas"}, "dashboard_name is 'my quotas'; allowed: up to 255 letters, digits, - and _"),
        ({"dashboard_name": "q" * 256}, f"dashboard_name is '{'q' * 256}'; allowed: up to 255 letters"),
        ({"dashboard_name": ""}, "dashboard_name is ''; allowed: up to 255 letters"),
        ({"dashboard_name": 7}, "dashboard_name is 7; allowed: up to 255 letters"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_should_refuse_what_makes_no_dashboard(bad_stack: Stack, arguments: dict[str, Any], said: str) -> None:
    assert refusal(bad_stack, **arguments).startswith(said)


def test_should_refuse_no_quota_though_there_is_a_workflow(bad_stack: Stack) -> None:
    workflows = [WatchedWorkflow(name="Child", state_machine=imported(bad_stack, account="333333333333"))]
    assert refusal(bad_stack, quotas=(), workflows=workflows).startswith("quotas is (); allowed: one Quota or more")


@pytest.mark.parametrize("argument", ["quotas", "workflows", "sources"])
def test_should_refuse_what_the_alarms_have_already(bad_stack: Stack, bad_alarms: QuotaAlarms, argument: str) -> None:
    given = {"quotas": [], "workflows": [], "sources": SOURCES}[argument]
    message = refusal(bad_stack, alarms=bad_alarms, **{argument: given})
    assert message.startswith(f"{argument} is ")
    assert "allowed: nothing beside `alarms`" in message


def test_should_refuse_alarms_of_another_region(bad_alarms: QuotaAlarms) -> None:
    elsewhere = Stack(make_app(), "Stack", env=Environment(account=ACCOUNT, region="us-east-1"))
    message = refusal(elsewhere, alarms=bad_alarms)
    assert message.startswith(
        "alarms is 'alarms of eu-central-1'; allowed: those of the stack's own account and Region"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"label": ""}, "label is ''; allowed: one line of 1 to 40 characters"),
        ({"label": "a\nb"}, r"label is 'a\nb'; allowed: one line"),
        ({"label": "a" * 41}, f"label is '{'a' * 41}'; allowed: one line"),
        ({"label": None}, "label is None; allowed: one line"),
        ({"label": "A", "account": "1234"}, "account is '1234'; allowed: 12 digits"),
        ({"label": "A", "account": 111111111111}, None),
        ({"label": "A", "region": "mars-1"}, "region is 'mars-1'; allowed: a Region of AWS, such as us-east-1"),
        ({"label": "A", "region": ""}, "region is ''; allowed: a Region of AWS"),
    ],
    ids=repr,
)
def test_should_refuse_a_source_that_is_none(arguments: dict[str, Any], said: str | None) -> None:
    with pytest.raises(ValueError, match="; allowed: ") as caught:
        MetricSource(**arguments)
    assert "\n" not in str(caught.value)
    assert said is None or str(caught.value).startswith(f"MetricSource: {said}")


def test_should_take_a_source_that_is_known_at_deployment() -> None:
    source = MetricSource(label="A", account=Token.as_string({"Ref": "Account"}), region=Token.as_string({"Ref": "R"}))
    stack = Stack(make_app(), "Stack")
    QuotaDashboard(stack, "Dashboard", quotas=[MAP_RUNS, OPEN_EXECUTIONS, *API_CALLS], sources=[source])
    body = json.loads(shown(only(template_of(stack), "AWS::CloudWatch::Dashboard")["DashboardBody"]))
    assert {place for widget in body["widgets"] for place in places_of(widget)} == {("${Account}", "${R}")}
    assert "Documented" not in str(body)
