import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_lib.local.emulator.map_runs.item_batcher import ItemTooLargeError, batch, single
from constructs_lib.local.emulator.payload import as_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    items=st.lists(values, max_size=40),
    max_items=st.none() | st.integers(1, 12),
    max_bytes=st.none() | st.integers(200, 2000),
    batch_input=st.none() | st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)
def test_should_keep_every_item_once_in_order_within_both_limits(
    items: list[Any], max_items: int | None, max_bytes: int | None, batch_input: Any
) -> None:
    try:
        batches = batch(items, max_items=max_items, max_bytes=max_bytes, batch_input=batch_input)
    except ItemTooLargeError:
        assert any(len(as_json(item).encode()) > 100 for item in items)
        return

    assert [item for found in batches for item in found.input["Items"]] == items
    for found in batches:
        assert found.items == len(found.input["Items"]) > 0
        assert max_items is None or found.items <= max_items
        assert len(json.dumps(found.input, separators=(",", ":"), ensure_ascii=False).encode()) <= (max_bytes or 262144)
        assert found.input.get("BatchInput") == batch_input


@given(sizes=st.lists(st.integers(0, 40), min_size=1, max_size=30), max_bytes=st.integers(100, 200))
def test_should_fill_a_batch_before_the_next(sizes: list[int], max_bytes: int) -> None:
    batches = batch(["x" * size for size in sizes], max_bytes=max_bytes)

    for earlier, later in pairwise(batches):
        fuller = {"Items": [*earlier.input["Items"], later.input["Items"][0]]}
        assert len(as_json(fuller).encode()) > max_bytes


def test_should_measure_bytes_not_letters() -> None:
    # {"Items":["é","é"]} is 21 bytes and 19 letters.
    assert [found.items for found in batch(["é", "é"], max_bytes=21)] == [2]
    assert [found.items for found in batch(["é", "é"], max_bytes=20)] == [1, 1]


def test_should_refuse_an_item_that_fits_no_batch() -> None:
    with pytest.raises(ItemTooLargeError, match="Item 1 makes an input of 112 bytes, over the limit of 100"):
        batch(["short", "x" * 98], max_bytes=100)


def test_should_never_make_a_batch_over_the_payload_limit() -> None:
    batches = batch(["x" * 100_000] * 5, max_items=5)

    assert [found.items for found in batches] == [2, 2, 1]


def test_should_make_no_batch_of_nothing() -> None:
    assert batch([], max_items=3) == []


def test_should_pass_each_item_as_it_is_without_a_batcher() -> None:
    assert [(found.input, found.items) for found in single(["a", None])] == [("a", 1), (None, 1)]


def test_should_refuse_an_item_that_is_no_childs_input() -> None:
    assert single(["x" * 262_142])[0].items == 1
    with pytest.raises(ItemTooLargeError, match="Item 1 makes an input of 262145 bytes, over the limit of 262144"):
        single(["short", "x" * 262_143])
