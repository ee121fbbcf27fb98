"""The file of canned replies: which entry answers, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.local.bedrock_replies import Replies, prompt_of
from constructs_lib.local.errors import UsageError


def read(tmp_path: Path, *entries: Any) -> Replies:
    file = tmp_path / "replies.json"
    file.write_text(json.dumps({"replies": list(entries)}))
    return Replies.read(file)


def text(replies: Replies, model: str, prompt: str) -> str | None:
    found = replies.answer(model, prompt)
    return None if found is None else found.text


def test_should_answer_by_model_and_prompt_with_the_first_that_fits(tmp_path: Path) -> None:
    replies = read(
        tmp_path,
        {"model": "anthropic.*", "prompt": "(?i)refund", "reply": "claude on refunds"},
        {"model": "anthropic.*", "reply": "claude"},
        {"prompt": "first.*second", "reply": "over lines"},
    )

    assert text(replies, "anthropic.claude-3", "a REFUND, please") == "claude on refunds"
    assert text(replies, "anthropic.claude-3", "hello") == "claude"
    assert text(replies, "amazon.nova-lite-v1:0", "first\nsecond") == "over lines"
    assert replies.answer("amazon.nova-lite-v1:0", "hello") is None


def test_should_write_a_reply_that_is_no_text_as_json(tmp_path: Path) -> None:
    replies = read(tmp_path, {"reply": {"verdict": "real", "words": ["schön"]}})

    assert text(replies, "any", "") == '{"verdict": "real", "words": ["schön"]}'


def test_should_pass_an_entry_over_once_it_has_answered_its_times(tmp_path: Path) -> None:
    replies = read(tmp_path, {"error": "ThrottlingException", "message": "slow down", "times": 2}, {"reply": "fine"})

    answers = [replies.answer("any", "prompt") for _ in range(3)]

    assert [found and (found.error, found.text) for found in answers] == [
        ("ThrottlingException", None),
        ("ThrottlingException", None),
        (None, "fine"),
    ]


@pytest.mark.parametrize(
    ("body", "prompt"),
    [
        ({"system": "be kind", "messages": [{"role": "user", "content": "hello"}]}, "be kind\nhello"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]}, "hello"),
        ({"system": [{"text": "be kind"}], "messages": [{"content": [{"text": "a"}, {"text": "b"}]}]}, "be kind\na\nb"),
        ({"inputText": "titan"}, "titan"),
        ({"prompt": "llama", "max_gen_len": 5}, "llama"),
        ([1, None], ""),
    ],
)
def test_should_find_the_prompt_in_any_familys_body(body: Any, prompt: str) -> None:
    assert prompt_of(body) == prompt


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("hello", "replies[0] is 'hello'. Allowed: an object"),
        ({"reply": "a", "promt": "b"}, "has the field 'promt'. Allowed: error, message, model"),
        ({"prompt": "b"}, "needs either a reply or an error"),
        ({"reply": "a", "error": "ThrottlingException"}, "needs either a reply or an error"),
        ({"error": "Throttling"}, "replies[0].error is 'Throttling'. Allowed: AccessDeniedException"),
        ({"reply": "a", "message": "b"}, "has a message without an error"),
        ({"reply": "a", "times": 0}, "times is 0. Allowed: a whole number, 1 or more"),
        ({"reply": "a", "times": True}, "times is True"),
        ({"reply": "a", "model": 3}, "model is 3. Allowed: text"),
        ({"reply": "a", "prompt": "("}, "prompt '(' isn't a regular expression"),
    ],
)
def test_should_refuse_a_wrong_entry(tmp_path: Path, entry: Any, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(tmp_path, entry)

    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't be read: No such file"),
        ("{", "aren't JSON"),
        ("[]", "must be an object with one field"),
        ('{"replies": {}}', "must be an object with one field"),
        ('{"replies": [], "default": "x"}', "must be an object with one field"),
    ],
)
def test_should_refuse_a_wrong_file(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "replies.json"
    if content is not None:
        file.write_text(content)

    with pytest.raises(UsageError) as raised:
        Replies.read(file)

    assert message in str(raised.value)
    assert str(file) in str(raised.value)
