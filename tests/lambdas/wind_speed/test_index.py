from __future__ import annotations

import csv
import io
from collections import Counter

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from bench.s3_server import Fault, S3Server
from lambdas.wind_speed import index, s3


@pytest.fixture
def filled(server: S3Server) -> S3Server:
    server.store.buckets["source"] = {
        "index.html": b"<html>",
        "readme/notes.txt": b"",
        **{f"2022/{station:011}.csv": b"" for station in range(2500)},
        **{f"2023/{station:011}.csv": b"" for station in range(0, 2500, 2)},
        "2024/00000000002.csv": b"",
        "2024/00000000003.csv.gz": b"",
        "2024/not-csv.png": b"",
        "2024/00000000002": b"",
        "copy/2024/00000000002.csv": b"",
        "copy/2025/00000000009.csv": b"",
    }
    return server


def run(
    server: S3Server,
    years: list[float] | None = None,
    stations: list[str] | None = None,
    max_objects: float | None = None,
) -> list[str]:
    """The keys of the file that the handler wrote, in its order."""
    server.store.requests.clear()
    result = index.handler(
        {"years": years, "stations": stations, "max_objects": max_objects, "prefix": "runs/one/"}, None
    )
    text = server.store.buckets["results"]["runs/one/objects.csv"].decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert header == ["key"]
    assert result == {"objects_listed": len(rows)}
    return [key for (key,) in rows]


def test_should_list_every_object_of_every_year_once(filled: S3Server) -> None:
    keys = run(filled)

    assert sorted(keys) == sorted(key for key in filled.store.buckets["source"] if key.startswith("202"))
    assert filled.store.content_types["runs/one/objects.csv"] == "text/csv; charset=utf-8"


def test_should_list_only_the_years_asked_for(filled: S3Server) -> None:
    keys = run(filled, years=[2024, 2022, 2024, 1929])

    assert Counter(key[:4] for key in keys) == {"2022": 2500, "2024": 4}


def test_should_take_whole_numbers_however_they_are_written(filled: S3Server) -> None:
    assert sorted(run(filled, years=[2024.0])) == sorted(run(filled, years=[2024]))
    assert run(filled, years=[2.022e3], max_objects=1e1) == run(filled, years=[2022], max_objects=10)


def test_should_list_under_a_prefix(filled: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_PREFIX", "copy/")

    assert sorted(run(filled)) == ["copy/2024/00000000002.csv", "copy/2025/00000000009.csv"]
    assert run(filled, years=[2025]) == ["copy/2025/00000000009.csv"]


@pytest.mark.parametrize("more", [[], [f"none{number}" for number in range(20)]], ids=["a few", "many"])
def test_should_list_only_the_stations_asked_for(filled: S3Server, more: list[str]) -> None:
    keys = run(filled, stations=["00000000002", "00000000003", "0000000000", *more])

    assert sorted(keys) == [
        "2022/00000000002.csv",
        "2022/00000000003.csv",
        "2023/00000000002.csv",
        "2024/00000000002.csv",
        "2024/00000000003.csv.gz",
    ]


def test_should_not_list_whole_years_for_a_few_stations(filled: S3Server) -> None:
    run(filled, stations=["00000000002"])

    lists = [request for request in filled.store.requests if request.startswith("GET")]
    assert len(lists) == 1 + 3  # the years, and the station in each


def test_should_list_no_more_than_it_needs(filled: S3Server) -> None:
    keys = run(filled, max_objects=7)

    assert len(keys) == 7
    assert {key[:4] for key in keys} == {"2022", "2023", "2024"}
    assert keys == run(filled, max_objects=7)
    lists = [request for request in filled.store.requests if "prefix=202" in request]
    assert len(lists) == 3
    assert all("max-keys=7" in request for request in lists)


def test_should_limit_after_choosing_stations(filled: S3Server) -> None:
    assert (
        run(filled, stations=["00000000002", "00000000004"], max_objects=2)
        == run(filled, stations=["00000000002", "00000000004"])[:2]
    )


def test_should_page_a_large_limit(filled: S3Server) -> None:
    assert len(run(filled, years=[2022], max_objects=1500)) == 1500


@pytest.mark.parametrize("url_encoding", [True, False])
def test_should_keep_keys_of_any_characters(server: S3Server, url_encoding: bool) -> None:
    server.store.url_encoding = url_encoding
    keys = ['2024/a b+c,"d".csv', "2024/å&<>%41.csv", "2024/tab\tand ;.csv"]
    server.store.buckets["source"] = dict.fromkeys(keys, b"")

    assert sorted(run(server)) == sorted(keys)


def test_should_list_nothing_where_there_is_nothing(server: S3Server) -> None:
    assert run(server) == []
    assert run(server, years=[2024]) == []
    assert run(server, years=[2024], stations=["1"], max_objects=5) == []


def test_should_ask_for_a_retry_when_throttled_for_long(filled: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    filled.store.faults["2023/"] = Fault()

    with pytest.raises(s3.TransientS3Error, match="SlowDown"):
        run(filled)


def test_should_not_hide_missing_permissions(filled: S3Server) -> None:
    filled.store.faults["runs/one/objects.csv"] = Fault(403, "AccessDenied")

    with pytest.raises(ClientError, match="AccessDenied"):
        run(filled)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=12), st.integers(1, 100), st.data())
def test_should_give_any_stretch_its_share_of_each_year(sizes: list[int], length: int, data: st.DataObject) -> None:
    years = [[f"{year}/{number}" for number in range(size)] for year, size in enumerate(sizes)]

    keys = index.spread(years)

    assert sorted(keys) == sorted(key for year in years for key in year)
    start = data.draw(st.integers(0, max(0, len(keys) - length)))
    stretch = Counter(key.partition("/")[0] for key in keys[start : start + length])
    for year, size in enumerate(sizes):
        share = size * min(length, len(keys)) / max(1, len(keys))
        # A year's keys stand size / len(keys) apart; the other years' may all lie on one side of the stretch's ends.
        assert abs(stretch[str(year)] - share) <= 1 + len(sizes) * size / max(1, len(keys))
