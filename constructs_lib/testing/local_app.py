"""The app on the local cloud, as one test uses it."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ParamValidationError

from constructs_lib.local import failure
from constructs_lib.local.commands.targets import chosen_machine, deployed_machines
from constructs_lib.local.deploy import plain_id, resources
from constructs_lib.local.errors import UsageError
from constructs_lib.local.history import History
from constructs_lib.local.timeline import Timeline
from constructs_lib.testing import faults, seeds
from constructs_lib.testing.execution import DEFAULT_TIMEOUT, CompletedExecution, RunningExecution, completed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from constructs_lib.local import DeployedStack, LocalCloud


class Deployment:
    """What the session deployed, looked up when it is first needed and kept: the tests don't change it."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.machines = deployed_machines(cloud.stacks)
        self._described: dict[str, dict[str, Any]] = {}
        self._resources: list[tuple[DeployedStack, str, str]] | None = None
        self._clients: dict[tuple[str, str, str], Any] = {}

    def client(self, service: str, account: str, region: str) -> Any:
        """Return a client, the same one each time: making one takes as long as a short execution."""
        key = (service, account, region)
        if key not in self._clients:
            self._clients[key] = self.cloud.client(service, account=account, region=region)
        return self._clients[key]

    def client_at(self, service: str, arn: str) -> Any:
        """Return the client of the account and Region of what `arn` names."""
        _, _, _, region, account, *_ = arn.split(":")
        return self.client(service, account, region)

    def states_client(self, arn: str) -> Any:
        """Return the Step Functions client of the account and Region of a machine or an execution."""
        return self.client_at("stepfunctions", arn)

    def describe(self, state_machine_arn: str) -> dict[str, Any]:
        """Return what DescribeStateMachine says."""
        if state_machine_arn not in self._described:
            client = self.states_client(state_machine_arn)
            self._described[state_machine_arn] = client.describe_state_machine(stateMachineArn=state_machine_arn)
        return self._described[state_machine_arn]

    def tasks(self, state_machine_arn: str) -> dict[str, str]:
        """Return the resources of a machine's Task states by name."""
        return faults.task_states(json.loads(self.describe(state_machine_arn)["definition"]))

    def find(self, name: str) -> tuple[DeployedStack, str] | None:
        """Return the stack and the physical id of a resource by its names; None when no stack has it.

        Raises `UsageError` when it could be any of several.
        """
        found = {physical_id: stack for stack, physical_id in self._named(name)}
        if len(found) > 1:
            raise UsageError(
                f"{name!r} could be any of {', '.join(sorted(found))}. Fix: put `<stack>.` in front of it."
            )
        return next(((stack, physical_id) for physical_id, stack in found.items()), None)

    def names(self) -> list[str]:
        """Return the resources' logical ids without CDK's hash, with the stack's name in front."""
        return sorted(f"{stack.name}.{plain_id(logical_id)}" for stack, logical_id, _ in self._all_resources())

    def _named(self, name: str) -> Iterator[tuple[DeployedStack, str]]:
        for stack in self.cloud.stacks:
            for key, value in stack.outputs.items():
                if name in {key, f"{stack.name}.{key}"}:
                    yield stack, value
        for stack, logical_id, physical_id in self._all_resources():
            ids = {logical_id, plain_id(logical_id)}
            if name in {physical_id, *ids, *(f"{stack.name}.{each}" for each in ids)}:
                yield stack, physical_id

    def _all_resources(self) -> list[tuple[DeployedStack, str, str]]:
        if self._resources is None:
            self._resources = []
            for stack in self.cloud.stacks:
                client = self.client("cloudformation", stack.account, stack.region)
                self._resources += [
                    (stack, logical, physical) for _, logical, physical in resources(client, stack.name)
                ]
        return self._resources


