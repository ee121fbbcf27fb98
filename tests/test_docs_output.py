"""What the pages show as the output of a command is what it prints."""

from __future__ import annotations

import contextlib
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

import app
from constructs_lib.local import ExecutionResult
from constructs_lib.local.bedrock_replies import Replies
from constructs_lib.local.execution import Counts, Progress
from constructs_lib.local.progress import Watch
from demo.reviews.review import MADE_UP_REPLIES, MADE_UP_REVIEWS, read_reviews
from demo.reviews.run import Judged, _results
from demo.wind_speed import run
from demo.wind_speed.command import DEFAULT_SAMPLE_OBJECTS
from demo.wind_speed.sources import sample_source
from stacks.reviews import ReviewsTargetStack
from tests.cdk import make_app
from tests.markdown import ROOT, blocks_of

if TYPE_CHECKING:
    import pytest


def shown(page: str, heading: str, language: str = "") -> str:
    """The one block of that language under a heading."""
    blocks = blocks_of(ROOT / page)
    (text,) = (block.text for block in blocks if (block.heading, block.language) == (heading, language))
    return text


def test_should_show_what_the_demo_prints(tmp_path: Path) -> None:
    title, *printed = shown("README.md", "Try it").rstrip().split("\n")
    assert title == f"Mean wind speed of every station, in mph: {sample_source(DEFAULT_SAMPLE_OBJECTS).title}"
    steps = [line for line in printed if line.startswith("✓")]
    titles = re.findall(r'step\(console, f?"(.*?)"\)', Path(str(run.__file__)).read_text())
    assert [re.sub(r"✓ (.*)  [\d.]+ s", r"\1", line) for line in steps] == [
        title.replace("{len(source.objects):,}", f"{DEFAULT_SAMPLE_OBJECTS:,}") for title in titles
    ]
    (row,) = (line.split() for line in printed if line.startswith("    2,400"))
    *counts, stations, seconds, in_all = (float(cell.replace(",", "")) for cell in row)
    names = [f"objects_{name}" for name in ("listed", "analysed", "rejected", "failed")]
    summary = dict(zip(names, map(int, counts), strict=True)) | {
        "stations": int(stations),
        "duration_seconds": seconds,
    }
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    result = ExecutionResult("arn", "SUCCEEDED")
    output = io.StringIO()
    files = [tmp_path / name for name in run.RESULT_FILES]
    run._report(Console(file=output, width=200), result, files, tmp_path, seconds=in_all)
    reported = output.getvalue().replace(str(tmp_path), "build/demo")
    assert [line.rstrip() for line in reported.split("\n") if line.strip()] == [
        line for line in printed if line and not line.startswith("✓")
    ]


def test_should_show_what_the_demo_of_reviews_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    trust, _, table = shown("README.md", "A child workflow in another account").partition("\n\n")
    monkeypatch.setenv("CDK_DEFAULT_REGION", "us-east-1")
    stacks = app.build(make_app({"accounts": {"source": "111111111111", "target": "222222222222"}}))
    (target,) = (stack for stack in stacks if isinstance(stack, ReviewsTargetStack))
    (sentence,) = target.target_role.trust_in_words
    assert trust.split() == sentence.split()

    heads, rule, *lines = table.rstrip().split("\n")
    replies = Replies.read(MADE_UP_REPLIES)
    reviews = {review["ReviewText"][:10]: review for review in read_reviews(MADE_UP_REVIEWS)}
    for verdict, reason in zip(lines[::2], lines[1::2], strict=True):
        review = reviews[verdict[1:11]]
        reply = replies.answer("any", review["ReviewText"])
        assert reply is not None
        said = json.loads(str(reply.text))
        output = {"Verdict": said["verdict"], "Confidence": said["confidence"], "Reason": said["reason"]}
        output["Action"] = {"fake": "HIDE", "real": "PUBLISH", "unsure": "MODERATE"}[said["verdict"]]
        seconds = float(verdict.split()[-1])
        judged = Judged(review, ExecutionResult("arn", "SUCCEEDED", output), seconds)
        rendered = io.StringIO()
        Console(file=rendered, width=80).print(_results([judged], 80))
        assert [line.rstrip() for line in rendered.getvalue().strip().split("\n")] == [heads, rule, verdict, reason]


def test_should_show_what_a_forecast_prints() -> None:
    heading = "Forecast: what a run takes and costs"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(shown("docs/forecast.md", heading, "python"), {})
    assert printed.getvalue() == shown("docs/forecast.md", heading, "text")


def test_should_show_what_a_redrive_prints(capsys: pytest.CaptureFixture[str]) -> None:
    command, *printed = shown("docs/local-cloud.md", "Redrive", "console").splitlines()
    assert command.startswith("$ python -m constructs_lib.local redrive ")
    name, arn = "Analyze objects", printed[1].split()[-1]
    told: list[tuple[float, str, str, dict[str, object]]] = [
        (0.0, "ExecutionStarted", "executionStarted", {"input": "{}"}),
        (0.1, "MapStateEntered", "stateEntered", {"name": name, "input": "{}"}),
        (0.2, "MapRunStarted", "mapRunStarted", {"mapRunArn": arn}),
        (9.0, "MapRunFailed", "mapRunFailed", {}),
        (9.0, "ExecutionFailed", "executionFailed", {"error": "States.ExceedToleratedFailureThreshold"}),
        (60.0, "ExecutionRedriven", "executionRedriven", {"redriveCount": 1}),
        (60.0, "MapRunRedriven", "mapRunRedriven", {"mapRunArn": arn, "redriveCount": 1}),
        (62.1, "MapRunSucceeded", "mapRunSucceeded", {}),
        (62.1, "MapStateSucceeded", "mapStateSucceeded", {}),
        (62.1, "MapStateExited", "stateExited", {"name": name, "output": "{}"}),
    ]
    begin = datetime(2026, 11, 21, tzinfo=UTC)
    events = [
        {
            "id": number,
            # What is redriven goes on from where it failed.
            "previousEventId": 4 if kind == "MapRunRedriven" else number - 1,
            "timestamp": begin + timedelta(seconds=seconds),
            "type": kind,
            f"{key}EventDetails": details,
        }
        for number, (seconds, kind, key, details) in enumerate(told, 1)
    ]

    watch = Watch({"StartAt": name, "States": {name: {"Type": "Map", "End": True}}})
    watch.known(events[:5])
    watch.events(events[5:7])
    watch.progress(Progress(by_run={arn: (Counts(total=3000), Counts(total=6))}))
    watch.events(events[7:])
    assert capsys.readouterr().err.splitlines() == printed
