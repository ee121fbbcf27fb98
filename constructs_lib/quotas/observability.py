"""The two sides of CloudWatch cross-account observability: one account's dashboard shows the metrics of others.

The monitoring account has a sink, each source account a link to it, both once a Region: nothing is shared between
Regions. Metrics only are shared, no logs and no traces. Alarms stay where their metrics are. A sink's policy can be
tried out in a simulation; that CloudWatch then shares what it should, only AWS can confirm.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Unified-Cross-Account.html
"""

import re
from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_oam as oam
from constructs import Construct

from constructs_lib._checks import is_token, usage_error
from constructs_lib._workflow_identity import differ
from constructs_lib.cross_account import ORGANIZATION_ID

_METRICS = "AWS::CloudWatch::Metric"
_ACCOUNT = r"[0-9]{12}"
_SINK_ARN = rf"arn:aws[a-z-]*:oam:([a-z0-9-]+):({_ACCOUNT}):sink/[0-9A-Za-z-]+"
# What CloudWatch takes for a namespace has no quotation mark, which would end the name in a link's filter:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#Namespace
_NAMESPACE = r"[0-9A-Za-z._/#:-]([0-9A-Za-z ._/#:-]{0,253}[0-9A-Za-z._/#:-])?"
_MAX_FILTER = 2000

DEFAULT_NAMESPACES = ("AWS/States", "AWS/Lambda", "AWS/Bedrock", "StepFunctionsAtScale")
"""Of the metrics on a `QuotaDashboard`."""


class MonitoringAccountSink(Construct):
    """The monitoring account's side: a sink that the named source accounts, and no others, may share metrics with.

    An account has one sink a Region. Where there is one already, CloudFormation can't make another: add the source
    accounts to that one's policy instead. Up to 100,000 source accounts can link to a sink.

    Example::

        sink = MonitoringAccountSink(self, "Sink", source_accounts=["222222222222", "333333333333"])
        CfnOutput(self, "SinkArn", value=sink.sink_arn)

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        source_accounts: The accounts that may link to the sink, 12 digits each.
        organization_id: In their place: each account of this organization may, such as o-a1b2c3d4e5.

    Raises:
        ValueError: for neither or both of the two, for what isn't an account, is there twice or is the sink's own, and
            for what isn't an organization's id.

    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        source_accounts: Sequence[str] = (),
        organization_id: str | None = None,
    ) -> None:
        where = f"{scope.node.path}/{construct_id}"
        _check_accounts(where, source_accounts, own=Stack.of(scope).account)
        if organization_id is not None:
            _check_text(
                where, "organization_id", organization_id, ORGANIZATION_ID, "an organization's id, o-a1b2c3d4e5"
            )
        if (organization_id is None) == (not source_accounts):
            raise usage_error(
                where,
                "source_accounts",
                list(source_accounts),
                allowed="accounts, or none where organization_id is given",
                fix="Give one of the two.",
            )
        super().__init__(scope, construct_id)
        # No type at all would do, too, but both calls need one.
        conditions: dict[str, dict[str, object]] = {"ForAllValues:StringEquals": {"oam:ResourceTypes": [_METRICS]}}
        principals: list[iam.IPrincipal] = [iam.AccountPrincipal(account) for account in source_accounts]
        if organization_id is not None:
            conditions["StringEquals"] = {"aws:PrincipalOrgID": organization_id}
            principals = [iam.AnyPrincipal()]
        statement = iam.PolicyStatement(
            sid="SourceAccountsLink",
            actions=["oam:CreateLink", "oam:UpdateLink"],
            # This sink: its ARN isn't known before it is made.
            resources=["*"],
            principals=principals,
            conditions=conditions,
        )
        # Always of one name: a new one replaces the sink, and there can't be a second while there is the first.
        self._sink = oam.CfnSink(
            self, "Sink", name="step-functions-at-scale", policy=iam.PolicyDocument(statements=[statement])
        )

    @property
    def sink(self) -> oam.CfnSink:
        """What the links lead to."""
        return self._sink

    @property
    def sink_arn(self) -> str:
        """What each source account's link needs to know; AWS chooses its end when it makes the sink."""
        return self._sink.attr_arn


