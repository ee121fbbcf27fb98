"""YAML in which every value is text, a list or a mapping that knows its line, so that an error can say where.

Nothing is guessed: `0x5`, `12`, `on` and `1:30` stay what is written. Anchors, aliases and `<<` work as in YAML 1.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"


class LocatedError(ValueError):
    """What is wrong, and in which line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class Text(str):
    """A scalar, as it is written."""

    __slots__ = ("line",)
    line: int


class Items(list[Any]):
    """A sequence."""

    line: int


class Block(dict[Any, Any]):
    """A mapping."""

    line: int


class _Loader(yaml.SafeLoader):
    """Resolves nothing but the key `<<`."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's
        "<": [(tag, pattern) for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers["<"] if tag == _MERGE]
    }


def read(file: Path) -> Text | Items | Block | None:
    """Read a file of one document, None for an empty one; raises `LocatedError`, and `OSError`."""
    try:
        node = yaml.compose(file.read_text("utf-8"), Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise LocatedError(mark.line + 1 if mark is not None else 1, f"it isn't YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise LocatedError(1, f"it isn't YAML: {' '.join(str(error).split())}") from None
    except UnicodeDecodeError as error:
        raise LocatedError(1, f"it isn't text in UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise LocatedError(1, "it is nested too deeply") from None
    return None if node is None else _Values().value(node)


class _Values:
    """The values of a tree of nodes; one that has several aliases is made once."""

    def __init__(self) -> None:
        self.made: dict[int, Text | Items | Block | None] = {}

    def value(self, node: yaml.Node) -> Any:
        if id(node) not in self.made:
            self.made[id(node)] = None  # while it is being made
            self.made[id(node)] = self.unmade_value(node)
        found = self.made[id(node)]
        if found is None:
            raise LocatedError(_line(node), "an alias stands in what it is an alias of")
        return found

    def unmade_value(self, node: yaml.Node) -> Text | Items | Block:
        found: Text | Items | Block
        if isinstance(node, yaml.MappingNode):
            found = self.block(node)
        elif isinstance(node, yaml.SequenceNode):
            found = Items(self.value(each) for each in node.value)
        else:
            if node.tag != _TEXT:
                raise LocatedError(_line(node), f"the tag {node.tag!r} isn't known here; allowed: no tag")
            found = Text(node.value)
        found.line = _line(node)
        return found

    def block(self, node: yaml.MappingNode) -> Block:
        own, merged = Block(), Block()
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                sources = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for source in map(self.value, sources):
                    if not isinstance(source, Block):
                        raise LocatedError(_line(value_node), "<< is given no mapping; allowed: an alias of one")
                    merged = Block({**source, **merged})  # the first that has a key wins
                continue
            key = self.value(key_node)
            if not isinstance(key, Text):
                raise LocatedError(_line(key_node), "a key isn't text; allowed: text")
            if key in own:
                first = next(each.line for each in own if each == key)
                raise LocatedError(key.line, f"the key {str(key)!r} stands in line {first} already; allowed: once")
            own[key] = self.value(value_node)
        return Block({**merged, **own})


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line
    return line + 1
