"""A folder and NOAA's bucket as sources: what is read, what is only named, and what is refused with the fix."""

from __future__ import annotations

import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from demo.errors import DemoError, UsageError
from demo.wind_speed.sources import folder_source, noaa_source, sample_source

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_should_read_every_file_under_a_years_folder_and_name_the_others(tmp_path: Path) -> None:
    for name in ("2024/1.csv", "2024/picture.png", "1960/2.csv", "index.html", "notes/readme.txt", "2024.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
    source = folder_source(tmp_path)
    assert {key: read() for key, read in source.objects} == {
        key: key.encode() for key in ("2024/1.csv", "2024/picture.png", "1960/2.csv")
    }
    assert source.notes == (
        "outside the years' folders, so not part of the source: 3 (2024.csv, index.html, notes/readme.txt)",
    )
    assert not source.sample


def test_should_name_what_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "2024").mkdir()
    (tmp_path / "2024/1.csv").touch()
    (tmp_path / "2024/2.csv").symlink_to(tmp_path / "nowhere")
    assert folder_source(tmp_path).notes == ("not readable files, so not part of the source: 1 (2024/2.csv)",)


def test_should_refuse_a_name_that_no_object_can_have(tmp_path: Path) -> None:
    (tmp_path / "2024").mkdir()
    Path(os.fsdecode(bytes(tmp_path) + b"/2024/Z\xfcrich.csv")).touch()
    with pytest.raises(UsageError, match=r"isn't UTF-8.*Rename the file"):
        folder_source(tmp_path)


def test_should_refuse_a_folder_that_is_not_there_or_has_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such folder.*<year>/<station>\.csv"):
        folder_source(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"no file in a year's folder.*<year>/<station>\.csv"):
        folder_source(tmp_path)


def test_should_say_that_the_sample_is_made_up() -> None:
    source = sample_source(3)
    assert source.sample
    assert "made-up" in source.title
    assert [read()[:9] for _, read in source.objects] == [b'"STATION"'] * 3


class Bucket(BaseHTTPRequestHandler):
    """The public bucket's two calls: 10 keys a year, listed in pages of 4, each body its own key."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        assert "Authorization" not in self.headers  # unsigned: no account's credentials are ever sent
        if "list-type" in query:
            body = self._page(query["prefix"], int(query.get("continuation-token", "0")))
        else:
            body = url.path.removeprefix("/noaa-gsod-pds/").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _page(self, prefix: str, start: int) -> bytes:
        keys = [] if prefix == "1930/" else [f"{prefix}{n:03}.csv" for n in range(10)]
        page, more = keys[start : start + 4], start + 4 < len(keys)
        contents = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in page)
        token = f"<NextContinuationToken>{start + 4}</NextContinuationToken>" if more else ""
        return (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
        ).encode()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep the tests' output quiet."""


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Bucket) as server:
        Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_should_choose_objects_evenly_over_the_stations_of_every_year(bucket: str) -> None:
    source = noaa_source([2023, 2024], 4, bucket)
    assert [key for key, _ in source.objects] == ["2023/000.csv", "2023/005.csv", "2024/000.csv", "2024/005.csv"]
    assert [read().decode() for _, read in source.objects] == [key for key, _ in source.objects]
    assert source.title == "s3://noaa-gsod-pds, 4 of 20 objects of 2023, 2024"


def test_should_take_all_when_there_are_fewer_than_asked(bucket: str) -> None:
    assert len(noaa_source([2024], 500, bucket).objects) == 10


def test_should_refuse_years_that_the_bucket_does_not_have(bucket: str) -> None:
    with pytest.raises(UsageError, match="--years 1930: s3://noaa-gsod-pds has no object of them"):
        noaa_source([1930], 5, bucket)


def test_should_say_so_in_one_line_when_there_is_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    with socket.socket() as unused:  # bound but not listening: connections to it are refused
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(DemoError, match=r"can't be read over HTTPS.*--source sample, which needs none") as error:
            noaa_source([2024], 5, f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert "\n" not in str(error.value)
