import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from mlopsctl.diagnostics import Diagnostic, Position, Related, Severity, Span
from mlopsctl.report.display import display_width, shown
from mlopsctl.report.excerpt import split_lines
from mlopsctl.report.text import render_diagnostics
from tests.unit.report.cases import CASES, NO_PLACE, SOURCES, UNKNOWN_STAGE


def render(*diagnostics: Diagnostic, colour: bool = False, width: int = 80) -> str:
    return render_diagnostics(diagnostics, SOURCES, colour=colour, width=width)


@pytest.mark.parametrize("name", CASES)
def test_each_case_reads_well(name: str, snapshot: SnapshotAssertion) -> None:
    assert render(CASES[name]) == snapshot


def test_all_together_end_with_what_they_come_to(snapshot: SnapshotAssertion) -> None:
    assert render(*CASES.values()).rpartition("\n\n")[2] == snapshot


def test_colour_only_adds_to_the_text(snapshot: SnapshotAssertion) -> None:
    coloured = render(UNKNOWN_STAGE, colour=True)
    assert coloured == snapshot
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(UNKNOWN_STAGE)


def test_nothing_found_is_nothing_said() -> None:
    assert render() == ""


@pytest.mark.parametrize("width", [40, 80, 200])
def test_source_and_remarks_keep_to_the_width(width: int) -> None:
    rows = [row for row in render(*CASES.values(), width=width).splitlines() if "│" in row or "= note" in row]
    assert max(map(display_width, rows)) <= width


def test_a_finding_without_a_place_counts_no_file() -> None:
    assert "1 warning\n" in render(NO_PLACE)


TEXTS = st.text(
    alphabet=st.one_of(
        st.sampled_from("ab: \t\n\r\x1b\x9b\x85\u2028\u202e日é́👩‍🚀\ufe0fᄒ\U000e0001\ud800"), st.characters()
    ),
    max_size=200,
)
POSITIONS = st.builds(Position, st.integers(0, 12), st.integers(0, 60))
FILES = st.sampled_from(["a.yaml", "b.yaml", "gone\x1b[31m.yaml"])
SPANS = st.builds(Span, FILES, POSITIONS, POSITIONS)
DIAGNOSTICS = st.builds(
    Diagnostic,
    code=st.just("MLO204"),
    severity=st.sampled_from(Severity),
    message=TEXTS,
    span=st.none() | SPANS,
    label=TEXTS,
    related=st.lists(st.builds(Related, SPANS, TEXTS), max_size=3).map(tuple),
    notes=st.lists(TEXTS, max_size=2).map(tuple),
    helps=st.lists(TEXTS, max_size=2).map(tuple),
)


@given(found=st.lists(DIAGNOSTICS, max_size=3), one=TEXTS, other=TEXTS, width=st.integers(0, 200))
def test_no_text_and_no_span_reaches_the_terminal_raw(
    found: list[Diagnostic], one: str, other: str, width: int
) -> None:
    printed = render_diagnostics(found, {"a.yaml": one, "b.yaml": other}, colour=False, width=width)
    assert all(row.isprintable() for row in printed.split("\n"))
    assert bool(printed) == bool(found)


@given(before=TEXTS, inside=TEXTS, after=TEXTS)
def test_the_underline_stands_below_the_span(before: str, inside: str, after: str) -> None:
    first, middle, last = (split_lines(part)[0] for part in (before, inside, after))
    start = Position(1, len(first) + 1)
    place = Span("a.yaml", start, Position(1, start.column + len(middle)))
    found = Diagnostic(code="MLO204", severity=Severity.ERROR, message="m", span=place)
    rows = render_diagnostics([found], {"a.yaml": first + middle + last}, colour=False, width=10_000).splitlines()
    source, underline = rows[3].removeprefix("1 │").removeprefix(" "), rows[4].removeprefix("  │ ")
    assert source == shown(first + middle + last).rstrip()
    assert underline == " " * display_width(shown(first)) + "^" * max(display_width(shown(middle)), 1)


@pytest.mark.parametrize("column", [1, 500_000, 1_000_001], ids=["start", "middle", "end"])
def test_of_a_huge_line_only_the_part_around_the_span_is_shown(column: int) -> None:
    line = "x" * (column - 1) + "y" + "x" * (1_000_000 - column)
    place = Span("a.yaml", Position(1, column), Position(1, column + 1))
    found = Diagnostic(code="MLO204", severity=Severity.ERROR, message="m", span=place)
    rows = render_diagnostics([found], {"a.yaml": line}, colour=False, width=80).splitlines()
    assert max(map(len, rows)) <= 80
    assert rows[3][rows[4].index("^")] == "y"
