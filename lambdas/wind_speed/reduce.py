"""Reduce results: what the batches found, merged by station, as the files that users get.

Sums and counts are exact. The unit's factor is applied once, here: a speed is the double nearest to
`sum x factor / (10 x days)`, and has three decimals of it, half to even.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from sys import intern
from typing import TYPE_CHECKING, Any, TypedDict

from botocore.exceptions import ClientError

from . import gsod, page, s3
from .csv_files import as_csv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# The columns of stations.csv; the two speeds have the unit's name behind theirs.
_COLUMNS = ("station", "name", "latitude", "longitude", "elevation_m", "days")
_SPEEDS = ("mean_wind_speed", "max_daily_wind_speed")
_DATES = ("first_date", "last_date")

_logger = logging.getLogger(__name__)

# In the order of `_COLUMNS`, `_SPEEDS`, `_DATES`; None where the source has nothing.
Row = list[str | int | float | None]


class CountMismatch(Exception):  # noqa: N818 - the name that users see as the execution's error
    """The objects listed aren't those analysed, rejected and failed: some were lost or counted twice."""


class MissingInput(Exception):  # noqa: N818 - as above
    """The map's result file leaves out which objects a failed child had, or an earlier execution's results are gone."""


class Manifest(TypedDict):
    """Where the map's result writer put its manifest."""

    bucket: str
    key: str


class Event(TypedDict):
    """The map's outcome, and what the execution was asked for. `factor` turns knots into `unit`.

    `objects_listed` are this execution's and, when it is the retry of another one, all of that one's; `manifests` are
    then the keys of the results that stand, in the same bucket. Counts and years are whole, but may come as 2024.0.
    """

    manifest: Manifest
    manifests: list[str]
    retry_of: str | None
    objects_listed: float
    unit: str
    factor: float
    years: list[float] | None
    prefix: str
    execution_arn: str
    started_at: str
    sample: bool
    tolerated_failure_percentage: float


@dataclass
class Totals:
    """What all batches found together; `rejected` holds key and reason."""

    stations: dict[str, gsod.Station] = field(default_factory=dict)
    analysed: int = 0
    rejected: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    def add(self, result: dict[str, Any]) -> None:
        """Add what `analyze` returned for one batch."""
        self.analysed += result["analysed"]
        gsod.merge(self.stations, result["stations"])
        # A few reasons stand for up to 600,000 objects.
        self.rejected += [(key, intern(reason)) for key, reason in result["rejected"]]

    def add_analysed(self, result: dict[str, Any]) -> None:
        """Add what `analyze` returned in an earlier execution, but what it rejected: that was read again since."""
        self.add({**result, "rejected": []})

    def add_failed(self, execution: dict[str, Any]) -> None:
        """Add the objects of a child execution that didn't succeed, or never started; raises MissingInput."""
        if "Input" not in execution:
            name = execution.get("ExecutionArn") or execution.get("Name") or "A child execution"
            raise MissingInput(
                f"{name} didn't succeed, and the map's result file leaves out its input (InputDetails.Included is"
                " false): the objects lost with it can't be named or counted."
            )
        error = execution.get("Error") or execution.get("Status") or "unknown"
        reason = intern(gsod.clip(f"failed: {error}", gsod.MAX_REASON_BYTES))
        self.failed += [(item["key"], reason) for item in json.loads(execution["Input"])["Items"]]


