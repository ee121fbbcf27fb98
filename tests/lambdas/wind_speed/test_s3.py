from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import cycle, islice
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import NoCredentialsError, PaginationError, ParamValidationError

from bench.s3_server import Fault, S3Server
from lambdas.wind_speed import s3
from lambdas.wind_speed.signed_gets import SignedGets
from tests.lambdas.wind_speed.conftest import use
from tests.lambdas.wind_speed.signatures import is_valid

if TYPE_CHECKING:
    from pathlib import Path


def test_should_not_read_more_than_asked_for(server: S3Server) -> None:
    server.store.buckets["source"] = {"small": bytes(1024 * 1024), "large": bytes(1024 * 1024 + 1)}
    reader = s3.Reader("source", 1024 * 1024)

    for _ in range(2):  # through the SDK, then without it
        with pytest.raises(s3.UnavailableObjectError, match="larger than 1 MiB"):
            reader.read("large")
    assert len(reader.read("small")) == 1024 * 1024
    assert server.store.user_agents[-1] == ""


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


def test_should_learn_from_the_first_get_only(server: S3Server) -> None:
    """Another key that ends as the first one's would show another way."""
    server.store.buckets["source"] = {"first": b"1", "second": b"2", "copy/first": b"3"}
    server.store.faults["copy/first"] = Fault(404, "NoSuchKey", times=1)
    reader = s3.Reader("source", 1024)

    assert [reader.read(key) for key in ("first", "copy/first", "second")] == [b"1", b"3", b"2"]
    assert [agent.partition("/")[0] for agent in server.store.user_agents] == ["Botocore", "", "Botocore", ""]


def test_should_leave_a_target_that_the_sdk_writes_otherwise_to_it(server: S3Server) -> None:
    server.store.buckets["source"] = {"key": b"body"}
    client = s3.client()
    gets = SignedGets(s3._session(), client, "GetObject", refused=lambda _: None)

    def by_sdk() -> bytes:
        return client.get_object(Bucket="source", Key="key")["Body"].read()

    for _ in range(2):
        assert gets.ask("Key", by_sdk, lambda _: pytest.fail("asked without the SDK")) == b"body"
    assert server.store.requests == ["GET /source/key"] * 2


@pytest.mark.parametrize("bucket", ["source", "no bucket's name"])
def test_should_raise_the_sdks_error_each_time(server: S3Server, monkeypatch: pytest.MonkeyPatch, bucket: str) -> None:
    """Without credentials it comes with the signature, and for a bad name before it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    reader = s3.Reader(bucket, 1024)

    for _ in range(2):
        with pytest.raises((NoCredentialsError, ParamValidationError)):
            reader.read("key")
    assert server.store.requests == []


def test_should_keep_connections(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    connect = HTTPConnection.connect

    def counted(self: HTTPConnection) -> None:
        opened.append(self)
        connect(self)

    monkeypatch.setattr(HTTPConnection, "connect", counted)
    server.store.buckets["source"] = {"empty": b""}
    reader = s3.Reader("source", 1024)

    assert {reader.read("empty") for _ in range(4)} == {b""}
    assert [agent.partition("/")[0] for agent in server.store.user_agents] == ["Botocore", "", "", ""]
    assert len(opened) == 1


def test_should_wait_until_the_first_get_is_signed(server: S3Server) -> None:
    """As a batch's threads do, which begin at once."""
    server.store.buckets["source"] = {"key": b"body"}
    client, begun, go = s3.client(), threading.Event(), threading.Event()
    gets = SignedGets(s3._session(), client, "GetObject", refused=lambda _: None)

    def by_sdk() -> bytes:
        begun.set()
        assert go.wait(5)
        return client.get_object(Bucket="source", Key="key")["Body"].read()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(gets.ask, "key", by_sdk, bytes)
        assert begun.wait(5)
        second = pool.submit(gets.ask, "key", lambda: b"by the SDK", bytes)
        time.sleep(0.05)
        go.set()
        assert [first.result(), second.result()] == [b"body", b"body"]


