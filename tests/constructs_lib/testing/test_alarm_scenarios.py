"""Files of scenarios: what passes, what fails and how it says so, each wrong input with its line, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib.testing import (
    AlarmSimulation,
    Expectation,
    Scenario,
    ScenarioFileError,
    judge,
    read_scenarios,
    run_scenarios,
    write_scenarios,
)
from tests.constructs_lib.testing.alarms import ERRORS, alarm, composite, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TOPIC = "arn:aws:sns:us-east-1:111111111111:Shop-OnCall0A1B2C3D"


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> AlarmSimulation:
    folder = write(
        tmp_path_factory.mktemp("shop"),
        OnCall0A1B2C3D={"Type": "AWS::SNS::Topic", "Metadata": {"aws:cdk:path": "Shop/OnCall/Resource"}},
        Failing={
            **alarm(AlarmActions=[{"Ref": "OnCall0A1B2C3D"}]),
            "Metadata": {"aws:cdk:path": "Shop/Failing/Resource"},
        },
        Slow={**alarm(MetricName="Seconds", Threshold=5), "Metadata": {"aws:cdk:path": "Shop/Slow/Resource"}},
        All=composite(
            'ALARM("Shop-Failing") OR ALARM("Shop-Slow")', OKActions=[{"Ref": "OnCall0A1B2C3D"}, "arn:pager"]
        ),
    )
    return AlarmSimulation.read(folder)


def file(folder: Path, text: str) -> Path:
    path = folder / "scenarios.yaml"
    path.write_text(text, "utf-8")
    return path


GOOD = """
shared:
  - &quiet {Shop Errors Sum: 0x9}
  - &slow {Shop Seconds Sum: 1 9x8}
scenarios:
  - name: quiet
    about: nothing happens
    start: OK
    series: {<<: *quiet}
    others: OK
  - name: errors
    start: OK
    series:
      <<: [*quiet, *slow]
      Shop Errors Sum: 0x4 3 0x3
    minutes: 14
    alarms:
      - alarm: Failing
        states: {0: OK, 5m: ALARM, 0h6m: OK}
        notifies: {5: OnCall}
      - {alarm: All, at: 5, state: ALARM}
      - alarm: Shop/Slow
        states: {0: OK, 1: ALARM, 12: OK}
        notifies: {}
      - alarm: All
        notifies: {12: [arn:pager, Shop-OnCall0A1B2C3D]}
      - {alarm: All, notifies: [12]}
      - {alarm: All, notifies: {12: anyone}}
  - name: unknown before the first minute
    series: {Shop Errors Sum: 0x5 1 2}
    minutes: 9
    delay: 1
    alarms: [{alarm: Failing, states: {0: OK, 7: ALARM}}]
