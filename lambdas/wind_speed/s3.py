"""S3 for the wind-speed functions: the SDK, with its two costly spots kept light, and one error worth a retry.

`TransientS3Error` stands for what may go away by itself: throttling, server errors and broken connections that
outlast the SDK's own attempts. The state machine retries a function by that name. All other errors are raised as
they are.
"""

from __future__ import annotations

import io
import re
import ssl
import threading
from collections import deque
from contextlib import contextmanager
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import quote, unquote_plus, urlsplit
from xml.sax.saxutils import unescape

import botocore.session
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, IncompleteReadError  # noqa: A004
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from . import metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3 import S3Client

# A GET takes about 20 ms and half a millisecond of CPU: with more threads they would wait for the CPU, not for S3.
THREADS = 32

# An attempt more doubles what the SDK may wait: 15 s in all for 5 attempts, 71 s for 8. A listing or a result file is
# worth that. One of a batch's many objects isn't: the batch has 40 s, then Step Functions does the waiting. Measured on
# batches of 500 whose GETs S3 throttles at random: at a fifth of them, none fails with 5 attempts, and they take up to
# 12 s; at a third, two of five fail after 7 to 13 s (with 4 attempts all, with 8 none, but they take up to 23 s).
_ATTEMPTS = 8
_READER_ATTEMPTS = 5

_CONNECT_SECONDS = 5
_READ_SECONDS = 20
_LINES_CHUNK = 1024 * 1024

_SLOW_DOWN = "SlowDown"
_ERROR_BYTES = 4096

slow_downs = metrics.Count(_SLOW_DOWN)
"""S3's 503 SlowDown answers to this process, also those that a retry made good. S3 shows them to a bucket's owner."""

_CLIENT_LOCK = threading.Lock()


class TransientS3Error(Exception):
    """S3 throttled, failed or broke off for longer than the SDK retries; the same call may well succeed later."""


class UnavailableObjectError(Exception):
    """One object can't be had, now or later; `reason` says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


def client(attempts: int = _ATTEMPTS) -> S3Client:
    """Return this process's S3 client of so many attempts, made by the first call and shared by all threads."""
    # Making one isn't safe from several threads at once, which is how the years of an index are listed.
    with _CLIENT_LOCK:
        return _client(attempts)


