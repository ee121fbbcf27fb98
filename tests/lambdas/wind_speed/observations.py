"""Made-up GSOD objects, and what an independent reader finds in one."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = (
    '"STATION","DATE","LATITUDE","LONGITUDE","ELEVATION","NAME","TEMP","TEMP_ATTRIBUTES","DEWP","DEWP_ATTRIBUTES",'
    '"SLP","SLP_ATTRIBUTES","STP","STP_ATTRIBUTES","VISIB","VISIB_ATTRIBUTES","WDSP","WDSP_ATTRIBUTES","MXSPD","GUST",'
    '"MAX","MAX_ATTRIBUTES","MIN","MIN_ATTRIBUTES","PRCP","PRCP_ATTRIBUTES","SNDP","FRSHTT"\n'
)

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"


def row(
    day: str = "2024-01-01",
    speed: str = "  7.8",
    *,
    station: str = "72429793812",
    name: str = '"LUNKEN FIELD, OH US"',
    latitude: str = '"39.106"',
    longitude: str = '"-84.41609"',
    elevation: str = '"144.8"',
) -> str:
    """One row as NOAA writes it; the last four arguments with their quotes."""
    return (
        f'"{station}","{day}",{latitude},{longitude},{elevation},{name},"  36.1","24","  30.1","24","1020.8","24",'
        f'"997.6","24","  9.3","24","{speed}","24","  9.9","999.9","  39.9"," ","  32.0"," "," 0.00","G","999.9",'
        '"000000"\n'
    )


def gsod(*rows: str) -> bytes:
    return (HEADER + "".join(rows)).encode()


def year_of(station: str, year: int, speeds: Sequence[float]) -> bytes:
    """A station's year: a row a day from 1 January on."""
    first = date(year, 1, 1).toordinal()
    days = (date.fromordinal(first + at).isoformat() for at in range(len(speeds)))
    return gsod(*(row(day, f"{speed:5.1f}", station=station) for day, speed in zip(days, speeds, strict=True)))


def read_independently(data: bytes) -> tuple[set[str], list[str], list[Decimal], int]:
    """Stations, dates and speeds (knots) of an object's readable rows, and how many rows aren't readable.

    Made of csv.DictReader and Decimal, it shares no code with the handlers, and knows no short cut.
    """
    stations, dates, speeds, unreadable = set(), [], [], 0
    for record in csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")):
        try:
            if None in record or None in record.values():
                raise ValueError("too long or too short")
            speed = record["WDSP"].strip()
            if not record["STATION"].strip() or not re.fullmatch(r"(\d{1,3}(\.\d0*)?)?", speed, re.ASCII):
                raise ValueError("no station or no speed")
            if len(record["WDSP"]) > 16 or len(record["DATE"]) > 16 or len(record["DATE"].strip()) != 10:
                raise ValueError("too long")
            day = date.fromisoformat(record["DATE"].strip())
        except ValueError:
            unreadable += 1
            continue
        stations.add(record["STATION"].strip())
        dates.append(day.isoformat())
        if speed and Decimal(speed) != Decimal("999.9"):
            speeds.append(Decimal(speed))
    return stations, dates, speeds, unreadable
