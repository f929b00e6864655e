"""Values that know where they are written, on their way into what is rendered.

They are what they seem, numbers and texts for a template to compute with; what is computed from one is a plain value
again. Booleans and null can't carry a place: theirs is that of what is around them.
"""

from collections.abc import Iterator, Mapping

from mlopsctl.diagnostics import Span
from mlopsctl.frozen import frozen
from mlopsctl.source.nodes import Json, MappingNode, Node, Path, ScalarNode, SequenceNode, at


class SourcedText(str):
    """A text with its place."""

    __slots__ = ("span",)
    span: Span


class SourcedInteger(int):
    """A whole number with its place."""

    span: Span


class SourcedNumber(float):
    """A number with its place."""

    __slots__ = ("span",)
    span: Span


class SourcedList(list[Json]):
    """A list with its place."""

    __slots__ = ("span",)
    span: Span


class SourcedMapping(dict[str, Json]):
    """A mapping with its place."""

    __slots__ = ("span",)
    span: Span


Sourced = SourcedText | SourcedInteger | SourcedNumber | SourcedList | SourcedMapping


def sourced(node: Node) -> Json:
    """What a node says, each part with its place."""
    match node:
        case ScalarNode():
            return placed(node.value, node.span)
        case SequenceNode():
            return placed([sourced(item) for item in node.items], node.span)
        case MappingNode():
            return placed({key: sourced(entry.value) for key, entry in node.entries.items()}, node.span)


def placed(value: Json, span: Span) -> Json:
    """The value with a place; what is in it keeps its own."""
    made: Sourced
    match value:
        case None | bool():
            return value
        case str():
            made = SourcedText(value)
        case int():
            made = SourcedInteger(value)
        case float():
            made = SourcedNumber(value)
        case list():
            made = SourcedList(value)
        case dict():
            made = SourcedMapping(value)
    made.span = span
    return made


@frozen
class Places(Mapping[Path, Span]):
    """Where the values of an object are written.

    `inside` are the nodes of values that are texts with a document in them: a path may lead on into it.
    """

    known: Mapping[Path, Span]
    inside: Mapping[Path, Node]

    def __getitem__(self, path: Path) -> Span:
        if path in self.known:
            return self.known[path]
        for root, node in self.inside.items():
            found = at(node, path[len(root) :]) if path[: len(root)] == root else None
            if found is not None:
                return found.span
        raise KeyError(path)

    def __iter__(self) -> Iterator[Path]:
        yield from self.known
        yield from (root for root in self.inside if root not in self.known)

    def __len__(self) -> int:
        return len({*self.known, *self.inside})
