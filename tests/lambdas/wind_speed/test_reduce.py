from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from bench.s3_server import Fault
from lambdas.wind_speed import analyze, reduce, s3
from tests.lambdas.wind_speed.observations import read_independently

if TYPE_CHECKING:
    from bench.s3_server import S3Server

REAL = Path(__file__).parents[4] / "shared" / "gsod"

FACTORS = {"knots": 1, "mph": 1852 / 1609.344, "kmh": 1.852, "mps": 1852 / 3600}
EVENT: reduce.Event = {
    "manifest": {"bucket": "results", "key": "runs/one/map/id/manifest.json"},
    "manifests": [],
    "retry_of": None,
    "objects_listed": 4,
    "unit": "knots",
    "factor": 1,
    "years": [2023, 2024],
    "prefix": "runs/one/",
    "execution_arn": "arn:aws:states:us-east-1:111111111111:execution:WindSpeed:one",
    "started_at": "2026-11-21T04:00:00.000Z",
    "sample": True,
    "tolerated_failure_percentage": 5,
}
JAN_MAYEN = ["01001099999", "JAN MAYEN, NO", 70.9333333, -8.6666667, 9]
FIRST: dict[str, Any] = {
    "analysed": 2,
    "stations": [
        [*JAN_MAYEN, 365, 36510, 499, "2023-01-01", "2023-12-31", "2023-12-31"],
        ["X", "", None, None, None, 0, 0, None, "1960-01-01", "1960-01-01", "1960-01-01"],
    ],
    "rejected": [["2023/b,c.csv", "empty object"]],
}
SECOND: dict[str, Any] = {
    "analysed": 1,
    "stations": [[*JAN_MAYEN, 3, 7, 5, "2024-01-01", "2024-01-03", "2024-01-03"]],
    "rejected": [],
}


def child(status: str, *keys: str, error: str | None = None) -> dict[str, Any]:
    """A child execution as the result writer describes one that didn't succeed."""
    described = {"Status": status, "Name": "n", "Input": json.dumps({"Items": [{"key": key} for key in keys]})}
    return described | ({} if error is None else {"Error": error, "Cause": "…"})


def put(server: S3Server, **files: list[bytes]) -> None:
    """Write a map's result files and their manifest; each argument is a status."""
    listed: dict[str, list[dict[str, Any]]] = {status: [] for status in ("SUCCEEDED", "FAILED", "PENDING")}
    for status, bodies in files.items():
        for at, body in enumerate(bodies):
            key = f"runs/one/map/id/{status}_{at}.json"
            server.store.put("results", key, body)
            listed[status].append({"Key": key, "Size": len(body)})
    manifest = {"DestinationBucket": "results", "MapRunArn": "arn", "ResultFiles": listed}
    server.store.put("results", EVENT["manifest"]["key"], json.dumps(manifest, indent=1).encode())


def lines(*results: dict[str, Any]) -> bytes:
    return "".join(json.dumps(result) + "\n" for result in results).encode()


def run(**changed: Any) -> dict[str, Any]:
    return reduce.handler(EVENT | changed, None)  # type: ignore[arg-type, operator, unused-ignore]


def text(server: S3Server, name: str) -> str:
    return server.store.buckets["results"][f"runs/one/{name}"].decode()


def test_should_write_the_stations(server: S3Server) -> None:
    put(server, SUCCEEDED=[lines(FIRST), lines(SECOND)])

    run()

    assert text(server, "stations.csv") == (
        "station,name,latitude,longitude,elevation_m,days,mean_wind_speed_knots,max_daily_wind_speed_knots,"
        "first_date,last_date\n"
        '01001099999,"JAN MAYEN, NO",70.9333333,-8.6666667,9.0,368,9.923,49.900,2023-01-01,2024-01-03\n'
        "X,,,,,0,,,1960-01-01,1960-01-01\n"
    )
    assert json.loads(text(server, "stations.geojson")) == {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [-8.6666667, 70.9333333]},
                "properties": {
                    "station": "01001099999",
                    "name": "JAN MAYEN, NO",
                    "elevation_m": 9.0,
                    "days": 368,
                    "mean_wind_speed_knots": 9.923,
                    "max_daily_wind_speed_knots": 49.9,
                    "first_date": "2023-01-01",
                    "last_date": "2024-01-03",
                },
            },
            {
                "type": "Feature",
                "geometry": None,
                "properties": {
                    "station": "X",
                    "name": "",
                    "elevation_m": None,
                    "days": 0,
                    "mean_wind_speed_knots": None,
                    "max_daily_wind_speed_knots": None,
                    "first_date": "1960-01-01",
                    "last_date": "1960-01-01",
                },
            },
        ],
    }


