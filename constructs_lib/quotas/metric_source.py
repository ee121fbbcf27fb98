"""MetricSource: an account and a Region that a dashboard has metrics of.

Another account's metrics are there once that account shares them with the dashboard's (`observability`).
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Unified-Cross-Account.html
"""

import re
from dataclasses import dataclass

from aws_cdk.region_info import Fact

from constructs_lib._checks import is_token, usage_error


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSource:
    """Where metrics come from, and what the dashboard calls it.

    Omitting `account` or `region` means the dashboard's own.

    Raises:
        ValueError: for an account that isn't 12 digits, an unknown Region, or an empty label.

    """

    label: str
    account: str | None = None
    region: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.label, str) or not re.fullmatch(r"\S([^\n]{0,38}\S)?", self.label):
            raise usage_error(
                "MetricSource",
                "label",
                self.label,
                allowed="one line of 1 to 40 characters",
                fix="It is the title of the source's rows.",
            )
        account = self.account
        known = account is not None and not is_token(account)
        if known and not (isinstance(account, str) and re.fullmatch(r"[0-9]{12}", account)):
            raise usage_error(
                "MetricSource",
                "account",
                account,
                allowed="12 digits",
                fix="Leave it out for the dashboard's own account.",
            )
        region = self.region
        if region is not None and not is_token(region) and region not in Fact.regions:
            raise usage_error(
                "MetricSource",
                "region",
                region,
                allowed="a Region of AWS, such as us-east-1",
                fix="Leave it out for the dashboard's own Region.",
            )
