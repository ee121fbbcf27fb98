"""What a Distributed Map iterates over in S3: objects, listed, indexed or in an inventory, or what they hold.

CDK's own readers can't do what is needed here: `MaxItems` as an expression, Parquet, Athena's manifests, the content of
listed objects, and permissions for the key or prefix alone instead of the whole bucket. Fields:
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html, permissions:
https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsii
from aws_cdk import Aws, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib._checks import check_bucket, check_integer, check_kind, is_expression, usage_error
from constructs_lib._lambda_task import jsonata
from constructs_lib.item_format import ItemFormat, csv_config

if TYPE_CHECKING:
    from constructs import Construct

MAX_ITEMS = 100_000_000
"""Step Functions reads at most this many items in one map run."""

_MAX_KEY_BYTES = 1024
"""Of UTF-8: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""

_TOKEN = re.compile(r"\$\{Token\[[^\]]*\]\}")
"""What stands in a text for a value that is known at deployment only."""

_COMPRESSED = (".gz", ".zstd")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyExpression:
    """A key or prefix that is known only when the execution runs.

    `jsonata` is the expression, without the `{% %}` around it. `pattern` matches every key that it can yield (`*` for
    any text, slashes included; `?` for one character): permissions are granted for it. `*` alone is the whole bucket.

    Example::

        KeyExpression(jsonata="'runs/' & $states.context.Execution.Name & '/objects.csv'", pattern="runs/*/objects.csv")

    Raises:
        ValueError: for a `jsonata` that isn't an expression without the `{% %}` around it, or a `pattern` that is empty
            or has a variable of IAM or CloudFormation in it.

    """

    jsonata: str
    pattern: str

    def __post_init__(self) -> None:
        if not is_expression(self.jsonata):
            raise usage_error(
                "KeyExpression",
                "jsonata",
                self.jsonata,
                allowed="a JSONata expression without the {% %} around it",
                fix="""Use such as jsonata="'runs/' & $states.input.run".""",
            )
        _check_text("KeyExpression", "pattern", self.pattern, fix="For any text use *, for one character ?.")


def check_key(
    where: "Construct | str",
    argument: str,
    key: object,
    *,
    fix: str = "For one that is known only when the execution runs, use KeyExpression.",
) -> None:
    """Raise ValueError unless `key` is a key or prefix that Step Functions, IAM and S3 take for the same objects."""
    if isinstance(key, KeyExpression):
        return
    if isinstance(key, str) and key.lstrip().startswith("{%"):
        fix = "To Step Functions it is JSONata: use KeyExpression(jsonata=…, pattern=…)."
        raise usage_error(where, argument, key, allowed="a text, or a KeyExpression", fix=fix)
    text = _check_text(where, argument, key, fix=fix)
    if "*" in text or "?" in text:
        raise usage_error(
            where,
            argument,
            key,
            allowed="a text without * and ? (to IAM they are any text, to S3 themselves)",
            fix="Use KeyExpression, whose pattern may have them.",
        )


def _check_text(where: "Construct | str", argument: str, key: object, *, fix: str) -> str:
    """Return what is known of `key` at synth."""
    allowed = f"1 to {_MAX_KEY_BYTES:,} bytes of text"
    if not isinstance(key, str) or not key or re.search(r"[\ud800-\udfff]", key):
        raise usage_error(where, argument, key, allowed=allowed, fix=fix)
    text = _TOKEN.sub("", key)
    size = len(text.encode())
    if size > _MAX_KEY_BYTES:
        raise usage_error(where, argument, f"{size:,} bytes", allowed=allowed, fix="S3 has no longer keys.")
    if "${" in text:
        raise usage_error(
            where,
            argument,
            text,
            allowed="a text without ${, which begins a variable of IAM and of CloudFormation",
            fix="For a value of the stack use its token, such as parameter.value_as_string or Fn.sub(…).",
        )
    return text


def key_value(key: str | KeyExpression) -> str:
    """Return `key` as the value of an ASL field."""
    return jsonata(key.jsonata) if isinstance(key, KeyExpression) else key


