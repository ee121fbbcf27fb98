"""CloudWatch's metric math, as far as an alarm can use it: parsed once, evaluated over a range of points.

The syntax is that of https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html; which
operator binds tighter isn't documented: as in other languages.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from constructs_lib.testing.metric_functions import (
    COMPARISONS,
    FUNCTIONS,
    NOT_HERE,
    Kind,
    MetricMathError,
    Node,
    Range,
    and_,
    binary,
    each_point,
    fill,
    or_,
    power,
)
from constructs_lib.testing.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z]\w*)|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/^<>()\[\],]))",
    re.ASCII,
)
_MOST_CHARACTERS = 2048  # of an expression, says MetricDataQuery in the API reference
_MOST_NESTED = 40


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression; `uses` are the ids that it refers to."""

    text: str
    kind: Kind
    uses: frozenset[str]
    _value: Callable[[Range], Any] = field(repr=False, compare=False)

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        metrics: Sequence[str],
        expressions: Mapping[str, Kind] | None = None,
        readings: Readings | None = None,
    ) -> Expression:
        """Parse an expression over the metrics and other expressions of these ids; raises `MetricMathError`."""
        parser = _Parser(text, tuple(metrics), expressions or {}, readings or Readings())
        node = parser.whole()
        return cls(text, node.kind, frozenset(parser.used), node.value)

    def evaluate(self, over: Range) -> Any:
        """Return a series, or the number or list of series that its `kind` says."""
        return self._value(over)


def referred(text: str) -> frozenset[str]:
    """Return the names in an expression that may be ids: those that begin with a lower-case letter."""
    return frozenset(token for kind, token, _ in _tokens(text) if kind == "name" and token[0].islower())


def _tokens(text: str) -> list[tuple[str, str, int]]:
    """The tokens: kind, text and where it begins; the last is the end."""
    if len(text) > _MOST_CHARACTERS:
        raise MetricMathError(f"it has {len(text):,} characters; allowed: {_MOST_CHARACTERS:,}")
    found, at = [], 0
    rest = text.rstrip()
    while at < len(rest):
        match = _TOKEN.match(rest, at)
        if match is None:
            at = len(rest) - len(rest[at:].lstrip())
            raise MetricMathError(f"unexpected {rest[at]!r} at character {at + 1}")
        kind = str(match.lastgroup)
        found.append((kind, match[kind], match.start(kind)))
        at = match.end()
    return [*found, ("end", "the end", len(text))]


