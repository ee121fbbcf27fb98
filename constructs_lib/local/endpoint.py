"""Where the AWS API is answered, and the only way from here to it: clients and environments built from nothing.

Neither a client nor a child process sees the caller's AWS configuration: no `AWS_*` or `CDK_*` variable, no
configuration or credentials file, no proxy, no instance metadata. So nothing on this machine, however it is set up, can
turn a call to the embedded AWS into one to a real account.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from constructs_lib.assembly import DEFAULT_ACCOUNT, DEFAULT_REGION
from constructs_lib.local.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DEFAULT_ACCOUNT", "DEFAULT_REGION", "Endpoint", "clean_environment"]


@dataclass(frozen=True)
class Endpoint:
    """The URL of an emulator's AWS API, and the certificate to trust there (None: the system's).

    Raises `UsageError` for a URL that isn't one, or that isn't on loopback while `allow_remote` is false. An access key
    of twelve digits names the account, with every right in it.
    """

    url: str
    certificate: Path | None = None
    allow_remote: bool = False

    def __post_init__(self) -> None:
        host = _host(self.url)
        if host is None:
            raise UsageError(f"The endpoint {self.url!r} isn't a URL. Allowed: https://127.0.0.1:4566 and its like.")
        if not self.allow_remote and not _is_loopback(host):
            raise UsageError(
                f"The endpoint {self.url!r} isn't on loopback (127.0.0.1, ::1, localhost). "
                "If it is an emulator and no real AWS, say so with --allow-remote-endpoint."
            )

    def client(self, service: str, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION) -> Any:
        """Return a boto3 client for `service` with every right in `account`, deaf to the caller's AWS configuration."""
        import boto3
        from botocore.config import Config
        from botocore.session import Session

        # Every variable of a session without its configuration key and without its environment variable.
        deaf = {name: (None, None, default, to) for name, (_, _, default, to) in Session.SESSION_VARIABLES.items()}
        for file in ("config_file", "credentials_file"):
            deaf[file] = (None, None, os.devnull, None)
        key, secret = _credentials(account)
        silent = Session(session_vars=deaf)
        silent.register_component("data_loader", _loader())
        session: Any = boto3.Session(botocore_session=silent)  # Any: `service` is no literal
        return session.client(
            service,
            endpoint_url=self.url,
            verify=True if self.certificate is None else str(self.certificate),
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(
                proxies={},
                inject_host_prefix=False,  # some calls would go to sync-127.0.0.1, say
                max_pool_connections=32,
                read_timeout=900,
                retries={"mode": "standard", "total_max_attempts": 3},
                s3={"addressing_style": "path"},
            ),
        )

    def environment(
        self, home: Path, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION
    ) -> dict[str, str]:
        """Return a whole environment for a child process that calls AWS here, as `account`."""
        key, secret = _credentials(account)
        trusted = {} if self.certificate is None else {v: str(self.certificate) for v in _CERTIFICATE_VARIABLES}
        return (
            clean_environment(home)
            | trusted
            | {
                "AWS_ENDPOINT_URL": self.url,
                "AWS_ACCESS_KEY_ID": key,
                "AWS_SECRET_ACCESS_KEY": secret,
                "AWS_REGION": region,
                "AWS_DEFAULT_REGION": region,
            }
        )


@cache
def _loader() -> Any:
    """Reads the services' descriptions, once for all clients: 60 ms of the 70 that a client takes."""
    from botocore.loaders import create_loader

    return create_loader()


_CERTIFICATE_VARIABLES = ("AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


def clean_environment(home: Path) -> dict[str, str]:
    """Return a child process's environment, built from nothing; `home` and `home/tmp` are its folders to write in."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "LANG": "C.UTF-8",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def _credentials(account: str) -> tuple[str, str]:
    if not (len(account) == 12 and account.isdigit()):
        raise UsageError(f"The account {account!r} isn't one. Allowed: twelve digits, such as {DEFAULT_ACCOUNT}.")
    return account, "local"


def _host(url: str) -> str | None:
    """The host of a URL; None when it isn't one for HTTP."""
    try:
        parts = urlsplit(url)
        return parts.hostname if parts.scheme in {"http", "https"} and parts.port != 0 else None
    except ValueError:  # a port or an IPv6 address that is none
        return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761: these never leave the machine
