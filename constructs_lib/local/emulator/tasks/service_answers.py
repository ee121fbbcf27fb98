"""What MiniStack's services answer otherwise than AWS, seen in what AWS recorded of tasks that call them."""

import functools
import re
from collections.abc import Callable
from typing import Any

from ministack.services import dynamodb, s3, secretsmanager

from constructs_lib.local.emulator.answers import Handler, Response, refused
from constructs_lib.local.emulator.patches import replace
from constructs_lib.local.emulator.tasks.service_calls import operation

_SECRET_NAME = re.compile(r"[\w/+=.@!-]+", re.ASCII)


def _object_record(body: bytes, headers: dict[str, str], *arguments: Any, **more: Any) -> dict[str, Any]:
    """In the place of MiniStack's `_build_object_record`: S3's type of an object that was given none."""
    headers = {"content-type": "binary/octet-stream", **headers}
    record: dict[str, Any] = _original_object_record(body, headers, *arguments, **more)
    return record


def _encryption_headers(bucket: str) -> dict[str, str]:
    """In the place of MiniStack's `_bucket_default_sse_headers`: every bucket encrypts with S3's own keys at least."""
    configured: dict[str, str] = _original_encryption_headers(bucket)
    return configured or {"x-amz-server-side-encryption": "AES256"}


def _create_secret(data: dict[str, Any]) -> Response:
    """In the place of MiniStack's, which takes any name."""
    if _SECRET_NAME.fullmatch(data.get("Name") or "-"):
        answer: Response = _original_create_secret(data)
        return answer
    return refused(
        "ValidationException",
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    )


def _with_required_members(original: Handler, action: str) -> Callable[[dict[str, Any]], Response]:
    """In the place of one of MiniStack's DynamoDB handlers, which fail in their own code for a member that isn't."""

    @functools.wraps(original)
    def handle(data: dict[str, Any]) -> Response:
        missing = [
            name for name in operation("dynamodb", action).input_shape.required_members if data.get(name) is None
        ]
        if not missing:
            return original(data)
        problems = "; ".join(
            f"Value null at '{name[:1].lower()}{name[1:]}' failed to satisfy constraint: Member must not be null"
            for name in missing
        )
        number = f"{len(missing)} validation error{'s' if len(missing) > 1 else ''} detected"
        return refused("ValidationException", f"{number}: {problems}")

    return handle


_original_object_record: Any = s3._build_object_record
_original_encryption_headers: Any = s3._bucket_default_sse_headers
_original_create_secret: Any = secretsmanager._create_secret


def install() -> None:
    """Answer as AWS does."""
    replace(s3, "_build_object_record", _object_record)
    replace(s3, "_bucket_default_sse_headers", _encryption_headers)
    replace(secretsmanager, "_create_secret", _create_secret)
    for action in ("get_item", "put_item", "update_item", "delete_item", "query", "scan"):
        replace(dynamodb, f"_{action}", _with_required_members(getattr(dynamodb, f"_{action}"), action))
