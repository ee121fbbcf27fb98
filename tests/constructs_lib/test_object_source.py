from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Stack, Token
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from jsonata import Jsonata
from syrupy.extensions.json import JSONSnapshotExtension

from constructs_lib import ItemFormat, KeyExpression, ObjectSource
from tests.cdk import make_app, readable, resources, shown, statements_of, template_of
from tests.constructs_lib.item_sources import (
    BATCH_BYTES,
    BATCH_INPUT,
    KEY,
    LIST_OBJECTS,
    MOST,
    SELECTOR,
    SOURCES,
    stack_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from syrupy.assertion import SnapshotAssertion

sources = pytest.mark.parametrize("name", SOURCES)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """The template of all sources, with the buckets' logical ids as their constructs'."""
    made = template_of(stack_of({name: source.make for name, source in SOURCES.items()}))
    text = json.dumps(made)
    for logical_id in resources(made, "AWS::S3::Bucket"):
        text = text.replace(logical_id, logical_id[:-8])
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def test_should_be_what_was_last_reviewed(template: dict[str, Any], snapshot: SnapshotAssertion) -> None:
    """Every source in one snapshot; after a change on purpose: `make snapshots`, and read the difference."""
    assert snapshot.use_extension(JSONSnapshotExtension) == readable(template)


@sources
def test_should_be_the_reader_that_step_functions_documents(template: dict[str, Any], name: str) -> None:
    source = SOURCES[name]
    (definition,) = (
        json.loads(shown(machine["DefinitionString"]))
        for machine in resources(template, "AWS::StepFunctions::StateMachine").values()
        if machine["StateMachineName"] == name.replace(" ", "-")
    )
    by_count, by_bytes = (definition["States"][f"{name} by {kind}"] for kind in ("count", "bytes"))
    assert by_count["ItemReader"] == {
        "Resource": source.api,
        "ReaderConfig": {**source.reader, "MaxItems": f"{{% {MOST} %}}"},
        "Arguments": {"Bucket": "${Data}", "Prefix" if source.api == LIST_OBJECTS else "Key": f"{{% {KEY} %}}"},
    }
    assert by_count["ItemSelector"] == SELECTOR
    assert by_count["ItemBatcher"] == {"MaxItemsPerBatch": 2, "BatchInput": BATCH_INPUT}
    assert by_bytes["ItemBatcher"] == {"MaxInputBytesPerBatch": BATCH_BYTES}
    # A record is an item as it is.
    assert ("ItemSelector" in by_bytes) == (name in ("listing", "index", "inventory"))


@sources
def test_should_grant_exactly_what_it_reads(template: dict[str, Any], name: str) -> None:
    source = SOURCES[name]
    role = f"Machine{list(SOURCES).index(name)}Role"
    granted = [
        (statement["Action"], statement["Resource"], statement.get("Condition"))
        for found, statement in statements_of(template)
        if found.startswith(role)
        and not statement["Action"][0].startswith("states:")
        and not statement["Resource"][0].startswith("${Results.")
    ]
    expected: list[tuple[list[str], list[str], Any]] = [
        (["s3:GetObject"], [f"${{{bucket}.Arn}}/{pattern}" for pattern in patterns], None)
        for bucket, patterns in source.may_read.items()
    ]
    if source.may_list is not None:
        condition = {"StringLike": {"s3:prefix": source.may_list}}
        expected.insert(0, (["s3:ListBucket"], ["${Data.Arn}"], condition))
    assert granted == expected


def bucket() -> s3.IBucket:
    return s3.Bucket.from_bucket_name(Stack(make_app(), "Stack"), "Bucket", "objects")


def granted(source: ObjectSource) -> list[Any]:
    statements = [statement.to_statement_json() for statement in source.provide_policy_statements()]
    return list(shown(Stack.of(source.bucket).resolve(statements)))


def test_should_grant_plain_keys_and_prefixes_to_the_letter() -> None:
    objects, lines = "arn:${AWS::Partition}:s3:::objects", ItemFormat.json_lines()
    everything = {"Action": "s3:ListBucket", "Effect": "Allow", "Resource": objects}
    below = everything | {"Condition": {"StringEquals": {"s3:prefix": "2024/"}}}
    assert granted(ObjectSource.from_listing(bucket())) == [everything]
    assert granted(ObjectSource.from_listing(bucket(), prefix="2024/")) == [below]
    assert granted(ObjectSource.from_contents(bucket(), prefix="2024/", item_format=lines)) == [
        below,
        {"Action": "s3:GetObject", "Effect": "Allow", "Resource": f"{objects}/2024/*"},
    ]
    assert granted(ObjectSource.from_file(bucket(), key="a.jsonl", item_format=lines)) == [
        {"Action": "s3:GetObject", "Effect": "Allow", "Resource": f"{objects}/a.jsonl"}
    ]


ENCRYPTED: dict[str, tuple[Callable[[s3.IBucket, s3.IBucket], ObjectSource], list[str]]] = {
    # Listing a bucket decrypts nothing.
    "listing": (lambda data, other: ObjectSource.from_listing(data), []),
    "index": (lambda data, other: ObjectSource.from_csv(data, key="k"), ["DataKey"]),
    "file": (lambda data, other: ObjectSource.from_file(data, key="k", item_format=ItemFormat.parquet()), ["DataKey"]),
    "contents": (lambda data, other: ObjectSource.from_contents(data, item_format=ItemFormat.csv()), ["DataKey"]),
    "inventory": (
        lambda data, other: ObjectSource.from_inventory(data, manifest_key="a/b/c/manifest.json"),
        ["DataKey"],
    ),
    "athena": (
        lambda data, other: ObjectSource.from_athena(
            data, manifest_key="k", data_prefix="p/", item_format=ItemFormat.parquet()
        ),
        ["DataKey"],
    ),
    "athena, elsewhere": (
        lambda data, other: ObjectSource.from_athena(
            data, manifest_key="k", data_prefix="p/", data_bucket=other, item_format=ItemFormat.parquet()
        ),
        ["DataKey", "OtherKey"],
    ),
}


@pytest.mark.parametrize("name", ENCRYPTED)
def test_should_grant_the_keys_of_what_it_reads(name: str) -> None:
    stack = Stack(make_app(), "Stack")
    data, other = (
        s3.Bucket(stack, bucket, encryption_key=kms.Key(stack, f"{bucket}Key")) for bucket in ("Data", "Other")
    )
    make, keys = ENCRYPTED[name]
    decrypts = [
        re.sub(r"\$\{(\w+)\w{8}\.Arn\}", r"\1", each["Resource"])
        for each in granted(make(data, other))
        if each["Action"] == "kms:Decrypt"
    ]
    assert decrypts == keys


@pytest.mark.parametrize("column", ["key", "object key", "and", "größe"])
def test_should_name_any_column(column: str) -> None:
    value = {column: "2024/1.csv"}
    assert evaluated(ObjectSource.from_csv(bucket(), key="k", column=column), value) == "2024/1.csv"


@pytest.mark.parametrize(("written", "key"), [("a/b.jpg", "a/b.jpg"), ("my+cat%2B1%25.jpg", "my cat+1%.jpg")])
def test_should_decode_the_keys_of_an_inventory(written: str, key: str) -> None:
    source = ObjectSource.from_inventory(bucket(), manifest_key="a/b/c/manifest.json")
    assert evaluated(source, {"Key": written}) == key


def evaluated(source: ObjectSource, value: object) -> object:
    """The key that `item_key` finds in an item."""
    expression = Jsonata(str(source.item_key))
    frame = expression.create_frame()
    frame.bind("states", {"context": {"Map": {"Item": {"Value": value}}}})
    return expression.evaluate(None, frame)


MANIFEST = (
    r"manifest_key is {}; allowed: <source bucket>/<configuration>/<time>/manifest\.json, after a prefix or none\. "
)
FORMATS = r"allowed: ItemFormat\.csv\(headers=…\), ItemFormat\.json_lines\(\), ItemFormat\.parquet\(\)\. "


def athena(item_format: Any, **more: Any) -> ObjectSource:
    return ObjectSource.from_athena(bucket(), manifest_key="k", data_prefix="p/", item_format=item_format, **more)


def inventory(manifest_key: str | KeyExpression) -> ObjectSource:
    return ObjectSource.from_inventory(bucket(), manifest_key=manifest_key)


BAD: list[tuple[Callable[[], object], str]] = [
    (lambda: ObjectSource.from_csv(bucket(), key="k", column=""), "from_csv: column is ''; allowed: a name without a"),
    (lambda: ObjectSource.from_csv(bucket(), key="k", column="a`b"), "from_csv: column is 'a`b'; allowed: a name"),
    (
        lambda: ObjectSource.from_csv(bucket(), key="k", headers=["a", "b"]),
        "from_csv: column is 'key'; allowed: a, b. ",
    ),
    (
        lambda: ObjectSource.from_csv(bucket(), key="k", delimiter=","),
        "from_csv: delimiter is ','; allowed: COMMA, PIPE",
    ),
    (lambda: ObjectSource.from_listing("b"), "from_listing: bucket is 'b'; allowed: a bucket. "),  # type: ignore[arg-type]
    (
        lambda: athena("CSV"),
        "from_athena: item_format is 'CSV'; allowed: ItemFormat. Use such as ItemFormat.json_lines",
    ),
    (
        lambda: ObjectSource.from_contents(bucket(), item_format=ItemFormat.json(items_pointer="/a")),
        "from_contents: item_format is 'JSON with an items_pointer'; allowed: formats without one",
    ),
    (lambda: inventory("manifest.json"), MANIFEST.format(r"'manifest\.json'")),
    (lambda: inventory("a/b/c/manifest.checksum"), MANIFEST.format(r"'a/b/c/manifest\.checksum'")),
    (
        lambda: inventory(KeyExpression(jsonata="$k", pattern="*/manifest.json")),
        MANIFEST.format(r"'\*/manifest\.json'"),
    ),
    (lambda: inventory(Token.as_string({"Ref": "Key"})), MANIFEST.format("a value known at deployment only")),
    (lambda: athena(ItemFormat.json()), f"from_athena: item_format is 'JSON'; {FORMATS}"),
    (lambda: athena(ItemFormat.csv()), f"from_athena: item_format is 'CSV without headers'; {FORMATS}"),
    (lambda: athena(ItemFormat.parquet(), data_bucket="b"), "from_athena: data_bucket is 'b'; allowed: a bucket. "),
    (
        lambda: ItemFormat.csv(delimiter="COLON"),
        "ItemFormat.csv: delimiter is 'COLON'; allowed: COMMA, PIPE, SEMICOLON",
    ),
    (lambda: ItemFormat.csv(headers=[]), r"ItemFormat.csv: headers is \[\]; allowed: a list of different names. "),
    (lambda: ItemFormat.csv(headers="a,b"), "ItemFormat.csv: headers is 'a,b'; allowed: a list of different names. "),
    (lambda: ItemFormat.csv(headers=["a", "a"]), r"headers is \['a', 'a'\]; allowed: a list of different names. "),
    (lambda: ItemFormat.csv(headers=["x" * 9_999, "y" * 999]), "headers is '2 names'; allowed: 10,240 bytes. "),
    (lambda: ItemFormat.json(items_pointer="a.b"), "ItemFormat.json: items_pointer is 'a.b'; allowed: a JSON Pointer"),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=[message[:40] for _, message in BAD])
def test_should_refuse_what_aws_would_refuse_or_misread(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert re.match(r"(ObjectSource|ItemFormat)\.\w+: ", str(caught.value))
    assert "\n" not in str(caught.value)