class _Parser:
    """Recursive descent; from loose to tight: OR, AND, comparison, + -, * /, unary -, ^."""

    def __init__(
        self, text: str, metrics: tuple[str, ...], expressions: Mapping[str, Kind], readings: Readings
    ) -> None:
        self.metrics, self.expressions, self.readings = metrics, expressions, readings
        self.tokens, self.at, self.depth = _tokens(text), 0, 0
        self.used: set[str] = set()

    def whole(self) -> Node:
        node = self.either()
        if self.kind != "end":
            raise self.unexpected()
        return node

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0]

    @property
    def token(self) -> str:
        return self.tokens[self.at][1]

    def unexpected(self) -> MetricMathError:
        kind, token, at = self.tokens[self.at]
        return MetricMathError(f"unexpected {token if kind == 'end' else repr(token)} at character {at + 1}")

    def take(self, *tokens: str) -> str | None:
        if self.kind in {"sign", "name"} and self.token in tokens:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return None

    def expect(self, token: str) -> None:
        if self.take(token) is None:
            raise self.unexpected()

    def either(self) -> Node:
        return self.chain(self.both, {"||": or_, "OR": or_})

    def both(self) -> Node:
        return self.chain(self.comparison, {"&&": and_, "AND": and_})

    def comparison(self) -> Node:
        left = self.sum()
        sign = self.take(*COMPARISONS)
        return left if sign is None else binary(COMPARISONS[sign], left, self.sum(), missing_is_zero=True)

    def sum(self) -> Node:
        return self.chain(self.product, {"+": operator.add, "-": operator.sub})

    def product(self) -> Node:
        return self.chain(self.negative, {"*": operator.mul, "/": operator.truediv})

    def chain(self, operand: Callable[[], Node], operators: Mapping[str, Callable[[float, float], float]]) -> Node:
        node = operand()
        while (sign := self.take(*operators)) is not None:
            # Of comparison and logical operators the documentation says it without exception.
            zero = self.readings.missing_is_zero or sign in {"||", "OR", "&&", "AND"}
            node = binary(operators[sign], node, operand(), missing_is_zero=zero)
        return node

    def negative(self) -> Node:
        minus = self.minus()
        node = self.power_of()
        return each_point(operator.neg, node) if minus else node

    def minus(self) -> bool:
        minus = False
        while self.take("-"):
            minus = not minus
        return minus

    def power_of(self) -> Node:
        base = self.atom()
        if self.take("^") is None:
            return base
        minus = self.minus()
        exponent = self.atom()
        if self.take("^"):
            raise MetricMathError("one ^ follows another; fix: put parentheses around the one that comes first")
        exponent = each_point(operator.neg, exponent) if minus else exponent
        return binary(power, base, exponent, missing_is_zero=self.readings.missing_is_zero)

    def atom(self) -> Node:
        self.depth += 1
        if self.depth > _MOST_NESTED:
            raise MetricMathError(f"it is nested more than {_MOST_NESTED} deep; fix: split it into several expressions")
        try:
            return self.unguarded_atom()
        finally:
            self.depth -= 1

    def unguarded_atom(self) -> Node:
        if self.kind == "number":
            number = float(self.token)
            self.at += 1
            return Node(Kind.SCALAR, lambda _: number)
        if self.take("("):
            node = self.either()
            self.expect(")")
            return node
        if self.take("["):
            return self.array()
        if self.kind != "name":
            raise self.unexpected()
        name, at = self.tokens[self.at][1:]
        self.at += 1
        if self.take("("):
            return self.call(name)
        if name in self.metrics:
            self.used.add(name)
            return Node(Kind.SERIES, lambda over: over.values[name], name)
        if name in self.expressions:
            self.used.add(name)
            return Node(self.expressions[name], lambda over: over.values[name])
        known = ", ".join([*self.metrics, *self.expressions]) or "none"
        raise MetricMathError(f"{name!r} at character {at + 1} is unknown; allowed: the ids {known}")

    def array(self) -> Node:
        parts = [self.either()]
        while self.take(","):
            parts.append(self.either())
        self.expect("]")
        if any(part.kind is Kind.SCALAR for part in parts):
            raise MetricMathError("[…] holds a number; allowed: time series")

        def value(over: Range) -> list[Any]:
            found: list[Any] = []
            for part in parts:
                each = part.value(over)
                found += each if part.kind is Kind.ARRAY else [each]
            return found

        return Node(Kind.ARRAY, value)

    def call(self, name: str) -> Node:
        if name in NOT_HERE:
            raise MetricMathError(f"{name} can't be evaluated here: {NOT_HERE[name]}")
        if name == "METRICS":
            return self.all_metrics()
        if name not in FUNCTIONS and name != "FILL":
            allowed = ", ".join(sorted([*FUNCTIONS, "FILL", "METRICS"]))
            raise MetricMathError(f"the function {name!r} is unknown; allowed: {allowed}")
        arguments = self.arguments()
        low, high = (2, 2) if name == "FILL" else FUNCTIONS[name][:2]
        if not low <= len(arguments) <= high:
            wanted = str(low) if low == high else f"{low} or {high}"
            raise MetricMathError(f"{name} has {len(arguments)} arguments; allowed: {wanted}")
        if name == "FILL":
            return fill(arguments[0], arguments[1], self.readings)
        nodes = [each for each in arguments if isinstance(each, Node)]
        if len(nodes) < len(arguments):
            raise MetricMathError(f"{name} has the word REPEAT or LINEAR; allowed: in FILL only")
        return FUNCTIONS[name][2](name, nodes)

    def arguments(self) -> list[Node | str]:
        found: list[Node | str] = []
        while not self.take(")"):
            if found:
                self.expect(",")
            word = self.take("REPEAT", "LINEAR")
            found.append(self.either() if word is None else word)
        return found

    def all_metrics(self) -> Node:
        part = ""
        if self.kind == "text":
            part = self.token[1:-1]
            self.at += 1
        self.expect(")")
        ids = [each for each in self.metrics if part in each]
        if not ids:
            raise MetricMathError(f"no metric has {part!r} in its id; allowed: a part of {', '.join(self.metrics)}")
        self.used.update(ids)
        return Node(Kind.ARRAY, lambda over: [over.values[each] for each in ids])
