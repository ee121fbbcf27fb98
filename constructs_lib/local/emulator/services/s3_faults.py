"""Requests to S3 that fail on purpose, so that a test can prove what a function makes of S3's errors.

A fault names a bucket, keys, a method, the error and how many requests meet it. It is answered in front of MiniStack,
by S3's own document of an error: the object stays as it is. Buckets stand in the path, as all clients here have them.
"""

import re
from dataclasses import asdict, dataclass
from typing import Any
from xml.sax.saxutils import escape

from constructs_lib.local.emulator.control import Asgi, RefusedError, Routes
from constructs_lib.local.emulator.fault_list import FaultList, check_times

_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")


@dataclass
class S3Fault:
    """One fault.

    Args:
        bucket: the bucket's name.
        key: the object's key, `*` for any characters, and nothing else special; empty for requests to the bucket
            itself, such as a listing.
        method: GET, HEAD, PUT, POST or DELETE.
        status: of the answer, 400 to 599.
        code: S3's name of the error.
        times: how many requests meet it; None: all.
        thrown: how many have.

    """

    bucket: str
    key: str
    method: str
    status: int
    code: str
    times: int | None
    thrown: int = 0

    def is_met(self, method: str, bucket: str, key: str) -> bool:
        """Whether this request is one of those that fail."""
        return (self.method, self.bucket, bool(self.key)) == (method, bucket, bool(key)) and (
            re.fullmatch(".*".join(map(re.escape, self.key.split("*"))), key, re.DOTALL) is not None
        )

    def described(self) -> dict[str, Any]:
        """As the control API shows it."""
        return asdict(self)


_faults: FaultList[S3Fault] = FaultList()


def routes() -> Routes:
    """The control API's for faults of S3."""
    return _faults.routes("/_local/s3-faults", _fault)


def _fault(body: Any) -> S3Fault:
    names = ("bucket", "key", "method", "status", "code", "times")
    if not isinstance(body, dict) or set(body) != set(names):
        raise RefusedError(f"A fault of S3 is {', '.join(names)}; given: {str(body)[:200]}.")
    bucket, key, method, status, code, times = (body[name] for name in names)
    if not all(isinstance(text, str) for text in (bucket, key, code)) or not bucket or not re.fullmatch(r"\w+", code):
        raise RefusedError(f"A fault's bucket, key and code are texts; given: {str(body)[:200]}.")
    if method not in _METHODS:
        raise RefusedError(f"A fault's method is one of {', '.join(_METHODS)}, not {method!r}.")
    if type(status) is not int or not 400 <= status <= 599:
        raise RefusedError(f"A fault's status is a whole number from 400 to 599, not {status!r}.")
    check_times(times, "request")
    return S3Fault(bucket, key, method, status, code, times)


def in_front_of(app: Asgi) -> Asgi:
    """Answer the requests that meet a fault, and leave the rest to `app`."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        fault = None
        if scope["type"] == "http":
            bucket, _, key = scope["path"].removeprefix("/").partition("/")
            request = scope["method"], bucket, key
            fault = _faults.take(lambda planted: planted.is_met(*request))
        if fault is None:
            await app(scope, receive, send)
            return
        while (await receive()).get("more_body", False):  # a client that sends doesn't listen yet
            pass
        body = _document(fault, key)  # which the server keeps to itself in answer to HEAD
        headers = [(b"content-type", b"application/xml"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": fault.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


def _document(fault: S3Fault, key: str) -> bytes:
    message = "The test made this request fail."
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{fault.code}</Code><Message>{message}</Message><Key>{escape(key)}</Key></Error>"
    ).encode()
