"""What Lambda handlers wrote, from CloudWatch Logs: of one invocation, of functions so far, and as it comes.

The log group is the one that the function's LoggingConfig names, `/aws/lambda/<function>` where it names none.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

_PLATFORM_LINE = re.compile(r"(START|END|REPORT) RequestId: ")
_PAGE = 10_000  # the most that FilterLogEvents takes
# Lines of one moment may come a little late, when several workers write.
_LATE_MILLISECONDS = 2_000


@dataclass(frozen=True)
class LogLine:
    """A line of a function's log."""

    time: int
    function: str
    text: str


@dataclass
class FunctionLog:
    """The log of one function, read from the beginning and then on; `client` is one for logs where the function is."""

    client: Any
    function: str
    group: str
    _from: int = 0
    _seen: Counter[tuple[str, int, str]] = field(default_factory=Counter)

    def new(self) -> list[LogLine]:
        """The lines since the last call; none as long as the group doesn't exist."""
        lines: list[LogLine] = []
        while True:
            events = _events(self.client, self.group, startTime=self._from)
            now: Counter[tuple[str, int, str]] = Counter()
            newest = self._from
            for event in events:
                key = (event["logStreamName"], event["timestamp"], event["message"])
                now[key] += 1
                newest = max(newest, event["timestamp"])
                if now[key] > self._seen[key]:
                    lines.append(LogLine(event["timestamp"], self.function, event["message"].rstrip("\n")))
            full = len(events) >= _PAGE and newest > self._from
            self._from = newest if full else max(self._from, newest - _LATE_MILLISECONDS)
            self._seen = Counter({key: count for key, count in now.items() if key[1] >= self._from})
            if not full:
                return lines


def log_group(client: Any, function: str) -> str:
    """The log group of a function, by name or ARN; `client` is one for Lambda."""
    config = client.get_function_configuration(FunctionName=function)
    group = (config.get("LoggingConfig") or {}).get("LogGroup")
    return group or f"/aws/lambda/{config['FunctionName']}"


def invocation_lines(
    client: Any, group: str, *, request_id: str | None, began: datetime, failed: datetime, most: int
) -> list[str]:
    """The last lines, `most` at most, that a handler wrote in one invocation, without Lambda's own START, END, REPORT.

    Where the invocation's id isn't known (None), what the function wrote between the two times.
    """
    start, end = int(began.timestamp() * 1000) - 1000, int(failed.timestamp() * 1000) + 1000
    if request_id is None:
        lines = [event["message"] for event in _events(client, group, startTime=start, endTime=end)]
    else:
        marks = _events(client, group, startTime=start, filterPattern=f'"{request_id}"')
        if not marks:
            return []
        stream = marks[0]["logStreamName"]
        # A stream may hold other invocations before and after: this one is between its marks.
        lines = [event["message"] for event in _events(client, group, startTime=start, logStreamNames=[stream])]
        own = [index for index, line in enumerate(lines) if request_id in line]
        lines = lines[own[0] : own[-1] + 1]
    return [line.rstrip("\n") for line in lines if not _PLATFORM_LINE.match(line)][-most:]


def merged(logs: Sequence[FunctionLog]) -> list[LogLine]:
    """The new lines of several functions in the order of their times."""
    return sorted((line for log in logs for line in log.new()), key=lambda line: line.time)


def printer(functions: Sequence[str], write: Callable[[str], None]) -> Callable[[LogLine], None]:
    """What prints a line: behind its function's name when there are several."""
    width = max(map(len, functions), default=0)

    def show(line: LogLine) -> None:
        write(line.text if len(functions) == 1 else f"{line.function:<{width}} | {line.text}")

    return show


def _events(client: Any, group: str, **request: Any) -> list[dict[str, Any]]:
    """All events that FilterLogEvents gives; none when the group doesn't exist yet."""
    found: list[dict[str, Any]] = []
    try:
        while True:
            page = client.filter_log_events(logGroupName=group, **request)
            found += page["events"]
            if "nextToken" not in page:
                return found
            request["nextToken"] = page["nextToken"]
    except client.exceptions.ResourceNotFoundException:
        return []
