import gzip
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from constructs_lib.local.emulator.map_runs.item import Item, ItemReaderError
from constructs_lib.local.emulator.map_runs.item_reader import read_items

GET, LIST = (f"arn:aws:states:::s3:{api}" for api in ("getObject", "listObjectsV2"))
FLATTEN = {"Transformation": "LOAD_AND_FLATTEN"}
CHANGED = datetime(2024, 1, 2, tzinfo=UTC)


class Bucket:
    """As much of an S3 client as the reader calls, over objects in memory; it notes what was read."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = {key.replace("__", "/").replace("_", "."): body for key, body in objects.items()}
        self.read: list[str] = []

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        if Key not in self.objects:
            error = {"Error": {"Code": "NoSuchKey", "Message": "gone"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
            raise ClientError(error, "GetObject")  # type: ignore[arg-type]
        self.read.append(f"{Bucket}/{Key}")
        return {"Body": io.BytesIO(self.objects[Key])}

    def get_paginator(self, _: str) -> "Bucket":
        return self

    def paginate(self, *, Bucket: str, Prefix: str = "") -> list[dict[str, Any]]:  # noqa: N803 - boto3's
        found = [
            {"Key": key, "Size": len(body), "ETag": '"e"', "LastModified": CHANGED}
            for key, body in sorted(self.objects.items())
            if key.startswith(Prefix)
        ]
        return [{"Contents": [each]} for each in found] or [{}]


def test_should_describe_each_object_below_a_prefix() -> None:
    items = read_items(Bucket(a__1=b"12345", b__1=b""), LIST, {"Bucket": "b", "Prefix": "a/"}, {}, None)

    described = {"Etag": '"e"', "Key": "a/1", "LastModified": 1_704_153_600, "Size": 5, "StorageClass": "STANDARD"}
    assert items == [Item(described, "S3://b")]


def test_should_read_the_content_of_each_object_below_a_prefix() -> None:
    s3 = Bucket(logs__2_jsonl_gz=gzip.compress(b'{"n": 3}\n'), logs__1_jsonl=b'{"n": 1}\n{"n": 2}\n', other_jsonl=b"{")

    items = read_items(s3, LIST, {"Bucket": "b", "Prefix": "logs/"}, {**FLATTEN, "InputType": "JSONL"}, None)

    assert items == [
        Item({"n": 1}, "S3://b/logs/1.jsonl"),
        Item({"n": 2}, "S3://b/logs/1.jsonl"),
        Item({"n": 3}, "S3://b/logs/2.jsonl.gz"),
    ]


def test_should_read_no_object_further_than_the_most_items_need() -> None:
    s3 = Bucket(a=b"[1, 2]", b=b"[3, 4]", c=b"{")

    items = read_items(s3, LIST, {"Bucket": "b"}, {**FLATTEN, "InputType": "JSON"}, 3)

    assert [item.value for item in items] == [1, 2, 3]
    assert s3.read == ["b/a", "b/b"]


def test_should_say_in_which_object_a_row_cannot_be_read() -> None:
    with pytest.raises(ItemReaderError, match=r"^s3://b/b.jsonl: Line 2 isn't JSON: "):
        read_items(
            Bucket(a_jsonl=b"1", b_jsonl=b"1\n{"), LIST, {"Bucket": "b"}, {**FLATTEN, "InputType": "JSONL"}, None
        )


MANIFEST = {
    "sourceBucket": "source",
    "destinationBucket": "arn:aws:s3:::lists",
    "fileFormat": "CSV",
    "fileSchema": "Bucket, Key, Size",
    "files": [{"key": "data/1.csv.gz", "size": 9, "MD5checksum": "x"}, {"key": "data/2.csv.gz", "size": 9}],
}


@pytest.mark.parametrize("config", [{"InputType": "MANIFEST"}, {"ManifestType": "S3_INVENTORY"}])
def test_should_read_the_rows_of_an_inventory(config: dict[str, Any]) -> None:
    s3 = Bucket(
        manifest_json=json.dumps(MANIFEST).encode(),
        data__1_csv_gz=gzip.compress(b'"source","a+b%2B.csv","5"\n"source","2024/","0"\n'),
        data__2_csv_gz=gzip.compress(b'"source","c.csv"\n'),
    )

    items = read_items(s3, GET, {"Bucket": "other", "Key": "manifest.json"}, config, None)

    # The keys as S3 wrote them, URL-encoded; a missing cell is empty, as in any CSV.
    assert items == [
        Item({"Bucket": "source", "Key": "a+b%2B.csv", "Size": "5"}, "S3://lists/data/1.csv.gz"),
        Item({"Bucket": "source", "Key": "2024/", "Size": "0"}, "S3://lists/data/1.csv.gz"),
        Item({"Bucket": "source", "Key": "c.csv", "Size": ""}, "S3://lists/data/2.csv.gz"),
    ]
    assert s3.read[1:] == ["lists/data/1.csv.gz", "lists/data/2.csv.gz"]


def test_should_read_the_files_of_an_athena_manifest() -> None:
    s3 = Bucket(m_csv=b"s3://out/x/1.gz\n\n's3://quoted/not'\n".replace(b"'", b'"'), x__1_gz=gzip.compress(b"1,2\n"))
    s3.objects["not"] = b"3,4\n"
    config = {"ManifestType": "ATHENA_DATA", "InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a", "b"]}

    assert read_items(s3, GET, {"Bucket": "b", "Key": "m.csv"}, config, None) == [
        Item({"a": "1", "b": "2"}, "S3://out/x/1.gz"),
        Item({"a": "3", "b": "4"}, "S3://quoted/not"),
    ]


@pytest.mark.parametrize(
    ("body", "config", "message"),
    [
        (b"<xml/>", {"InputType": "MANIFEST"}, "isn't the manifest of an S3 Inventory: JSONDecodeError"),
        (b"[]", {"InputType": "MANIFEST"}, "isn't the manifest of an S3 Inventory: TypeError"),
        (b'{"files": []}', {"InputType": "MANIFEST"}, r"S3 Inventory: KeyError\('destinationBucket'\)"),
        (
            json.dumps(MANIFEST | {"fileFormat": "ORC"}).encode(),
            {"InputType": "MANIFEST"},
            "format is ORC; .* CSV only",
        ),
        (json.dumps(MANIFEST).encode(), {"InputType": "MANIFEST"}, r"s3://lists/data/1.csv.gz: gone \(.* NoSuchKey\)"),
        (b"s3://out/x", {"ManifestType": "ATHENA_DATA", "InputType": "JSONL"}, "s3://out/x: gone"),
        (
            b"out/x",
            {"ManifestType": "ATHENA_DATA", "InputType": "JSONL"},
            "Line 1 of the manifest is 'out/x', no S3 URI",
        ),
        (b"\xff", {"ManifestType": "ATHENA_DATA", "InputType": "JSONL"}, "manifest isn't UTF-8"),
    ],
)
def test_should_say_why_a_manifest_cannot_be_read(body: bytes, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ItemReaderError, match=message):
        read_items(Bucket(m=body), GET, {"Bucket": "b", "Key": "m"}, config, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"Bucket": "b", "Key": "k", "ExpectedBucketOwner": "1"}, "the local cloud runs Bucket, Key, VersionId"),
        ("b/k", "arguments are 'b/k'"),
        ({"Bucket": "b"}, "ItemReader's Key is None; it must be a name"),
        ({"Bucket": "", "Key": "k"}, "ItemReader's Bucket is ''"),
    ],
)
def test_should_refuse_arguments_that_an_expression_made(arguments: Any, message: str) -> None:
    with pytest.raises(ItemReaderError, match=message):
        read_items(Bucket(), GET, arguments, {}, None)
