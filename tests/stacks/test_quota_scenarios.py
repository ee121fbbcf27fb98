"""When the alarms of the stack Quotas go off: every alarm's state at every minute, from the synthesized template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from constructs_lib.testing import AlarmSimulation, Readings, read_scenarios, run_scenarios
from constructs_lib.testing.alarm_scenarios import judge
from tests.stacks.quotas_app import WATCHED, synthesize

if TYPE_CHECKING:
    from constructs_lib.assembly import Assembly
    from constructs_lib.testing import ScenarioResult

HERE = Path(__file__).parent
SCENARIOS = HERE / "quota_scenarios.yaml"

# How long an alarm whose metric has stopped goes on looking at its last points isn't documented; so when it ends isn't.
UP_TO_CLOUDWATCH = {
    "a backlog of map runs appears, grows, drains and vanishes",
    "trouble, then nothing is reported for a day",
}
# What else the documentation may mean.
READINGS = {
    "a range of the evaluation periods alone": Readings(extra_points=0),
    "a longer range": Readings(extra_points=10),
    "REPEAT reaches back an hour": Readings(history_points=60),
    "FILL fills what has no point": Readings(fill_empty=True),
    "what is missing stays missing": Readings(missing_is_zero=False),
}


@pytest.fixture(scope="module")
def assembly() -> Assembly:
    return synthesize({})[0]


@pytest.fixture(scope="module")
def results(assembly: Assembly) -> tuple[ScenarioResult, ...]:
    return run_scenarios(SCENARIOS, AlarmSimulation.read(assembly, stack="Quotas"))


def test_should_go_off_and_end_when_they_should(results: tuple[ScenarioResult, ...]) -> None:
    assert {result.scenario.name for result in results} > UP_TO_CLOUDWATCH
    for result in results:
        assert result, result.report


@pytest.mark.parametrize("readings", READINGS.values(), ids=READINGS)
def test_should_not_depend_on_what_is_not_documented(assembly: Assembly, readings: Readings) -> None:
    simulation = AlarmSimulation.read(assembly, stack="Quotas", readings=readings)
    judged = 0
    for scenario in read_scenarios(SCENARIOS, simulation):
        # Those of a whole day take long, and show nothing more here.
        if scenario.name not in UP_TO_CLOUDWATCH and (scenario.minutes or 0) < 1440:
            result = judge(scenario, simulation)
            assert result, result.report
            judged += 1
    assert judged > 10


def test_should_leave_no_kind_of_alarm_out(assembly: Assembly, results: tuple[ScenarioResult, ...]) -> None:
    """One that never fires would pass the others."""
    alarms = AlarmSimulation.read(assembly, stack="Quotas").alarms
    on = {
        alarm.path.rpartition("/")[2]
        for result in results
        for alarm in alarms
        if "ALARM" in result.history.states(alarm.path)
    }
    kinds = {"Warning", "Critical", "Delayed", "MapRunsBacklogWarning", "MapRunsBacklogGrowsCritical"} | {
        f"{sign}{severity}"
        for sign in (
            "StateTransitionsThrottled",
            "StateTransitionsUtilisation",
            "MapRunsUtilisation",
            "DescribeExecutionThrottled",
        )
        for severity in ("Warning", "Critical")
    }
    assert kinds <= on


def test_should_go_off_for_what_is_watched() -> None:
    assembly, _ = synthesize(WATCHED)
    results = run_scenarios(HERE / "watched_scenarios.yaml", AlarmSimulation.read(assembly, stack="Quotas"))
    assert len(results) == 4
    for result in results:
        assert result, result.report