def test_should_sum_up_and_say_where_the_files_are(server: S3Server) -> None:
    put(server, SUCCEEDED=[lines(FIRST, SECOND)])

    result = run()

    summary = json.loads(text(server, "summary.json"))
    assert summary.pop("duration_seconds") == result["duration_seconds"]
    assert summary == {
        "objects_listed": 4,
        "objects_analysed": 3,
        "objects_rejected": 1,
        "objects_failed": 0,
        "stations": 2,
        "unit": "knots",
        "years": [2023, 2024],
        "execution_arn": EVENT["execution_arn"],
        "retry_of": None,
        "manifests": ["runs/one/map/id/manifest.json"],
        "sample": True,
    }
    assert summary.items() <= result.items()
    assert (result["bucket"], result["prefix"]) == ("results", "runs/one/")
    assert result["files"] == {
        "stations": "s3://results/runs/one/stations.csv",
        "geojson": "s3://results/runs/one/stations.geojson",
        "rejected": "s3://results/runs/one/rejected.csv",
        "summary": "s3://results/runs/one/summary.json",
        "map": "s3://results/runs/one/map.html",
    }
    assert {uri.removeprefix("s3://results/") for uri in result["files"].values()} <= set(
        server.store.buckets["results"]
    )
    types = {name.rpartition("/")[2]: declared for name, declared in server.store.content_types.items()}
    assert types == {
        "stations.csv": "text/csv; charset=utf-8",
        "stations.geojson": "application/geo+json",
        "rejected.csv": "text/csv; charset=utf-8",
        "summary.json": "application/json",
        "map.html": "text/html; charset=utf-8",
    }
    assert "JAN MAYEN, NO" in text(server, "map.html")


def test_should_complete_an_earlier_run_as_if_it_were_one(server: S3Server) -> None:
    """What that one rejected, or lost with a child, is in this one's results; what it analysed is read once more."""
    mended = {"analysed": 1, "stations": SECOND["stations"], "rejected": [["2022/1.csv", "empty object"]]}
    put(server, SUCCEEDED=[lines(FIRST | {"rejected": []}, mended)])
    run()
    whole = {name: text(server, name) for name in ("stations.csv", "stations.geojson", "rejected.csv")}
    put(server, SUCCEEDED=[lines(FIRST)], FAILED=[json.dumps([child("FAILED", "2022/1.csv")]).encode()])
    run()
    for name in [*server.store.buckets["results"]]:
        server.store.put("results", name.replace("runs/one", "runs/zero"), server.store.buckets["results"][name])
    earlier = text(server, "summary.json")
    manifest = server.store.buckets["results"]["runs/zero/map/id/manifest.json"].replace(b"runs/one", b"runs/zero")
    server.store.put("results", "runs/zero/map/id/manifest.json", manifest)

    put(server, SUCCEEDED=[lines(mended)])
    result = run(manifests=["runs/zero/map/id/manifest.json"], retry_of="zero")

    assert {name: text(server, name) for name in whole} == whole
    assert (json.loads(earlier)["objects_rejected"], json.loads(earlier)["objects_failed"]) == (1, 1)
    assert (result["objects_listed"], result["objects_analysed"], result["objects_rejected"]) == (4, 3, 1)
    assert (result["retry_of"], result["manifests"]) == (
        "zero",
        ["runs/zero/map/id/manifest.json", "runs/one/map/id/manifest.json"],
    )


@pytest.mark.parametrize(
    ("gone", "fault"),
    [
        ("runs/zero/map/id/manifest.json", Fault(404, "NoSuchKey")),
        ("runs/zero/map/id/manifest.json", Fault(403, "AccessDenied")),
        ("runs/one/map/id/SUCCEEDED_0.json", Fault(404, "NoSuchKey")),
    ],
)
def test_should_say_that_an_earlier_runs_results_are_gone(server: S3Server, gone: str, fault: Fault) -> None:
    put(server, SUCCEEDED=[lines(FIRST)])
    objects = server.store.buckets["results"]
    server.store.put("results", "runs/zero/map/id/manifest.json", objects["runs/one/map/id/manifest.json"])
    server.store.faults[gone] = fault

    with pytest.raises(reduce.MissingInput, match=r"s3://results/runs/zero/map/id/manifest\.json names; they are gone"):
        run(manifests=["runs/zero/map/id/manifest.json"], retry_of="zero")
    assert "runs/one/stations.csv" not in objects


