"""ResultWriter: the outputs of a Map Run's children, written to S3 in the files and layout of Step Functions.

`<prefix>/<map run id>/manifest.json` names the files `SUCCEEDED_0`, `FAILED_0` (failed, timed out or aborted children)
and `PENDING_0` (children that never started) beside it, `.json` or `.jsonl`. `WriterConfig.Transformation` shapes the
successful outputs only: NONE wraps each in its execution's record, COMPACT is the plain output, FLATTEN also opens
arrays. The others are always records.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from constructs_lib.local.emulator.payload import as_json

FILES = {
    "FAILED": ("FAILED", "TIMED_OUT", "ABORTED"),
    "PENDING": ("PENDING",),
    "SUCCEEDED": ("SUCCEEDED",),
}


def transform(children: Iterable[Mapping[str, Any]], transformation: str) -> list[Any]:
    """Successful children's outputs as `Transformation` wants them.

    Args:
        children: execution records that have SUCCEEDED.
        transformation: NONE, COMPACT or FLATTEN.

    """
    if transformation == "NONE":
        return [record(child) for child in children]
    outputs = [json.loads(child["output"]) for child in children]
    if transformation == "COMPACT":
        return outputs
    return [element for output in outputs for element in (output if isinstance(output, list) else [output])]


def record(child: Mapping[str, Any]) -> dict[str, Any]:
    """One child execution as the result files describe it."""
    described: dict[str, Any] = {
        "Input": child["input"],
        "InputDetails": {"Included": True},
        "Status": child["status"],
    }
    if child["status"] == "PENDING":
        return described
    described |= {
        "ExecutionArn": child["executionArn"],
        "Name": child["name"],
        "RedriveCount": child["redriveCount"],
        "RedriveStatus": "REDRIVABLE_BY_MAP_RUN",
        "StateMachineArn": child["stateMachineArn"],
    }
    if child["status"] == "SUCCEEDED":
        reason = "Execution is SUCCEEDED and cannot be redriven"
        described |= {"RedriveStatus": "NOT_REDRIVABLE", "RedriveStatusReason": reason}
        described |= {"Output": child["output"], "OutputDetails": {"Included": True}}
    for field, name in (("error", "Error"), ("cause", "Cause"), ("startDate", "StartDate"), ("stopDate", "StopDate")):
        if child.get(field) is not None:
            described[name] = child[field]
    return described


def file_body(rows: Sequence[Any], output_type: str) -> bytes:
    """A result file's bytes: a JSON array, or JSON lines."""
    if output_type == "JSONL":
        return "".join(as_json(row) + "\n" for row in rows).encode()
    return as_json(list(rows)).encode()


def write_results(
    s3: Any,
    *,
    map_run_arn: str,
    children: Sequence[Mapping[str, Any]],
    destination: Mapping[str, Any],
    config: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the result files and their manifest; return what the Map state's result becomes.

    Args:
        s3: an S3 client with the execution role's session.
        map_run_arn: the Map Run; its last part names the folder.
        children: every child's record, PENDING ones included.
        destination: the writer's evaluated arguments: `Bucket`, and `Prefix` when it has one.
        config: the writer's `WriterConfig`.

    Raises:
        botocore.exceptions.ClientError: S3 refuses.

    """
    bucket, prefix = destination["Bucket"], str(destination.get("Prefix", "")).rstrip("/")
    folder = "/".join(part for part in (prefix, map_run_arn.rpartition(":")[2]) if part)
    output_type = config.get("OutputType", "JSON")
    files: dict[str, list[dict[str, Any]]] = {}
    for name, statuses in FILES.items():
        chosen = [child for child in children if child["status"] in statuses]
        files[name] = []
        if not chosen:
            continue
        transformation = config.get("Transformation", "NONE") if name == "SUCCEEDED" else "NONE"
        body = file_body(transform(chosen, transformation), output_type)
        key = f"{folder}/{name}_0.{output_type.lower()}"
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        files[name].append({"Key": key, "Size": len(body)})
    manifest = {"DestinationBucket": bucket, "MapRunArn": map_run_arn, "ResultFiles": files}
    manifest_key = f"{folder}/manifest.json"
    s3.put_object(Bucket=bucket, Key=manifest_key, Body=as_json(manifest).encode())
    return {"MapRunArn": map_run_arn, "ResultWriterDetails": {"Bucket": bucket, "Key": manifest_key}}
