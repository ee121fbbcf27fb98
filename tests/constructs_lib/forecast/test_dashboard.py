"""The command that draws a dashboard; what is on the page is in the tests of the page."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from aws_cdk import NestedStack, Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from constructs_lib.forecast import dashboard
from constructs_lib.forecast.dashboard import main
from tests.cdk import make_app
from tests.stacks.quotas_app import synthesize

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

SERIES = """
scenarios:
  - name: a burst
    series:
      AWS/States ThrottledEvents Sum {ServiceMetric=StateTransition}: "0x4 8000 0x24"
"""


@pytest.fixture(scope="module")
def cdk_out() -> str:
    return str(synthesize({})[0].path)


def test_should_draw_the_load_test(cdk_out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "new" / "page.html"
    assert main([cdk_out, "--region", "eu-central-1", "--out", str(page)]) == 0
    assert capsys.readouterr() == (f"{page}\n", "")
    assert "Is anything delayed now?" in page.read_text()
    assert "QuotasAlarmsDelayed" in page.read_text()
    # As on the picture in docs/: the load raises nine alarms, of which the last in minute 8.
    widgets = data_of(page)
    told = [alarm["states"] for widget in widgets if widget["kind"] == "alarms" for alarm in widget["alarms"]]
    assert [sum(state_in(states, minute) == "ALARM" for states in told) for minute in (4, 5, 7, 8)] == [0, 3, 7, 9]
    assert [line["points"][8] for widget in widgets if widget["kind"] == "number" for line in widget["lines"]] == [
        None,
        49_018,
    ]
    # Whose states wait, and whose executions were started.
    first_rows = re.findall(r"<tbody><tr><t[hd][^>]*>([^<]*)</t[hd]><td[^>]*>([^<]*)<", page.read_text())
    assert first_rows == [("Transitions", "293k"), ("Transitions", "3.30k")]


def data_of(page: Path) -> list[dict[str, Any]]:
    found = re.search(r'id="data">(.*?)</script>', page.read_text())
    assert found is not None
    return list(json.loads(found[1])["widgets"].values())


def state_in(states: list[tuple[int, str]], minute: int) -> str:
    return [state for begin, state in states if begin <= minute][-1]


def test_should_draw_what_was_saved(cdk_out: str, tmp_path: Path) -> None:
    series, page = tmp_path / "series.yaml", tmp_path / "page.html"
    series.write_text(SERIES)
    assert main([cdk_out, "--series", str(series), "--out", str(page)]) == 0
    assert re.search(r"\b8000\b", page.read_text())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--region", "mars-1"], "--region is 'mars-1'; allowed: a Region that has Step Functions"),
        (
            ["--dashboard", "WindSpeed"],
            " has 0 dashboards 'WindSpeed'; allowed: one. Choose it by --dashboard: Quotas.Dashboard",
        ),
        (["--series", "none.yaml"], "none.yaml: it can't be read: "),
        (["--series", "none.yaml", "--map-runs", "1"], "--map-runs doesn't go with --series. Fix: leave one of them"),
        (["--out", "/dev/null/page.html"], "'/dev/null/page.html' can't be written: "),
        (["--out", "/"], "'/' can't be written: Is a directory. Fix: give another --out."),
        (["--transitions-per-execution", "0"], "--transitions-per-execution is 0; allowed: 1 to 10,000. "),
        (["--map-runs", "700000"], "LoadProfile: rows are 17,520, each of up to 40 starts; allowed: at most 10,000"),
        (["--hold-seconds", "99999999"], "'99999999'; allowed: a whole number from 0 to 9,999,999"),
        (
            ["--map-runs", "0", "--transitions-per-second", "0"],
            "--map-runs is 0; allowed: 1 or more where --transitions-per-second is 0. Ask for one of the two.",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_should_refuse_in_one_line(
    cdk_out: str, arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main([cdk_out, "--out", str(tmp_path / "page.html"), *arguments])
    except SystemExit as left:
        code = int(str(left.code))
    told = capsys.readouterr()
    assert (code, told.out) == (2, "")
    assert told.err.startswith("error: ")
    assert message in told.err
    assert told.err.count("\n") == 1


def bodies(folder: Path, *, region: str = "unknown-region", **texts: Any) -> str:
    """An assembly of a stack `Shop` with these dashboards."""
    resources = {
        name: {"Type": "AWS::CloudWatch::Dashboard", "Properties": {} if text is None else {"DashboardBody": text}}
        for name, text in texts.items()
    }
    folder.joinpath("Shop.json").write_text(json.dumps({"Resources": resources}))
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://unknown-account/{region}",
        "properties": {"templateFile": "Shop.json"},
    }
    folder.joinpath("manifest.json").write_text(json.dumps({"version": "55.0.0", "artifacts": {"Shop": stack}}))
    return str(folder)


def empty(title: str) -> str:
    return json.dumps({"periodOverride": "inherit", "widgets": [{"type": "text", "properties": {"markdown": title}}]})


@pytest.mark.parametrize("name", ["One", "Shop.One"])
def test_should_draw_the_dashboard_that_is_named(tmp_path: Path, name: str) -> None:
    page = tmp_path / "page.html"
    assert (
        main([bodies(tmp_path, One=empty("first"), Two=empty("second")), "--dashboard", name, "--out", str(page)]) == 0
    )
    assert "first" in page.read_text()


@pytest.mark.parametrize("given", [[], ["--dashboard", "Shop"]])
def test_should_ask_which_of_several(tmp_path: Path, given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    folder = bodies(tmp_path, One=empty("first"), Two=empty("second"))
    assert main([folder, "--out", str(tmp_path / "page.html"), *given]) == 2
    assert "; allowed: one. Choose it by --dashboard: Shop.One, Shop.Two\n" in capsys.readouterr().err


def test_should_say_that_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([bodies(tmp_path), "--out", str(tmp_path / "page.html")]) == 2
    assert capsys.readouterr().err.endswith(" has no dashboard; allowed: an app with one, such as a QuotaDashboard\n")


@pytest.mark.parametrize("body", [None, {"widgets": []}, "{"])
def test_should_refuse_a_body_that_is_no_json(tmp_path: Path, body: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([bodies(tmp_path, One=body), "--out", str(tmp_path / "page.html")]) == 2
    assert capsys.readouterr().err.startswith("error: the DashboardBody of Shop.One isn't JSON: ")


def test_should_have_the_limits_of_the_stacks_own_region(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rate = [
        "AWS/States",
        "ProvisionedRefillRate",
        "ServiceMetric",
        "StateTransition",
        {"stat": "Maximum", "period": 60},
    ]
    graph = {"type": "metric", "properties": {"metrics": [rate]}}
    body = json.dumps({"periodOverride": "inherit", "widgets": [graph]})
    page = tmp_path / "page.html"
    arguments = [bodies(tmp_path, region="eu-west-2", One=body), "--out", str(page)]
    assert main(arguments) == 0
    assert '"points":[800,800,' in page.read_text()
    assert main([*arguments, "--region", "us-east-1"]) == 2
    assert capsys.readouterr().err == (
        "error: --region is 'us-east-1'; allowed: eu-west-2, that of the stack Shop. Leave it out.\n"
    )
    assert main([bodies(tmp_path, One=body), "--out", str(page)]) == 0
    assert '"points":[5000,5000,' in page.read_text()


def test_should_draw_a_dashboard_of_a_nested_stack_with_the_alarms_of_the_stack_around_it(tmp_path: Path) -> None:
    app = make_app()
    shop, other = Stack(app, "Shop"), Stack(app, "Other")
    for stack in (shop, other):
        cloudwatch.CfnAlarm(
            stack,
            "Alarm",
            alarm_name=f"{stack.node.id}Alarm",
            namespace="Shop",
            metric_name="Orders",
            statistic="Sum",
            period=60,
            evaluation_periods=1,
            threshold=1,
            comparison_operator="GreaterThanThreshold",
            treat_missing_data="ignore",
        )
    arns = [f"arn:aws:cloudwatch:us-east-1:111111111111:alarm:{name}" for name in ("ShopAlarm", "OtherAlarm")]
    body = {"periodOverride": "inherit", "widgets": [{"type": "alarm", "properties": {"alarms": arns}}]}
    cloudwatch.CfnDashboard(NestedStack(shop, "Nested"), "Board", dashboard_body=json.dumps(body))
    page = tmp_path / "page.html"
    assert main([app.synth().directory, "--out", str(page)]) == 0
    [widget] = data_of(page)
    # Before the load all is well, and no point changes that; nothing is known of another stack's.
    assert [alarm["states"] for alarm in widget["alarms"]] == [[[0, "OK"]], None]


def test_should_end_in_one_line_when_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dashboard, "_draw", interrupted)
    assert main([str(tmp_path)]) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_should_refuse_what_is_no_assembly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "Give the folder that `cdk synth` writes" in capsys.readouterr().err