@cache
def _client(attempts: int) -> S3Client:
    config = Config(
        max_pool_connections=THREADS,
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    s3 = cast("S3Client", _session().create_client("s3", config=config))
    s3.meta.events.register("before-parse.s3.ListObjectsV2", _take_keys)
    s3.meta.events.register("response-received.s3", _count_slow_down)
    return s3


def _count_slow_down(parsed_response: dict[str, Any] | None, **_: object) -> None:
    """See every answer, before the SDK retries."""
    if parsed_response is not None and parsed_response.get("Error", {}).get("Code") == _SLOW_DOWN:
        slow_downs.add()


@contextmanager
def transient_errors() -> Iterator[None]:
    """Raise TransientS3Error in the place of the SDK's errors that may go away by themselves."""
    try:
        yield
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status >= 500 or status == 429 or error.response["Error"]["Code"] == "RequestTimeout":
            raise TransientS3Error(str(error)) from error
        raise
    except (ConnectionError, HTTPClientError, IncompleteReadError) as error:
        raise TransientS3Error(f"{type(error).__name__}: {error}") from error


_CONTENTS = re.compile(rb"<Contents>.*?</Contents>", re.DOTALL)
_KEY = re.compile(rb"<Key>(.*?)</Key>", re.DOTALL)


def _take_keys(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Take the keys out of a list page before the SDK parses it: 41 ms of CPU for 1,000 keys become 1 ms."""
    body: bytes = response_dict["body"]
    keys = [unescape(key.decode()) if b"&" in key else key.decode() for key in _KEY.findall(body)]
    rest = _CONTENTS.sub(b"", body)
    if b"<EncodingType>url</EncodingType>" in rest:
        keys = [unquote_plus(key) for key in keys]
    customized_response_dict["Keys"] = keys
    response_dict["body"] = rest


def list_keys(bucket: str, prefix: str, page_size: int = 1000) -> Iterator[str]:
    """Yield the keys under a prefix in S3's order, asking for a page only when its first key is wanted."""
    paginator = client().get_paginator("list_objects_v2")
    with transient_errors():
        for page in paginator.paginate(Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": page_size}):
            yield from cast("dict[str, list[str]]", page)["Keys"]


def list_folders(bucket: str, prefix: str) -> list[str]:
    """Return the names of the folders directly under a prefix, without the prefix and their slash."""
    paginator = client().get_paginator("list_objects_v2")
    with transient_errors():
        return [
            folder["Prefix"].removeprefix(prefix).removesuffix("/")
            for page in paginator.paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
            for folder in page.get("CommonPrefixes", [])
        ]


def write(bucket: str, key: str, body: bytes, content_type: str) -> None:
    """Write one object; whoever reads it sees all of it or nothing."""
    with transient_errors():
        client().put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)


def read_lines(bucket: str, key: str) -> Iterator[bytes]:
    """Yield the lines of an object that aren't blank, as they come, holding about a megabyte of it."""
    with transient_errors():
        body = client().get_object(Bucket=bucket, Key=key)["Body"]
        # The SDK's iter_lines copies each line three times.
        lines = io.BufferedReader(cast("io.RawIOBase", body), _LINES_CHUNK)
        yield from (line for line in lines if not line.isspace())


class _Endpoint(NamedTuple):
    """Where the SDK sends a bucket's requests and which Region it signs them for."""

    url: str
    region: str
    connect: Callable[[], HTTPConnection]


class Reader:
    """Reads many objects of one bucket, from any number of threads.

    The SDK takes 1.2 ms of CPU for a GET, five times as long as parsing the object takes, and one thread's CPU time is
    another thread's wait. So only the first GET goes through the SDK, which finds endpoint, Region and redirects. The
    others are signed by the SDK's signer and sent over connections of our own: a third of the time. Whatever isn't a
    plain success is asked again through the SDK, which knows how to retry and names the errors.

    No call waits for the answer to another, so that an object which S3 holds up holds up no other.
    """

    def __init__(self, bucket: str, max_bytes: int) -> None:
        self._bucket = bucket
        self._max_bytes = max_bytes
        self._client = client(_READER_ATTEMPTS)
        self._endpoint: _Endpoint | None = None
        self._first = threading.Lock()  # taken by the first call, for good
        self._signed = threading.Event()  # the first GET was, or never will be
        self._idle: deque[HTTPConnection] = deque(maxlen=THREADS)

    def read(self, key: str) -> bytes:
        """Return an object's body.

        Raises UnavailableObjectError when it doesn't exist, is archived or is larger than `max_bytes`;
        TransientS3Error; and the SDK's ClientError for the rest, such as AccessDenied.
        """
        if self._first.acquire(blocking=False):
            return self._read_and_learn(key)
        self._signed.wait()
        body = None if self._endpoint is None else self._read_directly(self._endpoint, key)
        return self._read_by_sdk(key) if body is None else body

    def _read_and_learn(self, key: str) -> bytes:
        """Read an object by the SDK, and note where it goes: before it goes there, and again if S3 redirects it."""
        thread = threading.get_ident()

        def note(request: AWSRequest, region_name: str, **_: object) -> None:
            if threading.get_ident() != thread:
                return  # the SDK reads another object meanwhile
            url = str(request.url).removesuffix(_quoted(key))
            # A proxy is the SDK's business, too.
            if url.endswith("/") and not get_environ_proxies(url):
                self._endpoint = _Endpoint(url, region_name, _connector(url))
            self._signed.set()

        self._client.meta.events.register("before-sign.s3.GetObject", note)
        try:
            return self._read_by_sdk(key)
        finally:
            self._client.meta.events.unregister("before-sign.s3.GetObject", note)
            self._signed.set()

    def _read_directly(self, endpoint: _Endpoint, key: str) -> bytes | None:
        """Return the body, or None for any other answer than an object."""
        credentials = _session().get_credentials()
        if credentials is None:
            return None
        url = endpoint.url + _quoted(key)
        request = AWSRequest("GET", url)
        S3SigV4Auth(credentials.get_frozen_credentials(), "s3", endpoint.region).add_auth(request)
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = endpoint.connect()
        try:
            connection.request("GET", urlsplit(url).path, headers=dict(request.headers.items()))
            response = connection.getresponse()
            if response.status != 200 or (response.length or 0) > self._max_bytes:
                if response.status == 503 and f"<Code>{_SLOW_DOWN}</Code>".encode() in response.read(_ERROR_BYTES):
                    slow_downs.add()
                connection.close()
                return None
            body = response.read()
        except (OSError, HTTPException):
            # Also what becomes of a connection that S3 closed while this process was frozen between two batches.
            connection.close()
            return None
        self._idle.append(connection)
        return body

    def _read_by_sdk(self, key: str) -> bytes:
        with transient_errors():
            try:
                response = self._client.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "NoSuchKey":
                    raise UnavailableObjectError("object vanished") from None
                if code == "InvalidObjectState":
                    raise UnavailableObjectError("object archived") from None
                raise
            if response["ContentLength"] > self._max_bytes:
                response["Body"].close()
                raise UnavailableObjectError(f"larger than {self._max_bytes // 1024 // 1024} MiB")
            return response["Body"].read()


def _quoted(key: str) -> str:
    return quote(key, safe="/~")


def _connector(url: str) -> Callable[[], HTTPConnection]:
    """Return what opens a connection to a URL's host, trusting whom the SDK trusts."""
    host = urlsplit(url)
    if host.scheme == "http":
        return lambda: HTTPConnection(str(host.hostname), host.port, timeout=_READ_SECONDS)
    trust = ssl.create_default_context(cafile=get_cert_path(_session().get_config_variable("ca_bundle") or True))
    return lambda: HTTPSConnection(str(host.hostname), host.port, timeout=_READ_SECONDS, context=trust)
