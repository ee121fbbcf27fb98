"""Made-up GSOD objects at real airports' coordinates, for a demo that needs no network.

The coordinates and names come from the PyPI package ``airportsdata``; every observation is invented, from a smooth
wind climate (westerlies, trade winds, calm tropics, windy heights) with a seeded noise, so the same call gives the
same bytes. The objects have each quirk that real ones show: names with commas, padded numbers, station ids with a
letter, old rows without quotes around empty coordinates, stations that miss most of their days or all of them.
Speeds are knots with one decimal, elevations metres, dates ISO 8601.
"""

from __future__ import annotations

import math
import zlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

YEARS = (2023, 2024)
OLD_YEAR = 1960
DAYS_BETWEEN_ROWS = 10
"""A row every tenth day: 37 rows an object. A real object has up to 366."""

FEET_TO_METRES = 0.3048
MISSING_WIND = "999.9"

HEADER = (
    '"STATION","DATE","LATITUDE","LONGITUDE","ELEVATION","NAME","TEMP","TEMP_ATTRIBUTES","DEWP","DEWP_ATTRIBUTES",'
    '"SLP","SLP_ATTRIBUTES","STP","STP_ATTRIBUTES","VISIB","VISIB_ATTRIBUTES","WDSP","WDSP_ATTRIBUTES","MXSPD","GUST",'
    '"MAX","MAX_ATTRIBUTES","MIN","MIN_ATTRIBUTES","PRCP","PRCP_ATTRIBUTES","SNDP","FRSHTT"\n'
)


@dataclass(frozen=True)
class Airport:
    """Where a made-up station stands: degrees, and metres above the sea."""

    icao: str
    name: str
    latitude: float
    longitude: float
    elevation_m: float


@dataclass(frozen=True)
class SampleObject:
    """One object of the made-up bucket: its key ``<year>/<station>.csv``, and how to make its bytes."""

    airport: Airport
    station: str
    year: int
    quirk: str | None

    @property
    def key(self) -> str:
        """The object's key, as NOAA lays it out."""
        return f"{self.year}/{self.station}.csv"

    def body(self) -> bytes:
        """The object's bytes: the header and a row every ten days."""
        return (HEADER + "".join(_rows(self))).encode()


def sample_objects(count: int) -> Iterator[SampleObject]:
    """``count`` objects: two years of every station, stations spread over the world.

    Raises ``ValueError`` when ``count`` is below 1 or above what the airports can carry.
    """
    airports = _spread_over_the_world()
    most = len(airports) * len(YEARS)
    if not 1 <= count <= most:
        raise ValueError(f"the sample has from 1 to {most:,} objects, not {count:,}")
    for index in range(math.ceil(count / len(YEARS))):
        quirk = _QUIRKS.get(index % 40)
        station = f"A{index:05d}00451" if quirk == "letter in the id" else f"{900000 + index}99999"
        years = (OLD_YEAR, YEARS[1]) if quirk == "old rows" else YEARS
        for year in years[: count - index * len(YEARS)]:
            yield SampleObject(airports[index], station, year, quirk)


_QUIRKS = {1: "letter in the id", 2: "misses most days", 3: "misses all days", 4: "old rows"}


@cache
def _spread_over_the_world() -> tuple[Airport, ...]:
    """Every airport, ordered so that any number from the start covers the world evenly (cells of five degrees)."""
    import airportsdata

    cells: dict[tuple[int, int], list[Airport]] = defaultdict(list)
    for icao, a in airportsdata.load("ICAO").items():
        name = f"{a['name']}, {a['country']}".upper().replace('"', "")
        # The package's elevations are feet.
        airport = Airport(icao, name, a["lat"], a["lon"], round(a["elevation"] * FEET_TO_METRES, 1))
        cells[math.floor(airport.latitude / 5), math.floor(airport.longitude / 5)].append(airport)
    for airports in cells.values():
        airports.sort(key=lambda airport: zlib.crc32(airport.icao.encode()))
    ranked = [(rank, zlib.crc32(a.icao.encode()), a) for airports in cells.values() for rank, a in enumerate(airports)]
    return tuple(airport for _, _, airport in sorted(ranked, key=lambda r: r[:2]))


def _climate(airport: Airport) -> float:
    """A plausible mean wind speed in knots: calm tropics, trades, westerlies, more of it on heights."""
    latitude = abs(airport.latitude)
    trades = 4.0 * math.exp(-(((latitude - 17) / 9) ** 2))
    westerlies = (9.0 if airport.latitude < 0 else 6.0) * math.exp(-(((latitude - 54) / 13) ** 2))
    waves = 1.2 * math.sin(math.radians(airport.longitude * 3 + airport.latitude * 5))
    return max(2.0, 4.0 + trades + westerlies + waves + airport.elevation_m / 1500)


def _rows(obj: SampleObject) -> Iterator[str]:
    airport, random = obj.airport, Random(f"{obj.station} {obj.year}")  # noqa: S311 - made-up weather, no secret
    mean = _climate(airport) * random.uniform(0.9, 1.1)
    place = f'"{airport.latitude}","{airport.longitude}","{airport.elevation_m}","{airport.name}"'
    if obj.year == OLD_YEAR:
        place = ",,,"  # so they stand in the real objects: empty, and without quotes
    day = date(obj.year, 1, 1)
    while day.year == obj.year:
        season = math.cos(2 * math.pi * day.timetuple().tm_yday / 365) * (1 if airport.latitude >= 0 else -1)
        wind = mean * (1 + 0.2 * season) * random.weibullvariate(1.128, 2.0)  # a Weibull of mean 1 and shape 2
        misses = obj.quirk == "misses all days" or (obj.quirk == "misses most days" and random.random() < 0.8)
        wdsp = MISSING_WIND if misses else f"{min(wind, 99):5.1f}"
        mxspd = MISSING_WIND if misses else f"{min(wind * 1.6, 99):5.1f}"
        temperature = 82 - 0.9 * abs(airport.latitude) - 15 * season
        yield (
            f'"{obj.station}","{day}",{place},"{temperature:6.1f}","24","{temperature - 8:6.1f}","24","1013.2","24",'
            f'"999.9"," 0","  6.2","24","{wdsp}","24","{mxspd}","999.9","{temperature + 7:6.1f}"," ",'
            f'"{temperature - 7:6.1f}"," "," 0.00","G","999.9","000000"\n'
        )
        day += timedelta(days=DAYS_BETWEEN_ROWS)
