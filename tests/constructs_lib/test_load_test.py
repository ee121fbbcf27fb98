from __future__ import annotations

import json
import re
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration, Stack
from jsonata import Jsonata

from constructs_lib._load_consumption import ExecutionLoad
from constructs_lib.assembly import Assembly
from constructs_lib.load_test import LoadDriver, LoadProfile, OpenMapRunLoad, StateTransitionLoad
from constructs_lib.nested_workflow import NESTED_WORKFLOW_RETRIES
from tests.cdk import definition_of, expressions_in, make_app, only, shown, statements_of, states_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk import App

    from tests.cdk import JsonObject

PROFILE = LoadProfile(((0, 2), (60, 50)))
NOW = datetime.now(tz=UTC)
# The first second of the year 3000, in UTC.
ENDS_AT = datetime(2999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-1)))
SHAPES = (1, 4, 5, 6, 23, 10_000)


@pytest.fixture(scope="module")
def assembly() -> dict[str, JsonObject]:
    """The templates of stacks with one construct each, those of a driver with its target; by the stack's name."""
    app = make_app()
    for number in SHAPES:
        StateTransitionLoad(Stack(app, f"Enter{number}"), "Load", transitions=number)
    OpenMapRunLoad(Stack(app, "Hold"), "Load", hold=Duration.minutes(3))
    driver(app, "Drive", profile=PROFILE, max_dollars=0.5)
    driver(app, "DriveUntil", profile=PROFILE, ends_at=ENDS_AT)
    return {stack.id: dict(stack.template) for stack in Assembly.read(app.synth().directory).stacks}


def driver(app: App, name: str, **arguments: Any) -> LoadDriver:
    stack = Stack(app, name)
    # In a stack of its own, so that each has one state machine only.
    target = StateTransitionLoad(Stack(app, f"{name}Target"), "Load", transitions=10)
    return LoadDriver(stack, "Driver", target=target, **arguments)


def execute(definition: JsonObject) -> int:
    """The states that an execution of Pass, Choice and Parallel enters."""
    entered, left, name = 0, 0, definition["StartAt"]
    while True:
        entered += 1
        state = definition["States"][name]
        if state["Type"] == "Parallel":
            assert state["Arguments"] == {}  # and not ten copies of an input that may be large
            entered += sum(map(execute, state["Branches"]))
        elif state["Type"] == "Choice":
            assert [choice["Condition"] for choice in state["Choices"]] == ["{% $left > 0 %}"]
            name = state["Choices"][0]["Next"] if left > 0 else state["Default"]
            continue
        elif state["Type"] == "Pass":
            assigned = state.get("Assign", {"left": left})["left"]
            left = left - 1 if assigned == "{% $left - 1 %}" else assigned
        else:
            pytest.fail(f"{name} is a {state['Type']}")
        if state.get("End"):
            return entered
        name = state["Next"]


@pytest.mark.parametrize("number", SHAPES)
def test_should_enter_exactly_as_many_states(assembly: dict[str, JsonObject], number: int) -> None:
    definition = definition_of(assembly[f"Enter{number}"])
    assert execute(definition) == number
    assert definition["TimeoutSeconds"] == 3600
    assert (definition["QueryLanguage"], len(json.dumps(definition)) < 10_000) == ("JSONata", True)


