from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from constructs_lib.forecast.constants import CONSTANTS, LOCAL_CLOUD, Basis, Constant, Constants
from constructs_lib.forecast.result import Case

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("constants", [CONSTANTS, LOCAL_CLOUD], ids=["AWS", "local cloud"])
def test_should_say_of_every_number_where_it_comes_from_and_when(constants: Constants) -> None:
    for name, constant in constants:
        assert constant.source, name
        assert len(constant.date.split("-")) == 3, name
        addresses = "https://" in constant.source or (ROOT / constant.source.split(":")[0].split(",")[0]).exists()
        assert addresses or constant.basis is not Basis.DOCUMENTED, name
        assert constant.basis is not Basis.MEASURED or "bench" in constant.source or "As above" in constant.source, name


def test_should_have_a_range_only_where_nothing_is_documented() -> None:
    for name, constant in CONSTANTS:
        one = constant.optimistic == constant.likely == constant.pessimistic
        assert one == (constant.basis is Basis.DOCUMENTED), name
    assert {constant.basis for _, constant in CONSTANTS} == set(Basis)


def test_should_refuse_a_range_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"A GET to the first byte: likely is 7; allowed: from 0\.015 to 0\.1,"):
        replace(CONSTANTS.s3_get_seconds, likely=7)
    with pytest.raises(ValueError, match=r"GETs of a partitioned prefix: 5500 to 9000 is a range; allowed: one value"):
        replace(CONSTANTS.s3_gets, optimistic=9_000)


def test_should_give_the_value_of_a_case() -> None:
    latency = CONSTANTS.s3_get_seconds
    assert [latency.at(case) for case in Case] == [latency.optimistic, latency.likely, latency.pessimistic]


def _assigned(file: str, name: str) -> object:
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets):
            return ast.literal_eval(node.value)
    raise AssertionError(f"{file} has no {name}")


def test_should_agree_with_the_code_that_they_speak_of() -> None:
    s3 = "lambdas/wind_speed/s3.py"
    likely = Case.LIKELY
    assert CONSTANTS.handler_threads.at(likely) == _assigned(s3, "THREADS")
    assert CONSTANTS.handler_seconds.at(likely) == _assigned("lambdas/wind_speed/analyze.py", "_SECONDS")
    # Between attempts the SDK waits for up to 1, 2, 4, … s: half of that on the average.
    attempts = _assigned(s3, "_READER_ATTEMPTS")
    assert isinstance(attempts, int)
    longest = sum(2**delay for delay in range(attempts - 1))
    assert CONSTANTS.s3_patience_seconds.at(Case.OPTIMISTIC) == longest
    assert CONSTANTS.s3_patience_seconds.at(likely) == longest / 2
    assert (
        f"max_attempts={CONSTANTS.task_retries.at(likely):.0f}, attempt_seconds=40"
        in (ROOT / "constructs_lib/retries.py").read_text()
    )
    app = (ROOT / "constructs_lib/wind_speed.py").read_text()
    assert CONSTANTS.index_seconds.at(likely) == 60 * 10
    assert "timeout=Duration.minutes(10)" in app
    assert CONSTANTS.reduce_seconds.at(likely) == 60 * 5
    assert "timeout=Duration.minutes(5)" in app


def test_should_need_nothing_but_the_standard_library() -> None:
    code = (
        "import sys, constructs_lib.forecast.verdict;"
        "print(*sorted({m.split('.')[0] for m in sys.modules} & {'aws_cdk', 'constructs', 'jsii', 'boto3', 'rich'}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == ""


def test_should_be_frozen() -> None:
    assert isinstance(CONSTANTS.s3_gets, Constant)
    with pytest.raises(AttributeError):
        CONSTANTS.s3_gets.likely = 1  # type: ignore[misc]