def test_should_ask_for_a_retry_when_s3_has_gone(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """First it closed the connection that was kept, then it opens no other."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    with S3Server({"source": {"key": b"body"}}) as other:
        use(other, monkeypatch)
        reader = s3.Reader("source", 1024)
        assert [reader.read("key"), reader.read("key")] == [b"body", b"body"]

    for _ in range(2):
        with pytest.raises(s3.TransientS3Error):
            reader.read("key")


def test_should_do_as_the_sdk_does_behind_a_proxy(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is the server itself: it is asked for whole addresses, which only the SDK does."""
    server.store.buckets["source"] = {"key": b"body"}
    monkeypatch.setenv("HTTP_PROXY", server.endpoint)
    monkeypatch.setenv("NO_PROXY", "")
    reader = s3.Reader("source", 1024 * 1024)

    assert [reader.read("key"), reader.read("key")] == [b"body", b"body"]
    assert server.store.requests == [f"GET {server.endpoint}/source/key"] * 2
    assert [agent.partition("/")[0] for agent in server.store.user_agents] == ["Botocore", "Botocore"]


def test_should_sign_for_the_region_that_s3_redirects_to(server: S3Server) -> None:
    """The functions may run in another Region than NOAA's bucket."""
    server.store.buckets["source"] = {"2024/1.csv": b"1", "2024/2.csv": b"2"}
    server.store.region = "eu-west-1"
    reader = s3.Reader("source", 1024)

    assert list(s3.Listing("source").keys("2024/", 1)) == ["2024/1.csv", "2024/2.csv"]
    assert [reader.read("2024/1.csv"), reader.read("2024/2.csv")] == [b"1", b"2"]
    assert [agent.partition("/")[0] for agent in server.store.user_agents] == [
        *("Botocore", "Botocore", ""),
        *("Botocore", "Botocore", ""),
    ]


def test_should_read_and_write_in_one_process(server: S3Server) -> None:
    """The two have clients of their own."""
    s3.write("source", "key", b"body", "text/plain")

    assert s3.Reader("source", 1024).read("key") == b"body"


ODD_KEYS = [
    "2024/'quoted' \"twice\".csv",
    "2024//a/../b.csv",
    "2024/1?list-type=2&prefix=x#y.csv",
    "2024/a b+c=d,e;f:g@h!(i)*j~k$.csv",
    "2024/line\nfeed\rand\ttab.csv",
    "2024/å&<>%41&amp;🌬.csv",
]


@pytest.mark.parametrize("url_encoding", [True, False])
@pytest.mark.parametrize("session_token", ["", "IQoJb3JpZ2luX2VjE//a+b=="])
def test_should_list_and_read_keys_of_any_characters_with_valid_signatures(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, url_encoding: bool, session_token: str
) -> None:
    """Of an odd key is each continuation token, too. At AWS credentials are temporary, and have a session's token."""
    if session_token:
        monkeypatch.setenv("AWS_SESSION_TOKEN", session_token)
    server.store.url_encoding = url_encoding
    server.store.buckets["source"] = {key: key.encode() for key in ODD_KEYS} | {"first": b"", "/2025/1.csv": b"slash"}
    listing, reader = s3.Listing("source"), s3.Reader("source", 1024)
    assert [*listing.keys("first"), reader.read("first")] == ["first", b""]
    server.store.requests.clear()
    server.store.headers.clear()

    assert list(listing.keys("2024/", 1)) == ODD_KEYS
    assert list(listing.keys("2024/å&", 1)) == ODD_KEYS[-1:]
    assert [reader.read(key).decode() for key in ODD_KEYS] == ODD_KEYS
    assert reader.read("/2025/1.csv") == b"slash"

    assert not any(server.store.user_agents)
    for request, headers in zip(server.store.requests, server.store.headers, strict=True):
        assert is_valid(request, headers, secret="test")
        assert headers.get("x-amz-security-token", "") == session_token
        assert not is_valid(request + "x", headers, secret="test")


def test_should_list_without_the_sdk_after_the_first_page(server: S3Server) -> None:
    keys = [f"2024/{number:04}.csv" for number in range(7)]
    server.store.buckets["source"] = dict.fromkeys(keys, b"")

    listing = s3.Listing("source")

    assert list(listing.keys("2024/", 3)) == keys
    assert list(listing.keys("2024/000", 3)) == keys
    assert [agent.partition("/")[0] for agent in server.store.user_agents] == ["Botocore", *[""] * 5]


@pytest.mark.parametrize(
    ("status", "code", "slow_downs"), [(200, "SlowDown", 1), (500, "InternalError", 0), (503, "SlowDown", 2)]
)
def test_should_ask_the_sdk_again_for_a_page_that_s3_refuses(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, status: int, code: str, slow_downs: int
) -> None:
    """S3 may answer 200 and an error's document."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    server.store.buckets["source"] = {"2023/1.csv": b"", "2024/1.csv": b""}
    listing = s3.Listing("source")
    assert list(listing.keys("2023/")) == ["2023/1.csv"]
    server.store.faults["2024/"] = Fault(status, code, times=2)

    assert list(listing.keys("2024/")) == ["2024/1.csv"]
    assert [agent.partition("/")[0] for agent in server.store.user_agents] == ["Botocore", "", "Botocore", "Botocore"]
    assert s3.slow_downs._take() == slow_downs


def test_should_not_end_a_listing_that_s3_calls_truncated(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys would be lost of which nobody knows."""
    page = "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>1</Key></Contents></ListBucketResult>"
    server.store.buckets["source"] = {"2023/1.csv": b""}
    listing = s3.Listing("source")
    assert list(listing.keys("2023/")) == ["2023/1.csv"]
    monkeypatch.setattr("bench.s3_server.list_page", lambda *_: page)

    with pytest.raises(KeyError, match="NextContinuationToken"):
        list(listing.keys("2024/"))


@pytest.mark.parametrize("tokens", [["a"], ["a", "b"]], ids=["at once", "after others"])
def test_should_not_list_for_ever_when_tokens_come_again(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, tokens: list[str]
) -> None:
    """A store that is S3's by its interface only: without an end the function would list until its timeout."""
    following = cycle(tokens)
    monkeypatch.setattr(
        "bench.s3_server.list_page",
        lambda *_: (
            "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>1</Key></Contents>"
            f"<NextContinuationToken>{next(following)}</NextContinuationToken></ListBucketResult>"
        ),
    )

    with pytest.raises(PaginationError, match="s3://source/2024/ answered a second time with the token 'a'"):
        list(islice(s3.Listing("source").keys("2024/"), 10))
    assert len(server.store.requests) == len(tokens) + 1


def test_should_list_and_read_where_the_bucket_is_in_the_host_name(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As at AWS."""
    look_up = socket.getaddrinfo
    monkeypatch.setattr("socket.getaddrinfo", lambda _, *more, **options: look_up("127.0.0.1", *more, **options))
    use(server, monkeypatch, endpoint=server.endpoint.replace("127.0.0.1", "localhost"))
    config = tmp_path / "config"
    config.write_text("[default]\ns3 =\n  addressing_style = virtual\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    server.store.buckets["source"] = {"2024/1.csv": b"1", "2024/2.csv": b"2"}
    reader = s3.Reader("source", 1024)

    assert list(s3.Listing("source").keys("2024/", 1)) == ["2024/1.csv", "2024/2.csv"]
    assert [reader.read("2024/1.csv"), reader.read("2024/2.csv")] == [b"1", b"2"]
    assert [request.partition(" ")[2][:13] for request in server.store.requests] == [
        "/?list-type=2",
        "/?list-type=2",
        "/2024/1.csv",
        "/2024/2.csv",
    ]
    assert [agent.partition("/")[0] for agent in server.store.user_agents] == ["Botocore", "", "Botocore", ""]
