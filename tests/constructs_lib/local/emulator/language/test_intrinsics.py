"""Intrinsic functions: how they are read, and what Format makes of a template."""

from typing import Any

import pytest

from constructs_lib.local.emulator.language.intrinsics import Call, IntrinsicError, Literal, Path, Text, parse
from tests.constructs_lib.local.emulator.conftest import Cloud

INPUT = {"name": "Arnav", "half": 0.5, "list": [1, "a"], "object": {"x": 1}, "template": "{} and {}", "it's": 1}


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("States.UUID()", ()),
        ("States.Array('Foo', 2020, -1.5, 1e3, true, false, null)",
         (Text("Foo"), Literal(2020), Literal(-1.5), Literal(1000.0), Literal(True), Literal(False), Literal(None))),
        ("States.Array( $.a , $$.State.Name,$var.b )", (Path("$.a"), Path("$$.State.Name"), Path("$var.b"))),
        ("States.Array($.a[?(@.b==1)].c, $['a,b)'][0:2])", (Path("$.a[?(@.b==1)].c"), Path("$['a,b)'][0:2]"))),
        ("States.Array('It\\'s \\\\ {}')", (Text("It\\'s \\\\ {}"),)),
        ("States.Array(States.ArrayLength($.a), 'b')", (Call("ArrayLength", (Path("$.a"),)), Text("b"))),
    ],
)  # fmt: skip
def test_should_read_arguments(text: str, arguments: tuple[Any, ...]) -> None:
    assert parse(text).arguments == arguments


def test_should_tell_the_paths_of_a_call() -> None:
    assert list(parse("States.Array($.a, States.Array($.b, 'c'), $d)").paths()) == ["$.a", "$.b", "$d"]


@pytest.mark.parametrize(
    "text",
    [
        "States.Nothing()",
        "States.Array(1",
        "States.Array(1 2)",
        "States.Array(1,)",
        "States.Array(,1)",
        "States.Array('a)",
        "States.Array(1) more",
        "States.Array(nothing)",
        "Array(1)",
        "States.Array(1.)",
    ],
)
def test_should_refuse_what_is_no_call(text: str) -> None:
    with pytest.raises(IntrinsicError):
        parse(text)


@pytest.mark.local
@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("States.Format('Hello {}, {}', $.name, $.half)", "Hello Arnav, 0.5"),
        ("States.Format('It\\'s \\{{}\\} \\\\', $.name)", "It's {Arnav} \\"),
        ("States.Format('{0} {a}')", "{0} {a}"),
        ("States.Format($.template, 'It\\'s', null)", "It's and null"),
        ("States.Format('{} {}', $.list, $.object)", "[1, a] {x=1}"),
        ("States.Format('\"{}\"', $.name)", '"Arnav"'),
        ("States.Array(null, 0.25, 'It\\'s', $['it\\'s'])", [None, 0.25, "It's", 1]),
        ("States.ArrayLength(States.Array(1, 2))", 2),
    ],
)
def test_should_evaluate(cloud: Cloud, call: str, expected: Any) -> None:
    state = {"Type": "Pass", "Parameters": {"value.$": call}, "OutputPath": "$.value", "End": True}

    ended = cloud.run({"Only": state}, INPUT, QueryLanguage="JSONPath")

    assert (ended.cause, ended.output) == ("", expected)


@pytest.mark.local
@pytest.mark.parametrize(
    "call", ["States.Format('{} {}', $.name)", "States.Format('{}', 1, 2)", "States.Format($.list)"]
)
def test_should_fail_a_template_with_other_arguments(cloud: Cloud, call: str) -> None:
    state = {"Type": "Pass", "Parameters": {"value.$": call}, "End": True}

    ended = cloud.run({"Only": state}, INPUT, QueryLanguage="JSONPath")

    assert ended.error == "States.IntrinsicFailure"
