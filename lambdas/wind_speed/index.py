"""Index objects: the keys of every year's GSOD objects, as the one CSV file that the Distributed Map reads.

The map's own reader can't list a bucket of another account. Years are listed at once, and spread evenly over the file:
S3 throttles by prefix, the year is the prefix, and a file in the order of the listing would read one year at a time.
"""

from __future__ import annotations

import logging
import os
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, TypedDict

from . import csv_files, s3
from .earlier_run import EarlierRun

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

# Up to so many stations are looked up one by one in each year, which takes about six pages to list whole.
_FEW_STATIONS = 6

_logger = logging.getLogger(__name__)


class Event(TypedDict):
    """Which objects: None stands for every year, every station, no limit. `prefix` is where this execution writes.

    With `retry_of`, an execution's name: those that it rejected, or that failed; the rest is that one's.
    Numbers are whole, but come as the user wrote them: 2024, 2024.0 or 2.024e3.
    """

    years: list[float] | None
    stations: list[str] | None
    max_objects: float | None
    unit: str
    prefix: str
    retry_of: str | None


class Result(TypedDict):
    """How many keys the file has, and of how many objects the results will be.

    Those of `manifests` stand and are merged in: none, or an earlier execution's.
    """

    objects_indexed: int
    objects_listed: int
    unit: str
    years: list[int] | None
    manifests: list[str]


@s3.slow_downs.reported()
def handler(event: Event, context: object) -> Result:  # noqa: ARG001 - Lambda passes both
    """List SOURCE_BUCKET under SOURCE_PREFIX, or an earlier execution's rejected objects; write `objects.csv`.

    RESULTS_BUCKET gets it. Raises UnknownRun.
    """
    results = os.environ["RESULTS_BUCKET"]
    if event["retry_of"] is not None:
        earlier = EarlierRun.read(results, event["retry_of"])
        keys = spread(_by_folder(earlier.keys))
        listed, unit, years = earlier.objects_listed, earlier.unit, earlier.years
        manifests = list(earlier.manifests)
    else:
        years = None if event["years"] is None else [int(year) for year in event["years"]]
        stations = None if event["stations"] is None else frozenset(event["stations"])
        limit = None if event["max_objects"] is None else int(event["max_objects"])
        listing = list_years(os.environ["SOURCE_BUCKET"], os.environ.get("SOURCE_PREFIX", ""), years, stations, limit)
        keys = spread(listing)[:limit]
        listed, unit, manifests = len(keys), event["unit"], []
    s3.write(results, f"{event['prefix']}objects.csv", as_csv(keys), "text/csv; charset=utf-8")
    _logger.info("Indexed objects", extra={"objects_indexed": len(keys), "retry_of": event["retry_of"]})
    return {
        "objects_indexed": len(keys),
        "objects_listed": listed,
        "unit": unit,
        "years": years,
        "manifests": manifests,
    }


def _by_folder(keys: Iterable[str]) -> list[list[str]]:
    folders: dict[str, list[str]] = {}
    for key in keys:
        folders.setdefault(key.rpartition("/")[0], []).append(key)
    return list(folders.values())


def list_years(
    bucket: str, prefix: str, years: Collection[int] | None, stations: Collection[str] | None, limit: int | None
) -> list[list[str]]:
    """List years at once: one list of keys for each, oldest first, no longer than `limit`.

    Everything in a year's folder counts as an object, so that what isn't one is rejected with its reason later; what
    lies beside the folders, as NOAA's index.html does, belongs to no year. A station's files are those named after it
    up to the first dot.
    """
    names = s3.list_folders(bucket, prefix) if years is None else [str(year) for year in years]
    folders = [f"{prefix}{name}/" for name in sorted(set(names)) if re.fullmatch(r"[0-9]{4}", name)]
    listing = s3.Listing(bucket)

    def list_year(folder: str) -> list[str]:
        if stations is None:
            return list(islice(listing.keys(folder, min(limit or 1000, 1000)), limit))
        few = len(stations) <= _FEW_STATIONS
        starts = [f"{folder}{station}." for station in sorted(stations)] if few else [folder]
        keys = (key for start in starts for key in listing.keys(start))
        return list(islice((key for key in keys if _station(key) in stations), limit))

    with ThreadPoolExecutor(s3.THREADS) as pool:
        return list(pool.map(list_year, folders))


def _station(key: str) -> str | None:
    name, dot, _ = key.rpartition("/")[2].partition(".")
    return name if dot else None


def spread(years: Sequence[Sequence[str]]) -> list[str]:
    """Mix years so that any stretch of the outcome has about its share of each.

    The i-th of n keys goes to (i + 1/2) / n of the way through.
    """
    keys = [key for year in years for key in year]
    places = [(index + 0.5) / len(year) for year in years for index in range(len(year))]
    return [keys[index] for index in sorted(range(len(keys)), key=places.__getitem__)]


def as_csv(keys: Sequence[str]) -> bytes:
    """Return the file that the map reads: a header, then a key a line.

    Step Functions takes a backslash for an escape, and two for one:
    https://docs.aws.amazon.com/step-functions/latest/dg/example-csv-parse-dist-map.html
    """
    return csv_files.as_csv(["key"], ([key.replace("\\", "\\\\")] for key in keys))
