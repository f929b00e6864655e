"""Diagnostics as JSON for programs; schemas/output/v1/diagnostics.json describes it."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mlopsctl.diagnostics import Diagnostic, Position, Severity, Span, has_errors

VERSION = 1


def render(diagnostics: Iterable[Diagnostic], _: Mapping[str, str]) -> str:
    """One JSON object: whether the input is valid, how many errors and warnings, and each of them."""
    found = list(diagnostics)
    errors = sum(one.severity is Severity.ERROR for one in found)
    return dumped(
        {
            "version": VERSION,
            "valid": not has_errors(found),
            "errors": errors,
            "warnings": len(found) - errors,
            "diagnostics": [diagnostic(one) for one in found],
        }
    )


def diagnostic(found: Diagnostic) -> dict[str, Any]:
    """One diagnostic; `file` and `range` are null if it has no place."""
    return {
        "code": found.code,
        "severity": str(found.severity),
        "message": found.message,
        **_place(found.span),
        "label": found.label,
        "related": [{**_place(related.span), "label": related.label} for related in found.related],
        "notes": list(found.notes),
        "helps": list(found.helps),
    }


def dumped(document: object) -> str:
    """JSON in ASCII with a line break at its end, so that it is whole in any encoding."""
    return json.dumps(document, indent=2) + "\n"


def _place(span: Span | None) -> dict[str, Any]:
    if span is None:
        return {"file": None, "range": None}
    return {"file": span.file, "range": {"start": _position(span.start), "end": _position(span.end)}}


def _position(position: Position) -> dict[str, int]:
    return {"line": position.line, "column": position.column}
