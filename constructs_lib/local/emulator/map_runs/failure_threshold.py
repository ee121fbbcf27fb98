"""When a Map Run has failed too often: `ToleratedFailureCount` and `ToleratedFailurePercentage`."""

from dataclasses import dataclass

ERROR = "States.ExceedToleratedFailureThreshold"
CAUSE = "The specified tolerated failure threshold was exceeded"


@dataclass(frozen=True)
class FailureThreshold:
    """What a Map Run tolerates; None where the state doesn't say.

    Either limit alone fails the run; without any, one item does. Both are about *items*, not about child executions.
    """

    count: int | None = None
    percentage: float | None = None

    def exceeded(self, failed: int, total: int) -> bool:
        """Whether `failed` of `total` items are more than is tolerated."""
        if self.count is None and self.percentage is None:
            return failed > 0
        over_count = self.count is not None and failed > self.count
        over_percentage = self.percentage is not None and failed * 100 > self.percentage * total
        return over_count or over_percentage
