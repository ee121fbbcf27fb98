"""Test your own CDK app on the local cloud, with pytest.

`pip install "step-functions-at-scale[testing]"` is the set-up. Say which app in pytest's configuration, and ask for the
fixture `local_app`::

    [tool.pytest.ini_options]
    local_cloud_app = "python app.py"

::

    from constructs_lib.testing import LocalApp


    def test_a_throttled_function_is_called_again(local_app: LocalApp) -> None:
        seeded = local_app.seed("Uploads", {"a.json": {"n": 1}})
        local_app.fail_task("Analyze", error="Lambda.TooManyRequestsException", times=2)
        execution = local_app.run("Analysis", {"prefix": seeded.prefix})
        assert execution.succeeded
        assert execution.attempts("Analyze") == 3

The fixtures are those of `constructs_lib.testing.plugin`: `local_cloud_app`, `local_cloud`, `policy_simulation` and
`policy_simulator` (all of the session), `local_app` and `local_prefix` (both of one test). Here are the types that they
have, to annotate with.

Alarms need no cloud and no pytest: `run_scenarios("scenarios.yaml", "cdk.out")`, `AlarmSimulation.read("cdk.out")`, and
from the command line `python -m constructs_lib.testing alarms cdk.out scenarios.yaml`.

The names are loaded when they are first used: the plugin costs nothing where it isn't used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from constructs_lib.testing.alarm_history import AlarmHistory, Notification
    from constructs_lib.testing.alarm_scenarios import Difference, Expectation, Scenario, ScenarioResult, judge
    from constructs_lib.testing.alarm_simulation import AlarmSimulation
    from constructs_lib.testing.alarm_states import AlarmState
    from constructs_lib.testing.execution import CompletedExecution, RunningExecution
    from constructs_lib.testing.faults import Fault, S3Fault
    from constructs_lib.testing.local_app import LocalApp
    from constructs_lib.testing.policy_simulation import Decision, PolicySimulation, PolicySimulator
    from constructs_lib.testing.readings import Readings
    from constructs_lib.testing.scenario_files import ScenarioFileError, read_scenarios, run_scenarios, write_scenarios
    from constructs_lib.testing.seeds import Seeded

__all__ = [
    "AlarmHistory",
    "AlarmSimulation",
    "AlarmState",
    "CompletedExecution",
    "Decision",
    "Difference",
    "Expectation",
    "Fault",
    "LocalApp",
    "Notification",
    "PolicySimulation",
    "PolicySimulator",
    "Readings",
    "RunningExecution",
    "S3Fault",
    "Scenario",
    "ScenarioFileError",
    "ScenarioResult",
    "Seeded",
    "judge",
    "read_scenarios",
    "run_scenarios",
    "write_scenarios",
]

_HOMES = {
    "AlarmHistory": "alarm_history",
    "AlarmSimulation": "alarm_simulation",
    "AlarmState": "alarm_states",
    "CompletedExecution": "execution",
    "Decision": "policy_simulation",
    "Difference": "alarm_scenarios",
    "Expectation": "alarm_scenarios",
    "Fault": "faults",
    "LocalApp": "local_app",
    "Notification": "alarm_history",
    "PolicySimulation": "policy_simulation",
    "PolicySimulator": "policy_simulation",
    "Readings": "readings",
    "RunningExecution": "execution",
    "S3Fault": "faults",
    "Scenario": "alarm_scenarios",
    "ScenarioFileError": "scenario_files",
    "ScenarioResult": "alarm_scenarios",
    "Seeded": "seeds",
    "judge": "alarm_scenarios",
    "read_scenarios": "scenario_files",
    "run_scenarios": "scenario_files",
    "write_scenarios": "scenario_files",
}


def __getattr__(name: str) -> object:
    """Load a public name."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
