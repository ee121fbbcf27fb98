"""What a command does when nobody reads what it prints, or it can't be written."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.constructs_lib.local.emulator.conftest import Cloud

if TYPE_CHECKING:
    from constructs_lib.local import LocalCloud

# Prints as many bytes as it is told to, a line to stderr, and says whether a new file got a standard stream's number.
PROGRAM = """
import sys
from constructs_lib.local.commands.output import with_output

def command():
    print("x" * int(sys.argv[1]))
    print("told" if open("/dev/null").fileno() > 2 else "mixed up", file=sys.stderr)
    return int(sys.argv[2])

sys.exit(with_output(command))
"""
LITTLE, MUCH = "1", "200000"  # less and more than a pipe, or Python, holds back
FULL = "error: Writing failed: No space left on device. Fix: make room, or send the output elsewhere.\n"


def run(redirection: str, *command: str) -> tuple[int, str]:
    """Run a command of Python with a redirection of bash's; return its exit code and what came to stderr."""
    done = subprocess.run(
        ["bash", "-c", f'"$@" {redirection}; exit ${{PIPESTATUS[0]}}', "bash", sys.executable, *command],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("code", [0, 2])
@pytest.mark.parametrize(
    ("redirection", "size"),
    [(">&-", LITTLE), (">&-", MUCH), ("<&- >&-", MUCH), ("| true", LITTLE), ("| sleep 0", LITTLE), ("| cat", MUCH)],
)
def test_ends_as_it_would_when_nobody_reads_it(redirection: str, size: str, code: int) -> None:
    assert run(redirection, "-c", PROGRAM, size, str(code)) == (code, "told\n")


def test_ends_without_an_error_when_a_reader_has_enough() -> None:
    assert run("| head -c 1", "-c", PROGRAM, MUCH, "2") == (0, "")


def test_tells_nothing_elsewhere_when_stderr_is_closed() -> None:
    done = subprocess.run(
        ["bash", "-c", '"$@" 2>&-', "bash", sys.executable, "-c", PROGRAM, LITTLE, "0"], capture_output=True, check=True
    )
    assert done.stdout == b"x\n"


@pytest.mark.parametrize("code", [0, 2])
def test_says_in_a_line_that_there_is_no_room(code: int) -> None:
    assert run(">/dev/full", "-c", PROGRAM, LITTLE, str(code)) == (1, f"told\n{FULL}")
    assert run(">/dev/full", "-c", PROGRAM, MUCH, str(code)) == (1, FULL)


def test_leaves_other_errors_of_the_system_to_who_looks_for_the_bug() -> None:
    for raised in ("OSError(28, 'no room', 'file')", "ConnectionResetError(104, 'reset')"):
        program = (
            f"from constructs_lib.local.commands.output import with_output\ndef c(): raise {raised}\nwith_output(c)"
        )
        code, told = run("", "-c", program)
        assert code == 1
        assert "Traceback" in told


@pytest.mark.parametrize("package", ["local", "forecast"])
def test_the_command_lines_print_so(package: str) -> None:
    help_of = ("-m", f"constructs_lib.{package}", "--help")
    assert run(">&-", *help_of) == (0, "")
    assert run(">/dev/full", *help_of) == (1, FULL)


@pytest.mark.parametrize("options", [("--constants",), ("--objects", "100"), ("--objects", "100", "--json")])
def test_a_forecast_that_nobody_reads(options: tuple[str, ...]) -> None:
    forecast = ("-m", "constructs_lib.forecast", *options)
    assert run(">&-", *forecast) == (0, "")
    assert run(">/dev/full", *forecast) == (1, FULL)


@pytest.mark.local
def test_a_run_that_nobody_reads(cloud: LocalCloud) -> None:
    machine = Cloud(cloud.port, cloud.folder).machine({"Pass": {"Type": "Pass", "End": True}})
    where = ("--endpoint", cloud.endpoint.url, "--certificate", str(cloud.endpoint.certificate))
    for redirection, command, expected in (
        (">&-", "start", (0, "SUCCEEDED")),
        (">/dev/full", "start", (1, "error")),
        (">&-", "history", (0, "")),
        (">/dev/full", "history", (1, "error")),
    ):
        arguments = (machine,) if command == "start" else ()
        code, told = run(redirection, "-m", "constructs_lib.local", command, *arguments, *where)
        assert (code, "".join(told.splitlines()[-1:]).split(" ")[0].rstrip(":")) == expected, told
