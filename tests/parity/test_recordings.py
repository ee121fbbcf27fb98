"""Recordings read, and prepared for the comparison; no server."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from parity import recordings
from parity.recordings import Case

STARTED = {"type": "ExecutionStarted", "id": 1, "executionStartedEventDetails": {"input": {}}}
SUCCEEDED = {"type": "ExecutionSucceeded", "id": 2, "executionSucceededEventDetails": {"output": {}}}
COMPARE = "def compare_history(expected, actual):\n    return {'l1': [], 'l2': True, 'l3': []}\n"


def case(
    *,
    name: str = "group/test.py::test_one",
    given: Any = None,
    recorded_input: Any = None,
    definition: dict[str, Any] | None = None,
    files: tuple[dict[str, Any], ...] = (),
    events: tuple[dict[str, Any], ...] = (SUCCEEDED,),
) -> Case:
    started = {**STARTED, "executionStartedEventDetails": {"input": recorded_input}}
    return Case(name, "STANDARD", definition or {}, given, files, (started, *events))


def test_should_read_a_folder(tmp_path: Path) -> None:
    line = {"id": "a/b", "type": "STANDARD", "definition": {}, "input": {}, "files": [], "recorded": [STARTED]}
    (tmp_path / "cases.jsonl").write_text(json.dumps(line) + "\n")
    assert recordings.load(tmp_path) is None, "without a comparison"

    (tmp_path / "compare.py").write_text(COMPARE)
    found = recordings.load(tmp_path)

    assert found is not None
    assert [(one.id, one.category, one.ends) for one in found.cases] == [("a/b", "a", False)]
    assert found.compare({}, {})["l2"] is True


def test_should_find_nothing_where_there_is_no_folder(tmp_path: Path) -> None:
    assert recordings.load(tmp_path / "nowhere") is None


@pytest.mark.parametrize(("name", "category"), [("base/test_a.py::b", "base"), ("test_api.py::C::d", "test_api")])
def test_should_take_the_category_from_the_id(name: str, category: str) -> None:
    assert case(name=name).category == category


def test_should_give_a_case_a_bucket_of_its_own_and_write_the_recorded_word_back() -> None:
    file = {"bucket": "shared", "key": "key", "body": {"a": 1}}
    one = case(given={"Bucket": "shared"}, recorded_input={"Bucket": "bucket-name"}, files=(file,))

    run = one.run(7, frozenset({"shared", "other"}))

    assert json.loads(run.input) == {"Bucket": "shared-7"}
    assert run.buckets == ("shared-7",)
    assert [(made.bucket, made.key, made.body) for made in run.objects] == [("shared-7", "key", b'{"a": 1}')]
    events = [{"details": {"output": '{"Bucket":"shared-7"}', "input": "shared-7"}}]
    assert run.in_recorded_words(events) == [
        {"details": {"output": '{"Bucket":"bucket-name"}', "input": "bucket-name"}}
    ]


def test_should_write_a_buckets_shared_name_back_where_the_recording_has_it() -> None:
    one = case(given={}, recorded_input={}, definition={"Bucket": "shared"})

    run = one.run(7, frozenset({"shared"}))

    assert json.loads(run.definition) == {"Bucket": "shared-7"}
    assert run.in_recorded_words([{"bucket": "shared-7"}]) == [{"bucket": "shared"}]


@pytest.mark.parametrize("token", ["<bucket>", "timestamp", "name-<id>"])
def test_should_leave_to_the_comparison_what_it_knows_as_a_token(token: str) -> None:
    run = case(given={"a": "given"}, recorded_input={"a": token}).run(1, frozenset())

    assert run.in_recorded_words([{"a": "given"}]) == [{"a": "given"}]


def test_should_count_the_days_of_the_boundary_from_now() -> None:
    one = case(name="base/test.py::test_too_far_in_future_boundary[24856]", given={"start_at": "2000-01-01T00:00:00Z"})

    start_at = datetime.fromisoformat(json.loads(one.run(1, frozenset()).input)["start_at"])

    assert abs(start_at - datetime.now(UTC) - timedelta(days=24_856)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("body", "content"), [("text", b"text"), ("", b""), ([1], b"[1]"), ("bytearray(b'\\x00a')", b"\x00a")]
)
def test_should_read_an_objects_body(body: Any, content: bytes) -> None:
    one = case(given={}, files=({"bucket": "shared", "key": "key", "body": body},))

    (made,) = one.run(1, frozenset({"shared"})).objects

    assert made.body == content


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ("start-time", "<start-time>"),
        ('"date"', '"<date>"'),
        ("no-such-queue-73e08fde: unknown", "no-such-queue-<id>: unknown"),
        ("a date", "a date"),
        ("73e08fde", "73e08fde"),
    ],
)
def test_should_make_tokens_of_the_other_words(recorded: str, expected: str) -> None:
    event = {"type": "PassStateExited", "stateExitedEventDetails": {"name": [recorded]}}

    _, found = case(events=(event,)).expected()

    assert found["stateExitedEventDetails"] == {"name": [expected]}


def test_should_take_a_recorded_number_for_the_text_that_it_was() -> None:
    event = {"type": "PassStateExited", "id": 3, "stateExitedEventDetails": {"output": 1, "input": "1", "length": 1}}

    _, found = case(events=(event,)).expected()

    assert found == {**event, "stateExitedEventDetails": {"output": "1", "input": "1", "length": 1}}