"""


def test_should_pass_what_is_as_expected(simulation: AlarmSimulation, tmp_path: Path) -> None:
    results = run_scenarios(file(tmp_path, GOOD), simulation)
    assert [(result.scenario.name, bool(result), result.report) for result in results] == [
        ("quiet", True, ""),
        ("errors", True, ""),
        ("unknown before the first minute", True, ""),
    ]
    assert results[0].scenario.about == "nothing happens"
    assert results[1].history.minutes == 14


@pytest.mark.parametrize(
    ("old", "new", "differences"),
    [
        ("5m: ALARM", "6: ALARM", ["Shop/Failing is ALARM in minute 5; expected: OK"]),
        ("0h6m: OK", "0h7m: OK", ["Shop/Failing is OK in minute 6; expected: ALARM"]),
        ("at: 5", "at: 0", ["Shop.All is OK in minute 0; expected: ALARM"]),
        ("{5: OnCall}", "{}", [f"Shop/Failing notifies {TOPIC} in minute 5; expected: no one"]),
        ("{5: OnCall}", "{5: arn:pager}", [f"Shop/Failing notifies {TOPIC} in minute 5; expected: arn:pager"]),
        ("{5: OnCall}", "{4: OnCall, 5: OnCall}", [f"Shop/Failing notifies no one in minute 4; expected: {TOPIC}"]),
        (
            "[arn:pager, Shop-OnCall0A1B2C3D]",
            "arn:pager",
            [f"Shop.All notifies {TOPIC}, arn:pager in minute 12; expected: arn:pager"],
        ),
        ("notifies: [12]", "notifies: [3, 12]", ["Shop.All notifies no one in minute 3; expected: anyone"]),
        (
            "notifies: {12: anyone}",
            "notifies: {}",
            [f"Shop.All notifies {TOPIC}, arn:pager in minute 12; expected: no one"],
        ),
        (
            "&quiet {Shop Errors Sum: 0x9}",
            "&quiet {Shop Errors Sum: 0x8 1}",
            ["Shop/Failing is ALARM in minute 9; expected: OK", "Shop.All is ALARM in minute 9; expected: OK"],
        ),
        ("delay: 1", "delay: 2", ["Shop/Failing is OK in minute 7; expected: ALARM"]),
    ],
)
def test_should_say_where_it_differs_first(
    simulation: AlarmSimulation, tmp_path: Path, old: str, new: str, differences: list[str]
) -> None:
    assert GOOD.count(old) == 1
    results = run_scenarios(file(tmp_path, GOOD.replace(old, new)), simulation)
    (failed,) = (result for result in results if not result)
    assert [each.text for each in failed.differences] == differences
    assert failed.report.splitlines()[: len(differences)] == differences


SCENARIO = """\
scenarios:
  - name: one
    series:
      Shop Errors Sum: 0 1 0
    alarms:
      - alarm: Failing
        states: {0: OK, 1: ALARM, 2: OK}
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0 1 0", "0 1 O", "4: 'O' isn't a part of a series; allowed: points with a space between them"),
        ("0 1 0", "''", "4: a series is empty; allowed: text"),
        ("0 1 0", "[0, 1, 0]", "4: a series is a list; allowed: text"),
        ("0 1 0", "!!int 5", "4: the tag 'tag:yaml.org,2002:int' isn't known here; allowed: no tag"),
        (
            "Errors Sum: 0",
            "Error Sum: 0",
            "4: no alarm asks for it: the metric 'Shop Error Sum' is unknown; allowed: Shop Errors Sum",
        ),
        (
            "Shop Errors Sum: 0 1 0",
            "Shop Errors Sum: 0\n      Shop  Errors Sum: 1",
            "5: the metric Shop Errors Sum has a series in line 4 already",
        ),
        (
            "Shop Errors Sum: 0 1 0",
            "Shop Errors Sum: 0\n      Shop Errors Sum: 1",
            "5: the key 'Shop Errors Sum' stands in line 4 already",
        ),
        ("\n      Shop Errors Sum: 0 1 0", " 0 1 0", "3: series is '0 1 0'; allowed: a mapping"),
        ("alarm: Failing", "alarm: Faling", "6: the alarm 'Faling' is unknown; allowed: "),
        ("alarm: Failing", "alarm:", "6: alarm is empty; allowed: text"),
        ("- alarm: Failing\n        states", "- states", "6: alarm is missing"),
        (
            "states: {0: OK, 1: ALARM, 2: OK}",
            "at: 1",
            "6: Failing has one of `at` and `state`; allowed: both, or `states`",
        ),
        ("states: {0: OK, 1: ALARM, 2: OK}", "state: OK", "6: Failing has one of `at` and `state`"),
        (
            "\n        states: {0: OK, 1: ALARM, 2: OK}",
            "",
            "6: nothing is expected of Failing; allowed: states, at and state, notifies",
        ),
        ("0: OK, 1: ALARM", "1: ALARM", "6: states of Failing doesn't begin with minute 0; allowed: {0: OK, 7: ALARM}"),
        ("{0: OK, 1: ALARM, 2: OK}", "{}", "6: states of Failing doesn't begin with minute 0"),
        ("{0: OK, 1: ALARM, 2: OK}", "OK", "7: states is 'OK'; allowed: a mapping"),
        ("1: ALARM", "3: ALARM", "7: the minute is '3'; allowed: 0 to 2, such as 7, 7m, 1h or 1h30m"),
        ("1: ALARM", "-1: ALARM", "7: the minute is '-1'; allowed: 0 to 2"),
        ("1: ALARM", "soon: ALARM", "7: the minute is 'soon'; allowed: 0 to 2"),
        ("1: ALARM", "1: ALERT", "7: the state is 'ALERT'; allowed: OK, ALARM, INSUFFICIENT_DATA"),
        ("1: ALARM", "0: ALARM", "7: the key '0' stands in line 7 already; allowed: once"),
        ("states: {", "notifies: [4]\n        states: {", "7: the minute is '4'; allowed: 0 to 2"),
        ("states: {", "notifies: {1: Pager}\n        states: {", "7: the target 'Pager' is unknown; allowed: arn:"),
        ("states: {", "at: 1\n        state: OK\n        states: {", "6: Failing shall be ALARM and OK in minute 1"),
        (
            "name: one\n",
            "name: one\n    minutes: 2\n",
            "3: '2' isn't allowed here; allowed: a whole number from 3 to 20160",
        ),
        ("name: one\n", "name: one\n    minutes: many\n", "3: 'many' isn't allowed here"),
        (
            "name: one\n",
            "name: one\n    start: FINE\n",
            "3: the state is 'FINE'; allowed: OK, ALARM, INSUFFICIENT_DATA",
        ),
        ("name: one\n", "name: one\n    others: [OK]\n", "3: the state is a list; allowed: OK"),
        ("name: one\n", "name: one\n    delay: 3\n", "3: '3' isn't allowed here; allowed: a whole number from 0 to 2"),
        ("name: one\n", "name: one\n    serie: {}\n", "3: a scenario has the key 'serie'; allowed: name, about, start"),
        ("name: one\n", "name:\n", "2: name is empty; allowed: text"),
        ("  - name: one\n    series", "  - series", "2: name is missing"),
        ("- name: one", "- about: it", "2: name is missing"),
        (
            "alarm: Failing",
            "alarms: Failing",
            "6: an alarm has the key 'alarms'; allowed: alarm, states, at, state, notifies",
        ),
        (
            "      - alarm: Failing\n        states: {0: OK, 1: ALARM, 2: OK}\n",
            "      []\n",
            "2: the scenario expects nothing; allowed: alarms, others",
        ),
        (
            "- alarm: Failing\n        states: {0: OK, 1: ALARM, 2: OK}",
            "- Failing",
            "6: an alarm is 'Failing'; allowed: a mapping of alarm, states",
        ),
        ("series:\n      Shop Errors Sum: 0 1 0\n    ", "", "2: the scenario has neither series nor minutes"),
        (
            "name: one",
            "name: one\n    others: OK\n    minutes: 3\n  - name: one",
            "5: two scenarios have the name 'one'",
        ),
        ("scenarios:", "scenario:", "1: the file has the key 'scenario'; allowed: scenarios, shared"),
        ("scenarios:\n", "scenarios: []\nshared:\n", "1: the file has no scenario; allowed: one or more"),
        ("scenarios:\n", "- scenarios:\n", "1: the file is a list; allowed: a mapping of scenarios, shared"),
        (SCENARIO, "", "1: the file is empty; allowed: scenarios"),
        (SCENARIO, "# nothing\n", "1: the file is empty"),
        (SCENARIO, "scenarios", "1: the file is 'scenarios'; allowed: a mapping"),
        (SCENARIO, "shared: {}", "1: scenarios is missing"),
        (SCENARIO, "scenarios: [\n", "2: it isn't YAML: "),
        (SCENARIO, "scenarios:\n\t- name: one", "2: it isn't YAML: found character '\\t' that cannot start any token"),
        (SCENARIO, "a: 1\n---\nb: 1\n", "2: it isn't YAML: but found another document"),
        (SCENARIO, "scenarios: *gone", "1: it isn't YAML: found undefined alias 'gone'"),
        (SCENARIO, "scenarios: &all [*all]", "1: an alias stands in what it is an alias of"),
        (SCENARIO, "? [a]\n: b", "1: a key isn't text; allowed: text"),
        (SCENARIO, "<<: [a]", "1: << is given no mapping; allowed: an alias of one"),
        (SCENARIO, "[" * 600, "1: it "),
        (SCENARIO, "\x00", "1: it isn't YAML: unacceptable character #x0000"),
    ],
)
def test_should_refuse_with_file_and_line(
    simulation: AlarmSimulation, tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in SCENARIO
    path = file(tmp_path, SCENARIO.replace(old, new, 1))
    with pytest.raises(ScenarioFileError, match=r"^[^\n]+$") as refusal:
        run_scenarios(path, simulation)
    assert str(refusal.value).startswith(f"{path}:{message}")


def test_should_refuse_a_file_that_can_not_be_read(simulation: AlarmSimulation, tmp_path: Path) -> None:
    with pytest.raises(ScenarioFileError, match=r"^gone\.yaml: it can't be read: No such file or directory; allowed: "):
        run_scenarios("gone.yaml", simulation)
    with pytest.raises(ScenarioFileError, match="it can't be read: Is a directory"):
        run_scenarios(tmp_path, simulation)
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"scenarios: \xe9")
    with pytest.raises(ScenarioFileError, match="1: it isn't text in UTF-8: "):
        run_scenarios(path, simulation)


