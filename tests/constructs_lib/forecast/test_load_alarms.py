"""Which load raises which alarm of the stack Quotas, at which minute; docs/load-test.md has the same table."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from constructs_lib.assembly import Assembly
from constructs_lib.forecast.load import load_test, simulate_load
from constructs_lib.forecast.metrics import QUIET_MINUTES, AccountLimits, metrics_of
from constructs_lib.forecast.result import Case
from constructs_lib.forecast.saved_series import series_asked_for
from constructs_lib.testing import AlarmSimulation, Readings, run_scenarios
from stacks.quotas import QuotasStack
from stacks.settings import Settings
from tests.cdk import make_app

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_lib.forecast.metrics import MetricSeries

DOCS = Path(__file__).resolve().parents[3] / "docs/load-test.md"
SMALL_REGION = AccountLimits.documented_in("eu-central-1")

LOADS: dict[str, dict[str, int]] = {
    "quiet": {},
    "transitions": {"transitions_per_second": 1000, "map_runs": 0, "hold_seconds": 300},
    "map runs": {"transitions_per_second": 0, "map_runs": 950, "hold_seconds": 300},
    "backlog": {"transitions_per_second": 0, "map_runs": 1100, "hold_seconds": 300},
}
# From the driver's start on: the first minute in which the alarm is on, and the first in which it is OK again.
ON: dict[str, dict[str, tuple[int, int]]] = {
    "quiet": {},
    "transitions": {
        "StateTransitionsThrottledWarning": (0, 22),
        "StateTransitionsThrottledCritical": (2, 20),
        "StateTransitionsUtilisationWarning": (3, 19),
        "StateTransitionsUtilisationCritical": (3, 19),
        "Delayed": (0, 22),
        "Warning": (0, 22),
        "Critical": (2, 20),
    },
    "map runs": {
        "MapRunsUtilisationWarning": (2, 19),
        "MapRunsUtilisationCritical": (2, 19),
        "Warning": (2, 19),
        "Critical": (2, 19),
    },
    "backlog": {
        "MapRunsBacklogWarning": (0, 23),
        "MapRunsUtilisationWarning": (2, 19),
        "MapRunsUtilisationCritical": (2, 19),
        "Delayed": (0, 23),
        "Warning": (0, 23),
        "Critical": (2, 19),
    },
}
READINGS = {
    "a range of the evaluation periods alone": Readings(extra_points=0),
    "a longer range": Readings(extra_points=10),
    "REPEAT reaches back an hour": Readings(history_points=60),
    "FILL fills what has no point": Readings(fill_empty=True),
    "what is missing stays missing": Readings(missing_is_zero=False),
}


def series_of(settings: Mapping[str, int], *, case: Case = Case.LIKELY, start_second: int = 0) -> MetricSeries:
    """The metrics, the load starting so many seconds after the minute."""
    use = simulate_load(load_test(**settings), SMALL_REGION, case=case)
    return metrics_of(use, SMALL_REGION, start_second=QUIET_MINUTES * 60 + start_second)


def on(series: MetricSeries, alarms: AlarmSimulation) -> dict[str, tuple[int, int]]:
    """When each alarm is on, from minute to minute; one that is on twice, or doesn't end, isn't expected at all."""
    history = alarms.run(series_asked_for(series, alarms), start="OK")
    found = {}
    for alarm in alarms.alarms:
        states = ("OK", *history.states(alarm))
        changes = [minute - QUIET_MINUTES for minute, (old, new) in enumerate(pairwise(states)) if old != new]
        if changes:
            begin, end = changes
            found[alarm.path.rpartition("/")[2]] = (begin, end)
    return found


@pytest.fixture(scope="module")
def assembly() -> Assembly:
    app = make_app({"aws:cdk:enable-path-metadata": True})
    QuotasStack(app, "Quotas", settings=Settings())
    return Assembly.read(app.synth().directory)


@pytest.fixture(scope="module")
def alarms(assembly: Assembly) -> AlarmSimulation:
    return AlarmSimulation.read(assembly, stack="Quotas")


@pytest.mark.parametrize("load", LOADS)
def test_should_raise_the_alarms_of_the_table(load: str, alarms: AlarmSimulation) -> None:
    assert on(series_of(LOADS[load]), alarms) == ON[load]


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("case", [Case.OPTIMISTIC, Case.PESSIMISTIC])
def test_should_raise_them_whatever_is_assumed_of_the_pace(load: str, case: Case, alarms: AlarmSimulation) -> None:
    assert on(series_of(LOADS[load], case=case), alarms) == ON[load]


@pytest.mark.parametrize("start_second", [1, 59])
@pytest.mark.parametrize("load", LOADS)
def test_should_be_a_minute_later_at_most_within_a_minute(
    load: str, start_second: int, alarms: AlarmSimulation
) -> None:
    found = on(series_of(LOADS[load], start_second=start_second), alarms)
    assert found.keys() == ON[load].keys()
    for name, minutes in found.items():
        assert all(0 <= later - minute <= 1 for minute, later in zip(ON[load][name], minutes, strict=True)), name


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("reported", [True, False], ids=["zeros are reported", "zeros aren't"])
def test_should_come_on_whatever_cloudwatch_leaves_open(reading: str, *, reported: bool, assembly: Assembly) -> None:
    """When an alarm ends whose metric has stopped isn't documented; when it comes on is."""
    alarms = AlarmSimulation.read(assembly, stack="Quotas", readings=READINGS[reading])
    stopped = {"MapRunsBacklogWarning", "Delayed", "Warning"} | (
        set() if reported else {"StateTransitionsThrottledWarning", "StateTransitionsThrottledCritical", "Critical"}
    )
    for load, expected in ON.items():
        series = series_of(LOADS[load])
        if not reported:
            series = {key: [point or None for point in points] for key, points in series.items()}
        found = on(series, alarms)
        assert {name: begin for name, (begin, _) in found.items()} == {
            name: begin for name, (begin, _) in expected.items()
        }
        for name, (_, end) in found.items():
            later = end - expected[name][1]
            assert later == 0 or (name in stopped and -2 <= later <= 10), (load, name)


def test_should_be_documented() -> None:
    text = DOCS.read_text()
    settings = dict(re.findall(r"^\| ([a-z ]+) \| (?:none: the defaults|`(.*)`) \|$", text, re.MULTILINE))
    assert {load: json.loads(f"{{{fields}}}") for load, fields in settings.items()} == LOADS

    _, table = text.split("| alarm | quiet | transitions | map runs | backlog |\n|---|---|---|---|---|\n")
    documented: dict[str, dict[str, tuple[int, int]]] = {load: {} for load in LOADS}
    for line in table.partition("\n\n")[0].splitlines():
        alarm, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        for load, cell in zip(LOADS, cells, strict=True):
            if cell:
                begin, end = map(int, cell.split(" to "))
                documented[load][alarm] = (begin, end)
    assert documented == ON


def test_should_be_saved_as_documented(assembly: Assembly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)[-1]
    (tmp_path / "cdk.out").symlink_to(assembly.path)
    monkeypatch.chdir(tmp_path)
    exec(example)
    (result,) = run_scenarios("load.yaml", AlarmSimulation.read("cdk.out", stack="Quotas"))
    assert result, result.report
    assert result.scenario.name == "400 transitions a second"
    assert result.scenario.others == "OK"
