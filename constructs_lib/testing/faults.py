"""A task that fails on purpose, as a test sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from constructs_lib.local import control
from constructs_lib.local.states import all_states

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_lib.local.endpoint import Endpoint

_PATH = "/_local/faults"


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
        faults = control.call(self._endpoint, "GET", _PATH)["faults"]
        return int(next((fault["thrown"] for fault in faults if fault["id"] == self._id), 0))


def add(endpoint: Endpoint, state_machine_arn: str, state: str, *, error: str, cause: str, times: int | None) -> Fault:
    """Add a fault to the cloud; raises `LocalCloudError` for what isn't one."""
    body = {"stateMachineArn": state_machine_arn, "state": state, "error": error, "cause": cause, "times": times}
    answer = control.call(endpoint, "POST", _PATH, body)
    return Fault(state_machine_arn, state, error, cause, times, endpoint, answer["id"])


def clear(endpoint: Endpoint) -> None:
    """Forget all of the cloud's faults."""
    control.call(endpoint, "DELETE", _PATH)


def task_states(definition: Mapping[str, Any]) -> dict[str, str]:
    """Return the resources of a definition's Task states by name, in whatever state they are nested."""
    return {state.name: state.fields["Resource"] for state in all_states(definition) if state.type == "Task"}
