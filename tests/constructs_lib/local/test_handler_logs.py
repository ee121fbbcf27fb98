"""A function's log is read on from where it was, each line once."""

from __future__ import annotations

from typing import Any

from constructs_lib.local.handler_logs import FunctionLog, LogLine, log_group, merged, printer

PAGE = 10_000


class Logs:
    """CloudWatch Logs with one group, which answers FilterLogEvents with 10,000 events at most and no token."""

    class exceptions:  # noqa: N801 - boto3's name
        ResourceNotFoundException = KeyError

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.exists = True

    def write(self, time: int, *lines: str) -> None:
        self.events += [{"timestamp": time, "message": line, "logStreamName": "stream"} for line in lines]

    def filter_log_events(self, *, logGroupName: str, startTime: int) -> dict[str, Any]:  # noqa: N803
        assert logGroupName == "/own/group"
        if not self.exists:
            raise KeyError(logGroupName)
        found = sorted((e for e in self.events if e["timestamp"] >= startTime), key=lambda e: e["timestamp"])
        return {"events": found[:PAGE]}


def texts(log: FunctionLog) -> list[str]:
    return [line.text for line in log.new()]


def test_each_line_once_also_those_that_are_alike_or_late() -> None:
    service = Logs()
    log = FunctionLog(service, "work", "/own/group")
    service.exists = False
    assert texts(log) == []
    service.exists = True
    service.write(1000, "same\n", "same\n")
    assert texts(log) == ["same", "same"]
    assert texts(log) == []
    service.write(1000, "same")
    service.write(500, "late")
    assert texts(log) == ["late", "same"]
    service.write(9000, "later")
    assert texts(log) == ["later"]
    assert texts(log) == []


def test_reads_more_than_a_page() -> None:
    service = Logs()
    log = FunctionLog(service, "work", "/own/group")
    service.write(1, *(f"first {n}" for n in range(6000)))
    service.write(2, *(f"second {n}" for n in range(6000)))
    service.write(3, *(f"third {n}" for n in range(6000)))
    assert texts(log) == [e["message"] for e in service.events]
    assert texts(log) == []


def test_several_functions_in_the_order_of_time() -> None:
    first, second = Logs(), Logs()
    first.write(1, "a")
    first.write(3, "c")
    second.write(2, "b")
    lines = merged([FunctionLog(first, "one", "/own/group"), FunctionLog(second, "second", "/own/group")])
    assert lines == [LogLine(1, "one", "a"), LogLine(2, "second", "b"), LogLine(3, "one", "c")]
    shown: list[str] = []
    show = printer(["one", "second"], shown.append)
    for line in lines:
        show(line)
    assert shown == ["one    | a", "second | b", "one    | c"]
    printer(["one"], shown.append)(lines[0])
    assert shown[-1] == "a"


class Functions:
    """Lambda, with one function."""

    def __init__(self, **config: Any) -> None:
        self.config = config

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        return {"FunctionName": "work", **self.config}


def test_the_log_group_is_the_configured_one() -> None:
    assert log_group(Functions(LoggingConfig={"LogGroup": "/own"}), "work") == "/own"
    assert log_group(Functions(LoggingConfig={"LogFormat": "Text"}), "work") == "/aws/lambda/work"
    assert log_group(Functions(), "arn:aws:lambda:us-east-1:111111111111:function:work") == "/aws/lambda/work"
