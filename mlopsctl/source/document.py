"""From the text of a YAML file to documents of nodes with spans, or to diagnostics that say what is wrong where.

The parser's events are composed here and not by PyYAML, because duplicate keys, keys that aren't strings, depth and the
expansion of aliases have to be seen, and because the nodes need their places.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml

from mlopsctl.diagnostics import DiagnosedError, Diagnostic, Position, Span
from mlopsctl.frozen import frozen
from mlopsctl.source import faults
from mlopsctl.source.nodes import Entry, MappingNode, Node, Plain, ScalarNode, SequenceNode, plain
from mlopsctl.source.scalars import UnreadableScalarError, resolve

DEEPEST = 64  # levels of nesting; the language itself needs a dozen
MOST_ALIASED = 10_000  # nodes that aliases may stand for in one file

# The parser of libyaml is ten times as fast. The one in Python says the same, should a platform lack it.
_Loader: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# As libyaml counts lines, which is YAML 1.1, section 4.1.4.
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
# What YAML 1.2.2, section 5.1, lets a file contain; libyaml would stop at the first other character, without its line.
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKED = "the parser marks every event"


@frozen
class Document:
    """One YAML document; `root` is what it says."""

    file: str
    root: Node


@frozen
class Parsed:
    """The documents of one file that could be read, and what is wrong with it."""

    documents: tuple[Document, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to read, not even something wrong."""
        return not self.documents and not self.diagnostics


def parse(text: str, file: str) -> Parsed:
    """Read all documents of `text`. `file` is how diagnostics name it.

    A syntax error ends the reading of the file; documents before it are still returned. Empty documents are left out.
    """
    text = text.removeprefix("\ufeff")
    if strange := _NOT_PRINTABLE.search(text):
        span = span_at(text, strange.start(), file)
        return Parsed((), (faults.control_character(span, strange.group()),))
    composer = _Composer(file, text)
    documents: list[Document] = []
    try:
        documents.extend(Document(file, root) for root in composer.documents())
    except yaml.MarkedYAMLError as error:
        composer.diagnostics.append(composer.syntax_fault(error))
    except DiagnosedError as stop:
        composer.diagnostics.extend(stop.diagnostics)
    return Parsed(tuple(documents), tuple(composer.diagnostics))


