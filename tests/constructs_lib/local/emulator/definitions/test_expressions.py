import pytest

from constructs_lib.local.emulator.definitions.expressions import (
    is_path,
    is_path_or_intrinsic,
    is_reference_path,
    jsonata_problem,
)

NOTHING: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    "path",
    [
        "$",
        "$.a.b-c.ü",
        "$$.Execution.Id",
        "$$",
        "$name",
        "$name.a[0]",
        "$['a b'][\"c'd\"]",
        "$.a['b','c']",
        "$..price",
        "$..[0]",
        "$.*",
        "$.a[*].b",
        "$.a[-1]",
        "$.a[0,1]",
        "$.a[1:]",
        "$.a[?(@.x > 1 && @.y[0] == 'z)]')].b",
        "$.a[(@.length-1)]",
        "$.a.length()",
    ],
)
def test_should_read_a_path(path: str) -> None:
    assert is_path(path)


@pytest.mark.parametrize(
    "path", ["", "a", ".a", "$.", "$.a.", "$.a[", "$.a[]", "$a b", "$.a b", "$.a]", "States.UUID()", 5]
)
def test_should_refuse_what_is_no_path(path: object) -> None:
    assert not is_path(path)


def test_should_tell_a_path_to_one_node() -> None:
    assert all(map(is_reference_path, ["$", "$.a.b[0]", "$['a*b']['c?']", "$$.x", "$v"]))
    assert not any(map(is_reference_path, ["$.*", "$..a", "$.a[*]", "$.a[0,1]", "$.a[0:1]", "$.a[?(@.b)]"]))


def test_should_read_an_intrinsic_function_with_its_arguments() -> None:
    assert is_path_or_intrinsic("States.Format('{} of {}', $.a, States.ArrayLength($.b))")
    assert is_path_or_intrinsic("States.Array($.a-b[0].c, $['d-e'], 'f.g-h', -1)")
    assert is_path_or_intrinsic("$.a")
    for text in ("States.Nothing()", "States.Format('{}', $.a", "States.UUID('x', 2", "Format('{}', $.a)", None):
        assert not is_path_or_intrinsic(text)


@pytest.mark.parametrize(
    "expression",
    [
        "$states.input.items[value > 3].name",
        "$states.context.Execution.Id",
        "($x := $states.input; $x.a)",
        "$map($list, function($v, $i) { $v.name & $i })",
        "$list ~> $map(function($v) { $v * 2 })",
        "$states.input.items^(>price).name",
        "$states.input.items{name: price}",
        '{"a": [1..3], "b": $states.input.a ? "x" : null}',
        "$list.$string()",
        "$list[$ > 1]",
        "$list.(a + b)",
        "$parse('{}')",
    ],
)
def test_should_let_an_expression_pass(expression: str) -> None:
    assert jsonata_problem(expression, NOTHING) is None


# AWS's sentences for these are known.
@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('"unterminated', "String literal must be terminated by a matching quote"),
        ("1 +", "Unexpected end of expression"),
        ("$x :=", "Unexpected end of expression"),
        ("", "Unexpected end of expression"),
    ],
)
def test_should_tell_what_cannot_be_parsed(expression: str, message: str) -> None:
    assert jsonata_problem(expression, NOTHING) == ("INVALID_JSONATA_EXPRESSION", message)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("phone", "Reference to 'phone' at the top level is not supported."),
        ("$map($states.input.a, function($x) { b })", "Reference to 'b' at the top level is not supported."),
        ("$states.input.a + total.of", "Reference to 'total' at the top level is not supported."),
        ("*", "Reference to '*' at the top level is not supported."),
        ("$$", "Reference to '$$' is not supported."),
        ("$.a", "Reference to '$' is not supported."),
        ("$states.errorOutput.Error", "Field '$states.errorOutput' does not exist."),
        ("$states.result", "Field '$states.result' does not exist."),
    ],
)
def test_should_tell_what_has_nothing_to_refer_to(expression: str, message: str) -> None:
    assert jsonata_problem(expression, NOTHING) == ("UNSUPPORTED_JSONATA_EXPRESSION", message)


def test_should_know_what_states_has_in_a_place() -> None:
    assert jsonata_problem("$states.result.x", frozenset({"result"})) is None
    assert jsonata_problem("$states.errorOutput.Cause", frozenset({"errorOutput"})) is None
