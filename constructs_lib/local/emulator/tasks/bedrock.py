"""Bedrock: the user's canned replies in MiniStack's answers, and Step Functions' own integration of InvokeModel.

MiniStack has each model family's request and response; what the model says comes from the replies' file, or is a
sentence that says that it is made up. The file is read again when it has changed.
"""

import json
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from ministack.services import bedrock_runtime
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_factory
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)

from constructs_lib.local.bedrock_replies import ERROR_STATUSES, MADE_UP, Replies, prompt_of
from constructs_lib.local.emulator.patches import replace, replace_everywhere, require
from constructs_lib.local.emulator.tasks.role_sessions import client_for
from constructs_lib.local.emulator.tasks.task_failure import service_failure
from constructs_lib.local.errors import UsageError


class _ReplyError(Exception):
    """The call fails: with a canned error, or because the file can't be read any more."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _RepliesFile:
    """The file as it is now."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._stamp: tuple[int, int] | None = None
        self._replies = Replies()

    def current(self) -> Replies:
        """Its entries; those of the last time, and how often each has answered, when it hasn't changed since.

        Raises:
            UsageError: it can't be read any more.

        """
        if self._file is not None:
            found = self._file.stat() if self._file.exists() else None
            stamp = None if found is None else (found.st_mtime_ns, found.st_size)
            if stamp is None or stamp != self._stamp:
                self._replies = Replies.read(self._file)
                self._stamp = stamp
        return self._replies


def _replying(file: _RepliesFile) -> Any:
    def reply(model_id: str, messages: Any, system: Any) -> str:
        """In the place of MiniStack's `_mock_reply`."""
        try:
            found = file.current().answer(model_id, prompt_of({"system": system, "messages": messages}))
        except UsageError as error:
            raise _ReplyError("ValidationException", str(error)) from error
        if found is None:
            return MADE_UP
        if found.error is not None:
            raise _ReplyError(found.error, found.message)
        return found.text or ""

    return reply


def _failing(handler: Any) -> Any:
    def handle(model_id: str, headers: Any, body: bytes) -> Any:
        """In the place of MiniStack's handler: the same, but a canned error is the answer."""
        try:
            return handler(model_id, headers, body)
        except _ReplyError as error:
            return bedrock_runtime._error(error.code, str(error), ERROR_STATUSES[error.code])

    return handle


def _prompt_of_body(_family: str, body: Any) -> str:
    """In the place of MiniStack's `_extract_prompt_from_invoke_body`, which leaves the system prompt out."""
    return prompt_of(body)


class InvokeModelTask(StateTaskServiceCallback):  # type: ignore[misc] # moto has no types
    """`arn:aws:states:::bedrock:invokeModel`: the body is JSON on both sides, an error is `Bedrock.<name>`."""

    def __init__(self) -> None:
        super().__init__(supported_integration_patterns=set())

    def _get_supported_parameters(self) -> set[str]:
        return {"Accept", "Body", "ContentType", "GuardrailIdentifier", "GuardrailVersion", "ModelId", "Trace"}

    def _from_error(self, env: Any, ex: Exception) -> Any:
        if not isinstance(ex, ClientError):
            return super()._from_error(env=env, ex=ex)
        found, answer = ex.response["Error"], ex.response["ResponseMetadata"]
        name = f"Bedrock.{found['Code']}"
        details = f"Service: Bedrock, Status Code: {answer['HTTPStatusCode']}, Request ID: {answer['RequestId']}"
        return service_failure(self, env, name, f"{found['Message']} ({details})")

    def _eval_service_task(
        self, env: Any, resource_runtime_part: Any, normalised_parameters: Any, state_credentials: Any
    ) -> None:
        client = client_for(resource_runtime_part.region, "bedrock-runtime", state_credentials)
        answer = client.invoke_model(**normalised_parameters)
        env.stack.append({"Body": json.loads(answer["body"].read()), "ContentType": answer["contentType"]})


def _task_for(service_name: str) -> Any:
    """In the place of moto's `state_task_service_for`, which passes every Bedrock task on as it is."""
    return InvokeModelTask() if service_name == "bedrock" else _original_task_for(service_name)


_original_task_for: Any = state_task_service_factory.state_task_service_for


def install(replies: Path | None) -> None:
    """Answer with the file's replies; None: each answer says that it is made up."""
    require(bedrock_runtime, "_error")
    replace(bedrock_runtime, "_mock_reply", _replying(_RepliesFile(replies)))
    replace(bedrock_runtime, "_extract_prompt_from_invoke_body", _prompt_of_body)
    for name in ("_converse", "_converse_stream", "_invoke_model", "_invoke_model_with_response_stream"):
        replace(bedrock_runtime, name, _failing(getattr(bedrock_runtime, name)))
    replace_everywhere("moto.stepfunctions", state_task_service_factory, "state_task_service_for", _task_for)
