"""What a test leaves behind is undone, and what it asks for wrongly is refused in a sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from constructs_lib.local import UsageError
from constructs_lib.testing import LocalApp

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from constructs_lib.testing.local_app import Deployment

pytestmark = pytest.mark.local


@pytest.fixture
def other(_local_deployment: Deployment) -> LocalApp:
    """The app as another test has it."""
    return LocalApp(_local_deployment, "other/")


def keys(local_app: LocalApp, bucket: str) -> list[str]:
    listed = local_app.cloud.client("s3").list_objects_v2(Bucket=bucket)
    return [item["Key"] for item in listed.get("Contents", ())]


def test_stops_executions_that_still_run(local_app: LocalApp, other: LocalApp, local_prefix: str) -> None:
    # It tries again for two seconds, and is stopped meanwhile.
    items = [{"sku": "tea", "quantity": 3}, {"sku": "cup", "quantity": 2}]
    fault = other.fail_task("Price item", error="Lambda.TooManyRequestsException", times=None)
    execution = other.start("Order", {"id": local_prefix, "items": items})
    while fault.thrown == 0:
        assert execution.status == "RUNNING"
    other.reset()
    ended = execution.wait(5)
    assert (ended.status, ended.error) == ("ABORTED", "TestOver")
    assert local_app.run("Order", {"id": local_prefix, "items": items}).succeeded
    assert fault.thrown == 0  # nothing is known of it any more


def test_removes_seeded_objects_only(local_app: LocalApp, other: LocalApp, tmp_path: Path) -> None:
    tmp_path.joinpath("sub").mkdir()
    tmp_path.joinpath("sub", "file.txt").write_text("text")
    mine = local_app.seed("Uploads", {"mine": b"1"})
    seeded = other.seed(
        "Imports.Uploads", {"b": b"\x00", "s": "ä", "j": {"n": [1]}, "f": tmp_path / "sub" / "file.txt"}
    )
    folder = other.seed(seeded.bucket, tmp_path, prefix="folder/")
    exact = other.seed("Uploads", {"exact": "1"}, prefix="")
    other.seed("Uploads", {"exact": "2"}, prefix="")
    s3 = local_app.cloud.client("s3")
    bodies = {key: s3.get_object(Bucket=seeded.bucket, Key=key)["Body"].read() for key in (*seeded.keys, *exact.keys)}
    assert bodies == {
        "other/b": b"\x00",
        "other/s": "ä".encode(),
        "other/j": json.dumps({"n": [1]}).encode(),
        "other/f": b"text",
        "exact": b"2",
    }
    assert folder.keys == ("folder/sub/file.txt",)
    with pytest.raises(UsageError, match="has an object 'exact' already"):
        local_app.seed("Uploads", {"exact": "3"}, prefix="")
    other.reset()
    assert keys(local_app, seeded.bucket) == [*mine.keys]


def test_stops_one_execution(local_app: LocalApp) -> None:
    local_app.fail_task("Count lines", error="Lambda.ServiceException", times=None)
    seeded = local_app.seed("Uploads", {"a": "1"})
    execution = local_app.start("ImportStateMachine", {"prefix": seeded.prefix}, name=f"stopped-{seeded.prefix[5:-1]}")
    assert execution.execution_arn.endswith(f"stopped-{seeded.prefix[5:-1]}")
    with pytest.raises(TimeoutError, match=r"still runs after 0\.2 s; the state entered last: 'Process files'"):
        execution.wait(0.2)
    assert execution.states == ("Process files",)
    assert execution.stop("Enough", "Seen it").error == "Enough"


def test_finds_resources_by_every_name(local_app: LocalApp) -> None:
    assert local_app.resource("DataBucket") == local_app.outputs["DataBucket"] == local_app.resource("Reports.Data")
    assert local_app.resource(local_app.outputs["OrderArn"]) == local_app.outputs["OrderArn"]
    nothing_to_read = local_app.run(local_app.outputs["NightlyArn"], {"prefix": "none/"})
    assert (nothing_to_read.error, nothing_to_read.states[-1]) == ("States.QueryEvaluationError", "Tell")


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda app: app.run(), "No state machine was given, and there isn't exactly one"),
        (lambda app: app.run("Ordr"), "The state machine 'Ordr' is unknown. Allowed: "),
        (lambda app: app.start("CheckStateMachine"), "is an Express workflow, which can't be followed. Fix: use run"),
        (lambda app: app.resource("Nothing"), r"No stack has 'Nothing'. Allowed: .*OrderService\.Orders"),
        (lambda app: app.seed("Nothing", {}), r"No stack has a bucket 'Nothing'. Allowed: .*Imports\.Uploads"),
        (lambda app: app.seed("OrderArn", {"a": 1}), "'OrderArn' is arn:aws:states:.*, which isn't a bucket"),
        (lambda app: app.seed("Orders", {"a": 1}), "'Orders' is .*, which isn't a bucket"),
        (lambda app: app.fail_task("Large?", error="E"), "The app has no Task state 'Large\\?'. Allowed: .*'Tell'"),
        (lambda app: app.fail_task("Tell", error="E"), "The task 'Tell' is in several machines: .* state_machine"),
        (lambda app: app.fail_task("Tell", error="", state_machine="Order"), "The error '' isn't a name"),
        (lambda app: app.fail_task("Calculate", error="States.ALL"), "States.ALL stands for every error"),
        (lambda app: app.fail_task("Calculate", error="E", times=0), "times is 0. Allowed: 1 or more, or None"),
        (lambda app: app.fail_task("Calculate", error="E", times="2"), "times is '2'. Allowed: 1 or more, or None"),
    ],
)
def test_refuses_what_cannot_be(local_app: LocalApp, ask: Callable[[LocalApp], Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ask(local_app)
