"""Cloud assemblies written by hand: a state machine with a Distributed Map, and the function that it invokes."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from constructs_lib.forecast.settings import job_of

if TYPE_CHECKING:
    from pathlib import Path

    from constructs_lib.forecast.job import Job
    from constructs_lib.forecast.workflow import MapSettings

JsonObject = dict[str, Any]

INVOKE: JsonObject = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Arguments": {"FunctionName": "${Fn}", "Payload": "{% $states.input %}"},
    "End": True,
}
MAP: JsonObject = {
    "Type": "Map",
    "Label": "EachFile",
    "ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Arguments": {"Bucket": "b"}},
    "ItemBatcher": {"MaxItemsPerBatch": 100},
    "MaxConcurrency": 50,
    "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Read",
        "States": {"Read": INVOKE},
    },
    "End": True,
}


def changed(state: JsonObject, *path: str, to: Any = None) -> JsonObject:
    """A copy of a state with the field at `path` set, or taken away."""
    result = copy.deepcopy(state)
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    inner.pop(path[-1], None)
    if to is not None:
        inner[path[-1]] = to
    return result


def definition(**states: JsonObject) -> JsonObject:
    """A state machine of these states, the first of which it starts with."""
    return {"StartAt": next(iter(states)), "States": states}


def child(state: JsonObject, **states: JsonObject) -> JsonObject:
    """A map whose children have these states."""
    return changed(
        changed(state, "ItemProcessor", "States", to=states), "ItemProcessor", "StartAt", to=next(iter(states))
    )


def write(
    folder: Path,
    *,
    machines: dict[str, JsonObject] | None = None,
    function: JsonObject | None = None,
    region: str = "unknown-region",
) -> Path:
    """Write a stack `Files` of state machines, by logical id, and a function `Reader`; return the folder."""
    arn = {"Fn::GetAtt": ["Reader", "Arn"]}
    resources: JsonObject = {"Reader": {"Type": "AWS::Lambda::Function", "Properties": function or {}}}
    for logical_id, machine in ({"Machine1A2B3C4D": definition(Map=MAP)} if machines is None else machines).items():
        before, *after = json.dumps(machine).split("${Fn}")
        text = {"Fn::Join": ["", [before, *(part for text in after for part in (arn, text))]]}
        resources[logical_id] = {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"DefinitionString": text},
            "Metadata": {"aws:cdk:path": f"Files/{logical_id[:-8]}/Resource"},
        }
    folder.joinpath("Files.template.json").write_text(json.dumps({"Resources": resources}))
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://unknown-account/{region}",
        "properties": {"templateFile": "Files.template.json"},
    }
    folder.joinpath("manifest.json").write_text(json.dumps({"version": "55.0.0", "artifacts": {"Files": stack}}))
    return folder


def job(read: MapSettings, **given: Any) -> Job:
    """The job that the command makes of what was read, and of these options."""
    return job_of(given, {}, read)[0]
