"""Diagnostics as people read them: what is wrong, the source lines with the place underlined, what to do."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from mlopsctl.diagnostics import Diagnostic, Severity
from mlopsctl.report.colour import Colour, Paint, painter
from mlopsctl.report.display import shown, wrapped
from mlopsctl.report.excerpt import NARROWEST, Layout, Mark, excerpt, gutter_width, split_lines
from mlopsctl.report.wording import counted

_COLOURS = {Severity.ERROR: Colour.ERROR, Severity.WARNING: Colour.WARNING}


def render_diagnostics(
    diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], *, colour: bool, width: int
) -> str:
    """All of them in the order given, then how many there are and how to learn more; empty if there are none.

    `sources` has the text of each file under the name that spans use; a file that is not there is only named.
    `width` is in columns. The first line of each diagnostic is never wrapped, so that it can be searched for.
    """
    found = list(diagnostics)
    paint = painter(colour=colour)
    if not found:
        return ""
    lines = _lines(found, sources)
    blocks = ["\n".join(_diagnostic(one, lines, paint=paint, width=width)) for one in found]
    return "\n\n".join([*blocks, "\n".join(_footer(found, paint, width))]) + "\n"


def render_diagnostic(found: Diagnostic, sources: Mapping[str, str], *, colour: bool, width: int) -> str:
    """One of them alone, without a line break at its end."""
    return "\n".join(_diagnostic(found, _lines([found], sources), paint=painter(colour=colour), width=width))


def _lines(found: Iterable[Diagnostic], sources: Mapping[str, str]) -> dict[str, list[str]]:
    """The lines of each file that is named; none of one whose text isn't known."""
    files = {mark.span.file for one in found for mark in _marks(one)}
    return {file: split_lines(sources[file]) if file in sources else [] for file in files}


def _diagnostic(found: Diagnostic, lines: Mapping[str, Sequence[str]], *, paint: Paint, width: int) -> Iterator[str]:
    marks = list(_marks(found))
    layout = Layout(paint, width, gutter_width(marks))
    kind = paint(f"{found.severity}[{found.code}]", _COLOURS[found.severity])
    yield kind + paint(f": {shown(found.message)}", Colour.STRONG)
    for block in _by_file(marks):
        yield from excerpt(block, lines[block[0].span.file], layout)
    remarks = [("note", note) for note in found.notes] + [("help", text) for text in found.helps]
    if marks and remarks:
        yield layout.row("", "")
    for word, remark in remarks:
        yield from _remark(word, remark, layout)


def _marks(found: Diagnostic) -> Iterator[Mark]:
    if found.span is not None:
        yield Mark(found.span, found.label, _COLOURS[found.severity], is_primary=True)
    for related in found.related:
        yield Mark(related.span, related.label, Colour.FRAME, is_primary=False)


def _by_file(marks: Sequence[Mark]) -> list[list[Mark]]:
    """One block for each file, in the order in which the files are first named."""
    order = list(dict.fromkeys(mark.span.file for mark in marks))
    ranked = sorted(marks, key=lambda mark: order.index(mark.span.file))
    return [list(block) for _, block in groupby(ranked, key=lambda mark: mark.span.file)]


def _remark(word: str, text: str, layout: Layout) -> Iterator[str]:
    head = " " * (layout.gutter + 1)
    room = max(layout.width - len(head) - len("= note: "), NARROWEST)
    lines = [row for line in text.split("\n") for row in wrapped(shown(line), room)]
    yield f"{head}{layout.paint('=', Colour.FRAME)} {layout.paint(f'{word}:', Colour.STRONG)} {lines[0]}".rstrip()
    for line in lines[1:]:
        yield f"{head}        {line}".rstrip()


def _footer(found: Sequence[Diagnostic], paint: Paint, width: int) -> Iterator[str]:
    counts = [
        counted(sum(one.severity is severity for one in found), severity)
        for severity in Severity
        if any(one.severity is severity for one in found)
    ]
    files = {one.span.file for one in found if one.span is not None}
    places = f" in {counted(len(files), 'file')}" if files else ""
    yield paint(", ".join(counts) + places, Colour.STRONG)
    first, *others = sorted({one.code for one in found})
    rest = f" (or {', '.join(others)})" if others else ""
    yield from wrapped(f"For more: mlopsctl explain {first}{rest}", max(width, NARROWEST))
