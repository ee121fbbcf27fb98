"""The part of S3 that the handlers use, on loopback: GetObject, PutObject, ListObjectsV2; no signatures checked.

It answers from one asyncio loop after a latency that the caller chooses, so that many requests at once take no longer
than one. `S3Server` runs it in a thread (tests: faults can be planted meanwhile); `S3Process` in a process of
its own (measurements: its CPU time and memory stay out of the figures).
"""

from __future__ import annotations

import asyncio
import bisect
import multiprocessing
import os
import re
import ssl
import threading
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, quote_plus, unquote
from xml.sax.saxutils import escape

from constructs_lib.local.emulator.launch import write_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from multiprocessing.connection import Connection

# One page of ListObjectsV2 holds at most so many keys, whatever the caller asks for.
PAGE_SIZE = 1000

_CHUNK = 16 * 1024


@dataclass
class Fault:
    """What a key answers instead of its object: an S3 error, or (`cut`) half of the body and a closed connection."""

    status: int = 503
    code: str = "SlowDown"
    cut: bool = False
    times: int | None = None  # None: for ever


@dataclass
class Store:
    """Buckets of objects, the faults planted on them, and a record of what was asked."""

    buckets: dict[str, dict[str, bytes]]
    faults: dict[str, Fault] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)  # of each request, their names in small letters
    content_types: dict[str, str] = field(default_factory=dict)
    # Refuses what is signed for another one; empty: nothing.
    region: str = ""
    # The SDK always asks for URL-encoded keys; S3 encodes them, some emulators don't.
    url_encoding: bool = True
    _sorted: dict[str, list[str]] = field(default_factory=dict)

    @property
    def user_agents(self) -> list[str]:
        """Of each request; empty where it had none."""
        return [headers.get("user-agent", "") for headers in self.headers]

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Store one object."""
        self.buckets[bucket][key] = body
        self._sorted.pop(bucket, None)

    def keys(self, bucket: str) -> list[str]:
        """Every key of a bucket in S3's order, that of their UTF-8 bytes."""
        if bucket not in self._sorted:
            self._sorted[bucket] = sorted(self.buckets[bucket], key=str.encode)
        return self._sorted[bucket]

    def fault(self, key: str) -> Fault | None:
        """Return the fault that this request for `key` meets, if any is left."""
        fault = self.faults.get(key)
        if fault is None or fault.times == 0:
            return None
        if fault.times is not None:
            fault.times -= 1
        return fault


def list_page(store: Store, bucket: str, query: Mapping[str, list[str]]) -> str:
    """Answer one ListObjectsV2 request as S3's XML."""
    encoded = (lambda key: quote_plus(key, safe="/")) if store.url_encoding else _escaped
    encoding = "<EncodingType>url</EncodingType>" if store.url_encoding else ""

    def argument(name: str, default: str = "") -> str:
        return query.get(name, [default])[0]

    prefix, delimiter = argument("prefix"), argument("delimiter")
    limit = min(int(argument("max-keys", str(PAGE_SIZE))), PAGE_SIZE)
    keys = store.keys(bucket)
    after = argument("continuation-token") or argument("start-after")
    position = bisect.bisect_left(keys, prefix.encode(), key=str.encode)
    if after:
        position = max(position, bisect.bisect_right(keys, after.encode(), key=str.encode))
    contents: list[str] = []
    folders: list[str] = []
    last = ""
    while position < len(keys) and keys[position].startswith(prefix) and len(contents) + len(folders) < limit:
        key = keys[position]
        tail = key[len(prefix) :]
        if delimiter and delimiter in tail:
            folder = prefix + tail[: tail.index(delimiter) + len(delimiter)]
            folders.append(folder)
            while position < len(keys) and keys[position].startswith(folder):
                last = keys[position]
                position += 1
        else:
            contents.append(key)
            last = key
            position += 1
    truncated = position < len(keys) and keys[position].startswith(prefix)
    return "".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
            f"<Name>{bucket}</Name><Prefix>{encoded(prefix)}</Prefix>",
            f"<KeyCount>{len(contents) + len(folders)}</KeyCount><MaxKeys>{limit}</MaxKeys>{encoding}",
            f"<IsTruncated>{str(truncated).lower()}</IsTruncated>",
            f"<NextContinuationToken>{_escaped(last)}</NextContinuationToken>" if truncated else "",
            *(
                f"<Contents><Key>{encoded(key)}</Key><LastModified>2025-10-06T08:03:00.000Z</LastModified>"
                "<ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"
                f"<ChecksumType>FULL_OBJECT</ChecksumType><Size>{len(store.buckets[bucket][key])}</Size>"
                "<StorageClass>INTELLIGENT_TIERING</StorageClass></Contents>"
                for key in contents
            ),
            *(f"<CommonPrefixes><Prefix>{encoded(folder)}</Prefix></CommonPrefixes>" for folder in folders),
            "</ListBucketResult>",
        ]
    )


def _escaped(text: str) -> str:
    return escape(text, {'"': "&quot;", "\r": "&#13;"})


def _error(code: str, more: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{code}</Message>{more}</Error>'
    ).encode()