def test_should_not_pass_others_that_can_not_be_evaluated(tmp_path: Path) -> None:
    folder = write(tmp_path, Failing=alarm(), Fast=alarm(Period=10))
    text = SCENARIO.replace("    alarms:", "    others: OK\n    alarms:")
    with pytest.raises(
        ScenarioFileError, match=r":2: others asks for Shop\.Fast, which can't be evaluated: Period is 10"
    ):
        run_scenarios(file(tmp_path, text), folder)
    assert all(run_scenarios(file(tmp_path, SCENARIO), folder))


def test_should_take_every_scalar_as_it_is_written(simulation: AlarmSimulation, tmp_path: Path) -> None:
    # To YAML 1.1 these are 5, 90 and 10.
    text = SCENARIO.replace("0 1 0", "0x5").replace("{0: OK, 1: ALARM, 2: OK}", "{0: OK}")
    (scenario,) = read_scenarios(file(tmp_path, text), simulation)
    assert scenario.series == {ERRORS: "0x5"}
    with pytest.raises(ScenarioFileError, match="'1:30' isn't a part of a series"):
        read_scenarios(file(tmp_path, SCENARIO.replace("0 1 0", "1:30")), simulation)
    with pytest.raises(ScenarioFileError, match="'1_0' isn't a part of a series"):
        read_scenarios(file(tmp_path, SCENARIO.replace("0 1 0", "1_0")), simulation)


