"""The server process: how it starts, refuses to start, and ends."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.constructs_lib.local.emulator.conftest import (
    ROOT,
    SOURCE_ACCOUNT,
    Cloud,
    free_port,
    start_server,
    wait_until_ready,
)

pytestmark = pytest.mark.local


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "session"
    made.mkdir()
    return made


def ended(process: "subprocess.Popen[bytes]", folder: Path) -> tuple[int, str]:
    code = process.wait(30)
    return code, (folder / "server.log").read_text()


def test_should_answer_over_tls_on_loopback_only(cloud: Cloud) -> None:
    context = ssl.create_default_context(cafile=str(cloud.folder / "tmp" / "ministack-tls" / "server.crt"))
    connection = http.client.HTTPSConnection("127.0.0.1", cloud.port, context=context, timeout=10)
    connection.request("GET", "/_ministack/health")
    assert connection.getresponse().status == 200
    connection.close()

    (server,) = [
        process
        for process in psutil.Process().children()
        if f"LOCAL_AWS_PORT={cloud.port}" in [f"{name}={value}" for name, value in process.environ().items()]
    ]
    listening = [found.laddr for found in server.net_connections() if found.status == psutil.CONN_LISTEN]
    assert listening == [("127.0.0.1", cloud.port)]


def test_should_refuse_a_wrong_setting_in_one_line(folder: Path) -> None:
    code, log = ended(start_server(folder, 0), folder)

    assert (code, log) == (3, "error: LOCAL_AWS_PORT must be a whole number from 1 to 65535, not '0'\n")


def test_should_refuse_a_taken_port_in_one_line(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, log = ended(start_server(folder, port), folder)

    assert (code, log) == (3, f"error: port {port} on 127.0.0.1 can't be used: Address already in use\n")


def test_should_refuse_a_release_whose_private_names_have_moved(folder: Path) -> None:
    code = """
import sys
from ministack.services import s3
del s3._atomic_write
from constructs_lib.local.server import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "LOCAL_AWS_FOLDER": str(folder), "LOCAL_AWS_PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 3
    assert done.stderr == "error: ministack.services.s3._atomic_write is gone: this release can't run the local cloud\n"


@pytest.fixture
def own(folder: Path) -> Iterator[tuple[Cloud, "subprocess.Popen[bytes]"]]:
    """A server of the test's own."""
    process = start_server(folder, port := free_port())
    made = Cloud(port, folder)
    wait_until_ready(made, process)
    yield made, process
    process.kill()
    process.wait()


def worker_of(cloud: Cloud, process: "subprocess.Popen[bytes]") -> psutil.Process:
    function = cloud.function("def handler(event, context): return 1")
    cloud.client("lambda").invoke(FunctionName=function)
    (worker,) = psutil.Process(process.pid).children()
    return worker


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_should_end_with_its_workers_when_told_to(
    own: tuple[Cloud, "subprocess.Popen[bytes]"], number: signal.Signals
) -> None:
    cloud, process = own
    worker = worker_of(cloud, process)

    started = time.monotonic()
    process.send_signal(number)

    assert process.wait(10) == 0
    assert time.monotonic() - started < 3
    assert not worker.is_running()
    assert [path.name for path in (cloud.folder / "tmp").iterdir()] == ["ministack-tls"]


def test_should_leave_no_worker_when_it_is_killed(own: tuple[Cloud, "subprocess.Popen[bytes]"]) -> None:
    cloud, process = own
    worker = worker_of(cloud, process)

    process.kill()
    process.wait()

    _, alive = psutil.wait_procs([worker], timeout=5)
    assert not alive


def test_should_write_nothing_outside_its_folder(own: tuple[Cloud, "subprocess.Popen[bytes]"]) -> None:
    cloud, process = own
    before = set(Path("/tmp").iterdir())
    bucket = cloud.bucket()
    cloud.client("s3").put_object(Bucket=bucket, Key="a/b.csv", Body=b"body")
    worker_of(cloud, process)

    mine = {path for path in set(Path("/tmp").iterdir()) - before if path.name.startswith(("ministack", "lambda"))}
    assert not mine
    assert cloud.read(bucket, "a/b.csv") == b"body"
    shutil.rmtree(cloud.folder / "s3")


def test_should_let_a_role_read_a_public_bucket_of_another_account(cloud: Cloud) -> None:
    s3 = cloud.client("s3", SOURCE_ACCOUNT)
    s3.create_bucket(Bucket="public-source")
    s3.delete_public_access_block(Bucket="public-source")
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": ["arn:aws:s3:::public-source", "arn:aws:s3:::public-source/*"],
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket="public-source", Policy=json.dumps(policy))
    s3.put_object(Bucket="public-source", Key="2024/1.csv", Body=b"rows")
    code = """
import boto3
def handler(event, context):
    s3 = boto3.client("s3")
    listed = s3.list_objects_v2(Bucket="public-source", Prefix="2024/")["Contents"]
    return [s3.get_object(Bucket="public-source", Key=found["Key"])["Body"].read().decode() for found in listed]
"""
    function = cloud.function(code)
    invoked = cloud.client("lambda").invoke(FunctionName=function)["Payload"].read()
    assert json.loads(invoked) == ["rows"]

    # The caller's own account must allow it, too.
    role = cloud.role("lambda", {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
    cloud.client("lambda").update_function_configuration(FunctionName=function.rpartition(":")[2], Role=role)
    invoked = cloud.client("lambda").invoke(FunctionName=function)["Payload"].read()
    assert "AccessDenied" in json.loads(invoked)["errorMessage"]
