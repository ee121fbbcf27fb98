"""What must stand before MiniStack or moto is imported: its environment, a certificate, a wall round loopback.

MiniStack reads its settings from environment variables while its modules load, so the server sets them first. The
certificate is made here, with `cryptography`, because MiniStack would call the `openssl` program, which not every
machine has. The wall refuses each connection of this process that would leave loopback: an HTTP subscription of an SNS
topic, say.
"""

import datetime as dt
import ipaddress
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_PORT = 4566
ADDRESS = "127.0.0.1"


class StartError(Exception):
    """The server can't start; the message is one line."""


@dataclass(frozen=True)
class Settings:
    """How the server was asked to run.

    Args:
        port: the HTTPS port on 127.0.0.1.
        listener: the file descriptor of a socket that listens there already; None: the server makes it.
        folder: the session's folder: everything temporary lives in it, and the caller removes it.
        map_concurrency: how many children of one Map Run run at the same time, at most.
        sync_poll_seconds: how often a `.sync` task looks whether what it waits for is over.
        bedrock_replies: the file of canned replies of Bedrock's models; None: each answer says that it is made up.
        has_lifeline: standard input is a pipe that the caller holds: the server ends, and removes its folder, with it.

    """

    port: int
    listener: int | None
    folder: Path
    map_concurrency: int
    sync_poll_seconds: float
    bedrock_replies: Path | None
    has_lifeline: bool

    @property
    def endpoint(self) -> str:
        """The address of every service."""
        return f"https://{ADDRESS}:{self.port}"

    @property
    def certificate(self) -> Path:
        """The certificate that clients must trust (`AWS_CA_BUNDLE`)."""
        return self.folder / "tmp" / "ministack-tls" / "server.crt"

    @property
    def key(self) -> Path:
        """The certificate's private key."""
        return self.certificate.with_suffix(".key")


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings out of `LOCAL_AWS_*` variables.

    Raises:
        StartError: a variable is missing or isn't what it should be.

    """
    folder = environment.get("LOCAL_AWS_FOLDER", "")
    if not Path(folder).is_dir():
        raise StartError(f"LOCAL_AWS_FOLDER must be an existing folder, not {folder!r}")
    lifeline = environment.get("LOCAL_AWS_LIFELINE")
    if lifeline not in {None, "stdin"}:
        raise StartError(f"LOCAL_AWS_LIFELINE must be stdin, or not be there, not {lifeline!r}")
    replies = environment.get("LOCAL_AWS_BEDROCK_REPLIES")
    if replies is not None and not Path(replies).is_file():
        raise StartError(f"LOCAL_AWS_BEDROCK_REPLIES must be an existing file, not {replies!r}")
    return Settings(
        port=_number(environment, "LOCAL_AWS_PORT", DEFAULT_PORT, 65535),
        listener=_number(environment, "LOCAL_AWS_SOCKET", 0, 65535) if "LOCAL_AWS_SOCKET" in environment else None,
        folder=Path(folder).resolve(),
        # Children wait for their workers most of the time; more threads than this only wait for the interpreter's lock.
        map_concurrency=_number(environment, "LOCAL_AWS_MAP_CONCURRENCY", 2 * (os.cpu_count() or 2), 10000),
        sync_poll_seconds=_number(environment, "LOCAL_AWS_SYNC_POLL_MILLISECONDS", 100, 600000) / 1000,
        bedrock_replies=None if replies is None else Path(replies).resolve(),
        has_lifeline=lifeline is not None,
    )


def _number(environment: Mapping[str, str], name: str, default: int, largest: int) -> int:
    text = environment.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= largest:
        raise StartError(f"{name} must be a whole number from 1 to {largest}, not {text!r}")
    return int(text)


def prepare(settings: Settings) -> None:
    """Make the session's folders, the certificate and MiniStack's environment.

    Raises:
        StartError: the port is taken.

    """
    if settings.listener is None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, settings.port))
            except OSError as error:
                raise StartError(f"port {settings.port} on {ADDRESS} can't be used: {error.strerror}") from error
    for folder in ("tmp/ministack-tls", "s3", "state"):
        (settings.folder / folder).mkdir(parents=True, exist_ok=True)
    write_certificate(settings.certificate, settings.key)
    os.environ.update(ministack_environment(settings))


def ministack_environment(settings: Settings) -> dict[str, str]:
    """The variables that MiniStack, boto3 in this process, and nothing else reads."""
    folder = settings.folder
    return {
        "GATEWAY_PORT": str(settings.port),
        "BIND_HOST": ADDRESS,
        "MINISTACK_HOST": "localhost",
        "AUTH": "true",
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(settings.certificate),
        "MINISTACK_SSL_KEY": str(settings.key),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        "STATE_DIR": str(folder / "state"),
        "TMPDIR": str(folder / "tmp"),
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": os.environ.get("LOCAL_AWS_LOG_LEVEL", "WARNING"),
        # No container is looked for, started or removed: a user's own MiniStack containers stay as they are.
        "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
        "AWS_CA_BUNDLE": str(settings.certificate),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def write_certificate(certificate: Path, key: Path) -> None:
    """Write a self-signed certificate for 127.0.0.1 and localhost, good for a year."""
    # Here, because the extra that brings it may not be installed, which is to be one line and not a stack trace.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    # An elliptic key: thousands of handshakes cost little.
    private_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local cloud")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=365))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(ADDRESS))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private_key.public_key()), critical=False)
        .sign(private_key, hashes.SHA256())
    )
    key.touch(mode=0o600)
    key.write_bytes(
        private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    # Written last: a client that sees the certificate can connect as soon as the port answers.
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))


def refuse_foreign_connections() -> None:
    """Make every connection of this process that would leave loopback fail, for the life of the process."""
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        # A Unix socket's address is text; an Internet address is a tuple that starts with the host.
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) and address else None
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        # Looking a name up asks a server, too.
        host = arguments[0]
    else:
        return
    if host is not None and not is_loopback(host.decode() if isinstance(host, bytes) else str(host)):
        raise ConnectionRefusedError(f"the local cloud doesn't connect to {host}: it stays on loopback")


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, is this machine."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
