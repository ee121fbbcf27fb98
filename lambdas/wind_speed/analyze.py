"""Analyze batch: a batch of GSOD objects to station records, one for each station.

An object that holds no record is reported with its reason and doesn't fail the batch. What concerns more than one
object does: missing permissions as the SDK's own error, S3 trouble as TransientS3Error, which the state machine
retries.
"""

from __future__ import annotations

import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, TypedDict

from . import gsod, s3

if TYPE_CHECKING:
    from collections.abc import Iterator

# Step Functions takes 256 KiB of JSON from a state, and its error for more can't be caught. This leaves 56 KiB for what
# a user's own states add.
MAX_RESULT_BYTES = 200 * 1024

# A batch that S3 holds up for longer asks for a retry: five of them, with the delays between, must fit into the five
# minutes of an Express child.
_SECONDS = 40

_logger = logging.getLogger(__name__)


class ResultTooLarge(Exception):  # noqa: N818 - the name that users see as the batch's error
    """The batch's result is more than Step Functions takes; no part of it can be left out."""


class Item(TypedDict):
    """One object of the batch."""

    key: str


class Event(TypedDict):
    """What the map's ItemBatcher passes on."""

    Items: list[Item]


class Result(TypedDict):
    """`stations` are arrays in the order of gsod.Station, `rejected` arrays of key and reason.

    `analysed` counts objects: with those rejected they are the batch.
    """

    analysed: int
    stations: list[list[str | int | float | None]]
    rejected: list[list[str]]


@s3.slow_downs.reported()
def handler(event: Event, context: object) -> Result:  # noqa: ARG001 - Lambda passes both
    """Read and merge one batch from SOURCE_BUCKET.

    Raises ResultTooLarge, TransientS3Error, and the SDK's ClientError.
    """
    return analyze(_reader(os.environ["SOURCE_BUCKET"]), [item["key"] for item in event["Items"]])


@cache
def _reader(bucket: str) -> s3.Reader:
    return s3.Reader(bucket, gsod.MAX_OBJECT_BYTES)


def analyze(reader: s3.Reader, keys: list[str]) -> Result:
    """Read the objects with many threads at once, and merge them in the order of their keys."""
    stations: dict[str, gsod.Station] = {}
    rejected: list[list[str]] = []
    unreadable: dict[str, int] = {}
    for key, outcome in zip(keys, _outcomes(reader, keys), strict=True):
        if isinstance(outcome, str):
            rejected.append([key, outcome])
            continue
        record, rows = outcome
        gsod.merge(stations, [record.as_array()])
        if rows:
            unreadable[key] = rows
    if unreadable:
        _logger.warning(
            "Skipped unreadable rows",
            extra={
                "objects": len(unreadable),
                "rows": sum(unreadable.values()),
                "first": dict([*unreadable.items()][:5]),
            },
        )
    _logger.info(
        "Analysed a batch",
        extra={
            "objects_analysed": len(keys) - len(rejected),
            "objects_rejected": len(rejected),
            "stations": len(stations),
        },
    )
    result: Result = {
        "analysed": len(keys) - len(rejected),
        "stations": [stations[station].as_array() for station in sorted(stations)],
        "rejected": rejected,
    }
    _check_size(result)
    return result


def _outcomes(reader: s3.Reader, keys: list[str]) -> Iterator[tuple[gsod.Station, int] | str]:
    """Yield the outcome of each key, in their order; raise TransientS3Error when that takes too long."""
    pool = ThreadPoolExecutor(s3.THREADS)
    try:
        yield from pool.map(lambda key: _outcome(reader, key), keys, timeout=_SECONDS)
    except TimeoutError:
        raise s3.TransientS3Error(f"{len(keys)} objects were not read within {_SECONDS} s") from None
    finally:
        # An error waits for no thread: each ends with its one object, be it during the next batch.
        pool.shutdown(wait=False, cancel_futures=True)


def _outcome(reader: s3.Reader, key: str) -> tuple[gsod.Station, int] | str:
    """Return an object's record and its count of unreadable rows, or why it is rejected."""
    try:
        return gsod.parse(reader.read(key))
    except (gsod.RejectedObjectError, s3.UnavailableObjectError) as error:
        return error.reason


def _check_size(result: Result) -> None:
    """Raise ResultTooLarge for what only long keys of rejected objects among hundreds of stations make.

    All else is bounded. A key stays whole because a retry reads its object again by it. Of a batch that fails, the map
    keeps every key.
    """
    # As Lambda's runtime of Python 3.12 and later sends it:
    # https://github.com/aws/aws-lambda-python-runtime-interface-client/pull/122
    size = len(json.dumps(result, ensure_ascii=False).encode())
    if size > MAX_RESULT_BYTES:
        raise ResultTooLarge(
            f"A batch's result has {size:,} bytes with the keys of its {len(result['rejected'])} rejected objects;"
            f" allowed: {MAX_RESULT_BYTES:,}. Lower batch_size and deploy; then start an execution with this one's name"
            " as its retry_of, or a new one if this one's map failed."
        )
