"""The plugin is there once the package is installed, costs nothing, and says what it needs in a line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest

import constructs_lib.testing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.constructs_lib.testing.conftest import Project

# Most of it runs pytest in a process of its own, a second each time: with the tests of the embedded AWS.
pytestmark = pytest.mark.local

USES_IT = "def test_it(local_app):\n    pass\n"
HEAVY = ("jsii", "aws_cdk", "constructs", "ministack", "moto", "boto3", "botocore", "rich", "constructs_lib.local")


def test_should_be_an_entry_point_of_the_installed_package() -> None:
    (plugin,) = (point for point in entry_points(group="pytest11") if point.name == "step_functions_at_scale")
    assert plugin.value == "constructs_lib.testing.plugin"


def test_should_load_nothing_where_it_is_not_used(project: Project) -> None:
    project.write(
        test_it__py=f"import sys\n\ndef test_it():\n"
        f"    assert 'constructs_lib.testing.plugin' in sys.modules\n"
        f"    assert [name for name in {HEAVY} if name in sys.modules] == []\n"
    )
    done = project.pytest()
    assert done.returncode == 0, done.stdout


def test_should_have_the_names_that_it_promises() -> None:
    for name in constructs_lib.testing.__all__:
        assert getattr(constructs_lib.testing, name).__name__ == name
    with pytest.raises(AttributeError, match="absent"):
        _ = constructs_lib.testing.absent


def test_should_load_nothing_with_its_package() -> None:
    code = f"import sys, constructs_lib.testing\nprint([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_should_list_its_options_and_fixtures(project: Project) -> None:
    shown = set(project.pytest("--help").stdout.replace("=", " ").split())
    assert {"--local-cloud-app", "--local-cloud-cdk", "local_cloud_app", "local_cloud_cdk"} <= shown
    assert "local_cloud_bedrock_replies" in shown
    listed = project.pytest("--fixtures").stdout
    for fixture in ("local_cloud_app", "local_cloud", "local_app", "local_prefix"):
        assert f"{fixture} [session scope]" in listed or f"{fixture} -- " in listed
    assert "_local_deployment" not in listed


@pytest.mark.parametrize(
    ("with_cdk_json", "proposed"),
    [(False, "local_cloud_app = 'python app.py'"), (True, "local_cloud_app = 'cdk.json'")],
)
def test_should_say_what_to_set_when_nothing_is(project: Project, with_cdk_json: bool, proposed: str) -> None:
    project.write(test_it__py=USES_IT, **({"cdk__json": "{}"} if with_cdk_json else {}))
    done = project.pytest()
    assert done.returncode == 1
    assert "No app to deploy to the local cloud was given. Fix: set `local_cloud_app`" in done.stdout
    assert proposed in done.stdout
    assert "Traceback" not in done.stdout


def test_should_say_which_extra_is_missing(project: Project) -> None:
    project.write(
        test_it__py=USES_IT,
        conftest__py="import sys\n\nsys.modules['moto'] = None\n",
        pytest__ini="[pytest]\nlocal_cloud_app = python app.py\n",
    )
    done = project.pytest()
    assert 'needs moto, not installed here. Fix: pip install "step-functions-at-scale[testing]"' in done.stdout
    assert "Traceback" not in done.stdout


def test_should_say_that_there_is_no_cdk_before_anything_starts(project: Project) -> None:
    project.write(test_it__py=USES_IT, pytest__ini="[pytest]\nlocal_cloud_cdk = tools/cdk\n")
    done = project.pytest("--local-cloud-app=python app.py")
    fix = "Fix: npm install aws-cdk@2, then --local-cloud-cdk=node_modules/.bin/cdk"
    assert f"The CDK CLI is needed and 'tools/cdk' can't be run. {fix}" in done.stdout
    assert "1 error" in done.stdout


def test_should_say_what_is_wrong_with_the_replies_of_bedrock(project: Project, cdk_cli: Path) -> None:
    project.write(
        test_it__py=USES_IT,
        replies__json="[]",
        pytest__ini=f"[pytest]\nlocal_cloud_cdk = {cdk_cli}\nlocal_cloud_bedrock_replies = replies.json\n",
    )
    done = project.pytest("--local-cloud-app=python app.py")
    assert "replies.json' must be an object with one field, a list named 'replies'." in done.stdout
    assert "Traceback" not in done.stdout


class TestAssembly:
    """What is taken for an app, without a cloud: the CDK CLI is one that writes down how it was called."""

    @pytest.fixture
    def cdk(self, tmp_path: Path) -> str:
        cli = tmp_path / "cdk"
        cli.write_text(
            f"#!{sys.executable}\nimport json, os, sys\n"
            "if 'fail' in sys.argv: print('the app said no'); sys.exit(1)\n"
            f"json.dump([sys.argv[1:], os.getcwd(), dict(os.environ)], open({str(tmp_path / 'called')!r}, 'w'))\n"
        )
        cli.chmod(0o755)
        return str(cli)

    def assembly(self, app: str, folder: Path, cdk: str) -> Path:
        from constructs_lib.local import Endpoint
        from constructs_lib.testing.synthesis import assembly

        return assembly(app, folder, home=folder, endpoint=Endpoint("https://127.0.0.1:4"), cdk=cdk)

    def called(self, folder: Path) -> tuple[list[str], str, dict[str, str]]:
        arguments, where, environment = json.loads(folder.joinpath("called").read_text())
        return arguments, where, environment

    def test_should_take_an_assembly_as_it_is(self, tmp_path: Path, cdk: str) -> None:
        tmp_path.joinpath("out").mkdir()
        tmp_path.joinpath("out", "manifest.json").write_text("{}")
        assert self.assembly("out", tmp_path, cdk) == tmp_path / "out"
        assert not tmp_path.joinpath("called").exists()

    def test_should_synthesize_a_command_from_the_projects_folder(
        self, tmp_path: Path, cdk: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_PROFILE", "production")
        monkeypatch.setenv("CDK_DEFAULT_ACCOUNT", "999999999999")
        monkeypatch.setenv("STAGE", "dev")
        assert self.assembly("python app.py", tmp_path, cdk) == tmp_path / "cdk.out"
        arguments, where, environment = self.called(tmp_path)
        assert arguments[:4] == ["synth", "--quiet", "--output", str(tmp_path / "cdk.out")]
        assert arguments[-2:] == ["--app", "python app.py"]
        assert "--no-lookups" in arguments
        assert where == str(tmp_path)
        assert environment["STAGE"] == "dev"
        assert environment["AWS_ENDPOINT_URL"] == "https://127.0.0.1:4"
        assert environment["AWS_CONFIG_FILE"] == "/dev/null"
        assert not {"AWS_PROFILE", "CDK_DEFAULT_ACCOUNT"} & set(environment)

    @pytest.mark.parametrize("app", ["infra", "infra/cdk.json"])
    def test_should_leave_a_cdk_json_to_the_cli(self, tmp_path: Path, cdk: str, app: str) -> None:
        tmp_path.joinpath("infra").mkdir()
        tmp_path.joinpath("infra", "cdk.json").write_text('{"app": "python3 app.py"}')
        self.assembly(app, tmp_path, cdk)
        arguments, where, _ = self.called(tmp_path)
        assert "--app" not in arguments
        assert where == str(tmp_path / "infra")

    @pytest.mark.parametrize(
        ("app", "message"),
        [
            ("empty", "is a folder with neither a manifest.json nor a cdk.json"),
            ("app.py", "is a file that can't be run. Fix: give a command."),
            ("cdk.out", "is neither a path that exists nor a command that can be run"),
            ("pyhton app.py", "is neither a path that exists nor a command that can be run"),
            ('python "app.py', "isn't a command"),
            (" ", "isn't a command"),
        ],
    )
    def test_should_refuse_what_is_no_app(self, tmp_path: Path, cdk: str, app: str, message: str) -> None:
        from constructs_lib.local import UsageError

        tmp_path.joinpath("empty").mkdir()
        tmp_path.joinpath("app.py").write_text("")
        with pytest.raises(UsageError, match=message) as raised:
            self.assembly(app, tmp_path, cdk)
        assert str(raised.value).endswith(
            "Allowed: a cdk.out, a cdk.json or the folder with it, or a command such as 'python app.py'."
        )

    def test_should_show_what_a_broken_app_printed(self, tmp_path: Path, cdk: str) -> None:
        from constructs_lib.local import LocalCloudError

        failing = tmp_path / "failing"
        failing.write_text(f"#!/bin/sh\nexec {cdk} fail\n")
        failing.chmod(0o755)
        with pytest.raises(LocalCloudError, match=r"`cdk synth` in .* failed") as raised:
            self.assembly("python app.py", tmp_path, str(failing))
        assert raised.value.details == ("the app said no",)

    def test_should_take_the_projects_own_cli_first(self, tmp_path: Path, cdk: str) -> None:
        from constructs_lib.testing.synthesis import find_cli

        own = tmp_path / "node_modules" / ".bin"
        own.mkdir(parents=True)
        shutil.copy(cdk, own / "cdk")
        assert find_cli(None, tmp_path) == str(own / "cdk")
        assert find_cli("cdk", tmp_path) == cdk
