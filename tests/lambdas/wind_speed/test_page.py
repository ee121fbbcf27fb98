"""The page as a file: what is in it, and what can't be. What it does stands in test_page_browser.py."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import tracemalloc
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from lambdas.wind_speed import page

ROOT = Path(__file__).parents[3]
ASSETS = ROOT / "lambdas/wind_speed/page_assets"

Row = list[str | int | float | None]

SUMMARY: dict[str, object] = {
    "objects_listed": 4,
    "objects_analysed": 2,
    "objects_rejected": 1,
    "objects_failed": 1,
    "stations": 1,
    "unit": "mph",
    "years": [2024],
    "execution_arn": "arn:aws:states:us-east-1:111111111111:execution:WindSpeed:first",
    "duration_seconds": 12.5,
    "sample": False,
}
STATION: Row = [
    "72429793812",
    "CINCINNATI, OH US",
    39.103,
    -84.419,
    148.1,
    366,
    6.134,
    17.6,
    "2024-01-01",
    "2024-12-31",
]


class Elements(HTMLParser):
    """Every element with its attributes and its text, as a browser's parser would split them."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open = False
        self.feed(html.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), []))
        self._open = True

    def handle_endtag(self, tag: str) -> None:
        self._open = False

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found[-1][2].append(data)

    def texts(self, tag: str, **attributes: str | None) -> list[str]:
        return [
            "".join(text)
            for name, given, text in self.found
            if name == tag and all(given.get(key) == value for key, value in attributes.items())
        ]


def data_of(html: bytes) -> dict[str, Any]:
    (text,) = Elements(html).texts("script", id="data")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_the_page_carries_the_rows_as_they_are() -> None:
    empty: Row = ["00000099999", "", None, None, None, 0, None, None, None, None]
    data = data_of(page.render([STATION, empty], SUMMARY))
    assert data["stations"] == [STATION, empty]


def test_the_page_carries_what_it_tells_of_the_run_and_no_account() -> None:
    html = page.render([STATION], SUMMARY)
    run = data_of(html)["run"]
    assert {name: SUMMARY[name] for name in run} == run
    assert "execution_arn" not in run
    assert b"111111111111" not in html


@pytest.mark.parametrize(
    "name", ["</script><img src=x onerror=alert(1)>", "<!--<script>", "]]>", "\u2028", '"\\', "São Tomé 漢"]
)
def test_a_name_stays_a_name(name: str) -> None:
    html = page.render([[*STATION[:1], name, *STATION[2:]]], SUMMARY)
    assert data_of(html)["stations"][0][1] == name
    elements, plain = Elements(html), Elements(page.render([STATION], SUMMARY))
    assert [(tag, given) for tag, given, _ in elements.found] == [(tag, given) for tag, given, _ in plain.found]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_lacks_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        page.render([[*STATION[:6], value, *STATION[7:]]], SUMMARY)


def test_the_policy_allows_the_pages_own_script_and_style_and_nothing_else() -> None:
    elements = Elements(page.render([STATION], SUMMARY))
    (policy,) = [
        given["content"] for tag, given, _ in elements.found if given.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    inline = [*elements.texts("script", type=None), *elements.texts("style")]
    script, style = (f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in inline)
    assert directives == {
        "default-src": "'none'",
        "script-src": script,
        "style-src": style,
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_the_page_names_no_other_file() -> None:
    html = page.render([STATION], SUMMARY)
    named = [
        given for _, given, _ in Elements(html).found if given.keys() & {"src", "href", "srcset", "action", "style"}
    ]
    assert named == []
    assert b"sourceMappingURL" not in html


def test_no_placeholder_is_left() -> None:
    html = page.render([STATION], SUMMARY)
    assert re.findall(rb"%(policy|licences|style|script|land|data)%", html) == []


def test_the_licences_travel_with_the_page() -> None:
    html = page.render([STATION], SUMMARY).decode()
    for licence in ("leaflet/LICENSE", "land/LICENSE"):
        assert (ASSETS / licence).read_text().strip() in html
    assert "Natural Earth (public domain)" in html


def test_vendored_files_equal_what_the_packages_give() -> None:
    node = shutil.which("node") or shutil.which("node", path=str(ROOT / ".venv/bin"))
    if node is None or not (ROOT / "node_modules/leaflet").is_dir():
        pytest.skip("no Node or no node_modules: make setup")
    outcome = subprocess.run(
        [node, str(ROOT / "tools/vendor_page.mjs"), "--check"], capture_output=True, text=True, check=False
    )
    assert (outcome.returncode, outcome.stdout) == (0, "")


def test_land_lies_on_the_map() -> None:
    land = json.loads((ASSETS / "land/land.json").read_text())
    points = []
    for ring in land["rings"]:
        x = y = 0
        for dx, dy in zip(ring[::2], ring[1::2], strict=True):
            x, y = x + dx, y + dy
            points.append((x / land["units_per_degree"], y / land["units_per_degree"]))
    assert min(x for x, _ in points) == -180
    assert max(x for x, _ in points) == 180
    assert min(y for _, y in points) == -90
    assert 83 < max(y for _, y in points) < 84


def test_24000_stations_cost_little() -> None:
    rows: list[Row] = [[f"{i:011d}", *STATION[1:2], i / 300, i / 200, *STATION[4:]] for i in range(24_000)]
    page.render([], SUMMARY)  # the template is assembled once a process
    started = time.process_time()
    html = page.render(rows, SUMMARY)
    assert time.process_time() - started < 0.5
    tracemalloc.start()
    page.render(rows, SUMMARY)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * len(html)
