"""What the dashboard's rows show, each made of the catalogue's records and of where its metrics come from.

Inferred, and for AWS to confirm: SUM and MAX of several series pass over one that was never reported, such as that of
a call nobody makes; and FILL gives the newest minute a 0 until its points have come, as AWS says of alarms.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from aws_cdk import aws_cloudwatch as cloudwatch

from constructs_lib.quotas._metrics import PERIOD, cdk_expression, cdk_metric, renamed
from constructs_lib.quotas._widgets import (
    ABORTED,
    BACKLOG,
    BURST,
    COLUMNS,
    CRITICAL,
    FAILED,
    LIMIT,
    MEDIAN,
    SLOWEST,
    SUCCEEDED,
    THROTTLED,
    TIMED_OUT,
    USED,
    WARNING,
    Sized,
    gauge,
    graph,
    heading,
    link,
    mark,
    number,
    ranking,
    row,
    status,
    text,
)
from constructs_lib.quotas.alarms import QuotaAlarms
from constructs_lib.quotas.catalogue import (
    PERIOD_SECONDS,
    STATES,
    DocumentedLimit,
    Expression,
    Metric,
    Quota,
    workflow_metric,
)
from constructs_lib.quotas.watched import WatchedWorkflow

Row = list[cloudwatch.IWidget]

_METRICS_PAGE = link(
    "Step Functions' metrics", "https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html"
)
_QUOTAS_PAGE = link("all quotas", "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html")
_MAP_PAGE = link("Map runs", "https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html")
_LAMBDA_PAGE = link("Lambda's metrics", "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html")

_ALARMS_A_WIDGET = 100
_MAPS_A_ROW = 3
_RANKED = 10


class Place(Protocol):
    """Where metrics come from; None is the dashboard's own account or Region."""

    @property
    def account(self) -> str | None: ...
    @property
    def region(self) -> str | None: ...


def now_row(title: str, quotas: Sequence[Quota], place: Place, *, alarms: QuotaAlarms | None, elsewhere: bool) -> Row:
    """Return the row that answers "is anything delayed now?"; `elsewhere`: the alarms are in other accounts."""
    widgets: list[Sized] = []
    if alarms is not None:
        composites = (alarms.delayed, alarms.critical, alarms.warning)
        widgets.append(status("Alarms", [composite for composite in composites if composite is not None]))
    backlogs = [quota.backlog for quota in quotas if quota.backlog is not None]
    if backlogs:
        widgets.append(number("Backlog", _total(backlogs, place, "Waiting", BACKLOG), region=place.region))
    throttled = [
        quota.throttled for quota in quotas if quota.throttled is not None and quota.throttled.namespace == STATES
    ]
    if throttled:
        total = _total(throttled, place, "In the newest minute", THROTTLED)
        widgets.append(number("Throttled events", total, region=place.region))
    limited = [quota for quota in quotas if quota.utilisation is not None]
    if limited:
        widgets.append(
            gauge(
                "Worst utilisation",
                _worst(limited, place),
                warning=min(quota.warning_percent for quota in limited),
                critical=min(quota.critical_percent for quota in limited),
                region=place.region,
            )
        )
    return row(
        text(
            title,
            meaning="Delayed executions wait and don't fail: a backlog or throttled events say so. The utilisation of "
            "the fullest quota says that it may come to that. The newest minute may read 0 until its points have come: "
            "see the line. -- is no data."
            + (" The alarms are in the source's own account and Region." if elsewhere else ""),
            action="Find the quota's row below, and in the row “Who” whose executions they are.",
            links=f"{_METRICS_PAGE} · {_QUOTAS_PAGE}",
        ),
        widgets,
    )


def alarm_rows(alarms: QuotaAlarms) -> Iterator[Row]:
    """Yield the alarms that are on; a widget takes 100 alarms, so that there may be several."""
    every = alarms.alarms
    for start in range(0, len(every), _ALARMS_A_WIDGET):
        title = "Alarms that are on, continued" if start else "Alarms that are on"
        yield [status(title, every[start : start + _ALARMS_A_WIDGET], only_on=True, height=3)(COLUMNS)]


