"""A definition's states by name, and what a Retry does."""

from __future__ import annotations

from typing import Any

import pytest

from constructs_lib.local.states import Delay, all_states, catches, child_definition, next_delay

INNER = {"StartAt": "Work", "States": {"Work": {"Type": "Pass", "End": True}}}
OTHER = {"StartAt": "Rest", "States": {"Rest": {"Type": "Pass", "End": True}}}


def distributed(machine: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": machine | {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}, **fields}


def test_finds_the_states_in_maps_and_branches() -> None:
    old = {"StartAt": "Old", "States": {"Old": {"Type": "Map", "Iterator": OTHER}}}
    definition = {"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "Branches": [INNER, old]}}}
    assert [(s.name, s.type, s.parent, s.is_distributed) for s in all_states(definition)] == [
        ("Both", "Parallel", None, False),
        ("Work", "Pass", "Both", False),
        ("Old", "Map", "Both", False),
        ("Rest", "Pass", "Old", False),
    ]


def test_the_machine_of_a_child_execution() -> None:
    definition = {"States": {"One": distributed(INNER, Label="One"), "Two": distributed(OTHER)}}
    assert child_definition(definition, "One")["StartAt"] == "Work"
    assert child_definition(definition, "made-up-by-aws", "Rest")["StartAt"] == "Rest"
    with pytest.raises(LookupError):
        child_definition(definition, "made-up-by-aws")
    assert child_definition({"States": {"Two": distributed(OTHER)}}, "made-up-by-aws")["StartAt"] == "Rest"


def rule(*errors: str, **fields: Any) -> dict[str, Any]:
    return {"ErrorEquals": list(errors), **fields}


@pytest.mark.parametrize(
    ("retry", "errors", "delay"),
    [
        ([], ["Busy"], None),
        ([rule("Busy")], ["Busy"], Delay(1, jitter=False)),
        ([rule("Busy")], ["Busy"] * 3, Delay(4, jitter=False)),
        ([rule("Busy")], ["Busy"] * 4, None),
        ([rule("Busy")], ["Other"], None),
        ([rule("Busy", MaxAttempts=0)], ["Busy"], None),
        ([rule("Busy", IntervalSeconds=2, BackoffRate=3, MaxDelaySeconds=5)], ["Busy"] * 2, Delay(5, jitter=False)),
        ([rule("Busy", JitterStrategy="FULL")], ["Busy"], Delay(1, jitter=True)),
        # Each rule counts its own errors, and the first that takes an error is the one.
        ([rule("Busy"), rule("States.ALL", IntervalSeconds=7)], ["Busy", "Other"], Delay(7, jitter=False)),
        ([rule("Busy"), rule("States.ALL", IntervalSeconds=7)], ["Other", "Busy"], Delay(1, jitter=False)),
        ([rule("States.ALL")], ["States.Runtime"], None),
        ([rule("States.ALL")], ["States.DataLimitExceeded"], None),
        ([rule("States.ALL")], [None], Delay(1, jitter=False)),
        ([rule("States.TaskFailed")], ["Busy"], Delay(1, jitter=False)),
        ([rule("States.TaskFailed")], ["States.Timeout"], None),
        ([rule("States.Timeout")], ["States.Timeout"], Delay(1, jitter=False)),
    ],
)
def test_how_long_a_retry_waits(retry: list[Any], errors: list[str | None], delay: Delay | None) -> None:
    assert next_delay({"Retry": retry}, errors) == delay


def test_says_that_jitter_makes_it_shorter() -> None:
    assert str(Delay(4.0, jitter=True)) == "up to 4 s"
    assert str(Delay(1.5, jitter=False)) == "1.5 s"


def test_which_errors_a_catch_takes() -> None:
    state = {"Catch": [rule("Busy", Next="Wait"), rule("States.TaskFailed", Next="Fail")]}
    assert [catches(state, error) for error in ("Busy", "Other", "States.Timeout", None)] == [True, True, False, True]
    assert not catches({}, "Busy")
