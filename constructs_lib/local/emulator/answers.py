"""Answers to requests of the JSON protocol, in the shape that MiniStack's handlers return."""

from collections.abc import Callable
from typing import Any

from ministack.core import responses

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[dict[str, Any]], Response]


class RequestError(Exception):
    """A request is refused with AWS's name for the error and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def done(value: dict[str, Any]) -> Response:
    """A success."""
    answer: Response = responses.json_response(value)
    return answer


def refused(code: str, message: str) -> Response:
    """An error of the caller's: AWS's name for it, and a sentence."""
    answer: Response = responses.error_response_json(code, message, 400)
    return answer
