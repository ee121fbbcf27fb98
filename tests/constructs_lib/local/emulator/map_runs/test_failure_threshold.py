import pytest

from constructs_lib.local.emulator.map_runs.failure_threshold import FailureThreshold


@pytest.mark.parametrize(
    ("threshold", "failed", "total", "exceeded"),
    [
        (FailureThreshold(), 0, 10, False),
        (FailureThreshold(), 1, 10, True),
        (FailureThreshold(count=0), 1, 10, True),
        (FailureThreshold(count=3), 3, 10, False),
        (FailureThreshold(count=3), 4, 10, True),
        (FailureThreshold(percentage=0), 1, 1000, True),
        (FailureThreshold(percentage=5), 50, 1000, False),
        (FailureThreshold(percentage=5), 51, 1000, True),
        (FailureThreshold(percentage=0.1), 1, 1000, False),
        (FailureThreshold(percentage=100), 10, 10, False),
        (FailureThreshold(count=1, percentage=50), 2, 10, True),
        (FailureThreshold(count=9, percentage=10), 2, 10, True),
        (FailureThreshold(), 0, 0, False),
    ],
)
def test_should_fail_the_run_over_either_limit(
    threshold: FailureThreshold, failed: int, total: int, exceeded: bool
) -> None:
    assert threshold.exceeded(failed, total) is exceeded
