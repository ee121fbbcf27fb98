from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lambdas.wind_speed import gsod
from tests.lambdas.wind_speed import observations
from tests.lambdas.wind_speed.observations import HEADER, PNG, row

if TYPE_CHECKING:
    import random

REAL = Path(__file__).parents[4] / "shared" / "gsod"

TWO_DAYS = observations.gsod(row("2024-01-01", "  7.8"), row("2024-01-02", " 12.5"))


FIRST_DAY_ONLY = {"days": 1, "sum_tenths_kn": 78, "max_tenths_kn": 78}
NO_DAY = {"days": 0, "sum_tenths_kn": 0, "max_tenths_kn": None}
NOWHERE = {"latitude": None, "longitude": None}


def swap(old: str, new: str) -> bytes:
    """The two days with something else in a place."""
    assert old in TWO_DAYS.decode()
    return TWO_DAYS.decode().replace(old, new).encode()


def parsed(data: bytes) -> gsod.Station:
    record, unreadable = gsod.parse(data)
    assert unreadable == 0
    return record


def reason_of(data: bytes) -> str:
    with pytest.raises(gsod.RejectedObjectError) as error:
        gsod.parse(data)
    return error.value.reason


def test_should_read_an_object_as_noaa_writes_it() -> None:
    assert parsed(TWO_DAYS) == gsod.Station(
        station="72429793812",
        name="LUNKEN FIELD, OH US",
        latitude=39.106,
        longitude=-84.41609,
        elevation_m=144.8,
        days=2,
        sum_tenths_kn=203,
        max_tenths_kn=125,
        first_date="2024-01-01",
        last_date="2024-01-02",
        metadata_date="2024-01-02",
    )


