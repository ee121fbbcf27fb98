"""`python -m constructs_lib.testing alarms`: what it prints, its exit codes, and each wrong use in a line."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from constructs_lib.testing.__main__ import main
from tests.constructs_lib.testing.alarms import alarm, composite, math_alarm, query, write

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "scenarios: [{name: quiet, minutes: 3, others: OK}]"
BAD = """
scenarios:
  - {name: quiet, minutes: 3, others: OK}
  - name: noisy
    series: {Shop Errors Sum: 0 1}
    alarms: [{alarm: Failing, states: {0: OK}}]
"""

LISTED = """\
Shop.Share
  errors/all >= 1 in a minute; missing points don't breach
  errors = Shop Errors Sum
  all = 222222222222 Shop All Sum
Shop.Fast
  can't be evaluated: Period is 10; allowed: 60 or a multiple of it: a scenario has a point a minute
Shop.Every
  ALARM("Shop.Share")
3 alarms.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, Failing=alarm(), All=composite('ALARM("Shop-Failing")'))


def scenarios(tmp_path: Path, text: str) -> str:
    path = tmp_path / "scenarios.yaml"
    path.write_text(text)
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        code = main(["alarms", *arguments])
    except SystemExit as end:
        code = int(end.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_should_list_the_alarms_and_what_they_ask_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(
        tmp_path,
        Share=math_alarm("errors/all", query("errors"), query("all", "All", AccountId="222222222222")),
        Fast=alarm(Period=10),
        Every=composite('ALARM("Shop-Share")'),
    )
    assert run(capsys, str(folder)) == (0, LISTED, "")


def test_should_pass_with_a_line_a_scenario(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = scenarios(tmp_path, GOOD)
    assert run(capsys, str(folder), file, file) == (0, "passed  quiet\npassed  quiet\n2 scenarios passed.\n", "")


def test_should_fail_with_a_picture(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, str(folder), scenarios(tmp_path, BAD))
    assert (code, err) == (1, "")
    assert out.startswith("passed  quiet\nFAILED  noisy\n\nShop.Failing is ALARM in minute 1; expected: OK\n")
    assert "  state                   .A\n  expected                ..\n" in out
    assert out.endswith("\n1 of 2 scenarios failed.\n")


def test_should_draw_what_passed_when_asked_to(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = scenarios(tmp_path, BAD.replace("{0: OK}", "{0: OK, 1: ALARM}"))
    assert "state  " not in run(capsys, str(folder), file)[1]
    code, out, _ = run(capsys, str(folder), file, "--verbose")
    assert code == 0
    assert "  state                   .A\n  expected                .A\n" in out


def test_should_tell_of_alarms_that_it_can_not_evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path, Failing=alarm(), Fast=alarm(Period=10))
    code, out, _ = run(
        capsys,
        str(folder),
        scenarios(tmp_path, BAD.replace("others: OK", "alarms: [{alarm: Failing, at: 0, state: OK}]")),
    )
    assert code == 1
    assert f"1 alarm can't be evaluated: python -m constructs_lib.testing alarms {folder} says why.\n" in out


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 0),
        (["--reading", "extra_points=0"], 1),
        (["--reading", "fill_empty=true", "--reading", "extra_points=2"], 0),
    ],
)
def test_should_read_what_is_left_open_in_another_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int
) -> None:
    file = scenarios(
        tmp_path,
        "scenarios: [{name: a, series: {Shop Errors Sum: 1 _ _}, alarms: [{alarm: Failing, at: 2, state: ALARM}]}]",
    )
    assert run(capsys, str(write(tmp_path, Failing=alarm())), file, *options)[0] == code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{tmp}/gone"], "gone' doesn't exist. Give the folder that `cdk synth` writes (cdk.out)."),
        (["{tmp}"], "isn't a cloud assembly: it has no manifest.json."),
        (["{out}", "{tmp}/gone.yaml"], "gone.yaml: it can't be read: No such file or directory"),
        (["{out}", "--stack", "Shp"], "the stack 'Shp' is unknown; allowed: Shop"),
        (
            ["{out}", "--reading", "extra=1"],
            "--reading 'extra=1' is unknown; allowed: extra_points=<number>, history_points",
        ),
        (["{out}", "--reading", "extra_points=many"], "--reading 'extra_points=many' is unknown; allowed: "),
        (["{out}", "--reading", "fill_empty=2"], "--reading 'fill_empty=2' is unknown; allowed: "),
        (["{out}", "--quick"], "unrecognized arguments: --quick. See python -m constructs_lib.testing"),
        ([], "the following arguments are required: CDK_OUT. See python -m constructs_lib.testing alarms --help"),
    ],
)
def test_should_refuse_wrong_use_in_a_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, out, err = run(capsys, *(each.format(tmp=tmp_path, out=folder) for each in arguments))
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


def test_should_keep_to_a_stack_and_an_environment(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, str(folder), "--stack", "Shop", "--account", "333333333333", "--region", "eu-west-1")
    assert (code, out.splitlines()[-1]) == (0, "2 alarms.")


def test_should_run_as_a_module_without_loading_jsii(folder: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from constructs_lib.testing.__main__ import main; code = main(sys.argv[1:]);"
        "assert not {'jsii', 'aws_cdk', 'moto', 'boto3'} & set(sys.modules); sys.exit(code)"
    )
    arguments = ["alarms", str(folder), scenarios(tmp_path, GOOD)]
    result = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "passed  quiet\n1 scenario passed.\n", "")


def test_should_name_the_extra_that_is_missing(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert run(capsys, str(folder)) == (
        2,
        "",
        'error: alarm scenarios need PyYAML, not installed here. Fix: pip install "step-functions-at-scale[testing]"\n',
    )
