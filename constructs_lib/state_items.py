"""What a Distributed Map iterates over when it isn't in S3: an array in the state's input, or the pairs of an object.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html#itemsource-json-array
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_cdk import Token
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib._checks import is_expression, is_token, usage_error
from constructs_lib._lambda_task import jsonata
from constructs_lib.object_source import check_max_items

if TYPE_CHECKING:
    from constructs import Construct


@dataclass(frozen=True, slots=True)
class StateItems:
    """The items of a map run, out of the state's input, which has 256 KiB at most.

    Example::

        StateItems("$states.input.orders", max_items="$states.input.limit")

    Args:
        items: A JSONata expression of an array or an object, without the `{% %}` around it. An element is an item as it
            is, a pair of an object is the item `{"Key": …, "Value": …}`.
        max_items: Stops after so many items; a string is a JSONata expression, without the `{% %}` around it. Omitted:
            all items. Step Functions has no such field here: it becomes part of the expression.

    """

    items: str
    max_items: int | str | None = field(default=None, kw_only=True)

    def check(self, construct: "Construct") -> None:
        """Raise ValueError for items that aren't an expression."""
        if not is_expression(self.items):
            raise usage_error(
                construct,
                "source",
                self.items,
                allowed="StateItems of a JSONata expression without the {% %} around it",
                fix='Use such as StateItems("$states.input.orders").',
            )
        check_max_items(construct, self.max_items)

    @property
    def item_key(self) -> None:
        """No path of a key: an item names no object."""
        return

    def provide(self) -> sfn.ProvideItems:
        """Return the Items field of the ASL."""
        if self.max_items is None:
            return sfn.ProvideItems.jsonata(jsonata(self.items))
        most = Token.as_string(self.max_items) if is_token(self.max_items) else self.max_items
        # The names are hardly those of a workflow's variables.
        kept = f"$_all := {self.items}; $_isKept := function($item, $index) {{ $index < ({most}) }}"
        # An array also of one item or none, where JSONata has the item itself or nothing; an object of none likewise.
        elements = "$append([], $filter($_all, $_isKept)[])"
        pairs = "$merge($append([{}], $filter($keys($_all), $_isKept).{$: $lookup($_all, $)}))"
        return sfn.ProvideItems.jsonata(jsonata(f"({kept}; $type($_all) = 'object' ? {pairs} : {elements})"))
