"""Three apps as their users wrote them, on one local cloud, brought there by the pytest plugin as it is documented."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@pytest.fixture(scope="session")
def local_cloud_app() -> str:
    """The apps in one assembly: one deployment for all of them. No template is validated, which takes seconds."""
    return f"env CDK_VALIDATION=false {sys.executable} {Path(__file__).parent / 'app.py'}"


def eventually(look: Callable[[], T], seconds: float = 20) -> T:
    """What `look` finds as soon as it finds anything: events, queues and topics take their time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing after {seconds} s"
        time.sleep(0.05)
    return found
