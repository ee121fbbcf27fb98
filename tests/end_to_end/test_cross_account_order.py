"""Neither side waits for the other: either is deployed first, and either is made anew without touching the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.cross_account_app import SOURCE_STACK, TARGET_STACK, CrossAccountApp, synthesize

if TYPE_CHECKING:
    from pathlib import Path

    from constructs_lib.local import LocalCloud

pytestmark = pytest.mark.local


def assert_works(app: CrossAccountApp) -> None:
    """Each kind of parent gets its child's answer."""
    ended = {name: app.run(name, n=7) for name in ("polling-parent", "waiting-parent", "express-parent")}
    assert {name: execution.output for name, execution in ended.items()} == {
        name: {"echo": 7, "startedBy": execution.execution_arn} for name, execution in ended.items()
    }


def roles(app: CrossAccountApp, account: str) -> dict[str, str]:
    """The unique ids of the roles of an account by name: one that is made anew has another."""
    return {role["RoleName"]: role["RoleId"] for role in app.client("iam", account).list_roles()["Roles"]}


def changes(app: CrossAccountApp, account: str, stack: str) -> list[dict[str, Any]]:
    """All that has happened to a stack."""
    events: list[dict[str, Any]] = app.client("cloudformation", account).describe_stack_events(StackName=stack)[
        "StackEvents"
    ]
    return events


def test_should_work_when_the_parents_are_deployed_first(cloud: LocalCloud, cdk_cli: Path, tmp_path: Path) -> None:
    app = CrossAccountApp(cloud, source="555555555555", target="666666666666")
    parents, children = synthesize(tmp_path, source=app.source, target=app.target)
    cloud.deploy(parents, cdk=cdk_cli)

    # The other side's role isn't there yet: no wait, no retry.
    early = app.run("polling-parent", n=7)
    assert (early.status, early.error) == ("FAILED", "States.TaskFailed")
    assert f"is not authorized to assume the task state's role, {app.role('polled-child-target')}." in str(early.cause)

    cloud.deploy(children, cdk=cdk_cli)
    assert_works(app)


@pytest.fixture(scope="module")
def children_first(
    cloud: LocalCloud, cdk_cli: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[CrossAccountApp, Path, Path]:
    app = CrossAccountApp(cloud, source="777777777777", target="888888888888")
    parents, children = synthesize(tmp_path_factory.mktemp("order"), source=app.source, target=app.target)
    for assembly in (children, parents):
        cloud.deploy(assembly, cdk=cdk_cli)
    return app, parents, children


def test_should_work_when_the_children_are_deployed_first(
    children_first: tuple[CrossAccountApp, Path, Path],
) -> None:
    assert_works(children_first[0])


@pytest.mark.parametrize("anew", ["parents", "children"])
def test_should_work_after_one_side_and_its_roles_were_made_anew(
    children_first: tuple[CrossAccountApp, Path, Path], cdk_cli: Path, anew: str
) -> None:
    app, parents, children = children_first
    sides = [(app.source, SOURCE_STACK, parents), (app.target, TARGET_STACK, children)]
    (account, stack, assembly), (other_account, other_stack, _) = sides if anew == "parents" else reversed(sides)
    ours, theirs = roles(app, account), roles(app, other_account)
    happened = changes(app, other_account, other_stack)

    cloudformation = app.client("cloudformation", account)
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    assert roles(app, account) == {}
    app.cloud.deploy(assembly, cdk=cdk_cli)

    assert_works(app)
    assert not set(roles(app, account).values()) & set(ours.values())
    assert roles(app, other_account) == theirs
    assert changes(app, other_account, other_stack) == happened
