"""Manifests: objects that name the objects with the items.

An S3 Inventory's `manifest.json`, whose data files are CSV without a header row
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html); a list of the files that
Athena's UNLOAD wrote, an S3 URI a line (https://docs.aws.amazon.com/athena/latest/ug/unload.html). An inventory's other
files, `manifest.checksum` and `symlink.txt`, aren't read: Step Functions' documented permissions have the manifest and
the data alone.
"""

import csv
import json
import re
from dataclasses import dataclass
from typing import Any

from constructs_lib.local.emulator.map_runs.item import ItemReaderError


@dataclass(frozen=True)
class Inventory:
    """What an inventory's manifest says.

    Args:
        files: bucket and key of each data file.
        columns: of their rows: Bucket, Key, Size, …

    """

    files: list[tuple[str, str]]
    columns: list[str]

    @property
    def config(self) -> dict[str, Any]:
        """The `ReaderConfig` that its data files are read by."""
        return {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": self.columns}


def inventory(body: bytes) -> Inventory:
    """Read an inventory's manifest.

    Raises:
        ItemReaderError: it isn't one, or its report isn't CSV.

    """
    try:
        manifest = json.loads(body)
        bucket = manifest["destinationBucket"].rpartition(":")[2]
        files = [(bucket, file["key"]) for file in manifest["files"]]
        columns = [name.strip() for name in manifest["fileSchema"].split(",")]
        file_format = manifest["fileFormat"]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ItemReaderError(f"The object isn't the manifest of an S3 Inventory: {error!r}") from error
    if file_format != "CSV":
        raise ItemReaderError(f"The inventory's format is {file_format}; Step Functions reads CSV only.")
    return Inventory(files, columns)


def athena_files(body: bytes) -> list[tuple[str, str]]:
    """Bucket and key of each file that an Athena manifest names, in its order.

    Raises:
        ItemReaderError: a line has no S3 URI.

    """
    try:
        lines = body.decode().splitlines()
    except UnicodeDecodeError as error:
        raise ItemReaderError(f"The manifest isn't UTF-8: {error.reason} at byte {error.start}.") from error
    files = []
    for number, row in enumerate(csv.reader(lines), start=1):
        if not row:
            continue
        found = re.fullmatch(r"s3://([^/]+)/(.+)", row[0])
        if found is None:
            raise ItemReaderError(f"Line {number} of the manifest is {row[0]!r}, no S3 URI such as s3://bucket/key.")
        files.append((found[1], found[2]))
    return files
