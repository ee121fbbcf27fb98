from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stacks.iam_statements import EXERCISED, STATEMENTS, WITH_STATEMENTS, WITHOUT_STATEMENTS, every_statement
from tests.stacks.review_statements import SOURCE, TARGET

if TYPE_CHECKING:
    from tests.stacks.conftest import Synthesized

TABLES = STATEMENTS | {"ReviewsTarget": TARGET, "ReviewsSource": SOURCE}


def test_should_have_each_statement_in_the_table(synthesized: Synthesized, shape: str) -> None:
    found = [statement for statement, _ in every_statement(synthesized.template)]
    assert sorted(found) == sorted(STATEMENTS[shape])


def test_should_know_where_policies_can_be(synthesized: Synthesized) -> None:
    types = {resource["Type"] for resource in synthesized.template["Resources"].values()}
    assert types <= WITH_STATEMENTS | WITHOUT_STATEMENTS


@pytest.mark.parametrize("proofs", TABLES.values(), ids=TABLES)
def test_should_be_exercised_or_documented_by_aws(proofs: dict[object, str]) -> None:
    assert all(proof == EXERCISED or proof.startswith("https://docs.aws.amazon.com/") for proof in proofs.values())
    assert EXERCISED in proofs.values()
