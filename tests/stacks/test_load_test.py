"""The load generators' stack."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Environment
from cdk_nag import AwsSolutionsChecks
from jsonata import Jsonata
from syrupy.extensions.json import JSONSnapshotExtension

from constructs_lib.assembly import Assembly
from stacks.load_test import LoadTestStack
from stacks.settings import LoadTestSetting
from tests.cdk import expressions_in, make_app, readable, resources, shown
from tests.node import validate
from tests.stacks.iam_statements import EXERCISED, WITH_STATEMENTS, WITHOUT_STATEMENTS, every_statement
from tests.stacks.load_statements import ACCOUNT, STATEMENTS, in_the_table

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

    from constructs_lib.assembly import Stack

ROOT = Path(__file__).resolve().parents[2]
SETTING = LoadTestSetting(account=ACCOUNT)


def make(setting: LoadTestSetting, *, account: str = ACCOUNT, region: str | None = None) -> LoadTestStack:
    env = Environment(account=account, region=region)
    return LoadTestStack(make_app(), "LoadTest", settings=setting, env=env)


def findings(stack: LoadTestStack) -> list[str]:
    return [violation.rule_name for violation in AwsSolutionsChecks(stack.node.root).validate_scope(stack).violations]


@pytest.fixture(scope="module")
def stack() -> Stack:
    """As it is deployed."""
    app = make_app()
    LoadTestStack(app, "LoadTest", settings=SETTING, env=Environment(account=ACCOUNT))
    (stack,) = Assembly.read(app.synth().directory).stacks
    return stack


def test_should_be_what_was_last_reviewed(stack: Stack, snapshot: SnapshotAssertion) -> None:
    """After a change on purpose: `make snapshots`, and read the difference."""
    assert snapshot.use_extension(JSONSnapshotExtension) == readable(dict(stack.template))


@pytest.mark.parametrize("region", [None, "eu-west-1"])
def test_should_leave_cdk_nag_no_finding(region: str | None) -> None:
    assert findings(make(SETTING, region=region)) == []


def test_should_have_each_statement_in_the_table(stack: Stack) -> None:
    found = Counter(in_the_table(statement) for statement, _ in every_statement(dict(stack.template)))
    assert sorted(found) == sorted(STATEMENTS)
    assert set(found.values()) == {1}


def test_should_know_where_policies_can_be(stack: Stack) -> None:
    types = {resource["Type"] for resource in stack.resources().values()}
    assert types <= WITH_STATEMENTS | WITHOUT_STATEMENTS


def test_should_be_exercised_or_documented_by_aws() -> None:
    proofs = set(STATEMENTS.values())
    assert EXERCISED in proofs
    assert all(proof.startswith("https://docs.aws.amazon.com/") for proof in proofs - {EXERCISED})


def test_should_have_valid_definitions(stack: Stack) -> None:
    machines = list(stack.state_machines())
    assert len(machines) == 4
    for machine in machines:
        for expression in expressions_in(machine.definition):
            Jsonata(expression)
    assert validate([machine.definition for machine in machines]) == [""] * 4


def test_should_have_outputs_with_stable_names(stack: Stack) -> None:
    outputs: dict[str, str] = {name: shown(one["Value"]) for name, one in dict(stack.template)["Outputs"].items()}
    stated = {re.sub(r"[0-9A-F]{8}$", "", name) for name in outputs if "Consumption" in name}
    assert stated == {"TransitionDriverConsumption", "MapRunDriverConsumption"}
    assert {name for name in outputs if "Consumption" not in name} == {
        f"{driver}{what}" for driver in ("Transition", "MapRun") for what in ("DriverArn", "Start", "Stop")
    }
    for driver in ("Transition", "MapRun"):
        arn = outputs[f"{driver}DriverArn"]
        cli = "aws stepfunctions --region ${AWS::Region}"
        assert outputs[f"{driver}Start"] == f"{cli} start-execution --state-machine-arn {arn}"
        look, _, stop = outputs[f"{driver}Stop"].partition(" | ")
        assert look == (
            f"{cli} list-executions --state-machine-arn {arn} --status-filter RUNNING "
            "--query 'executions[].executionArn' --output text"
        )
        assert stop == f"xargs -n 1 {cli} stop-execution --execution-arn"


def test_should_be_documented_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs/load-test.md").read_text()
    made = make(SETTING)
    assert made.transition_driver is not None
    assert str(made.transition_driver.consumption) in " ".join(text.split())
    documented = dict(re.findall(r"^\| `(\w+)` \|\s*(\w*)\s*\|", text, re.MULTILINE))
    defaults = {name: "" if value is None else str(value) for name, value in asdict(SETTING).items()}
    assert documented == defaults | {"account": ""}
    example = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert example is not None
    # Without CDK's template validation, which takes seconds.
    exec(example[1].replace("import App, ", "import "), {"App": make_app})
    assert capsys.readouterr().out.startswith("10 executions in 9 seconds; 16,041 state transitions")


def test_should_state_what_was_asked_for() -> None:
    made = make(SETTING)
    assert made.transition_driver is not None
    assert made.map_run_driver is not None
    transitions, map_runs = made.transition_driver.consumption, made.map_run_driver.consumption
    # 100 a second, once the ramp of 60 s is over, for 120 s; on the way there the half.
    assert transitions.target_transitions == 100 * (60 // 2 + 120)
    assert transitions.peak_transitions_per_second == 100 + 2 + 1
    assert (map_runs.starts, map_runs.target_map_runs, map_runs.map_runs) == (10, 10, 11)
    # The last one opens at the end of the ramp, and closes when the first one's hold and ramp have long been over.
    assert map_runs.duration_seconds == 59 + 60 + 120


@pytest.mark.parametrize(
    ("left_out", "made"),
    [
        ("transitions_per_second", {"MapRuns", "MapRunDriver"}),
        ("map_runs", {"Transitions", "TransitionDriver"}),
    ],
)
def test_should_leave_out_what_is_none(left_out: str, made: set[str]) -> None:
    changed: dict[str, Any] = {left_out: 0}
    stack = make(replace(SETTING, **changed))
    assert {child.node.id for child in stack.node.children} >= made
    assert (stack.transition_driver is None, stack.map_run_driver is None) == (
        left_out == "transitions_per_second",
        left_out == "map_runs",
    )
    assert findings(stack) == []


def test_should_hold_without_a_ramp() -> None:
    made = make(replace(SETTING, ramp_seconds=0))
    assert made.map_run_driver is not None
    assert made.map_run_driver.consumption.duration_seconds == 120


def test_should_last_a_day() -> None:
    made = make(replace(SETTING, transitions_per_second=0, hold_seconds=86_400 - SETTING.ramp_seconds))
    assert made.map_run_driver is not None
    assert made.map_run_driver.consumption.duration_seconds == 59 + 86_400


def test_should_tell_both_drivers_when_it_ends() -> None:
    app = make_app()
    setting = replace(SETTING, ends_at=datetime(2999, 1, 1, tzinfo=UTC))
    LoadTestStack(app, "LoadTest", settings=setting, env=Environment(account=ACCOUNT))
    (stack,) = Assembly.read(app.synth().directory).stacks
    text = json.dumps(shown(resources(dict(stack.template), "AWS::StepFunctions::StateMachine")))
    assert text.count("EndTimeInThePast") >= 2 * 3


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"account": "222222222222"}, "account is '222222222222'; allowed: the 12 digits of the account that this is"),
        (
            {"map_runs": 0, "transitions_per_second": 0},
            "map_runs is 0; allowed: 1 or more where transitions_per_second is 0. ",
        ),
        # Each of the two is under it.
        (
            {"transitions_per_second": 2, "map_runs": 40, "max_dollars": 0.025},
            "max_dollars is 0.025; allowed: 0.04 or more, what both drivers can cost together. ",
        ),
        (
            {"ramp_seconds": 0, "hold_seconds": 0},
            "hold_seconds is 0; allowed: 1 to 86,400 with the 0 of ramp_seconds together. ",
        ),
        (
            {"hold_seconds": 86_341},
            "hold_seconds is 86341; allowed: 1 to 86,400 with the 60 of ramp_seconds together. ",
        ),
    ],
    ids=["account", "nothing", "dollars", "no time", "over a day"],
)
def test_should_refuse_in_one_line(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=f"^LoadTest: {re.escape(told)}") as refused:
        make(replace(SETTING, **changed))
    assert "\n" not in str(refused.value)


def test_should_refuse_more_than_the_ceiling() -> None:
    with pytest.raises(ValueError, match=r"^LoadTest/TransitionDriver: profile is .* allowed: up to max_dollars, \$10"):
        make(replace(SETTING, transitions_per_second=5000))
    made = make(replace(SETTING, transitions_per_second=5000, max_dollars=25))
    assert made.transition_driver is not None
    assert 10 < made.transition_driver.consumption.dollars < made.transition_driver.consumption.most_dollars < 25
