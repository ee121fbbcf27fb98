"""Requests to S3 that fail on purpose, so that a test can prove what a function makes of S3's errors.

A fault names a bucket, keys, a method, the error and how many requests meet it. It is answered in front of MiniStack,
by S3's own document of an error: the object stays as it is. Buckets stand in the path, as all clients here have them.
"""

import re
import threading
from dataclasses import asdict, dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from constructs_lib.local.emulator.control import Asgi, RefusedError, Routes

_PATH = "/_local/s3-faults"
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

    def meets(self, method: str, bucket: str, key: str) -> bool:
        """Whether it is left for this request."""
        return (
            (self.method, self.bucket, bool(self.key)) == (method, bucket, bool(key))
            and re.fullmatch(".*".join(map(re.escape, self.key.split("*"))), key, re.DOTALL) is not None
            and (self.times is None or self.thrown < self.times)
        )


@dataclass
class S3Faults:
    """The faults of this cloud, in the order in which they were asked for; safe in many threads."""

    _faults: list[S3Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: S3Fault) -> dict[str, Any]:
        """Add one; the answer holds its `id`, its place among all since they were last forgotten."""
        with self._lock:
            self._faults.append(fault)
            return {"id": len(self._faults) - 1}

    def take(self, method: str, bucket: str, key: str) -> S3Fault | None:
        """The fault for a request, which it counts; None: the request goes on to S3."""
        with self._lock:
            for fault in self._faults:
                if fault.meets(method, bucket, key):
                    fault.thrown += 1
                    return fault
        return None

    def described(self) -> dict[str, Any]:
        """All of them, those that are used up, too."""
        with self._lock:
            return {"faults": [{"id": number, **asdict(fault)} for number, fault in enumerate(self._faults)]}

    def clear(self) -> dict[str, Any]:
        """Forget all of them."""
        with self._lock:
            self._faults.clear()
        return {}


_faults = S3Faults()


def routes() -> Routes:
    """The control API: POST adds a fault, GET lists them, DELETE forgets them."""
    return {
        ("POST", _PATH): lambda body: _faults.add(_fault(body)),
        ("GET", _PATH): lambda _: _faults.described(),
        ("DELETE", _PATH): lambda _: _faults.clear(),
    }


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
    if times is not None and (type(times) is not int or times < 1):
        raise RefusedError(f"A fault's times is a whole number, 1 or more, or null for every request, not {times!r}.")
    return S3Fault(bucket, key, method, status, code, times)


def in_front_of(app: Asgi) -> Asgi:
    """Answer the requests that meet a fault, and leave the rest to `app`."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        fault = None
        if scope["type"] == "http":
            bucket, _, key = scope["path"].removeprefix("/").partition("/")
            fault = _faults.take(scope["method"], bucket, key)
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
