"""The program inside a Lambda worker: loads a handler, then answers one invocation a line. Standard library only.

Started by `lambda_worker` as a script, with the function's own environment. In: JSON lines on standard input, the first
of which says what to load. Out: JSON lines on a copy of standard output; the handler's own prints and logs go to
standard error and from there to CloudWatch Logs. What a handler sees and what an error looks like follow AWS's Python
runtime.
"""

import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace, TracebackType
from typing import Any

END_OF_LOG = "\x1e"
_OWN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

Handler = Callable[[Any, Any], Any]
Answer = dict[str, Any]


class Context(SimpleNamespace):
    """The context object of an invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds left until the function's timeout."""
        return max(0, int((self._deadline - time.time()) * 1000))


class JsonFormatter(logging.Formatter):
    """Lambda's own JSON log format: level, message, logger, time, request id, and what was given as `extra`.

    `request` holds the id of the invocation under way.
    """

    def __init__(self, request: dict[str, str]) -> None:
        super().__init__()
        self._request = request

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": self._request.get("id", ""),
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, trace = record.exc_info
            line |= {"errorType": kind.__name__, "errorMessage": str(error), "stackTrace": stack_trace(trace)}
        line |= {name: value for name, value in vars(record).items() if name not in _OWN_ATTRIBUTES}
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """Lambda's text log format."""

    def __init__(self, request: dict[str, str]) -> None:
        # The worker's time zone is UTC, as Lambda's is.
        super().__init__("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(request)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")
        self._request = request

    def format(self, record: logging.LogRecord) -> str:
        """One line of text."""
        record.request = self._request.get("id", "")
        return super().format(record)


def set_up_logging(log_format: str, level: str | None, request: dict[str, str]) -> None:
    """Give the root logger the handler that Lambda's runtime gives it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(request) if log_format == "JSON" else TextFormatter(request))
    logging.root.addHandler(handler)
    if log_format == "JSON":
        logging.root.setLevel(level or "INFO")


def stack_trace(trace: TracebackType | None) -> list[str]:
    """A traceback as Lambda reports it: its frames, with paths as they would be in Lambda."""
    root = os.environ["LAMBDA_TASK_ROOT"]
    return [line.replace(root, "/var/task") for line in traceback.format_list(traceback.extract_tb(trace))]


def error_answer(error_type: str, message: str, request_id: str, trace: TracebackType | None = None) -> Answer:
    """The answer for a failed invocation: Lambda's error object."""
    payload = {
        "errorMessage": message,
        "errorType": error_type,
        "requestId": request_id,
        "stackTrace": stack_trace(trace),
    }
    return {"status": "error", "payload": payload}


def load_handler(name: str) -> Handler | Answer:
    """The function `package.module.function`; the answer to give when it can't be loaded."""
    module_name, _, function_name = name.rpartition(".")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        return error_answer("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}", "")
    except SyntaxError as error:
        return error_answer("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", "")
    except Exception as error:  # noqa: BLE001 - whatever the module raises while it loads
        return error_answer(type(error).__name__, str(error), "", error.__traceback__)
    if not hasattr(module, function_name):
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        return error_answer("Runtime.HandlerNotFound", message, "")
    handler: Handler = getattr(module, function_name)
    return handler


def invoke(handler: Handler, event: Any, context: Context) -> str:
    """Run the handler once; the answer's line, without its end."""
    request_id: str = context.aws_request_id
    try:
        result = handler(event, context)
    except Exception as error:  # noqa: BLE001 - the handler's own error is the answer
        # The first frame is this function's.
        trace = error.__traceback__.tb_next if error.__traceback__ is not None else None
        lines = "".join(traceback.format_exception(type(error), error, trace))
        sys.stderr.write(f"[ERROR] {lines}\n")
        return json.dumps(error_answer(type(error).__name__, str(error), request_id, trace))
    try:
        return json.dumps({"status": "ok", "result": result})
    except (TypeError, ValueError) as error:
        return json.dumps(error_answer("Runtime.MarshalError", f"Unable to marshal response: {error}", request_id))


def _context(message: dict[str, Any]) -> Context:
    environment = os.environ
    return Context(
        function_name=environment["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=environment["AWS_LAMBDA_FUNCTION_VERSION"],
        invoked_function_arn=message["function_arn"],
        memory_limit_in_mb=environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        aws_request_id=message["request_id"],
        log_group_name=environment["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=environment["AWS_LAMBDA_LOG_STREAM_NAME"],
        identity=None,
        client_context=None,
        _deadline=time.time() + message["timeout"],
    )


def main() -> None:
    """Serve until standard input ends, which it does when the emulator ends, however that ends."""
    # The handler must not read our input nor write among our answers: its input is empty, its output is the log.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    configuration = json.loads(requests.readline())
    request: dict[str, str] = {}
    set_up_logging(configuration["log_format"], configuration["log_level"], request)
    sys.path[:0] = configuration["path"]
    handler = load_handler(configuration["handler"])
    answers.write(json.dumps(handler if isinstance(handler, dict) else {"status": "ready"}) + "\n")
    answers.flush()
    if isinstance(handler, dict):
        return

    for line in requests:
        message = json.loads(line)
        request["id"] = message["request_id"]
        if message["trace_id"]:
            os.environ["_X_AMZN_TRACE_ID"] = message["trace_id"]
        answer = invoke(handler, message["event"], _context(message))
        sys.stdout.flush()
        # The reader of the log knows by this line that all of the invocation's log has come.
        sys.stderr.write(END_OF_LOG + "\n")
        sys.stderr.flush()
        answers.write(answer + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
