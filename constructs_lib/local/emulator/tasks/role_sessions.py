"""The AWS calls of a running state machine, each under the session of its execution role.

moto's interpreter asks `boto_client_for(region, service, state_credentials)` for a client before each call. The answer
here is a client of the emulator's own HTTPS endpoint, signed with a session of the state machine's role, so that
MiniStack checks the role's policies as it does for anybody. A task's `Credentials` is a real `sts:AssumeRole` of the
named role, with the state machine's ARN as ExternalId, as Step Functions does it.
"""

import contextvars
import functools
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
import moto.stepfunctions.parser.asl.utils.boto_client as moto_boto_client
from botocore.config import Config
from botocore.exceptions import ClientError
from ministack.core import iam_evaluator, responses
from ministack.services import sts
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task import StateTask
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

from constructs_lib.local.emulator.language.state_failures import fail_at_run_time
from constructs_lib.local.emulator.patches import replace, replace_everywhere, require
from constructs_lib.local.emulator.payload import as_json
from constructs_lib.local.emulator.tasks.task_failure import task_failure

_CONFIG = Config(
    # A definition's mistakes must come back as the service's errors, not as this client's.
    parameter_validation=False,
    # The definition's Retry is the only one: an SDK that retries behind it would hide errors and waits.
    retries={"total_max_attempts": 1},
    read_timeout=900,
    max_pool_connections=64,
    inject_host_prefix=False,
    # Step Functions doesn't ask S3 for checksums: a task's result would show them.
    response_checksum_validation="when_required",
)
# An assumed role's session that ends sooner than this isn't used for another call.
_RENEW_SECONDS = 60


class AccessDeniedError(Exception):
    """The execution role lacks a permission that the service itself needs; the message is AWS's sentence."""


class AssumeRoleError(Exception):
    """The execution role can't assume the role of a task's `Credentials`; the message is AWS's sentence."""


