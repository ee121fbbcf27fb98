"""The command that draws a dashboard; what is on the page is in the tests of the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from constructs_lib.forecast.dashboard import main
from tests.stacks.quotas_app import synthesize

if TYPE_CHECKING:
    from pathlib import Path

SERIES = """
scenarios:
  - name: a burst
    series:
      AWS/States ThrottledEvents Sum {ServiceMetric=StateTransition}: "0x4 8000 0x24"
"""


@pytest.fixture(scope="module")
def cdk_out() -> str:
    return str(synthesize({})[0].path)


def test_should_draw_the_load_test(cdk_out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "new" / "page.html"
    assert main([cdk_out, "--region", "eu-central-1", "--out", str(page)]) == 0
    assert capsys.readouterr() == (f"{page}\n", "")
    assert "Is anything delayed now?" in page.read_text()
    assert "QuotasAlarmsDelayed" in page.read_text()


def test_should_draw_what_was_saved(cdk_out: str, tmp_path: Path) -> None:
    series, page = tmp_path / "series.yaml", tmp_path / "page.html"
    series.write_text(SERIES)
    assert main([cdk_out, "--series", str(series), "--out", str(page)]) == 0
    assert re.search(r"\b8000\b", page.read_text())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--region", "mars-1"], "--region is 'mars-1'; allowed: a Region that has Step Functions"),
        (["--stack", "WindSpeed"], "0 dashboards; allowed: one. Choose its stack by --stack: Quotas"),
        (["--series", "none.yaml"], "none.yaml: it can't be read: "),
        (["--hold-seconds", "99999999"], "'99999999'; allowed: a whole number"),
        (["--map-runs", "0", "--transitions-per-second", "0"], "loads is empty; allowed: one load or more"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_should_refuse_in_one_line(
    cdk_out: str, arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main([cdk_out, "--out", str(tmp_path / "page.html"), *arguments])
    except SystemExit as left:
        code = int(str(left.code))
    told = capsys.readouterr()
    assert (code, told.out) == (2, "")
    assert told.err.startswith("error: ")
    assert message in told.err
    assert told.err.count("\n") == 1


def test_should_refuse_what_is_no_assembly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "Give the folder that `cdk synth` writes" in capsys.readouterr().err
