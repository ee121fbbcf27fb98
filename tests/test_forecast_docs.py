"""The tables of docs/forecast.md, computed anew."""

from __future__ import annotations

from tests.forecast_document import DOCUMENT, with_tables


def test_should_be_documented_as_it_is() -> None:
    text = DOCUMENT.read_text()
    assert text == with_tables(text), "run python -m tests.forecast_document"
