"""The picture of an alarm: what it shows, at any length, in 100 columns."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from constructs_lib.testing import AlarmSimulation, Expectation, Scenario, judge
from constructs_lib.testing.alarm_picture import picture
from tests.constructs_lib.testing.alarms import ERRORS, alarm, composite, math_alarm, query, simulate

if TYPE_CHECKING:
    from pathlib import Path


def drawn(simulation: AlarmSimulation, scenario: Scenario) -> str:
    (difference,) = (result := judge(scenario, simulation)).differences
    return picture(result.history, difference.alarm, result.expected[difference.alarm], difference.minute)


def test_should_draw_series_value_threshold_state_and_the_first_difference(tmp_path: Path) -> None:
    resource = math_alarm("100*bad/all", query("bad", "Bad"), query("all", "All"), Threshold=50)
    expected = Expectation(alarm="High", states={0: "OK", 4: "ALARM"})
    series = {"Shop Bad Sum": "0x2 6 9 _ 0x2", "Shop All Sum": "10x8"}
    assert drawn(simulate(tmp_path, High=resource), Scenario(name="", series=series, alarms=[expected])) == (
        "  in alarm when 100*bad/all >= 50 in a minute; missing points don't breach\n"
        "  bad = Shop Bad Sum\n"
        "  all = Shop All Sum\n"
        "\n"
        "  minute                  0\n"
        "  bad                     ▁▁▁▆█_▁▁▁  0 to 9\n"
        "  all                     █████████  10\n"
        "  value                   ▁▁▁▆█▁▁▁▁  0 to 90\n"
        "  >= 50                      xx\n"
        "  state                   ...AA....\n"
        "  expected                ....AAAAA\n"
        "                             ^  minute 3\n"
        "                          . OK   A ALARM   ? INSUFFICIENT_DATA   _ missing\n"
        "\n"
        "    minute         bad         all       value  state             expected\n"
        "         0           0          10           0  OK                OK\n"
        "         1           0          10           0  OK                OK\n"
        "         2           0          10           0  OK                OK\n"
        "  >      3           6          10          60  ALARM             OK\n"
        "         4           9          10          90  ALARM             ALARM\n"
        "         5           _          10           0  OK                ALARM\n"
        "         6           0          10           0  OK                ALARM"
    )


def test_should_draw_the_minutes_around_the_first_difference_of_a_long_course(tmp_path: Path) -> None:
    expected = Expectation(alarm="Failing", states={0: "OK"})
    text = drawn(
        simulate(tmp_path, Failing=alarm()), Scenario(name="", series={ERRORS: "0x999 7 0x438"}, alarms=[expected])
    )
    lines = text.splitlines()
    ruler = next(line for line in lines if line.strip().startswith("minute"))
    state = next(line for line in lines if line.strip().startswith("state"))
    assert state.index("A") == ruler.index("1000"), "the number stands above its minute"
    assert "^  minute 1000" in text
    assert "  >   1000           7  ALARM             OK" in lines
    assert len(lines) < 20


def test_should_draw_composite_alarms_by_their_children(tmp_path: Path) -> None:
    quiet = {f"Quiet{i}": alarm(MetricName=f"Quiet{i}") for i in range(20)}
    names = ["Failing", "AnAlarmWithAVeryLongNameIndeed", *quiet]
    simulation = simulate(
        tmp_path,
        All=composite(" OR ".join(f'ALARM("Shop-{name}")' for name in names)),
        Failing=alarm(),
        AnAlarmWithAVeryLongNameIndeed=alarm(Threshold=2),
        **quiet,
    )
    text = drawn(
        simulation, Scenario(name="", series={ERRORS: "0 1 2 1"}, alarms=[Expectation(alarm="All", states={0: "OK"})])
    )
    assert text.splitlines()[-9:] == [
        "",
        "  minute                  0",
        "  Shop.Failing            .AAA",
        "  …thAVeryLongNameIndeed  ..A.",
        "  and 20 other alarms, OK all the time",
        "  state                   .AAA",
        "  expected                ....",
        "                           ^  minute 1",
        "                          . OK   A ALARM   ? INSUFFICIENT_DATA   _ missing",
    ]
    assert len(text.splitlines()) < 14, "the rule is cut where it is long"


def test_should_leave_unasserted_minutes_blank(tmp_path: Path) -> None:
    text = drawn(
        simulate(tmp_path, Failing=alarm()),
        Scenario(name="", series={ERRORS: "0 1 0"}, alarms=[Expectation(alarm="Failing", at=1, state="OK")]),
    )
    assert "  expected                 .\n" in text
    assert "         0           0  OK\n" in text


SERIES: list[Any] = [None, 0.1, -123456789.123, 1e300, 48000, -1e-12, None, 3] * 180


def test_should_fit_in_100_columns(tmp_path: Path) -> None:
    many = [query(f"a_metric_with_a_long_name_{i}", "Errors" * 9, AccountId="222222222222") for i in range(9)]
    expression = " + ".join(str(each["Id"]) for each in many)
    simulation = simulate(
        tmp_path,
        Wide=math_alarm(expression, *many, Threshold=-1e299, EvaluationPeriods=3),
        All=composite('ALARM("Shop-Wide") OR ' * 40 + "FALSE"),
    )
    for minutes in (1, 2, 47, 48, 49, 1440):
        history = simulation.run({f"222222222222 Shop {'Errors' * 9} Sum": SERIES[:minutes]})
        for each, mark in product(simulation.alarms, (0, minutes // 2, minutes - 1, None)):
            text = picture(history, each, ["OK"] * minutes, mark)
            assert max(map(len, text.splitlines())) <= 100
            assert "\n" * 3 not in text
