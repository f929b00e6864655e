"""The source lines that a diagnostic is about, with the places underlined."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from mlopsctl.diagnostics import Position, Span
from mlopsctl.frozen import frozen
from mlopsctl.report.colour import Colour, Paint
from mlopsctl.report.display import ELLIPSIS, display_width, shown, shown_character, wrapped

NARROWEST = 24  # columns of source that are shown even if the terminal is narrower
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # as YAML counts lines
_NEAR = 2_000  # characters before and after a place that are looked at; more than a terminal is wide
_LABEL_NEEDS = 24  # columns; with less to the right of its place a label moves to the left


@frozen
class Mark:
    """A place to underline and what to say of it. The primary one is where the fault is, others explain it."""

    span: Span
    label: str
    colour: Colour
    is_primary: bool


@frozen
class Layout:
    """What all blocks of one diagnostic share. `gutter` is the width of the line numbers, in columns."""

    paint: Paint
    width: int
    gutter: int

    @property
    def room(self) -> int:
        """How many columns of source fit beside the frame, which takes 3, and the bracket, which takes 2."""
        return max(self.width - self.gutter - 5, NARROWEST)

    def row(self, number: str, content: str) -> str:
        """A row behind the frame: a source line with its number, an underline, or a gap."""
        frame = self.paint(f"{number:>{self.gutter}} │", Colour.FRAME)
        return f"{frame} {content.rstrip()}" if content.strip() else frame


@frozen
class _Segment:
    """The part of a mark that lies in one line, as indexes of characters."""

    start: int
    end: int
    label: str
    mark: Mark


class _Line:
    """A source line as it is shown, or of a very long one what is near the character `around`.

    Indexes of characters are those of the source line.
    """

    def __init__(self, text: str, *, around: int) -> None:
        self.first = max(around - _NEAR, 0)
        self.cells = [shown_character(character) for character in text[self.first : around + _NEAR]]
        self.edges = [0, *accumulate(map(display_width, self.cells))]  # the column where each character begins
        self.length = len(text)

    def fits(self, width: int) -> bool:
        """Whether all of the line is shown in `width` columns."""
        return len(self.cells) == self.length and self.edges[-1] <= width

    def window(self, start: int, end: int, width: int) -> tuple[int, int]:
        """From and to which character the line is shown, so that `start` to `end` is seen and all fits."""
        if self.fits(width):
            return 0, self.length
        width -= 2 * len(ELLIPSIS)
        context = max(width - (self._column(end) - self._column(start)), 0) // 2
        left = max(min(self._column(start) - context, self.edges[-1] - width), 0)
        begin = bisect_right(self.edges, left) - 1
        return self.first + begin, self.first + bisect_right(self.edges, self.edges[begin] + width) - 1

    def text(self, begin: int, end: int) -> str:
        """The characters from `begin` to `end`, with an ellipsis where something is left out."""
        head = ELLIPSIS if begin else ""
        tail = ELLIPSIS if end < self.length else ""
        return head + "".join(self.cells[begin - self.first : end - self.first]) + tail

    def columns(self, segment: _Segment, begin: int, end: int) -> tuple[int, int]:
        """The first column of the segment's underline and its width, within the window from `begin` to `end`."""
        start = self._column(min(max(segment.start, begin), end))
        stop = self._column(min(segment.end, end))
        offset = len(ELLIPSIS) if begin else 0
        return start - self._column(begin) + offset, max(stop - start, 1)

    def _column(self, index: int) -> int:
        return self.edges[min(index - self.first, len(self.cells))]


def split_lines(text: str) -> list[str]:
    """The lines of `text` as positions count them; one more than there are line breaks."""
    return _LINE_BREAK.split(text)


def gutter_width(marks: Sequence[Mark]) -> int:
    """How many digits the highest line number of an excerpt has."""
    return max((len(str(mark.span.end.line)) for mark in marks), default=1)


def excerpt(marks: Sequence[Mark], lines: Sequence[str], layout: Layout) -> Iterator[str]:
    """The rows of one block: the place of the first mark, then all marked lines of its file in order.

    `lines` are those of the file, as `split_lines` gives them. A mark beyond them is left out, but not its label.
    """
    at = marks[0].span
    place = layout.paint(" " * layout.gutter + " ┌─", Colour.FRAME)
    yield f"{place} {shown(at.file)}:{at.start.line}:{at.start.column}"
    block = _Block(lines, layout)
    for mark in marks:
        block.add(mark)
    yield from block.rows()
    for mark in marks:
        if mark.label and _inside(mark.span, lines) is None:
            yield layout.row("", shown(mark.label))