@s3.slow_downs.reported()
def handler(event: Event, context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes both
    """Write the result files under `prefix` of RESULTS_BUCKET; return where they are, and the summary.

    Raises CountMismatch or MissingInput before it writes anything.
    """
    totals = collect(event["manifest"], event["manifests"])
    listed, lost = int(event["objects_listed"]), len(totals.rejected) + len(totals.failed)
    if listed != totals.analysed + lost:
        raise CountMismatch(
            f"{listed} objects listed, but {totals.analysed} analysed, {len(totals.rejected)} rejected"
            f" and {len(totals.failed)} failed."
        )
    rows = [_row(totals.stations[station], event["factor"]) for station in sorted(totals.stations)]
    started_at = datetime.fromisoformat(event["started_at"])
    summary = {
        "objects_listed": listed,
        "objects_analysed": totals.analysed,
        "objects_rejected": len(totals.rejected),
        "objects_failed": len(totals.failed),
        "stations": len(rows),
        "unit": event["unit"],
        "years": None if event["years"] is None else [int(year) for year in event["years"]],
        "execution_arn": event["execution_arn"],
        "retry_of": event["retry_of"],
        "manifests": [*event["manifests"], event["manifest"]["key"]],
        "duration_seconds": round((datetime.now(UTC) - started_at).total_seconds(), 3),
        "sample": event["sample"],
    }
    bucket, prefix = os.environ["RESULTS_BUCKET"], event["prefix"]
    files = {}
    for name, file_name, content_type, body in [
        ("stations", "stations.csv", "text/csv; charset=utf-8", stations_csv(rows, event["unit"])),
        ("geojson", "stations.geojson", "application/geo+json", stations_geojson(rows, event["unit"])),
        ("rejected", "rejected.csv", "text/csv; charset=utf-8", rejected_csv(totals.rejected + totals.failed)),
        ("summary", "summary.json", "application/json", json.dumps(summary, indent=2).encode() + b"\n"),
        ("map", "map.html", "text/html; charset=utf-8", page.render(rows, summary)),
    ]:
        s3.write(bucket, prefix + file_name, body, content_type)
        files[name] = f"s3://{bucket}/{prefix}{file_name}"
    _logger.info("Reduced results", extra={key: summary[key] for key in summary if key.startswith("objects_")})
    too_many = lost * 100 > event["tolerated_failure_percentage"] * listed
    return {"bucket": bucket, "prefix": prefix, "files": files, **summary, "too_many_rejected": too_many}


def collect(manifest: Manifest, earlier: Sequence[str] = ()) -> Totals:
    """Read every result file that the manifest names, and what was analysed of those that earlier manifests name.

    Raises MissingInput.
    """
    totals = Totals()
    bucket = manifest["bucket"]
    for key in earlier:
        try:
            for line in _succeeded(bucket, _result_files(bucket, key)):
                totals.add_analysed(line)
        except ClientError as error:
            if not s3.is_missing(error):
                raise
            raise MissingInput(
                f"This execution completes an earlier one, whose results s3://{bucket}/{key} names; they are gone, as"
                f" after the results' retention, or may not be read. Start a new one without retry_of. ({error})"
            ) from None
    files = _result_files(bucket, manifest["key"])
    for line in _succeeded(bucket, files):
        totals.add(line)
    for status in ("FAILED", "PENDING"):
        for file in files.get(status, []):
            for execution in _executions(s3.read_lines(bucket, file["Key"])):
                totals.add_failed(execution)
    return totals


def _result_files(bucket: str, manifest: str) -> dict[str, list[dict[str, Any]]]:
    files: dict[str, list[dict[str, Any]]] = json.loads(s3.read(bucket, manifest))["ResultFiles"]
    return files


def _succeeded(bucket: str, files: dict[str, list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    for file in files.get("SUCCEEDED", []):
        for line in s3.read_lines(bucket, file["Key"]):
            yield json.loads(line)


def _executions(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the executions of a file in full form: an array, or one a line."""
    first = next(lines, b"")
    if first.lstrip().startswith(b"["):
        yield from json.loads(b"".join([first, *lines]))
        return
    for line in chain([first] if first else [], lines):
        yield json.loads(line)


def _row(record: gsod.Station, factor: float) -> Row:
    """Return what users get to see of a station."""

    def speed(tenths: int | None, days: int) -> float | None:
        return None if tenths is None or days == 0 else round(tenths * factor / (10 * days), 3)

    # On its way through Step Functions 84.0 may have become 84.
    place = [
        None if value is None else float(value) for value in (record.latitude, record.longitude, record.elevation_m)
    ]
    speeds = [speed(record.sum_tenths_kn, record.days), speed(record.max_tenths_kn, 1)]
    return [record.station, record.name, *place, record.days, *speeds, record.first_date, record.last_date]


def stations_csv(rows: Sequence[Row], unit: str) -> bytes:
    """Return stations.csv: speeds with three decimals, an empty cell where there is no value."""
    speeds_at = range(len(_COLUMNS), len(_COLUMNS) + len(_SPEEDS))
    return as_csv(
        [*_COLUMNS, *(f"{name}_{unit}" for name in _SPEEDS), *_DATES],
        (
            [f"{cell:.3f}" if at in speeds_at and cell is not None else cell for at, cell in enumerate(row)]
            for row in rows
        ),
    )


def stations_geojson(rows: Sequence[Row], unit: str) -> bytes:
    """Return stations.geojson: a point for each station, or null where its coordinates aren't known (RFC 7946)."""
    names = ["station", "name", "elevation_m", "days", *(f"{name}_{unit}" for name in _SPEEDS), *_DATES]
    features = [
        {
            "type": "Feature",
            "geometry": None if latitude is None else {"type": "Point", "coordinates": [longitude, latitude]},
            "properties": dict(zip(names, [station, name, *others], strict=True)),
        }
        for station, name, latitude, longitude, *others in rows
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode() + b"\n"


def rejected_csv(rejected: Iterable[tuple[str, str]]) -> bytes:
    """Return rejected.csv, sorted by key."""
    return as_csv(["key", "reason"], sorted(rejected))
