"""A server on loopback that counts what it is asked: another emulator, or a proxy that nobody should use."""

from __future__ import annotations

import http.server
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Answers(http.server.ThreadingHTTPServer):
    """Answers each request as GetCallerIdentity does; `requests` has the method and the authorization of each."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Answers

    def do_POST(self) -> None:
        self.server.requests.append((self.command, self.headers.get("Authorization", "")))
        body = b"<R><GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult></R>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815 - http.server's name
    do_CONNECT = do_POST  # noqa: N815 - http.server's name

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def answering() -> Iterator[Answers]:
    server = Answers()
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