class _Block:
    """The marked lines of one file. `bracketed` are the lines that a mark over several of them covers."""

    def __init__(self, lines: Sequence[str], layout: Layout) -> None:
        self.lines = lines
        self.layout = layout
        self.segments: dict[int, list[_Segment]] = {}
        self.bracketed = range(0)

    def add(self, mark: Mark) -> None:
        """Take in a mark; of one over several lines only the first is shown unless it is the primary one."""
        inside = _inside(mark.span, self.lines)
        if inside is None:
            return
        start, end = inside
        if mark.is_primary and start.line < end.line:
            self.bracketed = range(start.line, end.line + 1)
        for number, segment in _segments(mark, start, end, self.lines):
            self.segments.setdefault(number, []).append(segment)

    def rows(self) -> Iterator[str]:
        numbers = sorted(self.segments)
        if numbers:
            yield self.layout.row("", "")
        for before, number in zip([None, *numbers], numbers, strict=False):
            yield from self._between(before or number - 1, number)
            yield from self._marked(number)

    def _between(self, before: int, after: int) -> Iterator[str]:
        """The one line that lies between two others, or a dot for more than one."""
        left_out = after - before - 1
        if left_out == 1:
            line = _Line(self.lines[before], around=0)
            yield self._row(before + 1, line.text(*line.window(0, 0, self.layout.room)))
        elif left_out > 1:
            yield self.layout.row("·", self._bracket(before + 1))

    def _marked(self, number: int) -> Iterator[str]:
        """A line with its underlines; if it is too long for the screen, anew for each of them."""
        room = self.layout.room
        ordered = sorted(self.segments[number], key=lambda segment: (segment.start, segment.end))
        for index, segment in enumerate(ordered):
            line = _Line(self.lines[number - 1], around=segment.start)
            window = line.window(segment.start, segment.end, room)
            if index == 0 or not line.fits(room):
                yield self._row(number, line.text(*window))
            for row in _underline(segment, *line.columns(segment, *window), self.layout):
                yield self.layout.row("", self._bracket(number, is_below=True) + row)

    def _row(self, number: int, content: str) -> str:
        return self.layout.row(str(number), self._bracket(number) + content)

    def _bracket(self, number: int, *, is_below: bool = False) -> str:
        """The piece of the bracket that stands before a line, or before its underline."""
        if not self.bracketed:
            return ""
        if number == self.bracketed[0] and not is_below:
            return "╭ "
        if number == self.bracketed[-1]:
            return "  " if is_below else "╰ "
        return "│ " if number in self.bracketed else "  "


def _inside(span: Span, lines: Sequence[str]) -> tuple[Position, Position] | None:
    """Where the span really lies in the text: no line beyond its last, no blank end, never backwards."""
    start, end = span.start, max(span.start, span.end)
    if not 1 <= start.line <= len(lines):
        return None
    if end.line > len(lines):
        end = Position(len(lines), len(lines[-1]) + 1)
    while end.line > start.line and not lines[end.line - 1][: end.column - 1].strip():
        end = Position(end.line - 1, len(lines[end.line - 2]) + 1)
    return start, end


def _segments(mark: Mark, start: Position, end: Position, lines: Sequence[str]) -> Iterator[tuple[int, _Segment]]:
    """The parts of a mark with their lines: the only line, or the first, then the last with the label."""
    first, last = lines[start.line - 1], lines[end.line - 1]
    begin = min(max(start.column - 1, 0), len(first))
    if start.line == end.line:
        yield start.line, _Segment(begin, max(begin, min(end.column - 1, len(first))), mark.label, mark)
        return
    yield start.line, _Segment(begin, len(first), "" if mark.is_primary else mark.label, mark)
    if not mark.is_primary:
        return
    indent = len(last) - len(last.lstrip())
    yield end.line, _Segment(indent, max(indent, min(end.column - 1, len(last))), mark.label, mark)


def _underline(segment: _Segment, column: int, width: int, layout: Layout) -> Iterator[str]:
    """The row with the underline, and the label beside it or, if there is no room, below it."""
    mark = segment.mark
    drawn = " " * column + layout.paint(("^" if mark.is_primary else "-") * width, mark.colour)
    label = shown(segment.label)
    if not label or column + width + 1 + display_width(label) <= layout.room:
        yield f"{drawn} {layout.paint(label, mark.colour)}"
        return
    yield drawn
    indent = min(column, max(layout.room - max(_LABEL_NEEDS, display_width(label)), 0))
    for line in wrapped(label, layout.room - indent):
        yield " " * indent + layout.paint(line, mark.colour)
