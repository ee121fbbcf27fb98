"""`--compare`: the forecasts that its values make."""

from __future__ import annotations

import pytest

from constructs_lib.forecast.job import Child
from constructs_lib.forecast.options import MAX_COMPARED, OPTIONS, compared


def test_should_make_one_forecast_of_nothing_to_compare() -> None:
    assert list(compared([])) == [{}]


@pytest.mark.parametrize("text", ["٣", "1_000", "1e3", "", "+-1"])
def test_should_read_whole_numbers_of_ascii_digits_only(text: str) -> None:
    assert OPTIONS["objects"].read("3000") == 3_000
    with pytest.raises(ValueError, match=r"^a whole number from 1 to 100,000,000$"):
        OPTIONS["objects"].read(text)


@pytest.mark.parametrize("text", ["٣", "1_000.5", "", "1,5"])
def test_should_read_numbers_of_ascii_digits_only(text: str) -> None:
    assert OPTIONS["batch_seconds"].read("1e-1") == 0.1
    with pytest.raises(ValueError, match=r"^a number$"):
        OPTIONS["batch_seconds"].read(text)


def test_should_take_each_value_once_in_the_order_given() -> None:
    assert list(compared(["batch-size=500, 50,500", "child=Standard"])) == [
        {"batch_size": 500, "child": Child.STANDARD},
        {"batch_size": 50, "child": Child.STANDARD},
    ]


def test_should_count_the_forecasts_of_all_keys_together() -> None:
    values = ",".join(map(str, range(1, MAX_COMPARED // 2 + 1)))
    assert len(list(compared([f"objects={values}", "child=express,standard"]))) == MAX_COMPARED
    with pytest.raises(ValueError, match=r"^--compare asks for 75 forecasts; allowed: 50 at most\. Leave some"):
        list(compared([f"objects={values}", "batch-size=1,2,3"]))
