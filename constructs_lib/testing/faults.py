"""A task, or a request to S3, that fails on purpose, as a test sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from constructs_lib.local import control
from constructs_lib.local.errors import UsageError
from constructs_lib.local.states import all_states

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_lib.local.endpoint import Endpoint

_PATH = "/_local/faults"
_S3_PATH = "/_local/s3-faults"

S3_OPERATIONS = {
    "GetObject": "GET",
    "HeadObject": "HEAD",
    "PutObject": "PUT",
    "DeleteObject": "DELETE",
    "ListObjectsV2": "GET",
}
"""Those that can fail, and the method of their requests."""

S3_ERRORS = {
    "SlowDown": 503,
    "ServiceUnavailable": 503,
    "InternalError": 500,
    "RequestTimeout": 400,
    "AccessDenied": 403,
    "NoSuchKey": 404,
}
"""Those that S3 can answer with here, and their status: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""


@dataclass(frozen=True)
class Fault:
    """What `LocalApp.fail_task` asked for; `times` is None for every attempt."""

    state_machine_arn: str
    state: str
    error: str
    cause: str
    times: int | None
    _endpoint: Endpoint = field(repr=False)
    _id: int = field(repr=False)

    @property
    def thrown(self) -> int:
        """How many attempts failed of it so far; 0 means that nothing was proven.

        ::

            fault = local_app.fail_task("Analyze", error="My.Error")
            ...
            assert fault.thrown == 1
        """
        return _thrown(self._endpoint, _PATH, self._id)


@dataclass(frozen=True)
class S3Fault:
    """What `LocalApp.fail_s3` asked for; `times` is None for every request."""

    operation: str
    bucket: str
    key: str
    error: str
    times: int | None
    _endpoint: Endpoint = field(repr=False)
    _id: int = field(repr=False)

    @property
    def thrown(self) -> int:
        """How many requests met it so far; 0 means that nothing was proven."""
        return _thrown(self._endpoint, _S3_PATH, self._id)


def _thrown(endpoint: Endpoint, path: str, fault_id: int) -> int:
    faults = control.call(endpoint, "GET", path)["faults"]
    return int(next((fault["thrown"] for fault in faults if fault["id"] == fault_id), 0))


def check_times(times: object, of_what: str) -> None:
    """Raise `UsageError` unless it is a number of attempts or requests, `of_what`, or None."""
    if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
        raise UsageError(f"times is {times!r}. Allowed: 1 or more, or None for every {of_what}.")


def add_s3(
    endpoint: Endpoint, operation: str, bucket: str, key: str, *, error: str = "SlowDown", times: int | None = 1
) -> S3Fault:
    """Add a fault of S3 to the cloud; `key` may have `*` for any characters. Raises `UsageError` for what isn't one."""
    for name, value, allowed in (("operation", operation, S3_OPERATIONS), ("error", error, S3_ERRORS)):
        if value not in allowed:
            raise UsageError(f"The {name} {value!r} can't be made to fail. Allowed: {', '.join(allowed)}.")
    if not key and operation != "ListObjectsV2":
        raise UsageError(f"The key of {operation} is empty. Allowed: a key, with * for any characters.")
    check_times(times, "request")
    body = {
        "bucket": bucket,
        "key": "" if operation == "ListObjectsV2" else key,
        "method": S3_OPERATIONS[operation],
        "status": S3_ERRORS[error],
        "code": error,
        "times": times,
    }
    answer = control.call(endpoint, "POST", _S3_PATH, body)
    return S3Fault(operation, bucket, key, error, times, endpoint, answer["id"])


def add(endpoint: Endpoint, state_machine_arn: str, state: str, *, error: str, cause: str, times: int | None) -> Fault:
    """Add a fault to the cloud; raises `LocalCloudError` for what isn't one."""
    body = {"stateMachineArn": state_machine_arn, "state": state, "error": error, "cause": cause, "times": times}
    answer = control.call(endpoint, "POST", _PATH, body)
    return Fault(state_machine_arn, state, error, cause, times, endpoint, answer["id"])


def clear(endpoint: Endpoint) -> None:
    """Forget all of the cloud's faults."""
    for path in (_PATH, _S3_PATH):
        control.call(endpoint, "DELETE", path)


def task_states(definition: Mapping[str, Any]) -> dict[str, str]:
    """Return the resources of a definition's Task states by name, in whatever state they are nested."""
    return {state.name: state.fields["Resource"] for state in all_states(definition) if state.type == "Task"}
