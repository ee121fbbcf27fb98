"""The command, with outcomes instead of a local cloud."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from parity import __main__ as command
from parity import shortfalls
from parity.recordings import Case, Recordings
from parity.report import Outcome

COMPARE = "def compare_history(expected, actual):\n    raise AssertionError('no case is run here')\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A hundred recordings."""
    started = {"type": "ExecutionStarted", "executionStartedEventDetails": {"input": {}}}
    cases = [
        {
            "id": f"group/test.py::case[{number:02}]",
            "type": "STANDARD",
            "definition": {},
            "input": number,
            "recorded": [started],
        }
        for number in range(100)
    ]
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    (tmp_path / "compare.py").write_text(COMPARE)
    return tmp_path


def reach(monkeypatch: pytest.MonkeyPatch, folder: Path, short: Sequence[int], documented: Sequence[int]) -> None:
    """Let the cases of these numbers fall short by their result, and the document have rows for those."""

    def run(_: Recordings, cases: Sequence[Case]) -> list[Outcome]:
        return [
            Outcome(case.id, case.category, 0, ("result: status",), ("A B", "A"))
            if case.input in short
            else Outcome(case.id, case.category, 3)
            for case in cases
        ]

    rows = "".join(f"| `group/test.py::case[{number:02}]` | a | b |\n" for number in documented)
    (folder / "document.md").write_text(f"{shortfalls.HEADING}\n\n{rows}")
    monkeypatch.setattr(command, "run", run)
    monkeypatch.setattr(shortfalls, "DOCUMENT", folder / "document.md")


def test_should_say_that_there_are_no_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "parity.json"

    status = command.main(["--recordings", str(tmp_path / "nowhere"), "--out", str(out)])

    assert status == 0
    assert "there are no recordings of AWS in " in capsys.readouterr().out
    assert not out.exists()


def test_should_write_the_file_and_succeed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reach(monkeypatch, folder, short=[4], documented=[4])
    out = folder / "build" / "parity.json"

    status = command.main(["--recordings", str(folder), "--out", str(out)])

    assert status == 0
    written = json.loads(out.read_text())
    assert written["totals"] == {"cases": 100, "result": 99, "sequence": 99, "details": 99}
    assert written["cases"][4] == {"id": "group/test.py::case[04]", "level": 0}
    assert "level 0 of 3: group/test.py::case[04]\n- result: status" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("short", "documented", "problem"),
    [
        (range(6), range(6), "error: result: 94.0 % of the cases"),
        ([4], [], "has no line for group/test.py::case[04]"),
        ([], [4], "has a line for group/test.py::case[04]"),
    ],
)
def test_should_fail_below_a_bar_and_with_another_table(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    short: Sequence[int],
    documented: Sequence[int],
    problem: str,
) -> None:
    reach(monkeypatch, folder, short, documented)

    status = command.main(["--recordings", str(folder), "--out", str(folder / "parity.json")])

    assert status == 1
    assert problem in capsys.readouterr().err


def test_should_fail_without_the_table(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reach(monkeypatch, folder, short=[], documented=[])
    (folder / "document.md").write_text("# Another document\n")

    status = command.main(["--recordings", str(folder), "--out", str(folder / "parity.json")])

    assert status == 1
    assert "error: The section " in capsys.readouterr().err


def test_should_show_a_case_in_full(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reach(monkeypatch, folder, short=[4], documented=[])
    arguments = ["--recordings", str(folder), "--out", str(folder / "parity.json")]

    assert command.main([*arguments, "--case", "case[04]"]) == 1
    shown = capsys.readouterr().out
    assert command.main([*arguments, "--case", "case[05]"]) == 0

    assert "level 0 of 3: group/test.py::case[04]" in shown
    assert "input: 4\nAWS:  A B\nhere: A\n- result: status" in shown
    assert "case[05]" not in shown
    assert not (folder / "parity.json").exists()


def test_should_ask_for_a_part_of_an_id(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--recordings", str(folder), "--case", "nothing"]) == 2
    assert "no case has 'nothing' in its id. Fix: " in capsys.readouterr().err
