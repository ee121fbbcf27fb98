"""Results of `aws-sdk` tasks: the SDK for Python has moments where Step Functions has text.

Step Functions calls by the SDK for Java, whose moments are written as its `Instant.toString` does:
`2024-05-01T12:00:00Z`, with three or six digits of a fraction where there is one.
"""

from datetime import UTC, datetime
from typing import Any

from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)

from constructs_lib.local.emulator.patches import replace


def with_text_for_moments(value: Any) -> Any:
    """`value` with every moment in it as text."""
    if isinstance(value, dict):
        return {key: with_text_for_moments(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_text_for_moments(item) for item in value]
    return _text(value) if isinstance(value, datetime) else value


def _text(moment: datetime) -> str:
    moment = moment.astimezone(UTC).replace(tzinfo=None)
    digits = "seconds" if moment.microsecond == 0 else "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return f"{moment.isoformat(timespec=digits)}Z"


def _eval_service_task(self: Any, env: Any, *arguments: Any, **more: Any) -> None:
    """In the place of moto's: the same call."""
    _original_eval(self, env, *arguments, **more)
    if self.resource.api_name != "sfn":  # its moments are numbers, see `service_calls`
        env.stack.append(with_text_for_moments(env.stack.pop()))


_original_eval: Any = StateTaskServiceAwsSdk._eval_service_task


def install() -> None:
    """Let no moment reach the interpreter."""
    replace(StateTaskServiceAwsSdk, "_eval_service_task", _eval_service_task)
