"""`python -m constructs_lib.forecast`: what it prints, its exit codes, and each wrong use in a line."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from constructs_lib.assembly import Assembly
from constructs_lib.forecast.command_line import main
from constructs_lib.forecast.job import Child, Job
from constructs_lib.forecast.saved_series import read_series
from constructs_lib.forecast.simulation import forecast, simulate
from constructs_lib.forecast.verdict import verdict
from constructs_lib.forecast.workflow import read_map
from constructs_lib.testing import run_scenarios
from tests.constructs_lib.forecast.assemblies import MAP, changed, definition, job, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SMALL = ("--objects", "2000")
COMMAND = (sys.executable, "-m", "constructs_lib.forecast")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        code = main(arguments)
    except SystemExit as end:
        code = int(end.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    code, out, err = run(capsys, "--json", *arguments)
    assert (code, err) == (0, "")
    return json.loads(out)


def test_should_foresee_the_wind_speed_workflow(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *SMALL)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "2,000 objects, 500 a batch: 4 Express children, in us-east-1"
    assert lines[2] == "given    objects 2,000"
    assert lines[3].startswith("default  mean-bytes 62,000, batch-size 500, max-concurrency 200, child express, ")
    assert re.search(r"^Duration +\S+ s \(\S+ to \S+ s\)$", out, re.MULTILINE)
    assert re.search(r"^Cost +\$\S+ \(\$\S+ to \$\S+\)$", out, re.MULTILINE)
    assert lines[-1] == verdict(forecast(Job(objects=2_000)))


def test_should_name_the_three_limits_that_bind_longest(capsys: pytest.CaptureFixture[str]) -> None:
    table = run(capsys, *SMALL)[1].partition("What binds")[2].splitlines()[2:]
    likely = forecast(Job(objects=2_000)).likely
    assert [line.partition("  ")[0] for line in table[:4]] == [
        *(b.limit.value for b in likely.bindings[:3]),
        "all else",
    ]


def test_should_say_what_it_read_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path, function={"MemorySize": 512}, region="eu-west-2")
    code, out, _ = run(capsys, str(folder), *SMALL, "--max-concurrency", "20")
    assert code == 0
    assert out.startswith(
        "The map Map of Files.Machine\n2,000 objects, 100 a batch: 20 Standard children, in eu-west-2\n"
    )
    assert "\ngiven    objects 2,000, max-concurrency 20\n" in out
    assert re.search(r"^ +region +eu-west-2 +the Region of Files$", out, re.MULTILINE)
    assert re.search(r"^ +function-memory-mb +512 +the function Reader: MemorySize$", out, re.MULTILINE)
    assert not re.search(r"^.* max-concurrency +50", out, re.MULTILINE)


def test_should_print_everything_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, str(write(tmp_path)), *SMALL)
    assert set(found) == {"job", "settings", "notes", "verdict", "may_fail", "ranges", "runs"}
    assert found["job"]["children"] == 20
    assert [note.startswith("This app's functions are taken to work as") for note in found["notes"]] == [True]
    assert found["settings"]["objects"] == {"value": 2_000, "from": "option", "where": "--objects"}
    assert found["settings"]["max_concurrency"] == {"value": 50, "from": "cdk.out", "where": "MaxConcurrency"}
    assert found["settings"]["region"]["from"] == "default"
    assert list(found["runs"]) == ["optimistic", "likely", "pessimistic"]
    likely = found["runs"]["likely"]
    assert set(found["ranges"]) == {"duration_seconds", "dollars", "gets", "retries"}
    for name, (low, high) in found["ranges"].items():
        assert low <= (likely["dollars"]["total"] if name == "dollars" else likely[name]) <= high
    shortest, longest = found["ranges"]["duration_seconds"]
    assert shortest <= likely["duration_seconds"] < longest < found["runs"]["pessimistic"]["duration_seconds"]
    assert set(likely) == {
        "duration_seconds", "children", "transitions", "objects_read", "gets", "throttled_gets", "retries",
        "batch_seconds", "longest_child_seconds", "dollars", "usage", "phases", "bindings",
    }  # fmt: skip
    assert set(likely["dollars"]) == {"step_functions", "lambda", "s3", "total"}
    assert likely["objects_read"] == 2_000
    assert set(likely["bindings"][0]) == {"limit", "first_second", "last_second", "seconds"}


def test_should_add_the_series_when_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    series = document(capsys, *SMALL, "--series")["runs"]["likely"]["series"]
    assert sum(series["objects_read"]) == pytest.approx(2_000)


def test_should_compare_every_value_with_every_other(capsys: pytest.CaptureFixture[str]) -> None:
    compared = ("--compare", "batch-size=100,500", "--compare", "child=express,standard")
    found = document(capsys, *SMALL, *compared)["forecasts"]
    assert [(one["job"]["batch_size"], one["job"]["child"]) for one in found] == [
        (100, "express"),
        (100, "standard"),
        (500, "express"),
        (500, "standard"),
    ]
    assert found[0]["settings"]["child"] == {"value": "express", "from": "comparison", "where": "--child"}


def test_should_compare_in_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *SMALL, "--compare", "batch-size=100,500", "--compare", "child=express,standard")
    assert (code, err) == (0, "")
    rows = [line for line in out.splitlines() if re.match(r" +[15]00  ", line)]
    assert [line.split()[:2] for line in rows] == [
        ["100", "express"],
        ["100", "standard"],
        ["500", "express"],
        ["500", "standard"],
    ]
    assert re.search(r"^(Fastest|Fastest and cheapest): batch-size \d+, child \w+: ", out, re.MULTILINE)


def test_should_list_the_constants(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--constants")
    assert code == 0
    assert "GETs of a partitioned prefix: 5,500 a second  documented, 2026-11-21\n  At least so many: https://" in out
    assert out.index("assumed, ") < out.index("measured, ") < out.index("documented, ")
    found = document(capsys, "--constants")
    assert found["s3_gets"]["likely"] == 5_500
    assert out.count("documented, 2") == sum(one["basis"] == "documented" for one in found.values())


@pytest.mark.parametrize("has_assembly", [False, True], ids=["", "without alarms"])
def test_should_save_the_likely_run_as_a_scenario(
    has_assembly: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.yaml"
    folder = [str(write(tmp_path))] if has_assembly else []
    code, _, err = run(capsys, *folder, *SMALL, "--save-scenario", str(file))
    assert (code, err) == (0, f"Saved {file}: the likely run's metrics as a scenario of alarms.\n")
    (transitions,) = (
        points for key, points in read_series(file).items() if "ConsumedCapacity" in key and "StateTransition" in key
    )
    expected = job(read_map(Assembly.read(tmp_path)), objects=2_000) if has_assembly else Job(objects=2_000)
    assert sum(point or 0 for point in transitions) == forecast(expected).likely.transitions


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--objects", "0"], "--objects is 0; allowed: a whole number from 1 to 100,000,000. "),
        (["--objects", "6e5"], "argument --objects: '6e5' isn't one; allowed: a whole number from 1 to 100,000,000. "),
        (["--batch-size", "1001"], "--batch-size is 1001; allowed: a whole number from 1 to 1,000. "),
        (["--max-concurrency", "10001"], "--max-concurrency is 10001; allowed: a whole number from 1 to 10,000. "),
        (["--region", "eu-wst-1"], "--region is 'eu-wst-1'; allowed: a Region that has Step Functions. Did you m"),
        (["--child", "expres"], "argument --child: 'expres' isn't one; allowed: express, standard (did you"),
        (["--other-transitions-per-second", "many"], "argument --other-transitions-per-second: 'many' isn't one; "),
        (["--other-transitions-per-second", "inf"], "--other-transitions-per-second is inf; allowed: "),
        (["--objects", "9000000", "--batch-size", "1"], "--batch-size is 1; allowed: what makes at most "),
        (["--batch-size", "7", "--compare", "batch-size=5,50"], "--batch-size is given and compared, too. Fix: "),
        (["--compare", "batchsize=1"], "--compare 'batchsize=1': 'batchsize' is unknown; allowed: objects, mean-"),
        (["--compare", "batch-size=50,x"], "--compare batch-size has 'x'; allowed: a whole number from 1 to 100,000"),
        (["--compare", "batch-size"], "--compare batch-size has ''; allowed: a whole number from 1 to 100,000"),
        (["--compare", "batch-size=50,0"], "--compare batch-size is 0; allowed: a whole number from 1 to 1,000. "),
        (["--compare", "child=express", "--compare", "child=standard"], "--compare child is given twice. Fix: put"),
        (["--compare", "objects=" + ",".join(map(str, range(1, 52)))], "--compare asks for 51 forecasts; allowed: 50"),
        (["--batch-seconds", "3", "--compare", "batch-size=5,50"], "--batch-seconds is of batches of one size, and"),
        (
            ["--other-transitions-per-second", "799.999999", "--child", "standard", "--region", "eu-central-1"],
            "The optimistic run lasts ",
        ),
        (["--state-transition-limit", "1e-9", "--child", "standard"], "--state-transition-limit is 1e-09; allowed: a"),
        (["--map", "Map"], "--map goes only with the folder that `cdk synth` writes. Fix: give it, cdk.out."),
        (["--series"], "--series goes only with --json. "),
        (["--constants", "--objects", "5"], "--objects doesn't go with --constants, "),
        (["--save-scenario", "a", "--compare", "objects=1"], "--save-scenario saves one forecast, and --compare m"),
        (["--save-scenario", "/dev/null/a.yaml", "--objects", "5"], "'/dev/null/a.yaml' can't be written: "),
        (["/nowhere"], "'/nowhere' doesn't exist. Give the folder that `cdk synth` writes (cdk.out)."),
        (["docs"], "'docs' isn't a cloud assembly: it has no manifest.json. "),
        (["--obj", "5"], "unrecognized arguments: --obj"),
    ],
)  # fmt: skip
def test_should_refuse_in_a_line(
    capsys: pytest.CaptureFixture[str],
    pytestconfig: pytest.Config,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(pytestconfig.rootpath)
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_should_guess_a_misspelt_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--compare", "batchsize=1")[2].endswith(". Did you mean batch-size?\n")


def test_should_name_the_field_of_an_assembly_that_is_not_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = changed(MAP, "ItemBatcher", "MaxItemsPerBatch", to=0)
    folder = str(write(tmp_path, machines={"Machine1A2B3C4D": definition(Map=state)}))
    assert run(capsys, folder)[2] == (
        "error: ItemBatcher.MaxItemsPerBatch of the map 'Map' of Files.Machine is 0; allowed: a whole number from 1 to "
        "100,000,000. A map run has no more items.\n"
    )
    assert run(capsys, folder, *SMALL, "--batch-size", "500")[0] == 0


def test_should_take_batches_of_others_that_are_larger_than_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = changed(MAP, "ItemBatcher", "MaxItemsPerBatch", to=5_000)
    folder = str(write(tmp_path, machines={"Machine1A2B3C4D": definition(Map=state)}))
    assert document(capsys, folder)["job"]["children"] == 120
    assert run(capsys, folder, "--handler", "wind-speed")[2].endswith(
        " is 5000; allowed: a whole number from 1 to 1,000. A child's output must fit in 256 KiB.\n"
    )


def test_should_refuse_an_assembly_without_a_distributed_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path, machines={})
    assert Assembly.read(folder).stacks
    code, _, err = run(capsys, str(folder))
    assert code == 2
    assert err.startswith(f"error: {str(folder)!r} has no Distributed Map; allowed: ")


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, env=os.environ | environment
    )


def test_should_be_plain_and_unwrapped_in_a_pipe() -> None:
    done = process(*SMALL)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) > 120
    assert not re.search(r"\s\n", done.stdout.replace("\n\n", "\n"))


@pytest.mark.parametrize("columns", [80, 120])
def test_should_fit_the_width(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    compared = ("--compare", "batch-size=100", "--compare", "child=standard", "--compare", "region=ap-southeast-1")
    forecasts = (Job(objects=2_000), Job(objects=2_000, batch_size=100, child=Child.STANDARD, region="ap-southeast-1"))
    for arguments, asked in zip(((), compared), forecasts, strict=True):
        out = run(capsys, *SMALL, *arguments)[1]
        assert max(map(len, out.splitlines())) <= columns
        assert "…" not in out
        for word in simulate(asked).bindings[0].limit.value.split():
            assert word in out


def test_should_need_rich_for_its_tables_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    code, out, err = run(capsys, *SMALL)
    assert (code, out) == (2, "")
    assert err == (
        "error: a forecast's tables need rich, not installed here. Fix: pip install "
        '"step-functions-at-scale[forecast]", or use --json.\n'
    )
    assert document(capsys, *SMALL)["job"]["objects"] == 2_000


def test_should_load_neither_jsii_nor_boto3() -> None:
    code = (
        "import sys, constructs_lib.forecast; from constructs_lib.forecast.command_line import main; "
        "code = main(['--objects', '10']); "
        "print(code, [name for name in ('jsii', 'aws_cdk', 'boto3', 'botocore', 'moto') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.endswith("\n0 []\n")


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a forecast that takes a while; it is gone after the test."""
    commands: list[subprocess.Popen[bytes]] = []

    def start(stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        arguments = ("--objects", "20000000", "--batch-size", "20")
        # Where the tests run in the background, Ctrl-C is ignored, and what they start would ignore it, too.
        kept = signal.signal(signal.SIGINT, signal.default_int_handler)
        commands.append(subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=stderr))
        signal.signal(signal.SIGINT, kept)
        return commands[-1]

    yield start
    for command in commands:
        command.kill()
        command.communicate()


