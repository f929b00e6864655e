"""Diagnostics as workflow commands, which GitHub shows as annotations beside the changed lines."""

from collections.abc import Iterable, Iterator, Mapping

from mlopsctl.diagnostics import Diagnostic, Span
from mlopsctl.report.display import shown


def render(diagnostics: Iterable[Diagnostic], _: Mapping[str, str]) -> str:
    """One `::error` or `::warning` command a line."""
    return "".join(f"{_command(found)}\n" for found in diagnostics)


def _command(found: Diagnostic) -> str:
    properties = dict(_place(found.span)) if found.span else {}
    properties["title"] = found.code
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    lines = [found.message, found.label, *found.notes, *(f"help: {text}" for text in found.helps)]
    message = "\n".join(shown(row) for line in lines if line for row in line.split("\n"))
    return f"::{found.severity} {written}::{_data(message)}"


def _place(span: Span) -> Iterator[tuple[str, str]]:
    yield "file", span.file
    yield "line", str(span.start.line)
    is_one_line = span.start.line == span.end.line
    if is_one_line:  # GitHub drops an annotation that has columns and several lines
        yield "col", str(span.start.column)
    yield "endLine", str(span.end.line)
    if is_one_line:
        yield "endColumn", str(span.end.column)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(shown(text)).replace(":", "%3A").replace(",", "%2C")
