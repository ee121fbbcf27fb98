"""What a Distributed Map iterates over: the objects of a bucket listed by prefix, or the rows of a CSV object.

CDK's own readers can't do what is needed here: `MaxItems` as an expression, and permissions for the key or prefix
alone instead of the whole bucket. Permissions: https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsii
from aws_cdk import Aws, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib._checks import check_integer, usage_error
from constructs_lib._lambda_task import jsonata

if TYPE_CHECKING:
    from constructs import Construct

MAX_ITEMS = 100_000_000
"""Step Functions reads at most this many items in one map run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyExpression:
    """A key or prefix that is known only when the execution runs.

    `jsonata` is the expression, without the `{% %}` around it. `pattern` matches every key that it can yield (`*` for
    any text, slashes included): permissions are granted for it.

    Example:
        KeyExpression(jsonata="'runs/' & $states.context.Execution.Name & '/objects.csv'", pattern="runs/*/objects.csv")

    """

    jsonata: str
    pattern: str


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


@jsii.implements(sfn.IItemReader)
class ObjectSource:
    """The items of a map run, each of which names one object. Make one with `from_listing` or `from_csv`.

    It is an item reader: a plain `sfn.DistributedMap` takes it, too. `item_key` is the JSONata path of an item's key.
    """

    def __init__(
        self,
        bucket: s3.IBucket,
        *,
        api: str,
        arguments: Mapping[str, str],
        reader_config: Mapping[str, Any],
        statements: list[iam.PolicyStatement],
        item_key: str,
        max_items: int | str | None,
    ) -> None:
        """Prefer `from_listing` and `from_csv`: they know which arguments and permissions go together."""
        self._bucket = bucket
        self._api = api
        self._arguments = arguments
        self._reader_config = reader_config
        self._statements = statements
        self._max_items = max_items
        self.item_key = item_key

    @classmethod
    def from_listing(
        cls, bucket: s3.IBucket, *, prefix: str = "", max_items: int | str | None = None
    ) -> "ObjectSource":
        """Every object of `bucket` under `prefix` (default: all of them), as `listObjectsV2` gives them.

        Step Functions lists a bucket of its own account and Region only. `max_items` stops after so many objects; a
        string is a JSONata expression, without the `{% %}` around it. Omitted: all objects.
        """
        statement = iam.PolicyStatement(actions=["s3:ListBucket"], resources=[bucket.bucket_arn])
        if prefix:
            statement.add_condition("StringEquals", {"s3:prefix": prefix})
        return cls(
            bucket,
            api="listObjectsV2",
            arguments={"Prefix": prefix} if prefix else {},
            reader_config={},
            statements=[statement],
            item_key="$states.context.Map.Item.Value.Key",
            max_items=max_items,
        )

    @classmethod
    def from_csv(
        cls, bucket: s3.IBucket, *, key: str | KeyExpression, column: str = "key", max_items: int | str | None = None
    ) -> "ObjectSource":
        """Every row of the CSV object `key`, whose first row names the columns; `column` holds the objects' keys.

        `max_items` stops after so many rows; a string is a JSONata expression, without the `{% %}` around it.
        Omitted: all rows.

        Raises:
            ValueError: for a column that JSONata can't name.

        """
        if not column or "`" in column:
            raise usage_error(
                "ObjectSource.from_csv", "column", column, allowed="a name without a backtick", fix="Rename the column."
            )
        return cls(
            bucket,
            api="getObject",
            arguments={"Key": key_value(key)},
            reader_config={"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            statements=[
                iam.PolicyStatement(actions=["s3:GetObject"], resources=[bucket.arn_for_objects(key_pattern(key))]),
                *key_statements(bucket, "kms:Decrypt"),
            ],
            item_key=f"$states.context.Map.Item.Value.`{column}`",
            max_items=max_items,
        )

    def check(self, construct: "Construct") -> None:
        """Raise ValueError for a source that Step Functions can't read from the stack of `construct`."""
        if self._max_items is not None and not isinstance(self._max_items, str):
            check_integer(
                construct, "max_items", self._max_items, low=1, high=MAX_ITEMS, fix="Leave it out for every item."
            )
        if self._api != "listObjectsV2":
            return
        stack = Stack.of(construct)
        places = (
            ("Region", self._bucket.env.region, stack.region),
            ("account", self._bucket.env.account, stack.account),
        )
        for place, of_bucket, of_stack in places:
            if not Token.is_unresolved(of_bucket) and not Token.is_unresolved(of_stack) and of_bucket != of_stack:
                raise usage_error(
                    construct,
                    "source",
                    f"a bucket of {place} {of_bucket}",
                    allowed=f"a bucket of the stack's own {place}, {of_stack} (Step Functions lists no other)",
                    fix="Deploy the stack there, or read an index of its keys: ObjectSource.from_csv.",
                )

    @property
    def bucket(self) -> s3.IBucket:
        """The bucket that is listed, or that holds the CSV object."""
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
        """Return no error: `check` has raised them all."""
        return []