@pytest.mark.parametrize(
    ("data", "changed"),
    [
        pytest.param(swap("\n", "\r\n"), {}, id="windows line ends"),
        pytest.param(swap("\n", "\r"), {}, id="old mac line ends"),
        pytest.param(TWO_DAYS[:-1], {}, id="no line end at the end"),
        pytest.param(swap("\n", "\n\n"), {}, id="blank lines"),
        pytest.param(b"\xef\xbb\xbf" + TWO_DAYS, {}, id="byte order mark"),
        pytest.param(swap('"', "").replace(b", OH", b""), {"name": "LUNKEN FIELD US"}, id="no quotes"),
        pytest.param(gzip.compress(TWO_DAYS), {}, id="gzip"),
        pytest.param(gzip.compress(TWO_DAYS[:700]) + gzip.compress(TWO_DAYS[700:]), {}, id="gzip in two members"),
        pytest.param(swap("72429793812", "A5125600451"), {"station": "A5125600451"}, id="a letter in the id"),
        pytest.param(swap("LUNKEN", "LÜNKEN"), {"name": "LÜNKEN FIELD, OH US"}, id="not ascii"),
        pytest.param(swap("LUNKEN", '""LUNKEN""'), {"name": '"LUNKEN" FIELD, OH US'}, id="quotes in the name"),
        pytest.param(swap("LUNKEN ", "LUNKEN\n"), {"name": "LUNKEN\nFIELD, OH US"}, id="a line end in the name"),
        pytest.param(swap('" 12.5"', '"   12.5"'), {}, id="rows of unequal length"),
        pytest.param(swap('" 12.5"', '" 12.50"'), {}, id="two decimals"),
        pytest.param(swap('" 12.5"', '" 12"'), {"sum_tenths_kn": 198, "max_tenths_kn": 120}, id="no decimals"),
        pytest.param(swap('" 12.5"', '"  0.0"'), {"sum_tenths_kn": 78, "max_tenths_kn": 78}, id="calm"),
        pytest.param(swap('" 12.5"', '"999.9"'), FIRST_DAY_ONLY, id="missing"),
        pytest.param(swap('" 12.5"', "999.9"), FIRST_DAY_ONLY, id="missing, without quotes"),
        pytest.param(swap('" 12.5"', '" 999.9"'), FIRST_DAY_ONLY, id="missing, padded"),
        pytest.param(swap('" 12.5"', ""), FIRST_DAY_ONLY, id="an empty cell"),
        pytest.param(swap(" 12.5", "999.9").replace(b"  7.8", b"999.9"), NO_DAY, id="every day missing"),
        pytest.param(
            swap('"39.106","-84.41609","144.8","LUNKEN FIELD, OH US"', ",,,"),
            {"name": "", "latitude": None, "longitude": None, "elevation_m": None},
            id="metadata empty and without quotes",
        ),
        pytest.param(swap("39.106", ""), NOWHERE, id="half a coordinate"),
        pytest.param(swap("39.106", "99.999"), NOWHERE, id="no such latitude"),
        pytest.param(swap("39.106", "nan"), NOWHERE, id="latitude nan"),
        pytest.param(swap("144.8", "-999.9"), {"elevation_m": None}, id="elevation unknown"),
        pytest.param(
            observations.gsod(row("2024-01-02", " 12.5", name='"NEW"'), row("2024-01-01", "  7.8", name='"OLD"')),
            {"name": "NEW"},
            id="the newest name, rows in any order",
        ),
        pytest.param(
            observations.gsod(row(name='"KNOWN"'), row("2024-01-02", " 12.5", latitude="", name='"LOST"')),
            {"name": "KNOWN", "metadata_date": "2024-01-01"},
            id="the name that has coordinates",
        ),
        pytest.param(
            b"WDSP,DATE,STATION\n7.8,2024-01-01,72429793812\n12.5,2024-01-02,72429793812\n",
            {"name": "", "latitude": None, "longitude": None, "elevation_m": None},
            id="three columns in another order",
        ),
    ],
)
def test_should_read_every_quirk(data: bytes, changed: dict[str, object]) -> None:
    normal = {name: getattr(parsed(TWO_DAYS), name) for name in gsod.Station.__slots__}

    assert {name: getattr(parsed(data), name) for name in gsod.Station.__slots__} == normal | changed


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty object"),
        (gzip.compress(b"", mtime=0), "empty object"),
        (PNG, "not CSV: binary"),
        (b"<!DOCTYPE html>\n<html><body>noaa-gsod-pds</body></html>\n", "not CSV: the first line has no columns"),
        (b"\n\n", "not CSV: the first line has no columns"),
        (TWO_DAYS.replace(b'"WDSP"', b'"WIND"'), "no column WDSP"),
        (b"a,b\n1,2\n", "no column STATION, DATE, WDSP"),
        (gzip.compress(TWO_DAYS, mtime=0)[:-20], "truncated gzip"),
        (gzip.compress(TWO_DAYS, mtime=0)[:12], "truncated gzip"),
        (b"\x1f\x8b" + b"not gzip at all", "broken gzip"),
        (gzip.compress(TWO_DAYS, mtime=0)[:-8] + bytes(8), "broken gzip"),
        (TWO_DAYS.replace(b"LUNKEN", "LÜNKEN".encode("latin-1")), "not UTF-8"),
        (TWO_DAYS.decode().encode("utf-16"), "not CSV: binary"),
        (HEADER.encode(), "no rows"),
        (HEADER.encode()[:-1], "no rows"),
        (HEADER.encode() + b"\n\n", "no rows"),
        (observations.gsod(row(speed="windy")), "no readable row"),
        (observations.gsod(row(speed=" " * 20 + "7.8")), "no readable row"),
        (observations.gsod(row(station="  ")), "no readable row"),
        (observations.gsod(row(), row(station="72429793813")), "more than one station: 72429793812, 72429793813"),
        (observations.gsod(row(station="7" * 17)), "a station id of more than 16 characters: 77777777777777777"),
        (observations.gsod(row(name=f'"{"x" * 140_000}"'), row("2024-01-02")), "not CSV: a cell of more than 128 KiB"),
        (b"x" * (gsod.MAX_OBJECT_BYTES + 1), "larger than 8 MiB"),
        (gzip.compress(b"x" * (gsod.MAX_OBJECT_BYTES + 1), mtime=0), "larger than 8 MiB"),
    ],
)
def test_should_reject_what_holds_no_record(data: bytes, reason: str) -> None:
    assert reason_of(data) == reason


@pytest.mark.parametrize(
    "bad",
    [
        row("2024-02-30"),
        row("20240101"),
        row("2024-01-01T00:00:00"),
        row(""),
        row(speed="-1.0"),
        row(speed="7.85"),
        row(speed="1000.0"),
        row(speed="1e1"),
        row(speed="\u0667.\u0668"),
        row(speed="nan"),
        row(speed=" " * 20 + "7.8"),
        row(station=""),
        row(station="  "),
        row()[:60] + "\n",
        row().replace("000000", '","000000'),
        "   \n",
    ],
)
def test_should_skip_and_count_an_unreadable_row(bad: str) -> None:
    record, unreadable = gsod.parse(TWO_DAYS + bad.encode())

    assert unreadable == 1
    assert record == parsed(TWO_DAYS)


