"""How large a payload is: Step Functions measures JSON as UTF-8 without spaces."""

import json
from typing import Any

MAX_PAYLOAD_BYTES = 262144


def as_json(value: Any) -> str:
    """JSON text as Step Functions writes it: no spaces, letters as they are."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def size(value: Any) -> int:
    """The bytes of a value."""
    return len(_measured(value).encode())


def fits(value: Any) -> bool:
    """Whether a value is within the limit of a payload."""
    text = _measured(value)
    # No letter has more than four bytes: most payloads needn't be encoded to be measured.
    return len(text) * 4 <= MAX_PAYLOAD_BYTES or len(text.encode()) <= MAX_PAYLOAD_BYTES


def _measured(value: Any) -> str:
    # A service's answer may hold a date.
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
