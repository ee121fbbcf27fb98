"""The alarms of templates: what is read, the names they go by, and what can't be evaluated, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from constructs_lib.testing import AlarmSimulation
from constructs_lib.testing.alarms import CompositeAlarm, MetricAlarm
from tests.constructs_lib.local.conftest import write_assembly
from tests.constructs_lib.testing.alarms import alarm, composite, math_alarm, query, simulate, write

if TYPE_CHECKING:
    from pathlib import Path

    from constructs_lib.testing.alarms import Alarm


def only(folder: Path, resource: dict[str, Any]) -> Alarm:
    (found,) = simulate(folder, Failing=resource).alarms
    return found


@pytest.mark.parametrize(
    ("resource", "condition"),
    [
        (alarm(), "Shop Errors Sum >= 1 in a minute; missing points don't breach"),
        (alarm(Threshold="0.5"), "Shop Errors Sum >= 0.5 in a minute; missing points don't breach"),
        (
            alarm(ComparisonOperator="LessThanThreshold", EvaluationPeriods=5, TreatMissingData="breaching"),
            "Shop Errors Sum < 1 in 5 of 5 minutes; missing points breach",
        ),
        (
            alarm(
                "TreatMissingData",
                ComparisonOperator="LessThanOrEqualToThreshold",
                DatapointsToAlarm=2,
                EvaluationPeriods=3,
            ),
            "Shop Errors Sum <= 1 in 2 of 3 minutes; missing points don't count",
        ),
        (
            alarm(Period=300, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore"),
            "Shop Errors Sum > 1 in a period of 5 minutes; missing points keep the state",
        ),
        (
            alarm("Statistic", ExtendedStatistic="p99", EvaluateLowSampleCountPercentile="evaluate"),
            "Shop Errors p99 >= 1 in a minute; missing points don't breach",
        ),
        (
            alarm(
                Dimensions=[{"Name": "Z", "Value": "1"}, {"Name": "A", "Value": {"Fn::Sub": "${AWS::StackName}-x, y"}}]
            ),
            'Shop Errors Sum {A="Shop-x, y", Z=1} >= 1 in a minute; missing points don\'t breach',
        ),
        (
            alarm("TreatMissingData", Namespace="AWS/DynamoDB"),
            "AWS/DynamoDB Errors Sum >= 1 in a minute; missing points keep the state",
        ),
        (
            alarm(Namespace="AWS/DynamoDB", TreatMissingData="missing"),
            "AWS/DynamoDB Errors Sum >= 1 in a minute; missing points don't count",
        ),
        (
            math_alarm("FILL(errors,0)/2", query("errors")),
            "FILL(errors,0)/2 >= 1 in a minute; missing points don't breach",
        ),
    ],
)
def test_should_say_when_an_alarm_goes_off(tmp_path: Path, resource: dict[str, Any], condition: str) -> None:
    assert only(tmp_path, resource).condition == condition


def test_should_read_metric_math_whose_members_are_in_any_order(tmp_path: Path) -> None:
    members = [
        {"Id": "share", "Expression": "100*bad/total"},
        {"Id": "total", "Expression": "SUM(METRICS())", "ReturnData": "false", "Period": 60},
        query("bad"),
        query("good", "Fine", AccountId="222222222222"),
        query("own", "Own", AccountId={"Ref": "AWS::AccountId"}),
    ]
    found = only(tmp_path, alarm("Namespace", "MetricName", "Statistic", "Period", Metrics=members))
    assert isinstance(found, MetricAlarm)
    assert {name: str(metric) for name, metric in found.metrics.items()} == {
        "bad": "Shop Errors Sum",
        "good": "222222222222 Shop Fine Sum",
        "own": "Shop Own Sum",
    }
    assert list(found.expressions) == ["total", "share"]


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        (alarm(Period=30), "Period is 30; allowed: 60 or a multiple of it: a scenario has a point a minute"),
        (alarm(Period=90), "Period is 90; allowed: 60 or a multiple"),
        (alarm("Period"), "Period is None; allowed: a number"),
        (alarm("Statistic"), "it has no statistic; allowed: Statistic or ExtendedStatistic"),
        (alarm("MetricName"), "it has no MetricName; allowed: a metric, or Metrics"),
        (alarm(Threshold="high"), "Threshold is 'high'; allowed: a number"),
        (
            alarm("Threshold", ThresholdMetricId="band"),
            "it has ThresholdMetricId; allowed: ActionsEnabled, AlarmActions",
        ),
        (alarm(EvaluationWindow={"WallClockWindow": {}}), "it has EvaluationWindow; allowed: "),
        (
            alarm(EvaluationCriteria={}, EvaluationInterval=60),
            "it has EvaluationCriteria, EvaluationInterval; allowed: ",
        ),
        (
            alarm(ComparisonOperator="GreaterThanUpperThreshold"),
            "ComparisonOperator is 'GreaterThanUpperThreshold'; allowed: Gr",
        ),
        (alarm(EvaluationPeriods=0), "EvaluationPeriods is 0; allowed: a whole number from 1 to 10,080"),
        (alarm(EvaluationPeriods=1.5), "EvaluationPeriods is 1.5; allowed: a whole number"),
        (alarm(DatapointsToAlarm=2), "DatapointsToAlarm is 2; allowed: a whole number from 1 to 1"),
        (
            alarm(TreatMissingData="zero"),
            "TreatMissingData is 'zero'; allowed: missing, ignore, breaching, notBreaching",
        ),
        (
            alarm("Statistic", ExtendedStatistic="p99", EvaluateLowSampleCountPercentile="ignore"),
            "EvaluateLowSampleCountPercentile is 'ignore', and a series doesn't tell samples; allowed: evaluate",
        ),
        (
            alarm("Statistic", ExtendedStatistic="p99", Period=120),
            "the p99 of 2 minutes can't be told from those of the minutes; allowed: a Period of 60, or Average",
        ),
        (
            math_alarm("SEARCH('{Shop} Errors', 'Sum', 60)"),
            "can't be evaluated: SEARCH can't be evaluated here: an alarm takes no SEARCH",
        ),
        (
            math_alarm("errors+", query("errors")),
            "the expression 'errors+' can't be evaluated: unexpected the end at character 8",
        ),
        (
            math_alarm("AVG(errors)", query("errors")),
            "the expression 'AVG(errors)' yields a number; allowed: a time series",
        ),
        (math_alarm("[errors]", query("errors")), "the expression '[errors]' yields several time series"),
        (math_alarm("result + 1"), "the expressions result use each other; allowed: no circle"),
        (
            math_alarm(
                "e1",
                {"Id": "e1", "Expression": "e2", "ReturnData": False},
                {"Id": "e2", "Expression": "e1", "ReturnData": False},
            ),
            "use each other",
        ),
        (math_alarm("errors", query("errors", ReturnData=True)), "Metrics returns 2 of its members; allowed: one"),
        (math_alarm("errors", query("errors"), query("errors")), "Metrics has two of the Id 'errors'"),
        (
            math_alarm("a + b", query("a"), {**query("b"), "MetricStat": {**query("b")["MetricStat"], "Period": 300}}),
            "Metrics has periods of 60 and 300 seconds; allowed: the same for all",
        ),
        (
            composite("ALARM(gone)"),
            "AlarmRule asks for the alarm 'gone', which no template has in its account and Region",
        ),
        (composite("ALARM("), "AlarmRule can't be read: unexpected the end at character 7"),
        (composite({"Fn::Join": ["", ["ALARM(", {"Ref": "Failing"}, ")"]]}), "AlarmRule depends on the alarm itself"),
        (
            composite("TRUE", ActionsSuppressor="Deploying", ActionsSuppressorWaitPeriod=60),
            "it has ActionsSuppressor, Act",
        ),
        (alarm(Dimensions=[{"Key": "a"}]), "its properties can't be read; allowed: those of AWS::CloudWatch::Alarm"),
        (alarm("Namespace", "MetricName", "Statistic", "Period", Metrics={"Id": "a"}), "its properties can't be read"),
        (alarm(AlarmName={"Ref": "Nothing"}), "Ref to 'Nothing', which the template doesn't have"),
        (composite({"Ref": "Nothing"}), "Ref to 'Nothing', which the template doesn't have"),
    ],
)
def test_should_refuse_what_it_can_not_evaluate_by_name(tmp_path: Path, resource: dict[str, Any], message: str) -> None:
    simulation = simulate(tmp_path, Failing=resource, Other=alarm())
    assert message in simulation.alarms[0].condition
    with pytest.raises(ValueError, match=r"^the alarm Shop\.Failing can't be evaluated: [^\n]+$") as refusal:
        simulation.alarm("Failing")
    assert message in str(refusal.value)
    assert simulation.alarm("Other").path == "Shop.Other", "the others can be tested all the same"


def test_should_refuse_a_composite_alarm_on_one_that_can_not_be_evaluated(tmp_path: Path) -> None:
    rules = {
        "Above": composite('ALARM("Shop-Middle")'),
        "Middle": composite('OK("Shop-Fast")'),
        "Fast": alarm(Period=10),
    }
    with pytest.raises(
        ValueError, match=r"AlarmRule asks for Shop\.Middle, which .* AlarmRule asks for Shop\.Fast, which"
    ):
        simulate(tmp_path, **rules).alarm("Above")


def test_should_refuse_composite_alarms_that_depend_on_each_other(tmp_path: Path) -> None:
    simulation = simulate(tmp_path, One=composite('ALARM("Shop-Two")'), Two=composite('ALARM("Shop-One")'))
    for name in ("One", "Two"):
        with pytest.raises(ValueError, match="depends on the alarm itself"):
            simulation.alarm(name)


@pytest.mark.parametrize(
    "reference",
    [
        "Shop-Failing",
        "arn:aws:cloudwatch:us-east-1:111111111111:alarm:Shop-Failing",
        {"Ref": "Failing"},
        {"Fn::GetAtt": ["Failing", "Arn"]},
        {"Fn::Sub": "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:Shop-Failing"},
    ],
)
def test_should_find_the_alarm_that_a_rule_names_in_whatever_way(tmp_path: Path, reference: Any) -> None:
    rule = {"Fn::Join": ["", ['(ALARM("', reference, '") OR FALSE)']]}
    found = simulate(tmp_path, All=composite(rule), Failing=alarm()).alarm("All")
    assert isinstance(found, CompositeAlarm)
    assert [child.path for child in found.children.values()] == ["Shop.Failing"]
    assert found.condition == '(ALARM("Shop.Failing") OR FALSE)'


def test_should_find_an_alarm_that_has_a_name_of_its_own(tmp_path: Path) -> None:
    named = alarm(AlarmName="too many errors")
    rules = [composite("ALARM(too many errors)"), composite({"Fn::Sub": 'ALARM("${Failing.Arn}")'})]
    simulation = simulate(tmp_path, One=rules[0], Two=rules[1], Failing=named)
    assert simulation.alarm("too many errors") is simulation.alarm("Failing")
    assert simulation.alarm("One").condition == "ALARM(Shop.Failing)"
    assert simulation.alarm("Two").condition == 'ALARM("Shop.Failing")'


def test_should_keep_rules_to_their_own_account_and_region(tmp_path: Path) -> None:
    template = {"Resources": {"All": composite('ALARM("failing")'), "Failing": alarm(AlarmName="failing")}}
    lonely = {"Resources": {"Lonely": composite('ALARM("failing")')}}
    folder = write_assembly(
        tmp_path / "cdk.out",
        {
            "Here": ("111111111111/eu-west-1", template),
            "There": ("222222222222/eu-west-1", template),
            "Elsewhere": ("111111111111/us-east-1", lonely),
        },
    )
    simulation = AlarmSimulation.read(folder)
    for stack in ("Here", "There"):
        assert simulation.alarm(f"{stack}.All").condition == f'ALARM("{stack}.Failing")'
    with pytest.raises(ValueError, match="no template has in its account and Region"):
        simulation.alarm("Lonely")
    with pytest.raises(ValueError, match=r"'Failing' could be any of Here\.Failing, There\.Failing; allowed: one path"):
        simulation.alarm("Failing")
    assert [each.path for each in AlarmSimulation.read(folder, stack="There").alarms] == ["There.All", "There.Failing"]
    with pytest.raises(ValueError, match="the stack 'Ther' is unknown; allowed: There"):
        AlarmSimulation.read(folder, stack="Ther")


@pytest.mark.parametrize(
    "name",
    [
        "App/Quotas/Alarms/Throttled warning",
        "Alarms/Throttled warning",
        "Throttled warning",
        "AlarmsThrottledwarning0A1B2C3D",
        "AlarmsThrottledwarning",
        "Shop.AlarmsThrottledwarning",
        "Shop-AlarmsThrottledwarning0A1B2C3D",
        "arn:aws-cn:cloudwatch:cn-north-1:333333333333:alarm:Shop-AlarmsThrottledwarning0A1B2C3D",
    ],
)
def test_should_know_an_alarm_by_each_of_its_names(tmp_path: Path, name: str) -> None:
    path = "App/Quotas/Alarms/Throttled warning/Resource"
    resource = {**alarm(), "Metadata": {"aws:cdk:path": path}}
    folder = write(tmp_path, AlarmsThrottledwarning0A1B2C3D=resource)
    simulation = AlarmSimulation.read(folder, account="333333333333", region="cn-north-1")
    assert simulation.alarm(name).path == "App/Quotas/Alarms/Throttled warning"


def test_should_name_close_matches_of_an_unknown_alarm(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    simulation = simulate(tmp_path, ThrottledWarning=alarm(), ThrottledCritical=alarm(), Backlog=alarm())
    with pytest.raises(
        ValueError, match=r"the alarm 'Shop.ThrotledWarning' is unknown; allowed: Shop.ThrottledWarning, "
    ):
        simulation.alarm("Shop.ThrotledWarning")
    with pytest.raises(
        ValueError, match=r"the alarm 'zzz' is unknown; allowed: Shop.Backlog, Shop.Fast, Shop.Slow or 2 more$"
    ):
        simulate(tmp_path / "more", Backlog=alarm(), Slow=alarm(), Fast=alarm(), V=alarm(), W=alarm()).alarm("zzz")
    with pytest.raises(ValueError, match="the alarm 'x' is unknown; allowed: there is none"):
        AlarmSimulation.read(write_assembly(tmp_path / "empty.out", {})).alarm("x")


def test_should_leave_out_an_alarm_whose_condition_is_false(tmp_path: Path) -> None:
    template = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {"Failing": {**alarm(), "Condition": "Never"}, "Other": alarm()},
    }
    folder = write_assembly(tmp_path / "cdk.out", {"Shop": ("unknown-account/unknown-region", template)})
    assert [each.logical_id for each in AlarmSimulation.read(folder).alarms] == ["Other"]
