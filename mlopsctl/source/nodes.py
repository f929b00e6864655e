"""Values with their places: what a YAML text becomes before anybody asks what it means."""

import json
from collections.abc import Mapping, Sequence

from mlopsctl.diagnostics import Position, Span
from mlopsctl.frozen import frozen

Plain = str | int | float | bool | None
Json = Plain | list["Json"] | dict[str, "Json"]
Step = str | int
Path = tuple[Step, ...]


@frozen
class ScalarNode:
    """One string, number, truth value or null. `raw` is the text as written, quotes included."""

    value: Plain
    span: Span
    raw: str


@frozen
class SequenceNode:
    """A list."""

    items: tuple["Node", ...]
    span: Span


@frozen
class Entry:
    """A key of a mapping with its own place, and its value."""

    key: Span
    value: "Node"


@frozen
class MappingNode:
    """A mapping from strings, in the order written."""

    entries: Mapping[str, Entry]
    span: Span

    def get(self, key: str) -> "Node | None":
        """The value under `key`, or None."""
        entry = self.entries.get(key)
        return entry.value if entry else None


Node = ScalarNode | SequenceNode | MappingNode


def plain(node: Node) -> Json:
    """The value without its places."""
    match node:
        case ScalarNode():
            return node.value
        case SequenceNode():
            return [plain(item) for item in node.items]
        case MappingNode():
            return {key: plain(entry.value) for key, entry in node.entries.items()}


def node_of(value: Json, span: Span) -> Node:
    """A value as nodes that all stand in one place, for what comes from no text that anybody wrote."""
    match value:
        case dict():
            return MappingNode({key: Entry(span, node_of(below, span)) for key, below in value.items()}, span)
        case list():
            return SequenceNode(tuple(node_of(item, span) for item in value), span)
        case _:
            return ScalarNode(value, span, value if isinstance(value, str) else json.dumps(value))


def at(node: Node, path: Path) -> Node | None:
    """The node under `path`, or None where the path leads nowhere."""
    found: Node | None = node
    for step in path:
        if isinstance(found, MappingNode) and isinstance(step, str):
            entry = found.entries.get(step)
            if entry is None:  # most of what is asked for isn't there
                return None
            found = entry.value
        elif isinstance(found, SequenceNode) and isinstance(step, int) and step < len(found.items):
            found = found.items[step]
        else:
            return None
    return found


def value_span(node: Node, path: Path) -> Span:
    """Where the value under `path` stands; of a path that leads nowhere, the nearest value that exists."""
    for length in range(len(path), -1, -1):
        found = at(node, path[:length])
        if found is not None:
            return found.span
    return node.span


def key_span(node: Node, path: Path) -> Span:
    """Where the key that ends `path` stands; for an item of a list, the item itself."""
    if path and isinstance(path[-1], str):
        parent = at(node, path[:-1])
        if isinstance(parent, MappingNode) and path[-1] in parent.entries:
            return parent.entries[path[-1]].key
    return value_span(node, path)


def scalars(node: Node, path: Path = ()) -> Sequence[tuple[Path, ScalarNode]]:
    """Every scalar below `node` with the path that leads to it, in the order written."""
    found: list[tuple[Path, ScalarNode]] = []
    _add_scalars(node, path, found)
    return found


def _add_scalars(node: Node, path: Path, found: list[tuple[Path, ScalarNode]]) -> None:
    match node:
        case ScalarNode():
            found.append((path, node))
        case SequenceNode():
            for index, item in enumerate(node.items):
                _add_scalars(item, (*path, index), found)
        case MappingNode():
            for key, entry in node.entries.items():
                _add_scalars(entry.value, (*path, key), found)


def start_of(file: str) -> Span:
    """The first place of a file, for what concerns all of it."""
    return Span(file, Position(1, 1), Position(1, 1))
