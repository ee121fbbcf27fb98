"""ItemBatcher: items grouped into the inputs of child executions, by number and by bytes.

A child's input is `{"Items": […]}`, with `BatchInput` beside it when the state has one. Bytes are those of the whole
input as UTF-8 JSON without spaces, which is how Step Functions measures a payload.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from constructs_lib.local.emulator.payload import MAX_PAYLOAD_BYTES, as_json, fits


class ItemTooLargeError(ValueError):
    """One item alone is over the limit of a batch, or of a payload where there are no batches."""


@dataclass(frozen=True)
class Batch:
    """The input of one child execution, and how many items it holds."""

    input: Any
    items: int


def single(items: Iterable[Any]) -> list[Batch]:
    """Without an ItemBatcher: each item is one child's input.

    Raises:
        ItemTooLargeError: an item is over the limit of a payload.

    """
    batches = []
    for index, item in enumerate(items):
        if not fits(item):
            found = f"an input of {len(as_json(item).encode())} bytes"
            raise ItemTooLargeError(f"Item {index} makes {found}, over the limit of {MAX_PAYLOAD_BYTES}.")
        batches.append(Batch(item, 1))
    return batches


def batch(
    items: Iterable[Any],
    *,
    max_items: int | None = None,
    max_bytes: int | None = None,
    batch_input: Any = None,
) -> list[Batch]:
    """Group `items` in their order; each batch is as large as both limits allow.

    Args:
        items: JSON values.
        max_items: `MaxItemsPerBatch`; None: only bytes limit a batch.
        max_bytes: `MaxInputBytesPerBatch`; None: the limit of a payload, 262,144.
        batch_input: the evaluated `BatchInput`; None: none.

    Raises:
        ItemTooLargeError: an item doesn't fit a batch of its own.

    """
    byte_limit = min(max_bytes or MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES)
    common = {} if batch_input is None else {"BatchInput": batch_input}
    empty_size = len(as_json({**common, "Items": []}).encode())
    batches: list[Batch] = []
    current: list[Any] = []
    size = empty_size
    for index, item in enumerate(items):
        item_size = len(as_json(item).encode())
        if empty_size + item_size > byte_limit:
            raise ItemTooLargeError(
                f"Item {index} makes an input of {empty_size + item_size} bytes, over the limit of {byte_limit}."
            )
        comma = 1 if current else 0
        if current and (len(current) == max_items or size + comma + item_size > byte_limit):
            batches.append(Batch({**common, "Items": current}, len(current)))
            current, size, comma = [], empty_size, 0
        current.append(item)
        size += comma + item_size
    if current:
        batches.append(Batch({**common, "Items": current}, len(current)))
    return batches
