"""The input checks of the synthesized state machine, every expression evaluated: none may fail, whatever the input."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from aws_cdk import Stack
from aws_cdk import aws_s3 as s3
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonata import Jsonata

from constructs_lib import GsodSource, WindSpeedWorkflow
from tests.cdk import JsonObject, definition_of, expressions_in, make_app, template_of

THIS_YEAR = datetime.now(tz=UTC).year
CONTEXT = {"Execution": {"Name": "run-1", "Id": "arn", "StartTime": "2026-11-21T04:00:00.000Z"}}
MAX_CAUSE = 32_768


class Expression:
    """A JSONata expression of the state machine, parsed once."""

    def __init__(self, field: str) -> None:
        (text,) = expressions_in(field)
        self._parsed = Jsonata(text)

    def __call__(self, execution_input: Any, **variables: Any) -> Any:
        frame = self._parsed.create_frame()
        for name, value in {"states": {"input": execution_input, "context": CONTEXT}, **variables}.items():
            frame.bind(name, value)
        return self._parsed.evaluate(None, frame)


def value_of(field: str, execution_input: Any, **variables: Any) -> Any:
    """The field's value: text that is no expression stands for itself."""
    return Expression(field)(execution_input, **variables) if field.startswith("{%") else field


class Ending(NamedTuple):
    """The state that the checks lead to; its cause, if it is a Fail state."""

    state: str
    cause: str | None