def key_pattern(key: str | KeyExpression) -> str:
    """Return the pattern that permissions for `key` are granted for."""
    return key.pattern if isinstance(key, KeyExpression) else key


def key_statements(bucket: s3.IBucket, *actions: str) -> list[iam.PolicyStatement]:
    """Return what the role needs for the bucket's own KMS key; nothing for a bucket without one."""
    if bucket.encryption_key is None:
        return []
    return [iam.PolicyStatement(actions=list(actions), resources=[bucket.encryption_key.key_arn])]


def _read_statements(bucket: s3.IBucket, *patterns: str) -> list[iam.PolicyStatement]:
    """What the role needs to read the objects of these patterns."""
    return [
        iam.PolicyStatement(actions=["s3:GetObject"], resources=[bucket.arn_for_objects(key) for key in patterns]),
        *key_statements(bucket, "kms:Decrypt"),
    ]


def _list_statement(bucket: s3.IBucket, prefix: str | KeyExpression) -> iam.PolicyStatement:
    """What the role needs to list `prefix`, and nothing else of the bucket."""
    statement = iam.PolicyStatement(actions=["s3:ListBucket"], resources=[bucket.bucket_arn])
    if prefix:
        operator = "StringLike" if isinstance(prefix, KeyExpression) else "StringEquals"
        statement.add_condition(operator, {"s3:prefix": key_pattern(prefix)})
    return statement


def _below(prefix: str | KeyExpression) -> str:
    """The pattern of all keys with this prefix."""
    return f"{key_pattern(prefix).rstrip('*')}*"


def _check_prefix(where: str, prefix: object) -> None:
    if prefix != "":
        check_key(where, "prefix", prefix, fix="Leave it out for the whole bucket.")


def _prefix_argument(prefix: str | KeyExpression) -> Mapping[str, str]:
    return {"Prefix": key_value(prefix)} if prefix else {}


def _format_config(where: str, item_format: ItemFormat) -> Mapping[str, Any]:
    check_kind(where, "item_format", item_format, ItemFormat, fix="Use such as ItemFormat.json_lines().")
    return item_format.reader_config


def check_max_items(where: "Construct | str", value: int | str | None) -> None:
    """Raise ValueError unless `value` is a number of items, an expression, or None."""
    if value is None:
        return
    if not isinstance(value, str):
        check_integer(where, "max_items", value, low=1, high=MAX_ITEMS, fix="Leave it out for every item.")
    elif not is_expression(value):
        raise usage_error(
            where,
            "max_items",
            value,
            allowed="a number, or a JSONata expression without the {% %} around it",
            fix="Leave it out for every item.",
        )


