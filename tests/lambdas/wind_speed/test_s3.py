from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lambdas.wind_speed import s3

if TYPE_CHECKING:
    from bench.s3_server import S3Server


def test_should_not_read_more_than_asked_for(server: S3Server) -> None:
    server.store.buckets["source"] = {"small": bytes(1024 * 1024), "large": bytes(1024 * 1024 + 1)}
    reader = s3.Reader("source", 1024 * 1024)

    for _ in range(2):  # through the SDK, then without it
        with pytest.raises(s3.UnavailableObjectError, match="larger than 1 MiB"):
            reader.read("large")
    assert len(reader.read("small")) == 1024 * 1024


def test_should_do_as_the_sdk_does_behind_a_proxy(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is the server itself: it is asked for whole addresses, which only the SDK does."""
    server.store.buckets["source"] = {"key": b"body"}
    reader = s3.Reader("source", 1024 * 1024)
    monkeypatch.setenv("HTTP_PROXY", server.endpoint)
    monkeypatch.setenv("NO_PROXY", "")

    assert [reader.read("key"), reader.read("key")] == [b"body", b"body"]
    assert [agent.partition("/")[0] for agent in server.store.user_agents] == ["Boto3", "Boto3"]


def test_should_make_one_client_for_all_threads(server: S3Server) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(lambda _: s3.client(), range(8)))

    assert len(set(map(id, clients))) == 1