class Checks:
    """The states from "Check input" on, run as Step Functions does."""

    def __init__(self, definition: JsonObject) -> None:
        self.states = definition["States"]
        self.choices = [
            (Expression(rule["Condition"]), {k: Expression(v) for k, v in rule.get("Assign", {}).items()}, rule["Next"])
            for rule in self.states["Check input"]["Choices"]
        ]

    def __call__(self, execution_input: Any) -> Ending:
        for condition, assign, next_state in self.choices:
            met = condition(execution_input)
            assert isinstance(met, bool)
            if met:
                variables = {name: expression(execution_input) for name, expression in assign.items()}
                cause = self.states[next_state]["Cause"]
                text = value_of(cause, execution_input, **variables)
                assert isinstance(text, str)
                return Ending(next_state, text)
        return Ending(self.states["Check input"]["Default"], None)

    def prepared(self, execution_input: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """What Prepare assigns, and its output."""
        prepare = self.states["Prepare"]
        return (
            {name: value_of(field, execution_input) for name, field in prepare["Assign"].items()},
            {name: value_of(field, execution_input) for name, field in prepare.get("Output", {}).items()},
        )


@pytest.fixture(scope="module")
def noaa() -> Checks:
    stack = Stack(make_app(), "Stack")
    WindSpeedWorkflow(stack, "WindSpeed", source=GsodSource.noaa(), unit="kmh")
    return Checks(definition_of(template_of(stack)))


@pytest.fixture(scope="module")
def own_bucket() -> Checks:
    stack = Stack(make_app(), "Stack")
    bucket = s3.Bucket.from_bucket_name(stack, "Own", "own")
    WindSpeedWorkflow(stack, "WindSpeed", source=GsodSource.bucket(bucket, "gsod/"))
    return Checks(definition_of(template_of(stack)))


GOOD_INPUTS = [
    {},
    {"years": [2024]},
    {"years": [1929, THIS_YEAR, 2000.0]},
    {"stations": ["72429793812", "A5125600451"]},
    {"unit": "mph"},
    {"max_objects": 1},
    {"max_objects": 100_000_000},
    {"years": [2024], "stations": ["1"], "unit": "mps", "max_objects": 10},
    {"retry_of": "2b6f4a1e-7d3c-4b1a-9f55-0c8d9a1b2c3d"},
    {"retry_of": "x" * 80},
    {"retry_of": "nightly(2)+ü@=!.'_-"},
]


@pytest.mark.parametrize("execution_input", GOOD_INPUTS, ids=str)
def test_should_let_a_good_input_through(noaa: Checks, execution_input: Any) -> None:
    assert noaa(execution_input) == Ending("Prepare", None)


YEARS_ALLOWED = rf"allowed: a list of whole numbers from 1929 to {THIS_YEAR}\. Leave the others out\."
BAD_INPUTS: list[tuple[Any, str, str]] = [
    (None, "InvalidInput", "The execution input is null; allowed: a JSON object"),
    ([], "InvalidInput", r"The execution input is \[\]; allowed: a JSON object"),
    ([{}], "InvalidInput", r"The execution input is \[\{\}\]; allowed"),
    ("years", "InvalidInput", 'The execution input is "years"; allowed'),
    (7, "InvalidInput", "The execution input is 7; allowed"),
    (True, "InvalidInput", "The execution input is true; allowed"),
    ({"unit": "beaufort"}, "UnknownUnit", r'unit is "beaufort"; allowed: knots, mph, kmh, mps\. Leave it out'),
    ({"unit": "MPH"}, "UnknownUnit", 'unit is "MPH"; allowed'),
    ({"unit": None}, "UnknownUnit", "unit is null; allowed"),
    ({"unit": ["mph"]}, "UnknownUnit", r'unit is \["mph"\]; allowed'),
    ({"unit": True}, "UnknownUnit", "unit is true; allowed"),
    ({"unit": 1}, "UnknownUnit", "unit is 1; allowed"),
    ({"unit": {}}, "UnknownUnit", r"unit is \{\}; allowed"),
    ({"unit": "x" * 100_000}, "UnknownUnit", 'unit is "x{200}"; allowed'),
    ({"year": [2024]}, "InvalidInput", r"unknown field year; allowed: years, .*, max_objects, retry_of\. Correct"),
    ({"a": 1, "b": 2}, "InvalidInput", "unknown field a, b; allowed"),
    ({"y" * 100_000: 1}, "InvalidInput", "unknown field y{200}; allowed"),
    ({"years": None}, "InvalidInput", "years is null; allowed: a list of years"),
    ({"years": []}, "InvalidInput", r"years is \[\]; allowed: a list of years"),
    ({"years": 2024}, "InvalidInput", "years is 2024; allowed: a list of years"),
    ({"years": "2024"}, "InvalidInput", 'years is "2024"; allowed: a list of years'),
    ({"years": {"from": 2020}}, "InvalidInput", "years is .*from.*; allowed: a list of years"),
    ({"years": [1928]}, "InvalidInput", rf"years is \[1928\]; {YEARS_ALLOWED}"),
    ({"years": [THIS_YEAR + 1]}, "InvalidInput", rf"years is \[{THIS_YEAR + 1}\]; {YEARS_ALLOWED}"),
    ({"years": [2024, 2024.5]}, "InvalidInput", rf"years is \[2024,2024\.5\]; {YEARS_ALLOWED}"),
    ({"years": ["2024"]}, "InvalidInput", rf'years is \["2024"\]; {YEARS_ALLOWED}'),
    ({"years": [True]}, "InvalidInput", rf"years is \[true\]; {YEARS_ALLOWED}"),
    ({"years": [None]}, "InvalidInput", rf"years is \[null\]; {YEARS_ALLOWED}"),
    ({"years": [[2024]]}, "InvalidInput", rf"years is \[\[2024\]\]; {YEARS_ALLOWED}"),
    ({"years": [{}]}, "InvalidInput", rf"years is \[\{{\}}\]; {YEARS_ALLOWED}"),
    ({"years": [1e300]}, "InvalidInput", YEARS_ALLOWED),
    ({"years": [*range(1929, 2025), 2199]}, "InvalidInput", rf"years is \[2199\]; {YEARS_ALLOWED}"),
    ({"stations": []}, "InvalidInput", r"stations is \[\]; allowed: a list of station ids"),
    ({"stations": "72429793812"}, "InvalidInput", 'stations is "72429793812"; allowed: a list of station ids'),
    ({"stations": None}, "InvalidInput", "stations is null; allowed"),
    ({"stations": [72429793812]}, "InvalidInput", r"stations is \[72429793812\]; allowed: a list of texts"),
    ({"stations": ["1", ""]}, "InvalidInput", r'stations is \["1",""\]; allowed: a list of texts'),
    ({"stations": ["../x"]}, "InvalidInput", "allowed: a list of texts of 1 to 40 letters, digits.*Leave"),
    ({"stations": ["1\n"]}, "InvalidInput", "allowed: a list of texts"),
    ({"stations": [None]}, "InvalidInput", r"stations is \[null\]; allowed: a list of texts"),
    ({"stations": ["1" * 41]}, "InvalidInput", "allowed: a list of texts"),
    ({"max_objects": 0}, "InvalidInput", r"max_objects is 0; allowed: a whole number from 1 to 100000000\."),
    ({"max_objects": -1}, "InvalidInput", "max_objects is -1; allowed"),
    ({"max_objects": 1.5}, "InvalidInput", r"max_objects is 1\.5; allowed"),
    ({"max_objects": 100_000_001}, "InvalidInput", "max_objects is 100000001; allowed"),
    ({"max_objects": True}, "InvalidInput", "max_objects is true; allowed"),
    ({"max_objects": "10"}, "InvalidInput", 'max_objects is "10"; allowed'),
    ({"max_objects": [10]}, "InvalidInput", r"max_objects is \[10\]; allowed"),
    ({"max_objects": None}, "InvalidInput", "max_objects is null; allowed"),
    ({"retry_of": None}, "InvalidInput", "retry_of is null; allowed: the name of an execution"),
    ({"retry_of": ""}, "InvalidInput", 'retry_of is ""; allowed'),
    ({"retry_of": ["run-1"]}, "InvalidInput", r'retry_of is \["run-1"\]; allowed'),
    ({"retry_of": "x" * 81}, "InvalidInput", "retry_of is .*; allowed"),
    ({"retry_of": "../run-1"}, "InvalidInput", 'retry_of is "../run-1"; allowed'),
    *(
        ({"retry_of": f"run{sign}1"}, "InvalidInput", "retry_of is .*; allowed")
        for sign in ' \t<>{}[]?*"#%\\^|~`$&,;:/'
    ),
    ({"retry_of": "run-1/"}, "InvalidInput", "allowed: the name of an execution.*It is the end of its ARN"),
    ({"retry_of": "run-1", "unit": "mph"}, "InvalidInput", "has retry_of and unit; allowed: retry_of alone"),
    ({"retry_of": "run-1", "years": 1, "max_objects": 0}, "InvalidInput", "retry_of and years, max_objects; allowed"),
]


@pytest.mark.parametrize(
    ("execution_input", "state", "cause"),
    BAD_INPUTS,
    ids=[str(execution_input)[:40] for execution_input, *_ in BAD_INPUTS],
)
def test_should_refuse_a_bad_input_in_words(noaa: Checks, execution_input: Any, state: str, cause: str) -> None:
    ending = noaa(execution_input)
    assert ending.state == state
    assert re.search(cause, str(ending.cause))
    assert len(str(ending.cause)) < 1000


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(-1e15, 1e15) | st.text(max_size=50),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=10), children, max_size=4),
    max_leaves=8,
)
FIELD_VALUES = JSON_VALUES | st.lists(st.integers(1900, 2050)) | st.lists(st.text("0123456789A", max_size=12))
INPUTS = JSON_VALUES | st.dictionaries(
    st.sampled_from(["years", "stations", "unit", "max_objects", "retry_of"]), FIELD_VALUES
)


