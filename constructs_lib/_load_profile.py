"""LoadProfile: when a load driver starts how many executions. Plain data: no aws_cdk here.

Times are whole seconds from the driver's start, rates are starts a second. A wrong value is a `ValueError` of one line.
The limits are those of https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html and of
https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html.
"""

import csv
import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

MAX_STARTS_PER_ROW = 40
"""An Inline Map runs at most this many iterations at a time: a row of more would start the rest late."""

MAX_ROWS = 10_000
"""Each row is a child execution, from the start on; so many run in parallel in one map run."""

ROWS_PER_SECOND = 100
"""Step Functions starts at most so many Standard children of a map run a second."""

MAX_OFFSET_SECONDS = 86_400
"""A day: a load that somebody forgot ends by itself."""

_HEADER = ("offset_seconds", "count")


@dataclass(frozen=True, slots=True)
class LoadProfile:
    """Rows of (offset_seconds, count): so many executions start, so many seconds after the driver did.

    Rows of more than 40 are split, into as many as it takes: `rows` has what runs, a child execution each.

    Example::

        LoadProfile.ramp_and_hold(starts_per_second=5, ramp_seconds=60, hold_seconds=120)

    Args:
        rows: By offset, from 0 to 86,400; a count is 1 or more.

    Raises:
        ValueError: for rows that aren't like that, and for more of them than a driver can keep up with.

    """

    rows: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        checked = tuple(_checked_rows(self.rows))
        if not checked:
            raise _refusal("rows is empty", "one row or more", "Start something: ((0, 1),) starts one execution.")
        number = sum(-(-count // MAX_STARTS_PER_ROW) for _, count in checked)
        if number > MAX_ROWS:
            raise _refusal(
                f"rows are {number:,}, each of up to {MAX_STARTS_PER_ROW} starts",
                f"at most {MAX_ROWS:,}",
                "Start fewer executions that do more each, or use two drivers.",
            )
        split = tuple((offset, part) for offset, count in checked for part in _parts(count))
        for number, (offset, _) in enumerate(split):
            if number >= (offset + 1) * ROWS_PER_SECOND:
                raise _refusal(
                    f"row {number + 1:,} of {len(split):,} is due after {offset:,} s",
                    f"at most {ROWS_PER_SECOND} rows, each of up to {MAX_STARTS_PER_ROW} starts, for each second "
                    "since the start: Step Functions starts the driver's children no faster",
                    f"Put {number // ROWS_PER_SECOND - offset:,} s more before it, or start fewer.",
                )
        object.__setattr__(self, "rows", split)

    @classmethod
    def ramp_and_hold(
        cls, *, starts_per_second: float | Fraction, ramp_seconds: int, hold_seconds: int
    ) -> "LoadProfile":
        """A rate that grows from nothing for `ramp_seconds`, and then stays for `hold_seconds`.

        Each second starts what is due by its end, so that no start is lost by rounding.

        Raises:
            ValueError: for a rate that isn't over 0, times that aren't whole seconds, and no start at all.

        """
        number = isinstance(starts_per_second, int | float | Fraction) and not isinstance(starts_per_second, bool)
        if not number or not 0 < starts_per_second < math.inf:
            raise _refusal(
                f"starts_per_second is {starts_per_second!r}", "a number over 0", "Say 0.5 for a start every 2 seconds."
            )
        for name, seconds in (("ramp_seconds", ramp_seconds), ("hold_seconds", hold_seconds)):
            if not _whole(seconds) or not 0 <= seconds <= MAX_OFFSET_SECONDS:
                raise _refusal(
                    f"{name} is {seconds!r}", f"a whole number from 0 to {MAX_OFFSET_SECONDS:,}", f"Change {name}."
                )
        # The decimal that was written, not the nearest float: 100 seconds of 0.29 are 29 starts.
        rate = Fraction(str(starts_per_second))

        def due(second: int) -> int:
            ramped = min(second, ramp_seconds)
            growing = rate * ramped * ramped / (2 * ramp_seconds) if ramp_seconds else Fraction(0)
            return math.floor(growing + rate * (second - ramped))

        counts = ((second, due(second + 1) - due(second)) for second in range(ramp_seconds + hold_seconds))
        rows = tuple((second, count) for second, count in counts if count)
        if not rows:
            raise _refusal(
                f"starts_per_second is {starts_per_second}, for {ramp_seconds + hold_seconds} s",
                "a rate and times that give one start or more",
                "Hold it for longer.",
            )
        return cls(rows)

    @classmethod
    def evenly(cls, *, starts: int, seconds: int) -> "LoadProfile":
        """So many starts, spread evenly over `seconds`.

        Raises:
            ValueError: for numbers that aren't whole, or under 1.

        """
        for name, value in (("starts", starts), ("seconds", seconds)):
            if not _whole(value) or value < 1:
                raise _refusal(f"{name} is {value!r}", "a whole number, 1 or more", f"Change {name}.")
        return cls.ramp_and_hold(starts_per_second=Fraction(starts, seconds), ramp_seconds=0, hold_seconds=seconds)

    @classmethod
    def from_csv(cls, text: str) -> "LoadProfile":
        """Read `to_csv`'s format: the header `offset_seconds,count`, then a row a line.

        Raises:
            ValueError: for text that isn't, with the line's number.

        """
        lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
        header = next(lines, [])
        if tuple(cell.strip() for cell in header) != _HEADER:
            raise _refusal(f"line 1 is {','.join(header)!r}", ",".join(_HEADER), "Write this header.")
        rows = []
        for cells in lines:
            try:
                offset, count = (int(cell) for cell in cells)
            except ValueError:
                raise _refusal(
                    f"line {lines.line_num} is {','.join(cells)!r}",
                    "two whole numbers such as 60,5",
                    "The first is the offset in seconds, the second how many to start then.",
                ) from None
            rows.append((offset, count))
        return cls(tuple(rows))

    def to_csv(self) -> str:
        """Return what a driver reads: the rows as they are started, none of over 40."""
        return "".join(f"{left},{right}\n" for left, right in (_HEADER, *self.rows))

    @property
    def starts(self) -> int:
        """The executions that are started."""
        return sum(count for _, count in self.rows)

    @property
    def last_offset_seconds(self) -> int:
        """When the last of them is."""
        return self.rows[-1][0]


def _checked_rows(rows: object) -> Iterator[tuple[int, int]]:
    if not isinstance(rows, Iterable) or isinstance(rows, str):
        raise _refusal(f"rows is {rows!r}", "rows of (offset_seconds, count)", "Use such as ((0, 1), (60, 5)).")
    last = 0
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, tuple | list) or len(row) != 2 or not all(map(_whole, row)):
            raise _refusal(
                f"row {number} is {row!r}", "two whole numbers: offset_seconds, count", "Use such as (60, 5)."
            )
        offset, count = row
        if not 0 <= offset <= MAX_OFFSET_SECONDS:
            raise _refusal(
                f"offset_seconds of row {number} is {offset}",
                f"0 to {MAX_OFFSET_SECONDS:,}, a day",
                "It counts from the start of the driver.",
            )
        if count < 1:
            raise _refusal(f"count of row {number} is {count}", "1 or more", "Leave the row out: it starts nothing.")
        if offset < last:
            raise _refusal(
                f"offset_seconds of row {number} is {offset}, after {last}", "rows by their offset", "Sort them."
            )
        last = offset
        yield offset, count


def _parts(count: int) -> Iterator[int]:
    full, rest = divmod(count, MAX_STARTS_PER_ROW)
    yield from (MAX_STARTS_PER_ROW,) * full
    if rest:
        yield rest


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _refusal(given: str, allowed: str, fix: str) -> ValueError:
    # As _checks.usage_error, which needs aws_cdk.
    return ValueError(f"LoadProfile: {given}; allowed: {allowed}. {fix}")
