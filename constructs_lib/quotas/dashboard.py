"""QuotaDashboard: is anything delayed now, which quota, who uses it up, how are the watched workflows doing.

It is made of the same records as the alarms. CloudWatch takes 500 widgets, of 500 metrics each and of 2,500 together,
those of expressions included; with these rows the widgets are used up first.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from constructs_lib._checks import check_kind, is_list, is_token, usage_error
from constructs_lib.quotas._rows import Row, alarm_rows, now_row, quota_row, source_heading, who_rows, workflow_rows
from constructs_lib.quotas.alarms import QuotaAlarms
from constructs_lib.quotas.catalogue import QUOTAS, Quota
from constructs_lib.quotas.metric_source import MetricSource
from constructs_lib.quotas.watched import WatchedWorkflow, check_watched

_SHOWN = Duration.hours(3)
_MAX_WIDGETS = 500
_QUESTION = "Is anything delayed now?"


class QuotaDashboard(Construct):
    """A dashboard of the quotas of one account and Region, or of several in a monitoring account; $3 a month.

    From top to bottom: is anything delayed now, a row a quota, who was throttled and started most, a row a watched
    workflow. Each row has two lines of text: what it means, and what to do.

    Several `sources` need CloudWatch's cross-account observability (`observability`): the dashboard is the monitoring
    account's, the alarms are each source's own, and so aren't on it.

    Example::

        QuotaDashboard(self, "Dashboard", alarms=QuotaAlarms(self, "Alarms", topic=topic))

    Args:
        scope: The construct that this one belongs to.
        construct_id: Unique in `scope`.
        alarms: Shows their quotas, their workflows and their status. Omitted: no status.
        quotas: Records of the catalogue. Omitted: the alarms', or Step Functions' own.
        workflows: State machines to show. Omitted: the alarms', or none.
        sources: The accounts and Regions that the quotas are of. Omitted: the stack's own.
        dashboard_name: Dashboards of all Regions share their account's names. Omitted: CloudFormation makes one.

    Raises:
        ValueError: for no quota, quotas or sources beside alarms, two sources alike or of one label, a name that
            CloudWatch refuses, or more than a dashboard can have.

    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        alarms: QuotaAlarms | None = None,
        quotas: Sequence[Quota] | None = None,
        workflows: Sequence[WatchedWorkflow] | None = None,
        sources: Sequence[MetricSource] = (),
        dashboard_name: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        if alarms is not None:
            check_kind(self, "alarms", alarms, QuotaAlarms, fix="Leave them out for a dashboard without their status.")
            self._refuse_beside_alarms(quotas=quotas, workflows=workflows, sources=sources or None)
            self._check_place(alarms)
            quotas, workflows = alarms.quotas, alarms.workflows
        self._alarms = alarms
        self._quotas = QUOTAS if quotas is None else quotas
        self._workflows = () if workflows is None else workflows
        self._sources = sources
        self._check_watched()
        self._check_sources()
        _check_name(self, dashboard_name)
        rows = list(self._rows())
        _check_size(self, rows, argument="sources" if sources else "workflows" if self._workflows else "quotas")
        self._dashboard = cloudwatch.Dashboard(
            self,
            "Resource",
            dashboard_name=dashboard_name,
            widgets=rows,
            default_interval=_SHOWN,
            # Else CloudWatch draws coarser points over a longer time, and a burst of a minute is averaged away.
            period_override=cloudwatch.PeriodOverride.INHERIT,
        )

    @property
    def dashboard(self) -> cloudwatch.Dashboard:
        """The dashboard, to add rows of one's own below these."""
        return self._dashboard

    def _refuse_beside_alarms(self, **arguments: object) -> None:
        for argument, value in arguments.items():
            if value is not None:
                raise usage_error(
                    self,
                    argument,
                    value,
                    allowed="nothing beside `alarms`, which watch the quotas and workflows of the stack's own account",
                    fix="Give them to QuotaAlarms, or leave out `alarms`.",
                )

    def _check_place(self, alarms: QuotaAlarms) -> None:
        theirs, ours = Stack.of(alarms), Stack.of(self)
        for place, wanted in ((theirs.account, ours.account), (theirs.region, ours.region)):
            # What one stack knows and the other doesn't, CDK takes for different, too.
            if place != wanted:
                raise usage_error(
                    self,
                    "alarms",
                    "alarms of a stack without an env" if is_token(place) else f"alarms of {place}",
                    allowed="those of a stack of the same account and Region",
                    fix="Make the dashboard in the alarms' stack, or leave out `alarms` and give `sources`.",
                )

    def _check_watched(self) -> None:
        check_watched(self, self._quotas, self._workflows)
        if not self._quotas:
            raise usage_error(
                self,
                "quotas",
                self._quotas,
                allowed="one Quota or more",
                fix="Leave it out for Step Functions' own.",
            )

    def _check_sources(self) -> None:
        sources = self._sources
        if not is_list(sources) or not all(isinstance(source, MetricSource) for source in sources):
            raise usage_error(
                self, "sources", sources, allowed="a list of MetricSource", fix="Give [MetricSource(label=…)]."
            )
        labels = Counter(source.label for source in sources)
        places = Counter(self._place(source) for source in sources)
        for what, alike in (
            ("label", [label for label, count in labels.items() if count > 1]),
            ("account and Region", [source.label for source in sources if places[self._place(source)] > 1]),
        ):
            if alike:
                raise usage_error(
                    self, "sources", alike, allowed=f"each {what} once", fix="Leave one of them out, or change it."
                )

    def _place(self, source: MetricSource) -> tuple[str, str]:
        stack = Stack.of(self)
        return (
            stack.account if source.account is None else source.account,
            stack.region if source.region is None else source.region,
        )

    def _rows(self) -> Iterator[Row]:
        sources = self._sources or [_OWN]
        for source in sources:
            title = _QUESTION if source is _OWN else f"{source.label}: {_QUESTION[0].lower()}{_QUESTION[1:]}"
            yield now_row(title, self._quotas, source, alarms=self._alarms, elsewhere=source is not _OWN)
        if self._alarms is not None:
            yield from alarm_rows(self._alarms)
        for source in sources:
            if source is not _OWN:
                yield source_heading(source.label)
            _, region = self._place(source)
            for quota in self._quotas:
                documented = None if is_token(region) else quota.documented_in(region)
                yield quota_row(quota, source, documented=documented)
            yield from who_rows(source, account_filter=self._account_filter(source))
        for workflow in self._workflows:
            yield from workflow_rows(workflow)

    def _account_filter(self, source: MetricSource) -> str:
        """Return what a search of `source` says of the account: one without it finds every account's metrics.

        Only a monitoring account may say it:
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
        """
        own = Stack.of(self).account
        if all(self._place(each)[0] == own for each in self._sources):
            return ""
        account, _ = self._place(source)
        return f' :aws.AccountId="{"LOCAL" if account == own else account}"'


_OWN = MetricSource(label="This account and Region")


def _check_name(construct: Construct, name: str | None) -> None:
    if name is None or is_token(name):
        return
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name):
        raise usage_error(
            construct,
            "dashboard_name",
            name,
            allowed="up to 255 letters, digits, - and _",
            fix="Leave it out for a name that CloudFormation makes.",
        )


def _check_size(construct: Construct, rows: Sequence[Row], *, argument: str) -> None:
    count = sum(len(widgets) for widgets in rows)
    if count > _MAX_WIDGETS:
        raise usage_error(
            construct,
            argument,
            f"{count:,} widgets",
            allowed=f"at most {_MAX_WIDGETS}, which a dashboard can have",
            fix=f"Make a second dashboard for some of the {argument}.",
        )
