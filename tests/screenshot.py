"""Writes the README's picture of the page: ``python -m tests.screenshot build/demo/map.html docs/map.png``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.browser import MISSING, find_chromium, launch


def main() -> None:
    """Open the page from disk, point at a station, and save what is on the screen."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshot", description=main.__doc__)
    parser.add_argument("page", type=Path, help="the map.html of a run")
    parser.add_argument("picture", type=Path, help="the PNG to write")
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    arguments = parser.parse_args()
    if not arguments.page.is_file():
        sys.exit(f"error: {arguments.page} is no file: make demo writes one")
    executable = find_chromium()
    if executable is None:
        sys.exit(f"error: {MISSING}")
    with launch(executable) as browser:
        page = browser.new_page(
            viewport={"width": 1440, "height": 860},
            device_scale_factor=1.5,
            color_scheme=arguments.scheme,
            reduced_motion="reduce",
        )
        page.goto(arguments.page.absolute().as_uri())
        # Details show where a station near the middle is; closed again, it's a place to point at.
        page.locator("#map").focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Show all stations").click()
        ring = page.locator(".ring-selected")
        place = ring.bounding_box() if ring.count() == 1 else None
        page.keyboard.press("Escape")
        page.evaluate("document.activeElement.blur()")
        if place is not None:
            page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        page.screenshot(path=arguments.picture)


if __name__ == "__main__":
    main()
