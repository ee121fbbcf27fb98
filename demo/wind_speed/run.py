"""One demo run: synthesize, start the embedded AWS, deploy, put the objects, run the state machine, fetch the files.

Everything temporary (the assembly, the emulator's folder) stands in one folder that is removed at the end, however
the end comes.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from constructs_lib.local import ExecutionResult, LocalCloud
from constructs_lib.local import Progress as MapRunProgress
from demo.console import step
from demo.synthesis import find_cli, synthesize
from demo.wind_speed.sources import NOAA_BUCKET, Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client
    from rich.progress import Progress

STACK = "WindSpeed"
NOAA_ACCOUNT = "222222222222"
PUT_THREADS = 8
RESULT_FILES = ("stations.csv", "stations.geojson", "rejected.csv", "summary.json", "map.html")
FAILED_BATCHES = "FAILED_*.json*"


def run_demo(source: Source, *, unit: str, batch_size: int, out: Path, cdk: Path | None) -> int:
    """Run the app over ``source`` and fetch its files into ``out``; returns 0, or 1 when the execution failed.

    Raises ``DemoError`` when the app doesn't synthesize, ``LocalCloudError`` when the embedded AWS doesn't start or the
    deployment fails, and its ``UsageError`` for a CDK CLI that isn't one.
    """
    begun = time.monotonic()
    cli = find_cli(cdk)
    console = Console(highlight=False)
    console.print(f"Mean wind speed of every station, in {unit}: {source.title}", soft_wrap=True)
    for note in source.notes:
        console.print(f"  [yellow]note[/]: {note}", soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="wind-speed-demo-") as name, ThreadPoolExecutor(1) as background:
        folder = Path(name)
        # Both take some seconds, and neither needs the other.
        context = {"unit": unit, "batch_size": batch_size, "sample": str(source.sample).lower()}
        assembly = background.submit(synthesize, folder, cli, context)
        with LocalCloud.start(folder=folder / "cloud") as cloud:
            with step(console, "Synthesize the app, start the embedded AWS"):
                app = assembly.result()
            with step(console, "Deploy it with the CDK CLI"):
                outputs = cloud.deploy(app, stacks=[STACK], cdk=cli)[STACK]
            with step(console, f"Put {len(source.objects):,} objects") as progress:
                bar = progress.add_task("  objects", total=len(source.objects))
                noaa = cloud.client("s3", account=NOAA_ACCOUNT)
                put_objects(noaa, source, lambda: progress.advance(bar))
            with step(console, "Run the state machine") as progress:
                result = _run(cloud, outputs["StateMachineArn"], progress)
            files = _fetch(cloud.client("s3"), outputs["ResultsBucketName"], result, out)
    _report(console, result, files, out, seconds=time.monotonic() - begun)
    return 0 if result.status == "SUCCEEDED" else 1


def put_objects(s3: S3Client, source: Source, on_put: Callable[[], None]) -> None:
    """Put the source's objects into a bucket of NOAA's name that everyone may read; ``on_put`` is called after each."""
    s3.create_bucket(Bucket=NOAA_BUCKET)
    everyone = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": ["s3:ListBucket", "s3:GetObject"],
                "Resource": [f"arn:aws:s3:::{NOAA_BUCKET}", f"arn:aws:s3:::{NOAA_BUCKET}/*"],
            }
        ],
    }
    s3.delete_public_access_block(Bucket=NOAA_BUCKET)  # a bucket of open data is public
    s3.put_bucket_policy(Bucket=NOAA_BUCKET, Policy=json.dumps(everyone))

    def put(item: tuple[str, Callable[[], bytes]]) -> None:
        key, body = item
        s3.put_object(Bucket=NOAA_BUCKET, Key=key, Body=body())
        on_put()

    with ThreadPoolExecutor(PUT_THREADS) as pool:
        puts = [pool.submit(put, item) for item in source.objects]
        try:
            for done in puts:
                done.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _run(cloud: LocalCloud, state_machine_arn: str, progress: Progress) -> ExecutionResult:
    """Run the state machine to its end, with a bar of objects and one of batches."""
    objects = progress.add_task("  objects", total=None)
    batches = progress.add_task("  batches", total=None)

    def show(run: MapRunProgress) -> None:
        progress.update(objects, total=run.items.total or None, completed=run.items.done)
        progress.update(batches, total=run.children.total or None, completed=run.children.done)

    return cloud.run(state_machine_arn, {}, show)


def _fetch(s3: S3Client, bucket: str, result: ExecutionResult, out: Path) -> list[Path]:
    """Fetch the files that the run wrote, whatever its end, into ``out``; those of failed batches, too."""
    for pattern in (*RESULT_FILES, FAILED_BATCHES):
        for path in out.glob(pattern):
            path.unlink()  # an earlier run's, which would pass for this one's where this one has none
    files = []
    prefix = f"runs/{result.execution_arn.rsplit(':', 1)[1]}/"
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for key in (item["Key"] for item in page.get("Contents", [])):
            path = out / key.rsplit("/", 1)[1]
            if path.name in RESULT_FILES or path.match(FAILED_BATCHES):
                path.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
                files.append(path)
    return sorted(files, key=lambda path: (*RESULT_FILES, path.name).index(path.name))


def _report(console: Console, result: ExecutionResult, files: list[Path], out: Path, *, seconds: float) -> None:
    """The table of the run's numbers, its error if it had one, and where the files are."""
    summary_file = out / "summary.json"
    if summary_file in files:
        summary = json.loads(summary_file.read_text())
        table = Table(box=box.SIMPLE_HEAD)
        for name in ("listed", "analysed", "rejected", "failed"):
            table.add_column(f"objects\n{name}", justify="right")
        table.add_column("\nstations", justify="right")
        table.add_column("execution\nseconds", justify="right")
        table.add_column("all in all\nseconds", justify="right")
        counts = [summary[f"objects_{name}"] for name in ("listed", "analysed", "rejected", "failed")]
        row = [f"{count:,}" for count in (*counts, summary["stations"])]
        table.add_row(*row, f"{summary['duration_seconds']:.1f}", f"{seconds:.1f}")
        console.print(table)
    if result.error is not None:
        print(f"error: {result.error}: {result.cause or 'no cause given'}", file=sys.stderr)
    for path in files:
        console.print(str(path), soft_wrap=True)
