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


def test_should_take_all_of_a_bucket_when_told_so() -> None:
    """No prefix is all keys, and so is the pattern `*`: of these two only."""
    objects, lines = "arn:${AWS::Partition}:s3:::objects", ItemFormat.json_lines()
    read = {"Action": "s3:GetObject", "Effect": "Allow", "Resource": f"{objects}/*"}
    everything = {"Action": "s3:ListBucket", "Effect": "Allow", "Resource": objects}
    contents = [ObjectSource.from_contents(bucket(), item_format=lines, **prefix) for prefix in ({}, {"prefix": ""})]
    assert [granted(source) for source in contents] == [[everything, read]] * 2
    key = KeyExpression(jsonata="$states.input.key", pattern="*")
    assert granted(ObjectSource.from_file(bucket(), key=key, item_format=lines)) == [read]


def test_should_take_keys_and_prefixes_that_are_known_at_deployment_only() -> None:
    objects, lines = "arn:${AWS::Partition}:s3:::objects", ItemFormat.json_lines()
    token = Token.as_string({"Ref": "Folder"})
    source = ObjectSource.from_contents(bucket(), prefix=f"{token}/{token}/", item_format=lines)
    assert [statement["Resource"] for statement in granted(source)] == [objects, f"{objects}/${{Folder}}/${{Folder}}/*"]
    assert granted(ObjectSource.from_csv(bucket(), key=token))[0]["Resource"] == f"{objects}/${{Folder}}"
    pattern = KeyExpression(jsonata="$states.input.key", pattern=f"{token}/*")
    assert granted(ObjectSource.from_csv(bucket(), key=pattern))[0]["Resource"] == f"{objects}/${{Folder}}/*"
    athena_source = ObjectSource.from_athena(bucket(), manifest_key=token, data_prefix=token, item_format=lines)
    assert granted(athena_source)[0]["Resource"] == [f"{objects}/${{Folder}}", f"{objects}/${{Folder}}*"]
    assert ItemFormat.json(items_pointer=token).reader_config["ItemsPointer"] == token


@pytest.mark.parametrize("key", ["k" * 1_024, "größe $5 {a} ~!.csv", "/a//b/", "é" * 512])
def test_should_take_any_key_that_s3_and_iam_mean_alike(key: str) -> None:
    source = ObjectSource.from_csv(bucket(), key=key)
    assert source.render()["Arguments"]["Key"] == key
    assert granted(source)[0]["Resource"] == f"arn:${{AWS::Partition}}:s3:::objects/{key}"


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


@pytest.mark.parametrize("pointer", ["/a~0b/c~1d", "/", "/größe/0"])
def test_should_take_any_json_pointer(pointer: str) -> None:
    assert ItemFormat.json(items_pointer=pointer).reader_config["ItemsPointer"] == pointer


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
    given = {"manifest_key": "k", "data_prefix": "p/"} | more
    return ObjectSource.from_athena(bucket(), item_format=item_format, **given)


def inventory(manifest_key: str | KeyExpression) -> ObjectSource:
    return ObjectSource.from_inventory(bucket(), manifest_key=manifest_key)


def file(key: Any, item_format: ItemFormat | None = None) -> ObjectSource:
    return ObjectSource.from_file(bucket(), key=key, item_format=item_format or ItemFormat.json_lines())


def listing(**arguments: Any) -> ObjectSource:
    return ObjectSource.from_listing(bucket(), **arguments)


def contents(prefix: Any) -> ObjectSource:
    return ObjectSource.from_contents(bucket(), prefix=prefix, item_format=ItemFormat.json_lines())


def expression(jsonata: Any = "$k", pattern: Any = "a/*") -> KeyExpression:
    return KeyExpression(jsonata=jsonata, pattern=pattern)


BYTES = r"; allowed: 1 to 1,024 bytes of text\. "
WILDCARD = r"; allowed: a text without \* and \? .*Use KeyExpression"
VARIABLE = r"; allowed: a text without \$\{, which begins a variable of IAM and of CloudFormation\. .*token"
JSONATA = r"; allowed: a JSONata expression without the \{% %\} around it\. "
POINTER = "; allowed: a JSON Pointer such as '/inventory/products', in a name ~0 for ~ and ~1 for /. "
PARQUET = r"; allowed: of Parquet, one that doesn't end in \.gz or \.zstd .*Compress inside the file"
WHOLE_BUCKET = "Leave it out for the whole bucket."

