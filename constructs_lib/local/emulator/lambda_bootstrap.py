"""The program that runs inside a Lambda worker: loads a handler, then answers one invocation a line. Standard library only.

Started by `lambda_worker` as a script, with the function's own environment. In: JSON lines on standard input, the first of
which says what to load. Out: JSON lines on a copy of standard output; the handler's own prints and logs go to standard error
and from there to CloudWatch Logs. What a handler sees and what an error looks like follow AWS's Python runtime.
"""

import importlib
import json
import logging
import os
import sys
import time
import traceback
from datetime import datetime, timezone
from types import SimpleNamespace

END_OF_LOG = "\x1e"
HIDDEN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Context(SimpleNamespace):
    """The context object of an invocation."""

    def get_remaining_time_in_millis(self):
        """Milliseconds left until the function's timeout."""
        return max(0, int((self._deadline - time.time()) * 1000))


class JsonFormatter(logging.Formatter):
    """Lambda's own JSON log format: level, message, logger, time, request id, and what was given as `extra`."""

    def __init__(self, request):
        super().__init__()
        self._request = request

    def format(self, record):
        """One line of JSON."""
        moment = datetime.fromtimestamp(record.created, tz=timezone.utc)  # noqa: UP017 - as on every runtime
        line = {
            "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": self._request.get("id", ""),
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, trace = record.exc_info
            line |= {
                "errorType": kind.__name__,
                "errorMessage": str(error),
                "stackTrace": stack_trace(trace),
            }
        line |= {name: value for name, value in vars(record).items() if name not in HIDDEN_ATTRIBUTES}
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """Lambda's text log format."""

    converter = time.gmtime

    def __init__(self, request):
        super().__init__("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(request)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")
        self._request = request

    def format(self, record):
        """One line of text."""
        record.request = self._request.get("id", "")
        return super().format(record)


def set_up_logging(log_format, level, request):
    """Give the root logger the handler that Lambda's runtime gives it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(request) if log_format == "JSON" else TextFormatter(request))
    logging.root.addHandler(handler)
    if log_format == "JSON":
        logging.root.setLevel(level or "INFO")


def stack_trace(trace):
    """A traceback as Lambda reports it: its frames, with paths as they would be in Lambda."""
    root = os.environ["LAMBDA_TASK_ROOT"]
    return [line.replace(root, "/var/task") for line in traceback.format_list(traceback.extract_tb(trace))]


def error_answer(error_type, message, request_id, trace=None):
    """The answer for a failed invocation: Lambda's error object."""
    payload = {"errorMessage": message, "errorType": error_type, "requestId": request_id}
    payload["stackTrace"] = stack_trace(trace) if trace is not None else []
    return {"status": "error", "payload": payload}


def load_handler(name):
    """The handler function of `package.module.function`; the answer to give instead when it can't be loaded."""
    module_name, _, function_name = name.rpartition(".")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        print(f"Unable to import module '{module_name}': {error}", file=sys.stderr)
        return None, error_answer("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}", "")
    except SyntaxError as error:
        return None, error_answer("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", "")
    except Exception as error:  # noqa: BLE001 - whatever the module raises while it loads
        traceback.print_exc()
        return None, error_answer(type(error).__name__, str(error), "", error.__traceback__.tb_next)
    if not hasattr(module, function_name):
        return None, error_answer(
            "Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'", ""
        )
    return getattr(module, function_name), None


def invoke(handler, event, context):
    """Run the handler once; the answer's line, without its end."""
    request_id = context.aws_request_id
    try:
        result = handler(event, context)
    except Exception as error:  # noqa: BLE001 - the handler's own error is the answer
        trace = error.__traceback__.tb_next
        lines = "".join(traceback.format_exception(type(error), error, trace))
        print(f"[ERROR] {lines}", file=sys.stderr)
        return json.dumps(error_answer(type(error).__name__, str(error), request_id, trace))
    try:
        return json.dumps({"status": "ok", "result": result})
    except (TypeError, ValueError) as error:
        return json.dumps(error_answer("Runtime.MarshalError", f"Unable to marshal response: {error}", request_id))


def main():
    """Serve until standard input ends, which it does when the emulator ends, however that ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    sys.stdout.reconfigure(line_buffering=True)

    configuration = json.loads(requests.readline())
    request = {}
    set_up_logging(configuration["log_format"], configuration["log_level"], request)
    sys.path[:0] = configuration["path"]
    handler, failure = load_handler(configuration["handler"])
    answers.write(json.dumps(failure or {"status": "ready"}) + "\n")
    answers.flush()
    if failure:
        return

    for line in requests:
        message = json.loads(line)
        request["id"] = message["request_id"]
        if message["trace_id"]:
            os.environ["_X_AMZN_TRACE_ID"] = message["trace_id"]
        context = Context(
            function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            function_version=os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
            invoked_function_arn=message["function_arn"],
            memory_limit_in_mb=os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
            aws_request_id=message["request_id"],
            log_group_name=os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
            log_stream_name=os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
            identity=None,
            client_context=None,
            _deadline=time.time() + message["timeout"],
        )
        answer = invoke(handler, message["event"], context)
        sys.stdout.flush()
        # The reader of the log knows by this line that all of the invocation's log has come.
        print(END_OF_LOG, file=sys.stderr, flush=True)
        answers.write(answer + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
