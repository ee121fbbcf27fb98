import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from constructs_lib.local.emulator.launch import (
    Settings,
    StartError,
    is_loopback,
    ministack_environment,
    prepare,
    read_settings,
    write_certificate,
)


def settings(folder: Path, port: int = 4566) -> Settings:
    return Settings(
        port=port,
        listener=None,
        folder=folder,
        map_concurrency=4,
        sync_poll_seconds=0.1,
        bedrock_replies=None,
        has_lifeline=False,
    )


def test_should_read_its_settings(tmp_path: Path) -> None:
    found = read_settings(
        {"LOCAL_AWS_FOLDER": str(tmp_path), "LOCAL_AWS_PORT": "5000", "LOCAL_AWS_MAP_CONCURRENCY": "7"}
    )

    assert (found.folder, found.port, found.map_concurrency) == (tmp_path.resolve(), 5000, 7)
    assert found.endpoint == "https://127.0.0.1:5000"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOCAL_AWS_FOLDER", "/nowhere"),
        ("LOCAL_AWS_PORT", "http"),
        ("LOCAL_AWS_PORT", "70000"),
        ("LOCAL_AWS_MAP_CONCURRENCY", "0"),
        ("LOCAL_AWS_LIFELINE", "3"),
    ],
)
def test_should_refuse_a_setting_by_name(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(StartError, match=f"{name} must be .* not '{value}'"):
        read_settings({"LOCAL_AWS_FOLDER": str(tmp_path), name: value})


def test_should_refuse_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} on 127.0.0.1 can't be used"):
            prepare(settings(tmp_path, port))


def test_should_keep_every_folder_of_ministack_inside_the_session(tmp_path: Path) -> None:
    environment = ministack_environment(settings(tmp_path))

    for name in ("TMPDIR", "S3_DATA_DIR", "STATE_DIR", "MINISTACK_SSL_CERT", "MINISTACK_SSL_KEY", "AWS_CA_BUNDLE"):
        assert Path(environment[name]).is_relative_to(tmp_path)
    assert environment["BIND_HOST"] == "127.0.0.1"
    assert environment["AUTH"] == "true"
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def shake_hands(server_side: ssl.SSLContext, client_side: ssl.SSLContext, name: str) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    client = client_side.wrap_bio(to_client, to_server, server_hostname=name)
    waiting = [client, server]
    while waiting:
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                pass


def test_should_make_a_certificate_that_a_client_can_trust(tmp_path: Path) -> None:
    certificate, key = tmp_path / "server.crt", tmp_path / "server.key"
    write_certificate(certificate, key)

    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    client_side = ssl.create_default_context(cafile=str(certificate))
    # What Python 3.13 checks by default.
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("127.0.0.1", "localhost"):
        shake_hands(server_side, client_side, name)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(server_side, client_side, "example.com")
    assert key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_should_know_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "s3.amazonaws.com", "10.0.0.1", "2001:db8::1", "localhost.example.com"])
def test_should_know_what_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_should_refuse_every_connection_that_would_leave_loopback() -> None:
    # In a process of its own: an audit hook can't be taken away again.
    code = """
import socket
from constructs_lib.local.emulator.launch import refuse_foreign_connections
refuse_foreign_connections()
listening = socket.create_server(("127.0.0.1", 0))
socket.create_connection(listening.getsockname()).close()
socket.getaddrinfo("localhost", 80)
socket.getaddrinfo(None, 80)
for refused in (
    lambda: socket.create_connection(("192.0.2.1", 443), timeout=1),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.2", 53)),
    lambda: socket.getaddrinfo("aws.example.com", 443),
    lambda: socket.gethostbyname("aws.example.org"),
):
    try:
        refused()
    except ConnectionRefusedError as error:
        print(str(error).split()[6])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split() == ["192.0.2.1:", "192.0.2.2:", "aws.example.com:", "aws.example.org:"]
