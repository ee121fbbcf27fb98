"""One embedded AWS: its server process, its folder, and what can be done with it while it runs."""

from __future__ import annotations

import atexit
import contextlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from constructs_lib.local import execution
from constructs_lib.local.bedrock_replies import Replies
from constructs_lib.local.deploy import DeployedStack, Deployer
from constructs_lib.local.endpoint import DEFAULT_ACCOUNT, DEFAULT_REGION, Endpoint, clean_environment
from constructs_lib.local.errors import LocalCloudError, UsageError
from constructs_lib.local.folders import SERVER_PID_FILE, remove_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from types import TracebackType
    from typing import Self

DEFAULT_PORT = 4566
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


class LocalCloud:
    """A running embedded AWS on 127.0.0.1; make one with `start`, end it with `stop` or a `with` block.

    `endpoint` is its URL and certificate, `folder` everything that it writes, `pid` its server process, which leads a
    process group of its own: Lambda workers are in it. It also ends, and removes its folder, when the Python that
    started it is gone, however that came.
    """

    def __init__(self, port: int, folder: Path, server: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.folder = folder
        self.endpoint = Endpoint(f"https://127.0.0.1:{port}", folder / "tmp" / "ministack-tls" / "server.crt")
        self._server = server
        self._deployer = Deployer(self.endpoint, folder)
        self.stacks: list[DeployedStack] = []
        self._stopped = False
        atexit.register(self.stop)

    @classmethod
    def start(
        cls,
        port: int | None = None,
        folder: Path | None = None,
        *,
        sync_poll_seconds: float | None = None,
        bedrock_replies: Path | None = None,
        keep_open: tuple[int, ...] = (),
        on_process: Callable[[LocalCloud], None] | None = None,
    ) -> Self:
        """Start an embedded AWS and return when it answers.

        Omitting `port` takes 4566, or any free port when that is taken; omitting `folder` makes a temporary one. Either
        way the folder is removed at the end. `sync_poll_seconds` is how often a `.sync` task looks whether what it
        waits for is over, 0.001 to 600 (omitted: 0.1; AWS polls across accounts every minute, and less often after ten
        minutes). `bedrock_replies` is a file of canned replies of Bedrock's models, see `bedrock_replies`; omitted,
        each answer says that it is made up. `keep_open` are file descriptors that the server holds open as long as it
        lives; `on_process` is called as soon as its process exists. Raises `UsageError` for a taken port, a folder with
        something in it, an interval out of bounds or a wrong file, `LocalCloudError` when the server doesn't start.
        """
        settings = _settings(sync_poll_seconds, bedrock_replies)
        with _listener(port) as listener:
            folder = _session_folder(folder)
            try:
                cloud = cls(listener.getsockname()[1], folder, _start_server(listener, folder, settings, keep_open))
            except BaseException:
                remove_folder(folder)
                raise
        try:
            folder.joinpath(SERVER_PID_FILE).write_text(str(cloud.pid))
            if on_process is not None:
                on_process(cloud)
            cloud._wait_until_ready()
        except BaseException:
            cloud.stop()
            raise
        return cloud

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The server's process id, which is its process group's, too."""
        return self._server.pid

    def client(self, service: str, *, account: str = DEFAULT_ACCOUNT, region: str = DEFAULT_REGION) -> Any:
        """Return a boto3 client for `service` with every right in `account`."""
        return self.endpoint.client(service, account=account, region=region)

    def deploy(
        self,
        assembly: Path,
        *,
        stacks: Collection[str] | None = None,
        cdk: Path | str | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> dict[str, dict[str, str]]:
        """Deploy a cloud assembly and return the outputs by stack name.

        The second of two stacks of one name goes by `<name> (<account>/<Region>)`.

        `stacks` are the ids of those to deploy, without those that they depend on (omitted: all of them). `cdk` is the
        CDK CLI (omitted: the one on PATH); `on_line` is called with each line that it prints. Stacks of no
        particular account or Region go to account 111111111111 and us-east-1. Raises `UsageError` for a folder that
        isn't an assembly and `LocalCloudError`, with the CLI's last lines in `details`, when it fails.
        """
        self.stacks = self._deployer.deploy(assembly, stacks=stacks, cdk=cdk, on_line=on_line)
        outputs: dict[str, dict[str, str]] = {}
        for stack in self.stacks:
            twin = f"{stack.name} ({stack.account}/{stack.region})"
            outputs[stack.name if stack.name not in outputs else twin] = stack.outputs
        return outputs

    def run(
        self,
        state_machine_arn: str,
        execution_input: Mapping[str, Any],
        on_progress: Callable[[execution.Progress], None] | None = None,
        *,
        name: str | None = None,
    ) -> execution.ExecutionResult:
        """Run a state machine to its end; see `execution.run`."""
        return execution.run(self.endpoint, state_machine_arn, execution_input, name=name, on_progress=on_progress)

    def stop(self) -> None:
        """End the server and its Lambda workers and remove the folder. Doing it twice does nothing."""
        atexit.unregister(self.stop)
        if self._stopped:
            return
        self._stopped = True
        try:
            end_process_group(self.pid, lambda: self._server.poll() is not None)
        finally:
            self._let_go_of_lifeline()
            remove_folder(self.folder)

    def leave_running(self) -> None:
        """Let the server outlive this object and this process: `stop` does nothing from now on."""
        atexit.unregister(self.stop)
        self._stopped = True
        assert self._server.stdin is not None  # noqa: S101 - it is a pipe
        self._server.stdin.write(b"stay")
        self._let_go_of_lifeline()

    def _let_go_of_lifeline(self) -> None:
        assert self._server.stdin is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(BrokenPipeError):  # the server is gone
            self._server.stdin.close()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._server.poll() is not None:
                raise LocalCloudError(f"The embedded AWS didn't start: {self._last_words()}")
            if time.monotonic() > deadline:
                raise LocalCloudError(
                    f"The embedded AWS doesn't answer {_START_SECONDS:.0f} s after its start: {self._last_words()}"
                )
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            trust = ssl.create_default_context(cafile=self.endpoint.certificate)
            opener = urllib.request.build_opener(
                urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
            )
            with opener.open(f"{self.endpoint.url}/_ministack/health", timeout=5) as response:
                return bool(response.status == http.client.OK)
        except (OSError, http.client.HTTPException):  # no certificate yet, nobody listens yet, not ready yet
            return False

    def _last_words(self) -> str:
        """Return the server's own error line, or else the last one that it wrote."""
        lines = self._log_file().read_text("utf-8", errors="replace").split("\n")
        errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        written = [line.strip() for line in lines if line.strip()]
        return (errors or written or ["it wrote nothing"])[-1]

    def _log_file(self) -> Path:
        return self.folder / "server.log"


def end_process_group(group: int, ended: Callable[[], bool]) -> None:
    """End a process group: SIGTERM, some seconds' grace for its leader, then SIGKILL for whoever is left.

    `ended` says whether the leader has ended. Ctrl-C during the grace ends the grace.
    """
    try:
        _signal_group(group, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while not ended() and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        _signal_group(group, signal.SIGKILL)
        while not ended():
            time.sleep(0.02)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # gone; macOS says PermissionError of a zombie
        os.killpg(group, number)


def _settings(sync_poll_seconds: float | None, bedrock_replies: Path | None) -> dict[str, str]:
    """Return the server's variables for what was asked for."""
    settings = {}
    if sync_poll_seconds is not None:
        if not 0.001 <= sync_poll_seconds <= 600:
            raise UsageError(f"The poll interval {sync_poll_seconds} s isn't possible. Allowed: 0.001 to 600 seconds.")
        settings["LOCAL_AWS_SYNC_POLL_MILLISECONDS"] = str(round(sync_poll_seconds * 1000))
    if bedrock_replies is not None:
        Replies.read(bedrock_replies)  # what is wrong with it is said now, not at the first call
        settings["LOCAL_AWS_BEDROCK_REPLIES"] = str(bedrock_replies.absolute())
    return settings


def _listener(port: int | None) -> socket.socket:
    """Return a socket that listens on the port: from here on nobody else can take it. The server inherits it."""
    if port is not None:
        if not 0 < port < 65536:
            raise UsageError(f"The port {port} isn't one. Allowed: 1 to 65535; omit it to take any free one.")
        try:
            return _listening(port)
        except OSError as error:
            reason = error.strerror or error
            raise UsageError(
                f"The port {port} is taken ({reason}). Fix: give another, or none to take any free one."
            ) from None
    try:
        return _listening(DEFAULT_PORT)
    except OSError:
        return _listening(0)


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT isn't taken
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener


def _session_folder(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="local-aws-"))
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"The folder {str(folder)!r} isn't empty, and is removed at the end. Fix: give a new one.")
    except OSError as error:
        raise UsageError(
            f"The folder {str(folder)!r} can't be made: {error.strerror}. Fix: give another one."
        ) from None
    return folder


def _start_server(
    listener: socket.socket, folder: Path, settings: dict[str, str], keep_open: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    folder.joinpath("tmp").mkdir()
    with folder.joinpath("server.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "constructs_lib.local.server"],
            # `python -m` looks in the working folder first: the server is found in a checkout, too.
            cwd=Path(__file__).parents[2],
            env=clean_environment(folder)
            | settings
            | {
                "LOCAL_AWS_PORT": str(listener.getsockname()[1]),
                "LOCAL_AWS_SOCKET": str(listener.fileno()),
                "LOCAL_AWS_FOLDER": str(folder),
                "LOCAL_AWS_LIFELINE": "stdin",
            },
            # Its other end is ours alone: it ends when we do.
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(listener.fileno(), *keep_open),
        )
