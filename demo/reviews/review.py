"""Reviews from a file of JSON lines: what can't be an execution's input is refused, by its line.

What a review must have is the workflow's to say: one without a text, say, ends in its state InvalidReview.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from demo.errors import UsageError

Review = dict[str, Any]

MADE_UP_REVIEWS = Path(__file__).with_name("reviews.jsonl")
MADE_UP_REPLIES = Path(__file__).with_name("replies.json")
"""What the model answers to them."""
MAX_INPUT_BYTES = 256 * 1024
"""Of an execution's input: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html."""

_EXAMPLE = '{"ProductId": "kettle-1", "ReviewId": "r-17", "ReviewText": "…", "Stars": 4}'


def read_reviews(file: Path) -> list[Review]:
    """Return the file's reviews, one a line; blank lines don't count.

    Raises ``UsageError`` for a file that can't be read or has none, and for a line that isn't a JSON object or is
    longer than an execution's input may be.
    """
    try:
        lines = file.read_text("utf-8-sig").split("\n")
    except OSError as error:
        raise UsageError(f"--input {file}: can't be read ({error.strerror}). Give a file, a review a line") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"--input {file}: byte {error.start} isn't UTF-8. Save the file as UTF-8") from None
    reviews = [_review(f"{file}:{number}", line) for number, line in enumerate(lines, 1) if line.strip()]
    if not reviews:
        raise UsageError(f"--input {file}: there is no review in it. Give one a line, such as {_EXAMPLE}")
    return reviews


def _review(where: str, line: str) -> Review:
    try:
        review = json.loads(line)
        size = len(json.dumps(review, allow_nan=False))  # NaN, or a number such as 1e999
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: isn't JSON ({error}). Give one review a line, such as {_EXAMPLE}") from None
    if not isinstance(review, dict):
        raise UsageError(f"{where}: {line.strip()[:40]} isn't an object. Give one review a line, such as {_EXAMPLE}")
    if size > MAX_INPUT_BYTES:
        raise UsageError(
            f"{where}: {size:,} bytes; an execution's input may have {MAX_INPUT_BYTES:,}. Shorten the review"
        )
    return review
