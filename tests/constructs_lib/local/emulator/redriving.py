"""What the tests of redrives share: a task that fails until it is mended, and leaves a mark each time that it runs."""

from dataclasses import dataclass, field
from typing import Any

from tests.constructs_lib.local.emulator.conftest import Cloud, Execution


@dataclass
class Breakable:
    """Tasks that read an object of a bucket: they fail until `mend` puts it there."""

    cloud: Cloud
    bucket: str = field(init=False)

    def __post_init__(self) -> None:
        self.bucket = self.cloud.bucket()

    def task(self, key: str = "mended", **more: Any) -> dict[str, Any]:
        """A task that yields the object's text."""
        arguments = {"Bucket": self.bucket, "Key": key}
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
            "Arguments": arguments,
            "Output": "{% $states.result.Body %}",
            **({} if "Next" in more else {"End": True}),
            **more,
        }

    def mark(self, name: str, **more: Any) -> dict[str, Any]:
        """A task that leaves an object each time that it runs, and passes its input on."""
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
            "Arguments": {"Bucket": self.bucket, "Key": f"{{% 'marks/' & {name} & '/' & $uuid() %}}", "Body": "ran"},
            "Output": "{% $states.input %}",
            **more,
        }

    def marks(self) -> dict[str, int]:
        """How often each marking task has run, by its name."""
        found: dict[str, int] = {}
        for listed in self.cloud.client("s3").list_objects_v2(Bucket=self.bucket, Prefix="marks/").get("Contents", []):
            name = listed["Key"].split("/")[1]
            found[name] = found.get(name, 0) + 1
        return found

    def mend(self, key: str = "mended") -> None:
        self.cloud.client("s3").put_object(Bucket=self.bucket, Key=key, Body=key.encode())

    def redrive(self, arn: str) -> Execution:
        """Redrive an execution and wait for its end."""
        self.cloud.client("stepfunctions").redrive_execution(executionArn=arn)
        return self.cloud.wait(arn)


def since_redrive(execution: Execution) -> list[dict[str, Any]]:
    """The events of the last redrive."""
    last = max(index for index, kind in enumerate(execution.types()) if kind == "ExecutionRedriven")
    return execution.events[last:]


def chain(execution: Execution) -> list[tuple[str, str | None]]:
    """The events of the last redrive, each with what it follows on, the state's name with either where it has one."""
    by_id = {event["id"]: event for event in execution.events}

    def told(event: dict[str, Any]) -> str:
        details = event.get("stateEnteredEventDetails", event.get("stateExitedEventDetails", {}))
        return " ".join([event["type"], *([details["name"]] if details else [])])

    events = since_redrive(execution)
    return [
        (told(event), told(by_id[event["previousEventId"]]) if event["previousEventId"] else None) for event in events
    ]
