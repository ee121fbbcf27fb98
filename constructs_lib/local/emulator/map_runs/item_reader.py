"""ItemReader: the items of a Distributed Map, out of S3.

Two readers of Step Functions are here: `s3:getObject` (one object: JSON, JSON lines or CSV) and `s3:listObjectsV2` (the
objects below a prefix, each an item with its key, size and date). Both call S3 over HTTP with the execution role's
session, so a permission that is missing fails here as it does on AWS.
"""

import csv
import io
import itertools
import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from constructs_lib.local.emulator.definitions.map_fields import DELIMITERS, LIST_OBJECTS


class ItemReaderError(Exception):
    """The items can't be read; the message is the cause of `States.ItemReaderFailed`."""


def read_items(
    s3: Any, resource: str, arguments: dict[str, Any], config: dict[str, Any], max_items: int | None
) -> list[Any]:
    """Read the items that an ItemReader names.

    Args:
        s3: an S3 client with the execution role's session.
        resource: the reader's `Resource`.
        arguments: the evaluated `Arguments` or `Parameters` (`Bucket`, `Key` or `Prefix`).
        config: the `ReaderConfig`.
        max_items: the evaluated `MaxItems`; None or 0: all.

    Raises:
        ItemReaderError: S3 refuses, or the object isn't what the configuration says.

    """
    try:
        if resource == LIST_OBJECTS:
            items = _listed(s3, arguments)
        else:
            body = s3.get_object(**arguments)["Body"].read()
            items = parse_items(body, config)
        return list(itertools.islice(items, max_items or None))
    except ClientError as error:
        location = f"s3://{arguments.get('Bucket')}/{arguments.get('Key') or arguments.get('Prefix') or ''}"
        raise ItemReaderError(f"{location}: {_s3_cause(error)}") from error


def _s3_cause(error: ClientError) -> str:
    details = error.response["Error"]
    status = error.response["ResponseMetadata"].get("HTTPStatusCode")
    return f"{details.get('Message')} (Service: S3, Status Code: {status}, Error Code: {details.get('Code')})"


def _listed(s3: Any, arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for page in s3.get_paginator("list_objects_v2").paginate(**arguments):
        for found in page.get("Contents", []):
            yield {
                "Etag": found["ETag"],
                "Key": found["Key"],
                "LastModified": int(found["LastModified"].timestamp()),
                "Size": found["Size"],
                "StorageClass": found.get("StorageClass", "STANDARD"),
            }


def parse_items(body: bytes, config: dict[str, Any]) -> Iterator[Any]:
    """The items in an object's body, as `ReaderConfig` describes it (JSON when it names no `InputType`).

    Raises:
        ItemReaderError: the body isn't UTF-8 or not of the type that was promised.

    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ItemReaderError(f"The object isn't UTF-8: {error.reason} at byte {error.start}.") from error
    match config.get("InputType", "JSON"):
        case "CSV":
            return _csv_items(text, config)
        case "JSONL":
            return _json_lines(text)
        case _:
            return iter(_json_items(text, config.get("ItemsPointer")))


def _csv_items(text: str, config: dict[str, Any]) -> Iterator[dict[str, str]]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[config.get("CSVDelimiter", "COMMA")])
    if config.get("CSVHeaderLocation") == "GIVEN":
        headers = list(config.get("CSVHeaders", []))
    else:
        headers = next(rows, [])
        if not headers:
            raise ItemReaderError("The CSV file has no header row.")
    if len(set(headers)) < len(headers):
        raise ItemReaderError("CSV headers cannot contain duplicates.")
    # A cell too few is an empty string, a cell too many is left out, an empty line is no item.
    return (dict(itertools.zip_longest(headers, row[: len(headers)], fillvalue="")) for row in rows if row)


def _json_lines(text: str) -> Iterator[Any]:
    # Not splitlines(): a JSON string may hold U+2028 and its like, which aren't line ends here.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise ItemReaderError(f"Line {number} isn't JSON: {error}") from error


def _json_items(text: str, pointer: str | None) -> list[Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ItemReaderError(f"The object isn't JSON: {error}") from error
    for part in (pointer or "").split("/")[1:]:
        step = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ItemReaderError(f"ItemsPointer {pointer!r} doesn't point to anything in the object.") from None
    if not isinstance(value, list):
        raise ItemReaderError(f"The object must hold a JSON array, not {type(value).__name__}.")
    return value
