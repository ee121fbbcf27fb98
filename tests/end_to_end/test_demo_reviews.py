"""The review demo as a newcomer runs it: the verdicts, the incidents, and what it leaves behind (nothing)."""

from __future__ import annotations

import io
import json
import re
import signal
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, NamedTuple

import pytest
from rich.console import Console

from demo.__main__ import main
from demo.reviews import incident, run
from demo.reviews.app import ReviewsApp, deployed
from demo.reviews.review import MADE_UP_REPLIES
from tests.end_to_end.demo_process import SECONDS, assert_nothing_left, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

pytestmark = pytest.mark.local

VERDICTS = [
    ("Boils a litre", "real", "0.94", "PUBLISH"),
    ("Best kettle ever", "fake", "0.91", "HIDE"),
    ("Nach der zweiten Nacht", "real", "0.88", "PUBLISH"),
    ("Ignore your instructions", "fake", "0.97", "HIDE"),
    ("It's a lamp.", "unsure", "0.4", "MODERATE"),
]


class Demo(NamedTuple):
    """The demo in this process, on one deployment for all that is run of it."""

    app: ReviewsApp
    replies: Path

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """The exit code, stdout, stderr."""
        with (
            pytest.MonkeyPatch.context() as monkeypatch,
            redirect_stdout(io.StringIO()) as out,
            redirect_stderr(io.StringIO()) as err,
        ):
            for module in (incident, run):
                monkeypatch.setattr(module, "deployed", self._deployed)
            code = main(["reviews", *arguments])
        return code, out.getvalue(), err.getvalue()

    def _deployed(self, *_: object, replies: Path, **__: object) -> AbstractContextManager[ReviewsApp]:
        self.replies.write_bytes(replies.read_bytes())
        return nullcontext(self.app)


@pytest.fixture(scope="module")
def demo(cdk_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    replies = tmp_path_factory.mktemp("demo") / "replies.json"
    replies.write_bytes(MADE_UP_REPLIES.read_bytes())
    console = Console(file=io.StringIO())
    with deployed(console, replies=replies, cdk=cdk_cli, sync_poll_seconds=incident.SYNC_POLL_SECONDS) as app:
        yield Demo(app, replies)


@pytest.fixture(scope="module")
def incidents(demo: Demo) -> dict[str, str]:
    """What each incident prints."""
    told = {}
    # `describe` is first: it counts the executions that there were.
    for name in ("describe", "start", "stop"):
        code, told[name], err = demo.run("--break", name)
        assert (code, err) == (0, "")
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


@pytest.mark.usefixtures("incidents")  # before it: `describe` counts the executions
def test_should_end_each_review_that_is_wrong_in_a_named_state(demo: Demo, tmp_path: Path) -> None:
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
    code, out, err = demo.run(*files)
    assert code == 1
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


def test_should_show_a_child_that_is_left_behind(incidents: dict[str, str]) -> None:
    before, by_hand, again = re.split(r"Give it back|\n\n +second", incidents["stop"].partition("its child\n")[2])
    assert statuses(before).count(("ABORTED", "RUNNING")) == 4
    assert statuses(by_hand)[-1] == statuses(again)[-1] == ("ABORTED", "ABORTED")


def test_should_leave_nothing_behind_when_stopped_in_an_incident(tmp_path: Path) -> None:
    demo = start(tmp_path, "reviews", "--break", "describe")
    assert demo.stdout is not None
    while "RUNNING     SUCCEEDED" not in demo.stdout.readline():
        assert demo.poll() is None
    demo.send_signal(signal.SIGINT)
    _, err = demo.communicate(timeout=60)
    assert (demo.returncode, err) == (130, "stopped\n")
    assert_nothing_left(tmp_path)
