from __future__ import annotations

from pathlib import Path

import pytest
from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_

from constructs_lib._handlers import handlers_code, handlers_folder
from tests.cdk import make_app

ROOT = Path(__file__).resolve().parents[2]


def test_should_take_the_packaged_handlers_first(tmp_path: Path) -> None:
    package = tmp_path / "constructs_lib"
    packaged, checkout = package / "_lambdas", tmp_path / "lambdas"
    (checkout / "wind_speed").mkdir(parents=True)
    package.mkdir()
    assert handlers_folder(package) == checkout
    (packaged / "wind_speed").mkdir(parents=True)
    assert handlers_folder(package) == packaged


def test_should_find_the_handlers_of_this_checkout() -> None:
    assert handlers_folder() == ROOT / "lambdas"


def test_should_say_where_it_looked_when_there_are_no_handlers(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"_lambdas and .*lambdas"):
        handlers_folder(tmp_path / "constructs_lib")


def test_should_put_the_handlers_alone_into_the_asset(tmp_path: Path) -> None:
    app = make_app()
    lambda_.Function(
        Stack(app, "Stack"),
        "Function",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="wind_speed.analyze.handler",
        code=handlers_code(),
    )
    (asset,) = Path(app.synth().directory).glob("asset.*")
    found = {path.relative_to(asset).as_posix() for path in asset.rglob("*") if path.is_file()}
    sources = ROOT / "lambdas"
    expected = {
        path.relative_to(sources).as_posix()
        for path in (sources / "wind_speed").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert found == expected
    assert "wind_speed/analyze.py" in found
