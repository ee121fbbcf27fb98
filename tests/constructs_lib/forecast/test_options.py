"""`--compare`: the forecasts that its values make."""

from __future__ import annotations

import pytest

from constructs_lib.forecast.job import Child
from constructs_lib.forecast.options import MAX_COMPARED, compared


def test_should_make_one_forecast_of_nothing_to_compare() -> None:
    assert list(compared([])) == [{}]


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
