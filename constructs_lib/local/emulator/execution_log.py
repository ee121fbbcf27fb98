"""An execution's events in CloudWatch Logs, as the machine's LoggingConfiguration asks for them."""

import contextvars
import time
from datetime import UTC, datetime
from typing import Any

from ministack.core import responses
from ministack.services import cloudwatch_logs
from moto.stepfunctions.parser.asl.eval.event.logging import is_logging_enabled_for

from constructs_lib.local.emulator.answers import RequestError
from constructs_lib.local.emulator.patches import require
from constructs_lib.local.emulator.payload import as_json


def check_logging(configuration: dict[str, Any]) -> None:
    """Check a LoggingConfiguration.

    Raises:
        RequestError: InvalidLoggingConfiguration.

    """
    destinations = configuration.get("destinations") or []
    if len(destinations) > 1 or (configuration.get("level", "OFF") != "OFF" and not destinations):
        message = "Invalid Logging Configuration: Must specify exactly one Log Destination."
        raise RequestError("InvalidLoggingConfiguration", message)


class ExecutionLog:
    """What moto calls for each event of an execution; it writes to a stream of the log group, if there is that group.

    Args:
        configuration: a LoggingConfiguration with a destination.
        execution_arn: whose events they are.
        redrive_count: how often it was redriven.

    """

    def __init__(self, configuration: dict[str, Any], execution_arn: str, redrive_count: int) -> None:
        self.configuration = self
        self.include_execution_data: bool = configuration.get("includeExecutionData", False)
        self.execution_arn = execution_arn
        self._redrive_count = redrive_count
        self._level: str = configuration["level"]
        # arn:aws:logs:<Region>:<account>:log-group:<name>:*
        self._group: str = configuration["destinations"][0]["cloudWatchLogsLogGroup"]["logGroupArn"].split(":")[6]
        started = datetime.now(UTC).strftime("%Y-%m-%d-%H-%M")
        machine, _, execution = execution_arn.split(":", 5)[5].partition(":")[2].partition(":")
        self._stream = {
            "logGroupName": self._group,
            "logStreamName": f"states/{machine}/{started}/{responses.new_uuid()[:8]}-{execution[:8]}",
        }
        # MiniStack's account and Region of the request: moto's threads don't have them.
        self._context = contextvars.copy_context()
        self._context.copy().run(cloudwatch_logs._create_log_stream, self._stream)

    def log_level_filter(self, history_event_type: Any) -> bool:
        """Whether the level lets events of the type through."""
        return bool(is_logging_enabled_for(self._level, history_event_type))

    def publish_history_log(self, history_log: dict[str, Any]) -> None:
        """Write one event; without the group nothing, as on AWS."""
        milliseconds = int(time.time() * 1000)
        entry = {
            "id": history_log["id"],
            "type": history_log["type"].value,
            "details": history_log.get("details", {}),
            "previous_event_id": history_log["previous_event_id"],
            "event_timestamp": str(milliseconds),
            "execution_arn": self.execution_arn,
            "redrive_count": str(self._redrive_count),
        }
        events = [{"timestamp": milliseconds, "message": as_json(entry)}]
        self._context.copy().run(cloudwatch_logs._put_log_events, {**self._stream, "logEvents": events})


def execution_log(configuration: dict[str, Any], execution_arn: str, redrive_count: int) -> ExecutionLog | None:
    """The log of an execution; None when the configuration asks for none, or (a template's) names no log group."""
    if configuration.get("level", "OFF") == "OFF" or not configuration.get("destinations"):
        return None
    return ExecutionLog(configuration, execution_arn, redrive_count)


def install() -> None:
    """Check that MiniStack's logs are written to in the way that is used here."""
    require(cloudwatch_logs, "_create_log_stream", "_put_log_events")
