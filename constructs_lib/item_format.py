"""How an object holds the items of a Distributed Map: as CSV, JSON, JSON Lines or Parquet.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from constructs_lib._checks import is_list, is_token, usage_error

DELIMITERS = ("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB")
_INPUT_TYPES = ("CSV", "JSON", "JSONL", "PARQUET")
_MAX_HEADER_BYTES = 10 * 1024
_POINTER = re.compile(r"(/([^~/]|~[01])*)+")
"""https://www.rfc-editor.org/rfc/rfc6901#section-3"""


@dataclass(frozen=True, slots=True)
class ItemFormat:
    """What a reader makes of an object's content. Make one with `csv`, `json`, `json_lines` or `parquet`.

    An object whose key ends in `.gz` or `.zstd` is decompressed first. Anything that can't be read fails the map with
    `States.ItemReaderFailed`: no row is skipped.
    """

    reader_config: Mapping[str, Any]
    """The format's part of the ASL's ReaderConfig: prefer the methods, which know what goes together."""

    def __post_init__(self) -> None:
        given = self.reader_config
        if not isinstance(given, Mapping) or given.get("InputType") not in _INPUT_TYPES:
            raise usage_error(
                "ItemFormat",
                "reader_config",
                given,
                allowed=f"a mapping with an InputType of {', '.join(_INPUT_TYPES)}",
                fix="Use such as ItemFormat.json_lines().",
            )

    @classmethod
    def csv(cls, *, headers: Sequence[str] | None = None, delimiter: str = "COMMA") -> "ItemFormat":
        """Each row is an item, an object of strings by column: `{"station": "72429", "days": "365"}`.

        `headers` names the columns, in at most 10 KiB. Omitted: the first row does. `delimiter` is COMMA, PIPE,
        SEMICOLON, SPACE or TAB. A cell too few is an empty string, a cell too many is left out; a backslash goes before
        a backslash, a quotation mark or a delimiter, and is dropped before anything else.

        Raises:
            ValueError: for headers that are no list of different names, none of them empty, or another delimiter.

        """
        return cls(csv_config("ItemFormat.csv", headers, delimiter))

    @classmethod
    def json(cls, *, items_pointer: str | None = None) -> "ItemFormat":
        """Each element of an array is an item, or each pair of an object: `{"Key": …, "Value": …}`.

        `items_pointer` is the JSON Pointer of that array or object, such as `/inventory/products`. Omitted: it is the
        whole content.

        Raises:
            ValueError: for a pointer that doesn't begin with a slash, or has a `~` that isn't written `~0`.

        """
        if items_pointer is not None and not is_token(items_pointer) and not _is_pointer(items_pointer):
            raise usage_error(
                "ItemFormat.json",
                "items_pointer",
                items_pointer,
                allowed="a JSON Pointer such as '/inventory/products', in a name ~0 for ~ and ~1 for /",
                fix="Leave it out for the whole content.",
            )
        pointer = {} if items_pointer is None else {"ItemsPointer": items_pointer}
        return cls({"InputType": "JSON", **pointer})

    @classmethod
    def json_lines(cls) -> "ItemFormat":
        """Each line is an item, any JSON."""
        return cls({"InputType": "JSONL"})

    @classmethod
    def parquet(cls) -> "ItemFormat":
        """Each row is an item, an object by column. A row group has at most 256 MB, the footer 5 MB.

        GZIP, ZSTD and Snappy inside the file are read. How AWS writes dates, decimals and binary as JSON isn't
        documented: the local cloud refuses them.
        """
        return cls({"InputType": "PARQUET"})


def csv_config(where: str, headers: Sequence[str] | None, delimiter: str) -> Mapping[str, Any]:
    """The ReaderConfig of CSV; `where` is who takes the arguments, for the error."""
    if delimiter not in DELIMITERS:
        raise usage_error(where, "delimiter", delimiter, allowed=", ".join(DELIMITERS), fix="Leave it out for COMMA.")
    separator = {} if delimiter == "COMMA" else {"CSVDelimiter": delimiter}
    if headers is None:
        return {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", **separator}
    names = list(headers) if is_list(headers) else []
    if not names or not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise usage_error(
            where,
            "headers",
            headers,
            allowed="a list of different names, none empty",
            fix="Leave it out where the first row has them.",
        )
    if len(",".join(names).encode()) > _MAX_HEADER_BYTES:
        raise usage_error(
            where, "headers", f"{len(names)} names", allowed=f"{_MAX_HEADER_BYTES:,} bytes", fix="Shorten the names."
        )
    return {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": names, **separator}


def _is_pointer(value: object) -> bool:
    return isinstance(value, str) and _POINTER.fullmatch(value) is not None
