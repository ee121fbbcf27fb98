"""GSOD objects to station records: bytes in, record out; nothing here reads or writes anything.

GSOD is NOAA's Global Surface Summary of the Day: a CSV object for each station and year, a row for each day. `WDSP` is
the day's mean wind speed in knots with one decimal, `999.9` where there is none. Speeds are whole tenths of a knot
throughout, so that sums are exact and records merge in any order.
Source: https://www.ncei.noaa.gov/data/global-summary-of-the-day/doc/

A row is readable when it has as many cells as the header, a station id, a calendar date, and a wind speed or its
missing value (an empty cell is missing, too). Other rows are skipped and counted; an object without a readable row is
rejected.

A row is a day. NOAA's objects hold a date once, and a station's year is one object: of a date that comes twice, be it
in an object or in a copy of it (x.csv beside x.csv.gz), both rows count.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import struct
import zlib
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# A station's year is at most 95 KB. The bound keeps one foreign object from taking the memory of its whole batch.
MAX_OBJECT_BYTES = 8 * 1024 * 1024

# Bytes of JSON with all but ASCII escaped, quotes not counted. A batch's result stays under its limit because of them.
MAX_STATION_BYTES = 16
MAX_NAME_BYTES = 64
MAX_REASON_BYTES = 80

_REQUIRED = ("STATION", "DATE", "WDSP")
_METADATA = ("NAME", "LATITUDE", "LONGITUDE", "ELEVATION")
_MISSING_TENTHS = 9999
# Neither a date nor a speed is longer. Longer cells must not get into the caches.
_MAX_CELL = 16


class RejectedObjectError(Exception):
    """The object holds no station record; `reason` says why, in at most 80 bytes of JSON."""

    def __init__(self, reason: str) -> None:
        self.reason = clip(reason, MAX_REASON_BYTES)
        super().__init__(self.reason)


@dataclass(slots=True)
class Station:
    """What is known of one station, in the order of the arrays that `analyze` returns.

    `latitude` and `longitude` (degrees) are both there or both None. `days` counts the days with a wind speed; their
    sum and their maximum are tenths of a knot, the maximum None without such a day. `first_date` and `last_date` (ISO)
    span all readable rows. Name, coordinates and elevation (metres) are those of `metadata_date`, the newest date with
    coordinates.
    """

    station: str
    name: str
    latitude: float | None
    longitude: float | None
    elevation_m: float | None
    days: int
    sum_tenths_kn: int
    max_tenths_kn: int | None
    first_date: str
    last_date: str
    metadata_date: str

    def as_array(self) -> list[str | int | float | None]:
        """Return the record as `analyze` hands it on."""
        return list(_values(self))


_values = attrgetter(*Station.__slots__)


def merge(into: dict[str, Station], records: Iterable[Sequence[Any]]) -> None:
    """Merge records, arrays as of `Station.as_array`, by station; neither order nor grouping changes the outcome.

    Name, coordinates and elevation come from one record: one with coordinates before one without, then the newest, and
    of the same day the greatest by value.
    """
    for record in records:
        station, name, latitude, longitude, elevation_m, days, tenths, top, first_date, last_date, metadata_date = (
            record
        )
        known = into.get(station)
        if known is None:
            into[station] = Station(*record)
            continue
        known.days += days
        known.sum_tenths_kn += tenths
        if top is not None and (known.max_tenths_kn is None or top > known.max_tenths_kn):
            known.max_tenths_kn = top
        if first_date < known.first_date:
            known.first_date = first_date
        if last_date > known.last_date:
            known.last_date = last_date
        if metadata_date < known.metadata_date and known.latitude is not None:
            continue
        theirs, ours = (latitude is not None, metadata_date), (known.latitude is not None, known.metadata_date)
        if theirs > ours or (theirs == ours and _by_value(record) > _by_value(known.as_array())):
            known.name = name
            known.latitude, known.longitude, known.elevation_m = latitude, longitude, elevation_m
            known.metadata_date = metadata_date


def _by_value(record: Sequence[Any]) -> tuple[str, list[float]]:
    _, name, *place = record[:5]
    return name, [-1e9 if value is None else value for value in place]


def clip(text: str, limit: int) -> str:
    """Shorten `text` to at most `limit` bytes of JSON, an ellipsis of three dots included."""
    if _json_bytes(text) <= limit:
        return text
    kept = text[: limit - 3]
    while _json_bytes(kept) > limit - 3:
        kept = kept[:-1]
    return kept + "..."


def _json_bytes(text: str) -> int:
    return len(json.dumps(text)) - 2


def parse(data: bytes) -> tuple[Station, int]:
    """Read one object, compressed with gzip or not: its station's record, and how many rows could not be read.

    Raises RejectedObjectError.
    """
    if data.startswith(b"\x1f\x8b"):
        data = _uncompressed(data)
    if len(data) > MAX_OBJECT_BYTES:
        raise RejectedObjectError(f"larger than {MAX_OBJECT_BYTES // 1024 // 1024} MiB")
    if not data:
        raise RejectedObjectError("empty object")
    if b"\0" in data:
        raise RejectedObjectError("not CSV: binary")
    try:
        rows = _plain_rows(data) or _csv_rows(data)
    except csv.Error:
        raise RejectedObjectError("not CSV: a cell of more than 128 KiB") from None
    return _station(rows), rows.unreadable


def _uncompressed(data: bytes) -> bytes:
    """Uncompress no more than shows that an object is too large."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return file.read(MAX_OBJECT_BYTES + 1)
    except EOFError:
        raise RejectedObjectError("truncated gzip") from None
    except (OSError, zlib.error):
        raise RejectedObjectError("broken gzip") from None


