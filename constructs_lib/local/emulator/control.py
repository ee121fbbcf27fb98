"""The local cloud's own API, for what AWS has none: JSON under `/_local/`, in front of MiniStack's.

The server listens on loopback only, and so does this. A feature brings its routes; whoever calls is
`constructs_lib.local.control`.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

PREFIX = "/_local/"

# Called with the request's JSON (None without a body); returns the answer's.
Route = Callable[[Any], Any]
# By method and path: ("GET", "/_local/faults").
Routes = Mapping[tuple[str, str], Route]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]


class RefusedError(Exception):
    """A route refuses the request; the message is a sentence with what is allowed, and answered with status 400."""


def in_front_of(app: Asgi, routes: Routes) -> Asgi:
    """Answer what is under `/_local/` by `routes`, the rest by `app`.

    A path or a method that no route has is answered with 404, a body that isn't JSON and what a route refuses with 400;
    each as `{"message": <a sentence>}`.
    """

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await app(scope, receive, send)
            return
        status, content = _answer(routes, scope["method"], scope["path"], await _body(receive))
        body = json.dumps(content).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


def _answer(routes: Routes, method: str, path: str, body: bytes) -> tuple[int, Any]:
    route = routes.get((method, path))
    if route is None:
        allowed = ", ".join(f"{method} {path}" for method, path in sorted(routes))
        return 404, {"message": f"The local cloud doesn't know {method} {path}. Allowed: {allowed}."}
    try:
        return 200, route(json.loads(body) if body else None)
    except RefusedError as error:
        return 400, {"message": str(error)}
    except ValueError as error:
        return 400, {"message": f"The body of {method} {path} isn't JSON: {error}."}


async def _body(receive: Any) -> bytes:
    body = bytearray()
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)
