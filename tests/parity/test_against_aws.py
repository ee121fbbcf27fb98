"""Executions that AWS recorded, run here as `python -m parity` runs them.

The recordings aren't part of the project; without them this is skipped.
"""

import pytest

from constructs_lib.local import LocalCloud
from parity import recordings, report, shortfalls
from parity.run import run_cases
from tests.conftest import ROOT

pytestmark = pytest.mark.local

RECORDINGS = ROOT.parent / "shared" / "aws-recordings"


def test_should_do_as_aws_did_but_for_what_is_documented() -> None:
    found = recordings.load(RECORDINGS)
    if found is None:
        pytest.skip("the recordings of AWS aren't beside the project")

    with LocalCloud.start() as cloud:  # of its own: some cases list all of an account's secrets or buckets
        outcomes = list(run_cases(cloud.client, found))

    assert len(outcomes) == len(found.cases)
    problems = report.problems(outcomes, shortfalls.read(), "docs/local-cloud.md")
    assert not problems, {outcome.id: outcome.differences for outcome in outcomes if outcome.level < report.HIGHEST}
