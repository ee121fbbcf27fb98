"""The rows of the documentation's table."""

import pytest

from parity import shortfalls

DOCUMENT = """# The local cloud

| `not/this` | is | another table |

## What AWS does and this doesn't

| case | AWS | here |
|---|---|---|
| `a/b.py::C::d[X]` | one | two |
| `e` | three | four |

## More

| `nor/this` | one | two |
"""


def test_should_read_the_first_column_of_the_sections_table() -> None:
    assert shortfalls.documented(DOCUMENT) == ["a/b.py::C::d[X]", "e"]


def test_should_ask_for_the_section() -> None:
    with pytest.raises(ValueError, match=r"^The section .* is missing\."):
        shortfalls.documented(DOCUMENT.replace("this doesn't", "that"))


def test_should_refuse_two_rows_for_a_case() -> None:
    with pytest.raises(ValueError, match=r"two rows: e\. Fix"):
        shortfalls.documented(DOCUMENT.replace("| `a/b.py::C::d[X]`", "| `e`"))


def test_should_read_the_projects_own_document() -> None:
    assert all("::" in name for name in shortfalls.read())
