"""The way back from the IR to the text: where each field of a node was written."""

from collections.abc import Iterator
from typing import overload

from mlopsctl.diagnostics import Span
from mlopsctl.frozen import frozen
from mlopsctl.ir import units
from mlopsctl.source.nodes import (
    Json,
    MappingNode,
    Node,
    Plain,
    ScalarNode,
    SequenceNode,
    Step,
    at,
    key_span,
    plain,
    value_span,
)


@frozen
class Origin:
    """The mapping that a part of the IR was made from, and its name's place.

    Its readers expect the shape that the schema describes; the structure has been checked before anything is lowered.
    """

    node: MappingNode
    name: Span

    def value(self, *path: Step) -> Span:
        """Where the value under `path` stands, or the nearest one that exists."""
        return value_span(self.node, path) if path else self.name

    def key(self, *path: Step) -> Span:
        """Where the key that ends `path` stands, or the nearest value that exists."""
        return key_span(self.node, path)

    def has(self, *path: Step) -> bool:
        """Whether the text says anything there."""
        return at(self.node, path) is not None

    def scalar(self, *path: Step) -> Plain:
        """The scalar under `path`, or None."""
        node = at(self.node, path)
        return node.value if isinstance(node, ScalarNode) else None

    def text(self, *path: Step) -> str | None:
        """The string under `path`, or None."""
        value = self.scalar(*path)
        return None if value is None else str(value)

    def number(self, *path: Step) -> float | None:
        """The number under `path`, or None."""
        value = self.scalar(*path)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def integer(self, *path: Step, default: int) -> int:
        """The whole number under `path`, or the default."""
        value = self.scalar(*path)
        return int(value) if isinstance(value, int | float) else default

    def flag(self, *path: Step, default: bool) -> bool:
        """The truth value under `path`, or the default."""
        value = self.scalar(*path)
        return value if isinstance(value, bool) else default

    @overload
    def seconds(self, *path: Step) -> float | None: ...

    @overload
    def seconds(self, *path: Step, default: float) -> float: ...

    def seconds(self, *path: Step, default: float | None = None) -> float | None:
        """The duration under `path` in seconds, or the default."""
        value = self.text(*path)
        return default if value is None else units.seconds(value)

    def fraction(self, *path: Step) -> float | None:
        """The percentage under `path` as a fraction, or None."""
        value = self.scalar(*path)
        return units.fraction(value) if isinstance(value, str | int | float) else None

    def texts(self, *path: Step) -> tuple[str, ...]:
        """The strings of the list under `path`."""
        return tuple(str(plain(item)) for item in self.items(*path))

    def items(self, *path: Step) -> tuple[Node, ...]:
        """The items of the list under `path`."""
        node = at(self.node, path)
        return node.items if isinstance(node, SequenceNode) else ()

    def entries(self, *path: Step) -> Iterator[tuple[str, Span, Node]]:
        """The keys of the mapping under `path` with their places and values, in the order written."""
        node = at(self.node, path)
        if isinstance(node, MappingNode):
            for key, entry in node.entries.items():
                yield key, entry.key, entry.value

    def below(self, *path: Step) -> "Origin | None":
        """The origin of the mapping under `path`, or None."""
        node = at(self.node, path)
        return Origin(node, self.key(*path)) if isinstance(node, MappingNode) else None

    def plain(self, *path: Step) -> Json:
        """The value under `path` without its places, or None."""
        node = at(self.node, path)
        return None if node is None else plain(node)

    def mapping(self, *path: Step) -> dict[str, Json]:
        """The mapping under `path` without its places; empty where there is none."""
        value = plain(self.node) if not path else self.plain(*path)
        return value if isinstance(value, dict) else {}
