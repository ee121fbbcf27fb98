"""WatchedWorkflow: a state machine that the dashboard shows and the alarms watch, of this account or another."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib._checks import check_machine, is_list, is_token, usage_error
from constructs_lib.quotas.catalogue import Quota, execution_throttles

_STATE_MACHINE_ARN = r"arn:[^:]+:states:[^:]+:[0-9]{12}:stateMachine:[^:/]+"

WORKFLOW_NAME = r"[A-Za-z0-9][A-Za-z0-9 _-]{0,39}"
"""What a watched workflow can be called: its alarms' ids begin with it."""

MAP_LABEL = r"[^\s/?*<>{}\[\]:;,\\|^~$#%&`\"]{1,40}"
"""What Step Functions takes as a Distributed Map's Label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedWorkflow:
    """A state machine to watch by name.

    `state_machine` may be an imported one, of another account too. `map_labels` are the labels of its Distributed Maps:
    the children of a map report under them. Omitted: its children aren't shown.

    Raises:
        ValueError: for a name that can't be part of a construct's id, a version, an alias or a map in the place of a
            state machine, or a label that is none.

    """

    name: str
    state_machine: sfn.IStateMachine
    map_labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(WORKFLOW_NAME, self.name):
            raise usage_error(
                "WatchedWorkflow",
                "name",
                self.name,
                allowed="1 to 40 letters, digits, spaces, _ and -, first a letter or digit",
                fix="It is the title of the workflow's graphs.",
            )
        check_machine("WatchedWorkflow", "state_machine", self.state_machine)
        arn = self.state_machine.state_machine_arn
        if not is_token(arn) and not re.fullmatch(_STATE_MACHINE_ARN, arn):
            raise usage_error(
                "WatchedWorkflow",
                "state_machine",
                arn,
                allowed="a state machine whose ARN ends with its name",
                fix="Leave out a version or an alias; a map's children are shown by map_labels.",
            )
        labels = self.map_labels
        if not is_list(labels) or not all(
            isinstance(label, str) and re.fullmatch(MAP_LABEL, label) for label in labels
        ):
            raise usage_error(
                "WatchedWorkflow",
                "map_labels",
                labels,
                allowed="labels of up to 40 characters",
                fix="Give the Label of each Distributed Map, as the state machine's definition has it.",
            )

    @property
    def key(self) -> str:
        """The name without spaces: what the ids of its alarms begin with."""
        return self.name.replace(" ", "")

    @property
    def account(self) -> str | None:
        """The account of an imported state machine; None where only the deployment knows it."""
        return _known(self.state_machine.env.account)

    @property
    def region(self) -> str | None:
        """The Region of an imported state machine; None where only the deployment knows it."""
        return _known(self.state_machine.env.region)

    @property
    def quota(self) -> Quota:
        """The record of its own throttled states."""
        return execution_throttles(self.state_machine.state_machine_arn, key=self.key, title=self.name)


def check_watched(construct: Construct, quotas: Sequence[Quota], workflows: Sequence[WatchedWorkflow]) -> None:
    """Raise ValueError unless there is something to watch, each thing once."""
    for argument, values, kind in (("quotas", quotas, Quota), ("workflows", workflows, WatchedWorkflow)):
        if not is_list(values) or not all(isinstance(value, kind) for value in values):
            raise usage_error(
                construct, argument, values, allowed=f"a list of {kind.__name__}", fix=f"Give [{kind.__name__}(…)]."
            )
    if not quotas and not workflows:
        raise usage_error(
            construct, "quotas", quotas, allowed="one Quota or more", fix="Leave it out for Step Functions' own."
        )
    keys = Counter([*(quota.key for quota in quotas), *(workflow.key for workflow in workflows)])
    twice = [key for key, count in keys.items() if count > 1]
    if twice:
        raise usage_error(
            construct, "quotas", twice, allowed="each key once", fix="Give the second a `key`, or a `name`, of its own."
        )


def _known(value: str) -> str | None:
    return None if is_token(value) else value
