"""Series in a file of alarm scenarios, and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from constructs_lib.forecast.load import load_test, simulate_load
from constructs_lib.forecast.metrics import AccountLimits, metrics_of
from constructs_lib.forecast.saved_series import read_series, save, series_asked_for
from constructs_lib.testing import ScenarioFileError, run_scenarios
from tests.constructs_lib.testing.alarms import alarm, math_alarm, simulate

if TYPE_CHECKING:
    from pathlib import Path

SMALL = AccountLimits.documented_in("eu-central-1")
BACKLOG = "AWS/States ApproximateMapRunBacklogSize Maximum"
THROTTLED = "AWS/States ThrottledEvents Sum {ServiceMetric=StateTransition}"
CONSUMED = "AWS/States ConsumedCapacity Sum {ServiceMetric=StateTransition}"


def on_throttled(**properties: Any) -> dict[str, Any]:
    dimensions = [{"Name": "ServiceMetric", "Value": "StateTransition"}]
    return alarm(Namespace="AWS/States", MetricName="ThrottledEvents", Dimensions=dimensions, **properties)


@pytest.fixture(scope="module")
def series() -> dict[str, list[float | None]]:
    return metrics_of(simulate_load(load_test(transitions_per_second=1000, map_runs=1100), SMALL), SMALL)


def test_should_read_back_what_was_saved(series: dict[str, list[float | None]], tmp_path: Path) -> None:
    path = tmp_path / "load.yaml"
    save(series, path, name="a load", about="both drivers")
    assert read_series(path) == series
    assert read_series(path, scenario="a load") == series
    assert None in series[BACKLOG]


def test_should_write_no_more_digits_than_anybody_reads(tmp_path: Path) -> None:
    path = tmp_path / "load.yaml"
    save({THROTTLED: [190.2766666666665, 1 / 3], BACKLOG: [None, 0.0004]}, path, name="a load")
    assert read_series(path) == {THROTTLED: [190.277, 0.333], BACKLOG: [None, 0]}


def test_should_expect_nothing_unless_asked_to(series: dict[str, list[float | None]], tmp_path: Path) -> None:
    path = tmp_path / "load.yaml"
    save(series, path, name="a load")
    assert "alarms" not in path.read_text()
    with pytest.raises(ScenarioFileError):
        run_scenarios(path, simulate(tmp_path, Throttled=on_throttled()))


def test_should_expect_what_the_alarms_do(series: dict[str, list[float | None]], tmp_path: Path) -> None:
    alarms = simulate(
        tmp_path, Throttled=on_throttled(), Never=on_throttled(Threshold=1e9), Always=on_throttled(Threshold=0)
    )
    path = tmp_path / "load.yaml"
    save(series, path, name="a load", alarms=alarms)
    assert list(read_series(path)) == [THROTTLED]
    (result,) = run_scenarios(path, alarms)
    assert result, result.report
    expected = {each.alarm: each.states for each in result.scenario.alarms}
    begin = next(minute for minute, point in enumerate(series[THROTTLED]) if point)
    assert expected.keys() == {"Shop.Throttled", "Shop.Always"}
    assert expected["Shop.Always"] == {0: "ALARM"}
    assert list((expected["Shop.Throttled"] or {}).items())[:2] == [(0, "OK"), (begin, "ALARM")]
    assert (result.scenario.start, result.scenario.others) == ("OK", "OK")


def test_should_expect_nothing_of_alarms_that_cannot_be_evaluated(
    series: dict[str, list[float | None]], tmp_path: Path
) -> None:
    alarms = simulate(tmp_path, Throttled=on_throttled(), Odd=math_alarm("SEARCH('{Shop}', 'Sum', 60)"))
    path = tmp_path / "load.yaml"
    save(series, path, name="a load", alarms=alarms)
    (result,) = run_scenarios(path, alarms)
    assert result, result.report
    assert result.scenario.others is None


def test_should_keep_to_what_alarms_ask_for(tmp_path: Path) -> None:
    alarms = simulate(tmp_path, Throttled=on_throttled())
    assert series_asked_for({THROTTLED: [1], CONSUMED: [2]}, alarms) == {THROTTLED: [1]}


def write(folder: Path, *lines: str) -> Path:
    path = folder / "saved.yaml"
    path.write_text("scenarios:\n  - name: one\n    series:\n" + "".join(f"      {line}\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            (f"{CONSUMED}: 1x9", f"{THROTTLED}: 0x3 _ 0x4"),
            f"5: {THROTTLED} has no point in minute 4; allowed: one in each of the 10 minutes. Write it in place of",
        ),
        (
            (f"{CONSUMED}: 1x9", f"{THROTTLED}: 0x3"),
            f"5: {THROTTLED} has no point in minute 4; allowed: one in each of the 10 minutes. ",
        ),
        ((f"{CONSUMED}: _ 1x9",), f"4: {CONSUMED} has no point in minute 0; allowed: one in each of the 11 minutes. "),
        ((f"{CONSUMED}: ",), f"4: {CONSUMED} has no points; allowed: "),
        ((f"{CONSUMED}: 1 two",), "4: 'two' isn't a part of a series; allowed: "),
        (("Consumed: 1",), "4: 'Consumed' isn't a metric; allowed: "),
        (
            ("A b Sum {C=d, E=f}: 1", "A b Sum {E=f, C=d}: 2"),
            "5: the metric A b Sum {C=d, E=f} has two series; allowed",
        ),
    ],
)
def test_should_refuse_a_gap(lines: tuple[str, ...], message: str, tmp_path: Path) -> None:
    path = write(tmp_path, *lines)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}:{message}')}") as error:
        read_series(path)
    assert "\n" not in str(error.value)


def test_should_allow_a_backlog_its_gaps(tmp_path: Path) -> None:
    other = f"222222222222 {BACKLOG}"
    path = write(tmp_path, f"{CONSUMED}: 1x4", f"{BACKLOG}: _ 3 _ 2", f"{other}: 1")
    assert read_series(path)[BACKLOG] == [None, 3, None, 2, None]
    assert read_series(path)[other] == [1, None, None, None, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1: it has no scenarios; allowed: a file of scenarios, such as --save-scenario writes"),
        ("scenarios: []", "1: it has no scenarios; allowed: "),
        ("scenarios: [one]", "1: it has no scenarios; allowed: "),
        ("a: [", "1: it isn't YAML: "),
        ("scenarios:\n  - name: one\n", "2: the scenario has no series; allowed: one or more. Save the series again"),
        (
            "scenarios:\n  - name: one\n  - name: two\n",
            "2: it has 2 scenarios; allowed: the name of one. Say which",
        ),
    ],
)
def test_should_refuse_what_is_no_saved_file(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "saved.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}:{message}')}") as error:
        read_series(path)
    assert "\n" not in str(error.value)


def test_should_read_the_scenario_that_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, f"{CONSUMED}: 1")
    path.write_text(path.read_text() + f"  - name: two\n    series:\n      {CONSUMED}: 2\n")
    assert read_series(path, scenario="one") == {CONSUMED: [1]}
    assert read_series(path, scenario="two") == {CONSUMED: [2]}


def test_should_refuse_another_name(tmp_path: Path) -> None:
    path = write(tmp_path, f"{CONSUMED}: 1")
    with pytest.raises(ValueError, match=r"2: no scenario has the name 'two'; allowed: one$"):
        read_series(path, scenario="two")


def test_should_refuse_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.yaml: it can't be read: No such file or directory; allowed: "):
        read_series(tmp_path / "none.yaml")
