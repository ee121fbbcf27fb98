"""Where the demo's objects come from: made up, a folder, or NOAA's public bucket. Each yields ``(key, body)``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from demo.errors import DemoError, UsageError
from demo.sample import SampleObject, sample_objects

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

NOAA_BUCKET = "noaa-gsod-pds"
NOAA_REGION = "us-east-1"
NOAA_THREADS = 16

YEAR_FOLDER = re.compile(r"\d{4}")


class Source(Protocol):
    """Objects laid out as in NOAA's bucket: ``<year>/<station>.csv``."""

    title: str
    sample: bool
    notes: list[str]

    def __len__(self) -> int:
        """How many objects there are."""

    def objects(self) -> Iterator[tuple[str, Callable[[], bytes]]]:
        """Each object's key, and the call that gives its body (safe from several threads)."""


@dataclass
class SampleSource:
    """Made-up observations at real airports' coordinates; the bucket's ``index.html`` beside them, as in NOAA's."""

    count: int
    title: str = field(init=False)
    sample: bool = field(default=True, init=False)
    notes: list[str] = field(default_factory=list, init=False)
    _objects: list[SampleObject] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            self._objects = list(sample_objects(self.count))
        except ValueError as error:
            raise UsageError(f"--objects {self.count}: {error}") from None
        self.title = "made-up observations at real airports' coordinates"

    def __len__(self) -> int:
        return len(self._objects)

    def objects(self) -> Iterator[tuple[str, Callable[[], bytes]]]:
        for obj in self._objects:
            yield obj.key, obj.body


@dataclass
class FolderSource:
    """A folder laid out ``<year>/<station>.csv``. Files outside a year's folder are named in ``notes``, not read."""

    folder: Path
    title: str = field(init=False)
    sample: bool = field(default=False, init=False)
    notes: list[str] = field(default_factory=list, init=False)
    _files: list[Path] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise UsageError(
                f"--source {self.folder}: no such folder. Give a folder laid out <year>/<station>.csv, or sample, or noaa"
            )
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        self._files = [path for path in files if YEAR_FOLDER.fullmatch(path.relative_to(self.folder).parts[0])]
        outside = [str(path.relative_to(self.folder)) for path in files if path not in set(self._files)]
        if not self._files:
            raise UsageError(
                f"--source {self.folder}: no file in a year's folder there. Lay it out <year>/<station>.csv, "
                "for example 2024/72429793812.csv"
            )
        if outside:
            names = ", ".join(outside[:3]) + (", …" if len(outside) > 3 else "")
            self.notes.append(f"not under a year's folder, so not objects of the source: {len(outside)} ({names})")
        self.title = str(self.folder)

    def __len__(self) -> int:
        return len(self._files)

    def objects(self) -> Iterator[tuple[str, Callable[[], bytes]]]:
        for path in self._files:
            yield path.relative_to(self.folder).as_posix(), path.read_bytes


@dataclass
class NoaaSource:
    """Objects of the public bucket over HTTPS, unsigned (no AWS account): ``max_objects``, evenly over the stations."""

    years: tuple[int, ...]
    max_objects: int
    endpoint_url: str | None = None
    title: str = field(init=False)
    sample: bool = field(default=False, init=False)
    notes: list[str] = field(default_factory=list, init=False)
    _keys: list[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        self._client = self._connect()
        try:
            with ThreadPoolExecutor(NOAA_THREADS) as pool:
                listed = [key for keys in pool.map(self._list, self.years) for key in keys]
        except (BotoCoreError, ClientError) as error:
            raise self._unreachable(error) from None
        if not listed:
            raise UsageError(f"--years {' '.join(map(str, self.years))}: s3://{NOAA_BUCKET} has no object of them")
        step = max(1, len(listed) / self.max_objects)
        self._keys = [listed[int(i * step)] for i in range(min(self.max_objects, len(listed)))]
        self.title = f"s3://{NOAA_BUCKET}, {len(self._keys):,} of {len(listed):,} objects of {', '.join(map(str, self.years))}"

    def _connect(self) -> S3Client:
        import boto3
        from botocore import UNSIGNED
        from botocore.config import Config

        config = Config(
            signature_version=UNSIGNED,
            connect_timeout=10,
            max_pool_connections=NOAA_THREADS,
            retries={"mode": "standard", "total_max_attempts": 3},
        )
        return boto3.client("s3", region_name=NOAA_REGION, config=config, endpoint_url=self.endpoint_url)

    def _list(self, year: int) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=NOAA_BUCKET, Prefix=f"{year}/")
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def _get(self, key: str) -> bytes:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return self._client.get_object(Bucket=NOAA_BUCKET, Key=key)["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: Exception) -> DemoError:
        return DemoError(
            f"--source noaa: s3://{NOAA_BUCKET} can't be read over HTTPS ({error}). "
            "Check the network or the proxy, or take --source sample, which needs none"
        )

    def __len__(self) -> int:
        return len(self._keys)

    def objects(self) -> Iterator[tuple[str, Callable[[], bytes]]]:
        for key in self._keys:
            yield key, lambda key=key: self._get(key)  # type: ignore[misc]
