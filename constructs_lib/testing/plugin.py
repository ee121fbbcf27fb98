"""The pytest plugin: a local cloud with your app in it, one a session, its policies, and what a test does with them.

It is loaded by pytest wherever the package is installed, and brings nothing but options and fixtures: neither the
emulator nor an SDK is loaded before a test asks for a fixture. `-p no:step_functions_at_scale` leaves it out.
"""

from __future__ import annotations

import contextlib
import uuid
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from constructs_lib.local import LocalCloud
    from constructs_lib.testing.local_app import Deployment, LocalApp
    from constructs_lib.testing.policy_simulation import PolicySimulation, PolicySimulator

_APP = "what to deploy: a cdk.out, a cdk.json or the folder with it, or a command such as 'python app.py'"
_CDK = "the CDK CLI (default: node_modules/.bin/cdk beside the configuration file, else `cdk` on PATH)"

_REPLIES = (
    "canned replies of Bedrock's models (JSON), from the folder of this file; left out, each answer says that it is "
    "made up"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, as flags and for the configuration file."""
    group = parser.getgroup("local-cloud", "a CDK app on the local cloud (step-functions-at-scale)")
    group.addoption("--local-cloud-app", metavar="APP", help=f"{_APP}; overrides local_cloud_app")
    group.addoption("--local-cloud-cdk", metavar="FILE", help=f"{_CDK}; overrides local_cloud_cdk")
    parser.addini("local_cloud_app", f"{_APP}, from the folder of this file", type="string", default="")
    parser.addini("local_cloud_cdk", _CDK, type="string", default="")
    parser.addini("local_cloud_bedrock_replies", _REPLIES, type="string", default="")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failed test what became of the executions that it started."""
    report = yield
    app: LocalApp | None = getattr(item, "funcargs", {}).get("local_app")
    if app is not None and call.when == "call" and report.failed:
        try:
            text = app.report()
        except Exception as error:  # noqa: BLE001 - the test's own failure is what matters
            text = f"Not available: {error}"
        if text:
            report.sections.append(("executions on the local cloud", text))
    return report


@pytest.fixture(scope="session")
def local_cloud_app(request: pytest.FixtureRequest) -> str | os.PathLike[str]:
    """What is deployed: a `cdk.out`, a `cdk.json` or the folder with it, or a command that synthesizes.

    It is the flag `--local-cloud-app` (from the folder where pytest was started), else the option `local_cloud_app` of
    the configuration file (from that file's folder). Override the fixture to make it yourself::

        @pytest.fixture(scope="session")
        def local_cloud_app(tmp_path_factory: pytest.TempPathFactory) -> Path:
            app = aws_cdk.App(outdir=str(tmp_path_factory.mktemp("cdk.out")))
            MyStack(app, "MyStack")
            app.synth()
            return Path(app.outdir)
    """
    config = request.config
    given: str | None = config.getoption("local_cloud_app")
    folder = config.invocation_params.dir if given else _configured_folder(config)
    app = given or str(config.getini("local_cloud_app"))
    if not app:
        proposed = "cdk.json" if folder.joinpath("cdk.json").is_file() else "python app.py"
        pytest.fail(
            "No app to deploy to the local cloud was given. Fix: set `local_cloud_app` in pytest's configuration "
            f"(local_cloud_app = {proposed!r}), or give --local-cloud-app=…, or override the fixture local_cloud_app. "
            f"Allowed: {_APP.partition(': ')[2]}.",
            pytrace=False,
        )
    # A path is told from a command by being there.
    return folder / app if folder.joinpath(app).exists() else app


@pytest.fixture(scope="session")
def local_cloud(
    local_cloud_app: str | os.PathLike[str], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalCloud]:
    """The session's local cloud, with the app deployed to it by the real CDK CLI; gone after the last test.

    It is shared: what a test makes in it by a boto3 client (`local_cloud.client("s3")`) is the test's to remove.
    Ctrl-C, a crash and a SIGKILL of pytest end it, too. With pytest-xdist each worker has one of its own.
    """
    with _failures_in_a_line():
        from constructs_lib.local import LocalCloud
        from constructs_lib.testing import synthesis

        config = request.config
        folder = _configured_folder(config)
        cdk = _cdk(config)
        home = tmp_path_factory.mktemp("local-cloud")
        replies = str(config.getini("local_cloud_bedrock_replies"))
        cloud = LocalCloud.start(bedrock_replies=folder / replies if replies else None)
    with cloud:
        with _failures_in_a_line():
            assembly = synthesis.assembly(local_cloud_app, folder, home=home, endpoint=cloud.endpoint, cdk=cdk)
            cloud.deploy(assembly, cdk=cdk)
        yield cloud


@pytest.fixture(scope="session")
def _local_deployment(local_cloud: LocalCloud) -> Deployment:
    """What was deployed, looked up once a session."""
    from constructs_lib.testing.local_app import Deployment

    return Deployment(local_cloud)


@pytest.fixture
def local_prefix() -> str:
    """A prefix for this test's own objects, ids and names, which no other test has: `test-1f0c…/`."""
    return f"test-{uuid.uuid4().hex[:16]}/"


@pytest.fixture
def local_app(_local_deployment: Deployment, local_prefix: str) -> Iterator[LocalApp]:
    """The app, as one test uses it: it runs state machines, seeds S3 and makes tasks fail; see `LocalApp`.

    After the test its faults are gone, the objects that it seeded are removed, and every execution of the app that
    still runs is stopped. What its executions wrote stays: keep it apart by `local_prefix`.
    """
    from constructs_lib.testing.local_app import LocalApp

    app = LocalApp(_local_deployment, local_prefix)
    try:
        yield app
    finally:
        app.reset()


@pytest.fixture(scope="session")
def policy_simulator(request: pytest.FixtureRequest) -> Iterator[PolicySimulator]:
    """The IAM policy simulator, for assemblies of your own: `policy_simulator.simulate("cdk.out")`.

    It is the npm package of `node_modules` beside the configuration file or above it; a test that asks for it skips,
    with the command that installs it, where it or Node is missing. Its process is gone at the end of the session.
    """
    from constructs_lib.testing.policy_engine import NotInstalledError
    from constructs_lib.testing.policy_simulation import PolicySimulator

    try:
        simulator = PolicySimulator.start(_configured_folder(request.config))
    except NotInstalledError as error:
        pytest.skip(str(error))
    except ValueError as error:
        pytest.fail(str(error), pytrace=False)
    with simulator:
        yield simulator


@pytest.fixture(scope="session")
def policy_simulation(
    policy_simulator: PolicySimulator,
    local_cloud_app: str | os.PathLike[str],
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> PolicySimulation:
    """The roles and policies of the app, synthesized and not deployed; see `PolicySimulation`.

    The app is that of the local cloud, which isn't started.
    """
    with _failures_in_a_line():
        from constructs_lib.local import Endpoint
        from constructs_lib.testing import synthesis

        folder = _configured_folder(request.config)
        home = tmp_path_factory.mktemp("policy-simulation")
        # Nobody listens there: an app that calls AWS while it is synthesized is told so.
        nowhere = Endpoint("https://127.0.0.1:1")
        synthesized = (folder / local_cloud_app / "manifest.json").is_file()
        cdk = "" if synthesized else _cdk(request.config)
        assembly = synthesis.assembly(local_cloud_app, folder, home=home, endpoint=nowhere, cdk=cdk)
    try:
        return policy_simulator.simulate(assembly)
    except ValueError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


def _configured_folder(config: pytest.Config) -> Path:
    """Where the paths of the configuration file start."""
    return config.rootpath if config.inipath is None else config.inipath.parent


def _cdk(config: pytest.Config) -> str:
    """The CDK CLI: the one given, the project's own, or the one on PATH."""
    from constructs_lib.testing import synthesis

    given = config.getoption("local_cloud_cdk") or str(config.getini("local_cloud_cdk"))
    return synthesis.find_cli(given or None, _configured_folder(config))


@contextlib.contextmanager
def _failures_in_a_line() -> Iterator[None]:
    """Fail with the message of an error of use, and what the tool said, instead of a stack trace of ours."""
    try:
        from constructs_lib.local import LocalCloudError
    except ImportError as error:
        raise pytest.fail.Exception(str(error).replace("[local]", "[testing]"), pytrace=False) from None
    try:
        yield
    except LocalCloudError as error:
        message = "\n".join([str(error), *error.details])
        raise pytest.fail.Exception(message, pytrace=False) from None
