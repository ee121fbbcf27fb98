"""A growing history is read once, however long it is."""

from __future__ import annotations

from typing import Any

from constructs_lib.local.history import History


class Service:
    """Step Functions with one history; `read` counts the events that it has handed out."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.read = 0

    def grow(self, number: int) -> None:
        self.events += [{"id": len(self.events) + n + 1} for n in range(number)]

    def get_execution_history(self, *, maxResults: int, reverseOrder: bool, **request: Any) -> dict[str, Any]:  # noqa: N803
        assert reverseOrder
        assert request["executionArn"] == "arn"
        snapshot, start = request.get("nextToken", (len(self.events), 0))
        page = self.events[:snapshot][::-1][start : start + maxResults]
        self.read += len(page)
        more = start + maxResults < snapshot
        return {"events": page, **({"nextToken": (snapshot, start + maxResults)} if more else {})}


def test_reads_each_event_once_and_in_order() -> None:
    service = Service()
    history = History(service, "arn")
    assert history.new() == []
    found = []
    for growth in (1, 0, 250, 3, 100, 2000):
        service.grow(growth)
        new = history.new()
        assert len(new) == growth
        found += new
    assert found == service.events


def test_looks_at_the_end_of_a_long_history_only() -> None:
    service = Service()
    service.grow(25_000)
    history = History(service, "arn")
    assert len(history.new()) == 25_000
    assert service.read == 25_000
    for _ in range(10):
        service.grow(1)
        assert len(history.new()) == 1
    assert service.read <= 25_000 + 10 * 100
