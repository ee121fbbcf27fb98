from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from bench.s3_server import Fault
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


def test_should_read_without_the_sdk_as_soon_as_it_signed_a_get(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first object is throttled for as long as the others are read."""
    held, over = threading.Event(), threading.Event()

    def sleep(_: float) -> None:
        held.set()
        over.wait(5)

    monkeypatch.setattr("botocore.endpoint.time.sleep", sleep)
    server.store.buckets["source"] = {"first": b"1", "second": b"2", "copy/first": b"3", "copy/second": b"4"}
    server.store.faults |= {"first": Fault(times=1), "copy/first": Fault(times=1)}
    reader = s3.Reader("source", 1024)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(reader.read, "first")
        assert held.wait(5)
        assert reader.read("second") == b"2"
        assert reader.read("copy/first") == b"3"  # by the SDK, after all
        assert reader.read("second") == b"2"
        assert not first.done()
        over.set()
        assert first.result() == b"1"
    assert [agent.partition("/")[0] for agent in server.store.user_agents] == [
        "Botocore",
        "",
        "",
        "Botocore",
        "",
        "Botocore",
    ]


def test_should_do_as_the_sdk_does_behind_a_proxy(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is the server itself: it is asked for whole addresses, which only the SDK does."""
    server.store.buckets["source"] = {"key": b"body"}
    reader = s3.Reader("source", 1024 * 1024)
    monkeypatch.setenv("HTTP_PROXY", server.endpoint)
    monkeypatch.setenv("NO_PROXY", "")

    assert [reader.read("key"), reader.read("key")] == [b"body", b"body"]
    assert [agent.partition("/")[0] for agent in server.store.user_agents] == ["Botocore", "Botocore"]


def test_should_make_one_client_for_all_threads(server: S3Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(lambda _: s3.client(), range(8)))

    assert len(set(map(id, clients))) == 1


def test_should_read_and_write_in_one_process(server: S3Server) -> None:
    """The two have clients of their own."""
    s3.write("source", "key", b"body", "text/plain")

    assert s3.Reader("source", 1024).read("key") == b"body"