@pytest.mark.parametrize("value", ["-0.0", "-0.00000001"])
def test_should_make_equal_numbers_look_equal(value: str) -> None:
    record = parsed(observations.gsod(row(latitude=value, longitude=value, elevation=value)))

    assert str([record.latitude, record.longitude, record.elevation_m]) == "[0.0, 0.0, 0.0]"


@pytest.mark.parametrize("end", ["", "\n"], ids=["csv module", "short cut"])
def test_should_date_metadata_by_its_newest_row(end: str) -> None:
    rows = row("2024-01-02") + row("2024-01-03") + row("2024-01-01").removesuffix("\n") + end

    assert parsed(observations.gsod(rows)).metadata_date == "2024-01-03"


@pytest.mark.parametrize(
    "data",
    [
        b'STATION,DATE,WDSP,"NAME\n"1","2024-01-01","7.8","x"\n"1","2024-01-02","7.8","x"\n',
        b'STATION,DATE,WDSP\r"1","2024-01-01","7.8"\n"1","2024-01-02","7.8"\n',
        b'STATION,DATE,X,Y,WDSP\n"1","2024-01-01",55555555,"000000","7.8"\n',
        b'"A","STATION","DATE","WDSP"\n"","1","2024-01-01","7.8"\n,"1","2024-01-01","7.8"\n',
    ],
    ids=["a line end in the header", "a header ended otherwise", "a number without quotes", "a row of another shape"],
)
def test_should_not_take_the_short_cut_where_it_is_wrong(data: bytes) -> None:
    assert_as_read_independently(data)


def test_should_bound_a_reason_by_its_json() -> None:
    reason = reason_of(observations.gsod(row(station="\u0001" * 60), row(station="\u0002" * 60)))

    assert reason.startswith("more than one station: ")
    assert len(json.dumps(reason)) - 2 <= 80


@given(st.text(max_size=200), st.integers(3, 100))
def test_should_clip_to_bytes_of_json(text: str, limit: int) -> None:
    clipped = gsod.clip(text, limit)

    assert len(json.dumps(clipped)) - 2 <= limit
    if clipped != text:
        assert clipped.endswith("...")
        assert text.startswith(clipped[:-3])
        assert len(json.dumps(text)) - 2 > limit


def assert_as_read_independently(data: bytes) -> None:
    stations, dates, speeds, unreadable = observations.read_independently(data)
    if not dates:
        assert reason_of(data) in {"no rows", "no readable row"}
        return
    if len(stations) > 1:
        assert reason_of(data).startswith("more than one station: ")
        return
    record, skipped = gsod.parse(data)
    assert skipped == unreadable
    assert record.station in stations
    assert (record.first_date, record.last_date) == (min(dates), max(dates))
    assert record.days == len(speeds)
    assert record.sum_tenths_kn == sum(speeds) * 10
    assert record.max_tenths_kn == (max(speeds) * 10 if speeds else None)


speeds = st.one_of(
    st.integers(0, 9998).map(lambda tenths: f"{tenths / 10:5.1f}"),
    st.sampled_from(
        ["999.9", " 999.9", "", "0.0", "7", "7.80", "7.85", "-1.0", "1000.0", "x", "\u0667", "7.8 ", '7""8']
    ),
)
days = st.one_of(
    st.dates().map(str), st.sampled_from(["", "2024-02-30", "2024-1-1", " 2024-01-01", "2024-01-01 ", "20240101", '"'])
)
names = st.sampled_from(["", '""', '"A"', '"A, B"', '"A ""B"""', '"Å"', '"A\nB"', '"A\r\nB"', "A", "A,B", 'A"B', '"'])
endings = st.sampled_from(["\n", "\r\n"])


@settings(max_examples=300)
@given(
    st.lists(st.tuples(days, speeds, names), max_size=6),
    st.sampled_from(["72429793812", "A5125600451", " 1 ", "ß"]),
    endings,
    st.booleans(),
)
def test_should_agree_with_the_csv_module_on_any_rows(
    rows: list[tuple[str, str, str]], station: str, ending: str, ended: bool
) -> None:
    text = HEADER + "".join(row(day, speed, station=station, name=name) for day, speed, name in rows)
    text = text.replace("\n", ending)

    assert_as_read_independently((text if ended else text.removesuffix(ending)).encode())


