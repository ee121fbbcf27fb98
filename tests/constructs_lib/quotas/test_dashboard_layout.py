from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.constructs_lib.quotas.dashboards import graphs_of, rows_of
from tests.metric_names import lines_of

if TYPE_CHECKING:
    from tests.cdk import JsonObject

COLOURS = {
    "Used": "#0072B2",
    "Of the limit": "#0072B2",
    "Started": "#0072B2",
    "Refill": "#7F7F7F",
    "Limit": "#7F7F7F",
    "Burst (bucket)": "#B8B8B8",
    "Throttled": "#D55E00",
    "Waiting": "#E69F00",
    "Succeeded": "#009E73",
    "Failed": "#CC79A7",
    "Timed out": "#882255",
    "Aborted": "#56B4E9",
    "p50": "#B79FD9",
    "p99": "#7B4FB5",
}


def test_should_fill_the_grid_without_an_overlap(body: JsonObject) -> None:
    bottom = 0
    for row in rows_of(body):
        (height,) = {widget["height"] for widget in row}
        assert {widget["y"] for widget in row} == {bottom}
        assert [widget["x"] for widget in row] == [
            sum(each["width"] for each in row[:place]) for place in range(len(row))
        ]
        assert sum(widget["width"] for widget in row) == 24
        if len(row) > 1:
            assert row[0]["type"] == "text"
            assert row[0]["width"] == 6
        bottom += height


def test_should_run_out_of_widgets_before_it_runs_out_of_metrics(body: JsonObject) -> None:
    # CloudWatch takes 500 widgets, 500 metrics in one and 2,500 in all; only the widgets are counted at construction.
    counts = [len(widget["properties"].get("metrics", ())) for widget in body["widgets"]]
    assert sum(counts) <= 5 * len(counts)
    assert max(counts) <= len(counts)


def test_should_have_short_titles_each_once_in_a_row(body: JsonObject) -> None:
    for row in rows_of(body):
        titles = [widget["properties"]["title"] for widget in row if widget["type"] != "text"]
        assert len(titles) == len(set(titles))
        assert all(len(title) <= 30 for title in titles)


def test_should_say_what_each_row_means_what_to_do_and_where_to_read_on(body: JsonObject) -> None:
    texts = [widget["properties"]["markdown"] for widget in body["widgets"] if widget["type"] == "text"]
    for text in texts:
        if text.startswith("## "):
            continue  # a source's heading
        title, meaning, action, links = text.split("\n\n")
        assert title.startswith("### ")
        assert len(meaning) <= 300
        assert re.fullmatch(r"\*\*Do:\*\* .{10,200}\.", action)
        assert re.search(r"\[[^]]+\]\(https://docs\.aws\.amazon\.com/\S+\)", links)
    assert len(texts) == len([row for row in rows_of(body) if row[0]["type"] == "text"])


def test_should_draw_a_point_a_minute_whatever_time_is_shown(body: JsonObject) -> None:
    assert (body["start"], body["periodOverride"]) == ("-PT3H", "inherit")
    for widget in body["widgets"]:
        if widget["type"] == "metric":
            assert widget["properties"]["period"] == 60
            assert {line.options["period"] for line in lines_of(widget)} == {60}


def test_should_name_the_unit_of_each_graph_and_start_at_0(body: JsonObject) -> None:
    units = {"Per second", "Per minute", "Count", "Percent", "Milliseconds"}
    for widget in graphs_of(body):
        left = widget["properties"]["yAxis"]["left"]
        assert left["label"] in units
        assert left["min"] == 0
        assert not any(line.options.get("yAxis") == "right" for line in lines_of(widget))


def test_should_define_each_id_of_an_expression_once_and_use_it(body: JsonObject) -> None:
    for widget in body["widgets"]:
        lines = lines_of(widget)
        ids = [line.options["id"] for line in lines if "id" in line.options]
        used = {
            name
            for line in lines
            if line.expression is not None and "SEARCH" not in line.expression
            for name in re.findall(r"\b[a-z]\w*", line.expression)
        }
        assert len(ids) == len(set(ids))
        assert set(ids) == used
        # What has an id feeds an expression and isn't drawn itself.
        assert all(line.visible == ("id" not in line.options) for line in lines)


def test_should_not_draw_a_sum_of_a_minute_beside_a_rate(body: JsonObject) -> None:
    for widget in graphs_of(body):
        per_second = widget["properties"]["yAxis"]["left"]["label"] == "Per second"
        for line in lines_of(widget):
            if line.metric is not None and line.visible and per_second:
                assert line.metric.statistic == "Maximum"
            if line.metric is not None and line.metric.name == "ConsumedCapacity":
                assert not line.visible
        if per_second:
            (expression,) = (line.expression for line in lines_of(widget) if line.expression is not None)
            assert expression == "FILL(used,0)/PERIOD(used)"


def test_should_give_each_colour_one_meaning(body: JsonObject) -> None:
    found = {
        (line.options["label"], line.options["color"])
        for widget in graphs_of(body)
        for line in lines_of(widget)
        if line.visible
    }
    assert found <= set(COLOURS.items())
