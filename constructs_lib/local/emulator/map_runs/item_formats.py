"""The items in an object's body: rows of CSV, values of JSON and JSON Lines, rows of Parquet.

How Step Functions reads each: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html, of CSV
https://docs.aws.amazon.com/step-functions/latest/dg/example-csv-parse-dist-map.html. A row that can't be read fails the
whole run: `States.ItemReaderFailed` is "failed to read all items" (https://states-language.net/#error-names).
"""

import csv
import gzip
import io
import itertools
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from constructs_lib.local.emulator.definitions.map_fields import DELIMITERS
from constructs_lib.local.emulator.map_runs import parquet
from constructs_lib.local.emulator.map_runs.item import Item, ItemReaderError

_MAX_HEADER_BYTES = 10 * 1024
_MAX_ITEM_BYTES = 8 * 1024 * 1024
# At a line's end a backslash is silently removed, as before any character that it doesn't escape; Python's reader would
# take the line's end into the field. An even number of them are backslashes that escape each other.
_BACKSLASH_AT_LINE_END = re.compile(r"(?<!\\)((?:\\\\)*)\\(?=[\r\n]|\Z)")


def _refuse_constant(name: str) -> None:
    """Python's reader takes NaN and the infinities for JSON."""
    raise ValueError(f"{name} is no JSON")


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


def parse_items(body: bytes, config: Mapping[str, Any], *, key: str = "", source: str = "") -> Iterator[Item]:
    """The items in an object's body, as `ReaderConfig` describes it (JSON when it names no `InputType`).

    Args:
        body: of the object.
        config: the `ReaderConfig`.
        key: the object's; by its end, `.gz` or `.zstd`, Step Functions knows a compressed object, and `.parquet` isn't
            needed.
        source: the items'.

    Raises:
        ItemReaderError: the body isn't UTF-8 or not of the type that was promised.

    """
    if config.get("InputType") == "PARQUET":
        return (Item(row, source) for row in parquet.rows(body))
    text = _text(_decompressed(body, key))
    match config.get("InputType", "JSON"):
        case "CSV":
            return (Item(row, source) for row in _csv_rows(text, config))
        case "JSONL":
            return (Item(value, source) for value in _json_lines(text))
        case _:
            return _json_items(text, config.get("ItemsPointer"), source)


def _decompressed(body: bytes, key: str) -> bytes:
    if key.endswith(".gz"):
        try:
            return gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise ItemReaderError(f"The object isn't gzip, which its name says: {error}") from error
    return parquet.zstd_decompressed(body) if key.endswith(".zstd") else body


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ItemReaderError(f"The object isn't UTF-8: {error.reason} at byte {error.start}.") from error


def _csv_rows(text: str, config: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    delimiter = DELIMITERS[config.get("CSVDelimiter", "COMMA")]
    if "\\" in text:
        text = _BACKSLASH_AT_LINE_END.sub(r"\1", text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, escapechar="\\")
    try:
        if config.get("CSVHeaderLocation") == "GIVEN":
            headers = list(config.get("CSVHeaders", []))
        else:
            headers = next(rows, [])
            if not headers:
                raise ItemReaderError("The CSV file has no header row.")
        if len(set(headers)) < len(headers):
            raise ItemReaderError("CSV headers cannot contain duplicates.")
        if (size := len(delimiter.join(headers).encode())) > _MAX_HEADER_BYTES:
            raise ItemReaderError(f"CSV headers of {size:,} bytes are over the limit of {_MAX_HEADER_BYTES:,}.")
        for row in rows:
            # A cell too few is an empty string, a cell too many is left out, an empty line is no item.
            if row:
                yield dict(itertools.zip_longest(headers, row[: len(headers)], fillvalue=""))
    except csv.Error as error:
        raise ItemReaderError(f"Line {rows.line_num} isn't CSV: {error}") from error


def _json_lines(text: str) -> Iterator[Any]:
    # Not splitlines(): a JSON string may hold U+2028 and its like, which aren't line ends here.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield _JSON.decode(line)
            except ValueError as error:
                raise ItemReaderError(f"Line {number} isn't JSON: {error}") from error


def _json_items(text: str, pointer: str | None, source: str) -> Iterator[Item]:
    try:
        value = _JSON.decode(text)
    except ValueError as error:
        raise ItemReaderError(f"The object isn't JSON: {error}") from error
    for part in (pointer or "").split("/")[1:]:
        step = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ItemReaderError(f"ItemsPointer {pointer!r} doesn't point to anything in the object.") from None
    if isinstance(value, dict):
        return (Item(element, source, name) for name, element in value.items())
    if not isinstance(value, list):
        raise ItemReaderError(f"The object must hold a JSON array or object, not {type(value).__name__}.")
    return (Item(element, source) for element in value)


def install() -> None:
    """Read fields of CSV as large as an item may be: Python's own limit, 128 KiB, is one for the whole process."""
    csv.field_size_limit(_MAX_ITEM_BYTES)
