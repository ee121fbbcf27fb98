"""Sessions of the roles that tasks assume: one an attempt, another before it expires."""

import datetime as dt
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException

from constructs_lib.local.emulator.tasks.role_sessions import (
    AssumeRoleError,
    ClientFactory,
    RoleSession,
    TaskCredentials,
)

MACHINE = "arn:aws:states:us-east-1:111111111111:stateMachine:parent"
ROLE = "arn:aws:iam::111111111111:role/parent-role"
TARGET = "arn:aws:iam::222222222222:role/child-invoker"


class Clients(ClientFactory):
    """In the place of boto3's clients: an STS whose sessions last as long as told, and the names of the others."""

    def __init__(self, *lifetimes: float) -> None:
        super().__init__("https://127.0.0.1:1")
        self._lifetimes = list(lifetimes)
        self.assumed: list[dict[str, str]] = []

    def client(self, service: str, region: str, access_key: str, secret: str, token: str, *, keep: bool = True) -> Any:
        if service == "sts":
            return self
        assert not keep
        return f"{service} in {region} as {access_key} {secret} {token}"

    def assume_role(self, **request: str) -> dict[str, Any]:
        self.assumed.append(request)
        if not self._lifetimes:
            denied = {"Error": {"Code": "AccessDenied", "Message": "no"}}
            raise ClientError(denied, "AssumeRole")  # type: ignore[arg-type]
        number = str(len(self.assumed))
        expires = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self._lifetimes.pop(0))
        keys = {"AccessKeyId": number, "SecretAccessKey": "secret", "SessionToken": "token"}
        return {"Credentials": {**keys, "Expiration": expires}}


def credentials(clients: Clients) -> TaskCredentials:
    def failure(cause: str) -> FailureEventException:
        raise AssertionError(cause)

    return TaskCredentials(RoleSession(clients, MACHINE, ROLE), TARGET, failure)


def test_should_assume_a_role_once_while_its_session_lasts() -> None:
    clients = Clients(3600)
    task = credentials(clients)

    assert task.role_arn == TARGET
    assert task.client("stepfunctions", "us-east-1") == "stepfunctions in us-east-1 as 1 secret token"
    assert task.client("stepfunctions", "us-east-1") == "stepfunctions in us-east-1 as 1 secret token"
    assert clients.assumed == [{"RoleArn": TARGET, "RoleSessionName": "states", "ExternalId": MACHINE}]


@pytest.mark.parametrize("left", [-5, 30])
def test_should_assume_it_again_before_the_session_is_over(left: float) -> None:
    clients = Clients(left, 3600)
    task = credentials(clients)

    task.client("stepfunctions", "us-east-1")

    assert task.client("stepfunctions", "us-east-1") == "stepfunctions in us-east-1 as 2 secret token"


def test_should_try_again_after_a_role_could_not_be_assumed() -> None:
    clients = Clients()
    task = credentials(clients)
    sentence = f"The role {ROLE} is not authorized to assume the task state's role, {TARGET}."

    for _ in range(2):
        with pytest.raises(AssumeRoleError) as refused:
            task.client("stepfunctions", "us-east-1")
        assert str(refused.value) == sentence
    assert len(clients.assumed) == 2
