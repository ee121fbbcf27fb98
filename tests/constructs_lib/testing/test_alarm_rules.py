"""The rules of composite alarms: each function and operator, names in every spelling, and what is refused.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
"""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_lib.testing import AlarmState
from constructs_lib.testing.composite_rules import CompositeRule, CompositeRuleError

STATES = {"on": AlarmState.ALARM, "off": AlarmState.OK, "unknown": AlarmState.INSUFFICIENT_DATA}
ARN = "arn:aws:cloudwatch:us-east-1:111111111111:alarm:Quotas/warning"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("TRUE", True),
        ("FALSE", False),
        ("NOT FALSE", True),
        ("NOT NOT TRUE", True),
        ("ALARM(on)", True),
        ("ALARM(off)", False),
        ('ALARM("on")', True),
        ("ALARM ( on )", True),
        ("OK(off)", True),
        ("OK(unknown)", False),
        ("INSUFFICIENT_DATA(unknown)", True),
        ("INSUFFICIENT_DATA(on)", False),
        ("ALARM(off) OR ALARM(on)", True),
        ("ALARM(off) AND ALARM(on)", False),
        ("ALARM(on) AND NOT ALARM(off)", True),
        ("(ALARM(on) OR ALARM(off)) AND OK(off)", True),
        ("TRUE OR FALSE AND FALSE", True),
        ("(TRUE OR FALSE) AND FALSE", False),
        ("NOT FALSE OR TRUE", True),
        ("NOT (FALSE OR TRUE)", False),
        ("ALARM(on)\n  AND\tOK(off)", True),
        ('AT_LEAST(1, ALARM, ("on", "off", "unknown"))', True),
        ('AT_LEAST(2, ALARM, ("on", "off", "unknown"))', False),
        ("AT_LEAST(2, NOT OK, (on, off, unknown))", True),
        ("AT_LEAST(60%, NOT OK, (on, off, unknown))", True),
        ("AT_LEAST(70%, NOT OK, (on, off, unknown))", False),
    ],
)
def test_should_hold(rule: str, expected: bool) -> None:
    assert CompositeRule.parse(rule).holds(STATES) is expected


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        (f'ALARM("{ARN}") OR ALARM({ARN})', (ARN,)),
        ("OK(CPU too high) AND ALARM(b-2)", ("CPU too high", "b-2")),
        (r'ALARM("says \"no\" (again)")', ('says "no" (again)',)),
        ("TRUE", ()),
    ],
)
def test_should_name_the_alarms_it_asks_for(rule: str, names: tuple[str, ...]) -> None:
    assert CompositeRule.parse(rule).names == names


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("", "unexpected the end at character 1"),
        ("ALARM(a", "unexpected the end at character 8"),
        ("ALARM()", "unexpected ')' at character 7"),
        ('ALARM("a)', "unexpected '\"a)' at character 7"),
        ("ALARM(a) ALARM(b)", "unexpected 'ALARM(b)' at character 10"),
        ("ALARM(a) XOR ALARM(b)", "unexpected 'XOR ALARM(b)' at character 10"),
        ("alarm(a)", "unexpected 'alarm(a)' at character 1"),
        ("ANOMALOUS(a)", "unexpected 'ANOMALOUS(a)'"),
        ("ALARM(a) AND", "unexpected the end"),
        ("(ALARM(a)", "unexpected the end"),
        ("AT_LEAST(some, ALARM, (a))", "unexpected 'some, ALARM, (a))'"),
        ("AT_LEAST(1, ALARM, ())", "unexpected '))'"),
        ("(" * 50, "nested more than 40 deep"),
    ],
)
def test_should_refuse_in_one_line(rule: str, message: str) -> None:
    with pytest.raises(CompositeRuleError) as refusal:
        CompositeRule.parse(rule)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@given(
    st.lists(
        st.sampled_from(
            ['ALARM("on")', "OK(off)", "(", ")", " AND ", " OR ", "NOT ", "TRUE", "AT_LEAST(", "2", "%", ","]
        )
    )
)
def test_should_fail_on_no_text_but_by_its_own_error(parts: list[str]) -> None:
    with suppress(CompositeRuleError):
        assert CompositeRule.parse("".join(parts)).holds(STATES) in {True, False}
