"""What a run costs, in US dollars of us-east-1, without the free tier.

Not in it: logs and traces, storage, data transfer (none within a Region), and what a `processor` of one's own calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_lib.forecast.job import Child
from constructs_lib.forecast.result import Case, Cost, Usage

if TYPE_CHECKING:
    from constructs_lib.forecast.constants import Constants
    from constructs_lib.forecast.job import Job

PRICED_REGION = "us-east-1"
"""Whose prices the constants are."""


def cost_of(job: Job, usage: Usage, constants: Constants, case: Case = Case.LIKELY) -> Cost:
    """Return the cost of what a run used."""
    transitions = usage.transitions + usage.children * constants.child_start_transitions.at(case)
    step_functions = transitions * constants.transition_dollars.at(case)
    if job.child is Child.EXPRESS:
        step_functions += usage.children * constants.express_dollars.at(case)
        step_functions += usage.express_gb_seconds * constants.express_gb_second_dollars.at(case)
    return Cost(
        step_functions=step_functions,
        lambda_=usage.lambda_gb_seconds * constants.lambda_gb_second_dollars.at(case)
        + usage.lambda_requests * constants.lambda_request_dollars.at(case),
        s3=usage.gets * constants.get_dollars.at(case) + usage.puts_and_lists * constants.put_or_list_dollars.at(case),
    )
