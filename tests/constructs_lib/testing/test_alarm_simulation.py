"""Alarms minute by minute: ranges, periods, composite alarms, notifications, and series that can't be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from constructs_lib.testing import AlarmSimulation, AlarmState, Notification, Readings
from constructs_lib.testing.series_notation import expand
from tests.constructs_lib.local.conftest import write_assembly
from tests.constructs_lib.testing.alarms import ERRORS, alarm, composite, math_alarm, query, simulate, write

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LETTERS = {"OK": ".", "ALARM": "A", "INSUFFICIENT_DATA": "?"}


def shown(states: Iterable[str]) -> str:
    return "".join(LETTERS[state] for state in states)


def run(folder: Path, resource: dict[str, Any], series: str, **options: Any) -> str:
    """The states of the only alarm, a letter a minute."""
    return shown(simulate(folder, Failing=resource).run({ERRORS: series}, **options).states("Failing"))


@pytest.mark.parametrize(
    ("missing_data", "expected"),
    [
        ("notBreaching", "......AAA......"),
        ("missing", "??????AAA??????"),
        ("ignore", "??????AAAAAAAAA"),
        ("breaching", "AAAAAAAAAAAAAAA"),
    ],
)
def test_should_treat_missing_points_as_the_template_says(tmp_path: Path, missing_data: str, expected: str) -> None:
    start = "OK" if missing_data == "notBreaching" else "INSUFFICIENT_DATA"
    # The one point is seen for three minutes: the range has two points more than N.
    assert run(tmp_path, alarm(TreatMissingData=missing_data), "_x6 3 _x8", start=start) == expected


def test_should_begin_with_insufficient_data_unless_told_otherwise(tmp_path: Path) -> None:
    simulation = simulate(tmp_path, Failing=alarm(TreatMissingData="ignore"))
    assert shown(simulation.run({ERRORS: "_x3 0"}).states("Failing")) == "???."
    assert shown(simulation.run({ERRORS: "_x3 0"}, start="ALARM").states("Failing")) == "AAA."


def test_should_count_m_of_n(tmp_path: Path) -> None:
    simulation = simulate(tmp_path, Failing=alarm(EvaluationPeriods=5, DatapointsToAlarm=3))
    assert shown(simulation.run({ERRORS: "0x4 1 0 1 0 1 0x4"}).states("Failing")) == ".........A....."
    assert shown(simulation.run({ERRORS: "0x4 1x3 0x6"}).states("Failing")) == ".......AAAA....."


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("GreaterThanThreshold", "..A"),
        ("GreaterThanOrEqualToThreshold", ".AA"),
        ("LessThanThreshold", "A.."),
        ("LessThanOrEqualToThreshold", "AA."),
    ],
)
def test_should_compare_as_the_operator_says(tmp_path: Path, operator: str, expected: str) -> None:
    assert run(tmp_path, alarm(ComparisonOperator=operator), "0 1 2") == expected


@pytest.mark.parametrize(
    ("statistic", "threshold", "expected"),
    [
        ("Sum", 6, "...A...A"),
        ("Maximum", 5, "...A...."),
        ("Minimum", 3, ".....AAA"),
        ("Average", 3, "...A.AAA"),
        ("SampleCount", 6, "...A...A"),
    ],
)
def test_should_slide_a_longer_period_with_the_minutes(
    tmp_path: Path, statistic: str, threshold: int, expected: str
) -> None:
    simulation = simulate(tmp_path, Failing=alarm(Statistic=statistic, Period=120, Threshold=threshold))
    history = simulation.run({f"Shop Errors {statistic}": "0 0 1 5 0 _ 3 3"})
    # In minute 5 the average is that of minute 4 alone, in minute 6 of minute 6.
    found = shown(history.states("Failing"))
    values = history.values("Failing")
    assert [value is not None and value >= threshold for value in values] == [letter == "A" for letter in found]
    assert values[3] == {"Sum": 6, "Maximum": 5, "Minimum": 1, "Average": 3, "SampleCount": 6}[statistic]
    assert (
        values[4:7]
        == {
            "Sum": [5, 0, 3],
            "Maximum": [5, 0, 3],
            "Minimum": [0, 0, 3],
            "Average": [2.5, 0, 3],
            "SampleCount": [5, 0, 3],
        }[statistic]
    )


def test_should_take_periods_back_to_back_in_one_evaluation(tmp_path: Path) -> None:
    resource = alarm(Period=120, EvaluationPeriods=2, Threshold=2)
    assert run(tmp_path, resource, "1 1 0 1 1 1 1 0") == "......A."


def test_should_evaluate_expressions_over_the_evaluation_range_only(tmp_path: Path) -> None:
    resource = math_alarm(
        "used/FILL(limit,REPEAT)", query("used", "Used"), query("limit", "Limit"), Threshold=0.8, EvaluationPeriods=3
    )
    folder = write(tmp_path, High=resource)
    series = {"Shop Used Sum": "9x12", "Shop Limit Sum": "10 _x12"}
    near = AlarmSimulation.read(folder).run(series, start="OK")
    # The limit's only point leaves the range of five: from then on there is nothing to divide by.
    assert shown(near.states("High")) == "..AAA........"
    far = AlarmSimulation.read(folder, readings=Readings(history_points=60)).run(series, start="OK")
    assert shown(far.states("High")) == "..AAAAAAAAAAA"


@pytest.mark.parametrize("minutes", [1, 5])
def test_should_tell_expressions_the_period_of_the_template(tmp_path: Path, minutes: int) -> None:
    used = query("used", "Used")
    used["MetricStat"]["Period"] = 60 * minutes
    history = simulate(tmp_path, High=math_alarm("used/PERIOD(used)", used)).run({"Shop Used Sum": "600x9"})
    assert history.values("High")[5:] == [10] * 5


def test_should_use_expressions_of_expressions(tmp_path: Path) -> None:
    total = {"Id": "total", "Expression": "SUM([good, bad])", "ReturnData": False}
    resource = math_alarm("100*bad/total", query("bad", "Bad"), query("good", "Good"), total, Threshold=50)
    history = simulate(tmp_path, High=resource).run({"Shop Bad Sum": "1 5 _ 0", "Shop Good Sum": "9 5 9 0"})
    assert shown(history.states("High")) == ".A.."
    assert history.values("High") == [10, 50, 0, None]


def test_should_show_what_a_delay_does_to_fill(tmp_path: Path) -> None:
    # The guide on FILL: the newest minute never has data, "which can result in the alarm being stuck"; M of N helps.
    once = math_alarm("FILL(errors, 0)", query("errors"))
    twice = math_alarm("FILL(errors, 0)", query("errors"), EvaluationPeriods=2, DatapointsToAlarm=1)
    simulation = simulate(tmp_path, Once=once, Twice=twice)
    prompt, late = simulation.run({ERRORS: "0 5x6"}), simulation.run({ERRORS: "0 5x6"}, delay=1)
    assert [shown(each.states("Once")) for each in (prompt, late)] == [".AAAAAAA", "........"]
    assert [shown(each.states("Twice")) for each in (prompt, late)] == [".AAAAAAA", "..AAAAAA"]


@pytest.mark.parametrize(("extra_points", "expected"), [(0, ".A....."), (2, ".AAA..."), (4, ".AAAAA.")])
def test_should_look_back_as_far_as_the_reading_says(tmp_path: Path, extra_points: int, expected: str) -> None:
    folder = write(tmp_path, Failing=alarm())
    simulation = AlarmSimulation.read(folder, readings=Readings(extra_points=extra_points))
    assert shown(simulation.run({ERRORS: "0 1 _x5"}).states("Failing")) == expected


def test_should_combine_alarms_by_their_states_of_the_same_minute(tmp_path: Path) -> None:
    history = simulate(
        tmp_path,
        Top=composite('ALARM("Shop-Both") OR INSUFFICIENT_DATA("Shop-Slow")'),
        Both=composite('ALARM("Shop-Failing") AND NOT OK("Shop-Slow")'),
        Failing=alarm(),
        Slow=alarm(MetricName="Seconds", Threshold=5, TreatMissingData="missing"),
    ).run({ERRORS: "0 1 1 0 1 1 0", "Shop Seconds Sum": "_ _ 9 9 9 0 0"}, start="OK")
    assert shown(history.states("Failing")) == ".AA.AA."
    assert shown(history.states("Slow")) == "??AAA.."
    assert shown(history.states("Both")) == ".AA.A.."
    assert shown(history.states("Top")) == "AAA.A.."


OK, ALARM, INSUFFICIENT_DATA = AlarmState
TOPIC = "arn:aws:sns:us-east-1:111111111111:Shop-OnCall"


def test_should_notify_on_a_change_of_state_only(tmp_path: Path) -> None:
    history = simulate(
        tmp_path,
        OnCall={"Type": "AWS::SNS::Topic"},
        Failing=alarm(AlarmActions=[{"Ref": "OnCall"}], OKActions=[{"Ref": "OnCall"}, "arn:other"]),
        Muted=alarm(AlarmActions=[{"Ref": "OnCall"}], ActionsEnabled=False),
        All=composite('ALARM("Shop-Failing")', AlarmActions=[{"Ref": "OnCall"}], InsufficientDataActions=["arn:never"]),
        Slow=alarm(MetricName="Seconds", TreatMissingData="missing", InsufficientDataActions=["arn:unknown"]),
    ).run({ERRORS: "0 1 1 0 0", "Shop Seconds Sum": "0 _ _ _ _"}, start="OK")
    assert history.notifications == (
        Notification(1, "Shop.Failing", OK, ALARM, TOPIC),
        Notification(1, "Shop.All", OK, ALARM, TOPIC),
        Notification(3, "Shop.Failing", ALARM, OK, TOPIC),
        Notification(3, "Shop.Failing", ALARM, OK, "arn:other"),
        Notification(3, "Shop.Slow", OK, INSUFFICIENT_DATA, "arn:unknown"),
    )
    assert history.notifications_of("Muted") == ()


def test_should_notify_of_the_first_state_where_it_is_another(tmp_path: Path) -> None:
    simulation = simulate(tmp_path, Failing=alarm(OKActions=["arn:ok"]))
    assert [each.minute for each in simulation.run({ERRORS: "0 0"}).notifications] == [0]
    assert simulation.run({ERRORS: "0 0"}, start="OK").notifications == ()


def test_should_repeat_auto_scaling_actions_each_minute(tmp_path: Path) -> None:
    policy = "arn:aws:autoscaling:us-east-1:111111111111:scalingPolicy:1:autoScalingGroupName/a:policyName/b"
    history = simulate(tmp_path, Failing=alarm(AlarmActions=[policy, "arn:topic"])).run({ERRORS: "0 1 1 1 0"})
    assert [(each.minute, each.target) for each in history.notifications] == [
        (1, policy),
        (1, "arn:topic"),
        (2, policy),
        (3, policy),
    ]


def test_should_give_a_series_without_an_account_to_each_alarms_own(tmp_path: Path) -> None:
    other = query("other", AccountId="222222222222")
    template = {"Resources": {"Own": alarm(), "Other": math_alarm("other", other)}}
    folder = write_assembly(
        tmp_path / "cdk.out",
        {"Here": ("111111111111/us-east-1", template), "There": ("222222222222/us-east-1", template)},
    )
    simulation = AlarmSimulation.read(folder)

    def states(**series: str) -> list[str]:
        history = simulation.run({key.replace("_", " ").strip(): points for key, points in series.items()})
        return [f"{each.path} {shown(history.states(each))}" for each in simulation.alarms]

    assert states(Shop_Errors_Sum="0 1") == ["Here.Own .A", "Here.Other ..", "There.Own .A", "There.Other .A"]
    assert states(_222222222222_Shop_Errors_Sum="0 1") == [
        "Here.Own ..",
        "Here.Other .A",
        "There.Own .A",
        "There.Other .A",
    ]
    both = states(Shop_Errors_Sum="0 1", _222222222222_Shop_Errors_Sum="0 0")
    assert both == ["Here.Own .A", "Here.Other ..", "There.Own ..", "There.Other .."], "the exact one wins"


@pytest.mark.parametrize("key", ['Shop Errors Sum {B = "x, y" , A=1}', 'Shop  Errors Sum{A=1,B="x, y"}'])
def test_should_know_a_metric_in_whatever_way_it_is_written(tmp_path: Path, key: str) -> None:
    dimensions = [{"Name": "A", "Value": "1"}, {"Name": "B", "Value": "x, y"}]
    simulation = simulate(tmp_path, Failing=alarm(Dimensions=dimensions))
    assert shown(simulation.run({key: "0 1"}).states("Failing")) == ".A"
    assert str(simulation.metric(key)) == 'Shop Errors Sum {A=1, B="x, y"}'
    assert simulation.metric(str(simulation.metric(key))) == simulation.metric(key)


@pytest.mark.parametrize(
    ("series", "options", "message"),
    [
        (
            {"Shop Error Sum": "1"},
            {},
            "no alarm asks for it: the metric 'Shop Error Sum' is unknown; allowed: Shop Errors Sum",
        ),
        ({"Shop Errors Maximum": "1"}, {}, "no alarm asks for it: the metric 'Shop Errors Maximum'"),
        ({"222222222222 Shop Errors Sum": "1"}, {}, "no alarm asks for it"),
        ({"Shop Errors Sum {A=1}": "1"}, {}, "no alarm asks for it"),
        ({"Errors": "1"}, {}, "'Errors' isn't a metric; allowed: [<account>] <namespace> <metric> <statistic>"),
        ({"Shop Errors Sum {A}": "1"}, {}, "has dimensions that can't be read"),
        ({"Shop Errors Sum {A=1, A=2}": "1"}, {}, "has dimensions that can't be read"),
        ({"Shop Errors Sum {A=1": "1"}, {}, "isn't a metric"),
        ({ERRORS: "1", "Shop  Errors Sum": "2"}, {}, "the metric Shop Errors Sum has two series; allowed: one"),
        ({ERRORS: "1 y"}, {}, "'y' isn't a part of a series"),
        ({ERRORS: [1, float("nan")]}, {}, "has nan; allowed: a finite number, or None"),
        ({ERRORS: [True]}, {}, "has True; allowed: a finite number, or None"),
        ({ERRORS: ["1"]}, {}, "has '1'; allowed: a finite number, or None"),
        ({}, {}, "minutes is 0; allowed: 1 (the longest series) to 20,160"),
        ({ERRORS: "0x9"}, {"minutes": 9}, "minutes is 9; allowed: 10 (the longest series)"),
        ({}, {"minutes": 30_000}, "minutes is 30000; allowed: "),
        ({ERRORS: "0"}, {"start": "FINE"}, "start is 'FINE'; allowed: OK, ALARM, INSUFFICIENT_DATA"),
        ({ERRORS: "0 0"}, {"delay": 2}, "delay is 2; allowed: 0 to 1, minutes"),
    ],
)
def test_should_refuse_in_one_line(
    tmp_path: Path, series: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as refusal:
        simulate(tmp_path, Failing=alarm()).run(series, **options)
    assert message in str(refusal.value)


def test_should_take_points_and_text_alike(tmp_path: Path) -> None:
    simulation = simulate(tmp_path, Failing=alarm())
    text = "0x2 3 _ 1"
    assert simulation.run({ERRORS: text}).states("Failing") == simulation.run({ERRORS: expand(text)}).states("Failing")


def test_should_run_without_series(tmp_path: Path) -> None:
    history = simulate(tmp_path, Failing=alarm()).run({}, minutes=1440)
    assert set(history.states("Failing")) == {"OK"}
    assert len(history.states("Failing")) == history.minutes == 1440


def test_should_evaluate_what_a_composite_alarm_depends_on_in_another_stack(tmp_path: Path) -> None:
    reference = {"Fn::ImportValue": "failing"}
    outputs = {"Failing": {"Value": {"Fn::GetAtt": ["Failing", "Arn"]}, "Export": {"Name": "failing"}}}
    folder = write_assembly(
        tmp_path / "cdk.out",
        {
            "Shop": ("111111111111/us-east-1", {"Resources": {"Failing": alarm()}, "Outputs": outputs}),
            "OnCall": (
                "111111111111/us-east-1",
                {"Resources": {"All": composite({"Fn::Join": ["", ['ALARM("', reference, '")']]})}},
            ),
        },
    )
    everything = AlarmSimulation.read(folder)
    assert shown(everything.run({ERRORS: "0 1"}).states("All")) == ".A"
    alone = AlarmSimulation.read(folder, stack="OnCall")
    assert [each.path for each in alone.alarms] == ["OnCall.All"]
    assert shown(alone.run({ERRORS: "0 1"}).states("All")) == ".A"


def test_should_refuse_the_values_of_an_alarm_that_has_none(tmp_path: Path) -> None:
    history = simulate(tmp_path, All=composite("TRUE"), Fast=alarm(Period=10)).run({}, minutes=1)
    with pytest.raises(
        ValueError, match=r"the alarm Shop\.All watches no metric; allowed: an alarm that isn't a composite"
    ):
        history.values("All")
    for fast in ("Fast", history.simulation.alarms[1]):
        with pytest.raises(ValueError, match=r"the alarm Shop\.Fast can't be evaluated: Period is 10"):
            history.states(fast)