BAD: list[tuple[Callable[[], object], str]] = [
    (lambda: file(""), f"from_file: key is ''{BYTES}"),
    (lambda: file(5), f"from_file: key is 5{BYTES}"),
    (lambda: file("a\ud800"), rf"from_file: key is 'a\\ud800'{BYTES}"),
    (lambda: file("k" * 1_025), f"from_file: key is '1,025 bytes'{BYTES}"),
    (lambda: file("é" * 513), f"from_file: key is '1,026 bytes'{BYTES}"),
    (lambda: file("sta*.csv"), rf"from_file: key is 'sta\*\.csv'{WILDCARD}"),
    (lambda: file("{% $states.input.key %}"), r"key is '\{% .*%\}'; allowed: a text, or a KeyExpression\. To Step"),
    (lambda: file("a.parquet.gz", ItemFormat.parquet()), rf"from_file: key is 'a\.parquet\.gz'{PARQUET}"),
    (lambda: file(expression(pattern="*.zstd"), ItemFormat.parquet()), rf"from_file: key is '\*\.zstd'{PARQUET}"),
    (lambda: listing(prefix=None), f"from_listing: prefix is None{BYTES}{WHOLE_BUCKET}"),
    (lambda: listing(prefix="p" * 1_025), f"from_listing: prefix is '1,025 bytes'{BYTES}"),
    (lambda: listing(prefix="${x}/"), rf"from_listing: prefix is '\$\{{x\}}/'{VARIABLE}"),
    (lambda: listing(prefix=Token.as_string({"Ref": "A"}) + "/*"), f"prefix is a value known .* only{WILDCARD}"),
    (lambda: listing(max_items=1.5), r"ObjectSource: max_items is 1\.5; allowed: a whole number"),
    (lambda: listing(max_items=0), r"max_items is 0; allowed: a whole number from 1 to 100,000,000\. "),
    (lambda: listing(max_items=True), "max_items is True; allowed: a whole number"),
    (lambda: listing(max_items={5}), "max_items is of type set; allowed: a whole number"),
    (lambda: listing(max_items="{% 5 %}"), r"max_items is '\{% 5 %\}'; allowed: a number, or a JSONata expression"),
    (lambda: listing(max_items=""), r"max_items is ''; allowed: a number, or a JSONata expression without the \{% %\}"),
    (lambda: contents(False), f"from_contents: prefix is False{BYTES}{WHOLE_BUCKET}"),
    (lambda: contents("a?/"), rf"from_contents: prefix is 'a\?/'{WILDCARD}"),
    (lambda: ObjectSource.from_csv(bucket(), key=""), f"from_csv: key is ''{BYTES}"),
    (lambda: ObjectSource.from_csv(bucket(), key="k", column=5), "from_csv: column is 5; allowed: a name without a"),  # type: ignore[arg-type]
    (lambda: inventory("a/*/c/manifest.json"), rf"from_inventory: manifest_key is 'a/\*/c/manifest\.json'{WILDCARD}"),
    (lambda: inventory(5), f"from_inventory: manifest_key is 5{BYTES}"),  # type: ignore[arg-type]
    (lambda: athena(ItemFormat.parquet(), manifest_key=""), f"from_athena: manifest_key is ''{BYTES}"),
    (lambda: athena(ItemFormat.parquet(), data_prefix=""), f"from_athena: data_prefix is ''{BYTES}Name the folder"),
    (lambda: athena(ItemFormat.parquet(), data_prefix="a*"), rf"from_athena: data_prefix is 'a\*'{WILDCARD}"),
    (lambda: expression(jsonata=""), f"KeyExpression: jsonata is ''{JSONATA}"),
    (lambda: expression(jsonata="{% 'x' %}"), rf"KeyExpression: jsonata is \"\{{% 'x' %\}}\"{JSONATA}"),
    (lambda: expression(jsonata=5), f"KeyExpression: jsonata is 5{JSONATA}"),
    (lambda: expression(pattern=""), f"KeyExpression: pattern is ''{BYTES}For any text use"),
    (lambda: expression(pattern=None), f"KeyExpression: pattern is None{BYTES}"),
    (lambda: expression(pattern="${aws:username}/*"), rf"pattern is '\$\{{aws:username\}}/\*'{VARIABLE}"),
    (lambda: ItemFormat({}), r"ItemFormat: reader_config is \{\}; allowed: a mapping with an InputType of CSV, JSON, "),
    (lambda: ItemFormat.csv(headers=[""]), r"headers is \[''\]; allowed: a list of different names, none empty\. "),
    (lambda: ItemFormat.json(items_pointer="/a~2"), f"ItemFormat.json: items_pointer is '/a~2'{POINTER}"),
    (lambda: ItemFormat.json(items_pointer="/" * 40 + "~"), f"ItemFormat.json: items_pointer is '/+~'{POINTER}"),
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
    (
        lambda: ItemFormat.csv(headers=[]),
        r"ItemFormat.csv: headers is \[\]; allowed: a list of different names, none empty. ",
    ),
    (
        lambda: ItemFormat.csv(headers="a,b"),
        "ItemFormat.csv: headers is 'a,b'; allowed: a list of different names, none empty. ",
    ),
    (
        lambda: ItemFormat.csv(headers=["a", "a"]),
        r"headers is \['a', 'a'\]; allowed: a list of different names, none empty. ",
    ),
    (lambda: ItemFormat.csv(headers=["x" * 9_999, "y" * 999]), "headers is '2 names'; allowed: 10,240 bytes. "),
    (lambda: ItemFormat.json(items_pointer="a.b"), "ItemFormat.json: items_pointer is 'a.b'; allowed: a JSON Pointer"),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=[message[:40] for _, message in BAD])
def test_should_refuse_what_aws_would_refuse_or_misread(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert re.match(r"((ObjectSource|ItemFormat)(\.\w+)?|KeyExpression): ", str(caught.value))
    assert "\n" not in str(caught.value)
