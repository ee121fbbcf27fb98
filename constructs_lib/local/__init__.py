"""The embedded AWS: deploys a cloud assembly (`cdk.out`) with the real CDK CLI and runs its state machines.

It listens on loopback only, knows nothing of any one app and needs no AWS account. From the command line:
`python -m constructs_lib.local --help`. From Python::

    from constructs_lib.local import LocalCloud

    with LocalCloud.start() as cloud:
        outputs = cloud.deploy(Path("cdk.out"))
        result = cloud.run(outputs["MyStack"]["StateMachineArn"], {"years": [2024]})

The names are loaded when they are first used: importing this package loads neither jsii nor the emulator.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from constructs_lib.local.deploy import DeployedStack
    from constructs_lib.local.endpoint import DEFAULT_ACCOUNT, DEFAULT_REGION, Endpoint
    from constructs_lib.local.errors import LocalCloudError, UsageError
    from constructs_lib.local.execution import Counts, ExecutionResult, Progress
    from constructs_lib.local.session import LocalCloud

__all__ = [
    "DEFAULT_ACCOUNT",
    "DEFAULT_REGION",
    "Counts",
    "DeployedStack",
    "Endpoint",
    "ExecutionResult",
    "LocalCloud",
    "LocalCloudError",
    "Progress",
    "UsageError",
]

_HOMES = {
    "DEFAULT_ACCOUNT": "endpoint",
    "DEFAULT_REGION": "endpoint",
    "Counts": "execution",
    "DeployedStack": "deploy",
    "Endpoint": "endpoint",
    "ExecutionResult": "execution",
    "LocalCloud": "session",
    "LocalCloudError": "errors",
    "Progress": "execution",
    "UsageError": "errors",
}
_NEEDED = ("boto3", "jsonata", "ministack", "moto", "rich")


def __getattr__(name: str) -> object:
    """Load a public name; raises ImportError, naming the fix, when the extra `local` isn't installed."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require_extra()
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def require_extra() -> None:
    """Raise ImportError, in one line with the fix, when a package of the extra `local` is missing."""
    missing = [package for package in _NEEDED if importlib.util.find_spec(package) is None]
    if missing:
        raise ImportError(
            f"constructs_lib.local needs {', '.join(missing)}, not installed here. "
            'Fix: pip install "step-functions-at-scale[local]"'
        )
