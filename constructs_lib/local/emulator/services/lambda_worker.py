"""Lambda workers: Python handlers in processes of their own, reporting errors as AWS does.

MiniStack keeps a pool of workers a function and answers Invoke; its Python worker names every error
`Runtime.HandlerError`, starts a new process after each, hands the server's whole environment to the handler and has no
log format. `PythonWorker` takes its place, with the same face towards MiniStack's pool. Other runtimes stay with
MiniStack's own workers.
"""

import json
import logging
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime, responses
from ministack.services import lambda_svc

from constructs_lib.local.emulator.launch import Settings
from constructs_lib.local.emulator.patches import replace, require
from constructs_lib.local.emulator.services import lambda_bootstrap

_log = logging.getLogger(__name__)

_LOG_WAIT_SECONDS = 2.0
_settings: Settings


class PythonWorker:
    """One execution environment of a Python function.

    Args:
        func_name: the function's name.
        config: MiniStack's function configuration.
        code_zip: the deployment package.

    """

    def __init__(self, func_name: str, config: dict[str, Any], code_zip: bytes) -> None:
        self.func_name = func_name
        self.config = config
        self.code_zip = code_zip
        # MiniStack's pool reads and writes these.
        self.in_use = False
        self.last_used = time.time()
        self._lock = threading.Lock()
        self._proc: subprocess.Popen[str] | None = None
        self._cold = True
        self._tmpdir: str | None = None
        self._log_lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()

    def invoke(
        self,
        event: Any,
        request_id: str,
        *,
        trace_id: str | None = None,
        invoked_function_arn: str | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        """Run the handler once.

        Returns:
            `{"status": "ok", "result": …, "log": …}` or `{"status": "error", "payload": <Lambda's error object>, "log":
            …}`.

        """
        with self._lock:
            if self._proc is None or self._proc.poll() is not None:
                failure = self._spawn()
                if failure is not None:
                    return {**failure, "log": self._take_log(wait=False)}
            self._cold = False
            timeout = float(self.config.get("Timeout", 3))
            message = {
                "event": event,
                "request_id": request_id,
                "trace_id": trace_id,
                "function_arn": invoked_function_arn or self.config["FunctionArn"],
                "timeout": timeout,
            }
            return self._exchange(message, request_id, timeout)

    def _exchange(self, message: dict[str, Any], request_id: str, timeout: float) -> dict[str, Any]:
        try:
            self._write(message)
            answer = self._answers.get(timeout=timeout)
        except queue.Empty:
            self.kill_process()
            text = f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"
            return self._failure("Sandbox.Timedout", text)
        except OSError:
            answer = ""
        if not answer:
            code = self._exit_code()
            text = f"RequestId: {request_id} Error: Runtime exited with error: {code}"
            return self._failure("Runtime.ExitError", text)
        result: dict[str, Any] = json.loads(answer)
        return {**result, "log": self._take_log(wait=True)}

    def _failure(self, error_type: str, message: str) -> dict[str, Any]:
        payload = {"errorType": error_type, "errorMessage": message}
        return {"status": "error", "payload": payload, "log": self._take_log(wait=False)}

    def _exit_code(self) -> str:
        """How the process ended, in Lambda's words; it is gone afterwards."""
        process, self._proc = self._proc, None
        if process is None:
            return "unknown"
        try:
            code = process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        return f"exit status {code}" if code >= 0 else f"signal: {-code}"

    def _write(self, message: dict[str, Any]) -> None:
        if self._proc is None or self._proc.stdin is None:
            raise BrokenPipeError("the worker has no process")
        self._proc.stdin.write(json.dumps(message) + "\n")
        self._proc.stdin.flush()

    def _spawn(self) -> dict[str, Any] | None:
        """Start the process and load the handler; the failure when that doesn't work."""
        self._discard_tmpdir()
        folder = Path(tempfile.mkdtemp(prefix=f"lambda-{self.func_name}-"))
        self._tmpdir = str(folder)
        code, scratch = folder / "task", folder / "tmp"
        scratch.mkdir()
        (folder / "package.zip").write_bytes(self.code_zip)
        with zipfile.ZipFile(folder / "package.zip") as package:
            package.extractall(code)
        (folder / "package.zip").unlink()
        layers = self._extract_layers(folder)
        environment = self._environment(code, scratch)
        self._log_lines = queue.SimpleQueue()
        self._answers = queue.SimpleQueue()
        self._proc = subprocess.Popen(
            # -P: the bootstrap's own folder, which is the emulator's, must not be where the handler imports from.
            [sys.executable, "-P", lambda_bootstrap.__file__],
            cwd=code,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
        )
        for stream, lines in ((self._proc.stdout, self._answers), (self._proc.stderr, self._log_lines)):
            threading.Thread(target=_pump, args=(stream, lines), daemon=True).start()
        logging_config = self.config.get("LoggingConfig") or {}
        self._write(
            {
                "handler": self.config["Handler"],
                "path": [str(code), *layers],
                "log_format": logging_config.get("LogFormat", "Text"),
                "log_level": logging_config.get("ApplicationLogLevel"),
            }
        )
        # AWS gives the start ten seconds, and then the function's timeout once more.
        try:
            answer = self._answers.get(timeout=10 + float(self.config.get("Timeout", 3)))
        except queue.Empty:
            answer = ""
        if not answer:
            self.kill_process()
            return {
                "status": "error",
                "payload": {
                    "errorType": "Runtime.ExitError",
                    "errorMessage": "RequestId: unknown Error: Runtime exited without providing a reason",
                },
            }
        result: dict[str, Any] = json.loads(answer)
        if result["status"] == "ready":
            return None
        self.kill_process()
        return result

    def _extract_layers(self, folder: Path) -> list[str]:
        """Unpack the function's layers; the folders that the handler may import from."""
        paths = []
        for number, layer in enumerate(self.config.get("Layers") or []):
            content = lambda_svc._resolve_layer_zip(layer)
            if content is None:
                continue
            archive = folder / f"layer-{number}.zip"
            archive.write_bytes(content)
            with zipfile.ZipFile(archive) as package:
                package.extractall(folder / f"layer-{number}")
            archive.unlink()
            paths.append(str(folder / f"layer-{number}" / "python"))
        return paths

    def _environment(self, code: Path, scratch: Path) -> dict[str, str]:
        """The handler's environment: Lambda's, the function's own, where AWS is; of the server's only PATH."""
        config = self.config
        account_region = lambda_runtime._account_region_from_function_config(config)
        own = {
            name: value
            for name, value in (config.get("Environment") or {}).get("Variables", {}).items()
            if name not in lambda_runtime._RESERVED_RUNTIME_ENV_VARS
        }
        version = config.get("Version", "$LATEST")
        stream = f"{time.strftime('%Y/%m/%d')}/[{version}]{responses.new_uuid().replace('-', '')}"
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{self.func_name}"
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "en_US.UTF-8",
            "PYTHONUTF8": "1",
            # On AWS the package's folder can't be written to. Here a worker that outlives its server would write on.
            "PYTHONDONTWRITEBYTECODE": "1",
            # Prints and logs come to the log in the order in which they were written.
            "PYTHONUNBUFFERED": "1",
            "TZ": ":UTC",
            "TMPDIR": str(scratch),
            "AWS_ENDPOINT_URL": _settings.endpoint,
            "AWS_CA_BUNDLE": str(_settings.certificate),
            # For what isn't an SDK: a custom resource's answer to CloudFormation.
            "SSL_CERT_FILE": str(_settings.certificate),
            "AWS_EC2_METADATA_DISABLED": "true",
            lambda_runtime.HOST_PREFIX_ENV: "true",
            "NO_PROXY": "127.0.0.1,localhost",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **own,
            **lambda_runtime.execution_credentials(config),
            "AWS_REGION": account_region[1],
            "AWS_DEFAULT_REGION": account_region[1],
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', 'python')}",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_FUNCTION_NAME": self.func_name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
            "AWS_LAMBDA_FUNCTION_VERSION": version,
            "AWS_LAMBDA_LOG_GROUP_NAME": group,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "LAMBDA_TASK_ROOT": str(code),
            "_HANDLER": config["Handler"],
        }

    def _take_log(self, *, wait: bool) -> str:
        """What was written to the log since the last time; with `wait`, up to the end of the invocation."""
        lines: list[str] = []
        deadline = time.monotonic() + (_LOG_WAIT_SECONDS if wait else 0.05)
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._log_lines.get(timeout=left)
            except queue.Empty:
                break
            if not line or line.startswith(lambda_bootstrap.END_OF_LOG):
                break
            lines.append(line.rstrip("\n"))
        return "\n".join(lines)

    def kill_process(self) -> None:
        """End the process, if there is one."""
        process, self._proc = self._proc, None
        if process is not None:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End the process and remove its folder."""
        lambda_runtime.kill_workers([self])

    def _discard_tmpdir(self) -> None:
        if self._tmpdir is not None:
            shutil.rmtree(self._tmpdir, ignore_errors=True)
            self._tmpdir = None


def _pump(stream: Any, lines: "queue.SimpleQueue[str]") -> None:
    """Move a pipe's lines into a queue until the pipe ends; an empty line then says so."""
    with stream:
        for line in stream:
            lines.put(line)
    lines.put("")


