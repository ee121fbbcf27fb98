from __future__ import annotations

import gzip
import json
import logging
import ssl
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.s3_server import Fault, S3Server
from constructs_lib.local.emulator.launch import write_certificate
from lambdas.wind_speed import analyze, gsod, s3
from tests.lambdas.wind_speed.conftest import use
from tests.lambdas.wind_speed.observations import HEADER, PNG, row, year_of
from tests.lambdas.wind_speed.observations import gsod as gsod_object

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = ["2023/1.csv", "2024/1.csv", "2024/2.csv"]


@pytest.fixture
def observed(server: S3Server) -> S3Server:
    server.store.buckets["source"] |= {
        KEYS[0]: year_of("1", 2023, [1.0, 2.0]),
        KEYS[1]: year_of("1", 2024, [9.0, 999.9]),
        KEYS[2]: year_of("2", 2024, [999.9]),
    }
    return server


def run(*keys: str) -> analyze.Result:
    return analyze.handler({"Items": [{"key": key} for key in keys]}, None)


def test_should_merge_a_batch_by_station(observed: S3Server) -> None:
    place = ["LUNKEN FIELD, OH US", 39.106, -84.41609, 144.8]

    assert run(*KEYS) == {
        "analysed": 3,
        "stations": [
            ["1", *place, 3, 120, 90, "2023-01-01", "2024-01-02", "2024-01-02"],
            ["2", *place, 0, 0, None, "2024-01-01", "2024-01-01", "2024-01-01"],
        ],
        "rejected": [],
    }


def test_should_reject_bad_objects_and_keep_the_batch(observed: S3Server) -> None:
    observed.store.buckets["source"] |= {
        "2024/empty.csv": b"",
        "2024/image.csv": PNG,
        "2024/no-wind.csv": (HEADER + row()).replace("WDSP", "WIND").encode(),
        "2024/cut.csv.gz": gzip.compress(gsod_object(row()))[:-9],
        "2024/latin.csv": gsod_object(row(name='"Å"')).replace("Å".encode(), b"\xc5"),
        "2024/header.csv": HEADER.encode(),
        "2024/large.csv": bytes(gsod.MAX_OBJECT_BYTES + 1),
        "2024/archived.csv": b"",
    }
    observed.store.faults["2024/archived.csv"] = Fault(403, "InvalidObjectState")
    bad = [key for key in observed.store.buckets["source"] if key not in KEYS]

    result = run(KEYS[0], *bad, "2024/gone.csv", *KEYS[1:])

    assert result["analysed"] == 3
    assert result["rejected"] == [
        ["2024/empty.csv", "empty object"],
        ["2024/image.csv", "not CSV: binary"],
        ["2024/no-wind.csv", "no column WDSP"],
        ["2024/cut.csv.gz", "truncated gzip"],
        ["2024/latin.csv", "not UTF-8"],
        ["2024/header.csv", "no rows"],
        ["2024/large.csv", "larger than 8 MiB"],
        ["2024/archived.csv", "object archived"],
        ["2024/gone.csv", "object vanished"],
    ]
    assert [record[0] for record in result["stations"]] == ["1", "2"]


def test_should_do_without_a_first_object(observed: S3Server) -> None:
    assert run("2024/gone.csv", *KEYS)["analysed"] == 3


def test_should_return_what_any_json_encoder_writes_as_arrays(observed: S3Server) -> None:
    result = run(*KEYS, "2024/gone.csv")

    assert all(type(array) is list for array in [*result["stations"], *result["rejected"]])
    assert json.loads(json.dumps(result)) == result


def test_should_read_objects_past_the_first_without_the_sdk(observed: S3Server) -> None:
    run(*KEYS)
    run(*KEYS)

    assert sorted(agent.partition("/")[0] for agent in observed.store.user_agents) == [*[""] * 5, "Botocore"]


@pytest.mark.parametrize("key", ["2024/å b+c?&#%25;=.csv", "2024/a//../b.csv", "2024/~(!)'*.csv"])
def test_should_read_a_key_of_any_characters(observed: S3Server, key: str) -> None:
    observed.store.buckets["source"][key] = year_of("3", 2024, [1.0])

    assert [record[0] for record in run(*KEYS, key)["stations"]] == ["1", "2", "3"]


def test_should_log_unreadable_rows(observed: S3Server, caplog: pytest.LogCaptureFixture) -> None:
    observed.store.buckets["source"]["2024/3.csv"] = gsod_object(row(), row("2024-02-30"), row(speed="?"))

    run(*KEYS, "2024/3.csv")

    [record] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert {"objects": 1, "rows": 2, "first": {"2024/3.csv": 2}}.items() <= vars(record).items()


