"""Recorded executions, run on a local cloud."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from parity.report import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from parity.recordings import Case, Recordings

_AT_A_TIME = 8
_POLL_SECONDS = 0.05
# No recorded execution takes longer than some seconds; where AWS's hadn't ended, ours is looked at after this time.
_LONGEST_SECONDS = 30.0
_UNENDED_SECONDS = 1.0


def run_cases(
    client: Callable[[str], Any], recordings: Recordings, cases: Sequence[Case] | None = None
) -> Iterator[Outcome]:
    """Run cases side by side, and yield how each compares with its recording, in the cases' order.

    Args:
        client: makes the boto3 client of a service.
        recordings: the cases and their comparison.
        cases: some of them; omitted: all.

    """
    runner = _Runner(client, recordings)
    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        yield from threads.map(runner.run, recordings.cases if cases is None else cases)


class _Runner:
    def __init__(self, client: Callable[[str], Any], recordings: Recordings) -> None:
        self._recordings = recordings
        self._states, self._s3 = client("stepfunctions"), client("s3")
        self._numbers = {case.id: number for number, case in enumerate(recordings.cases)}
        self._role = _make_role(client("iam"))

    def run(self, case: Case) -> Outcome:
        """Run one case."""
        try:
            events = self._history(case)
        except ClientError as error:
            return Outcome(case.id, case.category, 0, (f"refused: {error}",))
        return compare(self._recordings, case, events)

    def _history(self, case: Case) -> list[dict[str, Any]]:
        number = self._numbers[case.id]
        run = case.run(number, self._recordings.buckets)
        for bucket in run.buckets:
            self._s3.create_bucket(Bucket=bucket)
        for file in run.objects:
            self._s3.put_object(Bucket=file.bucket, Key=file.key, Body=file.body)
        machine = self._states.create_state_machine(
            name=f"recorded-{number}", roleArn=self._role, definition=run.definition, type=case.type
        )["stateMachineArn"]
        arn = self._states.start_execution(stateMachineArn=machine, input=run.input)["executionArn"]
        deadline = time.monotonic() + (_LONGEST_SECONDS if case.ends else _UNENDED_SECONDS)
        while self._states.describe_execution(executionArn=arn)["status"] == "RUNNING":
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_SECONDS)
        pages = self._states.get_paginator("get_execution_history").paginate(executionArn=arn)
        events = [event for page in pages for event in page["events"]]
        if self._states.describe_execution(executionArn=arn)["status"] == "RUNNING":
            self._states.stop_execution(executionArn=arn)
        return run.in_recorded_words(events)


def compare(recordings: Recordings, case: Case, events: list[dict[str, Any]]) -> Outcome:
    """Return the level that a history reaches, and what separates it from the recording."""
    expected = case.expected()
    found = recordings.compare({"events": expected}, {"events": events})
    levels = (not found["l1"], bool(found["l2"]), not found["l3"])
    level = next((number for number, reached in enumerate(levels) if not reached), len(levels))
    differences = [f"result: {_difference(entry)}" for entry in found["l1"]]
    for name, what in (("missing", "AWS has"), ("extra", "only here")):
        differences += [f"events: {what} {count} x {kind}" for kind, count in found.get(name, {}).items()]
    if not found["l2"] and len(differences) == len(found["l1"]):
        differences.append("events: in another order")
    differences += [f"details: {_difference(entry)}" for entry in found["l3"] or ()]
    kinds = tuple(" ".join(event["type"] for event in history) for history in (expected, events))
    return Outcome(case.id, case.category, level, tuple(differences), kinds)


def _difference(entry: Sequence[Any]) -> str:
    path, aws, here = entry[0], entry[1], entry[2]
    more = f"\n    ({entry[3]})" if len(entry) > 3 and entry[3] else ""
    return f"{path}\n    AWS:  {aws}\n    here: {here}{more}"


def _make_role(iam: Any) -> str:
    """Make a role that state machines may assume and that may do everything; return its ARN."""
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    arn: str = iam.create_role(RoleName="parity", AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="parity", PolicyName="all", PolicyDocument=_policy(allow))
    return arn


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
