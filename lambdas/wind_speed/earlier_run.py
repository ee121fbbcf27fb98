"""An earlier execution's results, of which another one reads again what was rejected or failed.

`runs/<execution name>/` in RESULTS_BUCKET has them: summary.json what it counted, rejected.csv the objects.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from . import s3
from .csv_files import column

if TYPE_CHECKING:
    from collections.abc import Sequence


class UnknownRun(Exception):  # noqa: N818 - the name that users see as the execution's error
    """There is no such execution, or none that wrote results which can be completed."""


@dataclass(frozen=True)
class EarlierRun:
    """What is taken over from an earlier execution.

    `keys` are the objects that it rejected, or that failed. `manifests` name the results that stand: its own, and those
    of the runs that it was a retry of.
    """

    keys: Sequence[str]
    objects_listed: int
    unit: str
    years: list[int] | None
    manifests: Sequence[str]

    @classmethod
    def read(cls, bucket: str, name: str) -> EarlierRun:
        """Read an execution's results; raises UnknownRun."""
        folder = f"runs/{name}/"
        try:
            summary: dict[str, Any] = json.loads(s3.read(bucket, f"{folder}summary.json"))
            rejected = s3.read(bucket, f"{folder}rejected.csv")
        except ClientError as error:
            if not s3.is_missing(error):
                raise
            raise UnknownRun(
                f"retry_of is {name!r}, and s3://{bucket}/{folder} has no summary.json and rejected.csv; allowed: the"
                " name of an execution whose reducer has run. One whose map or reducer failed is to be redriven."
                f" ({error})"
            ) from None
        if "manifests" not in summary:
            raise UnknownRun(
                f"retry_of is {name!r}, and s3://{bucket}/{folder}summary.json doesn't name the results that stand: an"
                " older version of this state machine wrote it. Start a new execution without retry_of."
            )
        keys = column(rejected, "key")
        return cls(keys, summary["objects_listed"], summary["unit"], summary["years"], summary["manifests"])
