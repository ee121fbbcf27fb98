"""Objects that a test puts into a bucket and that go with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Seeded:
    """Where the objects of `LocalApp.seed` are: the bucket's name, the prefix and the keys, prefix included."""

    bucket: str
    prefix: str
    keys: tuple[str, ...]


def contents(objects: Mapping[str, Any] | Path) -> dict[str, bytes]:
    """Return the bodies by relative key.

    Raises `FileNotFoundError` for a file or a folder that isn't there, `TypeError` for a value that JSON doesn't have.
    """
    if isinstance(objects, Mapping):
        return {key: _body(value) for key, value in objects.items()}
    if not objects.is_dir():
        raise FileNotFoundError(f"There is no folder {str(objects)!r} to seed from.")
    files = sorted(file for file in objects.rglob("*") if file.is_file())
    return {file.relative_to(objects).as_posix(): file.read_bytes() for file in files}


def _body(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, Path):
        return value.read_bytes()
    return json.dumps(value).encode()


def exists(client: Any, bucket: str, key: str) -> bool:
    """Return whether the bucket has an object of that key."""
    listed = client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", ())
    return any(item["Key"] == key for item in listed)


def remove(client: Any, bucket: str, key: str) -> None:
    """Remove an object, all versions of it; nothing happens when the bucket is gone."""
    try:
        pages = list(client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key))
    except client.exceptions.NoSuchBucket:
        return
    for page in pages:
        for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            if item["Key"] == key:
                client.delete_object(Bucket=bucket, Key=key, VersionId=item["VersionId"])