class SourceAccountLink(Construct):
    """A source account's side: it shares the metrics of some namespaces with a monitoring account, in this Region.

    There they stand under this account's name. An account can link to five sinks. The sink comes first: its policy must
    name this account.

    Example::

        sink_arn = "arn:aws:oam:us-east-1:111111111111:sink/a1b2c3d4-5678-90ab-cdef-0123456789ab"
        SourceAccountLink(self, "Link", sink_arn=sink_arn)

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        sink_arn: Of the monitoring account's sink, in this Region.
        namespaces: Of the metrics to share. Omitted: those on a `QuotaDashboard`, `DEFAULT_NAMESPACES`.

    Raises:
        ValueError: for what isn't a sink's ARN, a sink of another Region or of this account, and for namespaces that
            are none, are there twice or are too many for a link's filter.

    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        sink_arn: str,
        namespaces: Sequence[str] = DEFAULT_NAMESPACES,
    ) -> None:
        where = f"{scope.node.path}/{construct_id}"
        _check_sink_arn(where, sink_arn, Stack.of(scope))
        _check_namespaces(where, namespaces)
        super().__init__(scope, construct_id)
        self._link = oam.CfnLink(
            self,
            "Link",
            sink_identifier=sink_arn,
            resource_types=[_METRICS],
            # CloudWatch puts the account's name there; in GovCloud its number.
            label_template="$AccountName",
            link_configuration=oam.CfnLink.LinkConfigurationProperty(
                metric_configuration=oam.CfnLink.LinkFilterProperty(filter=_filter(namespaces))
            ),
        )

    @property
    def link(self) -> oam.CfnLink:
        """The link to the monitoring account's sink."""
        return self._link


def _filter(namespaces: Sequence[str]) -> str:
    # IN, because a filter can have five AND or OR:
    # https://docs.aws.amazon.com/OAM/latest/APIReference/API_MetricConfiguration.html
    quoted = ", ".join(f"'{namespace}'" for namespace in namespaces)
    return f"Namespace IN ({quoted})"


def _check_accounts(where: str, accounts: Sequence[str], *, own: str) -> None:
    _check_each(where, "source_accounts", accounts, _ACCOUNT, "accounts of 12 digits, each once")
    if own in accounts and not is_token(own):
        raise usage_error(
            where,
            "source_accounts",
            list(accounts),
            allowed=f"other accounts than the sink's, {own}",
            fix="Leave it out: the monitoring account has its own metrics anyway.",
        )


def _check_sink_arn(where: str, sink_arn: object, stack: Stack) -> None:
    if is_token(sink_arn):
        return
    _check_text(where, "sink_arn", sink_arn, _SINK_ARN, "a sink's ARN, arn:aws:oam:us-east-1:111111111111:sink/…")
    _, _, _, region, account, _ = str(sink_arn).split(":")
    if differ(region, stack.region):
        raise usage_error(
            where,
            "sink_arn",
            sink_arn,
            allowed=f"a sink of the stack's Region, {stack.region}",
            fix="Make a sink in each Region that has metrics to share.",
        )
    if not differ(account, stack.account) and not is_token(stack.account):
        raise usage_error(
            where,
            "sink_arn",
            sink_arn,
            allowed=f"a sink of another account than the stack's, {stack.account}",
            fix="The monitoring account needs no link to itself.",
        )


def _check_namespaces(where: str, namespaces: Sequence[str]) -> None:
    _check_each(where, "namespaces", namespaces, _NAMESPACE, "CloudWatch namespaces, such as AWS/States, each once")
    if not namespaces or len(_filter(namespaces)) > _MAX_FILTER:
        raise usage_error(
            where,
            "namespaces",
            list(namespaces),
            allowed=f"namespaces whose filter has at most {_MAX_FILTER:,} characters, and at least one",
            fix="Leave it out to share what the dashboard shows.",
        )


def _check_each(where: str, argument: str, values: object, pattern: str, allowed: str) -> None:
    """Raise ValueError unless `values` are texts of the pattern, or tokens, and no two are the same."""
    if isinstance(values, list | tuple):
        fits = all(is_token(value) or _matches(value, pattern) for value in values)
        if fits and len(set(values)) == len(values):
            return
    raise usage_error(where, argument, values, allowed=allowed, fix="Give them as a list.")


def _check_text(where: str, argument: str, value: object, pattern: str, allowed: str) -> None:
    if not is_token(value) and not _matches(value, pattern):
        raise usage_error(where, argument, value, allowed=allowed, fix="Look it up in the AWS console.")


def _matches(value: object, pattern: str) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None
