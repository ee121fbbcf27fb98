from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.quotas.catalogue import (
    API_CALLS,
    LARGE_REGIONS,
    MAP_RUNS,
    OPEN_EXECUTIONS,
    QUOTAS,
    S3_SLOW_DOWN,
    STATE_TRANSITIONS,
    DocumentedLimit,
    Quota,
    Severity,
    bedrock_throttles,
    execution_throttles,
    lambda_concurrency,
)

ROOT = Path(__file__).resolve().parents[3]
MACHINE = "arn:aws:states:us-east-1:111111111111:stateMachine:orders"
EVERY = (
    *QUOTAS,
    S3_SLOW_DOWN,
    lambda_concurrency("orders"),
    bedrock_throttles("amazon.nova-lite-v1:0"),
    execution_throttles(MACHINE, key="Orders", title="Orders"),
)

# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html: bucket and refill a second, first in
# us-east-1, us-west-2 and eu-west-1, then in the other Regions.
DOCUMENTED_BUCKETS = {
    "StateTransitions": ((5_000, 5_000), (800, 800)),
    "StartExecution": ((1_300, 300), (800, 150)),
    "StartExpressExecution": ((6_000, 6_000), (6_000, 6_000)),
    "DescribeExecution": ((300, 15), (250, 10)),
    "StopExecution": ((1_000, 200), (500, 25)),
    "RedriveExecution": ((1_300, 300), (800, 150)),
    "SendTaskSuccess": ((3_000, 500), (1_500, 300)),
    "SendTaskFailure": ((3_000, 500), (1_500, 300)),
    "SendTaskHeartbeat": ((3_000, 500), (1_500, 300)),
}

# What Service Quotas gives in us-east-1: of a bucket its size, then its refill rate.
CODES = {
    "StateTransitions": ("L-137B3F65", "L-AD9B4E93"),
    "OpenExecutions": ("L-B8A5B662",),
    "StartExecution": ("L-CE9F8059", "L-1B55A735"),
    "StartExpressExecution": ("L-CFF7B006", "L-7B8A8E4B"),
    "DescribeExecution": ("L-A0B4DA4A", "L-4A5FADE3"),
    "StopExecution": ("L-31300AD4", "L-898DDD72"),
    "SendTaskSuccess": ("L-630CF084", "L-EACE83FA"),
    "SendTaskFailure": ("L-CDF2E38B", "L-91DFCA1B"),
    "SendTaskHeartbeat": ("L-2786AC1A", "L-2225B7C3"),
    "Lambda": ("L-B99A9384",),
}

RUNBOOK_SECTIONS = dict.fromkeys((quota.key for quota in API_CALLS), "api-calls") | {
    "StateTransitions": "state-transitions",
    "MapRuns": "map-runs",
    "OpenExecutions": "open-executions",
    "S3SlowDown": "s3-slowdown",
    "Lambda": "lambda-throttles",
    "Bedrock": "bedrock-throttles",
    "Orders": "workflows",
}


def test_should_load_no_jsii() -> None:
    script = "import sys, constructs_lib.quotas.catalogue; print([m for m in ('jsii', 'aws_cdk') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_should_have_the_documented_buckets() -> None:
    for quota in (STATE_TRANSITIONS, *API_CALLS):
        large, other = DOCUMENTED_BUCKETS[quota.key]
        assert quota.documented_in("us-east-2") == DocumentedLimit(bucket_size=other[0], limit=other[1])
        for region in LARGE_REGIONS:
            assert quota.documented_in(region) == DocumentedLimit(bucket_size=large[0], limit=large[1])
    assert {quota.key for quota in (STATE_TRANSITIONS, *API_CALLS)} == set(DOCUMENTED_BUCKETS)


def test_should_have_the_documented_counts() -> None:
    for region in ("us-east-1", "eu-central-1"):
        assert MAP_RUNS.documented_in(region) == DocumentedLimit(limit=1_000)
        assert OPEN_EXECUTIONS.documented_in(region) == DocumentedLimit(limit=1_000_000)
        assert S3_SLOW_DOWN.documented_in(region) is None
    assert [quota.key for quota in EVERY if quota.hard] == ["MapRuns"]


