"""The made-up objects: as many as asked, the same every time, with every quirk of the real ones."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.wind_speed.sample import HEADER, MISSING_WIND, OLD_YEAR, SampleObject, sample_objects


@pytest.fixture(scope="module")
def objects() -> list[SampleObject]:
    return list(sample_objects(2400))


def rows(obj: SampleObject) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(obj.body().decode())))


@settings(deadline=None)  # the first call reads the airports
@given(count=st.integers(1, 60))
def test_should_give_exactly_as_many_objects_as_asked_each_under_a_key_of_its_own(count: int) -> None:
    assert len({obj.key for obj in sample_objects(count)}) == count


@pytest.mark.parametrize("count", [0, -1, 10_000_000])
def test_should_refuse_a_count_out_of_range_naming_the_range(count: int) -> None:
    with pytest.raises(ValueError, match=r"from 1 to \d+,\d+ objects"):
        list(sample_objects(count))


def test_should_give_the_same_bytes_every_time(objects: list[SampleObject]) -> None:
    assert [obj.body() for obj in sample_objects(20)] == [obj.body() for obj in objects[:20]]


def test_should_have_a_thousand_stations_all_over_the_world_with_thirty_rows_each(objects: list[SampleObject]) -> None:
    assert len({obj.station for obj in objects}) >= 1000
    cells = {(obj.airport.latitude // 30, obj.airport.longitude // 30) for obj in objects}
    assert len(cells) >= 48  # of the 72 cells of 30 degrees; the others are sea
    assert min(obj.body().count(b"\n") - 1 for obj in objects) >= 30


def test_should_be_laid_out_as_a_real_object_is(objects: list[SampleObject]) -> None:
    plain = rows(objects[0])
    assert ",".join(f'"{name}"' for name in plain[0]) + "\n" == HEADER
    assert plain[0]["STATION"] == objects[0].station
    assert plain[0]["DATE"] == f"{objects[0].year}-01-01"
    assert plain[0]["LATITUDE"] == str(objects[0].airport.latitude)
    assert all(len(row["WDSP"]) == 5 for row in plain)


def test_should_show_every_quirk_of_real_objects_in_the_first_five_stations(objects: list[SampleObject]) -> None:
    first = {obj.key: obj for obj in objects[:10]}
    assert all("," in row["NAME"] for row in rows(objects[0]))
    assert any(row["WDSP"].startswith("  ") for row in rows(objects[0]))
    assert any(obj.station.startswith("A") for obj in first.values())
    missing = {
        obj.key: sum(row["WDSP"] == MISSING_WIND for row in rows(obj)) / len(rows(obj)) for obj in first.values()
    }
    assert any(share == 1 for share in missing.values())
    assert any(0.5 < share < 1 for share in missing.values())
    assert any(share == 0 for share in missing.values())
    old = next(obj for obj in first.values() if obj.year == OLD_YEAR)
    assert b'-01-01",,,,,"' in old.body()
    assert rows(old)[0]["LATITUDE"] == rows(old)[0]["NAME"] == ""
