from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import LAMBDA_RETRIES, RetryPolicy, RetryRule
from constructs_lib.retries import EXPRESS_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

ANALYZE_TIMEOUT = 60


def test_should_retry_what_is_worth_a_retry() -> None:
    attempts = {error: rule.max_attempts for rule in LAMBDA_RETRIES.rules for error in rule.errors}
    assert attempts == {
        "Lambda.TooManyRequestsException": 10,
        "Lambda.ClientExecutionTimeoutException": 6,
        "Lambda.ServiceException": 6,
        "Lambda.AWSLambdaException": 6,
        "Lambda.SdkClientException": 6,
        "Lambda.Unknown": 6,
        "TransientS3Error": 5,
        "Sandbox.Timedout": 1,
        "States.Timeout": 1,
    }


def test_should_fit_each_error_into_an_express_child() -> None:
    for error, seconds in LAMBDA_RETRIES.worst_case_seconds(ANALYZE_TIMEOUT).items():
        assert seconds < EXPRESS_SECONDS, error


def test_should_add_the_longest_delays_to_the_attempts() -> None:
    rule = RetryRule(errors=("E",), max_attempts=4, interval_seconds=2, backoff_rate=3, max_delay_seconds=20)
    assert rule.longest_delays() == 2 + 6 + 18 + 20
    assert rule.worst_case_seconds(60) == 46 + 5 * 60
    early = RetryRule(errors=("E",), max_attempts=4, interval_seconds=2, backoff_rate=3, attempt_seconds=10)
    assert early.worst_case_seconds(60) == 46 + 4 * 10 + 60
    assert early.worst_case_seconds(5) == 46 + 4 * 5 + 5


def test_should_spread_retries_with_full_jitter() -> None:
    props = RetryRule(errors=("E", "F"), max_attempts=3, max_delay_seconds=9).props()
    assert props.errors == ["E", "F"]
    assert props.max_attempts == 3
    assert props.jitter_strategy is sfn.JitterType.FULL
    assert props.interval is not None
    assert props.interval.to_seconds() == 1
    assert props.max_delay is not None
    assert props.max_delay.to_seconds() == 9
    assert props.backoff_rate == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"errors": ()},
        {"errors": "Busy"},
        {"errors": ("Busy", "")},
        {"errors": (1,)},
        {"max_attempts": 1.5},
        {"max_attempts": True},
        {"max_attempts": "3"},
        {"interval_seconds": 1.5},
        {"backoff_rate": "2"},
        {"backoff_rate": float("nan")},
        {"max_delay_seconds": 20.5},
        {"attempt_seconds": 0.5},
        {"max_attempts": -1},
        {"max_attempts": 100_000_000},
        {"interval_seconds": 0},
        {"backoff_rate": 0.5},
        {"max_delay_seconds": 1},
        {"max_delay_seconds": 31_622_400},
        {"attempt_seconds": -1},
    ],
    ids=str,
)
def test_should_refuse_what_step_functions_refuses(wrong: Mapping[str, Any]) -> None:
    ((name, value),) = wrong.items()
    good: dict[str, Any] = {"errors": ("E",), "max_attempts": 1}
    with pytest.raises(ValueError, match=f"^RetryRule: {name} is .*; allowed: ") as caught:
        RetryRule(**(good | dict(wrong)))
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("rules", [RetryRule(errors=("E",), max_attempts=1), ("E",), "E"], ids=repr)
def test_should_refuse_what_are_no_rules(rules: Any) -> None:
    with pytest.raises(ValueError, match=r"^RetryPolicy: rules is .*; allowed: a tuple of RetryRule\. "):
        RetryPolicy(rules)


def test_should_refuse_a_rule_that_is_never_used() -> None:
    rule = RetryRule(errors=("E",), max_attempts=1)
    with pytest.raises(ValueError, match="E stands in two rules"):
        RetryPolicy((rule, rule))
    with pytest.raises(ValueError, match=r"States\.ALL"):
        RetryPolicy((RetryRule(errors=("States.ALL",), max_attempts=1), rule))
    with pytest.raises(ValueError, match=r"States\.ALL"):
        RetryPolicy((RetryRule(errors=("E", "States.ALL"), max_attempts=1),))