def test_should_have_the_codes_to_ask_for_more_by() -> None:
    assert {quota.key: quota.service_quotas_codes for quota in EVERY if quota.service_quotas_codes} == CODES


def test_should_compare_a_second_with_a_second_and_a_count_with_a_count() -> None:
    assert STATE_TRANSITIONS.utilisation is not None
    assert STATE_TRANSITIONS.utilisation.text == "100*(FILL(used,0)/PERIOD(used))/FILL(limit,REPEAT)"
    assert [(name, metric.name, metric.statistic) for name, metric in STATE_TRANSITIONS.utilisation.metrics] == [
        ("used", "ConsumedCapacity", "Sum"),
        ("limit", "ProvisionedRefillRate", "Maximum"),
    ]
    assert MAP_RUNS.utilisation is not None
    assert MAP_RUNS.utilisation.text == "100*FILL(used,0)/FILL(limit,REPEAT)"
    assert lambda_concurrency("orders").utilisation is None


@pytest.mark.parametrize("quota", EVERY, ids=lambda quota: quota.key)
def test_should_have_a_warning_and_a_critical_alarm_for_each_sign(quota: Quota) -> None:
    signs = [quota.throttled, quota.backlog, quota.utilisation]
    for severity in Severity:
        assert len([rule for rule in quota.alarms if rule.severity is severity]) == len([s for s in signs if s])
    assert len({rule.key for rule in quota.alarms}) == len(quota.alarms)
    assert all(rule.key.endswith(rule.severity.value) for rule in quota.alarms)


@pytest.mark.parametrize("quota", EVERY, ids=lambda quota: quota.key)
def test_should_not_let_a_filled_point_decide_alone(quota: Quota) -> None:
    for rule in quota.alarms:
        if "FILL" in getattr(rule.of, "text", ""):
            assert 1 < rule.minutes < 15


@pytest.mark.parametrize("quota", EVERY, ids=lambda quota: quota.key)
def test_should_say_what_it_means_what_to_do_and_where_that_stands(quota: Quota) -> None:
    assert quota.meaning.endswith(".")
    assert quota.action.endswith(".")
    assert quota.source.startswith("https://docs.aws.amazon.com/")
    headings = re.findall(r"^## (.+)$", (ROOT / "docs/runbook-quotas.md").read_text(), re.MULTILINE)
    assert quota.runbook_section == RUNBOOK_SECTIONS[quota.key]
    assert quota.runbook_section in {heading.lower().replace(" ", "-") for heading in headings}


def test_should_call_executions_delayed_by_what_makes_them_wait() -> None:
    delaying = {(quota.key, rule.key) for quota in EVERY for rule in quota.alarms if rule.delays}
    assert delaying == {
        ("StateTransitions", "ThrottledWarning"),
        ("MapRuns", "BacklogWarning"),
        ("Orders", "ThrottledWarning"),
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"warning_percent": 101}, "MapRuns: warning_percent is 101; allowed: a number over 0, up to 100."),
        ({"critical_percent": 100.5}, "MapRuns: critical_percent is 100.5; allowed: a number over 0, up to 100."),
        ({"warning_percent": 0}, "MapRuns: warning_percent is 0; allowed: a number over 0, up to 100."),
        ({"warning_percent": float("nan")}, "MapRuns: warning_percent is nan; allowed: "),
        ({"warning_percent": True}, "MapRuns: warning_percent is True; allowed: "),
        ({"warning_percent": "80"}, "MapRuns: warning_percent is '80'; allowed: "),
        ({"warning_percent": 95}, "MapRuns: warning_percent is 95; allowed: at most critical_percent, 90. Lower "),
    ],
    ids=lambda value: str(value)[:24],
)
def test_should_refuse_wrong_percentages(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        replace(MAP_RUNS, **changes)
    assert "\n" not in str(raised.value)


def test_should_refuse_what_nothing_can_alarm_on() -> None:
    with pytest.raises(ValueError, match=r"^OpenExecutions: throttled is None; allowed: at least one of [^\n]+$"):
        replace(OPEN_EXECUTIONS, limit=None)


def test_should_take_the_same_percentage_for_both() -> None:
    assert [
        rule.threshold
        for rule in replace(MAP_RUNS, warning_percent=100, critical_percent=100).alarms
        if rule.threshold > 1
    ] == [100, 100]