@settings(max_examples=150, deadline=None)
@given(execution_input=INPUTS)
def test_should_have_an_answer_to_any_input(noaa: Checks, own_bucket: Checks, execution_input: Any) -> None:
    for checks in (noaa, own_bucket):
        state, cause = checks(execution_input)
        assert state in {"Prepare", "InvalidInput", "UnknownUnit", "UnsupportedInput"}
        assert cause is None or len(cause) < MAX_CAUSE


def test_should_prepare_what_the_index_function_takes(noaa: Checks) -> None:
    assign, output = noaa.prepared({})
    assert assign == {"prefix": "runs/run-1/", "source": "s3://noaa-gsod-pds/", "retry_of": None}
    default = {
        "years": None,
        "stations": None,
        "max_objects": None,
        "unit": "kmh",
        "prefix": "runs/run-1/",
        "retry_of": None,
    }
    assert output == default
    chosen = {"years": [2024, 1929, 2024], "stations": ["a", "a"], "unit": "knots", "max_objects": 7}
    assert noaa.prepared(chosen)[1] == {
        "years": [2024, 1929],
        "stations": ["a"],
        "max_objects": 7,
        "unit": "knots",
        "prefix": "runs/run-1/",
        "retry_of": None,
    }
    assign, output = noaa.prepared({"retry_of": "run-0"})
    assert assign["retry_of"] == "run-0"
    assert output == default | {"retry_of": "run-0"}


def test_should_go_on_with_what_the_index_function_found(noaa: Checks) -> None:
    found = {"objects_indexed": 2, "objects_listed": 9, "unit": "mph", "years": [2024], "manifests": ["m"]}
    fields = noaa.states["Index objects"]["Assign"]
    states = {"input": {}, "context": CONTEXT, "result": {"Payload": found}}
    assigned = {name: Expression(field)(None, states=states) for name, field in fields.items()}
    assert assigned == found | {"factor": 1852 / 1609.344}


def test_should_end_where_there_is_nothing_to_analyze(noaa: Checks) -> None:
    rules = [(Expression(rule["Condition"]), rule["Next"]) for rule in noaa.states["Check objects"]["Choices"]]

    def after(indexed: int, retry_of: str | None) -> str | None:
        return next((end for rule, end in rules if rule({}, objects_indexed=indexed, retry_of=retry_of)), None)

    assert [after(0, None), after(0, "run-0"), after(1, None), after(1, "run-0")] == [
        "NoObjects",
        "NothingToRetry",
        None,
        None,
    ]
    assert Expression(noaa.states["NothingToRetry"]["Cause"])({}, retry_of="run-0") == (
        "The execution run-0 rejected no object, and none failed: its results are whole."
    )


