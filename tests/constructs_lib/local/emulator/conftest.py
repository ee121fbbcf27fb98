"""One server a session, started as its own process, as a client starts it."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

ROOT = Path(__file__).parents[4]
ACCOUNT = "111111111111"
SOURCE_ACCOUNT = "222222222222"
# In the server's folder: a test writes the replies that it wants.
BEDROCK_REPLIES = "bedrock.json"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_server(folder: Path, port: int, **more: str) -> "subprocess.Popen[bytes]":
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "constructs_lib.local.server"],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "LOCAL_AWS_FOLDER": str(folder),
                "LOCAL_AWS_PORT": str(port),
                **more,
            },
            stderr=log,
        )


@dataclass
class Execution:
    """How an execution ended."""

    arn: str
    status: str
    output: Any
    error: str | None
    cause: str
    events: list[dict[str, Any]]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]


@dataclass
class Cloud:
    """A running server, and short ways to what most tests need of it."""

    port: int
    folder: Path
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    _names: int = 0

    def client(self, service: str, account: str = ACCOUNT) -> Any:
        key = (service, account)
        if key not in self._clients:
            make: Any = boto3.client
            self._clients[key] = make(
                service,
                endpoint_url=f"https://127.0.0.1:{self.port}",
                region_name="us-east-1",
                aws_access_key_id=account,
                aws_secret_access_key="test",
                verify=str(self.folder / "tmp" / "ministack-tls" / "server.crt"),
                config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, inject_host_prefix=False),
            )
        return self._clients[key]

    def name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}-{self._names}"

    def role(self, service: str, *statements: dict[str, Any]) -> str:
        """A role that `service` may assume, with one policy of these statements (all actions when there is none)."""
        name = self.name("role")
        trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        iam = self.client("iam")
        arn: str = iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )["Role"]["Arn"]
        allow_all = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": list(statements) or [allow_all]}
        iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=json.dumps(document))
        return arn

    def bucket(self) -> str:
        name = self.name("bucket")
        self.client("s3").create_bucket(Bucket=name)
        return name

    def read(self, bucket: str, key: str) -> bytes:
        body: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def function(
        self, code: str, *, handler: str = "jobs.work.handler", runtime: str = "python3.14", **settings: Any
    ) -> str:
        """A function; `code` is the module that `handler` names."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as package:
            module = handler.rpartition(".")[0].replace(".", "/")
            package.writestr(f"{module}.py" if runtime.startswith("python") else f"{module}.js", code)
            if "/" in module:
                package.writestr(f"{module.rpartition('/')[0]}/__init__.py", "")
        arn: str = self.client("lambda").create_function(
            FunctionName=self.name("function"),
            Runtime=runtime,
            Handler=handler,
            Code={"ZipFile": archive.getvalue()},
            Architectures=["arm64"],
            **{"Timeout": 30, "MemorySize": 256, "Role": self.role("lambda"), **settings},
        )["FunctionArn"]
        return arn

    def machine(self, states: dict[str, Any], *, role: str | None = None, **more: Any) -> str:
        """A state machine in JSONata unless `more` says otherwise; it starts at the first state."""
        definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **more}
        arn: str = self.client("stepfunctions").create_state_machine(
            name=self.name("machine"), roleArn=role or self.role("states"), definition=json.dumps(definition)
        )["stateMachineArn"]
        return arn

    def start(self, machine: str, input_value: Any = None) -> str:
        arn: str = self.client("stepfunctions").start_execution(
            stateMachineArn=machine, input=json.dumps({} if input_value is None else input_value)
        )["executionArn"]
        return arn

    def wait(self, arn: str, seconds: float = 60) -> Execution:
        states = self.client("stepfunctions")
        deadline = time.monotonic() + seconds
        while (described := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline, f"{arn} still runs after {seconds} s"
            time.sleep(0.02)
        pages = states.get_paginator("get_execution_history").paginate(executionArn=arn)
        return Execution(
            arn=arn,
            status=described["status"],
            output=json.loads(described["output"]) if described.get("output") else None,
            error=described.get("error"),
            cause=described.get("cause", ""),
            events=[event for page in pages for event in page["events"]],
        )

    def run(self, states: dict[str, Any], input_value: Any = None, **more: Any) -> Execution:
        return self.wait(self.start(self.machine(states, **more), input_value))

    def map_run(self, execution_arn: str) -> dict[str, Any]:
        """The description of an execution's only Map Run."""
        states = self.client("stepfunctions")
        (found,) = states.list_map_runs(executionArn=execution_arn)["mapRuns"]
        described: dict[str, Any] = states.describe_map_run(mapRunArn=found["mapRunArn"])
        return described


def wait_until_ready(cloud: Cloud, process: "subprocess.Popen[bytes]", seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        log = (cloud.folder / "server.log").read_text()
        assert process.poll() is None, log
        try:
            if (cloud.folder / "tmp" / "ministack-tls" / "server.crt").exists():
                cloud.client("sts").get_caller_identity()
                return
        except (BotoCoreError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the server isn't ready after {seconds} s: {log}")


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    # Not tmp_path: a Unix socket's and a certificate's path stay short this way, on every machine.
    folder = Path(tempfile.mkdtemp(prefix="cloud-"))
    port = free_port()
    (folder / BEDROCK_REPLIES).write_text('{"replies": []}')
    process = start_server(
        folder,
        port,
        LOCAL_AWS_SYNC_POLL_MILLISECONDS="50",
        LOCAL_AWS_BEDROCK_REPLIES=str(folder / BEDROCK_REPLIES),
    )
    try:
        running = Cloud(port, folder)
        wait_until_ready(running, process)
        yield running
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder)
