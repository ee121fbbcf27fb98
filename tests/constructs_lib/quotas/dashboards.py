"""The dashboards that are tested, each in a stack of its own, and how to find one's way in a body."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib.quotas.alarms import QuotaAlarms
from constructs_lib.quotas.catalogue import (
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
from tests.metric_names import MetricUse, lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cdk import JsonObject

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


def places_of(widget: JsonObject) -> set[tuple[str | None, str | None]]:
    return {
        (line.options.get("accountId"), line.options.get("region"))
        for line in lines_of(widget)
        if line.metric is not None
    }
