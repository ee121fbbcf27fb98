"""The catalogue's metrics and expressions as aws-cdk-lib has them; a point a minute."""

import re

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from constructs_lib.quotas.catalogue import PERIOD_SECONDS, Expression, Metric

PERIOD = Duration.seconds(PERIOD_SECONDS)


def cdk_metric(
    metric: Metric,
    *,
    label: str | None = None,
    color: str | None = None,
    account: str | None = None,
    region: str | None = None,
) -> cloudwatch.Metric:
    """Return `metric`; of the stack's own account and Region where these are None."""
    return cloudwatch.Metric(
        namespace=metric.namespace,
        metric_name=metric.name,
        statistic=metric.statistic,
        dimensions_map=dict(metric.dimensions) or None,
        period=PERIOD,
        label=label,
        color=color,
        account=account,
        region=region,
    )


def cdk_expression(
    expression: Expression,
    *,
    label: str | None = None,
    color: str | None = None,
    account: str | None = None,
    region: str | None = None,
) -> cloudwatch.MathExpression:
    """Return `expression` over metrics of one account and Region: the stack's own where these are None."""
    return cloudwatch.MathExpression(
        expression=expression.text,
        using_metrics={name: cdk_metric(metric, account=account, region=region) for name, metric in expression.metrics},
        period=PERIOD,
        label=label,
        color=color,
    )


def renamed(expression: Expression, suffix: str) -> Expression:
    """Return `expression` with `suffix` at the end of each of its ids: a widget has each id once."""
    names = "|".join(name for name, _ in expression.metrics)
    return Expression(
        text=re.sub(rf"\b({names})\b", rf"\g<1>{suffix}", expression.text),
        metrics=tuple((f"{name}{suffix}", metric) for name, metric in expression.metrics),
    )
