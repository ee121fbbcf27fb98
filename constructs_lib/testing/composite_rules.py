"""The rule of a composite alarm: which states of other alarms put it in alarm.

The syntax is that of `AlarmRule`:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html, with AT_LEAST of
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-combining.html. NOT binds tighter than AND, AND
tighter than OR (inferred).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from constructs_lib.testing.alarm_states import AlarmState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    States = Mapping[str, AlarmState]
    Test = Callable[[States], bool]

_WORD = re.compile(r"\s*([A-Za-z_]+|\d+%?|[(),]|$)", re.ASCII)
# In quotes a backslash stands before a quote; without them a name ends at a parenthesis or comma.
_NAME = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"(),](?:[^"(),]*[^\s"(),])?))')
_MOST_NESTED = 40


class CompositeRuleError(ValueError):
    """A rule can't be read; one line: what, and what is allowed."""


@dataclass(frozen=True, slots=True)
class CompositeRule:
    """A parsed rule; `names` are the alarms that it asks for, as it has them: names or ARNs."""

    text: str
    names: tuple[str, ...]
    _test: Test = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> CompositeRule:
        """Parse a rule; raises `CompositeRuleError`."""
        parser = _Parser(text)
        test = parser.whole()
        return cls(text, tuple(dict.fromkeys(parser.names)), test)

    def holds(self, states: States) -> bool:
        """Whether the states, by the rule's own names, put the composite alarm in alarm."""
        return self._test(states)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0
        self.names: list[str] = []

    def whole(self) -> Test:
        test = self.either()
        if self.word != "":
            raise self.unexpected()
        return test

    @property
    def word(self) -> str | None:
        """What comes next, "" at the end; None for anything that can't stand there."""
        match = _WORD.match(self.text, self.at)
        return None if match is None else match[1]

    def unexpected(self) -> CompositeRuleError:
        at = len(self.text) - len(self.text[self.at :].lstrip())
        shown = repr(self.text[at : at + 20]) if at < len(self.text) else "the end"
        return CompositeRuleError(f"unexpected {shown} at character {at + 1}")

    def take(self, *words: str) -> str | None:
        match = _WORD.match(self.text, self.at)
        if match is None or match[1] not in words:
            return None
        self.at = match.end()
        return match[1]

    def expect(self, *words: str) -> str:
        found = self.take(*words)
        if found is None:
            raise self.unexpected()
        return found

    def either(self) -> Test:
        tests = [self.both()]
        while self.take("OR"):
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else lambda states: any(test(states) for test in tests)

    def both(self) -> Test:
        tests = [self.negated()]
        while self.take("AND"):
            tests.append(self.negated())
        return tests[0] if len(tests) == 1 else lambda states: all(test(states) for test in tests)

    def negated(self) -> Test:
        negative = False
        while self.take("NOT"):
            negative = not negative
        test = self.atom()
        return (lambda states: not test(states)) if negative else test

    def atom(self) -> Test:
        if self.take("("):
            self.depth += 1
            if self.depth > _MOST_NESTED:
                raise CompositeRuleError(f"it is nested more than {_MOST_NESTED} deep")
            test = self.either()
            self.expect(")")
            self.depth -= 1
            return test
        if constant := self.take("TRUE", "FALSE"):
            return lambda _: constant == "TRUE"
        if self.take("AT_LEAST"):
            return self.at_least()
        state = AlarmState(self.expect(*AlarmState))
        self.expect("(")
        name = self.name()
        self.expect(")")
        return lambda states: states[name] is state

    def at_least(self) -> Test:
        self.expect("(")
        given = self.word or ""
        if not given.rstrip("%").isdecimal():
            raise self.unexpected()
        self.take(given)
        self.expect(",")
        negative = self.take("NOT") is not None
        state = AlarmState(self.expect(*AlarmState))
        self.expect(",")
        self.expect("(")
        names = [self.name()]
        while self.take(","):
            names.append(self.name())
        self.expect(")")
        self.expect(")")
        threshold = int(given.rstrip("%"))
        enough = threshold * len(names) if given.endswith("%") else threshold * 100

        def test(states: States) -> bool:
            return 100 * sum((states[name] is state) is not negative for name in names) >= enough

        return test

    def name(self) -> str:
        match = _NAME.match(self.text, self.at)
        if match is None:
            raise self.unexpected()
        self.at = match.end()
        name = match[2] if match[1] is None else re.sub(r"\\(.)", r"\1", match[1])
        self.names.append(name)
        return name
