"""Wrong usage: exit code 2 and one line with what was given, what is allowed and the fix."""

from __future__ import annotations

import contextlib
import http.server
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

import pytest

from constructs_lib.local import DeployedStack, UsageError
from constructs_lib.local.__main__ import main
from constructs_lib.local.commands.targets import chosen_machine, deployed_machines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command that must be refused, and return its one line."""
    try:
        code = main([str(a) for a in arguments])
    except SystemExit as leaving:  # argparse
        code = int(str(leaving.code))
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def test_a_taken_port(capsys: pytest.CaptureFixture[str], taken_port: int, bare_assembly: Path, cdk: Path) -> None:
    line = refused(capsys, "up", "--app", bare_assembly, "--cdk", cdk, "--port", taken_port)
    assert f"The port {taken_port} is taken" in line
    assert "Fix: " in line


@pytest.mark.parametrize("port", ["0", "-1", "65536"])
def test_a_port_that_is_none(capsys: pytest.CaptureFixture[str], port: str, bare_assembly: Path, cdk: Path) -> None:
    line = refused(capsys, "up", "--app", bare_assembly, "--cdk", cdk, f"--port={port}")
    assert f"The port {port} isn't one. Allowed: 1 to 65535" in line


def test_a_port_that_is_no_number(capsys: pytest.CaptureFixture[str], bare_assembly: Path) -> None:
    assert "'abc' isn't one. Allowed: 1 to 65535" in refused(capsys, "up", "--app", bare_assembly, "--port", "abc")


@pytest.mark.parametrize("seconds", ["0", "-1", "601", "nan"])
def test_a_poll_interval_out_of_bounds(
    capsys: pytest.CaptureFixture[str], seconds: str, bare_assembly: Path, cdk: Path
) -> None:
    line = refused(capsys, "up", "--app", bare_assembly, "--cdk", cdk, f"--sync-poll-seconds={seconds}")
    assert "isn't possible. Allowed: 0.001 to 600 seconds" in line


def test_bedrock_replies_that_are_none(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, bare_assembly: Path, cdk: Path
) -> None:
    file = tmp_path / "replies.json"
    file.write_text('{"replies": [{"reply": "a", "promt": "b"}]}')
    line = refused(capsys, "up", "--app", bare_assembly, "--cdk", cdk, "--bedrock-replies", file)
    assert f"{str(file)!r}: replies[0] has the field 'promt'" in line


@pytest.mark.parametrize("name", ["a b", "", "what?", "a/b", "x" * 81, "tab\t"])
def test_a_name_that_step_functions_refuses(capsys: pytest.CaptureFixture[str], name: str) -> None:
    line = refused(capsys, "start", f"--name={name}")
    assert f"{name!r} can't be one. Allowed: 1 to 80 letters" in line


def test_a_folder_with_something_in_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, bare_assembly: Path, cdk: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    folder.joinpath("thesis.txt").write_text("three years of work")
    line = refused(capsys, "up", "--app", bare_assembly, "--cdk", cdk, "--folder", folder)
    assert "isn't empty" in line
    assert folder.joinpath("thesis.txt").exists()


def test_an_assembly_that_is_none(capsys: pytest.CaptureFixture[str], tmp_path: Path, cdk: Path) -> None:
    tmp_path.joinpath("cdk.json").write_text("{}")
    line = refused(capsys, "up", "--app", tmp_path, "--cdk", cdk)
    assert "isn't a cloud assembly" in line
    assert "run `cdk synth` there first" in line


def test_an_assembly_without_stacks(capsys: pytest.CaptureFixture[str], tmp_path: Path, cdk: Path) -> None:
    tmp_path.joinpath("manifest.json").write_text('{"version": "48.0.0"}')
    assert "has no stack with resources" in refused(capsys, "up", "--app", tmp_path, "--cdk", cdk)


def test_an_assembly_that_lacks_context(capsys: pytest.CaptureFixture[str], bare_assembly: Path, cdk: Path) -> None:
    manifest = bare_assembly / "manifest.json"
    manifest.write_text(manifest.read_text().replace("{", '{"missing": [{"key": "availability-zones"}], ', 1))
    line = refused(capsys, "up", "--app", bare_assembly, "--cdk", cdk)
    assert "availability-zones" in line
    assert "cdk.context.json" in line


def test_no_cdk(capsys: pytest.CaptureFixture[str], bare_assembly: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "no `cdk` is on PATH. Fix: npm install" in refused(capsys, "up", "--app", bare_assembly)
    assert "'/nowhere/cdk' can't be run" in refused(capsys, "up", "--app", bare_assembly, "--cdk", "/nowhere/cdk")


def test_no_session(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("start", "history", "graph", "logs", "down"):
        line = refused(capsys, command)
        assert "No local cloud is running. Fix: python -m constructs_lib.local up --app cdk.out" in line


@pytest.mark.parametrize("given", ["{", "years=2024", "", "{'years': [2024]}", "NaN", '{"a": -Infinity}', "[" * 99_999])
def test_input_that_is_no_json(capsys: pytest.CaptureFixture[str], given: str) -> None:
    line = refused(capsys, "start", f"--input={given}")
    assert "--input isn't JSON" in line
    assert repr(given[:80]) in line


def test_input_from_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line = refused(capsys, "start", "--input", f"@{tmp_path}/absent.json")
    assert (
        f"The input file '{tmp_path}/absent.json' can't be read (No such file or directory). Allowed: a file w" in line
    )
    tmp_path.joinpath("latin").write_bytes(b"\xff")
    assert "can't decode byte 0xff in position 0: invalid start byte). Allowed: " in refused(
        capsys, "start", "--input", f"@{tmp_path}/latin"
    )
    file = tmp_path / "input.json"
    file.write_text("nonsense")
    assert f"{file} isn't JSON" in refused(capsys, "start", "--input", f"@{file}")
    file.write_text('{"mean": NaN}')
    assert f"{file} isn't JSON (NaN is no number of JSON's): " in refused(capsys, "start", "--input", f"@{file}")


def test_an_endpoint_that_is_not_on_loopback(
    capsys: pytest.CaptureFixture[str], bare_assembly: Path, cdk: Path
) -> None:
    far = ("--endpoint", "https://sts.amazonaws.com")
    assert "--allow-remote-endpoint" in refused(capsys, "start", *far)
    assert "--allow-remote-endpoint" in refused(capsys, "up", "--app", bare_assembly, "--cdk", cdk, *far)


@pytest.mark.parametrize(
    "command", [["start"], ["redrive"], ["history"], ["up", "--app", "bare.out", "--cdk", "./cdk"]]
)
def test_an_endpoint_where_nobody_listens(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    bare_assembly: Path,
    cdk: Path,
    command: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (bare_assembly.name, cdk.name) == ("bare.out", "cdk")
    line = refused(capsys, *command, "--endpoint", "https://127.0.0.1:1")
    assert line.startswith(
        "error: Nobody answers at https://127.0.0.1:1 (Connection refused). Fix: start that emulator"
    )


def test_an_endpoint_that_is_no_aws(capsys: pytest.CaptureFixture[str]) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as page:
        threading.Thread(target=page.serve_forever, args=[0.01]).start()
        try:
            code = main(["history", "--endpoint", f"http://127.0.0.1:{page.server_port}"])
        finally:
            page.shutdown()
    error = capsys.readouterr().err.splitlines()[-1]
    assert code == 1
    assert error.startswith("error: An error occurred")
    assert len(error) < 520


def test_an_endpoint_that_hangs_up(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            with contextlib.suppress(OSError):  # the listener was closed
                while True:
                    listener.accept()[0].close()

        threading.Thread(target=hang_up).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        code = main(["history", "--endpoint", url])
        listener.shutdown(socket.SHUT_RDWR)
    error = capsys.readouterr().err
    assert (code, error.count("\n")) == (1, 1)
    assert error.startswith(f"error: {url} doesn't answer any more (")
    assert error.endswith("). Fix: look what became of that emulator.\n")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("absent", "No such file or directory"), ("folder", "Is a directory"), ("text", "no certificate is in it")],
)
def test_a_certificate_that_is_none(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, reason: str) -> None:
    tmp_path.joinpath("folder").mkdir()
    tmp_path.joinpath("text").write_text("no PEM")
    line = refused(capsys, "start", "--endpoint", "https://127.0.0.1:1", "--certificate", tmp_path / name)
    assert f"The certificate '{tmp_path / name}' can't be used ({reason}). Allowed: a PEM file." in line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["start", "--certificate", "x.crt"], "--certificate goes only with --endpoint"),
        (["logs", "--certificate", "x.crt"], "--certificate goes only with --endpoint"),
        (["start", "--allow-remote-endpoint"], "--allow-remote-endpoint goes only with --endpoint"),
        (["up", "--app", "x", "--allow-remote-endpoint"], "--allow-remote-endpoint goes only with --endpoint"),
        (["up", "--app", "x", "--endpoint", "http://127.0.0.1:1", "--port", "1"], "--port doesn't go with --endpoint"),
        (["up", "--app", "x", "--endpoint", "http://[::1]:1", "--folder", "x"], "--folder doesn't go with --endpoint"),
        (
            ["up", "--app", "x", "--endpoint", "http://[::1]:1", "--bedrock-replies", "x"],
            "--bedrock-replies doesn't go with --endpoint",
        ),
        (
            ["up", "--app", "x", "--endpoint", "http://[::1]:1", "--sync-poll-seconds", "0"],
            "--sync-poll-seconds doesn't go with --endpoint",
        ),
    ],
)
def test_options_that_would_be_ignored(capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str) -> None:
    assert reason in refused(capsys, *arguments)


def test_ctrl_c_before_anything_was_started(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("constructs_lib.local.record.running_session", interrupted)
    assert main(["start"]) == 130
    assert capsys.readouterr() == ("", "error: Interrupted; nothing was started.\n")


def test_input_that_is_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--input isn't JSON ('utf-8' codec can't encode" in refused(capsys, "start", "--input", '"\udcff"')


@pytest.mark.parametrize("arguments", [[], ["sideways"], ["up"], ["up", "--app", "x", "--port", "http"], ["down", "1"]])
def test_arguments_that_do_not_parse(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert "--help" in refused(capsys, *arguments)


@pytest.mark.parametrize("command", ["start", "down"])
def test_an_option_that_a_command_lacks_points_to_its_own_help(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    line = refused(capsys, command, "--nope", "x")
    assert "unrecognized arguments: --nope" in line
    assert line.endswith(f". See python -m constructs_lib.local {command} --help\n")


@pytest.mark.parametrize("command", [[], ["up"], ["start"], ["history"], ["graph"], ["logs"], ["down"]])
def test_help(command: list[str]) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "constructs_lib.local", *command, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert shown.startswith("usage: python -m constructs_lib.local")
    assert "options:" in shown


def arn(name: str, region: str = "us-east-1") -> str:
    return f"arn:aws:states:{region}:111111111111:stateMachine:{name}"


ONE = DeployedStack("One", "111111111111", "us-east-1", {"Url": "x", "MainArn": arn("m")}, {"Main12345678": arn("m")})
TWO = DeployedStack("Two", "111111111111", "eu-west-1", {"MainArn": arn("n")}, {"Main9ABCDEF0": arn("n")})


@pytest.mark.parametrize("given", [arn("m"), "m", "Main12345678", "Main", "MainArn", "One.MainArn", "One.Main", None])
def test_a_state_machine_goes_by_each_of_its_names(given: str | None) -> None:
    assert chosen_machine(given, deployed_machines([ONE])) == arn("m")


@pytest.mark.parametrize("given", ["n", "Two.MainArn", "Two.Main", "Main9ABCDEF0"])
def test_a_stack_tells_state_machines_of_one_name_apart(given: str) -> None:
    assert chosen_machine(given, deployed_machines([ONE, TWO])) == arn("n")


@pytest.mark.parametrize(
    ("given", "stacks", "reason"),
    [
        ("absent", [ONE, TWO], r"'absent' is unknown\. Allowed: m, n\."),
        ("MainArn", [ONE, TWO], rf"could be any of {arn('m')}, {arn('n')}\. Fix: give the ARN"),
        ("Url", [ONE], "'Url' is unknown"),
        (None, [ONE, TWO], r"there isn't exactly one\. Allowed: m, n\."),
        (None, [], "none is deployed"),
    ],
)
def test_a_state_machine_that_is_not_exactly_one(given: str | None, stacks: list[DeployedStack], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        chosen_machine(given, deployed_machines(stacks))
