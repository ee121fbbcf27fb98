"""What a run of the recordings comes to: the table, the JSON file, and what isn't as promised.

`build/parity.json` is `{"cases": [{"id": …, "level": 0..3}, …], "totals": {"cases": …, "result": …, "sequence": …,
"details": …}}`; the totals count cases, `result` those of level 1 and more, `sequence` of 2 and more, `details` of 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# The levels, in their order, and the percentage of all cases that must reach each.
BARS = {"result": 95.0, "sequence": 92.0, "details": 85.0}
HIGHEST = len(BARS)


@dataclass(frozen=True)
class Outcome:
    """How a case compares: its level from 0 to 3, the differences, and the event types of AWS's history and ours."""

    id: str
    category: str
    level: int
    differences: tuple[str, ...] = ()
    events: tuple[str, ...] = ()


def totals(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Return the number of cases, and of those that reach each level."""
    reached = {name: sum(outcome.level >= level for outcome in outcomes) for level, name in enumerate(BARS, start=1)}
    return {"cases": len(outcomes), **reached}


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return what `build/parity.json` holds."""
    cases = [{"id": outcome.id, "level": outcome.level} for outcome in outcomes]
    return {"cases": cases, "totals": totals(outcomes)}


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the numbers of each category as a table, all of them in the last row."""
    categories = sorted({outcome.category for outcome in outcomes})
    rows = [(name, totals([outcome for outcome in outcomes if outcome.category == name])) for name in categories]
    whole = totals(outcomes)
    width = max(len("category"), *(len(name) for name in categories))
    lines = [f"{'category':{width}}  {'cases':>5}  " + "  ".join(f"{name:>8}" for name in BARS)]
    lines += [
        f"{name:{width}}  {row['cases']:>5}  " + "  ".join(f"{row[level]:>8}" for level in BARS)
        for name, row in [*rows, ("all", whole)]
    ]
    shares = [f"{_percentage(whole[level], whole['cases']):>6.1f} %" for level in BARS]
    lines.append(f"{'':{width}}  {'':>5}  " + "  ".join(shares))
    lines.append(f"{'bar':{width}}  {'':>5}  " + "  ".join(f"{bar:>6.1f} %" for bar in BARS.values()))
    return "\n".join(lines)


def problems(outcomes: Sequence[Outcome], documented: Iterable[str], document: str) -> list[str]:
    """Return what isn't as promised, a sentence each: a bar that isn't reached, a shortfall that isn't documented.

    Args:
        outcomes: of all cases.
        documented: the ids of the cases that the document says fall short.
        document: its name.

    """
    found = []
    whole = totals(outcomes)
    for level, bar in BARS.items():
        share = _percentage(whole[level], whole["cases"])
        if share < bar:
            found.append(f"{level}: {share:.1f} % of the cases are as AWS recorded them, {bar:g} % is the bar")
    short, listed = {outcome.id for outcome in outcomes if outcome.level < HIGHEST}, set(documented)
    found += [f"{document} has no line for {name}, which falls short" for name in sorted(short - listed)]
    found += [f"{document} has a line for {name}, which doesn't fall short" for name in sorted(listed - short)]
    return found


def _percentage(count: int, total: int) -> float:
    return 100.0 * count / total
