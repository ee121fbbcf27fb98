"""What a dashboard's body may ask for: how it is read, what is drawn of it, and that the rest is named."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib.forecast._widgets.body import read_widgets
from constructs_lib.forecast._widgets.labels import short
from constructs_lib.forecast._widgets.markdown import render as markdown
from constructs_lib.forecast.page import Page, render
from tests.browser import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

SERIES: dict[str, list[float | None]] = {
    "Shop Orders Sum {Shop=north}": [1, 2, 3, None],
    "Shop Orders Sum {Shop=south}": [10, 20, 30, 40],
    "Shop Orders Maximum {Shop=south}": [1, 1, 1, 9],
    "Shop Price p99 {Shop=south}": [5, 5, 6, 7],
    "Shop Orders Sum": [11, 22, 33, 40],
    "222222222222 Shop Orders Sum {Shop=east}": [7, 7, 7, 7],
}
SOUTH = ["Shop", "Orders", "Shop", "south", {"stat": "Sum", "period": 60}]
INHERIT = {"periodOverride": "inherit"}


def body(*widgets: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"widgets": list(widgets), **INHERIT, **more}


def metric(*rows: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "metric", "properties": {"metrics": list(rows), "period": 60, "stat": "Sum", **properties}}


def expression(text: str, **options: Any) -> list[dict[str, Any]]:
    return [{"expression": text, **options}]


def show(*widgets: dict[str, Any], **more: Any) -> Page:
    return render(body(*widgets, **more), SERIES, title="Shop")


def data_of(page: Page) -> dict[str, Any]:
    found = re.search(r'id="data">(.*?)</script>', page.html)
    assert found is not None
    return dict(json.loads(found[1])["widgets"])


def lines(page: Page) -> dict[str, list[float | None]]:
    return {line["label"]: line["points"] for line in data_of(page)["0"]["lines"]}


def drawn(*rows: Any, **properties: Any) -> dict[str, list[float | None]]:
    page = show(metric(*rows, **properties))
    assert page.refused == ()
    return lines(page)


def refused(*rows: Any, **properties: Any) -> str:
    """The one thing that is refused; it stands on the page, too."""
    page = show(metric(*rows, **properties))
    [why] = page.refused
    assert why.startswith("widget 1 ")
    said = why.partition(": ")[2]
    for word in re.findall(r"\w+", said):
        assert word in page.html
    return said


def test_should_read_the_short_notation_of_metrics() -> None:
    rows = [["Shop", "Orders", "Shop", "north"], ["...", "south"], [".", "."], [".", ".", {"label": "Highest"}]]
    assert drawn(*rows[:3]) == {
        "north": [1, 2, 3, None],
        "south": [10, 20, 30, 40],
        "Orders": [11, 22, 33, 40],
    }
    assert "Highest" in drawn(*rows)


def test_should_call_a_line_by_what_tells_it_apart() -> None:
    assert list(drawn(SOUTH)) == ["Orders"]
    assert list(drawn(SOUTH, [".", "Price", ".", ".", {"stat": "p99"}])) == ["Orders Sum", "Price p99"]
    assert list(drawn(SOUTH, ["...", {"stat": "Maximum"}])) == ["Sum", "Maximum"]
    east = ["Shop", "Orders", "Shop", "east", {"accountId": "222222222222"}]
    assert drawn(SOUTH, east)["east 222222222222"] == [7, 7, 7, 7]


def test_should_fill_in_dynamic_labels() -> None:
    label = "${LABEL} ${PROP('Dim.Shop')} ${PROP('MetricName')}: ${MIN} to ${MAX}, ${SUM} in ${DATAPOINT_COUNT}"
    row = [*SOUTH[:-1], {"label": label}]
    assert list(drawn(row)) == ["Orders south Orders: 10 to 40, 100 in 4"]
    found = "SEARCH('{Shop,Shop} MetricName=\"Orders\"','Sum',60)"
    assert list(drawn(expression(found, label="${PROP('Dim.Shop')} ${LAST}"))) == ["east 7", "north 3", "south 40"]
    assert "its label has ${MAX_TIME}" in refused([*SOUTH[:-1], {"label": "${MAX_TIME}"}])

    assert list(drawn([*SOUTH[:-1], {"label": "${PROP('Period')} s"}], period=120)) == ["120 s"]
    north = ["Shop", "Orders", "Shop", "north", {"label": "${FIRST} ${FIRST_LAST_RANGE} ${MIN_MAX_RANGE} ${AVG}"}]
    assert list(drawn(north)) == ["1 2 2 2"]


def test_should_take_what_a_metric_does_not_say_from_its_widget_and_that_from_cloudwatch() -> None:
    series = {"Shop Price Average": [1, 2, 3, 4, 5, 60], "Shop Price Sum": [10, 20, 30, 40, 50, 60]}
    price = ["Shop", "Price"]
    for row, properties, expected in (
        (price, {}, [3, 60]),  # the average of five minutes
        (price, {"stat": "Sum", "period": 180}, [60, 150]),
        ([*price, {"stat": "Average", "period": 60}], {"stat": "Sum", "period": 180}, series["Shop Price Average"]),
    ):
        widget = {"type": "metric", "properties": {"metrics": [row], **properties}}
        assert list(lines(render(body(widget), series, title="Shop")).values()) == [expected]


def test_should_take_the_points_of_a_longer_period_together() -> None:
    assert drawn(SOUTH[:-1], period=120) == {"Orders": [30, 70]}
    assert drawn([*SOUTH[:-1], {"stat": "Maximum", "period": 180}]) == {"Orders": [1, 9]}
    assert "p99 over 2 minutes" in refused(["Shop", "Price", "Shop", "south", {"stat": "p99"}], period=120)
    assert "30" in refused([*SOUTH[:-1], {"period": 30}])


@pytest.mark.parametrize("row", [["Shop", "Orders", "Shop"], ["Shop"], [5, "Orders"], ["Shop", "."], "Shop"])
def test_should_name_a_row_that_is_no_metric(row: Any) -> None:
    assert "metrics[0]: " in refused(row)


def test_should_draw_a_line_on_the_axis_that_it_asks_for() -> None:
    page = show(metric(SOUTH, ["Shop", "Orders", {"yAxis": "right"}]))
    assert [line["right"] for line in data_of(page)["0"]["lines"]] == [False, True]


def test_should_evaluate_metric_math_and_expressions_of_expressions() -> None:
    hidden = [*SOUTH[:-1], {"id": "m", "visible": False}]
    assert drawn(expression("m/2", label="Half"), hidden) == {"Half": [5, 10, 15, 20]}
    twice = expression("m*2", id="e1", visible=False)
    assert drawn(expression("e1+1", label="More"), twice, hidden) == {"More": [21, 41, 61, 81]}
    assert drawn(expression("SUM(METRICS())"), hidden, ["Shop", "Orders", {"visible": False}]) == {
        "SUM(METRICS())": [21, 42, 63, 80]
    }
    assert drawn(expression("[m,m*2]", label="Each"), hidden) == {
        "Each 1": [10, 20, 30, 40],
        "Each 2": [20, 40, 60, 80],
    }


def test_should_know_the_period_of_an_expression_in_seconds() -> None:
    hidden = [*SOUTH[:-1], {"id": "m", "visible": False}]
    assert drawn(expression("m/PERIOD(m)", label="A second"), hidden, period=120) == {
        "A second": [30 / 120, 0.583333333]
    }


def test_should_give_each_of_several_lines_a_colour_of_its_own() -> None:
    found = "SEARCH('{Shop,Shop} MetricName=\"Orders\"','Sum',60)"
    for text, one in ((found, False), (f"SORT({found},SUM,DESC,1)", True)):
        colors = [line["color"] for line in data_of(show(metric(expression(text, color="#123456"))))["0"]["lines"]]
        assert (colors == ["#123456"]) is one
        assert len(set(colors)) == len(colors)


def test_should_draw_five_hundred_lines() -> None:
    series = {f"Shop Orders Sum {{Shop={number:03}}}": [number] for number in range(502)}
    widget = metric(expression("SEARCH('{Shop,Shop}','Sum')"))
    page = render(body(widget), series, title="Shop")
    assert page.refused == ("widget 1 (graph): 502 lines: allowed: 500, the first are drawn",)
    assert list(lines(page)) == [f"{number:03}" for number in range(500)]


def test_should_search_and_sort() -> None:
    found = "SEARCH('{Shop,Shop} MetricName=\"Orders\"','Sum',60)"
    assert list(drawn(expression(found))) == ["east 222222222222", "north", "south"]
    assert list(drawn(expression(f"SORT({found},SUM,DESC,2)"))) == ["south", "east 222222222222"]
    labelled = drawn(expression(f"SORT({found}, MAX, ASC, 1)", label="In"))
    assert labelled == {"In north": [1, 2, 3, None]}
    assert drawn(expression(f"SUM({found})", label="All")) == {"All": [18, 29, 40, 47]}
    assert drawn(expression("SEARCH('{Shop,Shop} Shop=\"south\" AND MetricName=\"Orders\"','Sum')")) == {
        "south": [10, 20, 30, 40]
    }
    own = expression(found.replace("{Shop,Shop} ", '{Shop,Shop} :aws.AccountId="LOCAL" '))
    assert list(drawn(own)) == ["north", "south"]
    assert drawn(expression("SEARCH('{Shop} MetricName=\"Orders\"','Sum')")) == {"Orders": [11, 22, 33, 40]}
    assert drawn(expression("SUM(SEARCH('{None} MetricName=\"None\"','Sum'))", label="None")) == {"None": [None] * 4}
    assert "No data available" in show(metric(expression("SEARCH('{None}','Sum')"))).html
    assert list(drawn(expression(found.replace("MetricName", 'Namespace="Shop" MetricName')))) == list(
        drawn(expression(found))
    )
    assert drawn(expression(found.replace("MetricName", 'Namespace="Other" MetricName'))) == {}
    assert drawn(expression(found.replace("'Sum',60", '"Maximum",120'))) == {"south": [1, 9]}
    # Which search a line comes from isn't known: no names rather than wrong ones.
    assert list(drawn(expression(f"SUM({found})/{found}"))) == ["1", "2", "3"]


@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_should_sort_a_series_without_a_point_last(order: str) -> None:
    series = SERIES | {"Shop Orders Sum {Shop=never}": [None] * 4}
    widget = metric(expression(f"SORT(SEARCH('{{Shop,Shop}} MetricName=\"Orders\"','Sum'),SUM,{order})"))
    found = list(lines(render(body(widget), series, title="Shop")))
    assert found[-1] == "never"
    assert (found[0] == "south") is (order == "DESC")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("FROBNICATE(m)", "the function 'FROBNICATE' is unknown"),
        ("ANOMALY_DETECTION_BAND(m)", "the function ANOMALY_DETECTION_BAND can't be evaluated here"),
        ("SUM(SORT([m,m],SUM,DESC))", "SORT is inside of an expression"),
        ("SORT(m,SUM,DESC)", "SORT is given a time series; allowed: several time series"),
        ("SEARCH('{Shop,Shop} Orders','Sum')", "SEARCH for Orders can't be evaluated"),
        ("SEARCH(' MetricName=\"Orders\" ','Sum')", "SEARCH without a schema"),
        ("MAX(m)", "it yields a number"),
        ("SELECT MAX(Orders) FROM Shop", "'SELECT'"),
        ("m+", "unexpected the end"),
        ("m+m5", "it has periods of 60, 120 seconds"),
        ("e+1", "the expression e depends on itself"),
    ],
)
def test_should_name_an_expression_that_can_not_be_drawn(text: str, why: str) -> None:
    hidden = [*SOUTH[:-1], {"id": "m", "visible": False}]
    longer = [*SOUTH[:-1], {"id": "m5", "period": 120, "visible": False}]
    said = refused(expression(text, id="e"), hidden, longer)
    assert text[:20] in said
    assert why in said


def test_should_name_expressions_that_depend_on_each_other() -> None:
    page = show(metric(expression("b+1", id="a"), expression("a+1", id="b")))
    assert len(page.refused) == 2
    assert all("depends on itself" in why for why in page.refused)
    many = [expression(f"e{number + 1}+1", id=f"e{number}", visible=number == 0) for number in range(400)]
    assert "depend on each other in a row" in refused(*many)


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ({"view": "bar"}, "the view 'bar': isn't drawn here"),
        ({"view": "gauge"}, "its yAxis.left needs min and max"),
        ({"view": "gauge", "yAxis": {"left": {"min": 1, "max": 1}}}, "its yAxis.left needs min and max"),
        ({"trend": True}, "trend: isn't drawn here"),
        ({"setPeriodToTimeRange": True}, "setPeriodToTimeRange: isn't drawn here"),
        ({"annotations": {"vertical": [{"value": "2026-11-21T00:00:00Z"}]}}, "annotations.vertical: isn't drawn here"),
        ({"annotations": {"alarms": ["arn"]}}, "annotations.alarms: isn't drawn here"),
        ({"annotations": {"horizontal": [{"label": "Much"}]}}, "the value of an annotation: None"),
        ({"yAxis": {"left": {"min": "low"}}}, "yAxis.left.min: 'low'; allowed: a number"),
        ({"legend": {"position": "top"}}, "legend.position: 'top'; allowed: bottom, right, hidden"),
        ({"region": 5}, "region: 5; allowed: text"),
        ({"liveData": True}, "liveData"),
        ({"markers": 0}, "markers: isn't drawn here"),
        ({"yAxis": {"left": {"max": 10**400}}}, "yAxis.left.max: 1000"),
    ],
)
def test_should_name_a_property_that_can_not_be_drawn(properties: dict[str, Any], why: str) -> None:
    assert why in refused(SOUTH, **properties)


def test_should_take_what_is_switched_off_for_not_asked() -> None:
    assert show(metric(SOUTH, liveData=False, trend=False, timezone=None)).refused == ()


def test_should_name_a_widget_of_another_type_in_its_place() -> None:
    explorer = {"type": "explorer", "properties": {"title": "Fleet", "metrics": []}}
    log = {"type": "log", "properties": {"query": "SOURCE 'x' | fields @message"}}
    page = show(explorer, log, metric(SOUTH, title="Orders"))
    assert page.refused == (
        "widget 1 (Fleet): a widget of the type explorer isn't drawn here",
        "widget 2 (Log widget): a widget of the type log isn't drawn here",
    )
    for number, title in enumerate(["Fleet", "Log widget"]):
        [section] = re.findall(rf'<section class="widget refused" data-widget="{number}">(.*?)</section>', page.html)
        assert f"<h2>{title}</h2>" in section
        assert "isn&#x27;t drawn here" in section
    assert "2 things of this dashboard" in page.html


def test_should_name_a_state_that_no_alarm_has() -> None:
    page = show({"type": "alarm", "properties": {"alarms": [], "states": ["ALARM", "PANIC"]}})
    assert page.refused == ("widget 1 (Alarms): states: 'PANIC'; allowed: ALARM, INSUFFICIENT_DATA, OK",)
    assert data_of(page)["0"]["only"] == ["ALARM"]


def test_should_name_what_the_whole_dashboard_asks_for() -> None:
    page = render({"widgets": [], "variables": [{"type": "pattern"}], "theme": "dark"}, {}, title="Empty")
    assert [why.partition(":")[0] for why in page.refused] == ["periodOverride auto", "variables", "theme"]
    assert "3 things of this dashboard" in page.html


def test_should_not_draw_series_of_one_region_for_another() -> None:
    north = metric(SOUTH, region="eu-north-1", title="There")
    page = show(metric(SOUTH, region="us-east-1"), metric(SOUTH, region="us-east-1"), north)
    assert page.refused == ("widget 3 (There): Orders: the series are of us-east-1, this is of 'eu-north-1'",)


def test_should_draw_marks_and_the_band_between_two() -> None:
    marks = [
        {"label": "Much", "value": 30, "color": "#ff0000", "fill": "above"},
        [{"label": "From", "value": 5}, {"label": "To", "value": 8}],
        {"label": "Hidden", "value": 1, "visible": False},
        {"label": "Right", "value": 3, "yAxis": "right"},
    ]
    page = show(metric(SOUTH, annotations={"horizontal": marks}))
    assert page.refused == ()
    found = {mark["label"]: mark for mark in data_of(page)["0"]["marks"]}
    assert list(found) == ["Much", "From", "To", "Right"]
    assert (found["Much"]["color"], found["Much"]["fill"]) == ("#ff0000", "above")
    assert (found["From"]["fill"], found["From"]["to"], found["To"]["fill"]) == ("to", 8, "none")
    assert found["Right"]["right"] is True


def table(*rows_of_body: Any, **properties: Any) -> list[list[str]]:
    found = "SEARCH('{Shop,Shop} MetricName=\"Orders\"','Sum',60)"
    given = rows_of_body or [expression(f"SORT({found},SUM,DESC)")]
    page = show(metric(*given, view="table", **properties))
    assert page.refused == ()
    rows = re.findall(r"<tr>(.*?)</tr>", page.html)
    return [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in rows]


def test_should_write_a_table_of_summaries_with_a_row_a_metric() -> None:
    wanted = {"showTimeSeriesData": False, "summaryColumns": ["SUM", "MAX"]}
    east = ["east 222222222222", "28", "7"]
    rows = [["Label", "Sum", "Max"], ["south", "100", "40"], east, ["north", "6", "3"]]
    assert table(table=wanted) == rows
    assert table(table={**wanted, "layout": "vertical"}) == [list(column) for column in zip(*rows, strict=True)]
    assert table(table={"summaryColumns": []})[:2] == [
        ["Label", "00:00", "00:01", "00:02", "00:03"],
        ["south", "10", "20", "30", "40"],
    ]
    assert table()[0] == ["Label", "Min", "Max", "Sum", "Avg", "00:00", "00:01", "00:02", "00:03"]


def test_should_have_a_column_a_minute_in_which_a_metric_has_a_point() -> None:
    longer = ["Shop", "Orders", "Shop", "south", {"period": 120, "label": "Two"}]
    wanted = {"table": {"summaryColumns": ["AVG"]}}
    assert table(longer, **wanted) == [["Label", "Avg", "00:00", "00:02"], ["Two", "50", "30", "70"]]
    assert table(longer, [*SOUTH[:-1], {"label": "One"}], **wanted) == [
        ["Label", "Avg", "00:00", "00:01", "00:02", "00:03"],
        ["Two", "50", "30", "", "70", ""],
        ["One", "25", "10", "20", "30", "40"],
    ]


def test_should_leave_the_points_out_of_a_table_that_nobody_could_read() -> None:
    series = {f"Shop Orders Sum {{Shop={number}}}": [number] * 1_000 for number in range(21)}
    widget = metric(expression("SEARCH('{Shop,Shop}','Sum')"), view="table")
    page = render(body(widget), series, title="Shop")
    assert page.refused == ("widget 1 (table): the table's data points: 21,000 of them; allowed: 20,000",)
    assert '<th scope="col">Avg</th></tr>' in page.html


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "--"), (0, "0"), (7, "7"), (999, "999"), (999.6, "1.00k"),
        (1000, "1.00k"), (8000, "8.00k"), (16_000, "16.0k"),
        (799.6, "800"), (0.25, "0.25"), (26.67, "26.7"), (266.67, "267"), (1_234_567, "1.23M"), (-1500, "-1.50k"),
    ],
)  # fmt: skip
def test_should_write_numbers_in_three_digits(value: float | None, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("### A & B\n\none\ntwo", "<h3>A &amp; B</h3><p>one two</p>"),
        ("**Do:** *this* `x<y`", "<p><strong>Do:</strong> <em>this</em> <code>x&lt;y</code></p>"),
        ("snake_case_name and 2*3*4", "<p>snake_case_name and 2*3*4</p>"),
        ("- a\n- **b**\n\n1. c", "<ul><li>a</li><li><strong>b</strong></li></ul><ol><li>c</li></ol>"),
        ("a | b", "<p>a | b</p>"),
        (
            "|a|b|\n|-|-|\n|1|2|",
            "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>",
        ),
        ("```\n<b>\n```\nend", "<pre>&lt;b&gt;</pre><p>end</p>"),
        (
            "[a](https://e.com/?a=1&b=2) · [b](#x)",
            '<p><a href="https://e.com/?a=1&amp;b=2" rel="noreferrer">a</a> · <a href="#x" rel="noreferrer">b</a></p>',
        ),
        ("a\n\n---\n\\*b\\*", "<p>a</p><hr><p>*b*</p>"),
    ],
)
def test_should_render_markdown(text: str, expected: str) -> None:
    noted: list[str] = []
    assert markdown(text, noted) == expected
    assert noted == []


def test_should_name_pictures_and_other_addresses_in_a_text() -> None:
    page = show({"type": "text", "properties": {"markdown": "![p](https://e.com/p.png) [x](javascript:alert)"}})
    assert len(page.refused) == 2
    assert "picture to https://e.com/p.png" in page.refused[0]
    assert "link to javascript:alert" in page.refused[1]
    assert 'href="javascript' not in page.html
    assert "<img" not in page.html
    quoted = show({"type": "text", "properties": {"markdown": "[x](https://e.com/'onclick=)"}})
    assert len(quoted.refused) == 1
    assert '<a href="https' not in quoted.html


def test_should_find_places_for_widgets_that_have_none_and_part_those_that_overlap() -> None:
    def place(**given: int) -> dict[str, Any]:
        return {"type": "text", "properties": {}, **given}

    given = [
        place(x=0, y=0, width=12, height=4),
        place(x=6, y=2, width=12, height=2),
        place(width=12, height=4),
        place(width=24),
    ]
    widgets = {w.number: (w.x, w.y, w.width, w.height, w.moved) for w in read_widgets({"widgets": given})}
    assert widgets == {
        0: (0, 0, 12, 4, False),
        1: (6, 4, 12, 2, True),
        2: (12, 0, 12, 4, False),
        3: (0, 6, 24, 6, False),
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], r"the dashboard's body is \[\]; allowed: an object with the key widgets"),
        ({}, "the dashboard's widgets are None; allowed: a list"),
        ({"widgets": [5]}, r"the dashboard's widgets\[0\] is 5; allowed: an object"),
        ({"widgets": [{}]}, r"widgets\[0\] has the type None; allowed: text"),
        ({"widgets": [{"type": "text", "width": 25}]}, r"width 25; allowed: whole numbers from 1 to 24"),
        ({"widgets": [{"type": "text", "x": 1}]}, r"one of x and y; allowed: both, or none"),
        ({"widgets": [{"type": "text", "x": 20, "y": 0}]}, r"x 20 and width 6; allowed: at most 24 together"),
        ({"widgets": [{"type": "text"}] * 501}, "501 widgets; allowed: at most 500"),
    ],
)
def test_should_refuse_what_is_no_dashboard_in_one_line(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render(given, {}, title="None")


@pytest.mark.parametrize(
    ("series", "minutes", "message"),
    [
        ({"nonsense": [1]}, None, "'nonsense' isn't a metric"),
        ({"A b Sum": [float("nan")]}, None, "the series of A b Sum has nan; allowed: a finite number, or None"),
        ({"A b Sum": [1, 2]}, 1, r"minutes is 1; allowed: 2 \(the longest series\) to"),
        ({"A b Sum {C=d, E=f}": [1], "A b Sum {E=f, C=d}": [1]}, None, "has two series; allowed: one"),
    ],
)
def test_should_refuse_what_is_no_series_in_one_line(series: Any, minutes: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render(body(), series, title="None", minutes=minutes)


def test_should_refuse_a_minute_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="minute is 4; allowed: 0 to 3"):
        render(body(), SERIES, title="None", minute=4)


EVIL = "</script><script>alert(1)</script><b onclick=x>\"'&%%data%%\ud800"


def test_should_let_nothing_of_a_body_become_markup() -> None:
    evil = metric(
        [*SOUTH[:-1], {"label": EVIL, "color": EVIL, "id": EVIL}],
        expression(EVIL, label=EVIL),
        title=EVIL,
        annotations={"horizontal": [{"label": EVIL, "value": 1}]},
        yAxis={"left": {"label": EVIL}},
        **{EVIL: EVIL},
    )
    text = {"type": "text", "properties": {"markdown": f"{EVIL}\n\n# {EVIL}\n\n[{EVIL}](https://x.y/{EVIL})"}}
    alarm = {"type": "alarm", "properties": {"title": EVIL, "alarms": [EVIL]}}
    other = {"type": EVIL, "properties": {EVIL: 1}}
    for view in ("timeSeries", "singleValue", "gauge", "table", EVIL):
        evil["properties"]["view"] = view
        page = render(body(evil, text, alarm, other), SERIES, title=EVIL)
        page.html.encode()
        assert page.html.count("<script") == 2
        assert page.html.count("</script>") == 2
        assert "<b onclick" not in page.html
        assert "<script>alert" not in page.html


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([EVIL, 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    "title", "view", "metrics", "period", "stat", "stacked", "annotations", "yAxis", "legend", "sparkline", "region",
    "accountId", "table", "markdown", "background", "alarms", "sortBy", "states", "liveData",
)  # fmt: skip
ROWS = st.lists(
    st.lists(st.sampled_from(["Shop", "Orders", "south", ".", "..."]) | ANYTHING, max_size=5)
    | st.builds(
        lambda text, options: [{"expression": text, **options}],
        st.sampled_from(["m", "SUM(METRICS())", "SEARCH('{Shop,Shop}','Sum')", "1/0", "FIRST([m])", "m^m^m"])
        | ANYTHING,
        st.dictionaries(st.sampled_from(["id", "label", "color", "period", "visible", "yAxis"]), ANYTHING, max_size=3),
    ),
    max_size=4,
)
WIDGETS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["metric", "text", "alarm", "log"]) | ANYTHING,
        "properties": st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=6).flatmap(
            lambda given: st.builds(
                lambda rows, view: {**given, "metrics": rows, "view": view},
                ROWS,
                st.sampled_from(["timeSeries", "singleValue", "gauge", "table"]) | ANYTHING,
            )
        )
        | ANYTHING,
    },
    optional={key: st.integers(-1, 30) | ANYTHING for key in ("x", "y", "width", "height")},
)


@settings(max_examples=80, deadline=None)
@given(st.fixed_dictionaries({"widgets": st.lists(WIDGETS, max_size=3) | ANYTHING}) | ANYTHING)
def test_should_render_any_json_or_refuse_it_in_one_line(given: Any) -> None:
    try:
        page = render(given, SERIES, title="Any")
    except ValueError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - that it is raised is allowed, not wanted
    else:
        page.html.encode()
        count = len(given["widgets"])
        assert len(re.findall(r'data-widget="\d+"', page.html)) == count
        assert all(len(why.splitlines()) == 1 for why in page.refused)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.mark.browser
def test_should_draw_both_axes_stacks_bands_gaps_and_odd_numbers_in_chromium(browser: Browser, tmp_path: Path) -> None:
    north = ["Shop", "Orders", "Shop", "north", {"yAxis": "right"}]
    band = {"horizontal": [[{"value": 5}, {"value": 8}], {"value": 20, "fill": "above"}, {"value": 9, "fill": "below"}]}
    page = render(
        body(
            metric(SOUTH, north, annotations=band, legend={"position": "right"}),
            metric(SOUTH, [*SOUTH[:-1], {"stat": "Maximum"}], stacked=True, legend={"position": "hidden"}),
            metric([*SOUTH[:-1], {"period": 120}]),
            metric(["Shop", "None"]),
            metric(["Shop", "Orders"], yAxis={"left": {"min": 50, "max": 10}}),
            metric(["Huge", "Numbers"], ["Tiny", "Numbers"]),
            metric(SOUTH, north, view="singleValue", singleValueFullPrecision=True),
            metric(SOUTH, view="gauge", yAxis={"left": {"min": 0, "max": 30}}),
            {"type": "alarm", "properties": {"alarms": ["arn:aws:cloudwatch:us-east-1:111111111111:alarm:mine"]}},
            {"type": "explorer", "properties": {}},
        ),
        SERIES | {"Huge Numbers Sum": [1e299, -1e299, None, 5], "Tiny Numbers Sum": [1e-299, None, 0, 0]},
        title="All",
    )
    file = tmp_path / "page.html"
    file.write_text(page.html, "utf-8")
    tab = browser.new_context(offline=True, viewport={"width": 1400, "height": 1000}).new_page()
    tab.on("pageerror", lambda error: pytest.fail(str(error)))
    tab.on("console", lambda message: pytest.fail(message.text))
    tab.goto(file.as_uri())
    assert tab.locator(".graph canvas").count() == 6
    assert tab.locator(".legend:visible").count() == 5
    assert tab.locator("#w0 .band:visible").count() == 3
    # The stack's second line stands on the first: 40 + 9.
    assert tab.evaluate("document.querySelector('#w1 .widget').uplot.data[2]") == [11, 21, 31, 49]
    assert "No data available" in tab.locator("#w3").inner_text()
    # North has no point in the last minute: the newest one is shown.
    assert tab.locator("#w6 .value").all_inner_texts() == ["40", "3"]
    assert tab.locator("#w7 .reading").text_content() == "40"
    assert tab.locator("#w8 .state").inner_text() == "State not known"
    assert "type explorer" in tab.locator("#w9 .unknown").inner_text()
    schemes: tuple[Literal["dark", "light"], ...] = ("dark", "light")
    for scheme in schemes:
        tab.emulate_media(color_scheme=scheme)
    tab.set_viewport_size({"width": 700, "height": 900})
    tab.wait_for_timeout(100)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 700


@pytest.mark.browser
def test_should_draw_each_thing_where_its_value_is_in_chromium(browser: Browser, tmp_path: Path) -> None:
    north = ["Shop", "Orders", "Shop", "north", {"yAxis": "right"}]
    marks = {"horizontal": [{"value": 50, "label": "Much"}, {"value": 30, "label": "Some"}]}
    close = {"horizontal": [{"value": value, "label": f"At {value}"} for value in (80, 90, 88)]}
    page = render(
        body(
            metric(SOUTH, north, yAxis={"left": {"min": 5, "max": 100}}),
            metric(SOUTH, view="gauge", yAxis={"left": {"min": 20, "max": 60}}, annotations=marks),
            metric(SOUTH, view="table"),
            metric(["Shop", "Lonely"]),
            metric([*SOUTH[:-1], {"period": 120}]),
            metric(["Shop", "None"], annotations=close, yAxis={"left": {"min": 0}}) | {"width": 6, "height": 4},
        ),
        SERIES | {"Shop Lonely Sum": [None, 5, None, 7]},
        title="All",
        minute=3,
    )
    file = tmp_path / "page.html"
    file.write_text(page.html, "utf-8")
    tab = browser.new_context(offline=True, viewport={"width": 1400, "height": 1000}).new_page()
    tab.add_init_script(
        "window.dots = new Set(); const arc = CanvasRenderingContext2D.prototype.arc;"
        " CanvasRenderingContext2D.prototype.arc = function (x, ...rest) { dots.add(x); arc.call(this, x, ...rest); }"
    )
    tab.goto(file.as_uri())
    plot = "document.querySelector('#w0 .widget').uplot"
    assert tab.evaluate(f"[{plot}.scales.y.min, {plot}.scales.y.max]") == [5, 100]
    assert tab.evaluate(f"[{plot}.series[1].scale, {plot}.series[2].scale, {plot}.scales.y2.max < 5]") == [
        "y",
        "y2",
        True,
    ]
    # Only points without a neighbour are dots: two of them, on one graph.
    assert tab.evaluate("dots.size") == 2
    # 40 is half of the way from 20 to 60; 30 and 50 are a quarter from each end.
    arcs = [arc.get_attribute("d") or "" for arc in tab.locator("#w1 .arc").all()]
    assert arcs[0].endswith(" 100.00 28.00")
    assert [arc.partition("A")[0] for arc in arcs[1:]] == ["M39.90 39.90", "M160.10 39.90"]
    assert tab.locator("#w2 .chosen").all_inner_texts() == ["00:03"]
    # The point of minute 2 is that of the two minutes from there.
    over = tab.locator("#w4 .u-over")
    box = over.bounding_box()
    assert box is not None
    over.hover(position={"x": box["width"] * 3.5 / 4, "y": box["height"] / 2})
    assert tab.get_by_role("tooltip").inner_text().split("\n")[-1] == "70"
    assert tab.locator("#alarms-on").text_content() == ""
    # The label of the highest line has room above it; that of the next one, which would hide it, is below its own.
    names = [mark.inner_text() for mark in tab.locator("#w5 .mark.low").all()]
    assert names == ["At 88"]
