"""The table of faults in docs/runbook-failed-run.md: `python -m tests.end_to_end.faults_document` writes it anew."""

from __future__ import annotations

import re

from tests.end_to_end.test_faults import CASES, RUNBOOK


def with_table(text: str) -> str:
    """Return the document with the table as it is now."""
    rows = [
        "| fault | the execution ends in | lost | mended by |",
        "|---|---|---:|---|",
        *(f"| {case.fault} | `{case.ends}` | {case.lost or ''} | {case.mended_by} |" for case in CASES),
    ]
    table = "\n".join(rows)
    return re.sub(r"(?<=<!-- faults -->\n).*?(?=<!-- end of faults -->)", lambda _: f"{table}\n", text, flags=re.DOTALL)


if __name__ == "__main__":
    RUNBOOK.write_text(with_table(RUNBOOK.read_text()))
