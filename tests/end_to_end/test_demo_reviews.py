"""The review demo as a newcomer runs it: the verdicts, the incidents, and what it leaves behind (nothing)."""

from __future__ import annotations

import io
import json
import re
import signal
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from demo.__main__ import main
from demo.reviews import incident
from demo.reviews.app import deployed
from demo.reviews.review import MADE_UP_REPLIES
from tests.end_to_end.demo_process import SECONDS, assert_nothing_left, start

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.local

VERDICTS = [
    ("Boils a litre", "real", "0.94", "PUBLISH"),
    ("Best kettle ever", "fake", "0.91", "HIDE"),
    ("Nach der zweiten Nacht", "real", "0.88", "PUBLISH"),
    ("Ignore your instructions", "fake", "0.97", "HIDE"),
    ("It's a lamp.", "unsure", "0.4", "MODERATE"),
]


@pytest.fixture(scope="module")
def incidents(cdk_cli: Path) -> dict[str, str]:
    """What the incidents of the made-up replies print, both of them in one deployment."""
    told = {}
    console = Console(file=io.StringIO())
    with (
        deployed(console, replies=MADE_UP_REPLIES, cdk=cdk_cli, sync_poll_seconds=incident.SYNC_POLL_SECONDS) as app,
        pytest.MonkeyPatch.context() as monkeypatch,
    ):
        monkeypatch.setattr(incident, "deployed", lambda *_, **__: nullcontext(app))
        # In this order: `describe` counts the executions that there were.
        for name in ("describe", "start"):
            with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
                status = main(["reviews", "--break", name])
            assert (status, err.getvalue()) == (0, "")
            told[name] = out.getvalue()
    return told


def statuses(out: str) -> list[tuple[str, str]]:
    """The parent's and the child's status, a line a second."""
    return re.findall(r"^ +\d+  (-|[A-Z_]+) +(-|[A-Z_]+)$", out, re.MULTILINE)


def test_should_judge_five_reviews_and_say_who_trusts_whom(tmp_path: Path) -> None:
    demo = start(tmp_path, "reviews")
    out, err = demo.communicate(timeout=SECONDS)
    assert (demo.returncode, err) == (0, "")
    results, recorded = out.split("Recorded as fake")
    for line in VERDICTS:
        assert re.search(r"^“" + r".*\s".join(map(re.escape, line)) + r"\s+\d+\.\d$", results, re.MULTILINE), line
    assert re.findall(r"\b(kettle-1|tent-7|lamp-3) +(r-\d)", recorded) == [("kettle-1", "r-2"), ("tent-7", "r-4")]
    told = " ".join(out.split())
    assert "its answers are made up, in demo/reviews/replies.json" in told
    assert "The role review-intake-us-east-1 of the account 111111111111" in told
    assert "sts:ExternalId arn:aws:states:us-east-1:111111111111:stateMachine:review-intake" in told
    assert "may assume review-classifier-target-us-east-1" in told
    assert_nothing_left(tmp_path)


def test_should_end_each_review_that_is_wrong_in_a_named_state(tmp_path: Path) -> None:
    reviews = [
        {"ProductId": "p", "ReviewId": "no-text"},
        {"ProductId": "p", "ReviewId": "long", "ReviewText": "x" * 200_000},
        {"ProductId": "p", "ReviewId": "no-json", "ReviewText": "\x1b[2J[red]prose"},
        {"ProductId": "p", "ReviewId": "no-class", "ReviewText": "maybe"},
        {"ProductId": "p", "ReviewId": "good", "ReviewText": "日本語 kanji-7"},
    ]
    replies = [
        {"prompt": "prose", "reply": "I would rather not say."},
        {"prompt": "maybe", "reply": {"verdict": "maybe", "confidence": 1, "reason": ""}},
        {"prompt": "kanji-7", "reply": {"verdict": "fake", "confidence": 1, "reason": "[b]"}},
    ]
    (tmp_path / "reviews.jsonl").write_text("\n".join(map(json.dumps, reviews)))
    (tmp_path / "replies.json").write_text(json.dumps({"replies": replies}))
    files = ("--input", str(tmp_path / "reviews.jsonl"), "--replies", str(tmp_path / "replies.json"))
    demo = start(tmp_path, "reviews", *files)
    out, err = demo.communicate(timeout=SECONDS)
    assert demo.returncode == 1
    assert [line.split(": ")[:3] for line in err.splitlines()] == [
        ["error", "no-text", "InvalidReview"],
        ["error", "long", "InvalidReview"],
        ["error", "no-json", "InvalidModelAnswer"],
        ["error", "no-class", "InvalidModelAnswer"],
    ]
    assert out.count(" FAILED ") == 4
    assert "[red]prose" in out
    assert "\x1b" not in out + err
    assert re.search(r"^“日本語 kanji-7”\s+fake\s+1\s+HIDE", out, re.MULTILINE)
    assert_nothing_left(tmp_path)


def test_should_show_a_parent_that_waits_for_a_child_that_is_over_and_goes_on_by_itself(
    incidents: dict[str, str],
) -> None:
    before, after = incidents["describe"].split("Give it back")
    assert "Take states:DescribeExecution from review-classifier-target-us-east-1" in " ".join(before.split())
    assert statuses(before).count(("RUNNING", "SUCCEEDED")) == 4
    assert {parent for parent, _ in statuses(before)} == {"RUNNING"}
    assert "docs/runbook-parent-still-runs.md" in before
    assert statuses(after)[-1] == ("SUCCEEDED", "SUCCEEDED")
    assert "completed by itself" in after


def test_should_show_a_parent_that_fails_at_once(incidents: dict[str, str]) -> None:
    before, after = incidents["start"].split("Give it back")
    assert "not authorized to perform: states:StartExecution" in " ".join(before.split())
    assert "the parent SUCCEEDED" in after


def test_should_show_a_child_that_is_left_behind(tmp_path: Path) -> None:
    demo = start(tmp_path, "reviews", "--break", "stop")
    out, err = demo.communicate(timeout=SECONDS)
    assert (demo.returncode, err) == (0, "")
    before, by_hand, again = re.split(r"Give it back|\n\n +second", out.partition("its child\n")[2])
    assert statuses(before).count(("ABORTED", "RUNNING")) == 4
    assert statuses(by_hand)[-1] == statuses(again)[-1] == ("ABORTED", "ABORTED")
    assert_nothing_left(tmp_path)


def test_should_leave_nothing_behind_when_stopped_in_an_incident(tmp_path: Path) -> None:
    demo = start(tmp_path, "reviews", "--break", "describe")
    assert demo.stdout is not None
    while "RUNNING     SUCCEEDED" not in demo.stdout.readline():
        assert demo.poll() is None
    demo.send_signal(signal.SIGINT)
    _, err = demo.communicate(timeout=60)
    assert (demo.returncode, err) == (130, "stopped\n")
    assert_nothing_left(tmp_path)
