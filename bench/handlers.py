"""The wind-speed handlers against an S3 on loopback, with TLS: analyze, reduce, index.

Jobs run in processes of their own; so does the server. Observations and keys are made up, always the same ones.
"""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.measure import Benchmark, Measure, at_least, at_most, run_job
from bench.s3_server import S3Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_BUCKET = "bench"
_ENVIRONMENT = {"SOURCE_BUCKET": _BUCKET, "RESULTS_BUCKET": _BUCKET}

_OBJECTS = 500
_DAYS = 312
_LATENCY_SECONDS = 0.02

_CHILDREN = 1_200
_STATIONS = 24_000

_YEARS = range(1976, 2026)
_KEYS_A_YEAR = 12_000
_BATCH = 500

_HEADER = (
    '"STATION","DATE","LATITUDE","LONGITUDE","ELEVATION","NAME","TEMP","TEMP_ATTRIBUTES","DEWP","DEWP_ATTRIBUTES",'
    '"SLP","SLP_ATTRIBUTES","STP","STP_ATTRIBUTES","VISIB","VISIB_ATTRIBUTES","WDSP","WDSP_ATTRIBUTES","MXSPD","GUST",'
    '"MAX","MAX_ATTRIBUTES","MIN","MIN_ATTRIBUTES","PRCP","PRCP_ATTRIBUTES","SNDP","FRSHTT"\n'
)


def _object_keys() -> list[str]:
    return [f"{2000 + index % 25}/{72000000000 + index}.csv" for index in range(_OBJECTS)]


def gsod_objects() -> Iterator[tuple[str, str, bytes]]:
    """Yield 500 objects of 71 KB, laid out as NOAA's are: their rows are that long, and most miss some days."""
    chance = random.Random(2024)  # noqa: S311 - made-up wind, no secret
    for key in _object_keys():
        year, station = int(key[:4]), key[5:16]
        rows = []
        for day in range(_DAYS):
            speed = 999.9 if chance.random() < 0.05 else chance.randrange(300) / 10
            rows.append(
                f'"{station}","{date(year, 1, 1) + timedelta(day)}","39.106","-84.41609","144.8","MADE UP AIRPORT",'
                f'"  36.1","24","  30.1","24","1020.8","24","997.6","24","  9.3","24","{speed:5.1f}","24","  9.9",'
                '"999.9","  39.9"," ","  32.0"," "," 0.00","G","999.9","000000"\n'
            )
        yield _BUCKET, key, (_HEADER + "".join(rows)).encode()


def sequential_job() -> Callable[[], object]:
    """Read the objects one after the other with the SDK and csv.DictReader, as AWS's samples do."""
    import csv
    import io

    import boto3

    s3 = boto3.client("s3")

    def run() -> list[int]:
        days = tenths = 0
        for key in _object_keys():
            text = s3.get_object(Bucket=_BUCKET, Key=key)["Body"].read().decode()
            for row in csv.DictReader(io.StringIO(text)):
                if row["WDSP"].strip() != "999.9":
                    days += 1
                    tenths += round(float(row["WDSP"]) * 10)
        return [days, tenths]

    return run


def analyze_job() -> Callable[[], object]:
    """Read the same objects with the handler."""
    from lambdas.wind_speed import analyze

    analyze._reader(_BUCKET)

    def run() -> list[int]:
        result = analyze.handler({"Items": [{"key": key} for key in _object_keys()]}, None)
        days, tenths = (sum(int(record[at] or 0) for record in result["stations"]) for at in (5, 6))
        return [days, tenths]

    return run


def measure_analyze() -> Sequence[Measure]:
    """Compare the handler, the median of three runs, with the sequential way; both through one server."""
    with S3Process(gsod_objects, _LATENCY_SECONDS) as server:
        environment = server.environment | _ENVIRONMENT
        sequential = run_job("bench.handlers:sequential_job", environment=environment)
        runs = [run_job("bench.handlers:analyze_job", environment=environment) for _ in range(3)]
    if any(run.result != sequential.result for run in runs):
        raise ValueError(f"days and tenths differ: {runs[0].result}, one after the other {sequential.result}")
    wall, cpu = median(run.wall_seconds for run in runs), median(run.cpu_seconds for run in runs)
    return [
        at_least("handler speed-up", sequential.wall_seconds / wall, "times", 12),
        at_most("handler CPU", cpu / sequential.cpu_seconds, "of sequential", 1 / 3),
        at_most("handler peak memory", max(run.peak_mb for run in runs), "MB", 200),
    ]


def _sizes_of_years() -> dict[int, int]:
    """Return how many objects each year has: few in 1929, 12,384 in 2025, 600,000 together, much as at NOAA."""
    return {year: 41 + 128 * (year - 1929) for year in range(1929, 2025)} | {2025: 12_384}