def source_heading(title: str) -> Row:
    """Return the line above the rows of a source."""
    return heading(f"## {title}")


def quota_row(quota: Quota, place: Place, *, documented: DocumentedLimit | None) -> Row:
    """Return the row of a quota: what is used of it, in percent too, what was throttled, what waits."""
    return row(
        text(quota.title, meaning=quota.meaning, action=quota.action, links=_limit_links(quota)),
        list(_quota_graphs(quota, place, documented)),
    )


def _limit_links(quota: Quota) -> str:
    page = link("The quota's page", quota.source)
    if quota.hard:
        return f"{page} · hard limit"
    if quota.service_quotas_codes:
        return f"{page} · soft limit, in Service Quotas {' and '.join(quota.service_quotas_codes)}"
    return page if quota.used is None else f"{page} · soft limit"


def _quota_graphs(quota: Quota, place: Place, documented: DocumentedLimit | None) -> Iterator[Sized]:
    if quota.used is not None:
        yield _used_graph(quota, quota.used, place, documented)
    if quota.utilisation is not None:
        yield graph(
            "Utilisation",
            [_expression(quota.utilisation, place, "Of the limit", USED)],
            unit="Percent",
            region=place.region,
            marks=[
                mark(f"Warning: {quota.warning_percent:g} %", quota.warning_percent, WARNING),
                mark(f"Critical: {quota.critical_percent:g} %", quota.critical_percent, CRITICAL),
            ],
        )
    if quota.throttled is not None:
        yield _throttled_graph(quota.throttled, place)
    if quota.backlog is not None:
        yield graph(
            "Backlog",
            [_filled(quota.backlog, place, "Waiting", BACKLOG)],
            unit="Count",
            region=place.region,
        )


def _used_graph(quota: Quota, used: Metric, place: Place, documented: DocumentedLimit | None) -> Sized:
    bucket = quota.bucket_size is not None
    lines: list[cloudwatch.IMetric] = [
        _expression(Expression(text="FILL(used,0)/PERIOD(used)", metrics=(("used", used),)), place, "Used", USED)
        if bucket
        else _metric(used, place, "Used", USED)
    ]
    if quota.limit is not None:
        lines.append(_metric(quota.limit, place, "Refill" if bucket else "Limit", LIMIT))
    if quota.bucket_size is not None:
        lines.append(_metric(quota.bucket_size, place, "Burst (bucket)", BURST))
    return graph(
        "Used against the limit" if quota.limit is not None else "Used",
        lines,
        unit="Per second" if bucket else "Count",
        region=place.region,
        marks=[] if documented is None else [mark(f"Documented: {documented.limit:,.0f}", documented.limit, LIMIT)],
    )


def _throttled_graph(throttled: Metric, place: Place) -> Sized:
    return graph(
        "Throttled",
        [_filled(throttled, place, "Throttled", THROTTLED)],
        unit="Per minute",
        region=place.region,
    )


def who_rows(place: Place, *, account_filter: str) -> Iterator[Row]:
    """Yield the workflows and functions of an account that were throttled most, whichever there are."""

    def most(metric: str, schema: str) -> cloudwatch.SearchExpression:
        found = f"SEARCH('{{{schema}}} MetricName=\"{metric}\"{account_filter}','Sum',{PERIOD_SECONDS})"
        return cloudwatch.SearchExpression(
            expression=f"SORT({found},SUM,DESC,{_RANKED})", label="", period=PERIOD, search_region=place.region
        )

    workflows = f"{STATES},StateMachineArn"
    yield row(
        text(
            "Who: workflows",
            meaning="The ten workflows whose states were throttled most, and the ten that started most executions. "
            "A map's children stand under its label. Who waits isn't always who used it up.",
            action="Pace what starts most: a lower concurrency, Express children, or starts that are spread.",
            links=_METRICS_PAGE,
        ),
        [
            ranking("Throttled states", most("ExecutionThrottled", workflows), region=place.region),
            ranking("Started executions", most("ExecutionsStarted", workflows), region=place.region),
        ],
    )
    yield row(
        text(
            "Who: functions",
            meaning="The ten functions that Lambda throttled most: their tasks were refused and are retried, each "
            "retry a state transition of a Standard workflow.",
            action="Lower the concurrency of the map that calls it, or raise the function's.",
            links=_LAMBDA_PAGE,
        ),
        [ranking("Throttled calls", most("Throttles", "AWS/Lambda,FunctionName"), region=place.region)],
    )


