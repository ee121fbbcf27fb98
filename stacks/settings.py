"""What a deployer chooses: the app's context turned into a frozen Settings. Every wrong value is refused here, by name.

A value given with `-c key=value` arrives as text, one in cdk.json as JSON: both are read. A key without ":", "/" or "@"
is ours (CDK's own all have one), so that a misspelt one is refused instead of doing nothing.
"""

import difflib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs

from constructs_lib.alerts import EMAIL
from constructs_lib.cross_account import ORGANIZATION_ID
from constructs_lib.quotas.watched import MAP_LABEL, WORKFLOW_NAME
from constructs_lib.reviews import MODEL_ID, MODEL_ID_PATTERN
from constructs_lib.wind_speed import FIRST_YEAR, MAX_BATCH_SIZE, UNITS, Unit
from stacks.region import REGION
from stacks.values import ACCOUNT, boolean, dollars, each_once, matching, moment, one_of, percentage, threshold, whole

T = TypeVar("T")

RETENTION = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    5: logs.RetentionDays.FIVE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    120: logs.RetentionDays.FOUR_MONTHS,
    150: logs.RetentionDays.FIVE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    400: logs.RetentionDays.THIRTEEN_MONTHS,
    545: logs.RetentionDays.EIGHTEEN_MONTHS,
    731: logs.RetentionDays.TWO_YEARS,
    1827: logs.RetentionDays.FIVE_YEARS,
    3653: logs.RetentionDays.TEN_YEARS,
}
"""Days that CloudWatch Logs can keep a log group."""

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; CDK takes no hyphen beside a dot.
_BUCKET_NAME = (
    r"(?!xn--|sthree-|amzn-s3-demo-)(?!\d+\.\d+\.\d+\.\d+$)(?!.*(\.\.|\.-|-\.))"
    r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?<!-s3alias)(?<!--ol-s3)(?<!\.mrap)(?<!--x-s3)(?<!--table-s3)"
)
_KEY_ARN = r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[0-9A-Za-z-]+"

# The six fields of https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based.
_MONTH = r"\d|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
_WEEKDAY = r"\d|SUN|MON|TUE|WED|THU|FRI|SAT"
_CRON = (
    r"cron\([\d*,/-]+ [\d*,/-]+ "
    # One of the two kinds of day must be "?".
    rf"(\? ([*,/-]|{_MONTH})+ ([*,/L#-]|{_WEEKDAY})+|[\d*,/LW-]+ ([*,/-]|{_MONTH})+ \?)"
    r" [\d*,/-]+\)"
)
_STATE_MACHINE_ARN = r"arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:stateMachine:[^\s:/]{1,80}"


_ACCOUNTS = (
    '{"source": "111111111111", "target": "222222222222"}, different accounts of 12 digits as text; '
    "source may be a list of them"
)
_THRESHOLD = "a number over 0, up to 100"
_WORKFLOWS = (
    'titles with ARNs of state machines, {"Orders": "arn:aws:states:…:stateMachine:orders"}, or with the labels of '
    'their Distributed Maps too, {"Orders": {"arn": "arn:…", "map_labels": ["EachOrder"]}}; a title has 1 to 40 '
    "letters, digits, spaces, _ and -"
)
_LOAD_TEST = (
    '{"account": "111111111111"} with the 12 digits of your own account, as text, and any of transitions_per_second '
    "(a whole number up to 1,000,000), transitions_per_execution (1 to 10,000), map_runs (up to 10,000), ramp_seconds "
    "and hold_seconds (up to 86,400), max_dollars (over 0), and ends_at (with its time zone, 2027-01-31T12:00:00Z)"
)