class _Rows(NamedTuple):
    """The readable rows of an object; `metadata` holds the newest date of each (name, latitude, …)."""

    stations: set[str]
    dates: list[str]
    speeds: list[int]
    metadata: dict[tuple[str, ...], str]
    unreadable: int


def _header(reader: Iterator[list[str]]) -> list[str]:
    header = [name.strip() for name in next(reader, [])]
    if len(header) < 2:
        raise RejectedObjectError("not CSV: the first line has no columns")
    absent = [name for name in _REQUIRED if name not in header]
    if absent:
        raise RejectedObjectError(f"no column {', '.join(absent)}")
    return header


# A cell of a plain row, in quotes or empty, and the comma or line end behind it.
_PLAIN_CELL = re.compile(rb'(?:(")([^"\n]*)")?[,\n]')


def _plain_rows(data: bytes) -> _Rows | None:
    """Read an object whose rows all have the shape of the first, as NOAA's have. None: this object isn't such.

    Nothing is assumed. The first row must consist of cells in quotes and empty ones. Every other row must have its
    quotes, commas and line end where the first has them, and no quote besides; its station, name and coordinates must
    be the first's. Then date and speed stand in the same place of each row, and cutting them out is a fifth of the csv
    module's work.
    """
    start = data.find(b"\n") + 1
    stride = data.find(b"\n", start) + 1 - start
    if start == 0 or stride <= 0 or (len(data) - start) % stride or not data.isascii():
        return None
    first_line, first, count = data[:start], data[start : start + stride], (len(data) - start) // stride
    if b"\r" in first_line or first_line.count(b'"') % 2:
        return None
    header = _header(csv.reader([first_line.decode()]))

    same: list[int] = []  # the places where every row must have what the first has
    cells: list[tuple[int, int]] = []  # where the cells begin and end, without their quotes
    at = 0
    for quote, cell in _PLAIN_CELL.findall(first):
        begin, end = at + len(quote), at + len(quote) + len(cell)
        cells.append((begin, end))
        at = end + len(quote) + 1
        same += (begin - 1, end, at - 1) if quote else (at - 1,)
    if len(cells) != len(header) or at != stride:
        return None
    places = {name: cells[header.index(name)] if name in header else (0, 0) for name in _REQUIRED + _METADATA}
    for name in ("STATION", *_METADATA):
        same += range(*places[name])
    if any(data[start + place :: stride] != first[place : place + 1] * count for place in same):
        return None
    if data.count(b'"', start) != first.count(b'"') * count:
        return None

    def column(name: str) -> list[bytes]:
        begin, end = places[name]
        if end - begin > _MAX_CELL:
            return []
        return [
            cell for (cell,) in struct.iter_unpack(f"{begin}x{end - begin}s{stride - end}x", memoryview(data)[start:])
        ]

    dates = [day for day in map(_cached_date, column("DATE")) if day is not None]
    speeds = [speed for speed in map(_cached_tenths, column("WDSP")) if speed is not None]
    station, *about = (first[slice(*places[name])].decode() for name in ("STATION", *_METADATA))
    if len(dates) < count or len(speeds) < count or not station.strip():
        return None
    return _Rows({station.strip()}, dates, speeds, {tuple(about): max(dates)}, unreadable=0)


