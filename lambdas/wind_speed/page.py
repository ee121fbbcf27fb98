"""The world map of a run, as one HTML file that opens from disk without a network.

Everything the page needs is inside it: Leaflet, land outlines, style, script and the stations as JSON. Its content
security policy allows its own inline script and style by their hashes and nothing else, no request included. Station
names come from other people's files: they travel as JSON and reach the document only as text.

What the page does is in ``page_assets/page.js``; where the vendored files come from is in ``tools/vendor_page.mjs``.
"""

from __future__ import annotations

import json
from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ASSETS = Path(__file__).with_name("page_assets")

# What the page tells of a run. The rest of the summary, such as the account in the execution's ARN, stays out of a file
# that people publish.
_SUMMARY_FIELDS = (
    "objects_listed",
    "objects_analysed",
    "objects_rejected",
    "objects_failed",
    "unit",
    "years",
    "sample",
)


def render(stations: Sequence[Sequence[str | int | float | None]], summary: Mapping[str, object]) -> bytes:
    """Return the page of one run, UTF-8.

    ``stations`` holds a row a station: ``[station, name, latitude, longitude, elevation_m, days, mean, max, first_date,
    last_date]``: degrees, metres, ISO dates, speeds in ``summary["unit"]`` (``knots``, ``mph``, ``kmh`` or ``mps``).
    Everything from ``latitude`` on but ``days`` may be None. Every digit of a number is in the file, so round them
    before. ``summary`` is the content of ``summary.json``.

    Raises ValueError for a number that isn't finite: JSON has none.
    """
    head, tail = _template()
    run = {field: summary.get(field) for field in _SUMMARY_FIELDS}
    data = json.dumps({"run": run, "stations": stations}, separators=(",", ":"), allow_nan=False)
    # "</script>" and "<!--" would end or change the element that holds the data. In JSON "<" stands only in strings.
    return b"".join((head, data.replace("<", "\\u003c").encode("ascii"), tail))


@cache
def _template() -> tuple[bytes, bytes]:
    """Return the page before and after its data: assembled once a process."""
    # Developer tools would ask for the source map that Leaflet's last line names.
    leaflet = _asset("leaflet/leaflet.js").replace("//# sourceMappingURL=leaflet.js.map", "")
    script = f"{leaflet}\n{_asset('page.js')}"
    style = f"{_asset('leaflet/leaflet.css')}\n{_asset('page.css')}"
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    page = _asset("page.html")
    for name, content in {
        "policy": policy,
        "licences": f"{_asset('leaflet/LICENSE')}\n{_asset('land/LICENSE')}",
        "style": style,
        "script": script,
        "land": _asset("land/land.json"),
    }.items():
        page = page.replace(f"%{name}%", content, 1)
    head, tail = page.split("%data%")
    return head.encode(), tail.encode()


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _hash(inline: str) -> str:
    """Return the source expression that lets a policy allow exactly this inline script or style."""
    return f"sha256-{b64encode(sha256(inline.encode()).digest()).decode()}"
