"""The review demo's arguments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from constructs_lib.local.bedrock_replies import Replies
from demo.command_line import Parser
from demo.errors import UsageError
from demo.reviews.incident import INCIDENTS, run_incident
from demo.reviews.review import MADE_UP_REPLIES, MADE_UP_REVIEWS, read_reviews
from demo.reviews.run import run_demo

if TYPE_CHECKING:
    import argparse


def run(arguments: list[str]) -> int:
    """Run the demo; returns the exit code."""
    args = _parser().parse_args(arguments)
    if args.incident is not None:
        for option in ("input", "replies"):
            if getattr(args, option) is not None:
                raise UsageError(f"--{option} doesn't go with --break, which has a review of its own. Leave it out")
        return run_incident(args.incident, cdk=args.cdk)
    reviews = read_reviews(MADE_UP_REVIEWS if args.input is None else args.input)
    replies = MADE_UP_REPLIES if args.replies is None else args.replies
    Replies.read(replies)  # what is wrong with it is said before anything starts
    return run_demo(reviews, replies=replies, cdk=args.cdk)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m demo reviews",
        description="Product reviews of one account, judged in another: a parent state machine runs a child across "
        "accounts, and goes on by its verdict. Both accounts' stacks are deployed by the CDK CLI to an embedded AWS on "
        "this machine, IAM enforced. No AWS account, no Docker, no model: what the model answers is made up.",
        epilog="examples: python -m demo reviews | python -m demo reviews --break describe | "
        "python -m demo reviews --input my.jsonl --replies my.json",
    )
    parser.add_argument(
        "--input",
        type=Path,
        metavar="FILE",
        help="reviews of yours, a JSON object a line, with ProductId, ReviewId, ReviewText and, if you like, Stars "
        "(default: five made-up ones)",
    )
    parser.add_argument(
        "--replies",
        type=Path,
        metavar="FILE",
        help="what the model answers, by a pattern of the review (JSON, see docs/local-cloud.md; default: made up for "
        "the five)",
    )
    parser.add_argument(
        "--break",
        dest="incident",
        choices=tuple(INCIDENTS),
        help="take this permission from the target role, show what happens, give it back and show how it ends",
    )
    parser.add_cdk()
    return parser
