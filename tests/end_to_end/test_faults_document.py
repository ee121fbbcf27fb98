"""The runbook's table of faults is the tests' own."""

from __future__ import annotations

from tests.end_to_end.faults_document import with_table
from tests.end_to_end.test_faults import CASES, RUNBOOK


def test_should_show_every_fault_that_was_tried() -> None:
    text = RUNBOOK.read_text()
    assert with_table(text) == text
    assert all(f"| {case.fault} |" in text for case in CASES)
