"""The demo's command line: wrong arguments end in one line and exit code 2, before anything is started."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from demo.__main__ import main
from demo.errors import DemoError
from demo.synthesis import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--unit", "furlongs"], ["furlongs", "knots", "mph", "kmh", "mps"]),
        (["--batch-size", "0"], ["--batch-size 0", "1 to 1,000"]),
        (["--batch-size", "1001"], ["--batch-size 1001", "1 to 1,000"]),
        (["--batch-size", "many"], ["--batch-size", "many", "a whole number"]),
        (["--objects", "0"], ["--objects 0", "from 1 to"]),
        (["--objects", "99999999"], ["--objects 99999999", "from 1 to"]),
        (["--source", "nowhere/at/all"], ["nowhere/at/all", "no such folder", "<year>/<station>.csv"]),
        (["--source", "noaa", "--years", "1928"], ["--years 1928", "from 1929", "give one of these"]),
        (["--source", "noaa", "--years", "2999"], ["--years 2999", "from 1929"]),
        (["--source", "noaa", "--max-objects", "0"], ["--max-objects 0", "at least 1"]),
        (["--source", "noaa", "--objects", "5"], ["--objects", "--source sample", "--source noaa"]),
        (["--years", "2024"], ["--years", "--source noaa", "--source sample"]),
        (["--max-objects", "5"], ["--max-objects", "--source noaa"]),
        (["--objects", "3", "--out", __file__], ["--out", "can't be made a folder", "Name another"]),
        (["--objects", "3", "--out", f"{__file__}/x"], ["--out", "can't be made a folder", "Name another"]),
        (["--objects", "3", "--out", "/proc/x"], ["--out /proc/x", "can't be made a folder", "Name another"]),
        (["--objects", "3", "--cdk", "no/such/cdk"], ["no/such/cdk", "can't be run", "npm install aws-cdk"]),
        (["--objects", "3", "--cdk", __file__], [__file__, "can't be run", "npm install aws-cdk"]),
        (["--source", __file__], ["not a folder", "<year>/<station>.csv"]),
        (["--whatever"], ["--whatever"]),
        (["review"], ["review: no such demo", "reviews", "no name for wind speeds"]),
        (["reviews", "--whatever"], ["--whatever"]),
        (["reviews", "--unit", "knots"], ["--unit"]),
        (["reviews", "--break", "assume"], ["assume", "describe", "start", "stop"]),
        (["reviews", "--break", "describe", "--input", "x"], ["--input doesn't go with --break", "Leave it out"]),
        (["reviews", "--break", "describe", "--replies", "x"], ["--replies doesn't go with --break"]),
        (["reviews", "--break", "describe", "--cdk", "no/such/cdk"], ["no/such/cdk", "can't be run"]),
        (["reviews", "--input", "no/such/file"], ["--input no/such/file", "can't be read", "a review a line"]),
        (["reviews", "--replies", "no/such/file"], ["no/such/file", "can't be read"]),
        (["reviews", "--replies", __file__], [__file__, "aren't JSON"]),
        (["reviews", "--cdk", "no/such/cdk"], ["no/such/cdk", "can't be run", "npm install aws-cdk"]),
    ],
    ids=" ".join,
)
def test_should_refuse_a_wrong_argument_in_one_line(
    arguments: list[str],
    said: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # where the folder for the files may be made
    try:
        code: object = main(arguments)
    except SystemExit as exit_:
        code = exit_.code
    message = capsys.readouterr().err
    assert code == 2
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    for words in said:
        assert words in message


def test_should_refuse_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--source", str(tmp_path)]) == 2
    assert "no file in a year's folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (
            ["--help"],
            [
                "python -m demo reviews",
                "--source",
                "--objects",
                "--years",
                "--max-objects",
                "--unit",
                "--batch-size",
                "--out",
                "--cdk",
            ],
        ),
        (["reviews", "--help"], ["--input", "--replies", "--break {describe,start,stop}", "--cdk", "made up"]),
    ],
    ids=" ".join,
)
def test_should_explain_itself(arguments: list[str], named: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 0
    help_text = capsys.readouterr().out
    for word in named:
        assert word in help_text


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (DemoError("no luck", ("more",)), 1, "error: no luck\nmore\n"),
        (ClientError({"Error": {"Code": "Busy", "Message": "later"}}, "Start"), 1, "error: An error occurred (Busy)"),
        (KeyboardInterrupt(), 130, "stopped\n"),
    ],
    ids=["demo", "aws", "ctrl-c"],
)
def test_should_end_by_the_documented_exit_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: list[str]) -> int:
        raise error

    monkeypatch.setattr("demo.reviews.command.run", fail)
    assert main(["reviews"]) == code
    assert capsys.readouterr().err.startswith(said)


def test_should_start_neither_jsii_nor_the_emulator() -> None:
    loaded = "import sys, demo.__main__, demo.reviews.command, demo.wind_speed.command; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"jsii", "aws_cdk", "ministack", "moto"} & set(done.stdout.split())
