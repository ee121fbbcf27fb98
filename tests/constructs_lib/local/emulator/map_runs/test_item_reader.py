import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_lib.local.emulator.map_runs.item_reader import ItemReaderError, parse_items


def parsed(body: bytes, **config: Any) -> list[Any]:
    return list(parse_items(body, config))


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


text = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.integers() | text | st.dictionaries(text, text, max_size=2)))
def test_should_read_json_lines_whatever_the_strings_hold(values: list[Any]) -> None:
    body = "\n".join(json.dumps(value, ensure_ascii=False) for value in values).encode()

    assert parsed(body, InputType="JSONL") == values


def test_should_read_a_json_array_of_any_values_with_a_byte_order_mark() -> None:
    assert parsed(b'\xef\xbb\xbf[1, {"a": null}, []]') == [1, {"a": None}, []]


def test_should_follow_a_pointer_into_the_object() -> None:
    assert parsed(b'{"a": {"b/c": [[1, 2], [3]]}}', InputType="JSON", ItemsPointer="/a/b~1c/0") == [1, 2]


@pytest.mark.parametrize(
    ("body", "config", "message"),
    [
        (b"", {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, "no header row"),
        (b"a,a\n", {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, "headers cannot contain duplicates"),
        (b"\xff\xfe", {"InputType": "CSV"}, "isn't UTF-8"),
        (b"{", {}, "isn't JSON"),
        (b'{"a": 1}', {}, "must hold a JSON array, not dict"),
        (b'{"a": 1}', {"ItemsPointer": "/b"}, "'/b' doesn't point to anything"),
        (b"[[1]]", {"ItemsPointer": "/7"}, "'/7' doesn't point to anything"),
        (b'{"a": 1}\n{', {"InputType": "JSONL"}, "Line 2 isn't JSON"),
    ],
)
def test_should_say_why_an_object_cannot_be_read(body: bytes, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ItemReaderError, match=message):
        parsed(body, **config)
