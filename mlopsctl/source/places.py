"""Where a part of a scalar's text is written in its file."""

import re

from mlopsctl.diagnostics import Position, Span
from mlopsctl.source.nodes import ScalarNode

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_BLOCK_HEADER = re.compile(r"[|>][^\n]*\n")


def part_of(node: ScalarNode, start: int, end: int) -> Span:
    """The place of the characters from `start` up to `end` of a scalar's value; of all of it, if escapes hide them.

    Quoting, folding and indentation move a text about and change its white space, and nothing else: the n-th character
    that isn't white space is the n-th one of what is written.
    """
    value, raw = str(node.value), node.raw
    header = _BLOCK_HEADER.match(raw)
    first = header.end() if header else int(raw[:1] in ("'", '"'))
    written = [index for index in range(first, len(raw)) if not raw[index].isspace()]
    said = [index for index, character in enumerate(value) if not character.isspace()]
    if [raw[index] for index in written[: len(said)]] != [value[index] for index in said]:
        return node.span
    inside = [written[order] for order, index in enumerate(said) if start <= index < end]
    return inside_of(node, inside[0], inside[-1] + 1) if inside else node.span


def inside_of(node: ScalarNode, start: int, end: int) -> Span:
    """The place of what is written from `start` up to `end` in a scalar's raw text."""
    return Span(node.span.file, _position(node, start), _position(node, end))


def _position(node: ScalarNode, offset: int) -> Position:
    lines = _LINE_BREAK.split(node.raw[:offset])
    first = node.span.start
    column = len(lines[-1]) + (first.column if len(lines) == 1 else 1)
    return Position(first.line + len(lines) - 1, column)
