"""Diagnostics as a JUnit report, which most CI systems show without more ado."""

from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from mlopsctl.diagnostics import Diagnostic, Severity
from mlopsctl.report.display import shown
from mlopsctl.report.text import render_diagnostic

_NO_FILE = "project"
_WIDTH = 100


def render(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str]) -> str:
    """A test suite for each file, sound ones too; an error is a failed test, a warning a passed one with output."""
    by_file: dict[str, list[Diagnostic]] = {file: [] for file in sources}
    for found in diagnostics:
        by_file.setdefault(found.span.file if found.span else _NO_FILE, []).append(found)
    root = Element("testsuites", name="mlopsctl validate")
    for file, findings in sorted(by_file.items()):
        _suite(root, file, findings, sources)
    for count in ("tests", "failures"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _suite(root: Element, file: str, findings: list[Diagnostic], sources: Mapping[str, str]) -> None:
    failures = sum(found.severity is Severity.ERROR for found in findings)
    name = shown(file)
    suite = SubElement(root, "testsuite", name=name, tests=str(len(findings) or 1), failures=str(failures))
    for found in findings:
        _case(suite, name, found, sources)
    if not findings:
        SubElement(suite, "testcase", classname=name, name="is valid")


def _case(suite: Element, file: str, found: Diagnostic, sources: Mapping[str, str]) -> None:
    message = shown(found.message)
    at = f" at line {found.span.start.line}" if found.span else ""
    case = SubElement(suite, "testcase", classname=file, name=f"{found.code}{at}: {message}")
    if found.severity is Severity.ERROR:
        output = SubElement(case, "failure", type=found.code, message=message)
    else:
        output = SubElement(case, "system-out")
    output.text = render_diagnostic(found, sources, colour=False, width=_WIDTH)