class SettingsError(ValueError):
    """A setting that can't be used: one line with its name, what was given, what is allowed, the fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSetting:
    """A bucket of the deployer's own, and the prefix of its objects: empty, or ending with a slash."""

    bucket: str
    prefix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsSetting:
    """The accounts of the review workflow: those of its parents, one or more, and the one of its child; 12 digits."""

    source: tuple[str, ...]
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSetting:
    """A state machine that the quota dashboard shows, and the labels of its Distributed Maps."""

    name: str
    state_machine_arn: str
    map_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTestSetting:
    """What the load is, and where: `account` is 12 digits.

    Transitions grow from nothing to `transitions_per_second` within `ramp_seconds`, and stay there for `hold_seconds`.
    Map runs open one after the other for `ramp_seconds`; then all are open for `hold_seconds`; then they close as they
    came. 0 leaves one of them out. `max_dollars` is for both together.
    """

    account: str
    transitions_per_second: int = 100
    transitions_per_execution: int = 100
    map_runs: int = 10
    ramp_seconds: int = 60
    hold_seconds: int = 120
    max_dollars: float = 10
    ends_at: datetime | None = None
    """From then on nothing is started; None is no such time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The deployer's choices; each field is a context key, its default what holds when the key is absent."""

    source: SourceSetting | None = None
    """None is NOAA's public bucket."""
    source_region: str | None = None
    source_key_arn: str | None = None
    """Of the KMS key that the source's objects are encrypted with; None is a bucket without one."""
    sample: bool = False
    years: tuple[int, ...] | None = None
    unit: Unit = "knots"
    batch_size: int = 500
    max_concurrency: int = 200
    tolerated_failure_percentage: float = 5
    log_retention_days: int = 30
    results_retention_days: int | None = None
    include_execution_data: bool = False
    removal_policy: RemovalPolicy = RemovalPolicy.RETAIN
    alarm_email: str | None = None
    schedule: str | None = None
    accounts: AccountsSetting | None = None
    """None is an app without the review workflow."""
    organization_id: str | None = None
    review_model_id: str = MODEL_ID
    quota_warning_percent: float = 80
    quota_critical_percent: float = 90
    watched_workflows: tuple[WorkflowSetting, ...] = ()
    watched_functions: tuple[str, ...] = ()
    watched_models: tuple[str, ...] = ()
    load_test: LoadTestSetting | None = None
    """None is an app without the load generators."""

    @classmethod
    def from_context(cls, context: Mapping[str, object]) -> "Settings":
        """Return the settings of the app's context.

        Raises:
            SettingsError: for a key that isn't one, a value that isn't allowed, or two that don't go together.

        """
        names = [field.name for field in fields(cls)]
        for key in context:
            if key not in names and not re.search(r"[:/@]", key):
                close = difflib.get_close_matches(key, names, n=1)
                fix = f"Did you mean {close[0]}?" if close else "Remove it."
                raise SettingsError(f"{key}: no such setting; allowed: {', '.join(sorted(names))}. {fix}")

        def read(name: str, parse: Callable[[object], T], default: T, allowed: str) -> T:
            value = context.get(name)
            if value is None:
                return default
            try:
                return parse(value.strip() if isinstance(value, str) else value)
            except ValueError:
                raise SettingsError(
                    f'{name} is {value!r}; allowed: {allowed}. Change it in cdk.json or with -c {name}="…".'
                ) from None

        days = read("log_retention_days", one_of(tuple(RETENTION)), 30, ", ".join(map(str, RETENTION)))
        this_year = datetime.now(tz=UTC).year
        settings = cls(
            source=read("source", _source, None, 'noaa, or "s3://bucket/" or "s3://bucket/prefix/"'),
            source_region=read("source_region", matching(REGION), None, "a Region such as eu-west-1"),
            source_key_arn=read(
                "source_key_arn", matching(_KEY_ARN), None, "a KMS key's ARN, arn:aws:kms:<Region>:<account>:key/<id>"
            ),
            sample=read("sample", boolean, False, "true, false"),
            years=read("years", _years, None, f"one year or more from {FIRST_YEAR} to {this_year}, such as 2023,2024"),
            unit=cast("Unit", read("unit", one_of(UNITS), "knots", ", ".join(UNITS))),
            batch_size=read("batch_size", whole(1, MAX_BATCH_SIZE), 500, "a whole number from 1 to 1,000"),
            max_concurrency=read("max_concurrency", whole(1, 10_000), 200, "a whole number from 1 to 10,000"),
            tolerated_failure_percentage=read(
                "tolerated_failure_percentage", percentage, 5.0, "a number from 0 to 100"
            ),
            log_retention_days=days,
            results_retention_days=read(
                "results_retention_days", whole(1, 36_500), None, "a whole number from 1 to 36,500"
            ),
            include_execution_data=read("include_execution_data", boolean, False, "true, false"),
            removal_policy=read("removal_policy", _removal_policy, RemovalPolicy.RETAIN, "retain, destroy"),
            alarm_email=read("alarm_email", matching(EMAIL), None, "an e-mail address"),
            schedule=read(
                "schedule",
                matching(rf"rate\([1-9]\d* (minute|hour|day)s?\)|{_CRON}"),
                None,
                '"rate(7 days)" or "cron(0 4 ? * SUN *)", with the six fields of EventBridge Scheduler',
            ),
            accounts=read("accounts", _accounts, None, _ACCOUNTS),
            organization_id=read("organization_id", matching(ORGANIZATION_ID), None, "such as o-a1b2c3d4e5"),
            review_model_id=read(
                "review_model_id",
                matching(MODEL_ID_PATTERN),
                MODEL_ID,
                f"the id of a foundation model such as {MODEL_ID}, or of an inference profile such as eu.{MODEL_ID}",
            ),
            quota_warning_percent=read("quota_warning_percent", threshold, 80.0, _THRESHOLD),
            quota_critical_percent=read("quota_critical_percent", threshold, 90.0, _THRESHOLD),
            watched_workflows=read("watched_workflows", _workflows, (), _WORKFLOWS),
            watched_functions=read(
                "watched_functions",
                each_once(r"[0-9A-Za-z_-]{1,64}"),
                (),
                "names of Lambda functions, each once, such as analyze,reduce",
            ),
            watched_models=read(
                "watched_models",
                each_once(MODEL_ID_PATTERN),
                (),
                f"ids of Bedrock models, each once, such as {MODEL_ID}",
            ),
            load_test=read("load_test", _load_test, None, _LOAD_TEST),
        )
        if settings.quota_warning_percent > settings.quota_critical_percent:
            raise SettingsError(
                f"quota_warning_percent is {settings.quota_warning_percent:g}; allowed: at most "
                f"quota_critical_percent, {settings.quota_critical_percent:g}. Lower the one or raise the other."
            )
        for name in ("source_region", "source_key_arn"):
            if settings.source is None and getattr(settings, name) is not None:
                raise SettingsError(
                    f"{name} is {getattr(settings, name)!r}; allowed: with a source of your own only. "
                    "Remove it, or give the source as s3://bucket/prefix/."
                )
        if settings.accounts is None and settings.organization_id is not None:
            raise SettingsError(
                f"organization_id is {settings.organization_id!r}; allowed: with accounts only, whose trust it "
                "narrows. Remove it, or give the accounts."
            )
        if settings.source is not None and settings.years is not None:
            raise SettingsError(
                f"years is {list(settings.years)}; allowed: with the source noaa only, because the map lists a bucket "
                "of your own whole. Remove years, and choose the objects by the source's prefix."
            )
        return settings


