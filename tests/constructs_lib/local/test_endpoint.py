"""Clients and environments know nothing of the machine's AWS configuration and proxies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from constructs_lib.local import Endpoint, UsageError

if TYPE_CHECKING:
    from tests.constructs_lib.local.loopback import Answers


def test_a_client_calls_the_endpoint_and_nothing_else(server: Answers, hostile: Answers) -> None:
    client = Endpoint(server.url).client("sts", account="222222222222", region="eu-west-1")
    client.get_caller_identity()
    [(command, authorization)] = server.requests
    assert command == "POST"
    assert "Credential=222222222222/" in authorization
    assert "/eu-west-1/sts/" in authorization
    assert hostile.requests == []
    assert client.meta.endpoint_url == server.url


@pytest.mark.usefixtures("hostile")
def test_an_environment_has_nothing_of_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    endpoint = Endpoint("https://127.0.0.1:4566", Path("/session/server.crt"))
    assert endpoint.environment(Path("/session"), account="222222222222", region="eu-west-1") == {
        "PATH": "/usr/bin",
        "HOME": "/session",
        "TMPDIR": "/session/tmp",
        "LANG": "C.UTF-8",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "AWS_ENDPOINT_URL": "https://127.0.0.1:4566",
        "AWS_CA_BUNDLE": "/session/server.crt",
        "NODE_EXTRA_CA_CERTS": "/session/server.crt",
        "AWS_ACCESS_KEY_ID": "222222222222",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1:4566", "http://localhost:4566", "http://[::1]:4566", "http://127.9.9.9", "http://s3.localhost"],
)
def test_loopback_needs_no_flag(url: str) -> None:
    assert Endpoint(url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://sts.amazonaws.com",
        "http://192.168.0.7:4566",
        "http://0.0.0.0:4566",
        "http://localhost.example.com:4566",
        "http://127.0.0.1@example.com",
        "http://[::ffff:8.8.8.8]:4566",
    ],
)
def test_what_is_not_on_loopback_needs_a_second_flag(url: str) -> None:
    with pytest.raises(UsageError, match="--allow-remote-endpoint"):
        Endpoint(url)
    assert Endpoint(url, allow_remote=True).url == url


@pytest.mark.parametrize(
    "url",
    [
        "localhost:4566",
        "ftp://127.0.0.1",
        "https://",
        "",
        "4566",
        "http://[",
        "http://[::1]:x",
        "http://[::1]:65536",
        "http://[::1]:0",
    ],
)
def test_refuses_what_is_no_url(url: str) -> None:
    with pytest.raises(UsageError, match="isn't a URL"):
        Endpoint(url, allow_remote=True)


@pytest.mark.parametrize("account", ["1", "11111111111a", "1111111111111", ""])
def test_refuses_what_is_no_account(account: str) -> None:
    with pytest.raises(UsageError, match="twelve digits"):
        Endpoint("http://127.0.0.1:1").client("s3", account=account)
