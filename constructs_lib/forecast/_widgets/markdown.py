"""A text widget's Markdown as HTML: headings, paragraphs, lists, tables, code, bold, italics and links.

All text is escaped before anything else: no HTML of the body reaches the page. A link leads to http, https or a place
on the page; another is left as text. What CloudWatch takes:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_remove_text_dashboard.html
"""

from __future__ import annotations

import html
import re

from constructs_lib.forecast._widgets.properties import brief

_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*")
_RULE = re.compile(r"([-*_])(?:\s*\1){2,}")
_ITEM = re.compile(r"(?P<bullet>[-*+])\s+(?P<text>.*)|\d{1,9}[.)]\s+(?P<numbered>.*)")
_COLUMNS = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?")
_INLINE = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|(?P<image>!)?\[(?P<button>button:(?:primary:)?)?(?P<label>[^\[\]]*)\]\((?P<address>[^()\s]*)(?:\s+&quot;[^)]*)?\)"
    r"|(?P<stars>\*\*|__)(?P<bold>\S(?:.*?\S)?)(?P=stars)"
    r"|(?<!\w)(?P<star>[*_])(?P<italic>[^\s*_](?:[^*_]*[^\s*_])?)(?P=star)(?!\w)"
    r"|\\(?P<escaped>[\\`*_{}\[\]()#+.!|-])"
)
_ADDRESS = re.compile(r"(?:https?://|#)[^\s\"'<>]*")


def render(text: str, refused: list[str]) -> str:
    """Return the HTML; what can't be shown, such as a picture, is noted in `refused`."""
    blocks: list[str] = []
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    at = 0
    while at < len(lines):
        begin, line = at, lines[at].strip()
        at += 1
        if not line:
            continue
        heading = _HEADING.fullmatch(line)
        if line.startswith("```"):
            while at < len(lines) and not lines[at].strip().startswith("```"):
                at += 1
            blocks.append(f"<pre>{html.escape(chr(10).join(lines[begin + 1 : at]))}</pre>")
            at += 1
        elif heading is not None:
            level = len(heading[1])
            blocks.append(f"<h{level}>{_inline(heading[2], refused)}</h{level}>")
        elif _RULE.fullmatch(line):
            blocks.append("<hr>")
        elif line.startswith("|") and at < len(lines) and _COLUMNS.fullmatch(lines[at].strip()):
            while at < len(lines) and lines[at].strip().startswith("|"):
                at += 1
            blocks.append(_table(lines[begin:at], refused))
        elif _ITEM.fullmatch(line):
            while at < len(lines) and _ITEM.fullmatch(lines[at].strip()):
                at += 1
            blocks.append(_list(lines[begin:at], refused))
        else:
            while at < len(lines) and _goes_on(lines[at].strip()):
                at += 1
            blocks.append(f"<p>{_inline(' '.join(each.strip() for each in lines[begin:at]), refused)}</p>")
    return "".join(blocks)


def _goes_on(line: str) -> bool:
    return bool(line) and not (
        line.startswith(("```", "|")) or _HEADING.fullmatch(line) or _RULE.fullmatch(line) or _ITEM.fullmatch(line)
    )


def _list(lines: list[str], refused: list[str]) -> str:
    items = [match for match in (_ITEM.fullmatch(line.strip()) for line in lines) if match is not None]
    tag = "ul" if items[0]["bullet"] else "ol"
    inner = "".join(f"<li>{_inline(item['text'] or item['numbered'] or '', refused)}</li>" for item in items)
    return f"<{tag}>{inner}</{tag}>"


def _table(lines: list[str], refused: list[str]) -> str:
    def cells(line: str, tag: str) -> str:
        parts = line.strip().removeprefix("|").removesuffix("|").split("|")
        return "<tr>" + "".join(f"<{tag}>{_inline(part.strip(), refused)}</{tag}>" for part in parts) + "</tr>"

    head, _, *rows = lines
    return (
        f"<table><thead>{cells(head, 'th')}</thead><tbody>{''.join(cells(row, 'td') for row in rows)}</tbody></table>"
    )


def _inline(text: str, refused: list[str]) -> str:
    return _marked(html.escape(text), refused)


def _marked(escaped: str, refused: list[str]) -> str:
    def replace(match: re.Match[str]) -> str:
        if match["code"] is not None:
            return f"<code>{match['code']}</code>"
        if match["label"] is not None:
            address = html.unescape(match["address"])
            if match["image"] is not None or not _ADDRESS.fullmatch(address):
                what = "picture" if match["image"] is not None else "link"
                refused.append(f"the {what} to {brief(address) or 'nowhere'}: isn't loaded or followed from here")
                return match["label"]
            style = ' class="button"' if match["button"] else ""
            return f'<a{style} href="{html.escape(address)}" rel="noreferrer">{match["label"]}</a>'
        if match["bold"] is not None:
            return f"<strong>{_marked(match['bold'], refused)}</strong>"
        if match["italic"] is not None:
            return f"<em>{match['italic']}</em>"
        return str(match["escaped"])

    return _INLINE.sub(replace, escaped)