@pytest.mark.parametrize("years", [[2024.0], [2024.0, 2024], [2024, 1929.0, 2024.0]], ids=str)
def test_should_go_on_with_integers(noaa: Checks, own_bucket: Checks, years: list[float]) -> None:
    """A function, or the map's reader, would take 2024.0 for the year `2024.0`."""
    execution_input = {"years": years, "max_objects": 10.0}
    assert noaa(execution_input).state == "Prepare"
    _, output = noaa.prepared(execution_input)
    expected = "[2024, 1929]" if len(years) == 3 else "[2024]"
    assert str(output["years"]) == expected
    assert str(output["max_objects"]) == "10"
    assert str(own_bucket.prepared({"max_objects": 10.0})[0]["max_objects"]) == "10"


@pytest.mark.parametrize(
    ("unit", "factor"), [("knots", 1), ("mph", 1852 / 1609.344), ("kmh", 1852 / 1000), ("mps", 1852 / 3600)]
)
def test_should_convert_knots_exactly(noaa: Checks, own_bucket: Checks, unit: str, factor: float) -> None:
    assert own_bucket.prepared({"unit": unit})[0]["factor"] == factor
    states = {"result": {"Payload": {"unit": unit}}}
    assert Expression(noaa.states["Index objects"]["Assign"]["factor"])(None, states=states) == factor


def test_should_take_no_choice_of_objects_from_a_bucket_that_the_map_lists(own_bucket: Checks) -> None:
    for execution_input in (
        {"years": [2024]},
        {"stations": ["1"]},
        {"years": None},
        {"stations": 1, "years": []},
        {"retry_of": "run-0"},
    ):
        state, cause = own_bucket(execution_input)
        assert state == "UnsupportedInput"
        assert "allowed with this source: unit, max_objects" in str(cause)
    assert own_bucket({"unit": "mph", "max_objects": 5}) == Ending("Prepare", None)
    assert own_bucket({"unit": "x"}).state == "UnknownUnit"
    assert own_bucket({"max_objects": 0}).state == "InvalidInput"
    assert own_bucket.prepared({})[0]["max_objects"] == 100_000_000
    assert own_bucket.prepared({"max_objects": 5})[0]["max_objects"] == 5


def test_should_say_what_was_looked_for_when_there_is_no_object(noaa: Checks, own_bucket: Checks) -> None:
    cause = Expression(noaa.states["NoObjects"]["Cause"])
    source = noaa.prepared({})[0]["source"]
    assert "s3://noaa-gsod-pds/ for the years [1929,2024]. " in cause({}, years=[1929, 2024], source=source)
    assert "s3://noaa-gsod-pds/ for any year. " in cause({}, years=None, source=source)
    cause, source = Expression(own_bucket.states["NoObjects"]["Cause"]), own_bucket.prepared({})[0]["source"]
    assert "s3://own/gsod/ for any year. " in cause({}, years=None, source=source)


@pytest.mark.parametrize("prefix", ["o'brien/", 'a"b/', "back\\slash/", "größe/"])
def test_should_say_so_of_any_prefix(prefix: str) -> None:
    stack = Stack(make_app(), "Stack")
    bucket = s3.Bucket.from_bucket_name(stack, "Own", "own")
    WindSpeedWorkflow(stack, "WindSpeed", source=GsodSource.bucket(bucket, prefix))
    checks = Checks(definition_of(template_of(stack)))
    cause = Expression(checks.states["NoObjects"]["Cause"])
    assert f"s3://own/{prefix} for any year. " in cause({}, years=None, source=checks.prepared({})[0]["source"])


def test_should_say_how_many_objects_were_rejected_and_where_the_reasons_are(noaa: Checks) -> None:
    result = {
        "objects_listed": 100,
        "objects_rejected": 6,
        "objects_failed": 1,
        "bucket": "results",
        "prefix": "runs/run-1/",
        "too_many_rejected": True,
    }
    (rule,) = noaa.states["Check rejected"]["Choices"]
    assert Expression(rule["Condition"])(result) is True
    assert Expression(rule["Condition"])(result | {"too_many_rejected": False}) is False
    assert Expression(noaa.states[rule["Next"]]["Cause"])(result) == (
        "Rejected: 6, failed: 1, of 100 objects; allowed: 5 %. "
        "Each has its reason in s3://results/runs/run-1/rejected.csv; the other files are there, too."
    )