@dataclass(slots=True)
class _Composer:
    """Builds nodes from the parser's events; one for a file."""

    file: str
    text: str
    diagnostics: list[Diagnostic] = field(default_factory=list)
    anchors: dict[str, Node] = field(default_factory=dict)
    extents: dict[str, tuple[int, int]] = field(default_factory=dict)
    aliased: int = 0
    reached: Position = field(init=False)  # where the last value ended
    end: Position = field(init=False)
    next_event: Callable[[], Any] = field(init=False)

    def __post_init__(self) -> None:
        self.reached, self.end = Position(1, 1), _position_at(self.text, len(self.text))
        self.next_event = _Loader(self.text).get_event

    def documents(self) -> Iterator[Node]:
        while not isinstance(event := self.next_event(), yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors, self.extents = {}, {}
                root = self._node(self.next_event(), depth=0)
                if not (isinstance(root, ScalarNode) and root.raw == ""):
                    yield root

    def _node(self, event: yaml.Event, *, depth: int) -> Node:
        if depth > DEEPEST:
            raise DiagnosedError(faults.too_deep(self._span(event), DEEPEST))
        match event:
            case yaml.ScalarEvent():  # which most are
                node: Node = self._scalar(event)
            case yaml.AliasEvent():
                return self._alias(event, depth=depth)
            case yaml.SequenceStartEvent():
                node = self._sequence(event, depth=depth)
            case yaml.MappingStartEvent():
                node = self._mapping(event, depth=depth)
            case _:
                raise AssertionError(f"{type(event).__name__} can't begin a node")
        if event.anchor is not None:
            self.anchors[event.anchor] = node
            self.extents.pop(event.anchor, None)  # of the node that had this anchor before
        return node

    def _alias(self, event: yaml.AliasEvent, *, depth: int) -> Node:
        name = str(event.anchor)
        span = self._span(event)
        self.reached = span.end
        if name not in self.anchors:
            raise DiagnosedError(faults.unknown_anchor(span, name))
        if name not in self.extents:
            self.extents[name] = _extent(self.anchors[name], MOST_ALIASED)
        size, height = self.extents[name]
        self.aliased += size
        if self.aliased > MOST_ALIASED:
            raise DiagnosedError(faults.alias_expansion(span, MOST_ALIASED))
        if depth + height > DEEPEST:
            raise DiagnosedError(faults.too_deep(span, DEEPEST))
        return self.anchors[name]

    def _scalar(self, event: yaml.ScalarEvent) -> ScalarNode:
        start, end = event.start_mark, event.end_mark
        assert start is not None, _MARKED
        assert end is not None, _MARKED
        span = self._span(event)
        self.reached = span.end
        raw = self.text[start.index : end.index]
        is_plain = event.style in (None, "")
        value: Plain
        try:
            value = resolve(event.value, tag=event.tag, is_plain=is_plain)
        except UnreadableScalarError as error:
            self.diagnostics.append(faults.unreadable_scalar(span, str(error)))
            value = event.value.replace("\0", "\ufffd")
        return ScalarNode(value, span, raw)

    def _sequence(self, event: yaml.SequenceStartEvent, *, depth: int) -> SequenceNode:
        self._refuse_tag(event, "seq")
        items: list[Node] = []
        while not isinstance(inner := self.next_event(), yaml.SequenceEndEvent):
            items.append(self._node(inner, depth=depth + 1))
        return SequenceNode(tuple(items), self._until(event, inner))

    def _mapping(self, event: yaml.MappingStartEvent, *, depth: int) -> MappingNode:
        self._refuse_tag(event, "map")
        entries: dict[str, Entry] = {}
        while not isinstance(inner := self.next_event(), yaml.MappingEndEvent):
            key = self._node(inner, depth=depth + 1)
            value = self._node(self.next_event(), depth=depth + 1)
            name = self._key_name(key)
            if name is None:
                continue
            if name in entries:
                self.diagnostics.append(faults.duplicate_key(key.span, name, entries[name].key))
            else:
                entries[name] = Entry(key.span, value)
        return MappingNode(entries, self._until(event, inner))

    def _key_name(self, key: Node) -> str | None:
        if isinstance(key, ScalarNode) and isinstance(key.value, str):
            return key.value
        self.diagnostics.append(faults.key_not_a_string(key.span, plain(key) if isinstance(key, ScalarNode) else ...))
        return None

    def _refuse_tag(self, event: yaml.CollectionStartEvent, wanted: str) -> None:
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{wanted}"):
            message = f"the tag `{event.tag}` is not part of the language"
            self.diagnostics.append(faults.unreadable_scalar(self._span(event), message))

    def syntax_fault(self, error: yaml.MarkedYAMLError) -> Diagnostic:
        """The parser's complaint in our words."""
        mark = error.problem_mark or error.context_mark
        problem = self._character(self._position(mark) if mark else Position(1, 1))
        context = self._character(self._position(error.context_mark)) if error.context_mark else None
        return faults.syntax(problem, error.problem or "", context if context != problem else None, error.context or "")

    def _character(self, start: Position) -> Span:
        return Span(self.file, start, max(start, min(Position(start.line, start.column + 1), self.end)))

    def _span(self, event: yaml.Event) -> Span:
        start, end = event.start_mark, event.end_mark
        if start is not None and end is not None and end.line + 1 < self.end.line:  # nothing is beyond the text
            return Span(self.file, Position(start.line + 1, start.column + 1), Position(end.line + 1, end.column + 1))
        return Span(self.file, self._position(start), self._position(end))

    def _until(self, start: yaml.Event, end: yaml.Event) -> Span:
        # The end mark of a block collection is the token after it, so its last value says where it ends.
        if getattr(start, "flow_style", False):
            self.reached = self._position(end.end_mark)
        first = self._position(start.start_mark)
        return Span(self.file, first, max(self.reached, first))

    def _position(self, mark: "_Mark | None") -> Position:
        assert mark is not None, _MARKED
        line, column = mark.line + 1, mark.column
        # The parser counts a line more where the text ends without a line break.
        if line < self.end.line or (line == self.end.line and column < self.end.column):
            return Position(line, column + 1)
        return self.end


class _Mark(Protocol):
    """What the marks of both parsers have."""

    index: int
    line: int
    column: int


def _extent(node: Node, limit: int) -> tuple[int, int]:
    """How many nodes `node` has with itself and how deep they are nested, counted until `limit` is passed."""
    count, height = 0, 0
    waiting = [(node, 0)]
    while waiting and count <= limit:
        current, level = waiting.pop()
        count, height = count + 1, max(height, level)
        if isinstance(current, SequenceNode):
            waiting.extend((item, level + 1) for item in current.items)
        elif isinstance(current, MappingNode):
            waiting.extend((entry.value, level + 1) for entry in current.entries.values())
    return count, height


def span_at(text: str, offset: int, file: str) -> Span:
    """The place of the one character at `offset`."""
    start = _position_at(text, offset)
    return Span(file, start, Position(start.line, start.column + 1))


def _position_at(text: str, offset: int) -> Position:
    before = _LINE_BREAK.split(text[:offset])
    return Position(len(before), len(before[-1]) + 1)
