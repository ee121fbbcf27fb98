"""Where the demo's objects come from: made up, a folder, or NOAA's public bucket."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from demo.errors import DemoError, UsageError
from demo.wind_speed.sample import sample_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

NOAA_BUCKET = "noaa-gsod-pds"
NOAA_REGION = "us-east-1"
NOAA_THREADS = 16

_YEAR_FOLDER = re.compile(r"\d{4}")


@dataclass(frozen=True)
class Source:
    """Objects laid out as in NOAA's bucket, ``<year>/<station>.csv``.

    ``title`` says in a line what they are; ``objects`` holds each one's key and the call that gives its body (safe
    from several threads); ``sample`` is true for made-up observations; ``notes`` are lines that the user should see.
    """

    title: str
    objects: Sequence[tuple[str, Callable[[], bytes]]]
    sample: bool = False
    notes: tuple[str, ...] = ()


def sample_source(count: int) -> Source:
    """``count`` objects of made-up observations. Raises ``UsageError`` for a count that the sample can't have."""
    try:
        objects = [(obj.key, obj.body) for obj in sample_objects(count)]
    except ValueError as error:
        raise UsageError(f"--objects {count}: {error}") from None
    return Source("made-up observations at real airports' coordinates", objects, sample=True)


def folder_source(folder: Path) -> Source:
    """Every file of a folder laid out ``<year>/<station>.csv``; those outside a year's folder are named in the notes.

    Raises ``UsageError`` for a folder that doesn't exist, or that has no file in a year's folder.
    """
    layout = "a folder laid out <year>/<station>.csv, for example 2024/72429793812.csv"
    if not folder.is_dir():
        raise UsageError(
            f"--source {folder}: {'not a' if folder.exists() else 'no such'} folder. Give {layout}; or sample; or noaa"
        )
    inside, outside, broken = [], [], []
    for path in sorted(path for path in folder.rglob("*") if not path.is_dir()):
        name = path.relative_to(folder)
        if not path.is_file() or not os.access(path, os.R_OK):
            broken.append(name.as_posix())
        elif len(name.parts) > 1 and _YEAR_FOLDER.fullmatch(name.parts[0]):
            inside.append((name.as_posix(), path.read_bytes))
        else:
            outside.append(name.as_posix())
    if unnameable := [name for name, _ in inside if not _is_utf8(name)]:
        raise UsageError(
            f"--source {folder}: {unnameable[0]!a} isn't UTF-8, as an object's key must be. Rename the file"
        )
    if not inside:
        raise UsageError(f"--source {folder}: no file in a year's folder there. Give {layout}")
    notes = [
        f"{what}, so not part of the source: {len(names)} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
        for what, names in (("outside the years' folders", outside), ("not readable files", broken))
        if names
    ]
    return Source(str(folder), inside, notes=tuple(notes))


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # how Python stands for the bytes of a file's name that aren't
        return False
    return True


def noaa_source(years: Sequence[int], max_objects: int, endpoint_url: str | None = None) -> Source:
    """``max_objects`` of the public bucket's objects of ``years``, spread evenly, over HTTPS without an AWS account.

    ``endpoint_url`` is S3's own when omitted. Raises ``DemoError`` when the bucket can't be reached, here or when a
    body is read, and ``UsageError`` when it has no object of these years.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    client = _unsigned_client(endpoint_url)

    def unreachable(error: Exception) -> DemoError:
        return DemoError(
            f"s3://{NOAA_BUCKET} can't be read over HTTPS ({error}). "
            "Check the network or the proxy, or take --source sample, which needs none"
        )

    def keys(year: int) -> list[str]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=NOAA_BUCKET, Prefix=f"{year}/")
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def body(key: str) -> bytes:
        try:
            return client.get_object(Bucket=NOAA_BUCKET, Key=key)["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise unreachable(error) from None

    try:
        with ThreadPoolExecutor(NOAA_THREADS) as pool:
            listed = [key for keys_of_year in pool.map(keys, years) for key in keys_of_year]
    except (BotoCoreError, ClientError) as error:
        raise unreachable(error) from None
    of_years = ", ".join(map(str, years))
    if not listed:
        raise UsageError(f"--years {of_years}: s3://{NOAA_BUCKET} has no object of them")
    count = min(max_objects, len(listed))
    chosen = [listed[i * len(listed) // count] for i in range(count)]
    title = f"s3://{NOAA_BUCKET}, {count:,} of {len(listed):,} objects of {of_years}"
    return Source(title, [(key, partial(body, key)) for key in chosen])


def _unsigned_client(endpoint_url: str | None) -> S3Client:
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    config = Config(
        signature_version=UNSIGNED,
        connect_timeout=10,
        max_pool_connections=NOAA_THREADS,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    return boto3.client("s3", region_name=NOAA_REGION, config=config, endpoint_url=endpoint_url)