def _csv_rows(data: bytes) -> _Rows:
    """Read any other object, row by row."""
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise RejectedObjectError("not UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""))
    header = _header(reader)
    station_at, date_at, speed_at = (header.index(name) for name in _REQUIRED)
    metadata_at = [header.index(name) if name in header else None for name in _METADATA]
    rows = _Rows(set(), [], [], {}, 0)
    unreadable = 0
    for row in reader:
        if not row:
            continue
        whole = len(row) == len(header) and max(len(row[date_at]), len(row[speed_at])) <= _MAX_CELL
        station = row[station_at].strip() if whole else ""
        day = _cached_date(row[date_at]) if whole else None
        speed = _cached_tenths(row[speed_at]) if whole else None
        if not station or day is None or speed is None:
            unreadable += 1
            continue
        rows.stations.add(station)
        rows.dates.append(day)
        rows.speeds.append(speed)
        about = tuple("" if at is None else row[at] for at in metadata_at)
        rows.metadata[about] = max(day, rows.metadata.get(about, day))
    return rows._replace(unreadable=unreadable)


def _station(rows: _Rows) -> Station:
    if not rows.dates:
        raise RejectedObjectError("no readable row" if rows.unreadable else "no rows")
    if len(rows.stations) > 1:
        raise RejectedObjectError(f"more than one station: {', '.join(sorted(rows.stations))}")
    station = min(rows.stations)
    if _json_bytes(station) > MAX_STATION_BYTES:
        raise RejectedObjectError(f"a station id of more than {MAX_STATION_BYTES} characters: {station}")
    found: dict[str, Station] = {}
    for (name, *place), day in rows.metadata.items():
        latitude, longitude = _number(place[0], -90, 90), _number(place[1], -180, 180)
        unlocated = latitude is None or longitude is None
        record = Station(
            station=station,
            name=clip(name.strip(), MAX_NAME_BYTES),
            latitude=None if unlocated else latitude,
            longitude=None if unlocated else longitude,
            # -999.9 stands for an unknown elevation; the Dead Sea's shore is at -430 m.
            elevation_m=_number(place[2], -900, 9000),
            days=0,
            sum_tenths_kn=0,
            max_tenths_kn=None,
            first_date=min(rows.dates),
            last_date=max(rows.dates),
            metadata_date=day,
        )
        merge(found, [record.as_array()])
    speeds = [speed for speed in rows.speeds if speed != _MISSING_TENTHS]
    return replace(found[station], days=len(speeds), sum_tenths_kn=sum(speeds), max_tenths_kn=max(speeds, default=None))


@lru_cache(maxsize=40_000)  # a century of days
def _cached_date(cell: str | bytes) -> str | None:
    """Return an ISO date without its padding; None when it's no date of the calendar."""
    text = (cell if isinstance(cell, str) else cell.decode()).strip()
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


@lru_cache(maxsize=10_000)  # every speed from 0.0 to 999.9
def _cached_tenths(cell: str | bytes) -> int | None:
    """Return a wind speed in tenths of a knot, 9999 where it's missing; None when the cell holds something else."""
    text = (cell if isinstance(cell, str) else cell.decode()).strip()
    if not text:
        return _MISSING_TENTHS
    number = re.fullmatch(r"([0-9]{1,3})(?:\.([0-9])0*)?", text)
    return int(number[1]) * 10 + int(number[2] or 0) if number else None


def _number(cell: str, low: float, high: float) -> float | None:
    """Return the number in a cell to seven decimals, as many as NOAA gives; None when empty or out of range."""
    try:
        number = float(cell)
    except ValueError:
        return None
    # Adding zero makes 0.0 of -0.0: equal numbers must look equal, whichever of them a merge keeps.
    return round(number, 7) + 0.0 if low <= number <= high else None
