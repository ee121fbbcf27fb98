"""A cloud assembly is deployed by the real CDK CLI, as each of its accounts."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from botocore.exceptions import ClientError

from constructs_lib.local import Endpoint, LocalCloud, LocalCloudError, UsageError
from constructs_lib.local.deploy import Deployer
from tests.constructs_lib.local.conftest import write_assembly, write_cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOPIC = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}


def test_a_failed_deployment_shows_the_relevant_lines(tmp_path: Path, bare_assembly: Path, cdk: Path) -> None:
    lines: list[str] = []
    deployer = Deployer(Endpoint("http://127.0.0.1:1"), tmp_path / "home")
    with pytest.raises(LocalCloudError, match=r"^`cdk deploy` ended with exit code 1\.$") as raised:
        deployer.deploy(bare_assembly, cdk=cdk, on_line=lines.append)
    [detail] = raised.value.details
    assert "CREATE_FAILED" in detail
    assert "no such key" in detail
    assert len(lines) == 3
    assert tmp_path.joinpath("home", "deploy.log").read_text().splitlines() == lines


def test_a_cli_that_says_nothing_relevant_shows_its_last_lines(tmp_path: Path, bare_assembly: Path) -> None:
    cli = write_cli(tmp_path, "print('odd'); sys.exit(7)")
    with pytest.raises(LocalCloudError, match="exit code 7") as raised:
        Deployer(Endpoint("http://127.0.0.1:1"), tmp_path / "home").deploy(bare_assembly, cdk=cli)
    assert raised.value.details == ("odd",)


def test_ctrl_c_ends_the_cli_and_its_children(tmp_path: Path, bare_assembly: Path) -> None:
    cli = write_cli(
        tmp_path,
        """
        import subprocess
        print(subprocess.Popen(["sleep", "60"]).pid, flush=True)
        time.sleep(60)
        """,
    )
    children: list[int] = []

    def press_ctrl_c(line: str) -> None:
        children.append(int(line))
        raise KeyboardInterrupt

    deployer = Deployer(Endpoint("http://127.0.0.1:1"), tmp_path / "home")
    with pytest.raises(KeyboardInterrupt):
        deployer.deploy(bare_assembly, cdk=cli, on_line=press_ctrl_c)
    [child] = children
    time.sleep(0.1)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def recording_cli(tmp_path: Path, cdk_cli: Path) -> Callable[[], list[tuple[str, list[str]]]]:
    """Returns the calls of `tmp_path/cdk`, which is the real CLI: the account and the arguments of each."""
    log = tmp_path / "calls.jsonl"
    write_cli(
        tmp_path,
        f"""
        import json
        with open({str(log)!r}, "a") as log:
            log.write(json.dumps([os.environ["AWS_ACCESS_KEY_ID"], sys.argv[1:]]) + "\\n")
        os.execv({str(cdk_cli)!r}, [{str(cdk_cli)!r}, *sys.argv[1:]])
        """,
    )
    return lambda: [tuple(json.loads(line)) for line in log.read_text().splitlines()]


@pytest.mark.local
def test_bootstraps_what_the_assembly_needs_once_and_deploys_as_each_account(
    tmp_path: Path, assembly: Path, recording_cli: Callable[[], list[tuple[str, list[str]]]]
) -> None:
    with LocalCloud.start(folder=tmp_path / "session") as cloud:
        outputs = cloud.deploy(assembly, cdk=tmp_path / "cdk")
        again = cloud.deploy(assembly, cdk=tmp_path / "cdk")
    what = [
        (account, arguments[0], *(a for a in arguments if a.startswith("aws:")))
        for account, arguments in recording_cli()
    ]
    assert what == [
        ("111111111111", "bootstrap", "aws://111111111111/us-east-1"),
        ("111111111111", "deploy"),
        ("222222222222", "bootstrap", "aws://222222222222/eu-west-1"),
        ("222222222222", "deploy"),
        ("111111111111", "deploy"),
        ("222222222222", "deploy"),
    ]
    assert outputs == again
    assert list(outputs) == ["First", "Second"]
    assert outputs["First"]["NumbersArn"].startswith("arn:aws:states:us-east-1:111111111111:stateMachine:")
    [second] = [stack for stack in cloud.stacks if stack.name == "Second"]
    assert (second.account, second.region) == ("222222222222", "eu-west-1")
    assert list(second.state_machines.values()) == ["arn:aws:states:eu-west-1:222222222222:stateMachine:sulky"]


@pytest.mark.local
def test_deploys_without_a_bootstrap_what_needs_none(
    cloud: LocalCloud, tmp_path: Path, recording_cli: Callable[[], list[tuple[str, list[str]]]], bare_assembly: Path
) -> None:
    outputs = cloud.deploy(bare_assembly, cdk=tmp_path / "cdk")
    assert outputs == {"Bare": {"Topic": "arn:aws:sns:us-east-1:111111111111:bare"}}
    assert [arguments[0] for _, arguments in recording_cli()] == ["deploy"]


@pytest.mark.local
def test_stacks_of_one_name_in_two_accounts_stay_apart(cloud: LocalCloud, tmp_path: Path, cdk_cli: Path) -> None:
    template = TOPIC | {"Outputs": {"Owner": {"Value": {"Ref": "AWS::AccountId"}}}}
    stacks = {"A": ("333333333333/us-east-1", template), "B": ("444444444444/us-east-1", template)}
    folder = write_assembly(tmp_path / "twins.out", stacks)
    manifest = json.loads(folder.joinpath("manifest.json").read_text())
    for artifact in manifest["artifacts"].values():
        artifact["properties"]["stackName"] = "Twin"
    folder.joinpath("manifest.json").write_text(json.dumps(manifest))
    assert cloud.deploy(folder, cdk=cdk_cli) == {
        "Twin": {"Owner": "333333333333"},
        "Twin (444444444444/us-east-1)": {"Owner": "444444444444"},
    }


@pytest.mark.local
def test_deploys_no_other_stacks_than_those_asked_for(cloud: LocalCloud, tmp_path: Path, cdk_cli: Path) -> None:
    stacks = {name: (f"{account}/us-east-1", TOPIC) for name, account in (("One", "3" * 12), ("Two", "4" * 12))}
    folder = write_assembly(tmp_path / "chosen.out", stacks)
    assert list(cloud.deploy(folder, stacks=["Two"], cdk=cdk_cli)) == ["Two"]
    assert [stack.account for stack in cloud.stacks] == ["4" * 12]
    with pytest.raises(ClientError, match="One does not exist"):
        cloud.client("cloudformation", account="3" * 12).describe_stacks(StackName="One")


def test_refuses_a_stack_that_the_assembly_does_not_have(tmp_path: Path, bare_assembly: Path, cdk: Path) -> None:
    deployer = Deployer(Endpoint("http://127.0.0.1:1"), tmp_path / "home")
    with pytest.raises(UsageError, match=r"has no stack 'Bear'\. Allowed: Bare\.$"):
        deployer.deploy(bare_assembly, stacks=["Bear"], cdk=cdk)


@pytest.mark.local
def test_leaves_out_a_stack_without_resources_and_says_so(cloud: LocalCloud, tmp_path: Path, cdk_cli: Path) -> None:
    anywhere = "unknown-account/unknown-region"
    folder = write_assembly(tmp_path / "empty.out", {"Empty": (anywhere, {}), "Full": (anywhere, TOPIC)})
    lines: list[str] = []
    assert list(cloud.deploy(folder, cdk=cdk_cli, on_line=lines.append)) == ["Full"]
    assert "Empty: it has no resources, so there is nothing to deploy" in lines


def test_refuses_an_assembly_without_resources(tmp_path: Path, cdk: Path) -> None:
    folder = write_assembly(tmp_path / "empty.out", {"Empty": ("unknown-account/unknown-region", {})})
    with pytest.raises(UsageError, match="has no stack with resources"):
        Deployer(Endpoint("http://127.0.0.1:1"), tmp_path / "home").deploy(folder, cdk=cdk)


@pytest.mark.local
def test_a_template_that_fails_says_why(cloud: LocalCloud, tmp_path: Path, cdk_cli: Path) -> None:
    broken = {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"RoleArn": "x"}}}}
    folder = write_assembly(tmp_path / "broken.out", {"Broken": ("unknown-account/unknown-region", broken)})
    with pytest.raises(LocalCloudError, match="`cdk deploy` ended with exit code 1") as raised:
        cloud.deploy(folder, cdk=cdk_cli)
    assert "Broken" in " ".join(raised.value.details)


def test_refuses_what_is_no_assembly(tmp_path: Path, cdk: Path) -> None:
    with pytest.raises(UsageError, match=r"isn't a cloud assembly"):
        Deployer(Endpoint("http://127.0.0.1:1"), tmp_path / "home").deploy(tmp_path, cdk=cdk)
