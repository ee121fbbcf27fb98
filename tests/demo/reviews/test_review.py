"""A file of reviews: what becomes an execution's input, and what is refused by its line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from constructs_lib.local.bedrock_replies import Replies
from demo.errors import UsageError
from demo.reviews.review import MADE_UP_REPLIES, MADE_UP_REVIEWS, MAX_INPUT_BYTES, read_reviews

if TYPE_CHECKING:
    from pathlib import Path

REVIEW = {"ProductId": "kettle-1", "ReviewId": "r-1", "ReviewText": "Gut, 良い"}


@pytest.mark.parametrize("ascii_only", [True, False])
def test_should_read_a_review_a_line(tmp_path: Path, ascii_only: bool) -> None:
    file = tmp_path / "reviews.jsonl"
    line = json.dumps(REVIEW, ensure_ascii=ascii_only)
    file.write_bytes(f"\ufeff{line}\r\n\n  \n{line}".encode())
    assert read_reviews(file) == [REVIEW, REVIEW]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a review", "isn't JSON"),
        ('{"ReviewText": "', "isn't JSON"),
        ('{"Stars": NaN}', "isn't JSON"),
        ('{"Stars": 1e999}', "isn't JSON"),
        ("[" * 100_000, "isn't JSON"),
        ('["a review"]', "isn't an object"),
        ("null", "isn't an object"),
        (json.dumps({"ReviewText": "x" * 300_000}), "300,018 bytes; an execution's input may have 262,144"),
    ],
    ids=lambda value: value[:20],
)
def test_should_refuse_what_cannot_be_an_input_by_its_line(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "reviews.jsonl"
    file.write_text(f"{json.dumps(REVIEW)}\n{line}\n")
    with pytest.raises(UsageError) as refused:
        read_reviews(file)
    message = str(refused.value)
    assert message.startswith(f"{file}:2: ")
    assert said in message
    assert "\n" not in message
    assert len(message) < 300


def test_should_take_a_review_of_just_the_size_that_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "reviews.jsonl"
    rest = len(json.dumps({"ReviewText": ""}))
    file.write_text(json.dumps({"ReviewText": "x" * (MAX_INPUT_BYTES - rest)}))
    assert len(read_reviews(file)) == 1
    file.write_text(json.dumps({"ReviewText": "x" * (MAX_INPUT_BYTES - rest + 1)}))
    with pytest.raises(UsageError, match="262,145 bytes"):
        read_reviews(file)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "no review in it"), (b" \n\n", "no review in it"), (b'{"a": "\xff"}', "byte 7 isn't UTF-8")],
)
def test_should_refuse_a_file_without_reviews(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "reviews.jsonl"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=f"--input {file}: .*{said}"):
        read_reviews(file)


def test_should_refuse_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        read_reviews(tmp_path)


def test_should_have_an_answer_of_its_own_for_each_made_up_review() -> None:
    replies = Replies.read(MADE_UP_REPLIES)
    answers = [replies.answer("any", json.dumps(review)) for review in read_reviews(MADE_UP_REVIEWS)]
    texts = [answer.text for answer in answers if answer is not None]
    assert len(set(texts)) == 5
    assert not any("no made-up answer" in str(text) for text in texts)
