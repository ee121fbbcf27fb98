from types import SimpleNamespace

import pytest

from constructs_lib.local.emulator.launch import StartError
from constructs_lib.local.emulator.patches import PINNED, check_versions, replace, require


def test_should_accept_the_pinned_versions() -> None:
    check_versions()


def test_should_refuse_another_version() -> None:
    with pytest.raises(StartError, match=r"moto 1\.0\.0 is needed, 5\.2\.5 is installed: pip install moto==1\.0\.0"):
        check_versions({**PINNED, "moto": "1.0.0"})


def test_should_refuse_a_missing_distribution() -> None:
    with pytest.raises(StartError, match=r"ministack-core 1\.5\.33 isn't installed"):
        check_versions({"ministack-core": "1.5.33"})


def test_should_hand_back_what_it_replaced() -> None:
    owner = SimpleNamespace(__name__="owner", _private=1)

    assert replace(owner, "_private", 2) == 1
    assert owner._private == 2


def test_should_refuse_to_replace_a_name_that_is_gone() -> None:
    owner = SimpleNamespace(__name__="owner")

    with pytest.raises(StartError, match=r"owner\._private is gone"):
        replace(owner, "_private", 2)
    with pytest.raises(StartError, match=r"SimpleNamespace\._other is gone"):
        require(SimpleNamespace, "_other")
