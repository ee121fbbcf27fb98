"""The synthesized wind-speed app on the embedded AWS, deployed once a session by the real CDK CLI.

A scenario has a year of its own, which no other reads: the scenarios share a deployment and no state. Real objects
keep their years (1960, 2015 and later); the others take one of the 1930s.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from demo.synthesis import ROOT
from demo.wind_speed.run import NOAA_ACCOUNT, STACK, put_objects
from demo.wind_speed.sources import NOAA_BUCKET, Source
from tests.cdk import synthesize_app
from tests.end_to_end.cross_account_app import CrossAccountApp, deploy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from constructs_lib.local import ExecutionResult, LocalCloud

BATCH_SIZE = 5
OUTCOME = "outcome"
"""The property of a fault's test that has its row in the table of `make faults`."""
OUTCOMES = ("fault", "the execution ends in", "lost", "mended by", "then analysed", "files")

GSOD = ROOT.parent / "shared" / "gsod"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write what became of each fault, where each test has a line of its own."""
    properties = (each.user_properties for each in terminalreporter.stats.get("passed", ()))
    rows = [value for each in properties for name, value in each if name == OUTCOME]
    if rows and terminalreporter.verbosity > 0:
        widths = [max(map(len, column)) for column in zip(OUTCOMES, *rows, strict=True)]
        terminalreporter.section("faults and what became of them")
        for row in (OUTCOMES, *rows):
            cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
            terminalreporter.line("  ".join(cells).rstrip())


@dataclass(frozen=True)
class WindSpeedRun:
    """How an execution ended, and the files that it wrote by name."""

    result: ExecutionResult
    files: Mapping[str, bytes]

    @property
    def name(self) -> str:
        return self.result.execution_arn.rsplit(":", 1)[1]

    @property
    def summary(self) -> dict[str, Any]:
        return dict(json.loads(self.files["summary.json"]))

    def rows(self, name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.files[name].decode())))


@dataclass(frozen=True)
class WindSpeedApp:
    """The deployed app: the assembly that was deployed, its outputs, and what a test does with it."""

    cloud: LocalCloud
    assembly: Path
    outputs: Mapping[str, str]

    def put(self, year: int, objects: Mapping[str, bytes]) -> None:
        """Put objects into a year of NOAA's bucket, by name."""
        s3 = self.cloud.client("s3", account=NOAA_ACCOUNT)
        for name, body in objects.items():
            s3.put_object(Bucket=NOAA_BUCKET, Key=f"{year}/{name}", Body=body)

    def run(self, **execution_input: object) -> WindSpeedRun:
        """Run the state machine to its end and fetch the files under its prefix."""
        return self.ended(self.cloud.run(self.outputs["StateMachineArn"], execution_input))

    def ended(self, result: ExecutionResult) -> WindSpeedRun:
        """Fetch the files of an execution that has ended."""
        prefix = f"runs/{result.execution_arn.rsplit(':', 1)[1]}/"
        s3, bucket = self.cloud.client("s3"), self.outputs["ResultsBucketName"]
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
        files = {key.removeprefix(prefix): s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
        return WindSpeedRun(result, files)


@pytest.fixture(scope="session")
def wind_speed(cloud: LocalCloud, cdk_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> WindSpeedApp:
    """The app with NOAA's bucket as its source, which is still empty."""
    assembly = synthesize_app(tmp_path_factory.mktemp("wind_speed"), {"batch_size": BATCH_SIZE})
    outputs = cloud.deploy(assembly, stacks=[STACK], cdk=cdk_cli)[STACK]
    put_objects(cloud.client("s3", account=NOAA_ACCOUNT), Source("nothing yet", []), lambda: None)
    return WindSpeedApp(cloud, assembly, outputs)


@pytest.fixture(scope="session")
def two_accounts(cloud: LocalCloud, cdk_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> CrossAccountApp:
    """The cross-account app, in accounts of its own."""
    return deploy(
        cloud, cdk_cli, tmp_path_factory.mktemp("cross_account"), source="333333333333", target="444444444444"
    )


@pytest.fixture(scope="session")
def gsod() -> Source:
    """Real NOAA objects, where this machine has them."""
    if not GSOD.is_dir():
        pytest.skip(f"real NOAA objects aren't part of the repository: none at {GSOD}")
    files = sorted(GSOD.glob("[0-9]*/*.csv"))
    return Source("real objects", [(path.relative_to(GSOD).as_posix(), partial(path.read_bytes)) for path in files])