def test_should_not_take_another_error_for_results_that_are_gone(server: S3Server) -> None:
    put(server, SUCCEEDED=[lines(FIRST)])
    server.store.faults["runs/zero/map/id/manifest.json"] = Fault(400, "InvalidRequest")

    with pytest.raises(ClientError, match="InvalidRequest"):
        run(manifests=["runs/zero/map/id/manifest.json"], retry_of="zero")


def test_should_write_whole_numbers_as_such(server: S3Server) -> None:
    put(server, SUCCEEDED=[lines(FIRST, SECOND)])

    result = run(objects_listed=4.0, years=[2023.0, 2.024e3])

    assert json.dumps([result["objects_listed"], result["years"]]) == "[4, [2023, 2024]]"
    assert '"objects_listed": 4,' in text(server, "summary.json")
    assert "2024.0" not in text(server, "summary.json") + text(server, "map.html")


def test_should_measure_the_duration_from_the_executions_start(server: S3Server) -> None:
    put(server, SUCCEEDED=[lines(FIRST, SECOND)])

    def duration(started_at: str) -> float:
        return float(run(started_at=started_at)["duration_seconds"])

    hour = duration("2026-11-21T03:00:00.000Z") - duration("2026-11-21T04:00:00Z")
    assert hour == pytest.approx(3600, abs=60)


@pytest.mark.parametrize("as_array", [True, False])
def test_should_count_failed_and_pending_children_as_failed_objects(server: S3Server, as_array: bool) -> None:
    failed = [child("FAILED", "2024/f1.csv", "2024/f2.csv", error="States.Timeout"), child("TIMED_OUT", "2024/f3.csv")]
    body = json.dumps(failed, indent=2).encode() if as_array else lines(*failed)
    put(server, SUCCEEDED=[lines(FIRST, SECOND)], FAILED=[body], PENDING=[lines(child("PENDING", "2024/a.csv"))])

    result = run(objects_listed=8)

    assert (result["objects_analysed"], result["objects_rejected"], result["objects_failed"]) == (3, 1, 4)
    assert text(server, "rejected.csv") == (
        "key,reason\n"
        '"2023/b,c.csv",empty object\n'
        "2024/a.csv,failed: PENDING\n"
        "2024/f1.csv,failed: States.Timeout\n"
        "2024/f2.csv,failed: States.Timeout\n"
        "2024/f3.csv,failed: TIMED_OUT\n"
    )


@pytest.mark.parametrize("status", ["FAILED", "PENDING"])
def test_should_say_which_child_has_no_input(server: S3Server, status: str) -> None:
    arn = "arn:aws:states:us-east-1:111111111111:express:WindSpeed/AnalyzeObjects:id:child"
    bare = {"ExecutionArn": arn, "Name": "child", "Status": status, "InputDetails": {"Included": False}}
    put(server, SUCCEEDED=[lines(FIRST, SECOND)], **{status: [lines(child(status, "2024/1.csv"), bare)]})

    with pytest.raises(reduce.MissingInput) as error:
        run(objects_listed=6)
    assert str(error.value) == (
        f"{arn} didn't succeed, and the map's result file leaves out its input (InputDetails.Included is false): "
        "the objects lost with it can't be named or counted."
    )
    assert "runs/one/stations.csv" not in server.store.buckets["results"]


def test_should_pass_over_blank_lines_and_empty_files(server: S3Server) -> None:
    put(server, SUCCEEDED=[lines(FIRST) + b"\n", b"", lines(SECOND)], FAILED=[b"", b"[]"], PENDING=[b"\n"])

    assert run()["objects_analysed"] == 3


