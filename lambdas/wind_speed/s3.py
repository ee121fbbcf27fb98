"""S3 for the wind-speed functions: the SDK, its many GETs and list pages made lighter, and one error worth a retry.

`TransientS3Error` stands for what may go away by itself: throttling, server errors and broken connections that
outlast the SDK's own attempts. The state machine retries a function by that name. All other errors are raised as
they are.
"""

from __future__ import annotations

import html
import io
import re
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import quote, unquote_plus, urlencode

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionError,  # noqa: A004
    HTTPClientError,
    IncompleteReadError,
    PaginationError,
)

from . import metrics
from .signed_gets import READ_SECONDS, SignedGets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

# Measured on 500 objects of 71 KB: where a GET takes 20 ms, 32 threads already wait for the CPU and not for S3, and 64
# take as long; where it takes 100 ms, 64 read the batch in 0.9 s and 32 in 1.7 s.
THREADS = 64

# An attempt more doubles what the SDK may wait: 15 s in all for 5 attempts, 71 s for 8. A listing or a result file is
# worth that. One of a batch's many objects isn't: the batch has 40 s, then Step Functions does the waiting. Measured on
# batches of 500 whose GETs S3 throttles at random: at a fifth of them, none fails with 5 attempts, and they take up to
# 12 s; at a third, two of five fail after 7 to 13 s (with 4 attempts all, with 8 none, but they take up to 23 s).
_ATTEMPTS = 8
_READER_ATTEMPTS = 5

_CONNECT_SECONDS = 5
_LINES_CHUNK = 1024 * 1024

_SLOW_DOWN = "SlowDown"

slow_downs = metrics.Count(_SLOW_DOWN)
"""S3's 503 SlowDown answers to this process, also those that a retry made good. S3 shows them to a bucket's owner."""


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


@cache
def client(attempts: int = _ATTEMPTS) -> S3Client:
    """Return this process's S3 client of so many attempts, for all threads. The first call is one thread's alone."""
    config = Config(
        max_pool_connections=THREADS,
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    s3 = cast("S3Client", _session().create_client("s3", config=config))
    s3.meta.events.register("response-received.s3", _count_slow_down)
    return s3


def _count_slow_down(parsed_response: dict[str, Any] | None, **_: object) -> None:
    """See every answer, before the SDK retries."""
    if parsed_response is not None and parsed_response.get("Error", {}).get("Code") == _SLOW_DOWN:
        slow_downs.add()


def _signed_gets(s3: S3Client, operation: str, max_bytes: int | None = None) -> SignedGets:
    return SignedGets(_session(), s3, operation, refused=_count_refused_slow_down, max_bytes=max_bytes)


def _count_refused_slow_down(document: bytes) -> None:
    if f"<Code>{_SLOW_DOWN}</Code>".encode() in document:
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


def is_missing(error: ClientError) -> bool:
    """Whether an object isn't there, as far as one can tell who may not list its bucket: S3 calls it forbidden then."""
    return error.response["Error"]["Code"] in {"NoSuchKey", "AccessDenied"}


class _Page(NamedTuple):
    """A page of a listing, and what asks for the next one; empty: there is none."""

    keys: list[str]
    token: str


class Listing:
    """Lists keys of one bucket, from any number of threads."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._client = client()
        self._gets = _signed_gets(self._client, "ListObjectsV2")

    def keys(self, prefix: str, page_size: int = 1000) -> Iterator[str]:
        """Yield the keys under a prefix in S3's order, asking for a page only when its first key is wanted.

        Raises TransientS3Error, PaginationError for a listing that would never end, as the SDK's paginator does, and
        the SDK's ClientError for the rest, such as AccessDenied.
        """
        page = self._page(prefix, page_size, "")
        yield from page.keys
        asked: set[str] = set()
        while page.token:
            if page.token in asked:
                raise PaginationError(
                    message=f"s3://{self._bucket}/{prefix} answered a second time with the token {page.token!r}"
                )
            asked.add(page.token)
            page = self._page(prefix, page_size, page.token)
            yield from page.keys

    def _page(self, prefix: str, page_size: int, token: str) -> _Page:
        query = {"list-type": "2", "prefix": prefix, "max-keys": str(page_size), "encoding-type": "url"}
        if token:
            query["continuation-token"] = token
        return self._gets.ask(
            f"?{urlencode(query, quote_via=quote, safe='~')}",
            lambda: self._page_by_sdk(prefix, page_size, token),
            _read_page,
        )

    def _page_by_sdk(self, prefix: str, page_size: int, token: str) -> _Page:
        more: dict[str, Any] = {"ContinuationToken": token} if token else {}
        with transient_errors():
            page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, MaxKeys=page_size, **more)
        following = page["NextContinuationToken"] if page["IsTruncated"] else ""
        return _Page([item["Key"] for item in page.get("Contents", [])], following)


_KEY = re.compile(rb"<Key>(.*?)</Key>", re.DOTALL)
_TOKEN = re.compile(rb"<NextContinuationToken>(.*?)</NextContinuationToken>", re.DOTALL)
_TRUNCATED = b"<IsTruncated>true</IsTruncated>"


def _read_page(body: bytes) -> _Page | None:
    """Take keys and token out of a list page's XML; None for another document, such as an error that S3 calls 200."""
    token = _TOKEN.search(body)
    if not body.rstrip().endswith(b"</ListBucketResult>") or (_TRUNCATED in body) != (token is not None):
        return None
    keys = [html.unescape(key.decode()) if b"&" in key else key.decode() for key in _KEY.findall(body)]
    if b"<EncodingType>url</EncodingType>" in body:
        keys = [unquote_plus(key) for key in keys]
    return _Page(keys, html.unescape(token[1].decode()) if token else "")


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


def read(bucket: str, key: str) -> bytes:
    """Return one object's body."""
    with transient_errors():
        return client().get_object(Bucket=bucket, Key=key)["Body"].read()


def read_lines(bucket: str, key: str) -> Iterator[bytes]:
    """Yield the lines of an object that aren't blank, as they come, holding about a megabyte of it."""
    with transient_errors():
        body = client().get_object(Bucket=bucket, Key=key)["Body"]
        # The SDK's iter_lines copies each line three times.
        lines = io.BufferedReader(cast("io.RawIOBase", body), _LINES_CHUNK)
        yield from (line for line in lines if not line.isspace())


class Reader:
    """Reads many objects of one bucket, from any number of threads."""

    def __init__(self, bucket: str, max_bytes: int) -> None:
        self._bucket = bucket
        self._max_bytes = max_bytes
        self._client = client(_READER_ATTEMPTS)
        self._gets = _signed_gets(self._client, "GetObject", max_bytes)

    def read(self, key: str) -> bytes:
        """Return an object's body.

        Raises UnavailableObjectError when it doesn't exist, is archived or is larger than `max_bytes`;
        TransientS3Error; and the SDK's ClientError for the rest, such as AccessDenied.
        """
        return self._gets.ask(quote(key, safe="/~"), lambda: self._read_by_sdk(key), lambda body: body)

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
