"""Brings an app to a cloud assembly: takes a `cdk.out` as it is, synthesizes anything else with the real CDK CLI."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_lib.local.deploy import find_cdk
from constructs_lib.local.errors import LocalCloudError, UsageError
from constructs_lib.local.tools import run_tool

if TYPE_CHECKING:
    from constructs_lib.local.endpoint import Endpoint

_ALLOWED = "Allowed: a cdk.out, a cdk.json or the folder with it, or a command such as 'python app.py'."
_OPTION = "--local-cloud-cdk="
_SHOWN_LINES = 30


def find_cli(given: str | None, folder: Path) -> str:
    """Return the path of the CDK CLI: the one given (a path from `folder`), the project's own, or the one on PATH.

    Raises `UsageError`, with the fix, when there is none.
    """
    if given is not None:
        own = folder / given
        return find_cdk(own if own.is_file() else given, option=_OPTION)
    project = folder / "node_modules" / ".bin" / "cdk"
    return find_cdk(project if project.is_file() else None, option=_OPTION)


def assembly(app: str | os.PathLike[str], folder: Path, *, home: Path, endpoint: Endpoint, cdk: str) -> Path:
    """Return the cloud assembly of `app`, a path or a command; both start from `folder`.

    What is synthesized goes below `home`. The app sees the caller's environment, but of AWS only `endpoint`, so that an
    app of `CDK_DEFAULT_ACCOUNT` gets the local cloud's account and Region, and none of the caller's. Raises
    `UsageError` for what is neither a path nor a command, and `LocalCloudError`, with the last lines that were printed,
    when the app can't be synthesized.
    """
    path = folder / app
    if path.joinpath("manifest.json").is_file():
        return path
    out = home / "cdk.out"
    command = [cdk, "synth", "--quiet", "--output", str(out), *_OPTIONS]
    if path.is_dir() and path.joinpath("cdk.json").is_file():
        _run(command, path, endpoint, home)
    elif path.name == "cdk.json" and path.is_file():
        _run(command, path.parent, endpoint, home)
    else:
        text = os.fspath(app)
        _refuse_what_is_no_command(text, path)
        _run([*command, "--app", text], folder, endpoint, home)
    return out


# Without lookups: what they would find in a local cloud would be kept in the user's cdk.context.json.
_OPTIONS = ("--no-lookups", "--no-notices", "--no-version-reporting", "--no-color")


def _refuse_what_is_no_command(text: str, path: Path) -> None:
    try:
        program = shlex.split(text)[0]
    except (ValueError, IndexError):
        raise UsageError(f"The app {text!r} isn't a command. {_ALLOWED}") from None
    if path.is_dir():
        raise UsageError(f"The app {text!r} is a folder with neither a manifest.json nor a cdk.json. {_ALLOWED}")
    if path.is_file() and not os.access(path, os.X_OK):
        raise UsageError(f"The app {text!r} is a file that can't be run. Fix: give a command. {_ALLOWED}")
    if shutil.which(program, path=_search_path()) is None and not (path.parent / program).is_file():
        raise UsageError(f"The app {text!r} is neither a path that exists nor a command that can be run. {_ALLOWED}")


def _run(command: list[str], folder: Path, endpoint: Endpoint, home: Path) -> None:
    """Run the CLI to its end."""
    last: deque[str] = deque(maxlen=_SHOWN_LINES)
    code = run_tool(command, folder, _environment(endpoint, home), lambda line: last.append(line) if line else None)
    if code != 0:
        raise LocalCloudError(f"`cdk synth` in {str(folder)!r} failed.", tuple(last))


def _environment(endpoint: Endpoint, home: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    of_aws = {
        name: value
        for name, value in endpoint.environment(home).items()
        if name.startswith("AWS_") or name == "NODE_EXTRA_CA_CERTS"
    }
    # A proxy is the app's own business, but isn't asked for the local cloud.
    for name in ("NO_PROXY", "no_proxy"):
        own[name] = ",".join(filter(None, [own.get(name), "127.0.0.1", "localhost"]))
    return (
        own | of_aws | {"PATH": _search_path(), "CDK_DISABLE_CLI_TELEMETRY": "true", "CDK_DISABLE_VERSION_CHECK": "1"}
    )


def _search_path() -> str:
    """PATH with the Python that runs this first: `python` in a command means the one with the user's packages."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