def test_should_end_in_a_line_at_ctrl_c(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    command = start()
    time.sleep(1.5)
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=60)
    assert (command.returncode, out, err) == (130, b"", b"error: Interrupted.\n")


def test_should_show_a_bar_on_a_terminal_after_a_second(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    terminal, inside = pty.openpty()
    begun = time.monotonic()
    command = start(inside)
    seen = b""
    while b"%" not in seen:
        seen += os.read(terminal, 65_536)
    assert time.monotonic() - begun >= 1
    assert b"Forecast" in seen
    command.send_signal(signal.SIGINT)
    assert command.wait(timeout=60) == 130
    # This process has the other end open, too: were it closed, what is still on its way could be lost.
    while not seen.endswith(b"error: Interrupted.\r\n"):
        assert select.select([terminal], [], [], 10)[0], seen
        seen += os.read(terminal, 65_536)
    assert seen.rfind(b"\x1b[?25h") > seen.rfind(b"\x1b[?25l")  # the cursor is back
    os.close(inside)
    os.close(terminal)


def test_should_save_with_the_run_what_the_alarms_of_the_assembly_make_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path)
    template = json.loads((folder / "Files.template.json").read_text())
    template["Resources"]["Busy"] = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "Namespace": "AWS/States",
            "MetricName": "ConsumedCapacity",
            "Dimensions": [{"Name": "ServiceMetric", "Value": "StateTransition"}],
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 10,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        },
    }
    (folder / "Files.template.json").write_text(json.dumps(template))
    file = tmp_path / "run.yaml"
    assert run(capsys, str(folder), *SMALL, "--save-scenario", str(file))[0] == 0
    (result,) = run_scenarios(file, Assembly.read(folder))
    assert result
    assert [expected.alarm for expected in result.scenario.alarms] == ["Files.Busy"]