PLAIN = observations.gsod(*(row(f"2024-01-{day:02}", f"{day * 1.1:5.1f}") for day in range(1, 20)))


@settings(max_examples=500)
@given(
    st.lists(
        st.tuples(st.integers(len(HEADER), len(PLAIN) - 1), st.sampled_from(b'",\n\r 0979.-xA')), min_size=1, max_size=3
    )
)
@example([(len(HEADER) + len(row()) * 3 + 40, ord('"'))])
def test_should_agree_with_the_csv_module_on_a_damaged_object(damage: list[tuple[int, int]]) -> None:
    data = bytearray(PLAIN)
    for place, byte in damage:
        data[place] = byte

    assert_as_read_independently(bytes(data))


@settings(max_examples=200)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\x1f\x8b", HEADER.encode(), PLAIN[:600]]))
def test_should_reject_anything_else_by_name(noise: bytes, start: bytes) -> None:
    try:
        station = gsod.parse(start + noise)[0].station
        reason = ""
    except gsod.RejectedObjectError as error:
        station, reason = "", error.reason

    assert bool(station) != bool(reason)
    assert len(json.dumps(reason)) - 2 <= 80


records = st.builds(
    gsod.Station,
    station=st.sampled_from(["1", "2"]),
    name=st.sampled_from(["", "A", "B"]),
    latitude=st.sampled_from([None, -1.0, 0.0, 1.5]),
    longitude=st.sampled_from([0.0, 2.5]),
    elevation_m=st.sampled_from([None, 0.0, 3.5]),
    days=st.integers(0, 3),
    sum_tenths_kn=st.integers(0, 10**10),
    max_tenths_kn=st.none() | st.integers(0, 9998),
    first_date=st.sampled_from(["2023-01-01", "2024-01-01"]),
    last_date=st.sampled_from(["2023-12-31", "2024-12-31"]),
    metadata_date=st.sampled_from(["2023-12-31", "2024-12-31"]),
).map(lambda record: record.as_array())


def merged(arrays: list[list[str | int | float | None]]) -> list[list[str | int | float | None]]:
    into: dict[str, gsod.Station] = {}
    gsod.merge(into, arrays)
    return [into[station].as_array() for station in sorted(into)]


@given(st.lists(records, max_size=8), st.randoms(use_true_random=False), st.lists(st.integers(0, 8), max_size=3))
def test_should_merge_the_same_in_any_order_and_grouping(
    arrays: list[list[str | int | float | None]], chance: random.Random, cuts: list[int]
) -> None:
    whole = merged(arrays)
    shuffled = chance.sample(arrays, len(arrays))
    edges = [0, *sorted(cuts), len(arrays)]
    parts = [merged(shuffled[begin:end]) for begin, end in pairwise(edges)]

    # As it travels: every part as JSON.
    assert merged([array for part in parts for array in json.loads(json.dumps(part))]) == whole


def test_should_take_each_row_for_a_day() -> None:
    """Of a date that comes twice both rows count, in one object or in two."""
    one = row(speed="  1.0") + row(speed="  3.0")
    found: dict[str, gsod.Station] = {}
    gsod.merge(
        found, [parsed(observations.gsod(one)).as_array(), parsed(observations.gsod(row(speed=" 9.0"))).as_array()]
    )

    [station] = found.values()
    assert (station.days, station.sum_tenths_kn, station.max_tenths_kn) == (3, 130, 90)


def test_should_merge_exactly() -> None:
    first, second = parsed(TWO_DAYS), parsed(TWO_DAYS.replace(b"2024-", b"2023-").replace(b"LUNKEN", b"OLDKEN"))

    span = ["2023-01-01", "2024-01-02", "2024-01-02"]  # first, last, of the metadata
    assert merged([second.as_array(), first.as_array()]) == [
        ["72429793812", "LUNKEN FIELD, OH US", 39.106, -84.41609, 144.8, 4, 406, 125, *span]
    ]


def real_objects() -> list[Path]:
    return sorted(REAL.glob("*/*.csv"))


@pytest.mark.skipif(not real_objects(), reason=f"no real GSOD objects at {REAL}")
def test_should_agree_with_the_csv_module_on_real_objects() -> None:
    for path in real_objects():
        data = path.read_bytes()
        assert_as_read_independently(data)
        assert parsed(data) == parsed(data.replace(b"\n", b"\r\n")), "the short cut and the csv module differ"
