"""Makes the README's pictures anew, of pages that make wrote: ``python -m tests.screenshot map`` or ``dashboard``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser import MISSING, find_chromium, launch

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A page, the make target that writes it, the picture of it, and what is done on the page before."""

    page: Path
    target: str
    file: Path
    width: int
    height: int
    prepare: Callable[[Page], None] | None = None


def point_at_a_station(page: Page) -> None:
    """Leave the pointer at a station near the map's middle, so that its details show."""
    # Details show where it is; closed again, it's a place to point at.
    page.locator("#map").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Show all stations").click()
    ring = page.locator(".ring-selected")
    place = ring.bounding_box() if ring.count() == 1 else None
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    if place is not None:
        page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)


PICTURES = {
    "map": Picture(
        page=ROOT / "build/demo/map.html",
        target="demo",
        file=ROOT / "docs/map.png",
        width=1440,
        height=860,
        prepare=point_at_a_station,
    ),
    # The rows down to the map runs', in the minute in which most alarms are on.
    "dashboard": Picture(
        page=ROOT / "build/dashboard.html",
        target="dashboard",
        file=ROOT / "docs/dashboard.png",
        width=1400,
        height=1121,
    ),
}


def main() -> None:
    """Open the page from disk and save what is on the screen."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshot", description=main.__doc__)
    parser.add_argument("picture", choices=PICTURES)
    parser.add_argument("--out", type=Path, metavar="FILE", help="another file than the one in docs/")
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    arguments = parser.parse_args()
    picture = PICTURES[arguments.picture]
    if not picture.page.is_file():
        sys.exit(f"error: {picture.page} is no file: make {picture.target} writes it")
    executable = find_chromium()
    if executable is None:
        sys.exit(f"error: {MISSING}")
    with launch(executable) as browser:
        page = browser.new_page(
            viewport={"width": picture.width, "height": picture.height},
            device_scale_factor=1.5,
            color_scheme=arguments.scheme,
            reduced_motion="reduce",
        )
        page.goto(picture.page.as_uri())
        if picture.prepare is not None:
            picture.prepare(page)
        page.screenshot(path=arguments.out or picture.file)


if __name__ == "__main__":
    main()
