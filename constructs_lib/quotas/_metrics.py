"""The catalogue's metrics and expressions as aws-cdk-lib has them; a point a minute."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from constructs_lib.quotas.catalogue import PERIOD_SECONDS, Expression, Metric

PERIOD = Duration.seconds(PERIOD_SECONDS)


def cdk_metric(
    metric: Metric, *, label: str | None = None, account: str | None = None, region: str | None = None
) -> cloudwatch.Metric:
    """Return `metric`; of the stack's own account and Region where these are None."""
    return cloudwatch.Metric(
        namespace=metric.namespace,
        metric_name=metric.name,
        statistic=metric.statistic,
        dimensions_map=dict(metric.dimensions) or None,
        period=PERIOD,
        label=label,
        account=account,
        region=region,
    )


def cdk_expression(
    expression: Expression, *, label: str | None = None, account: str | None = None, region: str | None = None
) -> cloudwatch.MathExpression:
    """Return `expression` over metrics of one account and Region: the stack's own where these are None."""
    return cloudwatch.MathExpression(
        expression=expression.text,
        using_metrics={name: cdk_metric(metric, account=account, region=region) for name, metric in expression.metrics},
        period=PERIOD,
        label=label,
    )
