"""How the dashboard looks: rows of 24 columns, the text on the left, what it explains to its right.

Every number has a point a minute, every graph starts at 0 and names its unit, and a colour means the same everywhere.
The colours are those of Okabe and Ito, which the colour-blind can tell apart: https://jfly.uni-koeln.de/color/
"""

from collections.abc import Callable, Sequence
from functools import partial

from aws_cdk import aws_cloudwatch as cloudwatch

from constructs_lib.quotas._metrics import PERIOD

USED = "#0072B2"  # blue: what is used, or started
LIMIT = "#7F7F7F"  # grey
BURST = "#B8B8B8"  # light grey
BACKLOG = WARNING = "#E69F00"  # orange
THROTTLED = CRITICAL = "#D55E00"  # red
SUCCEEDED = "#009E73"  # green
FAILED = "#CC79A7"  # pink
TIMED_OUT = "#882255"  # wine
ABORTED = "#56B4E9"  # sky
MEDIAN = "#B79FD9"  # light violet
SLOWEST = "#7B4FB5"  # violet

COLUMNS = 24
TEXT_COLUMNS = 6
ROW_HEIGHT = 6

Sized = Callable[[int], cloudwatch.IWidget]
"""Makes a widget of so many columns, as high as a row."""


def row(text: str, widgets: Sequence[Sized]) -> list[cloudwatch.IWidget]:
    """Return the text and the widgets, which share what it leaves of the row."""
    left = COLUMNS - TEXT_COLUMNS if widgets else COLUMNS
    rest = [left // len(widgets) + (place < left % len(widgets)) for place in range(len(widgets))]
    return [
        cloudwatch.TextWidget(markdown=text, width=COLUMNS - sum(rest), height=ROW_HEIGHT),
        *(widget(width) for widget, width in zip(widgets, rest, strict=True)),
    ]


def heading(text: str) -> list[cloudwatch.IWidget]:
    """Return a row that is a heading."""
    return [
        cloudwatch.TextWidget(
            markdown=text, width=COLUMNS, height=1, background=cloudwatch.TextWidgetBackground.TRANSPARENT
        )
    ]


def text(title: str, *, meaning: str, action: str, links: str) -> str:
    """Return a row's text: what it means, what to do, where to read on."""
    return f"### {title}\n\n{meaning}\n\n**Do:** {action}\n\n{links}"


def link(label: str, address: str) -> str:
    """Return a link for a text."""
    return f"[{label}]({address})"


def graph(
    title: str,
    lines: Sequence[cloudwatch.IMetric],
    *,
    unit: str,
    region: str | None,
    marks: Sequence[cloudwatch.HorizontalAnnotation] = (),
) -> Sized:
    """Return lines over time; `marks` are horizontal."""
    return partial(_graph, title, lines, unit, region, marks)


def _graph(
    title: str,
    lines: Sequence[cloudwatch.IMetric],
    unit: str,
    region: str | None,
    marks: Sequence[cloudwatch.HorizontalAnnotation],
    width: int,
) -> cloudwatch.IWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=list(lines),
        left_annotations=list(marks),
        left_y_axis=cloudwatch.YAxisProps(label=unit, min=0, show_units=False),
        period=PERIOD,
        region=region,
        width=width,
        height=ROW_HEIGHT,
    )


def mark(label: str, value: float, color: str) -> cloudwatch.HorizontalAnnotation:
    """Return a horizontal line for a limit or a threshold."""
    return cloudwatch.HorizontalAnnotation(label=label, value=value, color=color)


def number(title: str, metric: cloudwatch.IMetric, *, region: str | None) -> Sized:
    """Return the newest minute as a number, over a line of the minutes before."""
    return lambda width: cloudwatch.SingleValueWidget(
        title=title,
        metrics=[metric],
        sparkline=True,
        period=PERIOD,
        region=region,
        width=width,
        height=ROW_HEIGHT,
    )


def gauge(title: str, metric: cloudwatch.IMetric, *, warning: float, critical: float, region: str | None) -> Sized:
    """Return the newest minute in percent, with the thresholds of the first warning and the first critical alarm."""
    return lambda width: cloudwatch.GaugeWidget(
        title=title,
        metrics=[metric],
        annotations=[mark("Warning", warning, WARNING), mark("Critical", critical, CRITICAL)],
        left_y_axis=cloudwatch.YAxisProps(min=0, max=100),
        period=PERIOD,
        region=region,
        width=width,
        height=ROW_HEIGHT,
    )


def ranking(title: str, found: cloudwatch.IMetric, *, region: str | None) -> Sized:
    """Return a table of what a search finds, with each one's sum over the time that is shown."""
    return lambda width: cloudwatch.TableWidget(
        title=title,
        metrics=[found],
        layout=cloudwatch.TableLayout.HORIZONTAL,
        summary=cloudwatch.TableSummaryProps(
            columns=[cloudwatch.TableSummaryColumn.SUM], hide_non_summary_columns=True, sticky=True
        ),
        show_units_in_label=False,
        period=PERIOD,
        region=region,
        width=width,
        height=ROW_HEIGHT,
    )


def status(
    title: str, alarms: Sequence[cloudwatch.IAlarm], *, only_on: bool = False, height: int = ROW_HEIGHT
) -> Sized:
    """Return the state of alarms, or those only that are on."""
    return lambda width: cloudwatch.AlarmStatusWidget(
        title=title,
        alarms=list(alarms),  # jsii takes no tuple
        states=[cloudwatch.AlarmState.ALARM] if only_on else None,
        sort_by=cloudwatch.AlarmStatusWidgetSortBy.STATE_UPDATED_TIMESTAMP,
        width=width,
        height=height,
    )
