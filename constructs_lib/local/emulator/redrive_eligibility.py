"""Whether an execution may be redriven, and what AWS says when it may not: pure.

The reasons are DescribeExecution's: https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html.
"""

from datetime import UTC, datetime, timedelta

# ExecutionRedriven and one more event must have a place.
MAX_EVENTS = 24_999
PERIOD = timedelta(days=14)
LONGEST_EXECUTION = timedelta(days=365)
UNSUCCESSFUL = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})


def refusal(*, status: str, started: str, stopped: str | None, events: int, now: datetime | None = None) -> str | None:
    """Why a Standard execution can't be redriven; None: it can.

    Args:
        status: its status.
        started: when it started, in ISO 8601.
        stopped: when it ended; None: it hasn't.
        events: how many its history has.
        now: omitted: the present moment.

    """
    if status not in UNSUCCESSFUL:
        return f"Execution is {status} and cannot be redriven"
    if events >= MAX_EVENTS:
        return "Execution history event limit exceeded"
    now = now or datetime.now(UTC)
    if now - datetime.fromisoformat(started) > LONGEST_EXECUTION:
        return "Execution has exceeded the max execution time"
    if stopped is not None and now - datetime.fromisoformat(stopped) > PERIOD:
        return "Execution redrivable period exceeded"
    return None
