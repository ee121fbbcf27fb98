"""The AWS calls of a running state machine, each under the session of its execution role.

moto's interpreter asks `boto_client_for(region, service, state_credentials)` for a client before each call. The answer
here is a client of the emulator's own HTTPS endpoint, signed with a session of the state machine's role, so that
MiniStack checks the role's policies as it does for anybody. A task's `Credentials` is a real `sts:AssumeRole` of the
named role, with the state machine's ARN as ExternalId, as Step Functions does it.
"""

import contextvars
import hashlib
import threading
from dataclasses import dataclass, field
from typing import Any

import boto3
import moto.stepfunctions.parser.asl.utils.boto_client as moto_boto_client
from botocore.config import Config
from ministack.core import iam_evaluator, responses
from ministack.services import sts
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task import StateTask

from constructs_lib.local.emulator.patches import replace, replace_everywhere, require

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


class AccessDeniedError(Exception):
    """The execution role lacks a permission that the service itself needs; the message is AWS's sentence."""


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

    def client(self, service: str, region: str | None = None, assume: str | None = None) -> Any:
        """A client of `service`, as the role or, with `assume`, as the role that it assumes.

        Raises:
            botocore.exceptions.ClientError: the role may not assume `assume`.

        """
        own = self.clients.client
        region = region or self.region
        if assume is None:
            return own(service, region, *self._credentials())
        assumed = own("sts", region, *self._credentials()).assume_role(
            RoleArn=assume, RoleSessionName="states", ExternalId=self.state_machine_arn
        )["Credentials"]
        session = (assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"])
        return own(service, region, *session, keep=False)

    def check(self, action: str, resource: str) -> None:
        """Evaluate the role's policies for a call that Step Functions makes on its own behalf.

        Raises:
            AccessDeniedError: they don't allow it.

        """
        access_key = self._credentials()[0]
        service = action.partition(":")[0]
        denied = self.context.copy().run(
            iam_evaluator.enforce, access_key, action, service, self.region, resource_arn=resource
        )
        if denied:
            raise AccessDeniedError(
                f"User: {getattr(denied, 'principal_arn', self.role_arn)} is not authorized to perform: {action} on "
                f"resource: {resource} because no identity-based policy allows the {action} action"
            )

    def _credentials(self) -> tuple[str, str, str]:
        """Key, secret and token of a session of the role, registered with MiniStack's STS."""
        role, machine = self.role_arn.rpartition("/")[2], self.state_machine_arn.rpartition(":")[2]
        digest = hashlib.sha256(f"{self.state_machine_arn} {self.role_arn}".encode()).hexdigest()
        key, secret, token = f"ASIA{digest[:16].upper()}", digest[16:56], digest[::-1]
        if key not in sts._sessions:
            sts.register_session(
                key,
                {
                    "Arn": f"arn:aws:sts::{self.role_arn.split(':')[4]}:assumed-role/{role}/{machine[:64]}",
                    "UserId": f"{role}:{machine[:64]}",
                    "SecretAccessKey": secret,
                    "SessionToken": token,
                },
            )
        return key, secret, token


@dataclass(frozen=True)
class TaskCredentials:
    """What the interpreter passes along as a task's credentials.

    Args:
        role_arn: shown in the history when the state has `Credentials`.
        session: the machine's role.
        assume: the role of `Credentials`; None: the machine's own.

    """

    role_arn: str
    session: RoleSession
    assume: str | None


def _task_credentials(self: Any, env: Any) -> TaskCredentials:
    """In the place of moto's `StateTask._eval_state_credentials`."""
    session: RoleSession = env.aws_execution_details.session
    if not self.credentials:
        return TaskCredentials(session.role_arn, session, None)
    self.credentials.eval(env=env)
    role_arn = env.stack.pop().role_arn
    return TaskCredentials(role_arn, session, role_arn)


def _boto_client_for(region: str, service: str, state_credentials: TaskCredentials) -> Any:
    """In the place of moto's function, which would make a client of moto's server with made-up keys."""
    return state_credentials.session.client(service, region, state_credentials.assume)


def install() -> None:
    """Put the sessions in the place of moto's clients, once the interpreter's modules are loaded."""
    require(sts, "_sessions", "register_session")
    require(iam_evaluator, "enforce")
    replace_everywhere("moto.stepfunctions", moto_boto_client, "boto_client_for", _boto_client_for)
    replace(StateTask, "_eval_state_credentials", _task_credentials)
