"""Headless Chromium for the tests that open a page: found on the machine, never downloaded.

Without one a test skips and names the install command; with ``REQUIRE_CHROMIUM=1``, as in CI, it fails instead.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

MISSING = "no Chromium on PATH and none named by CHROMIUM: apt-get install chromium"

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """Return the Chromium that the variable ``CHROMIUM`` names, else the first on PATH, else None."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def launch(executable: str) -> Iterator[Browser]:
    """Start that Chromium without a window; it ends with the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium for a test, which skips or fails when the machine has none."""
    executable = find_chromium()
    if executable is None:
        if os.environ.get("REQUIRE_CHROMIUM") == "1":
            pytest.fail(MISSING, pytrace=False)
        pytest.skip(MISSING)
    with launch(executable) as browser:
        yield browser