def batch_results() -> Iterator[tuple[str, str, bytes]]:
    """Yield a manifest and its result file: 1,200 batches of 500 objects, from 24,000 stations and 97 years.

    Each year has stations of its own; the index spreads them over the batches, and a batch has a record a station.
    """
    from lambdas.wind_speed import index

    chance = random.Random(1929)  # noqa: S311 - made-up stations, no secret
    years = [
        [f"{year}/{station:011d}" for station in sorted(chance.sample(range(_STATIONS), size))]
        for year, size in _sizes_of_years().items()
    ]
    keys = index.spread(years)
    lines = []
    for child in range(_CHILDREN):
        records: dict[str, list[Any]] = {}
        for key in keys[child * _BATCH : (child + 1) * _BATCH]:
            year, _, station = key.partition("/")
            number = int(station)
            place = [f"STATION {number}, MADE UP", number % 180 - 90.1234567, number % 360 - 180.1, number % 2000 / 10]
            first, last = f"{year}-01-01", f"{year}-12-31"
            record = records.setdefault(station, [station, *place, 0, 0, 312, first, last, last])
            record[5:7] = record[5] + 365, record[6] + 26000 + number
            record[8], record[9], record[10] = min(record[8], first), max(record[9], last), max(record[10], last)
        lines.append(json.dumps({"analysed": _BATCH, "stations": list(records.values()), "rejected": []}))
    manifest = {"ResultFiles": {"SUCCEEDED": [{"Key": "map/SUCCEEDED_0.jsonl"}], "FAILED": [], "PENDING": []}}
    yield _BUCKET, "map/manifest.json", json.dumps(manifest).encode()
    yield _BUCKET, "map/SUCCEEDED_0.jsonl", "\n".join(lines).encode()


def reduce_job() -> Callable[[], object]:
    """Reduce them with the handler: the five files written, the page included."""
    from lambdas.wind_speed import reduce

    def run() -> object:
        event: reduce.Event = {
            "manifest": {"bucket": _BUCKET, "key": "map/manifest.json"},
            "manifests": [],
            "retry_of": None,
            "objects_listed": _CHILDREN * _BATCH,
            "unit": "mph",
            "factor": 1852 / 1609.344,
            "years": None,
            "prefix": "out/",
            "execution_arn": "arn:aws:states:us-east-1:111111111111:execution:bench:bench",
            "started_at": "2026-11-21T04:00:00.000Z",
            "sample": True,
            "tolerated_failure_percentage": 5,
        }
        return reduce.handler(event, None)["stations"]

    return run


def measure_reduce() -> Sequence[Measure]:
    """Measure the reducer over a whole run's results."""
    with S3Process(batch_results) as server:
        reducer = run_job("bench.handlers:reduce_job", environment=server.environment | _ENVIRONMENT)
    if reducer.result != _STATIONS:
        raise ValueError(f"{reducer.result} stations, not {_STATIONS}")
    return [
        at_most("reducer CPU", reducer.cpu_seconds, "s", 2),
        at_most("reducer peak memory", reducer.peak_mb, "MB", 200),
    ]


def empty_objects() -> Iterator[tuple[str, str, bytes]]:
    """Yield the keys of a bucket of NOAA's size: 600 list pages."""
    for year in _YEARS:
        for station in range(_KEYS_A_YEAR):
            yield _BUCKET, f"{year}/{station * 73:011d}.csv", b""


def list_job() -> Callable[[], object]:
    """List every year, the years found by the handler itself."""
    from lambdas.wind_speed import index

    return lambda: sum(len(keys) for keys in index.list_years(_BUCKET, "", None, None, None))


def spread_job() -> Callable[[], object]:
    """Spread the keys over the file, and write it to S3."""
    from lambdas.wind_speed import index, s3

    years = [[f"{year}/{station * 73:011d}.csv" for station in range(_KEYS_A_YEAR)] for year in _YEARS]

    def run() -> object:
        body = index.as_csv(index.spread(years))
        s3.write(_BUCKET, "objects.csv", body, "text/csv; charset=utf-8")
        return body.count(b"\n") - 1

    return run


def uneven_job() -> Callable[[], object]:
    """Count in each batch by how many keys a year misses its share, at most."""
    from collections import Counter

    from lambdas.wind_speed import index

    years = [[f"{year}/{station}" for station in range(size)] for year, size in _sizes_of_years().items()]

    def run() -> float:
        keys = index.spread(years)
        worst = 0.0
        for start in range(0, len(keys) - _BATCH + 1, _BATCH):
            found = Counter(key[:4] for key in keys[start : start + _BATCH])
            worst = max(worst, *(abs(found[year[0][:4]] - len(year) * _BATCH / len(keys)) for year in years))
        return worst

    return run


def measure_index() -> Sequence[Measure]:
    """Measure listing, spreading and writing, and how even the outcome is."""
    with S3Process(empty_objects) as server:
        environment = server.environment | _ENVIRONMENT
        listing = run_job("bench.handlers:list_job", environment=environment)
        spreading = run_job("bench.handlers:spread_job", environment=environment)
    keys = len(_YEARS) * _KEYS_A_YEAR
    if (listing.result, spreading.result) != (keys, keys):
        raise ValueError(f"{listing.result} keys listed, {spreading.result} written, not {keys}")
    return [
        at_most("index listing CPU", listing.cpu_seconds, "s", 3),
        at_most("index listing peak memory", listing.peak_mb, "MB", 300),
        at_most("index spread and write", spreading.wall_seconds, "s", 3),
        at_most("index unevenness", run_job("bench.handlers:uneven_job").result, "keys of 500", 2),
    ]


BENCHMARKS = [
    Benchmark("handler", f"analyze {_OBJECTS} objects, and the same one after the other", measure_analyze),
    Benchmark("reducer", f"reduce {_CHILDREN:,} batches of {_STATIONS:,} stations", measure_reduce),
    Benchmark("index", f"list, spread and write {len(_YEARS) * _KEYS_A_YEAR:,} keys", measure_index),
]