class ClientFactory:
    """boto3 clients of the emulator, one for each service, Region and session."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._lock = threading.Lock()
        # Named by a string: boto3's types know the services one by one.
        self._make: Any = boto3.client

    def client(self, service: str, region: str, access_key: str, secret: str, token: str, *, keep: bool = True) -> Any:
        """A client; a kept one is shared by all threads, which boto3 allows (but not that two be made at a time)."""
        key = (service, region, access_key)
        with self._lock:
            if key in self._clients:
                return self._clients[key]
            client: Any = self._make(
                service,
                endpoint_url=self._endpoint,
                region_name=region,
                aws_access_key_id=access_key,
                aws_secret_access_key=secret,
                aws_session_token=token,
                config=_CONFIG,
            )
            client.meta.events.register("after-call", _complete_error)
            if keep:
                self._clients[key] = client
            return client


def _complete_error(parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """Give an answer what the interpreter reads from it.

    Some of MiniStack's errors carry no request id; S3's carry one header too many, for which botocore doesn't read the
    host's id; and moto appends "Exception" to Step Functions' error codes by itself.
    """
    metadata = parsed.setdefault("ResponseMetadata", {})
    metadata.setdefault("RequestId", responses.new_uuid())
    if model.service_model.service_name == "s3" and (host_id := metadata.get("HTTPHeaders", {}).get("x-amz-id-2")):
        metadata["HostId"] = host_id
    if "Error" in parsed and model.service_model.service_name == "stepfunctions":
        parsed["Error"]["Code"] = parsed["Error"].get("Code", "").removesuffix("Exception")


@dataclass
class RoleSession:
    """A state machine's execution role, in the account and Region of the machine.

    Args:
        clients: makes the clients.
        state_machine_arn: without a Map Run's label.
        role_arn: the execution role.
        context: MiniStack's account and Region of the request that started the execution. MiniStack keeps them in
            context variables, which a new thread doesn't inherit: whoever starts a thread runs it in a copy of this.

    """

    clients: ClientFactory
    state_machine_arn: str
    role_arn: str
    context: contextvars.Context = field(default_factory=contextvars.copy_context)

    @property
    def account(self) -> str:
        """The machine's account."""
        return self.state_machine_arn.split(":")[4]

    @property
    def region(self) -> str:
        """The machine's Region."""
        return self.state_machine_arn.split(":")[3]

    def client(self, service: str, region: str | None = None) -> Any:
        """A client of `service`, as the role."""
        return self.clients.client(service, region or self.region, *_session_of(self.role_arn, self.state_machine_arn))

    def assume(self, role_arn: str) -> "AssumedRole":
        """A session of a role that the execution role assumes for a task.

        Raises:
            AssumeRoleError: it may not.

        """
        try:
            assumed = self.client("sts").assume_role(
                RoleArn=role_arn, RoleSessionName="states", ExternalId=self.state_machine_arn
            )["Credentials"]
        except ClientError as error:
            raise AssumeRoleError(
                f"The role {self.role_arn} is not authorized to assume the task state's role, {role_arn}."
            ) from error
        session = (assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"])
        return AssumedRole(self.clients, session, assumed["Expiration"].timestamp())

    def check(self, action: str, resource: str) -> None:
        """Evaluate the role's policies for a call that Step Functions makes on its own behalf.

        Raises:
            AccessDeniedError: they don't allow it.

        """
        self.context.copy().run(check, self.role_arn, self.state_machine_arn, action, resource)


def check(
    role_arn: str, state_machine_arn: str, action: str, resource: str, context: dict[str, Any] | None = None
) -> None:
    """Evaluate a role's policies for a call of Step Functions' own, in the account of the request.

    Args:
        role_arn: the execution role.
        state_machine_arn: without a Map Run's label.
        action: such as `states:StartExecution`.
        resource: its ARN.
        context: condition keys and their values; omitted: none but the global ones.

    Raises:
        AccessDeniedError: they don't allow it.

    """
    access_key = _session_of(role_arn, state_machine_arn)[0]
    service, region = action.partition(":")[0], state_machine_arn.split(":")[3]
    denied = iam_evaluator.enforce(access_key, action, service, region, resource_arn=resource, service_context=context)
    if denied:
        raise AccessDeniedError(
            f"User: {getattr(denied, 'principal_arn', role_arn)} is not authorized to perform: {action} on "
            f"resource: {resource} because no identity-based policy allows the {action} action"
        )


def _session_of(role_arn: str, state_machine_arn: str) -> tuple[str, str, str]:
    """Key, secret and token of a session of the role, registered with MiniStack's STS; it doesn't expire."""
    role, machine = role_arn.rpartition("/")[2], state_machine_arn.rpartition(":")[2]
    digest = hashlib.sha256(f"{state_machine_arn} {role_arn}".encode()).hexdigest()
    key, secret, token = f"ASIA{digest[:16].upper()}", digest[16:56], digest[::-1]
    if key not in sts._sessions:
        sts.register_session(
            key,
            {
                "Arn": f"arn:aws:sts::{role_arn.split(':')[4]}:assumed-role/{role}/{machine[:64]}",
                "UserId": f"{role}:{machine[:64]}",
                "SecretAccessKey": secret,
                "SessionToken": token,
            },
        )
    return key, secret, token


class AssumedRole:
    """A session of a role that a task's `Credentials` name, until it expires.

    Args:
        clients: makes the clients.
        session: key, secret and token.
        expires: in seconds since 1970.

    """

    def __init__(self, clients: ClientFactory, session: tuple[str, str, str], expires: float) -> None:
        self._clients = clients
        self._session = session
        self._expires = expires
        self._made: dict[tuple[str, str], Any] = {}

    @property
    def is_good(self) -> bool:
        """Whether it lasts for another call."""
        return time.time() < self._expires - _RENEW_SECONDS

    def client(self, service: str, region: str) -> Any:
        """A client of `service`; the factory doesn't keep it, since no other task has this session."""
        made = self._made.get((service, region))
        if made is None:
            made = self._clients.client(service, region, *self._session, keep=False)
            self._made[service, region] = made
        return made


class TaskCredentials:
    """What the interpreter passes along as the credentials of an attempt of a task.

    Args:
        session: the machine's role.
        assume: the role of `Credentials`; None: the machine's own.
        failure: what to raise in the state with the sentence that the role can't be assumed.

    """

    def __init__(
        self, session: RoleSession, assume: str | None, failure: Callable[[str], FailureEventException]
    ) -> None:
        self.role_arn = assume or session.role_arn
        self.failure = failure
        self._session = session
        self._assume = assume
        self._assumed: AssumedRole | None = None

    def client(self, service: str, region: str) -> Any:
        """A client of `service`; a session of an assumed role is renewed before it expires.

        Raises:
            AssumeRoleError: the role may not be assumed.

        """
        if self._assume is None:
            return self._session.client(service, region)
        if self._assumed is None or not self._assumed.is_good:
            self._assumed = self._session.assume(self._assume)
        return self._assumed.client(service, region)


def _task_credentials(self: Any, env: Any) -> TaskCredentials:
    """In the place of moto's `StateTask._eval_state_credentials`."""
    assume = None
    if self.credentials:
        try:
            self.credentials.eval(env=env)
        except NoSuchJsonPathError as error:
            cause = f"The JSONPath '{error.json_path}' specified for the field 'RoleArn.$' could not be found in the "
            fail_at_run_time(env, f"{cause}input '{as_json(error.data)}'", HistoryEventType.TaskFailed)
        assume = env.stack.pop().role_arn
    return TaskCredentials(env.aws_execution_details.session, assume, functools.partial(task_failure, self, env))


def client_for(region: str, service: str, state_credentials: TaskCredentials) -> Any:
    """In the place of moto's function, which would make a client of moto's server with made-up keys."""
    try:
        return state_credentials.client(service, region)
    except AssumeRoleError as error:
        # Name and sentence as users of AWS quote them; that the failure follows on TaskStarted is inferred.
        raise state_credentials.failure(str(error)) from error


def install() -> None:
    """Put the sessions in the place of moto's clients, once the interpreter's modules are loaded."""
    require(sts, "_sessions", "register_session")
    require(iam_evaluator, "enforce")
    replace_everywhere("moto.stepfunctions", moto_boto_client, "boto_client_for", client_for)
    replace(StateTask, "_eval_state_credentials", _task_credentials)
