from __future__ import annotations

import csv
import io
import json
from collections import Counter

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from bench.s3_server import Fault, S3Server
from lambdas.wind_speed import index, reduce, s3
from lambdas.wind_speed.earlier_run import UnknownRun


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
    event: index.Event = {
        "years": years,
        "stations": stations,
        "max_objects": max_objects,
        "unit": "mph",
        "prefix": "runs/one/",
        "retry_of": None,
    }
    result = index.handler(event, None)
    keys = written(server)
    assert result == {
        "objects_indexed": len(keys),
        "objects_listed": len(keys),
        "unit": "mph",
        "years": years,
        "manifests": [],
    }
    return keys


def written(server: S3Server) -> list[str]:
    text = server.store.buckets["results"]["runs/one/objects.csv"].decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""), escapechar="\\")
    assert header == ["key"]
    return [key for (key,) in rows]


def retry(server: S3Server, name: str) -> index.Result:
    event: index.Event = {
        "years": None,
        "stations": None,
        "max_objects": None,
        "unit": "knots",
        "prefix": "runs/one/",
        "retry_of": name,
    }
    return index.handler(event, None)


def put_run(server: S3Server, name: str, rejected: list[tuple[str, str]], **summary: object) -> None:
    """The files of an earlier execution, as the reducer writes them."""
    counted = {"objects_listed": 9, "unit": "kmh", "years": [2023], "manifests": [f"runs/{name}/map/id/manifest.json"]}
    server.store.put("results", f"runs/{name}/summary.json", json.dumps(counted | summary).encode())
    server.store.put("results", f"runs/{name}/rejected.csv", reduce.rejected_csv(rejected))


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


def test_should_list_whole_years_for_many_stations_until_there_are_enough(filled: S3Server) -> None:
    stations = [f"{station:011}" for station in range(0, 40, 2)]

    def pages(max_objects: int | None = None) -> int:
        run(filled, stations=stations, max_objects=max_objects)
        return sum("prefix=202" in request for request in filled.store.requests)

    assert pages() == 3 + 2 + 1
    assert pages(5) == 3


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
    assert all("max-keys=1000" in request for request in filled.store.requests if "prefix=2022" in request)


@pytest.mark.parametrize("url_encoding", [True, False])
def test_should_keep_keys_of_any_characters(server: S3Server, url_encoding: bool) -> None:
    server.store.url_encoding = url_encoding
    keys = ['2024/a b+c,"d".csv', "2024/å&<>%41.csv", "2024/tab\tand ;.csv", "2024/back\\slash\r.csv"]
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


def test_should_index_only_what_an_earlier_run_lost(filled: S3Server) -> None:
    put_run(filled, "zero", [("2023/1.csv", "empty object"), ('2022/a,"b"\r\n\n\rc.csv', "failed: Lambda.Unknown")])
    filled.store.requests.clear()

    assert retry(filled, "zero") == {
        "objects_indexed": 2,
        "objects_listed": 9,
        "unit": "kmh",
        "years": [2023],
        "manifests": ["runs/zero/map/id/manifest.json"],
    }
    assert sorted(written(filled)) == ['2022/a,"b"\r\n\n\rc.csv', "2023/1.csv"]
    assert not [request for request in filled.store.requests if "/source" in request]


def test_should_index_nothing_of_a_whole_run(filled: S3Server) -> None:
    put_run(filled, "zero", [])

    assert retry(filled, "zero")["objects_indexed"] == 0
    assert written(filled) == []


def test_should_spread_a_retry_over_the_years_too(filled: S3Server) -> None:
    put_run(filled, "zero", [(f"{year}/{number}.csv", "x") for year in (2022, 2023) for number in range(50)])

    retry(filled, "zero")

    assert Counter(key[:4] for key in written(filled)[:50]) == {"2022": 25, "2023": 25}


@pytest.mark.parametrize("fault", [None, Fault(403, "AccessDenied")])
@pytest.mark.parametrize("file", ["summary.json", "rejected.csv"])
def test_should_say_that_there_is_no_such_run(filled: S3Server, file: str, fault: Fault | None) -> None:
    """S3 calls what isn't there forbidden, to whom may not list the bucket."""
    put_run(filled, "zero", [])
    del filled.store.buckets["results"][f"runs/zero/{file}"]
    if fault is not None:
        filled.store.faults[f"runs/zero/{file}"] = fault

    with pytest.raises(
        UnknownRun, match=r"retry_of is 'zero', and s3://results/runs/zero/ has no .* is to be redriven"
    ):
        retry(filled, "zero")
    assert "runs/one/objects.csv" not in filled.store.buckets["results"]


def test_should_say_that_a_run_is_too_old(filled: S3Server) -> None:
    put_run(filled, "zero", [])
    filled.store.put("results", "runs/zero/summary.json", b'{"objects_listed": 9, "unit": "kmh", "years": null}')

    with pytest.raises(UnknownRun, match=r"retry_of is 'zero', and s3://results/runs/zero/summary.json doesn't name"):
        retry(filled, "zero")


def test_should_not_take_another_error_for_a_missing_run(filled: S3Server) -> None:
    put_run(filled, "zero", [])
    filled.store.faults["runs/zero/summary.json"] = Fault(400, "InvalidRequest")

    with pytest.raises(ClientError, match="InvalidRequest"):
        retry(filled, "zero")


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
