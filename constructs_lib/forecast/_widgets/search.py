"""SEARCH: its schema and its exact terms, such as `{AWS/Lambda,FunctionName} MetricName="Throttles"`.

Partial matches, OR, NOT and parentheses are refused by name. The syntax:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from constructs_lib.forecast._widgets.reported import Asked, RefusedError, Reported

if TYPE_CHECKING:
    from re import Match

SEARCH = re.compile(
    r"\bSEARCH\s*\(\s*'(?P<query>[^']*)'\s*,\s*(?:'(?P<statistic>[^']*)'|\"(?P<quoted>[^\"]*)\")"
    r"\s*(?:,\s*(?P<period>\d{1,6})\s*)?\)"
)
"""A call, as it stands in an expression."""

_SCHEMA = re.compile(r"\s*\{(?P<parts>[^{}]*)\}\s*,?")
_PART = re.compile(r"\s*(?:\"([^\"]*)\"|([^\s,\"]+))\s*(?:,|$)")
_TERM = re.compile(r"(?:AND\s+)?(?P<name>:?[\w.]+)\s*=\s*\"(?P<value>(?:[^\"\\]|\\.)*)\"\s*")


def find(call: Match[str], reported: Reported, *, period: int, region: str | None) -> list[Asked]:
    """Return what a call finds among the series; `period` is in minutes, for a call without; raises `RefusedError`."""
    rest = call["query"].strip()
    schema = _SCHEMA.match(rest)
    if schema is None:
        raise RefusedError("SEARCH without a schema can't be evaluated; allowed: '{namespace,dimension} …'")
    namespace, *dimensions = _parts(schema["parts"])
    terms, at = dict[str, str](), schema.end()
    while at < len(rest):
        at += len(rest[at:]) - len(rest[at:].lstrip())
        term = _TERM.match(rest, at)
        if term is None:
            raise RefusedError(f'SEARCH for {rest[at:]} can\'t be evaluated; allowed: terms such as MetricName="…"')
        terms[term["name"]] = re.sub(r"\\(.)", r"\1", term["value"])
        at = term.end()
    account = terms.pop(":aws.AccountId", None)
    if terms.pop("Namespace", namespace) != namespace:
        return []
    seconds = int(call["period"] or 60 * period)
    if seconds % 60 or seconds == 0:
        raise RefusedError(f"SEARCH has a period of {seconds} seconds; allowed: whole minutes")
    return reported.search(
        namespace=namespace,
        dimensions=frozenset(dimensions),
        terms=terms,
        statistic=call["statistic"] or call["quoted"] or "Average",
        period=seconds // 60,
        account=reported.account if account == "LOCAL" else account,
        region=region,
    )


def _parts(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            break
        found.append(part[2] if part[1] is None else part[1])
        at = part.end()
    if at < len(text) or not found:
        raise RefusedError(f"SEARCH has the schema {{{text}}}; allowed: {{namespace,dimension,…}}")
    return found