def workflow_rows(workflow: WatchedWorkflow) -> Iterator[Row]:
    """Yield the rows of a watched workflow, and of the children of its maps."""
    arn = workflow.state_machine.state_machine_arn
    throttled = workflow.quota.throttled
    yield row(
        text(
            workflow.name,
            meaning="What this workflow started and how it ended; how long an execution took; its states "
            "that were throttled. Longer, and none failed: it is being delayed.",
            action="Compare its throttled states with the quotas above; of what failed, read Error and Cause.",
            links=_METRICS_PAGE,
        ),
        [
            graph("Executions", list(_outcomes(arn, workflow)), unit="Per minute", region=workflow.region),
            graph(
                "Duration",
                [
                    _metric(workflow_metric("ExecutionTime", "p50", arn), workflow, "p50", MEDIAN),
                    _metric(workflow_metric("ExecutionTime", "p99", arn), workflow, "p99", SLOWEST),
                ],
                unit="Milliseconds",
                region=workflow.region,
            ),
            *([_throttled_graph(throttled, workflow)] if throttled is not None else []),
        ],
    )
    for start in range(0, len(workflow.map_labels), _MAPS_A_ROW):
        yield row(
            text(
                f"{workflow.name}: children",
                meaning="What each Distributed Map started and how it ended, by the map's label: a map tolerates a "
                "share of failed children.",
                action="Started falls while the map is open: its children wait. Failed ones are in its map run.",
                links=_MAP_PAGE,
            ),
            [
                graph(label, list(_outcomes(f"{arn}/{label}", workflow)), unit="Per minute", region=workflow.region)
                for label in workflow.map_labels[start : start + _MAPS_A_ROW]
            ],
        )


def _outcomes(arn: str, place: Place) -> Iterator[cloudwatch.IMetric]:
    for name, label, color in (
        ("Started", "Started", USED),
        ("Succeeded", "Succeeded", SUCCEEDED),
        ("Failed", "Failed", FAILED),
        ("TimedOut", "Timed out", TIMED_OUT),
        ("Aborted", "Aborted", ABORTED),
    ):
        yield _metric(workflow_metric(f"Executions{name}", "Sum", arn), place, label, color)


def _total(metrics: Sequence[Metric], place: Place, label: str, color: str) -> cloudwatch.IMetric:
    if len(metrics) == 1:
        return _filled(metrics[0], place, label, color)
    named = tuple((f"m{index}", metric) for index, metric in enumerate(metrics))
    ids = ",".join(name for name, _ in named)
    return _expression(Expression(text=f"SUM(FILL([{ids}],0))", metrics=named), place, label, color)


def _worst(quotas: Sequence[Quota], place: Place) -> cloudwatch.IMetric:
    utilisations = {
        f"u{index}": _expression(renamed(quota.utilisation, str(index)), place, quota.title, USED)
        for index, quota in enumerate(quotas)
        if quota.utilisation is not None
    }
    if len(utilisations) == 1:
        # MAX of a single series is a single number, its largest of all minutes.
        return utilisations["u0"]
    return cloudwatch.MathExpression(
        expression=f"MAX([{','.join(utilisations)}])",
        using_metrics=utilisations,
        period=PERIOD,
        label="Percent",
        color=USED,
    )


def _filled(metric: Metric, place: Place, label: str, color: str) -> cloudwatch.IMetric:
    """`metric`, 0 where it has no point: else the newest minute would be the last one in which something happened."""
    return _expression(Expression(text="FILL(m,0)", metrics=(("m", metric),)), place, label, color)


def _metric(metric: Metric, place: Place, label: str, color: str) -> cloudwatch.IMetric:
    return cdk_metric(metric, label=label, color=color, account=place.account, region=place.region)


def _expression(expression: Expression, place: Place, label: str, color: str) -> cloudwatch.IMetric:
    return cdk_expression(expression, label=label, color=color, account=place.account, region=place.region)
