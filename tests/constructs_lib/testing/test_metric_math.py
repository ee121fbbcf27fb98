"""Metric math: the documentation's examples, what is missing, what is refused, and text that is no expression.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_lib.testing import Readings
from constructs_lib.testing.metric_functions import FUNCTIONS, Kind, MetricMathError, Range
from constructs_lib.testing.metric_math import Expression
from constructs_lib.testing.series_notation import expand

M1, M2, M3 = "30 20 0 0 _", "20 _ 20 _ _", "_ 2 _ 6 _"


def evaluate(
    expression: str, *series: str, readings: Readings | None = None, period: int = 60, ids: str = "m1 m2 m3"
) -> Any:
    points = [expand(each) for each in series or (M1, M2, M3)]
    names = ids.split()[: len(points)]
    parsed = Expression.parse(expression, metrics=names, readings=readings)
    return parsed.evaluate(Range(dict(zip(names, points, strict=True)), len(points[0]), period))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # The documentation's table of comparison and logical operators.
        ("m1 < m2", "0 0 1 0 _"),
        ("m1 >= 30", "1 0 0 0 _"),
        ("m1 > 15 AND m2 > 15", "1 0 0 0 _"),
        ("m1 > 15 && m2 > 15", "1 0 0 0 _"),
        ("m1 > 25 OR m2 > 15", "1 0 1 0 _"),
        ("m1 > 25 || m2 > 15", "1 0 1 0 _"),
        ("m1 == 0", "0 0 1 1 _"),
        ("m1 != 0", "1 1 0 0 _"),
        ("m1 <= 20", "0 1 1 1 _"),
        # "Missing values in a time series are treated as 0 … divide by zero, the data point is dropped."
        ("m1 + m2", "50 20 20 0 _"),
        ("m2 - m1", "-10 -20 20 0 _"),
        ("m1 * m2", "600 0 0 0 _"),
        ("m1 / m2", "1.5 _ 0 _ _"),
        ("m2 / m1", "0.6666666666666666 0 _ _ _"),
        ("5 * m1", "150 100 0 0 _"),
        ("1 / m1", "0.03333333333333333 0.05 _ _ _"),
        ("-m1 + 1", "-29 -19 1 1 _"),
        ("--m1", "30 20 0 0 _"),
        ("m3 ^ 2", "_ 4 _ 36 _"),
        ("-m3 ^ 2", "_ -4 _ -36 _"),
        ("m3 ^ -1", "_ 0.5 _ 0.16666666666666666 _"),
        ("m3 ^ --1", "_ 2 _ 6 _"),
        ("(0 - m3) ^ 0.5", "_x5"),
        ("2 + 3 * m3", "_ 8 _ 20 _"),
        ("(2 + 3) * m3", "_ 10 _ 30 _"),
        ("m1 + 1 > m1 AND 1 < 2", "1 1 1 1 _"),
        ("m1 * 1e308 * 1e308", "_ _ 0 0 _"),
        ("m1/PERIOD(m1)", "0.5 0.3333333333333333 0 0 _"),
        ("FILL(m3, 0)", "0 2 0 6 0"),
        ("FILL(m3, m1)", "30 2 0 6 _"),
        ("FILL(m3, MIN(m3))", "2 2 2 6 2"),
        ("FILL(m3, REPEAT)", "_ 2 2 6 6"),
        ("FILL(m3, LINEAR)", "_ 2 4 6 _"),
        ("DIFF(m1)", "_ -10 -20 0 _"),
        ("DIFF(m3)", "_x3 4 _"),
        ("DIFF_TIME(m3)", "_x3 120 _"),
        ("RATE(m3)", "_x3 0.03333333333333333 _"),
        ("RUNNING_SUM(m1)", "30 50 50 50 _"),
        ("RUNNING_SUM(m3)", "_ 2 _ 8 _"),
        ("ABS(0-m3)", "_ 2 _ 6 _"),
        ("CEIL(m1/7) + FLOOR(m1/7)", "9 5 0 0 _"),
        ("LOG10(m1*5-50)", "2 1.6989700043360187 _ _ _"),
        ("LOG(m3/m3)", "_ 0 _ 0 _"),
        ("m1-AVG(m1)", "17.5 7.5 -12.5 -12.5 _"),
        ("m1-MAX(m1)", "0 -10 -30 -30 _"),
        ("m1*SUM(m2)", "1200 800 0 0 _"),
        ("m1*STDDEV(m2)", "0 0 0 0 _"),
        ("TIME_SERIES(DATAPOINT_COUNT(m1))", "4x4"),
        ("m1 - AVG(m3/0)", "_x5"),
        ("SUM([m1, m2, m3])", "50 22 20 6 _"),
        ("AVG([m1, m2])", "25 10 10 0 _"),
        ("MAX([m1, m2])", "30 20 20 0 _"),
        ("MIN(METRICS())", "20 2 0 0 _"),
        ("SUM(METRICS('1'))", "30 20 0 0 _"),
        ("SUM(100/[m1, m2])", "8.333333333333334 5 5 _ _"),
        ("AVG([m1, m2]/m3)", "_ 5 _ 0 _"),
        ("SUM(-[m1, m2])", "-50 -20 -20 0 _"),
        ("SUM(FILL(METRICS(), 1))", "51 23 21 7 3"),
        ("SUM(DIFF([m1, m3]))", "_ -10 -20 4 _"),
        ("FIRST([m2, m1]) + 0*LAST([m2, m1])", "20 0 20 0 _"),
        ("m3/METRIC_COUNT(METRICS())", "_ 0.6666666666666666 _ 2 _"),
        ("TIME_SERIES(5)", "5x4"),
        ("IF(m1 > 10, m1)", "30 20 _ _ _"),
        ("IF(m1 > 10, 1, 2)", "1 1 2 2 _"),
        ("IF(2 > 1, m2, m1)", "20 _ 20 _ _"),
        ("IF(1 > 2, m2, m1)", M1),
        ("IF(1 > 2, m2)", "_x5"),
        ("IF(1 > 2, m2, 7)", "7x4"),
        ("m1 + IF(1, 2, 3)", "32 22 2 2 _"),
        ("IF(m1 - 30, m1, 1)", "1 20 0 0 _"),
    ],
)
def test_should_evaluate(expression: str, expected: str) -> None:
    assert evaluate(expression) == pytest.approx(expand(expected))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("IF(m1, m2, m3)", "30 0 20 _ _"),
        ("IF(m1, 5, m3)", "5 5 20 _ _"),
        ("IF(m1, m2, 5)", "30 0 5 5 _"),
    ],
)
def test_should_follow_the_documented_tables_of_if(expression: str, expected: str) -> None:
    assert evaluate(expression, "1 1 0 0 _", "30 _ 0 0 30", "0 0 20 _ 20") == expand(expected)


def test_should_be_blind_for_a_sparse_limit_unless_it_is_repeated() -> None:
    used, limit = "600 600 _ 600", "_ 1000 _ _"
    assert evaluate("100*m1/m2", used, limit) == expand("_ 60 _ _")
    assert evaluate("100*FILL(m1,0)/FILL(m2,REPEAT)", used, limit) == expand("_ 60 0 60")


@pytest.mark.parametrize("expression", ["FILL(m1, 0)", "FILL(m1, REPEAT)", "FILL(m1, LINEAR)"])
def test_should_not_fill_a_series_without_any_point_unless_it_is_read_so(expression: str) -> None:
    assert evaluate(expression, "_x4") == expand("_x4")
    filled = evaluate(expression, "_x4", readings=Readings(fill_empty=True))
    assert filled == expand("0x3" if expression == "FILL(m1, 0)" else "_x4")


def test_should_take_missing_points_for_none_in_arithmetic_when_it_is_read_so() -> None:
    readings = Readings(missing_is_zero=False)
    assert evaluate("m1 + m2", readings=readings) == expand("50 _ 20 _ _")
    assert evaluate("m2 ^ m1", "2 _", "3 3", readings=readings) == expand("9 _")
    assert evaluate("m1 < m2", readings=readings) == expand("0 0 1 0 _"), "of comparisons it is documented"


def test_should_use_the_period_of_the_range() -> None:
    assert evaluate("RATE(m1)*PERIOD(m1)", "1 4 _ 10", period=300) == pytest.approx(expand("_ 3 _ 3"))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "unexpected the end at character 1"),
        ("m1 +", "unexpected the end at character 5"),
        ("m1 m2", "unexpected 'm2' at character 4"),
        ("m1 = 2", "unexpected '=' at character 4"),
        ("m1 < m2 < m3", "unexpected '<' at character 9"),
        ("(m1", "unexpected the end at character 4"),
        ("m1)", "unexpected ')' at character 3"),
        ("m1; m2", "unexpected ';' at character 3"),
        ("m1 and m2", "unexpected 'and' at character 4"),
        ("m4 + 1", "'m4' at character 1 is unknown; allowed: the ids m1, m2, m3"),
        ("SELECT SUM(x) FROM y", "'SELECT' at character 1 is unknown"),
        ("2 ^ 3 ^ m1", "one ^ follows another; fix: put parentheses"),
        ("NOPE(m1)", "the function 'NOPE' is unknown; allowed: ABS, AVG, CEIL"),
        ("sum(m1)", "the function 'sum' is unknown"),
        ("SEARCH('{AWS/States}', 'Sum', 60)", "SEARCH can't be evaluated here: an alarm takes no SEARCH"),
        ("ANOMALY_DETECTION_BAND(m1)", "the model behind it is CloudWatch's; allowed: a static threshold"),
        ("SERVICE_QUOTA(m1)", "the quota is the account's"),
        ("IF(HOUR(m1) > 8, m1)", "HOUR can't be evaluated here: a scenario has minutes"),
        ("FIRST(SORT(METRICS(), AVG, DESC))", "SORT can't be evaluated here: AWS advises against it"),
        ("FILL(m1)", "FILL has 1 arguments; allowed: 2"),
        ("IF(m1)", "IF has 1 arguments; allowed: 2 or 3"),
        ("ABS(REPEAT)", "ABS has the word REPEAT or LINEAR; allowed: in FILL only"),
        ("FILL(REPEAT, m1)", "FILL is given REPEAT as what to fill"),
        ("FILL(3, 0)", "FILL is given a number; allowed: a time series or several time series"),
        ("FILL(m1, [m2, m3])", "FILL is given several time series; allowed: a number or a time series"),
        ("PERIOD(m1 + 1)", "PERIOD is given an expression; allowed: the id of a metric"),
        ("ABS(-3)", "ABS is given a number"),
        ("IF([m1, m2], m1)", "IF is given several time series"),
        ("TIME_SERIES(m1)", "TIME_SERIES is given a time series; allowed: a number"),
        ("[m1, 2]", "[…] holds a number; allowed: time series"),
        ("[m1, m2] + [m1, m3]", "an operator stands between two arrays"),
        ("SUM(METRICS('x'))", "no metric has 'x' in its id; allowed: a part of m1, m2, m3"),
        ("(" * 50 + "m1" + ")" * 50, "nested more than 40 deep"),
        ("m1 + " * 500 + "m1", "it has 2,502 characters; allowed: 2,048"),
    ],
)
def test_should_refuse_in_one_line(expression: str, message: str) -> None:
    with pytest.raises(MetricMathError) as refusal:
        Expression.parse(expression, metrics=["m1", "m2", "m3"])
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@given(st.text(alphabet="m123 .e+-*/^()[],<>=!&|\"'xFILAVGTSUMPERODW_;π²", max_size=60))
def test_should_fail_on_no_text_but_by_its_own_error(text: str) -> None:
    with suppress(MetricMathError):
        parsed = Expression.parse(text, metrics=["m1", "m2"])
        parsed.evaluate(Range({"m1": [1.0, None], "m2": [None, 0.0]}, 2, 60))


POINTS = st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=4, max_size=4)
OPERANDS = st.sampled_from(["m1", "m2", "3", "0.5", "0", "FILL(m1,0)", "FILL(m2,REPEAT)", "DIFF(m1)", "AVG(m2)"])
OPERATORS = ["+", "-", "*", "/", "^", "<", ">=", "==", "AND", "OR"]
EXPRESSIONS = st.recursive(
    OPERANDS,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(OPERATORS), inner)
        | st.builds("-{}".format, inner)
        | st.builds("IF({}, {}, {})".format, inner, inner, inner)
    ),
    max_leaves=8,
)


@given(EXPRESSIONS, POINTS, POINTS)
def test_should_yield_a_number_or_none_for_each_point(expression: str, m1: list[Any], m2: list[Any]) -> None:
    parsed = Expression.parse(expression, metrics=["m1", "m2"])
    result = parsed.evaluate(Range({"m1": m1, "m2": m2}, 4, 60))
    points = result if parsed.kind is Kind.SERIES else [result]
    assert len(points) == (4 if parsed.kind is Kind.SERIES else 1)
    assert all(point is None or math.isfinite(point) for point in points)


@given(POINTS)
def test_should_leave_what_it_is_given_as_it_is(points: list[Any]) -> None:
    before = list(points)
    for name in sorted(FUNCTIONS.keys() - {"IF", "FIRST", "LAST", "METRIC_COUNT", "TIME_SERIES"}):
        Expression.parse(f"{name}(m1)", metrics=["m1"]).evaluate(Range({"m1": points}, 4, 60))
    for filler in ("0", "REPEAT", "LINEAR", "m1"):
        filled = Expression.parse(f"FILL(m1, {filler})", metrics=["m1"]).evaluate(Range({"m1": points}, 4, 60))
        assert [new for new, old in zip(filled, before, strict=True) if old is not None] == [
            old for old in before if old is not None
        ]
    assert points == before