def _workflows(value: object) -> tuple[WorkflowSetting, ...]:
    given = json.loads(value) if isinstance(value, str) else value
    if not isinstance(given, dict) or not given:
        raise ValueError
    return tuple(_workflow(name, workflow) for name, workflow in given.items())


def _workflow(name: object, value: object) -> WorkflowSetting:
    given = {"arn": value} if isinstance(value, str) else value
    if not isinstance(given, dict) or not {"arn"} <= set(given) <= {"arn", "map_labels"}:
        raise ValueError
    labels = given.get("map_labels", [])
    return WorkflowSetting(
        name=matching(WORKFLOW_NAME)(name),
        state_machine_arn=matching(_STATE_MACHINE_ARN)(given["arn"]),
        map_labels=each_once(MAP_LABEL)(labels) if labels else (),
    )


def _years(value: object) -> tuple[int, ...]:
    items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    year = whole(FIRST_YEAR, datetime.now(tz=UTC).year)
    years = tuple(year(item.strip() if isinstance(item, str) else item) for item in items)
    if not years:
        raise ValueError
    return years


def _accounts(value: object) -> AccountsSetting:
    given = json.loads(value) if isinstance(value, str) else value
    if not isinstance(given, dict) or set(given) != {"source", "target"}:
        raise ValueError
    account = matching(ACCOUNT)
    sources = given["source"] if isinstance(given["source"], list) else [given["source"]]
    accounts = AccountsSetting(source=tuple(map(account, sources)), target=account(given["target"]))
    if not accounts.source or len({*accounts.source, accounts.target}) != len(accounts.source) + 1:
        raise ValueError
    return accounts


def _load_test(value: object) -> LoadTestSetting:
    given = json.loads(value) if isinstance(value, str) else value
    if not isinstance(given, dict) or "account" not in given:
        raise ValueError
    seconds = whole(0, 86_400)
    readers: dict[str, Callable[[object], Any]] = {
        "account": matching(ACCOUNT),
        "transitions_per_second": whole(0, 1_000_000),
        "transitions_per_execution": whole(1, 10_000),
        "map_runs": whole(0, 10_000),
        "ramp_seconds": seconds,
        "hold_seconds": seconds,
        "max_dollars": dollars,
        "ends_at": moment,
    }
    if not set(given) <= set(readers):
        raise ValueError
    return LoadTestSetting(**{name: readers[name](item) for name, item in given.items()})


def _source(value: object) -> SourceSetting | None:
    if value == "noaa":
        return None
    match = re.fullmatch(r"s3://([^/]+)(?:/((?:[^/]+/)*))?", str(value))
    if match is None or not re.fullmatch(_BUCKET_NAME, match[1]):
        raise ValueError
    return SourceSetting(bucket=match[1], prefix=match[2] or "")


def _removal_policy(value: object) -> RemovalPolicy:
    return RemovalPolicy[one_of(("retain", "destroy"))(value).upper()]
