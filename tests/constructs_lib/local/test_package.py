"""Importing the package costs nothing and says what it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_loads_neither_jsii_nor_the_emulator() -> None:
    loaded = run(
        "import sys; from constructs_lib.local import LocalCloud, ExecutionResult, Progress; "
        "print([m for m in ('jsii', 'aws_cdk', 'constructs', 'ministack', 'moto', 'boto3') if m in sys.modules])"
    )
    assert loaded.stdout.strip() == "[]", loaded.stderr


def test_the_command_line_loads_nothing_that_its_help_does_not_need() -> None:
    loaded = run(
        "import sys; import constructs_lib.local.__main__; "
        "print([m for m in ('jsii', 'aws_cdk', 'ministack', 'moto', 'boto3', 'botocore', 'rich') if m in sys.modules])"
    )
    assert loaded.stdout.strip() == "[]", loaded.stderr


@pytest.mark.parametrize("package", ["boto3", "ministack", "moto", "jsonata", "rich"])
def test_names_the_extra_when_a_package_is_missing(package: str) -> None:
    missing = run(f"import sys; sys.modules[{package!r}] = None\nfrom constructs_lib.local import LocalCloud")
    assert missing.stderr.splitlines()[-1] == (
        f"ImportError: constructs_lib.local needs {package}, not installed here. "
        'Fix: pip install "step-functions-at-scale[local]"'
    )


def test_the_command_line_names_the_extra_without_a_stack_trace() -> None:
    missing = run(
        "import runpy, sys; sys.modules['ministack'] = None; sys.argv = ['local', 'down']\n"
        "runpy.run_module('constructs_lib.local', run_name='__main__')"
    )
    assert missing.returncode == 2
    assert missing.stderr == (
        "error: constructs_lib.local needs ministack, not installed here. "
        'Fix: pip install "step-functions-at-scale[local]"\n'
    )


def test_has_the_names_that_it_promises() -> None:
    import constructs_lib.local

    for name in constructs_lib.local.__all__:
        assert getattr(constructs_lib.local, name) is not None
    with pytest.raises(AttributeError, match="absent"):
        _ = constructs_lib.local.absent
