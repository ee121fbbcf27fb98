"""Variables: what a state assigns is there from the next state on."""

import pytest

from tests.constructs_lib.local.emulator.conftest import Cloud

pytestmark = pytest.mark.local


def test_should_show_the_output_of_a_state_what_was_there_on_entry(cloud: Cloud) -> None:
    ended = cloud.run(
        {
            "First": {"Type": "Pass", "Assign": {"count": 1}, "Next": "Second"},
            "Second": {
                "Type": "Pass",
                "Assign": {"count": "{% $count + 1 %}"},
                "Output": {"before": "{% $count %}"},
                "Next": "Third",
            },
            "Third": {"Type": "Pass", "Output": "{% $merge([$states.input, {'after': $count}]) %}", "End": True},
        }
    )

    assert ended.output == {"before": 1, "after": 2}
    assigned = [
        event["stateExitedEventDetails"].get("assignedVariables") for event in ended.events if "Exited" in event["type"]
    ]
    assert assigned == [{"count": "1"}, {"count": "2"}, None]


def test_should_not_assign_what_a_failed_attempt_would_have(cloud: Cloud) -> None:
    # The state's own Assign is evaluated before its ResultSelector fails.
    ended = cloud.run(
        {
            "First": {"Type": "Pass", "Assign": {"who": "first"}, "Next": "Second"},
            "Second": {
                "Type": "Parallel",
                "Branches": [{"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}}],
                "Assign": {"who": "second"},
                "ResultSelector": {"result.$": "States.ArrayGetItem($, 9)"},
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Third"}],
                "End": True,
            },
            "Third": {"Type": "Pass", "Parameters": {"who.$": "$who"}, "End": True},
        },
        QueryLanguage="JSONPath",
    )

    assert (ended.status, ended.output) == ("SUCCEEDED", {"who": "first"})