class LocalApp:
    """The app on the local cloud, as one test uses it; get it by the fixture `local_app`.

    State machines go by their name, ARN, logical id (with CDK's hash at the end or without it) or the name of a stack
    output that is their ARN; `<stack>.` in front of it helps where two stacks have the same. Where an app has one state
    machine only it may be left out. What can't be right raises `UsageError`, which is a `ValueError`.
    """

    def __init__(self, deployment: Deployment, prefix: str) -> None:
        self._deployment = deployment
        self._seeded: dict[tuple[str, str], Any] = {}
        self._started: list[RunningExecution | CompletedExecution] = []
        self.prefix = prefix

    @property
    def cloud(self) -> LocalCloud:
        """The session's local cloud: `local_app.cloud.client("dynamodb")` is a boto3 client with every right."""
        return self._deployment.cloud

    @property
    def outputs(self) -> dict[str, str]:
        """The stacks' outputs, by name; `<stack>.<name>` where several stacks have an output of that name."""
        every = [(stack.name, key, value) for stack in self.cloud.stacks for key, value in stack.outputs.items()]
        keys = [key for _, key, _ in every]
        return {(key if keys.count(key) == 1 else f"{name}.{key}"): value for name, key, value in every}

    def resource(self, name: str) -> str:
        """Return the physical id of a deployed resource: a bucket's or a table's name, a queue's URL, a topic's ARN.

        `name` is its logical id, with CDK's hash or without it, or the name of a stack output::

            table = local_app.cloud.client("dynamodb").scan(TableName=local_app.resource("Orders"))

        Raises `UsageError`, with the names that there are, for another.
        """
        found = self._deployment.find(name)
        if found is None:
            raise UsageError(f"No stack has {name!r}. Allowed: {', '.join(self._deployment.names())}.")
        return found[1]

    def start(
        self, state_machine: str | None = None, execution_input: Any = None, *, name: str | None = None
    ) -> RunningExecution:
        """Start a Standard workflow and return at once.

        ::

            execution = local_app.start("Approval", {"order": 7})
            ...
            assert execution.wait().succeeded

        `execution_input` is anything that JSON has; omitting it gives `{}`. Omitting `name` makes one up. Raises
        `UsageError` for a machine that isn't there and for an Express one, which can't be followed (`run` it), and
        botocore's `ClientError`, with AWS's error names, for what the service refuses.
        """
        arn = self._machine(state_machine)
        if self._is_express(arn):
            raise UsageError(f"{arn} is an Express workflow, which can't be followed. Fix: use run() for it.")
        client = self._deployment.states_client(arn)
        started = client.start_execution(
            stateMachineArn=arn, input=_json(execution_input), name=name or str(uuid.uuid4())
        )
        execution = RunningExecution(started["executionArn"], client)
        self._started.append(execution)
        return execution

    def run(
        self,
        state_machine: str | None = None,
        execution_input: Any = None,
        *,
        name: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> CompletedExecution:
        """Run a workflow to its end and return how it ended, failed or not.

        ::

            execution = local_app.run("Numbers", {"n": 3})
            assert execution.output == {"doubled": 6}

        Raises what `start` and `RunningExecution.wait` raise: `TimeoutError` when it still runs after `timeout`
        seconds. An Express workflow is run by StartSyncExecution, has no history and isn't cut off by `timeout`.
        """
        arn = self._machine(state_machine)
        if not self._is_express(arn):
            return self.start(arn, execution_input, name=name).wait(timeout)
        client = self._deployment.states_client(arn)
        named = {} if name is None else {"name": name}
        ended = client.start_sync_execution(stateMachineArn=arn, input=_json(execution_input), **named)
        execution = completed(client, ended, has_history=False)
        self._started.append(execution)
        return execution

    def seed(self, bucket: str, objects: Mapping[str, Any] | Path, *, prefix: str | None = None) -> seeds.Seeded:
        """Put objects into a bucket, to be removed after the test; return where they are.

        ::

            seeded = local_app.seed("Uploads", {"a.txt": "text", "b.json": {"n": 1}, "c.bin": Path("c.bin")})
            local_app.run("Import", {"bucket": seeded.bucket, "prefix": seeded.prefix})

        `bucket` is its logical id, the name of a stack output or its name. `objects` are bodies by key: `bytes` and
        `str` as they are, a `Path` is a file's content, anything else is written as JSON; or a folder, every file
        below it. Omitting `prefix` puts them under the test's own; `""` takes the keys as they are. Raises `UsageError`
        for a bucket that no stack has and for an object that is there already and isn't the test's.
        """
        found = self._deployment.find(bucket)
        if found is None:
            raise UsageError(f"No stack has a bucket {bucket!r}. Allowed: {', '.join(self._deployment.names())}.")
        stack, bucket_name = found
        client = self._deployment.client("s3", stack.account, stack.region)
        prefix = self.prefix if prefix is None else prefix
        bodies = {prefix + key: body for key, body in seeds.contents(objects).items()}
        for key, body in bodies.items():
            try:
                taken = (bucket_name, key) not in self._seeded and seeds.exists(client, bucket_name, key)
            except (ParamValidationError, client.exceptions.NoSuchBucket):
                raise UsageError(f"{bucket!r} is {bucket_name}, which isn't a bucket.") from None
            if taken:
                raise UsageError(
                    f"The bucket {bucket_name} has an object {key!r} already, which wouldn't be there after the test. "
                    "Fix: give another prefix."
                )
            self._seeded[bucket_name, key] = client
            client.put_object(Bucket=bucket_name, Key=key, Body=body)
        return seeds.Seeded(bucket_name, prefix, tuple(bodies))

    def fail_task(
        self,
        state: str,
        *,
        error: str,
        cause: str = "The test made this task fail.",
        times: int | None = 1,
        state_machine: str | None = None,
    ) -> faults.Fault:
        """Make a Task state fail the next `times` that it is attempted, in any execution, until the end of the test.

        ::

            fault = local_app.fail_task("Analyze", error="Lambda.TooManyRequestsException", times=2)
            assert local_app.run("Analysis").succeeded  # its Retry made up for it
            assert fault.thrown == 2

        The state may be in a Map, a Parallel or a Distributed Map's child workflow; for one in a machine that the
        workflow starts, name that machine. The error comes in the place of the call: the function isn't invoked, the
        child isn't started, and Retry and Catch see what they see when the service answers so. `States.Timeout` and
        `States.HeartbeatTimeout` look as if the time were over. `times=None` makes every attempt fail. Two faults of
        one state come one after the other. Omitting `state_machine` takes the only one with a task of that name. Raises
        `UsageError` for a state that isn't there or isn't a task that can be made to fail.
        """
        arn = self._machine_with_task(state, state_machine)
        if _ACTIVITY.search(self._deployment.tasks(arn)[state]):
            raise UsageError(f"The task {state!r} waits for an activity's worker. Fix: let the worker SendTaskFailure.")
        if not error or not isinstance(error, str):
            raise UsageError(f"The error {error!r} isn't a name. Allowed: a text such as Lambda.ServiceException.")
        if error == "States.ALL":
            raise UsageError("States.ALL stands for every error, and is none. Allowed: States.TaskFailed and its like.")
        faults.check_times(times, "attempt")
        return faults.add(self.cloud.endpoint, arn, state, error=error, cause=cause, times=times)

    def fail_s3(
        self, operation: str, bucket: str, key: str = "*", *, error: str = "SlowDown", times: int | None = 1
    ) -> faults.S3Fault:
        """Make the next `times` requests to a bucket fail, whoever makes them, until the end of the test.

        ::

            fault = local_app.fail_s3("GetObject", "Files", "2024/*", error="SlowDown", times=3)
            assert local_app.run("Analysis").succeeded  # the SDK tried again
            assert fault.thrown == 3

        `operation` is GetObject, HeadObject, PutObject, DeleteObject or ListObjectsV2; `bucket` a resource as
        `resource` takes it; `key` may have `*` for any characters, and doesn't matter to ListObjectsV2. `error` is
        SlowDown, ServiceUnavailable, InternalError, RequestTimeout, AccessDenied or NoSuchKey. Objects stay as they
        are. `times=None` makes every request fail. Raises `UsageError` for anything else.
        """
        return faults.add_s3(self.cloud.endpoint, operation, self.resource(bucket), key, error=error, times=times)

    def report(self) -> str:
        """Return what became of the executions that the test started, for a person: pytest shows it for a failed test.

        Of each its status, its states and, of one that failed, why, with the last lines of the log of its function.
        """
        return "\n".join(line for execution in self._started for line in self._told(execution))

    def _told(self, execution: RunningExecution | CompletedExecution) -> Iterator[str]:
        yield f"{execution.status}  {execution.execution_arn}"
        if isinstance(execution, CompletedExecution):  # an Express workflow, without a history
            if not execution.succeeded:
                yield f"  {execution.error}: {execution.cause}"
            return
        yield f"  {' → '.join(execution.states)}"
        arn = execution.execution_arn
        timeline = Timeline(History(self._deployment.states_client(arn), arn).new())
        found = failure.find(self._deployment.client_at, arn, timeline)
        if found is not None and execution.status == "FAILED":
            yield from (f"  {line}" for line in found.lines())

    def reset(self) -> None:
        """Stop the executions that run, forget faults and remove seeded objects, as the fixture does at the end."""
        for arn in self._deployment.machines:
            if not self._is_express(arn):
                self._stop_executions(arn)
        faults.clear(self.cloud.endpoint)
        for (bucket, key), client in self._seeded.items():
            seeds.remove(client, bucket, key)
        self._seeded.clear()

    def _stop_executions(self, state_machine_arn: str) -> None:
        client = self._deployment.states_client(state_machine_arn)
        pages = client.get_paginator("list_executions").paginate(
            stateMachineArn=state_machine_arn, statusFilter="RUNNING"
        )
        for execution in [execution for page in pages for execution in page["executions"]]:
            RunningExecution(execution["executionArn"], client).stop("TestOver", "The test that started it is over.")

    def _machine(self, given: str | None) -> str:
        return chosen_machine(given, self._deployment.machines)

    def _is_express(self, arn: str) -> bool:
        return bool(self._deployment.describe(arn)["type"] == "EXPRESS")

    def _machine_with_task(self, state: str, given: str | None) -> str:
        arns = list(self._deployment.machines) if given is None else [self._machine(given)]
        found = [arn for arn in arns if state in self._deployment.tasks(arn)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(arn.rpartition(":")[2] for arn in found)
            raise UsageError(f"The task {state!r} is in several machines: {names}. Fix: name one by state_machine.")
        allowed = ", ".join(repr(task) for arn in arns for task in self._deployment.tasks(arn)) or "there are none"
        raise UsageError(f"{given or 'The app'} has no Task state {state!r}. Allowed: {allowed}.")


_ACTIVITY = re.compile(r"^arn:[^:]+:states:[^:]+:\d+:activity:")


def _json(value: Any) -> str:
    return json.dumps({} if value is None else value)
