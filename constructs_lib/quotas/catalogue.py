"""The quotas that a Step Functions workload runs into: a frozen record each, of which dashboard and alarms are made.

CloudWatch has these metrics by the minute; what Step Functions limits by the second is compared by the second: a
minute's sum over 60. A limit is read from its own metric: accounts differ, and new ones get less than what is
documented. The documented values are for a plot's line and a forecast only. Errors are `ValueError`s of one line.

Metrics: https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html; which values `APIName` has, it
doesn't list: they are inferred from the calls' names in Service Quotas, RedriveExecution from the API's.
Quotas: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html; their codes are those that Service
Quotas gives in us-east-1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

PERIOD_SECONDS = 60
"""Step Functions' metrics have a point a minute."""

LARGE_REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
"""The Regions whose accounts get the larger buckets."""

WINDOW_MINUTES = 15
"""How long an alarm looks back: it outlasts a pause of some minutes, and a limit that isn't reported for ten."""

SUSTAINED_MINUTES = 3
"""Minutes of the window that must be over a threshold where a single one says too little."""


class Severity(StrEnum):
    """WARNING: look into it today. CRITICAL: look now."""

    WARNING = "Warning"
    CRITICAL = "Critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A CloudWatch metric and the statistic of it that means something; a point a minute."""

    namespace: str
    name: str
    statistic: str
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """Metric math over metrics, by the ids that `text` has for them."""

    text: str
    metrics: tuple[tuple[str, Metric], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRule:
    """When an alarm goes off: `of` is at least `threshold` in `minutes` of the last `WINDOW_MINUTES`.

    `key` is unique among the rules of a quota. `delays`: executions wait meanwhile, and don't fail; the critical rule
    isn't marked so, for its warning comes first and lasts longer. A minute without a point is a good one: none of these
    metrics is reported while nothing happens.
    """

    key: str
    severity: Severity
    of: Metric | Expression
    threshold: float
    minutes: int
    delays: bool
    happened: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedLimit:
    """What AWS documents for an account that nobody has changed.

    `limit` is a count, or what a bucket is refilled with a second; `bucket_size` is None for what has no bucket.
    """

    limit: float
    bucket_size: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A shared limit: what is used of it, how much there is, and what shows that it was reached.

    `used` stands against `limit`, both counts; where there is a `bucket_size`, `used` is a minute's sum and `limit`
    what the bucket is refilled with a second. `throttled` counts what was held up or refused, `backlog` what waits.
    None means that AWS reports no such metric. `delays` says that what is throttled waits, and isn't refused.

    `hard` limits can't be raised; `service_quotas_codes` are the others' in Service Quotas, where they are known: that
    of the count, or those of the bucket's size and refill rate.
    `documented` and `documented_large` are what other Regions and `LARGE_REGIONS` get; None is undocumented.

    `meaning` and `action` are a sentence each, for whoever is called at night; `runbook_section` is an anchor of
    the runbook, docs/runbook-quotas.md of the repository. The percentages are of `limit`; change them by
    `dataclasses.replace(quota, warning_percent=70)`.

    Raises:
        ValueError: for a percentage that is none, a warning that comes after its critical alarm, or nothing to alarm
            on.

    """

    key: str
    title: str
    used: Metric | None = None
    limit: Metric | None = None
    bucket_size: Metric | None = None
    throttled: Metric | None = None
    backlog: Metric | None = None
    delays: bool = False
    warning_percent: float = 80
    critical_percent: float = 90
    hard: bool = False
    service_quotas_codes: tuple[str, ...] = ()
    documented: DocumentedLimit | None = None
    documented_large: DocumentedLimit | None = None
    meaning: str
    action: str
    runbook_section: str
    source: str

    def __post_init__(self) -> None:
        for name in ("warning_percent", "critical_percent"):
            percent = getattr(self, name)
            number = isinstance(percent, int | float) and not isinstance(percent, bool)
            if not (number and 0 < percent <= 100):
                raise ValueError(
                    f"{self.key}: {name} is {percent!r}; allowed: a number over 0, up to 100. Change {name}."
                )
        if self.warning_percent > self.critical_percent:
            raise ValueError(
                f"{self.key}: warning_percent is {self.warning_percent:g}; allowed: at most critical_percent, "
                f"{self.critical_percent:g}. Lower warning_percent, or raise critical_percent."
            )
        if not self.alarms:
            raise ValueError(
                f"{self.key}: throttled is None; allowed: at least one of throttled, backlog, and used with limit. "
                "Without one there is nothing to alarm on."
            )

    @property
    def utilisation(self) -> Expression | None:
        """What is used of the limit, in percent; None where AWS reports no limit.

        No use is none at all. A limit that isn't reported is taken to be its last one: how far back REPEAT looks is
        not documented, so it may find none; what is throttled then still shows.
        """
        if self.used is None or self.limit is None:
            return None
        used = "FILL(used,0)" if self.bucket_size is None else "(FILL(used,0)/PERIOD(used))"
        return Expression(text=f"100*{used}/FILL(limit,REPEAT)", metrics=(("used", self.used), ("limit", self.limit)))

    @property
    def alarms(self) -> tuple[AlarmRule, ...]:
        """The alarms on this quota: a warning and a critical one for each of its signs."""
        return tuple(self._alarms())

    def _alarms(self) -> Iterator[AlarmRule]:
        title = self.title
        if self.throttled is not None:
            for severity, minutes in _ONCE_AND_SUSTAINED:
                yield AlarmRule(
                    key=f"Throttled{severity}",
                    severity=severity,
                    of=self.throttled,
                    threshold=1,
                    minutes=minutes,
                    delays=self.delays and severity is Severity.WARNING,
                    happened=f"{title}: throttled in {_minutes(minutes)}.",
                    reason="A burst of seconds throttles while the minute's average stays low: what was throttled says "
                    "so, a percentage can't.",
                )
        if self.backlog is not None:
            yield AlarmRule(
                key="BacklogWarning",
                severity=Severity.WARNING,
                of=self.backlog,
                threshold=1,
                minutes=1,
                delays=self.delays,
                happened=f"{title}: a backlog in {_minutes(1)}.",
                reason="There is a point only while something waits.",
            )
            yield AlarmRule(
                key="BacklogGrowsCritical",
                severity=Severity.CRITICAL,
                of=Expression(text="DIFF(FILL(backlog,0))", metrics=(("backlog", self.backlog),)),
                threshold=1,
                minutes=SUSTAINED_MINUTES,
                delays=False,
                happened=f"{title}: the backlog grew in {_minutes(SUSTAINED_MINUTES)}.",
                reason="A backlog that drains needs nobody; one that grows needs someone.",
            )
        if self.utilisation is not None:
            for severity, percent in (
                (Severity.WARNING, self.warning_percent),
                (Severity.CRITICAL, self.critical_percent),
            ):
                yield AlarmRule(
                    key=f"Utilisation{severity}",
                    severity=severity,
                    of=self.utilisation,
                    threshold=percent,
                    minutes=SUSTAINED_MINUTES,
                    delays=False,
                    happened=f"{title}: {percent:g} % of the limit or more in {_minutes(SUSTAINED_MINUTES)}.",
                    reason="One busy minute is no trend; and where points are filled in, AWS advises against an alarm "
                    "that the newest point decides alone.",
                )

    def documented_in(self, region: str) -> DocumentedLimit | None:
        """Return what AWS documents for `region`; None where it documents nothing."""
        return self.documented_large if region in LARGE_REGIONS else self.documented


_ONCE_AND_SUSTAINED = ((Severity.WARNING, 1), (Severity.CRITICAL, SUSTAINED_MINUTES))


def _minutes(minutes: int) -> str:
    return f"{minutes} {'minute' if minutes == 1 else 'minutes'} of the last {WINDOW_MINUTES}"


STATES = "AWS/States"
_GUIDE = "https://docs.aws.amazon.com/step-functions/latest/dg"
_ACCOUNT_LIMITS = f"{_GUIDE}/service-quotas.html#service-limits-accounts"
_STATE_THROTTLING = f"{_GUIDE}/service-quotas.html#service-limits-api-state-throttling"
_STARTING = f"{_GUIDE}/service-quotas.html#service-limits-api-action-throttling-general"


def _level(name: str) -> Metric:
    return Metric(namespace=STATES, name=name, statistic="Maximum")


class _BucketMetrics(TypedDict):
    used: Metric
    limit: Metric
    bucket_size: Metric
    throttled: Metric


def _of_bucket(dimension: tuple[str, str]) -> _BucketMetrics:
    """The four metrics of a token bucket."""

    def metric(name: str, statistic: str) -> Metric:
        return Metric(namespace=STATES, name=name, statistic=statistic, dimensions=(dimension,))

    return {
        "used": metric("ConsumedCapacity", "Sum"),
        "limit": metric("ProvisionedRefillRate", "Maximum"),
        "bucket_size": metric("ProvisionedBucketSize", "Maximum"),
        "throttled": metric("ThrottledEvents", "Sum"),
    }


def _bucket(bucket_size: float, refill_per_second: float) -> DocumentedLimit:
    return DocumentedLimit(limit=refill_per_second, bucket_size=bucket_size)


STATE_TRANSITIONS = Quota(
    key="StateTransitions",
    title="State transitions",
    **_of_bucket(("ServiceMetric", "StateTransition")),
    delays=True,
    service_quotas_codes=("L-137B3F65", "L-AD9B4E93"),
    documented=_bucket(800, 800),
    documented_large=_bucket(5_000, 5_000),
    meaning="Every Standard execution of the account shares these transitions: over the limit, states wait, and "
    "nothing fails.",
    action="Find in the dashboard's row “Who” the workflow that started most executions; then pace it, make its "
    "children Express, or ask for more.",
    runbook_section="state-transitions",
    source=_STATE_THROTTLING,
)
MAP_RUNS = Quota(
    key="MapRuns",
    title="Open map runs",
    used=_level("ApproximateOpenMapRunCount"),
    limit=_level("OpenMapRunLimit"),
    backlog=_level("ApproximateMapRunBacklogSize"),
    delays=True,
    hard=True,
    documented=DocumentedLimit(limit=1_000),
    documented_large=DocumentedLimit(limit=1_000),
    meaning="At the limit, which can't be raised, a new map run waits until another ends: its execution hangs in its "
    "Map state, and nothing fails.",
    action="List the workflows whose executions stay in a Distributed Map; stop what hangs, and give many small maps "
    "to one large map.",
    runbook_section="map-runs",
    source=_ACCOUNT_LIMITS,
)
OPEN_EXECUTIONS = Quota(
    key="OpenExecutions",
    title="Open executions",
    used=_level("OpenExecutionCount"),
    limit=_level("OpenExecutionLimit"),
    service_quotas_codes=("L-B8A5B662",),
    documented=DocumentedLimit(limit=1_000_000),
    documented_large=DocumentedLimit(limit=1_000_000),
    meaning="At the limit StartExecution is refused with ExecutionLimitExceeded. Below 10,000 the count may read 0.",
    action="Look for the workflow that starts more executions than end, such as one that waits for a callback which "
    "never comes.",
    runbook_section="open-executions",
    source=_ACCOUNT_LIMITS,
)


def _api(
    name: str,
    *,
    large: tuple[int, int],
    other: tuple[int, int],
    codes: tuple[str, ...] = (),
    meaning: str,
    action: str,
    source: str = f"{_GUIDE}/service-quotas.html#service-limits-large-regions",
) -> Quota:
    return Quota(
        key=name,
        title=f"{name} calls",
        **_of_bucket(("APIName", name)),
        service_quotas_codes=codes,
        documented=_bucket(*other),
        documented_large=_bucket(*large),
        meaning=meaning,
        action=action,
        runbook_section="api-calls",
        source=source,
    )


_REFUSED = "Over the limit a call is refused with ThrottlingException"
_STARTS = "Look at who starts executions: spread the starts, and retry with jitter."
_TOKENS = "Look at who reports on tasks: batch the work or send fewer heartbeats, and retry with jitter."

API_CALLS = (
    _api(
        "StartExecution",
        large=(1_300, 300),
        other=(800, 150),
        codes=("L-CE9F8059", "L-1B55A735"),
        meaning=f"{_REFUSED}: an execution that should have started hasn't.",
        action=_STARTS,
        source=_STARTING,
    ),
    _api(
        "StartExpressExecution",
        large=(6_000, 6_000),
        other=(6_000, 6_000),
        codes=("L-CFF7B006", "L-7B8A8E4B"),
        meaning=f"{_REFUSED}: an Express execution that should have started hasn't.",
        action=_STARTS,
        source=_STARTING,
    ),
    _api(
        "DescribeExecution",
        large=(300, 15),
        other=(250, 10),
        codes=("L-A0B4DA4A", "L-4A5FADE3"),
        meaning=f"{_REFUSED}: whoever polls learns late that an execution ended.",
        action="Look for clients that poll: let an EventBridge rule tell them that an execution ended.",
    ),
    _api(
        "StopExecution",
        large=(1_000, 200),
        other=(500, 25),
        codes=("L-31300AD4", "L-898DDD72"),
        meaning=f"{_REFUSED}: executions that should stop go on.",
        action="Look at who stops executions: stop the parent, which stops its children, instead of each child.",
    ),
    _api(
        "RedriveExecution",
        large=(1_300, 300),
        other=(800, 150),
        meaning=f"{_REFUSED}: failed executions stay as they are.",
        action="Look at who redrives: pace it, and retry with jitter.",
    ),
    *(
        _api(
            f"SendTask{report}",
            large=(3_000, 500),
            other=(1_500, 300),
            codes=codes,
            meaning=f"{_REFUSED}: {consequence}.",
            action=_TOKENS,
        )
        for report, codes, consequence in (
            ("Success", ("L-630CF084", "L-EACE83FA"), "a task that is done still waits for its token"),
            ("Failure", ("L-CDF2E38B", "L-91DFCA1B"), "a task that failed still waits for its token"),
            ("Heartbeat", ("L-2786AC1A", "L-2225B7C3"), "a task that is alive may be taken for dead"),
        )
    ),
)

QUOTAS = (STATE_TRANSITIONS, MAP_RUNS, OPEN_EXECUTIONS, *API_CALLS)
"""Step Functions' own quotas of one account and Region."""


S3_SLOW_DOWN = Quota(
    key="S3SlowDown",
    title="S3 503 SlowDown answers",
    throttled=Metric(namespace="StepFunctionsAtScale", name="SlowDown", statistic="Sum"),
    meaning="S3 serves a prefix at 5,500 GETs a second, until it has split it up: the batches' GETs are refused and "
    "tried again, and the batches take longer.",
    action="Look at max_concurrency: fewer batches at a time, or keys that are spread over more prefixes.",
    runbook_section="s3-slowdown",
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html",
)
"""A neighbour, counted by the handlers of `WindSpeedWorkflow`: S3 itself reports it for one's own buckets only."""


def lambda_concurrency(function_name: str, *, key: str = "Lambda", title: str = "Lambda concurrency") -> Quota:
    """Return the record of a neighbour: the account's Lambda concurrency, and the throttles of one function.

    `key` tells several functions apart. No metric has the limit, so nothing stands in percent of it.
    """
    return Quota(
        key=key,
        title=title,
        used=Metric(namespace="AWS/Lambda", name="ConcurrentExecutions", statistic="Maximum"),
        throttled=Metric(
            namespace="AWS/Lambda", name="Throttles", statistic="Sum", dimensions=(("FunctionName", function_name),)
        ),
        service_quotas_codes=("L-B99A9384",),
        documented=DocumentedLimit(limit=1_000),
        documented_large=DocumentedLimit(limit=1_000),
        meaning="All functions of the account share its concurrency, 1,000 or less: over it a call is refused, and its "
        "task is retried.",
        action="Look at the map's max_concurrency and the function's reserved concurrency; lower the one or raise the "
        "other.",
        runbook_section="lambda-throttles",
        source="https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html",
    )


def bedrock_throttles(model_id: str, *, key: str = "Bedrock", title: str = "Bedrock invocations") -> Quota:
    """Return the record of a neighbour: the throttled invocations of one Bedrock model; `key` tells several apart."""
    return Quota(
        key=key,
        title=title,
        throttled=Metric(
            namespace="AWS/Bedrock", name="InvocationThrottles", statistic="Sum", dimensions=(("ModelId", model_id),)
        ),
        meaning="The model's requests or tokens a minute are used up: invocations are refused, and their tasks are "
        "retried.",
        action="Look at how many executions ask the model at once; pace them, or use an inference profile of several "
        "Regions.",
        runbook_section="bedrock-throttles",
        source="https://docs.aws.amazon.com/bedrock/latest/userguide/quotas.html",
    )


def execution_throttles(state_machine_arn: str, *, key: str, title: str) -> Quota:
    """Return the record of one state machine: its states that had to wait for the account's state transitions."""
    return Quota(
        key=key,
        title=title,
        throttled=workflow_metric("ExecutionThrottled", "Sum", state_machine_arn),
        delays=True,
        meaning="States of this workflow wait for the account's state transitions, and nothing fails.",
        action="Compare with the other workflows in the dashboard's row “Who”: the one that uses up the transitions "
        "may be another.",
        runbook_section="workflows",
        source=_STATE_THROTTLING,
    )


def workflow_metric(name: str, statistic: str, state_machine_arn: str) -> Metric:
    """Return a metric of one state machine; `<arn>/<label>` has the children of its map with that label."""
    return Metric(
        namespace=STATES, name=name, statistic=statistic, dimensions=(("StateMachineArn", state_machine_arn),)
    )
