"""ItemReader: the items of a Distributed Map, out of S3.

Two APIs are read: `s3:getObject` (one object, or the objects that a manifest names) and `s3:listObjectsV2` (the objects
below a prefix: each is an item with its key, size and date, or its content is, with LOAD_AND_FLATTEN). All calls go to
S3 over HTTP with the execution role's session, so a permission that is missing fails here as it does on AWS.

Items come in the order of the listing or manifest, and in each object from its start. AWS reads many objects at a time
and promises no order.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from constructs_lib.local.emulator.definitions.map_fields import GET_OBJECT, LIST_OBJECTS, READER_ARGUMENTS
from constructs_lib.local.emulator.map_runs import manifests
from constructs_lib.local.emulator.map_runs.item import Item, ItemReaderError, s3_uri
from constructs_lib.local.emulator.map_runs.item_formats import parse_items


def read_items(
    s3: Any, resource: str, arguments: Mapping[str, Any], config: Mapping[str, Any], max_items: int | None
) -> list[Item]:
    """Read the items that an ItemReader names, and no object further than `max_items` need.

    Args:
        s3: an S3 client with the execution role's session.
        resource: the reader's `Resource`.
        arguments: the evaluated `Arguments` or `Parameters` (`Bucket`, `Key` or `Prefix`).
        config: the `ReaderConfig`.
        max_items: the evaluated `MaxItems`; None or 0: all.

    Raises:
        ItemReaderError: S3 refuses, or an object isn't what the configuration says.

    """
    _check_arguments(resource, arguments)
    return list(itertools.islice(_items(s3, resource, arguments, config), max_items or None))


def _check_arguments(resource: str, arguments: Any) -> None:
    """What the definition's check doesn't see where the arguments are expressions."""
    allowed = READER_ARGUMENTS[resource]
    if not isinstance(arguments, dict) or not arguments.keys() <= set(allowed):
        raise ItemReaderError(
            f"The ItemReader's arguments are {arguments!r}; the local cloud runs {', '.join(allowed)}."
        )
    required = ("Bucket", "Key") if resource == GET_OBJECT else ("Bucket",)
    for name in required:
        if not isinstance(arguments.get(name), str) or not arguments[name]:
            raise ItemReaderError(f"The ItemReader's {name} is {arguments.get(name)!r}; it must be a name.")


def _items(s3: Any, resource: str, arguments: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[Item]:
    bucket = arguments["Bucket"]
    if resource == LIST_OBJECTS:
        listed = _listed(s3, arguments)
        if config.get("Transformation") == "LOAD_AND_FLATTEN":
            return _content(s3, ((bucket, found["Key"]) for found in listed), config)
        return (Item(found, s3_uri(bucket)) for found in listed)
    body = _read(s3, arguments)
    if config.get("ManifestType") == "ATHENA_DATA":
        return _content(s3, manifests.athena_files(body), config)
    if config.get("ManifestType") == "S3_INVENTORY" or config.get("InputType") == "MANIFEST":
        inventory = manifests.inventory(body)
        return _content(s3, inventory.files, inventory.config)
    return parse_items(body, config, key=arguments["Key"], source=s3_uri(bucket, arguments["Key"]))


def _content(s3: Any, files: Iterable[tuple[str, str]], config: Mapping[str, Any]) -> Iterator[Item]:
    """The items in one object after the other; an error says in which."""
    for bucket, key in files:
        body = _read(s3, {"Bucket": bucket, "Key": key})
        try:
            yield from parse_items(body, config, key=key, source=s3_uri(bucket, key))
        except ItemReaderError as error:
            raise ItemReaderError(f"s3://{bucket}/{key}: {error}") from error


def _read(s3: Any, arguments: Mapping[str, Any]) -> bytes:
    try:
        body: bytes = s3.get_object(**arguments)["Body"].read()
    except ClientError as error:
        raise ItemReaderError(f"s3://{arguments['Bucket']}/{arguments['Key']}: {_s3_cause(error)}") from error
    return body


def _listed(s3: Any, arguments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(**arguments):
            for found in page.get("Contents", []):
                yield {
                    "Etag": found["ETag"],
                    "Key": found["Key"],
                    "LastModified": int(found["LastModified"].timestamp()),
                    "Size": found["Size"],
                    "StorageClass": found.get("StorageClass", "STANDARD"),
                }
    except ClientError as error:
        raise ItemReaderError(
            f"s3://{arguments['Bucket']}/{arguments.get('Prefix', '')}: {_s3_cause(error)}"
        ) from error


def _s3_cause(error: ClientError) -> str:
    details = error.response["Error"]
    status = error.response["ResponseMetadata"].get("HTTPStatusCode")
    return f"{details.get('Message')} (Service: S3, Status Code: {status}, Error Code: {details.get('Code')})"
