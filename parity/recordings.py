"""The recordings: reading them, and what must be known to run one and to compare with it.

A recording holds words where AWS's answer held what differs each time, and most of them are tokens that the comparison
takes for anything (`<date>`, `timestamp`). The rest is dealt with here, by these rules, none of which is about what a
case comes to:

- A bucket that the cases share is a bucket of its own for each case; its name is written back into the history.
- Where a recorded input has a plain word in the place of a name that the case gives (`bucket-name`), the word is that
  name's in the whole history.
- Four words stand for values without being tokens of the comparison (`_WORDS`): they are made tokens. So is the random
  end of a name (eight hexadecimal digits).
- A history's `input` and `output` are text on AWS. A recorded number is the text that was read as JSON.
- An object's body that reads `bytearray(b'…')` is the bytes in it.
- The days in brackets of a `far_in_future_boundary` case count from now, as they did for AWS.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_ENDS = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")
_WORDS = re.compile(r'^("?)(date|timestamp|start-time|entered-time|RandomNumberGenerated)("?)$')
_RANDOM_END = re.compile(r"\b([a-z]+(?:-[a-z]+)+)-[0-9a-f]{8}\b")
_TOKEN = re.compile(r"<[^>]+>")
_BOUNDARY_DAYS = re.compile(r"far_in_future_boundary\[(\d+)]$")
_BYTES = re.compile(r"^bytearray\((b['\"].*['\"])\)$", re.DOTALL)


@dataclass(frozen=True)
class S3Object:
    """An object that a case finds in S3."""

    bucket: str
    key: str
    body: bytes


@dataclass(frozen=True)
class Run:
    """What to run for a case, and the recorded word for each name in it that the recording has another word for."""

    definition: str
    input: str
    buckets: tuple[str, ...]
    objects: tuple[S3Object, ...]
    words: Mapping[str, str]

    def in_recorded_words(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the history with the recording's words in the place of this run's names."""
        text = json.dumps(events, default=str)
        for name, word in self.words.items():
            text = text.replace(name, word)
        written: list[dict[str, Any]] = json.loads(text)
        return written


@dataclass(frozen=True)
class Case:
    """A recorded execution; `recorded` are its events."""

    id: str
    type: str
    definition: dict[str, Any]
    input: Any
    files: tuple[dict[str, Any], ...]
    recorded: tuple[dict[str, Any], ...]

    @property
    def category(self) -> str:
        """The id's first part."""
        return self.id.partition("/")[0] if "/" in self.id else self.id.partition(".")[0]

    @property
    def ends(self) -> bool:
        """Whether AWS's execution had ended when its history was recorded."""
        return self.recorded[-1]["type"] in _ENDS

    def expected(self) -> list[dict[str, Any]]:
        """Return the recorded events as the comparison takes them."""
        expected: list[dict[str, Any]] = _with_tokens(_with_text([*self.recorded]))
        return expected

    def run(self, number: int, shared_buckets: frozenset[str]) -> Run:
        """Return what to run; `number` sets its buckets apart from those of the other cases."""
        own = {bucket: f"{bucket}-{number}" for bucket in shared_buckets}
        given = self.input
        if days := _BOUNDARY_DAYS.search(self.id):
            at = datetime.now(UTC) + timedelta(days=int(days[1]))
            given = dict.fromkeys(given, at.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
        recorded = self.recorded[0].get("executionStartedEventDetails", {}).get("input")
        words = {name: bucket for bucket, name in own.items()}
        words |= {own.get(name, name): word for name, word in _other_words(self.input, recorded)}
        definition, input_text = json.dumps(self.definition), json.dumps(given)
        for bucket, name in own.items():
            definition = definition.replace(f'"{bucket}"', f'"{name}"')
            input_text = input_text.replace(f'"{bucket}"', f'"{name}"')
        objects = tuple(S3Object(own[file["bucket"]], file["key"], _body(file["body"])) for file in self.files)
        used = tuple(name for name in own.values() if f'"{name}"' in definition + input_text)
        return Run(definition, input_text, used, objects, words)


@dataclass(frozen=True)
class Recordings:
    """All cases, and the comparison that comes with them.

    `compare` takes two `{"events": […]}`, the recorded and ours, and returns `l1`, the list of differences of the
    result; `l2`, whether the events are the same, with `missing` and `extra` types when they aren't; and `l3`, the list
    of differences of the details. A difference is a path, what AWS recorded and what is here.
    """

    cases: tuple[Case, ...]
    compare: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]

    @property
    def buckets(self) -> frozenset[str]:
        """The buckets that cases put objects into."""
        return frozenset(file["bucket"] for case in self.cases for file in case.files)


def load(folder: Path) -> Recordings | None:
    """Read the recordings; None when the folder hasn't got them."""
    cases, comparison = folder / "cases.jsonl", folder / "compare.py"
    if not (cases.is_file() and comparison.is_file()):
        return None
    return Recordings(tuple(_read_cases(cases)), _load_module(comparison).compare_history)


def _read_cases(path: Path) -> Iterator[Case]:
    for line in path.read_text("utf-8").splitlines():
        case = json.loads(line)
        files, recorded = tuple(case.get("files", ())), tuple(case["recorded"])
        yield Case(case["id"], case["type"], case["definition"], case["input"], files, recorded)


def _load_module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("recordings_comparison", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} can't be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _body(body: Any) -> bytes:
    text = body if isinstance(body, str) else json.dumps(body)
    if found := _BYTES.match(text):
        content: bytes = ast.literal_eval(found[1])
        return content
    return text.encode()


def _other_words(given: Any, recorded: Any) -> Iterator[tuple[str, str]]:
    """Each string of an input with the plain word that the recording has in its place."""
    if isinstance(given, dict) and isinstance(recorded, dict):
        for key in given.keys() & recorded.keys():
            yield from _other_words(given[key], recorded[key])
    elif isinstance(given, list) and isinstance(recorded, list):
        for one, other in zip(given, recorded, strict=False):
            yield from _other_words(one, other)
    elif isinstance(given, str) and isinstance(recorded, str):
        is_plain = not (_TOKEN.search(recorded) or _WORDS.match(recorded))
        if is_plain and given != recorded:
            yield given, recorded


def _with_tokens(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_tokens(element) for key, element in value.items()}
    if isinstance(value, list):
        return [_with_tokens(element) for element in value]
    if isinstance(value, str):
        return _RANDOM_END.sub(r"\1-<id>", _WORDS.sub(r"\1<\2>\3", value))
    return value


def _with_text(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    written = []
    for event in events:
        details = {
            name: {
                key: json.dumps(value) if key in ("input", "output") and isinstance(value, int | float) else value
                for key, value in part.items()
            }
            for name, part in event.items()
            if isinstance(part, dict)
        }
        written.append({**event, **details})
    return written
