"""The wind-speed app, end to end on the embedded AWS: right results, nothing lost, readable failures."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from demo.wind_speed.sample import sample_objects
from tests.end_to_end.conftest import BATCH_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from demo.wind_speed.sources import Source
    from tests.end_to_end.conftest import WindSpeedApp

pytestmark = pytest.mark.local

# 1 kn is 1852 m/h exactly, 1 mi 1609.344 m.
FROM_KNOTS = {
    "knots": Fraction(1),
    "mph": Fraction(1852000, 1609344),
    "kmh": Fraction(1852, 1000),
    "mps": Fraction(1852, 3600),
}

SAMPLE = {f"{obj.station}-{obj.year}.csv": obj.body() for obj in sample_objects(20)}
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
HEADER = next(iter(SAMPLE.values())).split(b"\n")[0] + b"\n"
NOT_GSOD = {
    "empty.csv": b"",
    "picture.png": PNG,
    "no-wind.csv": b'"STATION","DATE","TEMP"\n"72429793812","2024-01-01"," 32.0"\n',
    "truncated.csv.gz": gzip.compress(next(iter(SAMPLE.values())))[:-20],
    "latin-1.csv": HEADER + '"1","1931-01-01","1","1","1","ZÜRICH, SZ"\n'.encode("latin-1"),
    "header-only.csv": HEADER,
    "index.html": b"<!DOCTYPE html><html><body>Global Surface Summary of the Day</body></html>",
}


def independent_result(bodies: Iterable[bytes], unit: str) -> dict[str, tuple[int, str, str]]:
    """Days, mean and maximum of every station by the textbook: DictReader, exact fractions, one rounding at the end."""
    winds: dict[str, list[Fraction]] = defaultdict(list)
    for body in bodies:
        for row in csv.DictReader(io.StringIO(body.decode())):
            speeds = winds[row["STATION"]]
            if row["WDSP"].strip() != "999.9":
                speeds.append(Fraction(row["WDSP"].strip()))
    factor = FROM_KNOTS[unit]
    return {
        station: (len(w), f"{float(sum(w) / len(w) * factor):.3f}", f"{float(max(w) * factor):.3f}")
        if w
        else (0, "", "")
        for station, w in winds.items()
    }


def result_rows(rows: Iterable[dict[str, str]], unit: str) -> dict[str, tuple[int, str, str]]:
    """The same of stations.csv."""
    mean, highest = f"mean_wind_speed_{unit}", f"max_daily_wind_speed_{unit}"
    return {row["station"]: (int(row["days"]), row[mean], row[highest]) for row in rows}


@pytest.fixture(scope="module")
def real_objects(wind_speed: WindSpeedApp, gsod: Source) -> dict[int, dict[str, bytes]]:
    """NOAA's objects by year and name, put into its bucket."""
    years: dict[int, dict[str, bytes]] = defaultdict(dict)
    for key, read in gsod.objects:
        years[int(key[:4])][key[5:]] = read()
    for year, objects in years.items():
        wind_speed.put(year, objects)
    return years


@pytest.mark.parametrize("unit", FROM_KNOTS)
def test_should_agree_with_an_independent_computation_on_real_objects(
    wind_speed: WindSpeedApp, real_objects: dict[int, dict[str, bytes]], unit: str
) -> None:
    bodies = [body for objects in real_objects.values() for body in objects.values()]
    run = wind_speed.run(years=sorted(real_objects), unit=unit)
    assert run.result.succeeded, run.result
    assert result_rows(run.rows("stations.csv"), unit) == independent_result(bodies, unit)
    assert run.summary["objects_listed"] == run.summary["objects_analysed"] == len(bodies)


def test_should_agree_on_made_up_objects_with_every_quirk(wind_speed: WindSpeedApp) -> None:
    wind_speed.put(1930, SAMPLE)
    run = wind_speed.run(years=[1930], unit="mph")
    assert run.result.succeeded, run.result
    assert result_rows(run.rows("stations.csv"), "mph") == independent_result(SAMPLE.values(), "mph")
    assert run.summary["stations"] == 10
    page = run.files["map.html"].decode()
    assert page.lower().startswith("<!doctype html>")
    features = json.loads(run.files["stations.geojson"])["features"]
    assert {feature["geometry"]["type"] for feature in features} == {"Point"}


def test_should_read_only_the_stations_asked_for_and_no_more_than_max_objects(wind_speed: WindSpeedApp) -> None:
    wind_speed.put(1932, {f"{n:011}.csv": body for n, body in enumerate(SAMPLE.values())})
    wanted = [f"{n:011}" for n in (3, 4)]
    run = wind_speed.run(years=[1932], stations=wanted)
    assert run.files["objects.csv"].decode().split() == ["key", *(f"1932/{station}.csv" for station in wanted)]
    run = wind_speed.run(years=[1932], max_objects=7)
    assert run.summary["objects_listed"] == 7
    assert len(run.files["objects.csv"].split()) == 8