def test_should_refuse_expectations_that_contradict_each_other(simulation: AlarmSimulation) -> None:
    alarms = [Expectation(alarm="Failing", at=1, state="OK"), Expectation(alarm="Shop/Failing", at=1, state="ALARM")]
    with pytest.raises(ValueError, match="Shop/Failing shall be OK and ALARM in minute 1"):
        judge(Scenario(name="both", minutes=3, alarms=alarms), simulation)


@pytest.mark.parametrize(
    "expectation",
    [
        {"states": {0: "OK", 3: "ALARM"}},
        {"at": 3, "state": "OK"},
        {"at": -1, "state": "OK"},
        {"notifies": {3: None}},
    ],
)
def test_should_refuse_minutes_that_there_are_not(simulation: AlarmSimulation, expectation: dict[str, Any]) -> None:
    scenario = Scenario(name="short", minutes=3, alarms=[Expectation(alarm="Failing", **expectation)])
    with pytest.raises(ValueError, match=r"minute (3|-1) of Failing isn't among the 3; allowed: 0 to 2"):
        judge(scenario, simulation)


POINTS = st.lists(st.none() | st.integers(0, 3).map(float) | st.floats(-1e6, 1e6), min_size=5, max_size=40)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"]), min_size=1).filter(str.strip)
STATES = st.sampled_from(["OK", "ALARM", "INSUFFICIENT_DATA"])
EXPECTATIONS = st.builds(
    Expectation,
    alarm=st.sampled_from(["Failing", "Shop/Slow", "All"]),
    states=st.none() | st.dictionaries(st.integers(1, 4), STATES).map(lambda changes: {0: "OK", **changes}),
    notifies=st.dictionaries(st.integers(0, 4), st.none() | st.just([TOPIC]) | st.just([TOPIC, "arn:pager"])),
)


@settings(max_examples=25)  # each writes a file
@given(
    names=st.lists(TEXT, min_size=1, max_size=3, unique=True),
    about=st.none() | TEXT,
    points=POINTS,
    alarms=st.lists(EXPECTATIONS, max_size=3),
    start=STATES,
    delay=st.integers(0, 2),
)
def test_should_read_back_what_it_wrote(
    simulation: AlarmSimulation,
    tmp_path_factory: pytest.TempPathFactory,
    names: list[str],
    about: str | None,
    points: Sequence[float | None],
    alarms: list[Expectation],
    start: str,
    delay: int,
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    written = [
        Scenario(
            name=name,
            about=about,
            series={ERRORS: points},
            alarms=alarms,
            others="OK",
            start=start,
            minutes=len(points) + 1,
            delay=delay,
        )
        for name in names
    ]
    write_scenarios(path, written)
    for before, after in zip(written, read_scenarios(path, simulation), strict=True):
        assert (after.name, after.about, after.start, after.minutes, after.delay, after.others) == (
            before.name,
            before.about,
            before.start,
            before.minutes,
            before.delay,
            before.others,
        )
        assert list(after.alarms) == [
            Expectation(alarm=each.alarm, states=each.states, notifies=dict(each.notifies or {})) for each in alarms
        ]
        assert simulation.run(after.series)._series == simulation.run(before.series)._series


def test_should_write_what_a_person_would(tmp_path: Path) -> None:
    series: dict[str, Any] = {ERRORS: [0.0] * 6 + [12, None, None]}
    expectation = Expectation(alarm="Failing", states={0: "OK", 6: "ALARM"}, notifies={6: None})
    write_scenarios(tmp_path / "s.yaml", [Scenario(name="burst", series=series, alarms=[expectation], start="OK")])
    assert (tmp_path / "s.yaml").read_text() == (
        "scenarios:\n"
        "- name: burst\n"
        "  start: OK\n"
        "  series:\n"
        "    Shop Errors Sum: 0x5 12 _x2\n"
        "  alarms:\n"
        "  - alarm: Failing\n"
        "    states:\n"
        "      0: OK\n"
        "      6: ALARM\n"
        "    notifies:\n"
        "      6: anyone\n"
    )
