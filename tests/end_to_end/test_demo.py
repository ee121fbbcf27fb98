"""The wind-speed demo as a newcomer runs it: what it prints, writes, and leaves behind (nothing)."""

from __future__ import annotations

import csv
import json
import signal
import time
from typing import TYPE_CHECKING

import pytest

from demo.wind_speed.sample import sample_objects
from tests.end_to_end.demo_process import SECONDS, assert_nothing_left, start

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.local


def test_should_run_the_app_on_made_up_objects_and_print_where_the_files_are(tmp_path: Path) -> None:
    demo = start(tmp_path, "--out", str(tmp_path / "out"), "--objects", "40", "--unit", "knots", "--batch-size", "7")
    out, err = demo.communicate(timeout=SECONDS)
    assert (demo.returncode, err) == (0, "")
    for name in ("stations.csv", "stations.geojson", "rejected.csv", "summary.json", "map.html"):
        assert str(tmp_path / "out" / name) in out
        assert (tmp_path / "out" / name).stat().st_size > 0
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["sample"] is True
    assert (summary["objects_listed"], summary["objects_analysed"], summary["stations"]) == (40, 40, 20)
    table = " ".join(out.split())
    assert "objects objects objects objects" in table
    assert " 40 40 0 0 20 " in table
    assert_nothing_left(tmp_path)


def test_should_fetch_the_files_of_a_failed_run_too_and_end_with_its_error(tmp_path: Path) -> None:
    year = tmp_path / "source" / "2024"
    year.mkdir(parents=True)
    for obj in sample_objects(4):
        (year / f"{obj.station}-{obj.year}.csv").write_bytes(obj.body())
    (year / "empty.csv").touch()
    (tmp_path / "source" / "index.html").write_text("<html></html>")
    demo = start(tmp_path, "--out", str(tmp_path / "out"), "--source", str(tmp_path / "source"))
    out, err = demo.communicate(timeout=SECONDS)
    assert demo.returncode == 1
    assert err.startswith("error: TooManyRejectedObjects: ")
    assert err.count("\n") == 1
    assert "index.html" in out  # outside the years' folders: said, not dropped
    with (tmp_path / "out/rejected.csv").open() as file:
        assert [row["key"] for row in csv.DictReader(file)] == ["2024/empty.csv"]
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert (summary["objects_listed"], summary["objects_analysed"], summary["objects_rejected"]) == (5, 4, 1)
    assert summary["sample"] is False
    assert_nothing_left(tmp_path)


@pytest.mark.parametrize(("number", "step"), [(signal.SIGINT, "Synthesize"), (signal.SIGTERM, "Deploy")])
def test_should_leave_nothing_behind_when_stopped(tmp_path: Path, number: signal.Signals, step: str) -> None:
    demo = start(tmp_path, "--out", str(tmp_path / "out"), "--objects", "2000")
    assert demo.stdout is not None
    while step not in demo.stdout.readline():
        assert demo.poll() is None
    time.sleep(1)  # in the middle of the step after it
    demo.send_signal(number)
    _, err = demo.communicate(timeout=60)
    assert (demo.returncode, err) == (130, "stopped\n")
    assert_nothing_left(tmp_path)
