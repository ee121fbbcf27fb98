"""Reads an execution's history while it grows, each event once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from constructs_lib.local.timeline import Event

_PAGE = 1000  # the most that GetExecutionHistory takes
_FIRST_PAGE = 100


class History:
    """An execution's history through a Step Functions client; `new` returns what came since the last time.

    It reads backwards from the newest event up to one that it knows, so that following a history of 25,000 events takes
    a small page a look, not all of it.
    """

    def __init__(self, client: Any, execution_arn: str) -> None:
        self._client = client
        self._arn = execution_arn
        self._last = 0

    def new(self) -> list[Event]:
        """The events since the last call, oldest first. Raises botocore's `ClientError`."""
        known, found = self._last, []
        size = _FIRST_PAGE if known else _PAGE
        request = {"executionArn": self._arn, "reverseOrder": True, "maxResults": size, "includeExecutionData": True}
        while True:
            page = self._client.get_execution_history(**request)
            new = [event for event in page["events"] if event["id"] > known]
            found += new
            if "nextToken" not in page or len(new) < len(page["events"]):
                break
            request["nextToken"] = page["nextToken"]
        found.reverse()
        if found:
            self._last = found[-1]["id"]
        return found
