"""One item of a Map Run, with where it comes from, and the error of a source that can't be read."""

from typing import Any, NamedTuple

STATE_DATA = "STATE_DATA"
"""The source of items that come from the state's input."""


class ItemReaderError(Exception):
    """The items can't be read; the message is the cause of `States.ItemReaderFailed`."""


class Item(NamedTuple):
    """One item.

    Args:
        value: any JSON.
        source: `$states.context.Map.Item.Source`: STATE_DATA, or the S3 URI of the object that it was read from
            (of the bucket alone, where the item describes an object).
        key: the name, where the item is a pair of a JSON object.

    """

    value: Any
    source: str = STATE_DATA
    key: str | None = None

    @property
    def input(self) -> Any:
        """What a child gets when no ItemSelector makes it something else.

        That a pair is `{"Key": …, "Value": …}` isn't documented; AWS was seen to do it:
        https://github.com/floci-io/floci/pull/1588
        """
        return self.value if self.key is None else {"Key": self.key, "Value": self.value}

    def context(self, index: int) -> dict[str, Any]:
        """`Map.Item` of the context object while the item is selected.

        https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html#contextobject-map
        """
        key = {} if self.key is None else {"Key": self.key}
        return {"Index": index, **key, "Value": self.value, "Source": self.source}


def s3_uri(bucket: str, key: str = "") -> str:
    """An object's URI, or a bucket's, as `Source` has it."""
    return f"S3://{bucket}/{key}" if key else f"S3://{bucket}"