def test_should_hold_a_map_run_open_by_a_standard_child(assembly: dict[str, JsonObject]) -> None:
    definition = definition_of(assembly["Hold"])
    (hold_open,) = definition["States"].values()
    assert hold_open["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert (hold_open["Items"], hold_open["Label"]) == ([{}], "HoldOpen")
    (wait,) = hold_open["ItemProcessor"]["States"].values()
    assert (wait["Type"], wait["Seconds"]) == ("Wait", 180)
    assert definition["TimeoutSeconds"] > 180


def test_should_hold_for_a_day_at_most() -> None:
    load = OpenMapRunLoad(Stack(make_app(), "Stack"), "Load", hold=Duration.days(1)).execution_load
    # Itself and the child; the state of each.
    assert load == ExecutionLoad(transitions=2, executions=2, map_runs=1, seconds=86_400)


def test_should_log_errors_only(assembly: dict[str, JsonObject]) -> None:
    for template in assembly.values():
        machine = only(template, "AWS::StepFunctions::StateMachine")
        assert machine["LoggingConfiguration"]["Level"] == "ERROR"
        assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
        log = only(template, "AWS::Logs::LogGroup")
        assert shown(log["LogGroupName"]).startswith("/aws/vendedlogs/states/")
        assert log["RetentionInDays"] == 30


def test_should_start_the_rows_by_standard_children(assembly: dict[str, JsonObject]) -> None:
    definition = definition_of(assembly["Drive"])
    assert definition["StartAt"] == "Start by the profile"
    rows = definition["States"]["Start by the profile"]
    assert rows["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert rows["Label"] == "Rows"
    assert "ItemBatcher" not in rows
    assert rows["ItemReader"]["ReaderConfig"] == {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}
    states = states_in(definition)
    assert states["Start this row's executions"]["MaxConcurrency"] == 40
    start = states["Start and wait"]
    assert start["Resource"].endswith(":states:startExecution.sync:2")
    assert {retry["JitterStrategy"] for retry in start["Retry"]} == {"FULL"}
    # Its own timeout is the target's and a little more; the driver's fits the last row, that and all retries before it.
    assert start["TimeoutSeconds"] == 3660
    assert definition["TimeoutSeconds"] == 60 + 3600 + 1200
    assert sum(rule.longest_delays() for rule in NESTED_WORKFLOW_RETRIES.rules) < 180


def evaluated(expression: str, **states: Any) -> object:
    (bare,) = expressions_in(expression)
    parsed = Jsonata(bare)
    parsed.assign("states", states)
    return parsed.evaluate(None)


def test_should_start_as_many_as_a_row_says_and_count_them(assembly: dict[str, JsonObject]) -> None:
    definition = definition_of(assembly["Drive"])
    start = states_in(definition)["Start this row's executions"]
    told = definition["States"]["Start by the profile"]["Output"]
    for number in (1, 2, 40):
        assert evaluated(start["Items"], input={"count": number}) == list(range(1, number + 1))
        assert evaluated(start["Output"], result=[1] * number) == number
    for result, started, rows_not_started in (([2, 0, 40, 0], 42, 2), ([3], 3, 0), ([0], 0, 1)):
        assert evaluated(told["executions_started"], result=result) == started
        assert evaluated(told["rows_not_started"], result=result) == rows_not_started


def test_should_name_executions_within_80_characters(assembly: dict[str, JsonObject]) -> None:
    name = states_in(definition_of(assembly["Drive"]))["Start and wait"]["Arguments"]["Name"]
    (expression,) = expressions_in(name)
    assert "$states.context.State.RetryCount" in expression
    context = {"Execution": {"Name": "n" * 80, "RedriveCount": 1000}, "State": {"RetryCount": 99_999_999}}
    parsed = Jsonata(expression)
    parsed.assign("states", {"context": context})
    parsed.register_lambda("uuid", lambda: "00000000-0000-0000-0000-000000000000")
    assert len(parsed.evaluate(None)) <= 80


def test_should_read_the_profile_that_was_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    app = make_app()
    stack = Stack(app, "Stack")
    made = LoadDriver(
        stack, "Driver", target=StateTransitionLoad(stack, "Load", transitions=1), profile=LoadProfile(((5, 90),))
    )
    folder = Path(app.synth().directory)
    (profile,) = folder.glob("asset.*.csv")
    assert profile.read_text() == "offset_seconds,count\n5,40\n5,40\n5,10\n"
    assert made.consumption.starts == 90
    assert not list(tmp_path.iterdir())


def test_should_read_its_profile_and_nothing_else(assembly: dict[str, JsonObject]) -> None:
    # The other statements: tests/stacks/load_statements.py.
    of_s3 = [statement for _, statement in statements_of(assembly["Drive"]) if "s3:" in str(statement["Action"])]
    (statement,) = of_s3
    assert statement["Action"] == ["s3:GetObject"]
    (key,) = statement["Resource"]
    assert re.search(r"/[0-9a-f]{64}\.csv$", key)
    reader = definition_of(assembly["Drive"])["States"]["Start by the profile"]["ItemReader"]
    assert key.endswith(f"/{reader['Arguments']['Key']}")


def condition(definition: JsonObject, state: str, at: datetime, now: datetime) -> bool:
    (choice,) = states_in(definition)[state]["Choices"]
    (expression,) = expressions_in(choice["Condition"])
    parsed = Jsonata(expression)
    parsed.assign("states", {"input": {"at": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "count": 1}})
    parsed.register_lambda("millis", lambda: int(now.timestamp() * 1000))
    return bool(parsed.evaluate(None))


def test_should_start_no_row_that_is_too_late(assembly: dict[str, JsonObject]) -> None:
    definition = definition_of(assembly["Drive"])
    for late, started in ((0, True), (299, True), (301, False), (86_400, False)):
        assert condition(definition, "In time?", NOW, NOW + timedelta(seconds=late)) is started


def test_should_start_nothing_from_the_end_on(assembly: dict[str, JsonObject]) -> None:
    definition = definition_of(assembly["DriveUntil"])
    second = timedelta(seconds=1)
    for state in ("Before the end?", "In time?"):
        assert condition(definition, state, ENDS_AT.astimezone(UTC), ENDS_AT - second)
        assert not condition(definition, state, ENDS_AT.astimezone(UTC), ENDS_AT)
        assert not condition(definition, state, ENDS_AT.astimezone(UTC), ENDS_AT + second)
    assert definition["States"]["Before the end?"]["Default"] == "EndTimeInThePast"
    assert definition["States"]["EndTimeInThePast"]["Error"] == "EndTimeInThePast"


@pytest.mark.parametrize(
    ("name", "due"), [("Drive", "3000-01-01T12:00:00.000Z"), ("DriveUntil", "3000-01-01T00:00:00.000Z")]
)
def test_should_let_no_row_wait_beyond_the_end(assembly: dict[str, JsonObject], name: str, due: str) -> None:
    rows = definition_of(assembly[name])["States"]["Start by the profile"]
    (expression,) = expressions_in(rows["ItemSelector"]["at"])
    parsed = Jsonata(expression)
    item = {"offset_seconds": "86400", "count": "1"}
    context = {"Execution": {"StartTime": "2999-12-31T12:00:00.000Z"}, "Map": {"Item": {"Value": item}}}
    parsed.assign("states", {"context": context})
    assert parsed.evaluate(None) == due


def test_should_state_what_it_consumes_in_an_output(assembly: dict[str, JsonObject]) -> None:
    (output,) = (o for name, o in assembly["Drive"]["Outputs"].items() if "Consumption" in name)
    assert output["Value"].startswith("52 executions in 60 seconds; 582 state transitions (")
    assert output["Description"] == "What a run of Drive/Driver consumes; the ceiling is $0.50."
    # One more: whether it is in time.
    (output,) = (o for name, o in assembly["DriveUntil"]["Outputs"].items() if "Consumption" in name)
    assert output["Value"].startswith("52 executions in 60 seconds; 583 state transitions (")


def drive(**arguments: Any) -> Callable[[Stack], object]:
    def make(stack: Stack) -> LoadDriver:
        target = StateTransitionLoad(stack, "Target", transitions=10_000)
        given: dict[str, Any] = {"target": target, "profile": LoadProfile(((0, 1),))} | arguments
        return LoadDriver(stack, "It", **given)

    return make


@pytest.mark.parametrize(
    ("make", "told"),
    [
        *(
            (lambda stack, number=number: StateTransitionLoad(stack, "It", transitions=number), told)
            for number, told in (
                (0, "transitions is 0; allowed: a whole number from 1 to 10,000. "),
                (10_001, "transitions is 10001; allowed: a whole number from 1 to 10,000. "),
                (True, "transitions is True; allowed: "),
                (1.5, "transitions is 1.5; allowed: "),
            )
        ),
        *(
            (lambda stack, hold=hold: OpenMapRunLoad(stack, "It", hold=hold), told)
            for hold, told in (
                (Duration.seconds(0), "hold is '0 s'; allowed: a Duration of 1 to 86,400 whole seconds. "),
                (Duration.millis(1500), "hold is '1.5 s'; allowed: a Duration"),
                (Duration.days(2), "hold is '172800 s'; allowed: a Duration"),
                (60, "hold is 60; allowed: Duration. Use such as Duration.minutes(5)."),
            )
        ),
        (drive(target="machine"), "target is 'machine'; allowed: a StateTransitionLoad or an OpenMapRunLoad. "),
        (drive(profile=((0, 1),)), "profile is ((0, 1),); allowed: LoadProfile. "),
        pytest.param(drive(ends_at=NOW), f"ends_at is '{NOW.isoformat()}'; allowed: a time to come. ", id="now"),
        (
            drive(ends_at=datetime(2020, 1, 1, tzinfo=UTC)),
            "ends_at is '2020-01-01T00:00:00+00:00'; allowed: a time to come. ",
        ),
        (
            drive(ends_at=datetime(2999, 1, 1)),  # noqa: DTZ001 - it is what is refused
            "ends_at is '2999-01-01T00:00:00'; allowed: a time with its time zone. Add it: ",
        ),
        (
            drive(ends_at=datetime(9999, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-1)))),
            "ends_at is '9999-12-31T23:30:00-01:00'; allowed: a time up to the year 9999 in UTC. ",
        ),
        (drive(ends_at="2999-01-01"), "ends_at is '2999-01-01'; allowed: datetime. "),
        (drive(max_dollars=0), "max_dollars is 0; allowed: a number over 0. "),
        (drive(max_dollars=True), "max_dollars is True; allowed: a number over 0. "),
        (drive(max_dollars=float("inf")), "max_dollars is inf; allowed: a number over 0. "),
        (
            drive(profile=LoadProfile(((0, 40),))),
            "profile is 'one of 400,044 transitions and up to 720 retries for $10.0191'; allowed: up to max_dollars, ",
        ),
        # Without the retries it would be $9.751075.
        (
            drive(profile=LoadProfile(((0, 39),)), max_dollars=9.76),
            "profile is 'one of 390,043 transitions and up to 702 retries for $9.768625'; allowed: up to max_dollars, ",
        ),
    ],
    ids=lambda value: value.partition(";")[0] if isinstance(value, str) else "",
)
def test_should_refuse_in_one_line(make: Callable[[Stack], object], told: str) -> None:
    with pytest.raises(ValueError, match=f"^Refusals/It: {re.escape(told)}") as refused:
        make(Stack(make_app(), "Refusals"))
    assert "\n" not in str(refused.value)


def test_should_cost_what_the_ceiling_allows() -> None:
    made = drive(profile=LoadProfile(((0, 39),)))(Stack(make_app(), "Stack"))
    assert isinstance(made, LoadDriver)
    assert 9.7 < made.consumption.dollars < 10
