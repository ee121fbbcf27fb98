"""Canned replies of Bedrock's models: a user's JSON file of what the local cloud, which runs no model, is to answer.

```json
{
  "replies": [
    {"model": "anthropic.*", "prompt": "(?i)refund", "reply": {"verdict": "real", "confidence": 0.9}},
    {"prompt": "busy", "error": "ThrottlingException", "message": "Too many requests", "times": 2},
    {"reply": "I can't tell."}
  ]
}
```

The first entry that fits a call answers it. `model` is the model's id with `*` and `?` in it (omitted: every model),
`prompt` a regular expression that is searched for in the prompt, system prompt included (omitted: every prompt).
`reply` is the model's text, or any JSON, which is then the model's text as JSON. `error` in its place makes the call
fail by that name, `message` is its sentence. `times` is how many calls the entry answers before it is passed over
(omitted: all of them).
"""

from __future__ import annotations

import fnmatch
import json
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from constructs_lib.local.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

# InvokeModel's and Converse's, with their statuses: botocore's model of bedrock-runtime.
ERROR_STATUSES = {
    "AccessDeniedException": 403,
    "InternalServerException": 500,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "ValidationException": 400,
}
MADE_UP = (
    "This answer is made up: the local cloud runs no model, and no canned reply fits this call. "
    "Give it one with: python -m constructs_lib.local up --bedrock-replies FILE"
)
_FIELDS = {"model", "prompt", "reply", "error", "message", "times"}


@dataclass(frozen=True)
class Reply:
    """One entry of the file; exactly one of `text` and `error` is set."""

    model: str
    prompt: re.Pattern[str]
    text: str | None
    error: str | None
    message: str
    times: int | None

    def fits(self, model_id: str, prompt: str) -> bool:
        """Whether it answers a call of this model with this prompt."""
        return fnmatch.fnmatchcase(model_id, self.model) and self.prompt.search(prompt) is not None


class Replies:
    """The entries of a file, in its order, and how often each has answered."""

    def __init__(self, entries: tuple[Reply, ...] = ()) -> None:
        self._entries = entries
        self._left = [entry.times for entry in entries]
        self._lock = threading.Lock()

    @classmethod
    def read(cls, file: Path) -> Replies:
        """Read a file.

        Raises:
            UsageError: it can't be read or isn't what it should be; the message says where and what is allowed.

        """
        try:
            content = json.loads(file.read_text("utf-8"))
        except OSError as error:
            raise UsageError(f"The Bedrock replies {str(file)!r} can't be read: {error.strerror}.") from None
        except ValueError as error:
            raise UsageError(f"The Bedrock replies {str(file)!r} aren't JSON: {error}.") from None
        if not isinstance(content, dict) or set(content) != {"replies"} or not isinstance(content["replies"], list):
            raise UsageError(
                f"The Bedrock replies {str(file)!r} must be an object with one field, a list named 'replies'."
            )
        where = f"The Bedrock replies {str(file)!r}: replies"
        return cls(tuple(_entry(f"{where}[{number}]", value) for number, value in enumerate(content["replies"])))

    def answer(self, model_id: str, prompt: str) -> Reply | None:
        """The entry that answers a call, one of its `times` used up; None when none fits."""
        with self._lock:
            for number, entry in enumerate(self._entries):
                left = self._left[number]
                if left != 0 and entry.fits(model_id, prompt):
                    self._left[number] = left and left - 1
                    return entry
        return None


def _entry(where: str, value: Any) -> Reply:
    if not isinstance(value, dict):
        raise UsageError(f"{where} is {value!r}. Allowed: an object with {', '.join(sorted(_FIELDS))}.")
    if unknown := set(value) - _FIELDS:
        raise UsageError(f"{where} has the field {min(unknown)!r}. Allowed: {', '.join(sorted(_FIELDS))}.")
    if ("reply" in value) == ("error" in value):
        raise UsageError(f"{where} needs either a reply or an error, not both.")
    for name in ("model", "prompt", "error", "message"):
        if not isinstance(value.get(name, ""), str):
            raise UsageError(f"{where}.{name} is {value[name]!r}. Allowed: text.")
    if "message" in value and "error" not in value:
        raise UsageError(f"{where} has a message without an error. Fix: leave it out.")
    if "error" in value and value["error"] not in ERROR_STATUSES:
        raise UsageError(f"{where}.error is {value['error']!r}. Allowed: {', '.join(ERROR_STATUSES)}.")
    times = value.get("times")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise UsageError(f"{where}.times is {times!r}. Allowed: a whole number, 1 or more; omit it for every call.")
    try:
        prompt = re.compile(value.get("prompt", ""), re.DOTALL)
    except re.error as error:
        raise UsageError(f"{where}.prompt {value['prompt']!r} isn't a regular expression: {error}.") from None
    reply = value.get("reply")
    return Reply(
        model=value.get("model", "*"),
        prompt=prompt,
        text=None if "error" in value else reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False),
        error=value.get("error"),
        message=value.get("message", "a canned error of the local cloud"),
        times=times,
    )


def prompt_of(body: Any) -> str:
    """Every text of a request to a model, whatever the family's spelling: system prompt, prompt, messages."""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "\n".join(filter(None, map(prompt_of, body)))
    if not isinstance(body, dict):
        return ""
    parts = (body.get(name) for name in ("system", "prompt", "inputText", "messages", "content", "text"))
    return "\n".join(filter(None, map(prompt_of, parts)))
