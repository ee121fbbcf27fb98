"""What several commands' options have in common: the parser, `--endpoint`, and the values that are checked early."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs_lib.local.endpoint import Endpoint

PROGRAM = "python -m constructs_lib.local"
_PORTS = {"http": 80, "https": 443}
_CONNECT_SECONDS = 10.0


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as every error here."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Refuse what this parser doesn't know here: argparse would let the one above it, with another help, do so."""
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return options, unknown

    def error(self, message: str) -> NoReturn:
        """Print the error and leave with code 2."""
        self.exit(2, f"error: {message}. See {self.prog} --help\n")


def add_endpoint(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --endpoint, whose help is `what`, and what goes with it."""
    parser.add_argument("--endpoint", metavar="URL", help=what)
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="the certificate to trust there (PEM)")
    parser.add_argument(
        "--allow-remote-endpoint", action="store_true", help="needed for an --endpoint that isn't on loopback"
    )


def refuse_idle_options(options: argparse.Namespace) -> None:
    """Refuse options that would be ignored: some go with --endpoint only, some never do."""
    from constructs_lib.local.errors import UsageError

    elsewhere = options.endpoint is not None
    own = ("port", "folder", "sync_poll_seconds", "bedrock_replies")
    idle = own if elsewhere else ("certificate", "allow_remote_endpoint")
    how = "doesn't go" if elsewhere else "goes only"
    for name in idle:
        given = getattr(options, name, None)
        if given is not None and given is not False:
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"{flag} {how} with --endpoint. Fix: leave it out.")


def other_endpoint(options: argparse.Namespace) -> Endpoint:
    """The emulator that --endpoint names; raises `UsageError` for one that isn't any, or where nobody listens."""
    # Here, because every command's start would wait for them.
    import socket
    import ssl
    from urllib.parse import urlsplit

    from constructs_lib.local.endpoint import Endpoint
    from constructs_lib.local.errors import UsageError

    certificate = options.certificate
    if certificate is not None:
        certificate = certificate.absolute()
        try:
            ssl.create_default_context(cafile=certificate)
        except OSError as error:
            reason = "no certificate is in it" if isinstance(error, ssl.SSLError) else error.strerror
            raise UsageError(
                f"The certificate {str(options.certificate)!r} can't be used ({reason}). Allowed: a PEM file."
            ) from None
    endpoint = Endpoint(options.endpoint, certificate, options.allow_remote_endpoint)
    parts = urlsplit(endpoint.url)
    try:
        socket.create_connection((parts.hostname, parts.port or _PORTS[parts.scheme]), _CONNECT_SECONDS).close()
    except OSError as error:
        raise UsageError(
            f"Nobody answers at {endpoint.url} ({error.strerror or error}). Fix: start that emulator, or leave "
            "--endpoint out for the one that `up` started."
        ) from None
    return endpoint


def say(line: str) -> None:
    """Print a line to stderr, at once."""
    print(line, file=sys.stderr, flush=True)


def complain(message: str, *details: str, code: int) -> int:
    """Print an error, and any further lines of it, to stderr and return the exit code."""
    for line in (f"error: {message}", *details):
        say(line)
    return code
