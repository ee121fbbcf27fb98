import datetime as dt
import decimal
import importlib.util
from typing import Any

import pytest

from constructs_lib.local.emulator.map_runs import parquet
from constructs_lib.local.emulator.map_runs.item import ItemReaderError

pa = pytest.importorskip("pyarrow")


def file(columns: dict[str, Any], **settings: Any) -> bytes:
    from pyarrow.parquet import write_table

    sink = pa.BufferOutputStream()
    write_table(pa.table(columns), sink, **settings)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("compression", ["NONE", "GZIP", "SNAPPY", "ZSTD"])
def test_should_read_each_row_as_an_object_in_the_files_order(compression: str) -> None:
    columns: dict[str, Any] = {
        "station": ["a", "b", None],
        "days": [1, 2**60, None],
        "mean": [1.5, -0.25, None],
        "complete": [True, False, None],
        "parts": [[1, 2], [], None],
        "place": [{"lat": 1.5, "name": "x"}, {"lat": None, "name": ""}, None],
        "nothing": pa.nulls(3),
    }

    rows: list[tuple[Any, ...]] = [
        ("a", 1, 1.5, True, [1, 2], {"lat": 1.5, "name": "x"}, None),
        ("b", 2**60, -0.25, False, [], {"lat": None, "name": ""}, None),
        (None, None, None, None, None, None, None),
    ]
    read = list(parquet.rows(file(columns, compression=compression, row_group_size=2)))
    assert read == [dict(zip(columns, row, strict=True)) for row in rows]


def test_should_read_no_row_of_a_file_that_has_none() -> None:
    assert list(parquet.rows(file({"a": pa.array([], pa.string())}))) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)],
            r"doesn't read column a, of type timestamp\[us, tz=UTC\]",
        ),
        ([dt.date(2024, 1, 1)], r"column a, of type date32\[day\]: how Step Functions writes it as JSON isn't"),
        ([decimal.Decimal("1.5")], r"column a, of type decimal128\(2, 1\)"),
        ([b"x"], "column a, of type binary"),
        ([{"inner": [b"x"]}], "column a.inner, of type binary"),
        ([1.0, float("nan")], "a number that JSON doesn't have: {'a': nan}"),
    ],
)
def test_should_refuse_what_has_no_plain_json(values: list[Any], message: str) -> None:
    with pytest.raises(ItemReaderError, match=message):
        list(parquet.rows(file({"a": values})))


@pytest.mark.parametrize("body", [b"", b"a,b\n1,2\n", b"PAR1" + b"\0" * 20 + b"PAR1"])
def test_should_refuse_what_is_not_parquet(body: bytes) -> None:
    with pytest.raises(ItemReaderError, match="isn't Parquet"):
        list(parquet.rows(body))


def test_should_refuse_a_compression_that_step_functions_does_not_read() -> None:
    with pytest.raises(ItemReaderError, match="Column a is BROTLI; allowed: UNCOMPRESSED, GZIP, SNAPPY, ZSTD"):
        list(parquet.rows(file({"a": ["x"]}, compression="BROTLI")))


@pytest.mark.parametrize(
    ("limit", "message"), [("_MAX_FOOTER_BYTES", "footer has .* over 10"), ("_MAX_ROW_GROUP_BYTES", "Row group 0 has")]
)
def test_should_refuse_a_file_over_the_documented_limits(
    limit: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, limit, 10)
    with pytest.raises(ItemReaderError, match=message):
        list(parquet.rows(file({"a": ["x" * 100]})))


def test_should_name_the_extra_for_zstd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ItemReaderError, match=r"ZSTD needs pyarrow: pip install 'step-functions-at-scale\[parquet\]'"):
        parquet.zstd_decompressed(b"")
