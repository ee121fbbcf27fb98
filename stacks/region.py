"""The Region of the stacks: a misspelt one is refused, as nothing else would before the deployment.

aws-cdk-lib knows the Regions of its release. A newer one isn't locked out: a name that is made as theirs only warns.
"""

import difflib
from collections.abc import Iterable
from re import fullmatch

from aws_cdk import Annotations
from aws_cdk.region_info import Fact
from constructs import IConstruct

REGION = r"[a-z]+(-[a-z]+)?-(central|north|south|(north|south)?(east|west))-\d{1,2}"
"""Matches a Region's name: all of them end in a point of the compass and a number."""

UNKNOWN_REGION = "step-functions-at-scale:unknownRegion"
"""Id of the warning about a Region that aws-cdk-lib doesn't know."""

_FIX = "Change AWS_REGION, or the region of your AWS profile."


def check_region(region: str) -> None:
    """Raise ValueError for what can't be a Region's name."""
    if not fullmatch(REGION, region):
        near = _nearest(region)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise ValueError(f"CDK_DEFAULT_REGION is {region!r}; allowed: a Region of AWS, such as us-east-1. {hint}{_FIX}")


def warn_of_unknown_region(region: str, stacks: Iterable[IConstruct]) -> None:
    """Warn on each stack of a Region that is misspelt or new."""
    if region in Fact.regions:
        return
    near = ", ".join(_nearest(region)) or "none"
    for stack in stacks:
        Annotations.of(stack).add_warning_v2(
            UNKNOWN_REGION,
            f"CDK_DEFAULT_REGION is {region!r}, which this aws-cdk-lib doesn't know; the nearest that it knows: "
            f"{near}. {_FIX} If it is a new one, go on.",
        )


def _nearest(region: str) -> list[str]:
    return difflib.get_close_matches(region, sorted(Fact.regions), n=3)
