"""Metrics in a function's log: CloudWatch takes them from there, so that the function needs no call and no permission.

A line on standard output in the embedded metric format is one. Lambda's JSON log format leaves it as it is: that is for
what goes through `logging`.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html#python-logging-output
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMESPACE = "StepFunctionsAtScale"


class Count:
    """How often something happened in this process, in whichever thread, since it was last reported."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._value = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        """Count one more."""
        with self._lock:
            self._value += 1

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Write the count when the block or the decorated function ends, be it by an error; then start again at none.

        It becomes two metrics: this function's, and without dimension that of all functions together. Zeros aren't
        written: an alarm that takes missing data for good ones needs none, and a metric costs $0.30 a month for as long
        as it gets points.
        """
        try:
            yield
        finally:
            if value := self._take():
                # In one piece, and by one thread: nothing comes between the line and its end.
                sys.stdout.write(json.dumps(self._document(value)) + "\n")
                sys.stdout.flush()

    def _take(self) -> int:
        with self._lock:
            value, self._value = self._value, 0
            return value

    def _document(self, value: int) -> dict[str, object]:
        directive = {
            "Namespace": _NAMESPACE,
            "Dimensions": [[], ["FunctionName"]],
            "Metrics": [{"Name": self._name, "Unit": "Count"}],
        }
        return {
            "_aws": {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [directive]},
            # Lambda always sets it; were it missing, an error here would hide the one that ended the function.
            "FunctionName": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "unknown"),
            self._name: value,
        }