def test_should_survive_throttling_and_broken_connections(observed: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(*KEYS)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    observed.store.faults |= {
        KEYS[0]: Fault(times=4),
        KEYS[1]: Fault(cut=True, times=1),
        KEYS[2]: Fault(500, "InternalError", times=2),
    }

    assert run(*KEYS) == whole


@pytest.mark.parametrize(
    "fault",
    [
        Fault(),
        Fault(500, "InternalError"),
        Fault(400, "RequestTimeout"),
        Fault(429, "TooManyRequests"),
        Fault(cut=True),
    ],
)
@pytest.mark.parametrize("place", [0, 2])
def test_should_ask_for_a_retry_when_trouble_outlasts_the_sdk(
    observed: S3Server, monkeypatch: pytest.MonkeyPatch, fault: Fault, place: int
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    observed.store.faults[KEYS[place]] = fault

    with pytest.raises(s3.TransientS3Error):
        run(*KEYS)


def test_should_ask_for_a_retry_when_s3_cannot_be_reached(observed: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # discard: nothing listens

    with pytest.raises(s3.TransientS3Error):
        run(*KEYS)


@pytest.fixture
def over(observed: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """An event for which the SDK waits between its attempts: until the test's end, or for 5 s."""
    event = threading.Event()
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: event.wait(5))
    yield event
    event.set()  # before the server waits for the threads


@contextmanager
def at_once() -> Iterator[None]:
    """What happens in here takes much less than the SDK's waits."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < 2.5


@pytest.mark.usefixtures("over")
@pytest.mark.parametrize("place", [0, 2])
def test_should_ask_for_a_retry_when_s3_holds_a_batch_up(
    observed: S3Server, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    monkeypatch.setattr(analyze, "_SECONDS", 0.1)
    observed.store.faults[KEYS[place]] = Fault()

    with at_once(), pytest.raises(s3.TransientS3Error, match=r"3 objects were not read within 0\.1 s"):
        run(*KEYS)


def test_should_fail_a_batch_without_waiting_for_its_other_objects(
    observed: S3Server, monkeypatch: pytest.MonkeyPatch, over: threading.Event
) -> None:
    held, read = threading.Event(), s3.Reader.read

    def read_in_turn(reader: s3.Reader, key: str) -> bytes:
        if key == KEYS[0]:
            assert held.wait(5)  # until the other object's thread is busy
        return read(reader, key)

    def sleep(_: float) -> None:
        held.set()
        over.wait(5)

    monkeypatch.setattr(s3.Reader, "read", read_in_turn)
    monkeypatch.setattr("botocore.endpoint.time.sleep", sleep)
    observed.store.faults |= {KEYS[0]: Fault(403, "AccessDenied"), KEYS[2]: Fault()}

    with at_once(), pytest.raises(ClientError, match="AccessDenied"):
        run(*KEYS)


@pytest.mark.parametrize("place", [0, 2])
def test_should_read_the_next_batch_while_s3_holds_up_an_object_of_the_last(
    observed: S3Server, monkeypatch: pytest.MonkeyPatch, over: threading.Event, place: int
) -> None:
    """A thread outlives its batch when Lambda freezes the process, and goes on when the next batch comes."""
    observed.store.faults[KEYS[place]] = Fault()
    with monkeypatch.context() as impatient:
        impatient.setattr(analyze, "_SECONDS", 0.1)
        with pytest.raises(s3.TransientS3Error):
            run(*KEYS)
    observed.store.faults.clear()

    with at_once():
        assert run(*KEYS)["analysed"] == 3
    assert not over.is_set()


def test_should_leave_long_waits_to_step_functions(observed: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", waits.append)
    observed.store.faults[KEYS[0]] = Fault()

    with pytest.raises(s3.TransientS3Error):
        run(KEYS[0])
    longest = [2**number for number in range(len(waits))]  # the SDK draws its waits between 0 and these
    assert all(wait <= most for wait, most in zip(waits, longest, strict=True))
    assert 1 <= sum(longest) <= analyze._SECONDS / 2


@pytest.mark.parametrize("place", [0, 2])
def test_should_not_take_missing_permissions_for_bad_objects(observed: S3Server, place: int) -> None:
    observed.store.faults[KEYS[place]] = Fault(403, "AccessDenied")

    with pytest.raises(ClientError, match="AccessDenied"):
        run(*KEYS)


def test_should_not_take_a_missing_bucket_for_bad_objects(observed: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_BUCKET", "elsewhere")

    with pytest.raises(ClientError, match="NoSuchBucket"):
        run(*KEYS)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for loopback, with its key beside it."""
    path = tmp_path / "server.crt"
    write_certificate(path, path.with_suffix(".key"))
    return path


def test_should_read_over_tls_from_whom_the_sdk_trusts(
    server: S3Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with S3Server({"source": {"2024/1.csv": year_of("1", 2024, [1.0])}}, tls) as secure:
        use(secure, monkeypatch)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))

        assert run(*["2024/1.csv"] * 3)["analysed"] == 3
        assert secure.store.user_agents.count("") == 2


def worst_objects(count: int) -> dict[str, bytes]:
    """Objects whose records are as large as they can be."""
    header = "STATION,DATE,WDSP,NAME,LATITUDE,LONGITUDE,ELEVATION\n"
    return {
        f"2024/{index}": header.encode()
        + "".join(
            f"{index:016},{day},999.8,{'N' * 200},-89.1234567,-179.1234567,-899.1234567\n"
            for day in ("1929-01-01", "2029-12-31")
        ).encode()
        for index in range(count)
    }


class InMemory(s3.Reader):
    """Objects that come from no server: thousands of them take seconds to send."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self._objects = objects

    def read(self, key: str) -> bytes:
        return self._objects[key]


def worst_batch(rejected: int, letter: str) -> dict[str, bytes]:
    """1,000 objects in 100 KiB of input, which is what the map allows, of which so many will be rejected.

    Short keys for the records, and as much key as is left for the rejected, up to S3's 1,024 bytes.
    """
    records = worst_objects(1000 - rejected)
    left = 102_400 - sum(len(json.dumps({"key": key})) + 1 for key in records) - rejected * 13
    room = min(1024, left // max(1, rejected))
    bad = [f"{index:04}" + letter * ((room - 4) // len(letter.encode())) for index in range(rejected)]
    items = [{"key": key} for key in [*records, *bad]]
    assert len(json.dumps({"Items": items}, ensure_ascii=False, separators=(",", ":")).encode()) <= 102_400
    return records | {key: gsod_object(row(station="\x01" * 99)) for key in bad}


@pytest.mark.parametrize(("rejected", "letter"), [(0, "a"), (1, "\u00e5"), (1000, "a"), (1000, "\u00e5")])
def test_should_keep_the_worst_batch_under_200_kib(rejected: int, letter: str) -> None:
    """256 KiB of output would fail the execution."""
    objects = worst_batch(rejected, letter)

    result = analyze.analyze(InMemory(objects), [*objects])

    assert result["analysed"] == 1000 - rejected
    assert [key for key, _ in result["rejected"]] == [*objects][1000 - rejected :]
    assert len(json.dumps(result, ensure_ascii=False).encode()) <= 200 * 1024


@pytest.mark.parametrize("letter", ["a", "\u00e5"])
def test_should_fail_a_batch_rather_than_shorten_a_rejected_key(letter: str) -> None:
    """A retry would look for an object by the shortened key, and call it vanished."""
    objects = worst_batch(88, letter)

    with pytest.raises(
        analyze.ResultTooLarge, match=r"^A batch's result has 2\d\d,\d{3} bytes with the keys of its 88 "
    ):
        analyze.analyze(InMemory(objects), [*objects])


def test_should_leave_the_keys_of_rejected_objects_whole() -> None:
    keys = [f"{'prefix/' * 10}2024/{index}.csv" for index in range(500)]

    result = analyze.analyze(InMemory(dict.fromkeys(keys, b"")), keys)

    assert [key for key, _ in result["rejected"]] == keys


wild = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)


@settings(max_examples=100)
@given(
    wild,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.floats(allow_nan=True).map(str) | wild,
    st.floats(-90, 90).map(str),
    st.floats(-180, 180).map(str),
)
def test_should_keep_any_record_under_200_bytes(
    name: str, station: str, elevation: str, latitude: str, longitude: str
) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    cells = [quoted(cell) for cell in (station, "2024-01-01", latitude, longitude, elevation, name, "999.8")]
    data = "STATION,DATE,LATITUDE,LONGITUDE,ELEVATION,NAME,WDSP\n" + ",".join(cells) + "\n"
    try:
        record = gsod.parse(data.encode())[0].as_array()
    except gsod.RejectedObjectError as error:
        assert len(json.dumps(["", error.reason])) <= 100  # noqa: PT017 - either outcome has its bound
    else:
        # Its numbers are those of one day: another 15 digits are what a whole object could add.
        assert len(json.dumps(record)) + 15 <= 200
