"""Series as text: promtool's notation, read and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_lib.testing.series_notation import MOST_MINUTES, compact, expand


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("", []),
        ("12", [12]),
        ("0x5", [0] * 6),
        ("3+2x4", [3, 5, 7, 9, 11]),
        ("3-2x2", [3, 1, -1]),
        ("-3--2x1", None),
        ("-2+4x3", [-2, 2, 6, 10]),
        ("1x0", [1]),
        ("_ _x2", [None] * 3),
        ("0x2  12\n_", [0, 0, 0, 12, None]),
        (".5 2. 1e3 1.5e-1", [0.5, 2, 1000, 0.15]),
        ("1e2+1e1x2", [100, 110, 120]),
    ],
)
def test_should_expand_as_promtool_does(text: str, points: list[float | None] | None) -> None:
    if points is None:
        with pytest.raises(ValueError, match="isn't a part of a series"):
            expand(text)
    else:
        assert expand(text) == points


@pytest.mark.parametrize(
    "text", ["1,2", "x5", "1x", "1 x5", "1+x5", "1+2", "__", "_5", "nan", "Inf", "stale", "1x-2", "٣", "0X5"]
)
def test_should_refuse_what_is_no_series(text: str) -> None:
    with pytest.raises(ValueError, match=r"isn't a part of a series; allowed: points with a space between them: 12, _"):
        expand(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0x99999999999", "longer than two weeks; allowed: 20,160 points"),
        ("0x9 _x20151", "longer than two weeks"),
        ("1e999", "a point that is too large"),
        ("1e308+1e308x3", "a point that is too large"),
    ],
)
def test_should_refuse_what_is_too_much(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        expand(text)


@pytest.mark.parametrize(
    ("points", "text"),
    [
        ([], ""),
        ([0, 0, 0, 0, 0, 0, 12, None, None, 3, 5, 7, 9, 11], "0x5 12 _x2 3+2x4"),
        ([1, 2], "1 2"),
        ([3, 2, 1, 1, 1], "3-1x2 1x1"),
        ([None], "_"),
        ([0.1, 0.2, 0.30000000000000004], "0.1+0.1x2"),
        ([0.1, 0.2, 0.3], "0.1 0.2 0.3"),
        ([1e300], "1e+300"),
        ([48000] * 1440, "48000x1439"),
    ],
)
def test_should_write_the_short_form(points: list[float | None], text: str) -> None:
    assert compact(points) == text


@given(
    st.lists(st.none() | st.integers(-3, 3).map(float) | st.floats(allow_nan=False, allow_infinity=False), max_size=60)
)
def test_should_read_back_what_it_wrote(points: list[float | None]) -> None:
    assert expand(compact(points)) == points


@given(st.text(alphabet="0123456789.+-eExX_ \n", max_size=30))
def test_should_fail_on_no_text_but_by_its_own_error(text: str) -> None:
    try:
        points = expand(text)
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = ""
        assert len(points) <= MOST_MINUTES
    assert "\n" not in refusal
