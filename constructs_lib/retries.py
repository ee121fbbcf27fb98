"""Retry policies for Lambda tasks: frozen values that render to `sfn.RetryProps`, always with full jitter.

All times are seconds. Which errors to retry, and how often, follows AWS's own advice for `lambda:invoke`
(https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html): CDK's default retry leaves out
`Lambda.TooManyRequestsException` and has no jitter. Every retry is a billed state transition in a Standard workflow.
"""

import math
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib._checks import is_list, is_whole_number, usage_error

EXPRESS_SECONDS = 300
"""An Express execution ends after five minutes, whatever its states still wait for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """How often, and after which delays, a task is retried on any of `errors`.

    The delay before retry n (from 0) is drawn between 0 and `interval_seconds * backoff_rate ** n`, at most
    `max_delay_seconds`. `attempt_seconds` is how long an attempt may last before it ends in one of these errors: 0 for
    a call that is refused before the function starts; None, the default, for the function's whole timeout. It is used
    for `worst_case_seconds` only, Step Functions never sees it.

    Raises:
        ValueError: for a number that Step Functions refuses.

    """

    errors: tuple[str, ...]
    max_attempts: int
    interval_seconds: int = 1
    backoff_rate: float = 2
    max_delay_seconds: int = 20
    attempt_seconds: int | None = None

    def __post_init__(self) -> None:
        named = is_list(self.errors) and all(isinstance(error, str) and error for error in self.errors)
        rate = self.backoff_rate
        interval, delay = self.interval_seconds, self.max_delay_seconds
        # In this order: the longest delay is compared with the first.
        checks = {
            "errors": (bool(self.errors) and named, 'a tuple of error names such as ("Busy",)'),
            "max_attempts": (_within(self.max_attempts, 0, 99_999_999), "a whole number from 0 to 99,999,999"),
            "interval_seconds": (_within(interval, 1, 99_999_999), "a whole number from 1 to 99,999,999"),
            "backoff_rate": (
                isinstance(rate, int | float) and not isinstance(rate, bool) and 1 <= rate < math.inf,
                "a number, 1 or more",
            ),
            "max_delay_seconds": (
                _within(interval, 1, 99_999_999) and _within(delay, interval + 1, 31_622_399),
                "a whole number over interval_seconds, up to 31,622,399",
            ),
            "attempt_seconds": (
                self.attempt_seconds is None or _within(self.attempt_seconds, 0, 99_999_999),
                "a whole number, 0 or more, or None for the function's timeout",
            ),
        }
        for name, (good, allowed) in checks.items():
            if not good:
                raise usage_error("RetryRule", name, getattr(self, name), allowed=allowed, fix=f"Change {name}.")

    def longest_delays(self) -> float:
        """Return the seconds that all retries wait together, when the jitter draws the longest delay each time."""
        return sum(
            min(self.interval_seconds * self.backoff_rate**retry, self.max_delay_seconds)
            for retry in range(self.max_attempts)
        )

    def worst_case_seconds(self, timeout: float) -> float:
        """Return the longest a task with this `timeout` can take when it fails by this rule each time but the last."""
        failed_attempt = timeout if self.attempt_seconds is None else min(self.attempt_seconds, timeout)
        return self.longest_delays() + self.max_attempts * failed_attempt + timeout

    def props(self) -> sfn.RetryProps:
        """Return what `add_retry` takes."""
        return sfn.RetryProps(
            errors=list(self.errors),
            max_attempts=self.max_attempts,
            interval=Duration.seconds(self.interval_seconds),
            backoff_rate=self.backoff_rate,
            max_delay=Duration.seconds(self.max_delay_seconds),
            jitter_strategy=sfn.JitterType.FULL,
        )


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retry rules in order: Step Functions takes the first that names the error.

    Example::

        work = tasks.LambdaInvoke.jsonata(
            self, "Work", lambda_function=function, retry_on_service_exceptions=False
        )
        LAMBDA_RETRIES.add_to(work)

    Raises:
        ValueError: for an error that stands in two rules (the second is never used), or States.ALL before the end.

    """

    rules: tuple[RetryRule, ...]

    def __post_init__(self) -> None:
        if not is_list(self.rules) or not all(isinstance(rule, RetryRule) for rule in self.rules):
            raise usage_error(
                "RetryPolicy", "rules", self.rules, allowed="a tuple of RetryRule", fix="Write RetryPolicy((rule,))."
            )
        errors = [error for rule in self.rules for error in rule.errors]
        twice = sorted({error for error in errors if errors.count(error) > 1})
        if twice:
            raise ValueError(
                f"RetryPolicy: {', '.join(twice)} stands in two rules; allowed: each error once. Drop the second."
            )
        if "States.ALL" in errors and (errors[-1] != "States.ALL" or len(self.rules[-1].errors) > 1):
            raise ValueError(
                "RetryPolicy: States.ALL stands before or beside another error; allowed: alone, as the last rule."
            )

    def add_to(self, state: sfn.TaskStateBase | sfn.CustomState) -> None:
        """Give `state` these retries. A LambdaInvoke needs `retry_on_service_exceptions=False`, or it has CDK's too."""
        for rule in self.rules:
            props = rule.props()
            state.add_retry(
                errors=props.errors,
                max_attempts=props.max_attempts,
                interval=props.interval,
                backoff_rate=props.backoff_rate,
                max_delay=props.max_delay,
                jitter_strategy=props.jitter_strategy,
            )

    def worst_case_seconds(self, timeout: float) -> dict[str, float]:
        """Return, for each single error, the longest that a task with this `timeout` can take, all retries included."""
        return {error: rule.worst_case_seconds(timeout) for rule in self.rules for error in rule.errors}


def _within(value: object, low: int, high: int) -> bool:
    return is_whole_number(value) and low <= value <= high


LAMBDA_RETRIES = RetryPolicy(
    (
        # Throttled: Lambda refuses the call before the function starts.
        RetryRule(errors=("Lambda.TooManyRequestsException",), max_attempts=10, attempt_seconds=0),
        # The Lambda service's own trouble: it shows early in an attempt, or not at all.
        RetryRule(
            errors=(
                "Lambda.ClientExecutionTimeoutException",
                "Lambda.ServiceException",
                "Lambda.AWSLambdaException",
                "Lambda.SdkClientException",
                "Lambda.Unknown",
            ),
            max_attempts=6,
            attempt_seconds=30,
        ),
        # Raised by a handler when S3's 503 SlowDown outlasts the SDK's own retries, or its own 40 s.
        RetryRule(errors=("TransientS3Error",), max_attempts=5, attempt_seconds=40),
        # Once: an attempt that used up its time will most likely do so again.
        RetryRule(errors=("Sandbox.Timedout", "States.Timeout"), max_attempts=1),
    )
)
"""The retries of every Lambda task that these constructs make. Fits an Express child with a timeout of 60 s."""