class _Connection(asyncio.Protocol):
    """One HTTP/1.1 connection: requests one after the other, each answered after the latency."""

    def __init__(self, store: Store, latency: float, connections: set[_Connection]) -> None:
        self.connections = connections
        self.store = store
        self.latency = latency
        self.received = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a TCP server always gets
        self.transport = transport
        self.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio passes it
        self.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, rest = self.received.split(b"\r\n\r\n", 1)
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                if not rest and re.search(rb"(?i)\r\nexpect: *100-continue", head):
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            self.received = rest[size:]
            answer, close = self.answer(head, rest[:size])
            asyncio.get_running_loop().call_later(self.latency, self.send, answer, close)

    def send(self, answer: bytes, close: bool) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)
            if close:
                self.transport.close()

    def answer(self, head: bytes, body: bytes) -> tuple[bytes, bool]:
        """Return the whole response, and whether the connection ends with it."""
        first, *lines = head.decode().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.store.requests.append(f"{method} {target}")
        self.store.headers.append(headers)
        path, _, asked = re.sub("^http://[^/]*", "", target).partition("?")
        path = unquote(path).removeprefix("/")
        named = re.match(r"([^.]+)\.localhost", headers.get("host", ""))
        bucket, _, key = (named[1], "", path) if named else path.partition("/")
        query = parse_qs(asked, keep_blank_values=True)
        signed_for = headers.get("authorization", "").split("/")[2:3]
        if self.store.region and signed_for != [self.store.region]:
            return _response(
                400, _error("AuthorizationHeaderMalformed", f"<Region>{self.store.region}</Region>")
            ), False
        fault = self.store.fault(key or query.get("prefix", [""])[0])
        if fault is not None and not fault.cut:
            return _response(fault.status, _error(fault.code)), False
        if bucket not in self.store.buckets:
            return _response(404, _error("NoSuchBucket")), False
        if method == "PUT":
            self.store.put(bucket, key, body)
            self.store.content_types[key] = headers.get("content-type", "")
            return _response(200, b""), False
        if not key:
            return _response(200, list_page(self.store, bucket, query).encode(), chunked=True), False
        content = self.store.buckets[bucket].get(key)
        if content is None:
            return _response(404, _error("NoSuchKey")), False
        response = _response(200, content)
        return (response[: -len(content) // 2], True) if fault is not None else (response, False)


def _response(status: int, body: bytes, *, chunked: bool = False) -> bytes:
    """Return an answer; in chunks is how S3 sends list pages, whose length it doesn't know yet."""
    head = [
        f"HTTP/1.1 {status} -",
        "x-amz-id-2: abcdefghijklmnopqrstuvwxyz0123456789",
        "x-amz-request-id: 7XG1P4Z9K3W2Q0RV",
        "Date: Thu, 20 Nov 2025 21:00:00 GMT",
        "Last-Modified: Mon, 06 Oct 2025 08:03:00 GMT",
        f'ETag: "{md5(body, usedforsecurity=False).hexdigest()}"',
        "Accept-Ranges: bytes",
        "Content-Type: application/octet-stream",
        "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}",
        "Server: AmazonS3",
    ]
    if chunked:
        chunks = [body[start : start + _CHUNK] for start in range(0, len(body), _CHUNK)] + [b""]
        body = b"".join(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks)
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def _serve(
    store: Store, latency: float, ready: Callable[[int], None], stop: asyncio.Event, tls: ssl.SSLContext | None = None
) -> None:
    loop = asyncio.get_running_loop()
    connections: set[_Connection] = set()
    server = await loop.create_server(lambda: _Connection(store, latency, connections), "127.0.0.1", 0, ssl=tls)
    ready(server.sockets[0].getsockname()[1])
    await stop.wait()
    server.close()
    while connections:  # one accepted just before may come up late
        for connection in connections:
            connection.transport.abort()
        await asyncio.sleep(0)


class S3Server:
    """The server in a thread of this process: `with S3Server({"bucket": {"key": b"body"}}) as server`."""

    def __init__(self, buckets: Mapping[str, Mapping[str, bytes]], tls: ssl.SSLContext | None = None) -> None:
        self.store = Store({name: dict(objects) for name, objects in buckets.items()})
        self.endpoint = ""
        self._tls = tls
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="s3-server", daemon=True)

    def _run(self) -> None:
        def ready(port: int) -> None:
            self.endpoint = f"{'http' if self._tls is None else 'https'}://127.0.0.1:{port}"
            self._ready.set()

        self._loop.run_until_complete(_serve(self.store, 0, ready, self._stop, self._tls))
        self._loop.close()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


def _process(
    connection: Connection,
    objects: Callable[[], Iterable[tuple[str, str, bytes]]],
    latency: float,
    certificate: Path,
    certificate_key: Path,
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, certificate_key)
    store = Store({})
    for bucket, key, body in objects():
        store.buckets.setdefault(bucket, {})[key] = body
    asyncio.run(_serve(store, latency, connection.send, asyncio.Event(), tls))


class S3Process:
    """The server in a process of its own, with TLS, and the (bucket, key, body) that an importable function yields."""

    def __init__(self, objects: Callable[[], Iterable[tuple[str, str, bytes]]], latency: float = 0.0) -> None:
        self._folder = TemporaryDirectory(prefix="bench-")
        self._certificate, key = Path(self._folder.name, "server.crt"), Path(self._folder.name, "server.key")
        write_certificate(self._certificate, key)
        context = multiprocessing.get_context("spawn")
        self._connection, child = context.Pipe()
        arguments = (child, objects, latency, self._certificate, key)
        self._process = context.Process(target=_process, args=arguments, daemon=True)
        self._endpoint = ""

    @property
    def environment(self) -> dict[str, str]:
        """In which the SDK talks to this server, trusts it, and finds no other account."""
        return {
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_CA_BUNDLE": str(self._certificate),
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
        }

    def __enter__(self) -> Self:
        self._process.start()
        self._endpoint = f"https://127.0.0.1:{self._connection.recv()}"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()
        self._folder.cleanup()