def test_should_write_files_without_a_single_success(server: S3Server) -> None:
    put(server, FAILED=[json.dumps([child("FAILED", "2024/1.csv", error="E")]).encode()])

    result = run(objects_listed=1, tolerated_failure_percentage=100)

    assert (result["stations"], result["too_many_rejected"]) == (0, False)
    assert text(server, "stations.csv").count("\n") == 1
    assert json.loads(text(server, "stations.geojson"))["features"] == []


@pytest.mark.parametrize(("tolerated", "too_many"), [(0, True), (24.9, True), (25, False), (100, False)])
def test_should_say_when_too_many_were_lost(server: S3Server, tolerated: float, too_many: bool) -> None:
    put(server, SUCCEEDED=[lines(FIRST, SECOND)])

    assert run(tolerated_failure_percentage=tolerated)["too_many_rejected"] is too_many


@pytest.mark.parametrize("listed", [3, 5])
def test_should_write_nothing_when_objects_were_lost_or_counted_twice(server: S3Server, listed: int) -> None:
    put(server, SUCCEEDED=[lines(FIRST, SECOND)])

    with pytest.raises(reduce.CountMismatch, match=f"{listed} objects listed, but 3 analysed, 1 rejected and 0 failed"):
        run(objects_listed=listed)
    assert "runs/one/stations.csv" not in server.store.buckets["results"]


def test_should_not_lose_a_day_to_the_order_of_the_children(server: S3Server) -> None:
    put(server, SUCCEEDED=[lines(FIRST, SECOND)])
    run()
    one_way = text(server, "stations.csv")
    put(server, SUCCEEDED=[lines(SECOND, FIRST)])
    run()

    assert text(server, "stations.csv") == one_way


def test_should_round_half_to_even(server: S3Server) -> None:
    """0.3125 and 0.1875 are exact as doubles, so that nothing but the rule decides."""
    sums = {"A": (16, 50), "B": (16, 30)}  # days, tenths: means of 0.3125 and 0.1875
    records = [
        [name, "", None, None, None, days, tenths, tenths, *["2024-01-01"] * 3] for name, (days, tenths) in sums.items()
    ]
    put(server, SUCCEEDED=[lines({"analysed": 2, "stations": records, "rejected": []})])

    run(objects_listed=2)

    rows = list(csv.DictReader(io.StringIO(text(server, "stations.csv"))))
    assert [row["mean_wind_speed_knots"] for row in rows] == ["0.312", "0.188"]


def test_should_ask_for_a_retry_when_a_result_file_breaks_off(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(server, SUCCEEDED=[lines(FIRST, SECOND)])
    server.store.faults["runs/one/map/id/SUCCEEDED_0.json"] = Fault(cut=True)

    with pytest.raises(s3.TransientS3Error):
        run()


def test_should_not_hide_a_missing_manifest(server: S3Server) -> None:
    with pytest.raises(ClientError, match="NoSuchKey"):
        run()


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real GSOD objects at {REAL}")
@pytest.mark.parametrize("unit", [*FACTORS])
def test_should_equal_an_independent_computation_on_real_objects(server: S3Server, unit: str) -> None:
    paths = sorted(REAL.glob("*/*.csv"))
    keys = [f"{path.parent.name}/{path.name}" for path in paths]
    server.store.buckets["source"] = {key: path.read_bytes() for key, path in zip(keys, paths, strict=True)}
    batches = [
        analyze.handler({"Items": [{"key": key} for key in keys[start : start + 5]]}, None)
        for start in range(0, len(keys), 5)
    ]
    put(server, SUCCEEDED=[lines(*map(dict, batches))])

    run(objects_listed=len(keys), unit=unit, factor=FACTORS[unit])

    expected: dict[str, list[Decimal]] = {}
    for path in paths:
        stations, _, speeds, _ = read_independently(path.read_bytes())
        expected.setdefault(stations.pop(), []).extend(speeds)
    rows = {row["station"]: row for row in csv.DictReader(io.StringIO(text(server, "stations.csv")))}
    assert rows.keys() == expected.keys()
    for station, speeds in expected.items():
        row, factor = rows[station], Decimal(FACTORS[unit])
        assert int(row["days"]) == len(speeds)
        assert abs(Decimal(row[f"mean_wind_speed_{unit}"]) - sum(speeds) * factor / len(speeds)) <= Decimal("0.0005")
        assert abs(Decimal(row[f"max_daily_wind_speed_{unit}"]) - max(speeds) * factor) <= Decimal("0.0005")
