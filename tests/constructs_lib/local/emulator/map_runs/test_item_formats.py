import csv
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_lib.local.emulator.map_runs.item import Item, ItemReaderError
from constructs_lib.local.emulator.map_runs.item_formats import install, parse_items

FIRST_ROW = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}


def parsed(body: bytes, **config: Any) -> list[Any]:
    return [item.input for item in parse_items(body, config)]


def test_should_take_the_first_row_of_a_csv_file_as_header() -> None:
    body = b'key,note\n2024/1.csv,"a, ""b""\nc"\n\n2024/2.csv\n2024/3.csv,x,extra\n'

    assert parsed(body, InputType="CSV", CSVHeaderLocation="FIRST_ROW") == [
        {"key": "2024/1.csv", "note": 'a, "b"\nc'},
        {"key": "2024/2.csv", "note": ""},
        {"key": "2024/3.csv", "note": "x"},
    ]


def test_should_take_given_headers() -> None:
    rows = parsed(b"1,2\r\n3,4\r\n", InputType="CSV", CSVHeaderLocation="GIVEN", CSVHeaders=["a", "b"])

    assert rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


@pytest.mark.parametrize(
    ("name", "character"), [("COMMA", ","), ("PIPE", "|"), ("SEMICOLON", ";"), ("SPACE", " "), ("TAB", "\t")]
)
def test_should_split_at_the_delimiter(name: str, character: str) -> None:
    body = f"a{character}b\n1{character}2\n".encode()

    assert parsed(body, InputType="CSV", CSVHeaderLocation="FIRST_ROW", CSVDelimiter=name) == [{"a": "1", "b": "2"}]


def test_should_read_no_item_from_a_header_alone() -> None:
    assert parsed(b"key\n", InputType="CSV", CSVHeaderLocation="FIRST_ROW") == []


def test_should_read_no_item_from_an_empty_object_that_needs_no_header() -> None:
    assert parsed(b"", InputType="CSV", CSVHeaderLocation="GIVEN", CSVHeaders=["a"]) == []
    assert parsed(b"", InputType="JSONL") == []


# https://docs.aws.amazon.com/step-functions/latest/dg/example-csv-parse-dist-map.html
@pytest.mark.parametrize(
    ("cell", "read"),
    [
        (r"C:\\Program Files\\MyApp.exe", r"C:\Program Files\MyApp.exe"),
        (r"a\,b", "a,b"),
        (r"\"word\"", '"word"'),
        (r"C:\new", "C:new"),
        (r'"in \\ quotes, too"', r"in \ quotes, too"),
        ('"a ""word"""', 'a "word"'),
        ('{""MyKey"":""MyValue""}', '{""MyKey"":""MyValue""}'),
        ("ends \\", "ends "),
        (r"ends \\", "ends \\"),
    ],
)
def test_should_take_backslashes_and_quotes_as_documented(cell: str, read: str) -> None:
    assert parsed(f"a\n{cell}\nnext\n{cell}".encode(), **FIRST_ROW) == [{"a": read}, {"a": "next"}, {"a": read}]


def test_should_read_a_cell_of_more_than_pythons_own_limit_in_the_server() -> None:
    """The limit is the process's: this one's is put back."""
    limit = csv.field_size_limit()
    install()
    try:
        assert parsed(b"a\n" + b"x" * 200_000, **FIRST_ROW) == [{"a": "x" * 200_000}]
    finally:
        csv.field_size_limit(limit)


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.csv.zstd"])
def test_should_read_a_compressed_object_by_the_end_of_its_name(name: str) -> None:
    body = b"a\n1\n"
    compressed = gzip.compress(body) if name.endswith(".gz") else zstd(body)

    assert list(parse_items(compressed, FIRST_ROW, key=name, source="s")) == [Item({"a": "1"}, "s")]
    with pytest.raises(ItemReaderError, match="isn't UTF-8"):
        list(parse_items(compressed, FIRST_ROW, key="rows.csv"))


def zstd(body: bytes) -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    return bytes(pyarrow.compress(body, "zstd", asbytes=True))


@pytest.mark.parametrize(
    ("name", "message"),
    [("a.csv.gz", "isn't gzip, which its name says"), ("a.csv.zstd", "isn't ZSTD, which its name says")],
)
def test_should_refuse_what_is_not_compressed_as_its_name_says(name: str, message: str) -> None:
    for body in (b"a\n1\n", gzip.compress(b"a\n1\n" * 100)[:-20]):
        with pytest.raises(ItemReaderError, match=message):
            list(parse_items(body, FIRST_ROW, key=name))


text = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.integers() | text | st.dictionaries(text, text, max_size=2)))
def test_should_read_json_lines_whatever_the_strings_hold(values: list[Any]) -> None:
    body = "\n".join(json.dumps(value, ensure_ascii=False) for value in values).encode()

    assert parsed(body, InputType="JSONL") == values


def test_should_read_a_json_array_of_any_values_with_a_byte_order_mark() -> None:
    assert parsed(b'\xef\xbb\xbf[1, {"a": null}, []]') == [1, {"a": None}, []]


def test_should_read_the_pairs_of_a_json_object() -> None:
    body = b'{"a": 1, "b": {"x": 2}}'

    assert parsed(body) == [{"Key": "a", "Value": 1}, {"Key": "b", "Value": {"x": 2}}]
    assert [item.context(3) for item in parse_items(body, {}, source="S3://b/k")] == [
        {"Index": 3, "Key": "a", "Value": 1, "Source": "S3://b/k"},
        {"Index": 3, "Key": "b", "Value": {"x": 2}, "Source": "S3://b/k"},
    ]


def test_should_follow_a_pointer_into_the_object() -> None:
    assert parsed(b'{"a": {"b/c": [[1, 2], [3]]}}', InputType="JSON", ItemsPointer="/a/b~1c/0") == [1, 2]


@pytest.mark.parametrize(
    ("body", "config", "message"),
    [
        (b"", {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, "no header row"),
        (b"a,a\n", {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, "headers cannot contain duplicates"),
        (b"a" * 10_241, FIRST_ROW, "CSV headers of 10,241 bytes are over the limit of 10,240"),
        (b"a\n" + b"x" * 9_000_000, FIRST_ROW, "Line 2 isn't CSV: field larger than field limit"),
        (b"\xff\xfe", {"InputType": "CSV"}, "isn't UTF-8"),
        (b"{", {}, "isn't JSON"),
        (b"", {}, "isn't JSON"),
        (b"[NaN]", {}, "isn't JSON: NaN is no JSON"),
        (b"-Infinity", {"InputType": "JSONL"}, "Line 1 isn't JSON: -Infinity is no JSON"),
        (b"5", {}, "must hold a JSON array or object, not int"),
        (b'{"a": "x"}', {"ItemsPointer": "/a"}, "must hold a JSON array or object, not str"),
        (b'{"a": 1}', {"ItemsPointer": "/b"}, "'/b' doesn't point to anything"),
        (b"[[1]]", {"ItemsPointer": "/7"}, "'/7' doesn't point to anything"),
        (b'{"a": 1}\n{', {"InputType": "JSONL"}, "Line 2 isn't JSON"),
    ],
)
def test_should_say_why_an_object_cannot_be_read(body: bytes, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ItemReaderError, match=message):
        parsed(body, **config)
