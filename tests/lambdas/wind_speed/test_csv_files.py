from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_lib.local.emulator.map_runs.item_formats import parse_items
from lambdas.wind_speed import index, reduce
from lambdas.wind_speed.csv_files import column

# A key is UTF-8 of 1 to 1,024 bytes; what CSV treats in a way of its own comes often.
keys = st.lists(
    st.text(st.sampled_from('\r\n\\",; a\ufeff\u2028') | st.characters(exclude_categories=["Cs"]), min_size=1)
)


@given(keys)
def test_should_name_again_the_keys_that_were_rejected(given_keys: list[str]) -> None:
    file = reduce.rejected_csv([(key, "empty object") for key in given_keys])

    assert column(file, "key") == sorted(given_keys)


@given(keys)
def test_should_index_keys_that_the_map_reads_as_they_are(given_keys: list[str]) -> None:
    """Where a backslash escapes what follows it, as Step Functions documents."""
    items = parse_items(index.as_csv(given_keys), {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"})

    assert [item.value["key"] for item in items] == given_keys


@pytest.mark.parametrize("key", ["2024/01001099999.csv", 'a,"b" c.csv', "å\n.csv", " ", "\ufeff", "a\r\n"])
def test_should_write_ordinary_cells_as_python_does(key: str) -> None:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([["key", "reason"], [key, "no rows"]])

    assert reduce.rejected_csv([(key, "no rows")]) == file.getvalue().encode()
