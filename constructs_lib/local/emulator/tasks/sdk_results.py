"""Results of tasks as JSON: the SDK for Python has moments and bytes where Step Functions has text.

Step Functions calls by the SDK for Java, whose moments are written as its `Instant.toString` does:
`2024-05-01T12:00:00Z`, with three or six digits of a fraction where there is one. That bytes are Base64, as in most
services' own JSON, is inferred.
"""

import base64
from datetime import UTC, datetime
from typing import Any


def as_json(value: Any) -> Any:
    """`value` with every moment and all bytes in it as text."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return _text(value) if isinstance(value, datetime) else value


def _text(moment: datetime) -> str:
    moment = moment.astimezone(UTC).replace(tzinfo=None)
    digits = "seconds" if moment.microsecond == 0 else "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return f"{moment.isoformat(timespec=digits)}Z"