def _execute_function_warm(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
    """In the place of MiniStack's: the same lease of a worker, but the worker's own error object in the answer."""
    config = func.get("config") or func
    code_zip = func.get("code_zip")
    if not str(config.get("Runtime", "")).startswith("python") or not code_zip:
        other: dict[str, Any] = _original_execute(func, event, request_id)
        return other
    lambda_svc._ensure_reaper_thread()
    name, version = config.get("FunctionName", "unknown"), config.get("Version", "$LATEST")
    worker, _ = lambda_runtime.acquire_worker(name, config, code_zip, qualifier=version)
    try:
        if worker.config.get("Role") != config.get("Role"):
            # MiniStack ends the workers of a changed function, but not when only its role is another.
            worker.config = config
            worker.kill_process()
        answer = worker.invoke(
            event,
            request_id,
            trace_id=lambda_svc._xray_trace_id_for_invocation(config),
            invoked_function_arn=config.get("FunctionArn", ""),
        )
    finally:
        lambda_runtime.release_worker(worker)
    if answer["status"] == "ok":
        return {"body": answer["result"], "log": answer["log"]}
    return {"body": answer["payload"], "error": True, "log": answer["log"]}


def _worker_class_for(config: dict[str, Any]) -> Any:
    """In the place of MiniStack's: our worker for Python."""
    if str(config.get("Runtime", "")).startswith("python"):
        return PythonWorker
    return _original_worker_class(config)


_original_execute: Any = lambda_svc._execute_function_warm
_original_worker_class: Any = lambda_runtime._worker_class_for


def install(settings: Settings) -> None:
    """Run Python functions here."""
    global _settings  # noqa: PLW0603 - MiniStack makes the workers, with arguments of its own
    _settings = settings
    require(lambda_runtime, "_RESERVED_RUNTIME_ENV_VARS", "_account_region_from_function_config", "HOST_PREFIX_ENV")
    require(lambda_runtime, "acquire_worker", "release_worker", "kill_workers", "execution_credentials", "reset")
    require(lambda_svc, "_ensure_reaper_thread", "_xray_trace_id_for_invocation", "_resolve_layer_zip")
    replace(lambda_runtime, "_worker_class_for", _worker_class_for)
    replace(lambda_svc, "_execute_function_warm", _execute_function_warm)


def stop_all() -> None:
    """End every worker and remove its folder."""
    lambda_runtime.reset()