def test_should_reject_each_bad_object_with_its_reason_and_succeed_under_the_tolerance(
    wind_speed: WindSpeedApp,
) -> None:
    # 7 bad ones of 147 are under 5 %.
    good = {f"{n}-{name}": body for n in range(7) for name, body in SAMPLE.items()}
    wind_speed.put(1933, good | NOT_GSOD)
    run = wind_speed.run(years=[1933])
    assert run.result.succeeded, run.result
    assert {name: count for name, count in run.summary.items() if name.startswith("objects_")} == {
        "objects_listed": 147,
        "objects_analysed": 140,
        "objects_rejected": 7,
        "objects_failed": 0,
    }
    reasons = {row["key"].removeprefix("1933/"): row["reason"] for row in run.rows("rejected.csv")}
    assert reasons.keys() == NOT_GSOD.keys()
    assert all(reasons.values())
    assert len(set(reasons.values())) >= 6  # a reason says what is wrong with this object, not only that it is


def test_should_fail_over_the_tolerance_and_write_the_files_all_the_same(wind_speed: WindSpeedApp) -> None:
    wind_speed.put(1934, SAMPLE | NOT_GSOD)
    run = wind_speed.run(years=[1934], unit="mph")
    assert run.result.status == "FAILED"
    assert run.result.error == "TooManyRejectedObjects"
    assert run.result.cause is not None
    assert "7" in run.result.cause
    assert "5" in run.result.cause
    assert {"stations.csv", "stations.geojson", "rejected.csv", "summary.json", "map.html"} <= run.files.keys()
    assert run.summary["objects_rejected"] == 7
    assert result_rows(run.rows("stations.csv"), "mph") == independent_result(SAMPLE.values(), "mph")


def test_should_write_stations_as_designed(wind_speed: WindSpeedApp) -> None:
    wind_speed.put(1935, SAMPLE)
    run = wind_speed.run(years=[1935], unit="kmh")
    stations = run.files["stations.csv"].decode().split("\n")
    assert stations[0] == (
        "station,name,latitude,longitude,elevation_m,days,mean_wind_speed_kmh,max_daily_wind_speed_kmh,first_date,last_date"
    )
    names = [row["station"] for row in run.rows("stations.csv")]
    assert names == sorted(names)
    missing = next(row for row in run.rows("stations.csv") if row["days"] == "0")
    assert missing["mean_wind_speed_kmh"] == missing["max_daily_wind_speed_kmh"] == ""
    assert run.summary["unit"] == "kmh"
    assert run.summary["years"] == [1935]
    assert run.summary["sample"] is False
    assert run.summary["execution_arn"] == run.result.execution_arn
    assert 0 < run.summary["duration_seconds"] < 300


def test_should_batch_the_objects_as_set(wind_speed: WindSpeedApp) -> None:
    wind_speed.put(1936, SAMPLE)
    run = wind_speed.run(years=[1936])
    sfn = wind_speed.cloud.client("stepfunctions")
    (map_run,) = sfn.list_map_runs(executionArn=run.result.execution_arn)["mapRuns"]
    described = sfn.describe_map_run(mapRunArn=map_run["mapRunArn"])
    assert described["itemCounts"]["succeeded"] == len(SAMPLE)
    assert described["executionCounts"]["succeeded"] == len(SAMPLE) // BATCH_SIZE
    assert "/AnalyzeObjects:" in map_run["mapRunArn"]


@pytest.mark.parametrize(
    ("execution_input", "error", "said"),
    [
        ({"unit": "furlongs"}, "UnknownUnit", ["furlongs", "knots", "mph", "kmh", "mps"]),
        ({"unit": 7}, "UnknownUnit", ["7", "knots"]),
        ({"year": [2024]}, "InvalidInput", ["year", "years", "stations", "unit", "max_objects"]),
        ({"years": 2024}, "InvalidInput", ["years"]),
        ({"years": ["2024"]}, "InvalidInput", ["years"]),
        ({"years": [1928]}, "InvalidInput", ["1928", "1929"]),
        ({"years": [2999]}, "InvalidInput", ["2999", "1929"]),
        ({"stations": "72429793812"}, "InvalidInput", ["stations"]),
        ({"stations": [72429793812]}, "InvalidInput", ["stations"]),
        ({"max_objects": 0}, "InvalidInput", ["max_objects", "0"]),
        ({"max_objects": 1.5}, "InvalidInput", ["max_objects", "1.5"]),
        ({"years": [1939]}, "NoObjects", ["noaa-gsod-pds", "1939"]),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_should_refuse_a_wrong_input_with_a_readable_cause(
    wind_speed: WindSpeedApp, execution_input: dict[str, object], error: str, said: list[str]
) -> None:
    result = wind_speed.run(**execution_input).result
    assert (result.status, result.error) == ("FAILED", error)
    for words in said:
        assert words in str(result.cause)
