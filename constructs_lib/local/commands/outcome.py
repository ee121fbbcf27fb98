"""How an execution ended, as `start` and `redrive` tell it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from constructs_lib.local.commands.options import complain, say

if TYPE_CHECKING:
    from constructs_lib.local.commands.targets import Target
    from constructs_lib.local.execution import ExecutionResult
    from constructs_lib.local.timeline import Timeline


def tell(target: Target, result: ExecutionResult, timeline: Timeline) -> int:
    """Print the output to stdout, or to stderr why there is none; return the exit code."""
    from constructs_lib.local import failure

    if result.succeeded:
        say(f"SUCCEEDED  {result.execution_arn}")
        print(json.dumps(result.output, indent=2, ensure_ascii=False))
        return 0
    found = failure.find(target.client, result.execution_arn, timeline)
    what = f"{result.status}: {result.error}" if result.error else result.status
    if found is not None:
        told = list(found.lines())
    else:
        told = failure.pretty_cause(result.cause) if result.cause else []
        if where := timeline.last_running():
            told.append(f"state  {', '.join(run.label for run in where)}")
    return complain(f"The execution ended {what}", *told, result.execution_arn, code=1)
