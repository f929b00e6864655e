"""Diagnostics as SARIF 2.1.0, which code hosts keep and follow from commit to commit."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from mlopsctl.diagnostics import Diagnostic, Explanation, Related, Severity, Span
from mlopsctl.report.excerpt import split_lines
from mlopsctl.report.json_output import dumped

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "PROJECTROOT"


def render(
    diagnostics: Iterable[Diagnostic],
    sources: Mapping[str, str],
    *,
    explanations: Mapping[str, Explanation],
    version: str,
) -> str:
    """A log with one run; its rules are the codes that were found, with what `explanations` says of them.

    `version` is that of mlopsctl.
    """
    found = list(diagnostics)
    codes = sorted({one.code for one in found})
    rules = [_rule(code, explanations.get(code)) for code in codes]
    driver = {"name": "mlopsctl", "semanticVersion": version, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the project"}}},
        "results": _results(found, sources, codes),
    }
    return dumped({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(code: str, explanation: Explanation | None) -> dict[str, Any]:
    if explanation is None:
        return {"id": code}
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in explanation.name.split("_")),
        "shortDescription": {"text": explanation.text.partition("\n")[0]},
        "help": {"text": explanation.text},
        "defaultConfiguration": {"level": _level(explanation.severity)},
    }


def _results(found: Sequence[Diagnostic], sources: Mapping[str, str], codes: Sequence[str]) -> list[dict[str, Any]]:
    lines = {file: split_lines(text) for file, text in sources.items()}
    seen: Counter[str] = Counter()
    results = []
    for one in found:
        fingerprint = _fingerprint(one, lines)
        seen[fingerprint] += 1
        results.append(_result(one, codes.index(one.code), f"{fingerprint}:{seen[fingerprint]}"))
    return results


def _result(found: Diagnostic, rule: int, fingerprint: str) -> dict[str, Any]:
    lines = [found.message, found.label, *found.notes, *(f"help: {text}" for text in found.helps)]
    return {
        "ruleId": found.code,
        "ruleIndex": rule,
        "level": _level(found.severity),
        "message": {"text": "\n".join(line for line in lines if line)},
        "locations": [{"physicalLocation": _physical(found.span)}] if found.span else [],
        "relatedLocations": [_related(number, related) for number, related in enumerate(found.related)],
        "partialFingerprints": {"codeAndLine/v1": fingerprint},
    }


def _related(number: int, related: Related) -> dict[str, Any]:
    return {"id": number, "physicalLocation": _physical(related.span), "message": {"text": related.label}}


def _physical(span: Span) -> dict[str, Any]:
    return {
        "artifactLocation": {"uri": quote(span.file, errors="surrogatepass"), "uriBaseId": _ROOT},
        "region": {
            "startLine": span.start.line,
            "startColumn": span.start.column,
            "endLine": span.end.line,
            "endColumn": span.end.column,
        },
    }


def _fingerprint(found: Diagnostic, sources: Mapping[str, Sequence[str]]) -> str:
    """The same as long as the faulty line says the same, wherever in its file it moves."""
    parts = [found.code, found.message]
    if found.span is not None:
        lines = sources.get(found.span.file, ())
        line = lines[found.span.start.line - 1].strip() if 0 < found.span.start.line <= len(lines) else ""
        parts = [found.code, found.span.file, line]
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()


def _level(severity: Severity) -> str:
    return "error" if severity is Severity.ERROR else "warning"
