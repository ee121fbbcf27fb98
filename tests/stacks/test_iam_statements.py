from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.stacks.iam_statements import EXERCISED, STATEMENTS, every_statement

if TYPE_CHECKING:
    from tests.stacks.conftest import Synthesized

# Resource types whose policies `every_statement` reads, and those that carry none.
WITH_STATEMENTS = {
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
}
WITHOUT_STATEMENTS = {
    "AWS::CloudWatch::Alarm",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::Scheduler::Schedule",
    "AWS::StepFunctions::StateMachine",
    "Custom::S3AutoDeleteObjects",
}


def test_should_have_each_statement_in_the_table(synthesized: Synthesized, shape: str) -> None:
    found = Counter(statement for statement, _ in every_statement(synthesized.template))
    assert sorted(found) == sorted(STATEMENTS[shape])
    assert set(found.values()) == {1}


def test_should_know_where_policies_can_be(synthesized: Synthesized) -> None:
    types = {resource["Type"] for resource in synthesized.template["Resources"].values()}
    assert types <= WITH_STATEMENTS | WITHOUT_STATEMENTS


@pytest.mark.parametrize("proofs", STATEMENTS.values(), ids=STATEMENTS)
def test_should_be_exercised_or_documented_by_aws(proofs: dict[object, str]) -> None:
    assert all(proof == EXERCISED or proof.startswith("https://docs.aws.amazon.com/") for proof in proofs.values())
    assert EXERCISED in proofs.values()
