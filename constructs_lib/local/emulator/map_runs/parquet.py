"""Parquet and ZSTD, by pyarrow: an extra, so that who reads neither needn't have it.

AWS documents the sizes and the compression that Step Functions reads, but not how it writes each Parquet type as JSON.
So the types whose JSON is plain are here (null, booleans, numbers, strings, lists and structs of them), and the others
are refused rather than guessed. https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
"""

import importlib.util
import json
from collections.abc import Iterator
from typing import Any

from constructs_lib.local.emulator.definitions.map_fields import NEEDS_PYARROW
from constructs_lib.local.emulator.map_runs.item import ItemReaderError

_MAX_ROW_GROUP_BYTES = 256 * 1024 * 1024
_MAX_FOOTER_BYTES = 5 * 1024 * 1024
_COMPRESSIONS = ("UNCOMPRESSED", "GZIP", "SNAPPY", "ZSTD")


def rows(body: bytes) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file, in its order.

    Raises:
        ItemReaderError: it isn't one, or one that Step Functions or we don't read.

    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        file = ParquetFile(pa.BufferReader(body))
        _check_limits(file.metadata)
        for field in file.schema_arrow:
            _check_type(field.name, field.type)
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                _check_numbers(row)
                yield row
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ItemReaderError(f"The object isn't Parquet: {error}") from error


def zstd_decompressed(body: bytes) -> bytes:
    """The content of a `.zstd` object.

    Raises:
        ItemReaderError: it isn't one, or pyarrow is missing.

    """
    if importlib.util.find_spec("pyarrow") is None:
        raise ItemReaderError(f"ZSTD {NEEDS_PYARROW}")
    import pyarrow as pa

    try:
        with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
            content: bytes = stream.read()
    except OSError as error:
        raise ItemReaderError(f"The object isn't ZSTD, which its name says: {error}") from error
    return content


def _check_limits(metadata: Any) -> None:
    if metadata.serialized_size > _MAX_FOOTER_BYTES:
        raise ItemReaderError(f"The footer has {metadata.serialized_size:,} bytes, over {_MAX_FOOTER_BYTES:,}.")
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        if group.total_byte_size > _MAX_ROW_GROUP_BYTES:
            size = f"{group.total_byte_size:,} bytes, over {_MAX_ROW_GROUP_BYTES:,}"
            raise ItemReaderError(f"Row group {index} has {size}.")
        for column in map(group.column, range(group.num_columns)):
            if column.compression not in _COMPRESSIONS:
                allowed = ", ".join(_COMPRESSIONS)
                raise ItemReaderError(f"Column {column.path_in_schema} is {column.compression}; allowed: {allowed}.")


def _check_type(name: str, kind: Any) -> None:
    from pyarrow import types

    if types.is_struct(kind):
        for field in kind:
            _check_type(f"{name}.{field.name}", field.type)
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_dictionary(kind):
        _check_type(name, kind.value_type)
    elif not any(
        is_plain(kind)
        for is_plain in (
            types.is_null,
            types.is_boolean,
            types.is_integer,
            types.is_floating,
            types.is_string,
            types.is_large_string,
        )
    ):
        raise ItemReaderError(
            f"The local cloud doesn't read column {name}, of type {kind}: how Step Functions writes it as JSON isn't "
            "documented. It reads booleans, numbers, strings, and lists and structs of them."
        )


def _check_numbers(row: dict[str, Any]) -> None:
    """A file may hold numbers that JSON hasn't: NaN and the infinities."""
    try:
        json.dumps(row, allow_nan=False)
    except ValueError:
        raise ItemReaderError(f"A row has a number that JSON doesn't have: {row}") from None
