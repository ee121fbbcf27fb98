"""The table, the JSON, and what is reported as not as promised; no server."""

from typing import Any

import pytest

from parity import report
from parity.recordings import Case, Recordings
from parity.report import Outcome
from parity.run import compare


def outcomes(*levels: int) -> list[Outcome]:
    return [Outcome(f"case-{number}", f"group-{number % 2}", level) for number, level in enumerate(levels)]


def test_should_count_each_level_with_those_above_it() -> None:
    assert report.totals(outcomes(0, 1, 2, 3, 3)) == {"cases": 5, "result": 4, "sequence": 3, "details": 2}


def test_should_write_the_schema() -> None:
    assert report.as_json(outcomes(3, 0)) == {
        "cases": [{"id": "case-0", "level": 3}, {"id": "case-1", "level": 0}],
        "totals": {"cases": 2, "result": 1, "sequence": 1, "details": 1},
    }


def test_should_show_a_row_a_category_the_sum_and_the_bars() -> None:
    rows = [line.split() for line in report.table(outcomes(3, 1, 2)).splitlines()]

    assert rows == [
        ["category", "cases", "result", "sequence", "details"],
        ["group-0", "2", "2", "2", "1"],
        ["group-1", "1", "1", "0", "0"],
        ["all", "3", "3", "2", "1"],
        ["100.0", "%", "66.7", "%", "33.3", "%"],
        ["bar", "95.0", "%", "92.0", "%", "85.0", "%"],
    ]


def test_should_report_nothing_at_the_bars() -> None:
    at_the_bars = outcomes(*[0] * 5, *[1] * 3, *[2] * 7, *[3] * 85)

    assert report.problems(at_the_bars, [f"case-{number}" for number in range(15)], "doc") == []


@pytest.mark.parametrize(
    ("levels", "problem"),
    [
        ([0] * 6 + [3] * 94, "result: 94.0 % of the cases are as AWS recorded them, 95 % is the bar"),
        ([1] * 9 + [3] * 91, "sequence: 91.0 % of the cases are as AWS recorded them, 92 % is the bar"),
        ([2] * 16 + [3] * 84, "details: 84.0 % of the cases are as AWS recorded them, 85 % is the bar"),
    ],
)
def test_should_report_a_bar_that_is_missed(levels: list[int], problem: str) -> None:
    below = outcomes(*levels)
    documented = [outcome.id for outcome in below if outcome.level < 3]

    assert report.problems(below, documented, "doc") == [problem]


def test_should_report_rows_that_are_missing_or_too_many() -> None:
    found = report.problems(outcomes(2, *[3] * 99), ["case-7", "case-x"], "doc")

    assert found == [
        "doc has no line for case-0, which falls short",
        "doc has a line for case-7, which doesn't fall short",
        "doc has a line for case-x, which doesn't fall short",
    ]


@pytest.mark.parametrize(
    ("found", "level"),
    [
        ({"l1": [], "l2": True, "l3": []}, 3),
        ({"l1": [], "l2": True, "l3": [("path", 1, 2)]}, 2),
        ({"l1": [], "l2": False, "missing": {"A": 1}, "extra": {}, "l3": []}, 1),
        # Only what is reached with all below it counts.
        ({"l1": [("output", 1, 2)], "l2": True, "l3": []}, 0),
    ],
)
def test_should_reach_a_level_with_all_below_it(found: dict[str, Any], level: int) -> None:
    recorded = ({"type": "ExecutionStarted"},)
    case = Case("a/b", "STANDARD", {}, {}, (), recorded)
    events = [{"type": "ExecutionStarted"}, {"type": "ExecutionFailed"}]

    outcome = compare(Recordings((case,), lambda *_: found), case, events)

    assert (outcome.level, outcome.category) == (level, "a")
    assert bool(outcome.differences) is (level < 3)
    assert outcome.events == ("ExecutionStarted", "ExecutionStarted ExecutionFailed")
