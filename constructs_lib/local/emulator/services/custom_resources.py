"""Custom resources of a template: what their functions leave out, and the buckets that are emptied before they go.

CloudFormation waits an hour for the answer of a custom resource's function. Here a function that failed, or that ended
without an answer while nothing else runs that could still give it, fails the resource at once, and says why.

`Custom::S3AutoDeleteObjects` (CDK's `auto_delete_objects=True`) is done here, as the function's role: the function is
JavaScript, needs an SDK that only AWS's runtime has, and answers on port 443 whatever the port in its address.
"""

import json
import time
from typing import Any

from botocore.exceptions import ClientError
from ministack.core import lambda_runtime
from ministack.services import lambda_svc
from ministack.services.cloudformation import custom_resource, provisioners

from constructs_lib.local.emulator.execution import running
from constructs_lib.local.emulator.patches import replace, require
from constructs_lib.local.emulator.tasks.role_sessions import ClientFactory

# For how long nothing may run before an answer is given up.
_QUIET_SECONDS = 5.0
_POLL_SECONDS = 0.2
_AUTO_DELETE_TAG = {"Key": "aws-cdk:auto-delete-objects", "Value": "true"}


def _execute_function(function: dict[str, Any], event: Any) -> dict[str, Any]:
    """In the place of MiniStack's `_execute_function_with_config_scope`: whoever waits for an answer gets one."""
    result: dict[str, Any] = _original_execute(function, event)
    url = event.get("ResponseURL") if isinstance(event, dict) else None
    token = url.rpartition("/")[2] if isinstance(url, str) else ""
    waiting = custom_resource._pending.get(token)
    if waiting is None:
        return result
    if result.get("error"):
        error = result["body"]
        reason = f"{error.get('errorType')}: {error.get('errorMessage')}" if isinstance(error, dict) else str(error)
        reason = f"the function failed: {reason}"
    else:
        _wait_for_answer(waiting["event"], float(event["ResourceProperties"].get("ServiceTimeout", 3600)))
        reason = "the function ended and no answer came to the event's ResponseURL"
    if not waiting["event"].is_set():
        name = (function.get("config") or function).get("FunctionName")
        custom_resource.deliver_response(token, {"Status": "FAILED", "Reason": f"{name}: {reason}"})
    return result


def _wait_for_answer(answered: Any, timeout: float) -> None:
    """Wait while a function or an execution that could give the answer is under way."""
    now = time.monotonic()
    end, quiet_since = now + timeout, now
    while not answered.wait(_POLL_SECONDS) and now < end and now < quiet_since + _QUIET_SECONDS:
        now = time.monotonic()
        if running.any() or lambda_runtime.workers_in_use():
            quiet_since = now


class _AutoDelete:
    """The handler of `Custom::S3AutoDeleteObjects`: what the function does, with the rights that it has."""

    def __init__(self, clients: ClientFactory) -> None:
        self._clients = clients

    def create(self, _: str, properties: dict[str, Any], __: Any) -> tuple[str, dict[str, str]]:
        return properties["BucketName"], {}

    def update(self, bucket: str, _: Any, properties: dict[str, Any], __: Any) -> tuple[str, dict[str, str]]:
        if properties["BucketName"] != bucket:
            self._empty(bucket, properties["ServiceToken"])
        return properties["BucketName"], {}

    def delete(self, bucket: str, properties: dict[str, Any]) -> None:
        self._empty(bucket, properties["ServiceToken"])

    def _empty(self, bucket: str, function: str) -> None:
        """Delete every version of every object if the bucket carries the tag; a bucket that is gone is empty."""
        s3 = self._client(function)
        try:
            if _AUTO_DELETE_TAG not in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]:
                return
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
                objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
                if objects:
                    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
                    if errors := answer.get("Errors"):
                        raise ValueError(f"{bucket} can't be emptied: {json.dumps(errors[0])}")
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise

    def _client(self, function: str) -> Any:
        _, config, _ = lambda_svc._get_func_record_for_ref(function)
        if config is None:
            raise ValueError(f"the function {function} doesn't exist")
        _, region = lambda_runtime._account_region_from_function_config(config)
        session = lambda_runtime.execution_credentials(config)
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return self._clients.client("s3", region, *(session[name] for name in names), keep=False)


_original_execute: Any = lambda_svc._execute_function_with_config_scope


def install(clients: ClientFactory) -> None:
    """Take part in MiniStack's custom resources."""
    require(custom_resource, "_pending", "deliver_response")
    require(lambda_svc, "_get_func_record_for_ref")
    require(lambda_runtime, "workers_in_use", "execution_credentials", "_account_region_from_function_config")
    require(provisioners, "_RESOURCE_HANDLERS")
    replace(lambda_svc, "_execute_function_with_config_scope", _execute_function)
    handler = _AutoDelete(clients)
    provisioners._RESOURCE_HANDLERS["Custom::S3AutoDeleteObjects"] = {
        "create": handler.create,
        "update": handler.update,
        "delete": handler.delete,
    }