@jsii.implements(sfn.IItemReader)
class ObjectSource:
    """The items of a map run, read from S3. Make one with one of the `from_` methods.

    An item names an object (`from_listing`, `from_csv`, `from_inventory`) or is what an object holds (`from_file`,
    `from_contents`, `from_athena`). Step Functions reads buckets of its own Region only, and lists those of its own
    account only. Each source brings the permissions that it needs: for its keys and prefixes, and for the buckets' own
    KMS keys.

    A key or prefix is text without `*`, `?` and `${`, which IAM and CloudFormation would take for more than themselves,
    or a `KeyExpression`.

    Each takes `max_items`: the map stops reading after so many. A string is a JSONata expression, without the `{% %}`
    around it. Omitted: all items, of which Step Functions reads 100 million.

    It is an item reader: a plain `sfn.DistributedMap` takes it, too. `item_key` is the JSONata expression of the key of
    an item's object, or None where it names none.
    """

    def __init__(
        self,
        bucket: s3.IBucket,
        *,
        api: str,
        arguments: Mapping[str, str],
        reader_config: Mapping[str, Any],
        statements: list[iam.PolicyStatement],
        item_key: str | None,
        max_items: int | str | None,
        data_bucket: s3.IBucket | None = None,
    ) -> None:
        """Prefer the `from_` methods: they know which arguments and permissions go together."""
        check_max_items("ObjectSource", max_items)
        self._bucket = bucket
        self._data_bucket = data_bucket
        self._api = api
        self._arguments = arguments
        self._reader_config = reader_config
        self._statements = statements
        self._max_items = max_items
        self.item_key = item_key

    @classmethod
    def from_listing(
        cls, bucket: s3.IBucket, *, prefix: str | KeyExpression = "", max_items: int | str | None = None
    ) -> "ObjectSource":
        """Every object of `bucket` under `prefix` (default: all of them), as `listObjectsV2` gives them.

        An item is `{"Key": …, "Size": …, "Etag": …, "LastModified": …, "StorageClass": …}`, also of each folder that
        the S3 console made.
        """
        where = "ObjectSource.from_listing"
        check_bucket(where, "bucket", bucket)
        _check_prefix(where, prefix)
        return cls(
            bucket,
            api="listObjectsV2",
            arguments=_prefix_argument(prefix),
            reader_config={},
            statements=[_list_statement(bucket, prefix)],
            item_key="$states.context.Map.Item.Value.Key",
            max_items=max_items,
        )

    @classmethod
    def from_csv(
        cls,
        bucket: s3.IBucket,
        *,
        key: str | KeyExpression,
        column: str = "key",
        headers: Sequence[str] | None = None,
        delimiter: str = "COMMA",
        max_items: int | str | None = None,
    ) -> "ObjectSource":
        """Every row of the CSV object `key`, an index; `column` holds the objects' keys.

        `headers` and `delimiter` are those of `ItemFormat.csv`; headers omitted: the first row names the columns.

        Raises:
            ValueError: for a column that JSONata can't name or the headers don't have, or as `ItemFormat.csv`.

        """
        where = "ObjectSource.from_csv"
        check_key(where, "key", key)
        if not isinstance(column, str) or not column or "`" in column:
            raise usage_error(where, "column", column, allowed="a name without a backtick", fix="Rename the column.")
        config = csv_config(where, headers, delimiter)
        if headers is not None and column not in headers:
            raise usage_error(where, "column", column, allowed=", ".join(headers), fix="Name the one with the keys.")
        return cls._of_object(
            where,
            bucket,
            key=key,
            reader_config=config,
            item_key=f"$states.context.Map.Item.Value.`{column}`",
            max_items=max_items,
        )

    @classmethod
    def from_file(
        cls,
        bucket: s3.IBucket,
        *,
        key: str | KeyExpression,
        item_format: ItemFormat,
        max_items: int | str | None = None,
    ) -> "ObjectSource":
        """Every item in the object `key`: its rows, lines or elements, whatever they are, as `item_format` says.

        The object may have 10 GB, an item 8 MB if an item_selector brings it below 256 KiB.

        Raises:
            ValueError: for Parquet in an object whose key ends in `.gz` or `.zstd`.

        """
        where = "ObjectSource.from_file"
        config = _format_config(where, item_format)
        check_key(where, "key", key)
        if config["InputType"] == "PARQUET" and key_pattern(key).endswith(_COMPRESSED):
            raise usage_error(
                where,
                "key",
                key_pattern(key),
                allowed="of Parquet, one that doesn't end in .gz or .zstd (Step Functions doesn't decompress it)",
                fix="Compress inside the file: GZIP, ZSTD and Snappy are read.",
            )
        return cls._of_object(where, bucket, key=key, reader_config=config, item_key=None, max_items=max_items)

    @classmethod
    def from_contents(
        cls,
        bucket: s3.IBucket,
        *,
        prefix: str | KeyExpression = "",
        item_format: ItemFormat,
        max_items: int | str | None = None,
    ) -> "ObjectSource":
        """Every item in every object under `prefix` (default: of the bucket), one object after the other.

        All objects are of one `item_format`. A prefix should end in a slash: `2024` is that of `20240/` too. Step
        Functions promises no order of the objects.

        Raises:
            ValueError: for JSON with an items_pointer, which AWS documents for one object only.

        """
        where = "ObjectSource.from_contents"
        check_bucket(where, "bucket", bucket)
        _check_prefix(where, prefix)
        config = _format_config(where, item_format)
        if "ItemsPointer" in config:
            raise usage_error(
                where,
                "item_format",
                "JSON with an items_pointer",
                allowed="formats without one (AWS documents it for one object only)",
                fix="Use ObjectSource.from_file, or write the items on top.",
            )
        return cls(
            bucket,
            api="listObjectsV2",
            arguments=_prefix_argument(prefix),
            reader_config={**config, "Transformation": "LOAD_AND_FLATTEN"},
            statements=[_list_statement(bucket, prefix), *_read_statements(bucket, _below(prefix))],
            item_key=None,
            max_items=max_items,
        )

    @classmethod
    def from_inventory(
        cls, bucket: s3.IBucket, *, manifest_key: str | KeyExpression, max_items: int | str | None = None
    ) -> "ObjectSource":
        """Every object in an S3 Inventory, in CSV: `bucket` holds the inventory, and `manifest_key` is its manifest's.

        A manifest lies at `<prefix>/<source bucket>/<configuration>/<time>/manifest.json`, its data beside the times,
        below `data/`. An item has what the inventory was configured with, all of it text: `{"Bucket": …, "Key": …,
        "Size": …}`. S3 writes keys URL-encoded there; `item_key` decodes them (inferred: Step Functions doesn't).

        Raises:
            ValueError: for a key that is no manifest's.

        """
        where = "ObjectSource.from_inventory"
        check_key(where, "manifest_key", manifest_key)
        pattern = key_pattern(manifest_key)
        folders = [] if Token.is_unresolved(pattern) else pattern.split("/")
        if len(folders) < 4 or folders[-1] != "manifest.json":
            raise usage_error(
                where,
                "manifest_key",
                pattern,
                allowed="<source bucket>/<configuration>/<time>/manifest.json, after a prefix or none",
                fix="For a time that is known only at run time, use KeyExpression with * in its place.",
            )
        return cls._of_object(
            where,
            bucket,
            key=manifest_key,
            reader_config={"InputType": "MANIFEST"},
            # A space is a plus there: https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html
            item_key="$decodeUrlComponent($replace($states.context.Map.Item.Value.Key, '+', ' '))",
            max_items=max_items,
            data=(bucket, "/".join([*folders[:-2], "data", "*"])),
        )

    @classmethod
    def from_athena(
        cls,
        bucket: s3.IBucket,
        *,
        manifest_key: str | KeyExpression,
        data_prefix: str | KeyExpression,
        item_format: ItemFormat,
        data_bucket: s3.IBucket | None = None,
        max_items: int | str | None = None,
    ) -> "ObjectSource":
        """Every item in every file that Athena's UNLOAD wrote, by the manifest that it left.

        `manifest_key` is `<result location>/<query id>-manifest.csv` in `bucket`; the files lie below `data_prefix`,
        where UNLOAD was told to write, in `data_bucket` (omitted: in `bucket`). Formats are CSV, JSON Lines (Athena's
        JSON) and Parquet.

        Raises:
            ValueError: for JSON, or for CSV without headers: UNLOAD writes no header row.

        """
        where = "ObjectSource.from_athena"
        config = _format_config(where, item_format)
        if config["InputType"] == "JSON" or config.get("CSVHeaderLocation") == "FIRST_ROW":
            given = "JSON" if config["InputType"] == "JSON" else "CSV without headers"
            raise usage_error(
                where,
                "item_format",
                given,
                allowed="ItemFormat.csv(headers=…), ItemFormat.json_lines(), ItemFormat.parquet()",
                fix="UNLOAD writes JSON as lines, and CSV without a header row.",
            )
        check_key(where, "manifest_key", manifest_key)
        check_key(where, "data_prefix", data_prefix, fix="Name the folder that UNLOAD was told to write to.")
        check_bucket(where, "bucket", bucket)
        holder = bucket if data_bucket is None else data_bucket
        check_bucket(where, "data_bucket", holder)
        return cls._of_object(
            where,
            bucket,
            key=manifest_key,
            reader_config={**config, "ManifestType": "ATHENA_DATA"},
            item_key=None,
            max_items=max_items,
            data=(holder, _below(data_prefix)),
        )

    @classmethod
    def _of_object(
        cls,
        where: str,
        bucket: s3.IBucket,
        *,
        key: str | KeyExpression,
        reader_config: Mapping[str, Any],
        item_key: str | None,
        max_items: int | str | None,
        data: tuple[s3.IBucket, str] | None = None,
    ) -> "ObjectSource":
        """The source of one object; `data` is where the objects lie that it names in turn, and their keys' pattern."""
        check_bucket(where, "bucket", bucket)
        data_bucket, data_pattern = data or (None, "")
        patterns, elsewhere = [key_pattern(key)], []
        if data_bucket is bucket:
            patterns.append(data_pattern)
        elif data_bucket is not None:
            elsewhere = _read_statements(data_bucket, data_pattern)
        return cls(
            bucket,
            api="getObject",
            arguments={"Key": key_value(key)},
            reader_config=reader_config,
            statements=[*_read_statements(bucket, *patterns), *elsewhere],
            item_key=item_key,
            max_items=max_items,
            data_bucket=data_bucket,
        )

    def check(self, construct: "Construct") -> None:
        """Raise ValueError for a source that Step Functions can't read from the stack of `construct`."""
        lists = self._api == "listObjectsV2"
        stack = Stack.of(construct)
        for bucket in (self._bucket, self._data_bucket):
            if bucket is None:
                continue
            places = [("Region", bucket.env.region, stack.region)]
            if lists:
                places.append(("account", bucket.env.account, stack.account))
            for place, of_bucket, of_stack in places:
                if not Token.is_unresolved(of_bucket) and not Token.is_unresolved(of_stack) and of_bucket != of_stack:
                    raise usage_error(
                        construct,
                        "source",
                        f"a bucket of {place} {of_bucket}",
                        allowed=f"a bucket of the stack's own {place}, {of_stack} (Step Functions "
                        f"{'lists' if lists else 'reads'} no other)",
                        fix="Deploy the stack there, or read an index of its keys: ObjectSource.from_csv."
                        if lists
                        else "Deploy the stack there.",
                    )

    @property
    def bucket(self) -> s3.IBucket:
        """The bucket that is listed, or that holds the object or manifest."""
        return self._bucket

    @property
    def bucket_name_path(self) -> None:
        """A JSONPath, which a JSONata state machine can't have."""
        return

    @property
    def resource(self) -> str:
        """The S3 API that Step Functions calls, as the ASL names it."""
        return f"arn:{Aws.PARTITION}:states:::s3:{self._api}"

    @property
    def max_items(self) -> int | None:
        """The most items that are read, where it is a number."""
        return self._max_items if isinstance(self._max_items, int) else None

    def render(self, query_language: sfn.QueryLanguage | None = None) -> Mapping[str, Any]:  # noqa: ARG002 - CDK passes it
        """Return the ItemReader field of the ASL; CDK calls this."""
        config = dict(self._reader_config)
        if self._max_items is not None:
            config["MaxItems"] = self._max_items if isinstance(self._max_items, int) else jsonata(self._max_items)
        arguments = {"Bucket": self._bucket.bucket_name, **self._arguments}
        return {"Resource": self.resource, **({"ReaderConfig": config} if config else {}), "Arguments": arguments}

    def provide_policy_statements(self) -> list[iam.PolicyStatement]:
        """Return what the state machine's role needs to read the items; CDK calls this."""
        return self._statements

    def validate_item_reader(self) -> list[str]:
        """Return no error: all that can be known without the stack was raised when the source was made."""
        return []
