"""What the tests of this room share: a text read, and what stands at a span."""

import re
from collections.abc import Iterator

from mlopsctl.diagnostics import Diagnostic, Position, Span
from mlopsctl.source.document import parse
from mlopsctl.source.nodes import MappingNode, Node, ScalarNode, SequenceNode

FILE = "pipeline.yaml"
_BREAK = "\r\n|[\n\r\x85\u2028\u2029]"  # as YAML 1.1 counts lines, which is what libyaml reads


def read(text: str) -> Node:
    """The only document of a text that has no fault."""
    parsed = parse(text, FILE)
    assert parsed.diagnostics == ()
    (document,) = parsed.documents
    return document.root


def mapping(text: str) -> MappingNode:
    root = read(text)
    assert isinstance(root, MappingNode)
    return root


def scalar(text: str, *keys: str) -> ScalarNode:
    """The scalar under `keys`."""
    node = read(text)
    for key in keys:
        assert isinstance(node, MappingNode)
        node = node.entries[key].value
    assert isinstance(node, ScalarNode)
    return node


def under(text: str, span: Span) -> str:
    """The part of the text that a span covers."""
    text = text.removeprefix("\ufeff")
    return text[offset(text, span.start) : offset(text, span.end)]


def offset(text: str, position: Position) -> int:
    starts = [0, *(found.end() for found in re.finditer(_BREAK, text))]
    return starts[position.line - 1] + position.column - 1


def is_inside(text: str, span: Span) -> bool:
    """Whether a span begins and ends in the text, in this order. A line's break is its last character."""
    *lines, last = re.split(_BREAK, text.removeprefix("\ufeff"))
    most = [*(len(line) + 2 for line in lines), len(last) + 1]
    return span.start <= span.end and all(
        1 <= place.line <= len(most) and 1 <= place.column <= most[place.line - 1] for place in (span.start, span.end)
    )


def spans_of(node: Node) -> Iterator[Span]:
    """Every span of a node and what is below it."""
    yield node.span
    if isinstance(node, SequenceNode):
        for item in node.items:
            yield from spans_of(item)
    elif isinstance(node, MappingNode):
        for entry in node.entries.values():
            yield entry.key
            yield from spans_of(entry.value)


def diagnosed(text: str) -> list[tuple[str, int, int]]:
    """What is wrong with a text: code, line and column."""
    return [place_of(found) for found in parse(text, FILE).diagnostics]


def place_of(found: Diagnostic) -> tuple[str, int, int]:
    assert found.span is not None
    return found.code, found.span.start.line, found.span.start.column
